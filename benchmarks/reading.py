"""What reading with a network adds: four systems on the same sentences and documents, in one run.

    python benchmarks/reading.py --data DIR [--networks WORK] [--share 0.25]

DIR is the project's data folder. The systems: `off`, the scorecard of `en` alone; `unsure` and `all`, `en` with its
network; `large`, `en-large`; and `bits`, the mean surprise of the n-gram language model. WORK holds `small-0` and
`small-1`, networks not taught with some language pairs (`garble.training.network.train`): the rows "pair left out" are
of those alone. --share measures on a part of each set, whole documents at a time. Writes results/reading.json and the
tables in README.md.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from random import Random

import damage
import numpy as np
from quality import auroc, clean_sentences, damaged, joined, limit, pearson, rate, resample, summary

from garble.columns.arrays import Floats, row_means
from garble.columns.batch import Batch
from garble.network.reader import Reader, session
from garble.scorer import Scorer
from garble.text.segmentation import whole
from garble.training.data import Record, read_records

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "reading.json"
SEEDS = HERE.parent / "seeds" / "articles" / "translated.jsonl"
FOLDS = (("et-en", "ru-en"), ("ro-en", "si-en"))
MADE = {
    "word salad": damage.word_salad,
    "a word doubled": damage.word_twice,
    "a phrase twice": damage.phrase_twice,
    "a phrase looped twelve times": damage.loop,
    "a name twice in a clause": damage.name_twice,
}
# Made sentences of each kind, documents of bad sentences, and sentences in each of those.
_MADE, _STITCHED, _LONG = 400, 60, 10
_SPEED_SENTENCES = 1500

Row = dict[str, float]
System = Callable[[Sequence[str]], Floats]


def part(records: Sequence[Record], share: float) -> list[Record]:
    """Some of the documents, always the same."""
    return [r for r in records if zlib.crc32(str(r["doc"]).encode()) % 1000 < 1000 * share]


def bits(texts: Sequence[str], scorer: Scorer) -> Floats:
    """The mean surprise of each text, in deviations from clean text."""
    batch = Batch.of([whole(text) for text in texts], scorer.lm)
    return row_means(batch.reading[0], batch.tokens)


class Bench:
    """The sets, and one system at a time on them."""

    def __init__(self, data: Path, share: float) -> None:
        def read(name: str) -> list[Record]:
            return part(list(read_records(data / "dev" / f"{name}.jsonl.xz")), share)

        self.smog = [r for r in read("smog") if r["lang"] == "en"]
        self.gug = read("gug")
        self.mlqe = read("mlqe")
        self.demetr = [r for r in read("demetr") if r.get("visible") == 1]
        self.needle = read("needle")
        self.mtdocs = [r for r in read("mtdocs") if r.get("lang", "en") == "en"]
        self.human = read("human") + [r for r in read("panel2") if r.get("lang", "en") == "en"]
        rng = Random(0)
        clean = clean_sentences(self.human, rng)
        self.made = {
            name: [text for _, text in damaged(make, clean, rng)][:_MADE] for name, make in MADE.items()
        }
        bad: dict[str, list[str]] = {}
        for record in self.mlqe:
            if record["da"] < 35:
                bad.setdefault(record["lp"], []).append(record["text"])
        for texts in bad.values():
            rng.shuffle(texts)
        pieces = [texts[i : i + _LONG] for texts in bad.values() for i in range(0, len(texts) - _LONG + 1, _LONG)]
        self.stitched = [" ".join(some) for some in pieces[:_STITCHED]]

    def sentences(self, score: System) -> dict[str, Row]:
        """Figures on single sentences, which need no documents."""
        found: dict[str, Row] = {}
        for source in ("bnc", "enwiki"):
            some = [r for r in self.smog if source in r["doc"]]
            y, weights = np.array([r["acceptability"] for r in some]), resample([r["doc"] for r in some])
            texts = [joined(r["text"].split())[0] if r.get("tokenised") else r["text"] for r in some]
            scores = score(texts)
            found[f"SMOG {source}: r"] = summary(pearson(scores, -y, weights))
            ends = (y < 2) | (y >= 3.5)
            found[f"SMOG {source}: grade < 2 against 3.5, AUROC"] = summary(
                auroc(scores[ends], y[ends] < 2, weights[:, ends])
            )
            low = y < 2
            above = scores[low] > limit(scores[y >= 3.5])
            found[f"SMOG {source}: recall at 1 % of 3.5"] = summary(rate(above, weights[:, low]))
        scores, y = score([r["text"] for r in self.gug]), np.array([r["acceptability"] for r in self.gug])
        found["learners' sentences (GUG): r"] = summary(pearson(scores, -y, resample([r["doc"] for r in self.gug])))
        scores = score([r["text"] for r in self.mlqe])
        da = np.array([r["da"] for r in self.mlqe])
        ends, owners = (da < 30) | (da >= 70), resample([r["doc"] for r in self.mlqe])
        found["bad against good translation: AUROC"] = summary(auroc(scores[ends], da[ends] < 30, owners[:, ends]))
        bad = [r for r in self.mlqe if r["da"] < 35 and r["hter"] > 0.6]
        sides = [score([joined(r[side].split())[0] for r in bad]) for side in ("tokenised", "post_edit")]
        both = np.repeat([True, False], len(bad))
        twice = np.tile(resample([r["doc"] for r in bad]), 2)
        found["translation against its post-edit: AUROC"] = summary(auroc(np.concatenate(sides), both, twice))
        kinds = sorted({r["kind"] for r in self.demetr})
        means = []
        for kind in kinds:
            some = [r for r in self.demetr if r["kind"] == kind]
            pair = np.concatenate([score([r["text"] for r in some]), score([r["clean"] for r in some])])
            weights = np.tile(resample([r["doc"] for r in some]), 2)
            means.append(auroc(pair, np.repeat([True, False], len(some)), weights))
        found["DEMETR, visible kinds: mean AUROC"] = summary(np.nanmean(means, axis=0))
        return found

    def at_one_percent(self, score: System, human: Floats) -> dict[str, Row]:
        """Recall where one human sentence in a hundred, of all kinds together, is flagged."""
        above = limit(human)
        bad = [r["text"] for r in self.mlqe if r["da"] < 30]
        loops = [r["text"] for r in self.needle if r["repetitions"]]
        fluent = [r["text"] for r in self.needle if r["full-unsupport"]]
        sets = {"bad translation": bad, "real loops": loops, "fluent hallucinations (must stay low)": fluent}
        sets |= self.made
        flags = {name: score(texts) > above for name, texts in sets.items()}
        return {
            f"{name}: recall at 1 % of human sentences": summary(rate(f, resample([str(i) for i in range(len(f))])))
            for name, f in flags.items()
        }

    def documents(self, scorer: Scorer) -> tuple[dict[str, Row], dict[str, Row], Floats]:
        """Figures on documents; by kind of human text the shares flagged; and the scores of all human sentences."""
        reports = list(scorer.score_many(r["text"] for r in self.human))
        by_kind: dict[str, Row] = {}
        for kind in sorted({r["kind"] for r in self.human}):
            some = [report for record, report in zip(self.human, reports, strict=True) if record["kind"] == kind]
            flags = [s.garbled for report in some for s in report.sentences]
            by_kind[kind] = {
                "sentences": len(flags),
                "flagged": round(float(np.mean(flags)), 5) if flags else 0.0,
                "documents": len(some),
                "garbled": round(float(np.mean([report.garbled for report in some])), 5),
            }
        found: dict[str, Row] = {}
        stitched = [report.score for report in scorer.score_many(self.stitched)]
        long = [report.score for report in reports if len(report.sentences) >= _LONG]
        scores, positive = np.array(stitched + long), np.repeat([True, False], [len(stitched), len(long)])
        one = resample([str(i) for i in range(len(scores))])
        found["passage of 10 bad sentences against human documents: AUROC"] = summary(auroc(scores, positive, one))
        for label in (1, 0):
            some = [r["text"] for r in self.mtdocs if r.get("label") == label]
            flags = np.array([report.garbled for report in scorer.score_many(some)])
            name = "declared translated, or unnatural" if label else "by people, or natural"
            found[f"documents {name}: garbled"] = summary(rate(flags, resample([str(i) for i in range(len(flags))])))
        flags = np.array([report.garbled for report in reports])
        found["human documents: garbled"] = summary(rate(flags, resample([str(i) for i in range(len(flags))])))
        return found, by_kind, np.array([s.score for report in reports for s in report.sentences])


def on_seeds(scorer: Scorer) -> Row:
    """Twenty garbled articles written for the project: marks that lie in a flagged sentence or finding, documents."""
    marks = flagged = shown = garbled = clean = clean_flagged = 0
    for record in read_records(SEEDS):
        report = scorer.score(record["text"])
        garbled += report.garbled
        for start, end, *_ in record["marks"]:
            marks += 1
            mine = [s for s in report.sentences if s.garbled and s.start < end and s.end > start]
            flagged += bool(mine)
            shown += any(f.start < end and f.end > start for s in mine for f in s.findings)
        for s in report.sentences:
            if not any(s.start < end and s.end > start for start, end, *_ in record["marks"]):
                clean, clean_flagged = clean + 1, clean_flagged + s.garbled
    return {"marks": marks, "in a flagged sentence": flagged, "under a finding": shown,
            "documents garbled": garbled, "unmarked sentences": clean, "unmarked flagged": clean_flagged}  # fmt: skip


def left_out(bench: Bench, networks: Path) -> dict[str, Row]:
    """Networks on language pairs that they were not taught with; the mean doubt of a translator alone."""
    scores: dict[str, list[Floats]] = {"tokenised": [], "post_edit": []}
    kept: list[Record] = []
    for number, pairs in enumerate(FOLDS):
        some = [r for r in bench.mlqe if r["lp"] in pairs]
        kept += some
        folder = networks / f"small-{number}"
        base = Scorer("en")
        assert base.network is not None
        ran = session((folder / "network.onnx").read_bytes(), (folder / "network.npz").read_bytes())
        reader = Reader(ran, base.network.tokenizer, base.network.usual)
        for side, found in scores.items():
            batch = Batch.of([whole(joined(r[side].split())[0]) for r in some])
            opinion = reader.read(batch, np.ones(len(batch), bool))
            found.append(row_means(opinion.mistranslated, batch.tokens))
    mt, pe = (np.concatenate(found) for found in scores.values())
    da, hter = np.array([r["da"] for r in kept]), np.array([r["hter"] for r in kept])
    weights = resample([r["doc"] for r in kept])
    ends, bad = (da < 30) | (da >= 70), (da < 35) & (hter > 0.6)
    both = np.repeat([True, False], bad.sum())
    return {
        "pair left out, bad against good: AUROC": summary(auroc(mt[ends], da[ends] < 30, weights[:, ends])),
        "pair left out, against its post-edit: AUROC": summary(
            auroc(np.concatenate([mt[bad], pe[bad]]), both, np.tile(weights[:, bad], 2))
        ),
    }


def speed(bench: Bench, scorers: dict[str, Scorer]) -> dict[str, float]:
    """Sentences a second of processor time, in documents, the systems in turn."""
    texts, size = [], 0
    for record in (r for r in bench.human if r["kind"] == "news"):
        texts.append(record["text"])
        size += record["text"].count(". ")
        if size > _SPEED_SENTENCES:
            break
    spent: dict[str, list[float]] = {name: [] for name in scorers}
    count = 1
    for _ in range(3):
        for name, scorer in scorers.items():
            begun = time.process_time()
            count = sum(len(report.sentences) for report in scorer.score_many(texts))
            spent[name].append(time.process_time() - begun)
    return {name: round(count / float(np.median(times)), 1) for name, times in spent.items()}


def run(data: Path, networks: Path | None, share: float) -> dict[str, object]:
    """All figures."""
    bench = Bench(data, share)
    scorers = {name: Scorer("en", reader=name) for name in ("off", "unsure", "all")} | {"large": Scorer("en-large")}
    result: dict[str, dict[str, object]] = {}
    for name, scorer in scorers.items():
        begun = time.monotonic()
        found, by_kind, human = bench.documents(scorer)
        if name != "unsure":
            found |= bench.sentences(scorer.score_sentences) | bench.at_one_percent(scorer.score_sentences, human)
        result[name] = {"figures": found, "human": by_kind, "seeds": on_seeds(scorer), "signature": scorer.signature}
        print(name, round(time.monotonic() - begun), "s", flush=True)
    plain = scorers["off"]
    result["bits"] = {"figures": bench.sentences(lambda texts: bits(texts, plain))}
    if networks:
        result["left out"] = {"figures": left_out(bench, networks)}
    return {"date": date.today().isoformat(), "share": share, "systems": result, "speed": speed(bench, scorers)}


def tables(result: dict[str, object]) -> str:
    """The figures as Markdown."""
    systems: dict[str, dict[str, dict[str, Row]]] = result["systems"]  # type: ignore[assignment]
    shown = ["bits", "off", "unsure", "all", "large"]
    names = list(dict.fromkeys(name for system in shown for name in systems[system]["figures"]))
    lines = [f"Measured on {result['date']}, on {result['share']:.0%} of each set.", ""]
    lines += ["| figure | n-gram surprise | `en`, off | `en`, unsure | `en`, all | `en-large` |"]
    lines += ["|---|---|---|---|---|---|"]
    for name in names:
        cells = [systems[system]["figures"].get(name) for system in shown]
        texts = [f"{c['value']:.3f} ({c['low']:.3f} to {c['high']:.3f})" if c else "" for c in cells]
        lines.append(f"| {name} | {' | '.join(texts)} |")
    for name, row in systems.get("left out", {}).get("figures", {}).items():
        lines.append(f"| {name}, the small network alone | | | | {row['value']:.3f} | |")
    rates = result["speed"]
    lines.append(f"| sentences a second, one core | | {' | '.join(str(rates[s]) for s in shown[1:])} |")  # type: ignore[index]
    lines += ["", "Human text flagged at `balanced`, % of sentences and of documents:", ""]
    lines += ["| kind | sentences, documents | off | unsure | all | large |", "|---|---|---|---|---|---|"]
    for kind, row in systems["all"]["human"].items():
        rows = [systems[system]["human"][kind] for system in shown[1:]]
        cells = [f"{100 * r['flagged']:.2f}, {100 * r['garbled']:.1f}" for r in rows]  # type: ignore[index]
        lines.append(f"| {kind} | {row['sentences']}, {row['documents']} | {' | '.join(cells)} |")  # type: ignore[index]
    lines += ["", "Twenty garbled articles of `seeds/articles`, marked before any score was seen:", ""]
    lines += ["| | off | unsure | all | large |", "|---|---|---|---|---|"]
    for key in systems["all"]["seeds"]:
        lines.append(f"| {key} | {' | '.join(str(systems[s]['seeds'][key]) for s in shown[1:])} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the results down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--networks", type=Path)
    parser.add_argument("--share", type=float, default=1.0)
    given = parser.parse_args()
    result = run(given.data, given.networks, given.share)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split("<!-- reading -->", 1)
    after = rest.split("<!-- /reading -->", 1)[1]
    readme.write_text(f"{before}<!-- reading -->\n{tables(result)}\n<!-- /reading -->{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
