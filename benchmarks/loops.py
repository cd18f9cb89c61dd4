"""What `garble.loops` finds in looped text of every layout, what it costs in other text, and how fast it is.

    python -m benchmarks.loops --data DIR [--share 0.25]

DIR is the project's data folder, of which dev/loops, dev/panel2 and dev/human are read; nothing is fitted. Other
people's rules judge the same rows where they are installed (`pip install "datatrove[processing]" spacy opusfilter
dolma`). Writes results/loops.json and the tables of README.md; the text around the tables stays.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import PEERS, has_olmo_spans, zlib_ratio
from benchmarks.quality.material import kind_of, marked, sampled
from benchmarks.quality.statistics import resample, summary
from benchmarks.quality.tables import HERE, publish, table
from garble import LoopGuard, __version__, loops
from garble.scorer import Scorer
from garble.text.periodic import looped_share
from garble.text.segmentation import segment
from garble.training.data import Record, read_records

RESULTS = HERE / "results" / "loops.json"

# A document is called looped where so much of it lies in loops beyond their first turns.
LOOPED = 0.1
# Documents of which loops make so much, in words, must be called so.
MUCH = 0.2
# Whisper takes a segment that zlib makes smaller than by this for a loop.
WHISPER = 2.4
# Megabytes of each text whose speed is measured: the growth is the time of the last over that of the first.
SIZES = (1.0, 8.0)
TURNS = 3
# Tokens of a stream, as a language model gives them, are about so many characters.
STREAMED = 4

Spans = list[tuple[int, int]]


class System(NamedTuple):
    """verdict: whether a document is looped. spans: what it takes for a loop; None where it judges documents only.

    slow: too slow for the long documents of the panel.
    """

    note: str
    verdict: Callable[[str], bool]
    spans: Callable[[str], Spans] | None = None
    slow: bool = False


def garble_spans(text: str) -> Spans:
    """The loops, first turns and all."""
    return [(loop.start, loop.end) for loop in loops(text)]


def is_looped(text: str) -> bool:
    """Whether loops beyond their first turns make a tenth of the text."""
    return looped_share(loops(text), len(text)) >= LOOPED


def product(reader: str) -> System:
    """All of garble: sentences flagged at `balanced` for any reason, and its verdict on documents."""
    # Verdict and spans of a text are asked one after the other.
    report = lru_cache(maxsize=1)(Scorer("en", reader=reader).score)

    def spans(text: str) -> Spans:
        return [(sentence.start, sentence.end) for sentence in report(text).sentences if sentence.garbled]

    note = f"`garble.Scorer` with reader={reader!r}: sentences flagged for any reason; documents by its own verdict"
    return System(note, lambda text: report(text).garbled, spans)


def systems() -> dict[str, System]:
    """garble, and the rules that are installed."""
    olmo = PEERS["OLMo's n-gram rule"]
    found = {
        "garble.loops": System(
            f"a document where {LOOPED:.0%} of it lies in loops beyond the first turn", is_looped, garble_spans
        ),
        "garble.Scorer, off": product("off"),
        "garble.Scorer, unsure": product("unsure"),
        "zlib ratio above 2.4": System("Whisper's rule, on whole documents", lambda text: zlib_ratio(text) > WHISPER),
        "OLMo's n-gram rule": System(olmo.note, has_olmo_spans, olmo.spans),
    }
    if (dolma := PEERS["dolma repetitions"]).installed and dolma.spans:
        note = "dolma's regular expression; a document where a tenth of it is repetition"
        found["dolma repetitions"] = System(note, lambda text: dolma.score(text) >= LOOPED, dolma.spans, slow=True)
    if (gopher := PEERS["datatrove Gopher repetition"]).installed and gopher.verdict:
        found["datatrove Gopher repetition"] = System("documents by its own verdict", gopher.verdict)
    if (opus := PEERS["OpusFilter repetition"]).installed:
        found["OpusFilter repetition"] = System("its default of two repetitions", lambda text: opus.score(text) >= 2)
    return found


# What is measured.


def groups(record: Record) -> list[tuple[str, str]]:
    """The rows of the tables that a looped document counts for."""
    made = record["kind"] == "synthetic"
    whose = "made" if made else "real"
    words = int(record["unit_words"] if made else record["period"])
    found = [
        ("all", f"{whose}, all"),
        ("layout", f"{whose}, {record['layout']}"),
        ("unit", f"{whose}, {band(words, (1, 2, 4, 8, 16, 32))} words"),
    ]
    if made:
        found += [
            ("period", f"made, {record['period']} sentences"),
            ("copies", f"made, {band(record['copies'], (3, 4, 8, 16))} copies"),
        ]
    else:
        found.append(("kind", f"real, {record['kind']}"))
    return found


def band(value: int, edges: Sequence[int]) -> str:
    """The range between two edges that the value lies in."""
    for low, high in zip((0, *edges), edges, strict=False):
        if value <= high:
            return str(high) if high == low + 1 else f"{low + 1} to {high}"
    return f"{edges[-1] + 1} and more"


def on_loops(system: System, records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """By row of the tables: looped characters found, documents with much loop called looped; clean twins flagged."""
    looped = [record for record in records if record["label"]]
    gold = [marked(len(record["text"]), record["spans"]) for record in looped]
    size = np.array([int(mask.sum()) for mask in gold], float)
    verdicts, hit = np.zeros(len(looped), bool), np.zeros(len(looped))
    for place, (record, mask) in enumerate(zip(looped, gold, strict=True)):
        verdicts[place] = system.verdict(record["text"])
        if system.spans:
            hit[place] = int((mask & marked(len(mask), system.spans(record["text"]))).sum())
    much = np.array([record["share"] >= MUCH for record in looped])
    member: dict[tuple[str, str], list[int]] = {}
    for place, record in enumerate(looped):
        for key in groups(record):
            member.setdefault(key, []).append(place)
    figures: dict[str, dict[str, Any]] = {}
    for (sort, name), places in member.items():
        some = np.array(places)
        clusters = [str(looped[place]["doc"]) for place in places]
        row = {"sort": sort, "documents": len(some), "much": int(much[some].sum())}
        if system.spans:
            row["characters"] = shared(hit[some], size[some], clusters)
        if much[some].any():
            row["called"] = shared(verdicts[some] * much[some] * 1.0, much[some] * 1.0, clusters)
        figures[name] = row
    return figures


def shared(part: NDArray[Any], whole: NDArray[Any], clusters: Sequence[str]) -> dict[str, float]:
    """A share with its interval."""
    weights = resample(clusters)
    return summary((weights @ part) / np.maximum(weights @ whole, 1e-9))


def flagged(system: System, record: Record) -> bool:
    """Whether it says anything at all against the text, the strictest reading of a false alarm."""
    return bool(system.spans(record["text"])) if system.spans else system.verdict(record["text"])


def on_clean(system: System, records: Sequence[Record]) -> dict[str, Any]:
    """Documents in which any loop is seen, and called looped."""
    found = [(flagged(system, record), system.verdict(record["text"])) for record in records]
    flags, calls = (sum(column) for column in zip(*found, strict=True)) if found else (0, 0)
    return {"documents": len(records), "flagged": flags, "called": calls}


def sentences_flagged(records: Sequence[Record]) -> dict[str, int]:
    """Sentences that a loop touches, and all."""
    hit = total = 0
    for record in records:
        spans = garble_spans(record["text"])
        sentences = segment(record["text"]).sentences.tolist()
        total += len(sentences)
        hit += sum(any(start < last and first < end for start, end in spans) for first, last in sentences)
    return {"sentences": total, "touched": hit}


def by_kind(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records of each kind of text."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(kind_of(record), []).append(record)
    return found


# Speed.


def hostile(prose: str) -> dict[str, Callable[[int], str]]:
    """Texts of a given number of characters, on which what is not linear shows."""
    rng = Random(0)
    article, paragraph = prose[:6000], prose[:600]

    def over(piece: str) -> Callable[[int], str]:
        return lambda size: (piece * (size // len(piece) + 1))[:size]

    def thue_morse(size: int) -> str:
        return " ".join("ab"[bin(place).count("1") % 2] for place in range(size // 2))

    return {
        "prose": lambda size: prose[:size],
        "one word: no no no": over("no "),
        "a paragraph again and again": over(paragraph + "\n"),
        "an article again and again": over(article + "\n"),
        "subtitles, all the same": over("12\n00:00:01,000 --> 00:00:02,000\nThank you.\n\n"),
        "a Chinese sentence again and again": over("这是一个问题。"),
        "no space: one letter": over("x"),
        "no space: abc": over("abc"),
        "quotation marks": over('"'),
        "numbers": over("1 2 3 "),
        "loops within a loop": over(("go on " * 20 + "home ") * 50 + "stop "),
        "every word six times": lambda size: "".join(f"w{place} " * 6 for place in range(size // 42))[:size],
        "one letter words at random": lambda size: " ".join(rng.choices("ab", k=size // 2)),
        "the Thue-Morse word": thue_morse,
    }


def seconds(call: Callable[[], object]) -> float:
    """The least of some turns, in processor time: what else the machine does does not count."""
    spent = []
    for _ in range(TURNS):
        begin = time.process_time()
        call()
        spent.append(time.process_time() - begin)
    return min(spent)


def speeds(prose: str) -> dict[str, dict[str, float]]:
    """Megabytes a second of each text, and how many times its share of time the long one takes."""
    found = {}
    for name, make in hostile(prose).items():
        texts = [make(int(size * 1e6)) for size in SIZES]
        spent = [seconds(lambda text=text: loops(text)) for text in texts]  # type: ignore[misc]
        sizes = [len(text.encode()) / 1e6 for text in texts]
        rates = [size / second for size, second in zip(sizes, spent, strict=True)]
        found[name] = {"mb_s": round(rates[-1], 1), "growth": round(rates[0] / rates[-1], 2)}
    return found


def guard_speed(prose: str) -> float:
    """Thousand characters a second that a guard takes in, a token at a time."""
    text = prose[:400_000]

    def feed() -> None:
        guard = LoopGuard()
        for start in range(0, len(text), STREAMED):
            guard.feed(text[start : start + STREAMED])

    return len(text) / 1e3 / seconds(feed)


def run(data: Path, share: float) -> dict[str, Any]:
    """Measure everything, on a share of the documents of each set."""
    names = ("loops", "panel2", "human")
    dev = {name: sampled(read_records(data / "dev" / f"{name}.jsonl.xz"), share) for name in names}
    twins = [record for record in dev["loops"] if not record["label"]]
    prose = "\n\n".join(record["text"] for record in dev["human"])
    prose *= int(max(SIZES) * 1e6 / len(prose)) + 1
    found: dict[str, Any] = {}
    for name, system in systems().items():
        found[name] = {
            "note": system.note,
            "loops": on_loops(system, dev["loops"]),
            "twins": on_clean(system, twins),
        }
        if not system.slow:
            found[name] |= {panel: on_clean(system, dev[panel]) for panel in ("panel2", "human")}
        print(name, found[name]["twins"], found[name].get("panel2"), flush=True)
    panels = {
        kind: {**on_clean(systems()["garble.loops"], records), **sentences_flagged(records)}
        for kind, records in sorted(by_kind(dev["panel2"]).items())
    }
    return {
        "date": date.today().isoformat(),
        "share": share,
        "version": __version__,
        "systems": found,
        "panel2": panels,
        "speed": speeds(prose),
        "guard": round(guard_speed(prose)),
    }


# Tables.


def percent(figure: Mapping[str, float] | None) -> str:
    """A share with its interval, in per cent."""
    if figure is None:
        return "–"
    return f"{figure['value']:.1%} ({figure['low'] * 100:.1f} to {figure['high']:.1%})".replace("%", " %")


def found_table(systems: Mapping[str, Any], sorts: Sequence[str], name: str = "garble.loops") -> str:
    """Characters found and documents called looped, a row a group."""
    rows = [("", "documents", "looped characters found", f"with {MUCH:.0%} of loop or more", "of them called looped")]
    for sort in sorts:
        own = [(group, row) for group, row in systems[name]["loops"].items() if row["sort"] == sort]
        for group, row in sorted(
            own, key=lambda item: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", item[0])]
        ):
            rows.append(
                (
                    group,
                    str(row["documents"]),
                    percent(row.get("characters")),
                    str(row["much"]),
                    percent(row.get("called")),
                )
            )
    return table(rows)


def flagged_share(found: Mapping[str, int] | None) -> str:
    """The documents that were flagged."""
    return "–" if found is None else f"{found['flagged'] / found['documents'] * 100:.2f} %"


def systems_table(systems: Mapping[str, Any]) -> str:
    """All systems on all rows together."""
    rows: list[tuple[str, ...]] = [
        (
            "",
            "made: characters",
            "made: documents",
            "real: characters",
            "real: documents",
            "clean twins",
            "panel2",
            "human",
        )
    ]
    for name, found in systems.items():
        made, real = found["loops"]["made, all"], found["loops"]["real, all"]
        costs = [flagged_share(found.get(key)) for key in ("twins", "panel2", "human")]
        rows.append(
            (
                name,
                percent(made.get("characters")),
                percent(made["called"]),
                percent(real.get("characters")),
                percent(real["called"]),
                *costs,
            )
        )
    return table(rows)


def rendered(results: Mapping[str, Any]) -> dict[str, str]:
    """By marker, what stands between the marks of README.md."""
    systems = results["systems"]
    notes = "\n".join(f"- {name}: {found['note']}." for name, found in systems.items())
    panel = [("kind", "documents", "flagged", "called looped", "sentences", "touched")]
    for kind, row in results["panel2"].items():
        panel.append((kind, *(str(row[key]) for key in ("documents", "flagged", "called", "sentences", "touched"))))
    speed = [("text", "MB/s", f"growth from {SIZES[0]:.0f} to {SIZES[-1]:.0f} MB")]
    for name, row in results["speed"].items():
        speed.append((name, f"{row['mb_s']:.1f}", f"{row['growth']:.2f}"))
    part = "" if results.get("share", 1) == 1 else f", on {100 * results['share']:g} % of the documents of each set"
    head = f"Measured on {results['date']}{part}."
    guard = f"A `LoopGuard` takes in {results['guard']} thousand characters a second, {STREAMED} at a time."
    return {
        "loops": f"{head}\n\n{notes}\n\n{systems_table(systems)}",
        "loops-by": found_table(systems, ("layout", "kind", "period", "unit", "copies")),
        "loops-cost": table(panel),
        "loops-speed": f"{table(speed)}\n\n{guard}",
    }


def main() -> None:
    """Measure, and write the results and the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="of the documents of each set")
    given = parser.parse_args()
    results = run(given.data, given.share)
    parts = rendered(results)
    publish(RESULTS, results, parts)
    print(parts["loops"], parts["loops-speed"], sep="\n\n")


if __name__ == "__main__":
    main()
