"""What a network adds to the scorecard, on the rows of quality.py.

    python benchmarks/reading.py --data DIR --networks WORK --model models/en-deep

DIR is the project's data folder; WORK holds a folder for each network that `garble.deep.training` taught without one
language pair, and MODEL is the one that was taught with all. Three systems score the same sentences: the scorecard
alone, and with the network asked of what it is unsure of, or of everything. Where a pair is left out, it is left out of
the network and of the scorecard. Writes results/reading.json and its table in README.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median

import numpy as np
import quality
from quality import PAIRS, SEED, Judge, Material, Sentences, System

from garble import model, train
from garble.batch import Floats, Mask
from garble.data import clean_texts
from garble.deep import reader as reading
from garble.model import Network, Scorecard, sigmoid
from garble.scorer import Scorer
from garble.signals import FEATURES, FEATURES_READ

RESULTS = Path(__file__).parent / "results" / "reading.json"
SYSTEMS = ("scorecard", "unsure", "all")
# Where a pair is left out, every so many-th document is learnt from, and of the panel the limit is read off.
STEP = 4
# Sentences whose reading is timed, and how often.
TIMED, TURNS = 3000, 5
ROWS = {
    "made word salad": "word salad: recall",
    "made word x2": "a word doubled: recall",
    "made name twice": "a name twice in a clause: recall",
    "demetr critical_id20_shuffled": "DEMETR, shuffled: AUROC",
    "demetr mean": "DEMETR: mean AUROC",
    "gug r": "acceptability: r",
    "mt auroc": "bad vs good MT: AUROC",
    "post-edit auroc": "bad MT vs its post-edit: AUROC",
    "post-edit recall": "bad MT: recall",
    "loops auroc": "loops: AUROC",
    "loops recall": "loops: recall",
    "fluent hallucinations": "fluent hallucinations: flagged",
    **{name: f"{figure.title}: flagged" for name, figure in quality.HUMAN.items()},
}


@dataclass(frozen=True, eq=False)
class Told:
    """What one network and its scorecard say: by set of sentences, by system, the scores; and the shares read."""

    scores: Mapping[str, Mapping[str, Floats]]
    share: float


def score(card: Scorecard, x: Floats, still: Mask) -> Floats:
    """The card's scores where some features do not speak."""
    return sigmoid(card.intercept + np.where(still, 0, card.contributions(x)).sum(axis=1))


def scores(sentences: Sentences, plain: Scorecard, deep: Scorecard, reader: reading.Reader) -> dict[str, Floats]:
    """By system the scores of all sentences, and which of them "unsure" would have read."""
    x = train.features_of(sentences.documents, sentences.lm, reader)[0]
    still = sentences.silent(deep.features)
    read = np.isin(deep.features, FEATURES_READ)
    first, every = score(deep, x, still | read), score(deep, x, still)
    asked = (first >= deep.network.unsure) & ~still[:, read].any(axis=1)
    columns = [FEATURES.index(name) for name in plain.features]
    told = {"scorecard": score(plain, x[:, columns], sentences.silent(plain.features))}
    return told | {"unsure": np.where(asked, every, first), "all": every, "asked": asked.astype(float)}


def without(data: Path, folder: Path, pair: str) -> Told:
    """What a network taught without one pair says of it, its scorecard fitted without it; and of part of the panel."""
    raw = reading.sha256((folder / "network.onnx").read_bytes()).hexdigest()
    header = Network("en", raw, 0.0, ((0.0, 1.0),) * 3)
    texts = (text for _, text in islice(clean_texts(data, held_out=True), 0, None, 2 * STEP))
    header = replace(header, usual=train.usual_opinion(reading.load(folder, header), texts))
    reader = reading.load(folder, header)
    documents, garbled = train.labelled_documents(data, Random(SEED), pair, deep=True)
    starts = np.cumsum([0, *(len(document.sentences) for document in documents)])
    some = documents[::STEP]
    y = np.concatenate([garbled[starts[i] : starts[i + 1]] for i in range(0, len(documents), STEP)])
    x, prose = train.features_of(some, _on.lm, reader)
    x, y = x[prose], y[prose]
    pairs = train.contrasts(data, _on.lm, pair, reader)
    less = tuple(side[::STEP] for side in pairs)
    count = len(FEATURES)
    typical = np.median(x[~y, :count], axis=0)
    alone, _ = train.fit_scorecard(x[:, :count], y, FEATURES, typical, tuple(side[:, :count] for side in less))
    unsure = train.unsure_from(alone, x, y)
    deep = train.extended(alone, x, y, FEATURES_READ, less, unsure)
    deep = replace(deep, network=replace(header, unsure=unsure))
    wanted = {name: _on.sets[name] for name in (pair, f"{pair} bad", f"{pair} post-edit")}
    return told_of({**wanted, "panel": part(_on.panel)}, alone, deep, reader)


def shipped(folder: Path) -> Told:
    """What the model with the network taught on all pairs says of everything else."""
    deep = Scorer(folder)
    sets = {name: _on.sets[name] for name in ("needle", "gug", "demetr", "demetr clean")}
    return told_of(
        {**sets, **_on.damaged, "panel": _on.panel},
        model.load(quality.SHIPPED / "scorecard.json"),
        deep.card,
        deep.reader,
    )


def told_of(sets: Mapping[str, Sentences], plain: Scorecard, deep: Scorecard, reader: reading.Reader) -> Told:
    """The scores of all sets, and the share of the panel that is read."""
    found = {name: scores(sentences, plain, deep, reader) for name, sentences in sets.items()}
    return Told(found, float(found["panel"]["asked"].mean()))


def part(panel: Sentences) -> Sentences:
    """Every so many-th document of the panel."""
    chosen = np.arange(len(panel.documents)) % STEP == 0
    foreign = panel.foreign[chosen[panel.document]]
    return Sentences(panel.documents[::STEP], panel.owners[::STEP], panel.lm, foreign)


def judge(told: Told, system: str, names: Mapping[int, str]) -> Judge:
    """A judge that knows the scores already."""
    return Judge(lambda sentences: told.scores[names[id(sentences)]][system], told.scores["panel"][system])


def systems(told: Mapping[str, Told], on: Material) -> Iterator[System]:
    """The scorecard alone, and with the network."""
    names = {id(sentences): name for name, sentences in {**on.sets, **on.damaged, "panel": on.panel}.items()}
    for system in SYSTEMS:
        judges = {pair: judge(some, system, names) for pair, some in told.items()}
        # The panel's thresholds are crossed for what is shipped, as garble's are.
        yield System("garble", system, judges[""], {pair: judges[pair] for pair in PAIRS})


def human(system: System, on: Material) -> dict[str, quality.Draws]:
    """Human sentences flagged at a `balanced` read off the other half of the panel."""
    kinds = np.array(on.panel_kinds)
    flags = system.judge.panel >= quality.crossed_thresholds(system.judge.panel, on)[on.panel.document]
    hits = np.bincount(on.panel.document, flags, minlength=len(kinds))
    sizes = np.bincount(on.panel.document, minlength=len(kinds)).astype(float)
    weights = quality.resample(on.panel.owners)
    return {
        f"human {kind}": quality._ratio(
            weights[:, kinds == kind] @ hits[kinds == kind], weights[:, kinds == kind] @ sizes[kinds == kind]
        )
        for kind in np.unique(kinds)
    }


def speed(folder: Path, on: Material) -> dict[str, float]:
    """Sentences a second of each system, on one thread, of sentences drawn from the panel; the median of turns."""
    texts = Random(SEED).sample(on.panel.texts, TIMED)
    scorers = dict(zip(SYSTEMS, (Scorer(), Scorer(folder), Scorer(folder, read="all")), strict=True))
    seconds: dict[str, list[float]] = {system: [] for system in SYSTEMS}
    # The first turn warms up.
    for _ in range(1 + TURNS):
        for system, scorer in scorers.items():
            begin = time.process_time()
            scorer.score_sentences(texts)
            seconds[system].append(time.process_time() - begin)
    return {system: round(TIMED / median(taken[1:])) for system, taken in seconds.items()}


_on: Material


def run(data: Path, networks: Path, folder: Path) -> dict[str, object]:
    """Fit, score and measure."""
    global _on
    begin = time.perf_counter()
    _on = on = quality.material(data)
    print(f"{time.perf_counter() - begin:5.0f} s  {len(on.panel.texts)} human sentences", flush=True)
    with ProcessPoolExecutor(quality.WORKERS, multiprocessing.get_context("fork")) as pool:
        pending = {"": pool.submit(shipped, folder)}
        pending |= {pair: pool.submit(without, data, networks / pair, pair) for pair in PAIRS}
        told = {}
        for pair, some in pending.items():
            told[pair] = some.result()
            print(f"{time.perf_counter() - begin:5.0f} s  {pair or 'all'}, {told[pair].share:.1%} read", flush=True)
    found = {}
    for system in systems(told, on):
        draws = {**quality.on_needle(system, on), **quality.on_mlqe(system, on), **quality.on_gug(system, on)}
        draws |= {**quality.on_demetr(system, on), **quality.on_damage(system, on), **human(system, on)}
        found[system.note] = quality.summaries(draws)
    return {
        "date": date.today().isoformat(),
        "signature": Scorer(folder).signature,
        "share read": {pair or "all": round(some.share, 4) for pair, some in told.items()},
        "sentences a second": speed(folder, on),
        "systems": found,
    }


def table(results: Mapping[str, object]) -> str:
    """A Markdown table: a row a figure, a column a system."""
    found = results["systems"]
    rows = [["figure", "scorecard", "asked where unsure", "asked of all"]]
    rows += [
        [title, *(quality.shown_figure(name, found[system]) for system in SYSTEMS)] for name, title in ROWS.items()
    ]
    rows.append(
        ["sentences a second, one thread", *(f"{results['sentences a second'][system]:,}" for system in SYSTEMS)]
    )
    rows.append(["share of the panel read", "–", f"{100 * results['share read']['all']:.1f} %", "100 %"])
    return quality.table(rows)


def main() -> None:
    """Measure, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--data", "--networks", "--model"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    results = run(given.data, given.networks, given.model)
    part = table(results)
    quality.publish(RESULTS, results, {"reading": part})
    print(part)


if __name__ == "__main__":
    main()
