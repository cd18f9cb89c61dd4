"""How fast garble is, beside what else stands in such a pipeline, on one core and in one run.

    python -m benchmarks.speed --data DIR

DIR is the project's data folder; its human texts (dev and fit) are the documents. Every figure is taken in a process of
its own, pinned to one core where that is what is measured, and the processes take turns, A B A B, so that what else
the machine does falls on all alike: read the ratios, not the megabytes. Peers are measured in a virtual environment of
their own, made by this script (it takes the network and a C++ compiler for KenLM); `--without-peers` leaves them out.
Writes results/speed.json, two pictures (with matplotlib), and the tables of README.md in this folder.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "speed.json"
PEERS = ("datatrove[processing]", "spacy", "kenlm", "sentencex", "langdetect")
# Megabytes of text in one turn; slow peers get a part of it.
TURN = 6.0
TURNS = 5
# These are given sentences, not documents.
BY_SENTENCE = ("garble, score_sentences", "KenLM word trigram")
# Megabytes that `garble filter` reads.
CORPUS = 24.0
# What loads the profiles of languages, which is done once.
FOREIGN = "Die Kapitäne der kleinen Schiffe warten seit Wochen auf den Bagger, der den Hafen wieder tief machen soll."
ALL_FLAGGED = "the same sentence again and again"
Measured = dict[str, float]


def human(data: Path, megabytes: float) -> list[str]:
    """Human documents of about that size together, every file of the data's human texts having its share."""
    texts: list[str] = []
    for name in ("dev/human.jsonl.xz", "fit/human.jsonl.xz"):
        size = 0.0
        with lzma.open(data / name, "rt", encoding="utf-8") as lines:
            for line in lines:
                text = json.loads(line)["text"]
                texts.append(text)
                size += len(text.encode()) / 1e6
                if size > megabytes / 2:
                    break
    return texts


# --- what is measured: each gives a function of texts, and is imported only in the process that measures it


def full_scoring() -> Callable[[list[str]], object]:
    """Segmentation, signals, both directions of the language model, scorecard, spans of what is flagged, reports."""
    from garble import Scorer

    scorer = Scorer(reader="off")
    scorer.score(FOREIGN)
    return lambda texts: sum(report.garbled for report in scorer.score_many(texts))


def sentences_only() -> Callable[[list[str]], object]:
    """`score_sentences` of the same sentences; parting them is not timed."""
    from garble import Scorer

    scorer = Scorer(reader="off")
    return lambda texts: scorer.score_sentences(texts)


def gopher_repetition() -> Callable[[list[str]], object]:
    """Datatrove's Gopher repetition filter."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import GopherRepetitionFilter

    rules = GopherRepetitionFilter()
    return lambda texts: [rules.filter(Document(text=text, id="")) for text in texts]


def gopher_quality() -> Callable[[list[str]], object]:
    """Datatrove's Gopher quality filter."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import GopherQualityFilter

    rules = GopherQualityFilter()
    return lambda texts: [rules.filter(Document(text=text, id="")) for text in texts]


def kenlm_trigram() -> Callable[[list[str]], object]:
    """A KenLM word trigram asked from Python, a perplexity a sentence; parting them is not timed."""
    import kenlm

    model = kenlm.Model(os.environ["GARBLE_ARPA"])
    return lambda sentences: [model.perplexity(sentence) for sentence in sentences]


def zlib_ratio() -> Callable[[list[str]], object]:
    """Zlib of each text."""
    import zlib

    return lambda texts: [len(zlib.compress(text.encode())) for text in texts]


def sentence_splitting() -> Callable[[list[str]], object]:
    """Sentencex alone."""
    from sentencex import get_sentence_boundaries

    return lambda texts: [list(get_sentence_boundaries("en", text)) for text in texts]


def language_identification() -> Callable[[list[str]], object]:
    """langdetect, once a text."""
    from langdetect import DetectorFactory, detect

    DetectorFactory.seed = 0
    return lambda texts: [detect(text) for text in texts if any(c.isalpha() for c in text)]


# What is measured, with the part of a turn that it gets, and whether it needs the peers' environment.
SYSTEMS: dict[str, tuple[Callable[[], Callable[[list[str]], object]], float, bool]] = {
    "garble, full scoring": (full_scoring, 1.0, False),
    "garble, score_sentences": (sentences_only, 1.0, False),
    "KenLM word trigram": (kenlm_trigram, 1.0, True),
    "datatrove Gopher repetition": (gopher_repetition, 0.2, True),
    "datatrove Gopher quality": (gopher_quality, 0.2, True),
    "langdetect": (language_identification, 0.04, True),
    "sentencex": (sentence_splitting, 1.0, True),
    "zlib": (zlib_ratio, 1.0, False),
}


def strange(texts: list[str], megabytes: float) -> dict[str, str]:
    """Inputs that have broken filters; the last, in which every sentence is flagged, is a tenth as large."""
    size = int(megabytes * 1e6)
    # In ASCII, as other characters take up to four times the memory in the text itself.
    paragraphs = [text.encode("ascii", "ignore").decode() for text in texts]
    times = size // sum(map(len, paragraphs)) + 1
    return {
        "one document": ("\n\n".join(paragraphs * times))[:size],
        "one line": (" ".join(" ".join(paragraphs * times).split()))[:size],
        '"no " again and again': "no " * (size // 3),
        "no space": "abcdefghij" * (size // 10),
        "quotes": '"' * size,
        ALL_FLAGGED: "The harbour master said that the dredger would come in May. " * (size // 600),
    }


# --- in the process that measures


def measure(name: str, path: Path) -> Measured:
    """Seconds of processor and peak memory of one turn on one core, after a short one that warms up."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts: list[str] = json.loads(path.read_text("utf-8"))
    work = SYSTEMS[name][0]()
    # A tenth of the documents first, or the head of the only one: what is loaded once is not timed.
    work(texts[::10] if len(texts) > 1 else [texts[0][:100_000]])
    # What was held in reading the texts is no part of it.
    Path("/proc/self/clear_refs").write_text("5")
    begun = time.process_time()
    work(texts)
    seconds = time.process_time() - begun
    size = sum(len(text.encode()) for text in texts) / 1e6
    return {"seconds": seconds, "mb": size, "peak_mb": peak()}


def peak() -> float:
    """Megabytes of memory that this process held at most; `getrusage` tells of the one that began it as well."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


# --- in the process that asks


def asked(python: str, name: str, texts: Path, **environment: str) -> Measured:
    """One turn of a system, in a process of its own."""
    command = [python, __file__, "--measure", name, "--texts", str(texts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def rate(turns: list[Measured]) -> float:
    """The median megabytes a second."""
    return median(turn["mb"] / turn["seconds"] for turn in turns)


def arpa(data: Path, path: Path) -> None:
    """A trigram model in ARPA form, as large as a real one; what it says of a text is no matter here."""
    counts: list[Counter[tuple[str, ...]]] = [Counter(), Counter(), Counter()]
    with lzma.open(data / "lm" / "un.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            words = ["<s>", *json.loads(line)["text"].split(), "</s>"]
            for n, count in enumerate(counts, start=1):
                count.update(zip(*(words[i:] for i in range(n)), strict=False))
    counts[0]["<unk>",] = 1
    grams = [sorted(count) for count in counts]
    with path.open("w", encoding="utf-8") as file:
        file.write("\\data\\\n" + "".join(f"ngram {n}={len(rows)}\n" for n, rows in enumerate(grams, start=1)))
        for n, rows in enumerate(grams, start=1):
            backoff = "\t-0.3" if n < 3 else ""
            file.write(f"\n\\{n}-grams:\n" + "".join(f"-2.0\t{' '.join(gram)}{backoff}\n" for gram in rows))
        file.write("\n\\end\\\n")


def peers_python(folder: Path) -> str:
    """The interpreter of a fresh environment that holds the peers."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "-q", *PEERS], check=True)
    return str(folder / "bin" / "python")


def throughput(texts: list[str], folder: Path, python: str | None, model: str) -> dict[str, Any]:
    """Megabytes a second of every system, turn by turn."""
    turns: dict[str, list[Measured]] = {}
    for name, (_, part, is_peer) in SYSTEMS.items():
        some = texts[:: round(1 / part)]
        if name in BY_SENTENCE:
            some = [line for text in some for line in sentences_of(text)]
        (folder / f"{name}.json").write_text(json.dumps(some), "utf-8")
        if python or not is_peer:
            turns[name] = []
    for _ in range(TURNS):
        for name in turns:
            interpreter = python if SYSTEMS[name][2] and python else sys.executable
            turns[name].append(asked(interpreter, name, folder / f"{name}.json", GARBLE_ARPA=model))
    rates = {name: [rate([turn]) for turn in taken] for name, taken in turns.items()}
    return {
        name: {
            "mb_per_s": median(rates[name]),
            "peak_mb": max(turn["peak_mb"] for turn in taken),
            "over full scoring": apart(rates[name], rates["garble, full scoring"]),
        }
        for name, taken in turns.items()
    }


def sentences_of(text: str) -> Iterator[str]:
    """The sentences of a text."""
    from garble.text.segmentation import segment

    return (text[start:end] for start, end in segment(text).sentences.tolist())


def growth(texts: list[str], folder: Path, sizes: list[float]) -> dict[str, float]:
    """Seconds a megabyte of corpora of several sizes, each the same documents again and again."""
    found: dict[str, list[float]] = {f"{size:g}": [] for size in sizes}
    once = sum(len(text.encode()) for text in texts) / 1e6
    path = folder / "growth.json"
    for _ in range(2):
        for size in sizes:
            some = (texts * (int(size / once) + 1))[: max(1, round(len(texts) * size / once))]
            path.write_text(json.dumps(some), "utf-8")
            turn = asked(sys.executable, "garble, full scoring", path)
            found[f"{size:g}"].append(turn["seconds"] / turn["mb"])
    # The one that was disturbed less.
    return {size: min(taken) for size, taken in found.items()}


def lengths(texts: list[str], folder: Path, sizes: list[int]) -> dict[str, float]:
    """Megabytes a second of documents of several lengths in characters, the same text cut anew."""
    whole = "\n\n".join(texts)
    found = {}
    for size in sizes:
        pieces = [whole[place : place + size] for place in range(0, min(len(whole), 2_000_000), size)]
        (folder / "lengths.json").write_text(json.dumps(pieces), "utf-8")
        found[str(size)] = rate([asked(sys.executable, "garble, full scoring", folder / "lengths.json")])
    return found


def extremes(texts: list[str], folder: Path, megabytes: float) -> dict[str, Measured]:
    """Megabytes a second and peak memory of strange inputs."""
    found = {}
    for name, text in strange(texts, megabytes).items():
        (folder / "strange.json").write_text(json.dumps([text]), "utf-8")
        turn = asked(sys.executable, "garble, full scoring", folder / "strange.json")
        found[name] = {"mb_per_s": turn["mb"] / turn["seconds"], "peak_mb": turn["peak_mb"]}
    return found


def profile(texts: list[str]) -> dict[str, float]:
    """Microseconds a sentence of each part of scoring, up to the reports; the texts in one batch, as scoring has it."""
    from garble import Scorer
    from garble.cli.cost import costs

    batch = texts[:: max(1, sum(map(len, texts)) // 250_000)]
    return {cost.name: cost.microseconds for cost in costs(Scorer(reader="off").lm, batch)}


def commands(texts: list[str], folder: Path) -> dict[str, dict[str, list[float]]]:
    """Seconds of the commands, turn by turn, by the clock and of processor: filtering, importing, a page from cold."""
    source = folder / "corpus.jsonl.zst"
    from garble.filtering.streams import compressed

    lines = b"".join(json.dumps({"id": i, "text": text}).encode() + b"\n" for i, text in enumerate(texts))
    source.write_bytes(compressed(lines, ".zst"))
    page = folder / "page.txt"
    page.write_text(texts[0], "utf-8")
    program = "from garble.cli import main; main()"
    filtering = [
        sys.executable,
        "-c",
        program,
        "filter",
        str(source),
        "-o",
        str(folder / "kept.jsonl.zst"),
        "--overwrite",
        "--workers",
    ]
    timed = {
        "filter, one worker": [*filtering, "1"],
        "filter, two workers": [*filtering, "2"],
        "import garble": [sys.executable, "-c", "import garble"],
        "nothing": [sys.executable, "-c", ""],
        "score a page": [sys.executable, "-c", program, "score", str(page)],
    }
    corpus = folder / "corpus.json"
    corpus.write_text(json.dumps(texts), "utf-8")
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ("full scoring", *timed)}
    for _ in range(TURNS):
        scoring = asked(sys.executable, "garble, full scoring", corpus)["seconds"]
        seconds["full scoring"].append((scoring, scoring))
        for name, command in timed.items():
            begun, spent = time.perf_counter(), processor()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append((time.perf_counter() - begun, processor() - spent))
    return {
        name: dict(zip(("clock", "processor"), map(list, zip(*taken, strict=True)), strict=True))
        for name, taken in seconds.items()
    }


def apart(one: list[float], other: list[float]) -> float:
    """The median ratio of what was measured in the same turns."""
    return median(a / b for a, b in zip(one, other, strict=True))


def processor() -> float:
    """Seconds of processor that the processes this one has waited for have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(found: dict[str, Any]) -> str:
    """What was measured beside what was to be reached, as Markdown."""
    rates = {name: row["mb_per_s"] for name, row in found["throughput"].items()}
    full, took = rates["garble, full scoring"], found["commands"]
    growth = found["growth"]
    steady = max(growth.values()) / min(growth.values())
    named = [row for name, row in found["strange"].items() if name != ALL_FLAGGED]
    slowest = min(row["mb_per_s"] for row in named)
    peak = max(row["peak_mb"] for row in found["strange"].values())

    def row(name: str, value: float | None, goal: str, reached: bool | None, form: str = "{:.2f}") -> None:
        lines.append(f"| {name} | {'–' if value is None else form.format(value)} | {goal} | {_word(reached)} |")

    lines = ["| figure | measured | to reach | reached |", "|---|---|---|---|"]
    for name, words, goal in (
        ("datatrove Gopher repetition", "datatrove's Gopher repetition filter", 12),
        ("KenLM word trigram", "a KenLM word trigram asked from Python", 0.45),
    ):
        ratio = 1 / found["throughput"][name]["over full scoring"] if name in rates else None
        row(f"full scoring over {words}", ratio, f">= {goal}", None if ratio is None else ratio >= goal)
    ratio = found["throughput"]["garble, score_sentences"]["over full scoring"]
    row("`score_sentences` over full scoring", ratio, ">= 1.5", ratio >= 1.5)
    one, two = (took[f"filter, {count}"]["clock"] for count in ("one worker", "two workers"))
    workers = apart(one, two)
    row("`garble filter`, two workers over one", workers, ">= 1.8", workers >= 1.8)
    whole = apart(took["full scoring"]["processor"], took["filter, one worker"]["processor"])
    row("`garble filter`, .jsonl.zst to .jsonl.zst, over full scoring", whole, ">= .8", whole >= 0.8)
    row(f"time a megabyte, {' / '.join(growth)} MB: longest over shortest", steady, "<= 1.1", steady <= 1.1)
    row("slowest strange input over the normal rate", slowest / full, ">= .25", slowest / full >= 0.25)
    row("peak memory of any strange input, MB", peak, "<= 500", peak <= 500, "{:,.0f}")
    bare, loaded, page = (median(took[name]["processor"]) for name in ("nothing", "import garble", "score a page"))
    row("`import garble`, seconds of processor", loaded - bare, "<= .3", loaded - bare <= 0.3)
    row("`garble score` of a page from cold, seconds of processor", page, "<= 1", page <= 1)
    return "\n".join(lines)


def _word(reached: bool | None) -> str:
    return "" if reached is None else "yes" if reached else "**no**"


def rates_table(found: dict[str, Any]) -> str:
    """Megabytes a second of every system and every strange input."""
    slow = found["throughput"].get("datatrove Gopher repetition", {}).get("mb_per_s")
    lines = ["| system or input | MB/s | over Gopher repetition | peak memory |", "|---|---|---|---|"]
    rows = {**found["throughput"], **{f"garble: {name}": row for name, row in found["strange"].items()}}
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["mb_per_s"]):
        ratio = f"{row['mb_per_s'] / slow:.1f}" if slow else ""
        lines.append(f"| {name} | {row['mb_per_s']:.2f} | {ratio} | {row['peak_mb']:,.0f} MB |")
    return "\n".join(lines)


def profile_table(found: dict[str, Any]) -> str:
    """The dearest parts of scoring, and all the others together."""
    parts = sorted(found["profile"].items(), key=lambda item: -item[1])
    total = sum(found["profile"].values())
    rows = [*parts[:15], (f"{len(parts) - 15} more", sum(spent for _, spent in parts[15:])), ("together", total)]
    lines = ["| part | microseconds a sentence | share |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {spent:.2f} | {spent / total:.1%} |" for name, spent in rows)])


def pictures(found: dict[str, Any]) -> None:
    """Throughput against the length of documents, and time against the size of a corpus."""
    import matplotlib

    matplotlib.use("svg")
    # So that the same figures give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "garble"
    from matplotlib import pyplot

    for name, points, across, up in (
        ("lengths", found["lengths"], "characters of a document", "MB/s"),
        ("growth", {k: v * float(k) for k, v in found["growth"].items()}, "MB of text", "seconds"),
    ):
        figure, axes = pyplot.subplots(figsize=(5, 3), layout="constrained")
        axes.plot([float(x) for x in points], list(points.values()), "o-", color="#7a2e12")
        axes.set(xlabel=across, ylabel=up, xscale="log", ylim=(0, None) if name == "lengths" else None)
        if name == "growth":
            axes.set_yscale("log")
        figure.savefig(RESULTS.parent / f"{name}.svg", metadata={"Date": None})
        pyplot.close(figure)


def main() -> None:
    """Measure, and write the results, pictures and tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--peers", type=Path, help="an interpreter that has them already")
    parser.add_argument("--largest", type=float, default=100, help="MB of the largest corpus")
    parser.add_argument("--strange", type=float, default=50, help="MB of each strange input")
    parser.add_argument("--measure", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.texts)))
        return
    if given.data is None:
        parser.error("--data DIR is needed")
    from benchmarks.quality.tables import publish
    from garble import Scorer

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts, corpus = human(given.data, TURN), human(given.data, CORPUS)
        python = None if given.without_peers else str(given.peers or peers_python(folder / "peers"))
        if python:
            arpa(given.data, folder / "trigram.arpa")
        sizes = [size for size in (1.0, 3.0, 10.0, 30.0, 100.0) if size <= given.largest]
        found = {
            "date": date.today().isoformat(),
            "signature": Scorer(reader="off").signature,
            "throughput": throughput(texts, folder, python, str(folder / "trigram.arpa")),
            "commands": commands(corpus, folder),
            "growth": growth(texts, folder, sizes),
            "lengths": lengths(texts, folder, [100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000]),
            "strange": extremes(corpus, folder, given.strange),
            "profile": profile(texts),
        }
    pictures(found)
    head = f"Measured on {found['date']} with `{found['signature']}`."
    parts = {"speed": f"{head}\n\n{table(found)}", "rates": rates_table(found), "profile": profile_table(found)}
    publish(RESULTS, found, parts)
    print(*parts.values(), sep="\n\n")


if __name__ == "__main__":
    main()
