"""How fast this commit is, on whatever machine: full scoring against a fixed piece of work in numpy.

    python -m benchmarks.pace [--store]

Scoring the project's seeds and the piece of work take turns on one core, and the ratio of their processor times is
printed beside that of results/pace.json, which --store writes. Nothing is asserted: a ratio that moves by a tenth is
worth a look, on the same machine with the commit before. Needs no data.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from garble.scorer import Scorer

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "pace.json"
TURNS, COPIES = 9, 4


def yardstick() -> None:
    """Sorting, looking up and adding up, as scoring does, in arrays that fit the same caches."""
    keys = np.arange(200_000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for _ in range(8):
        order = np.argsort(keys)
        found = np.searchsorted(keys[order], keys)
        keys = (keys ^ (keys >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9) + found.astype(np.uint64)
        np.add.reduceat(np.cumsum(keys.astype(np.float64)), np.arange(0, len(keys), 20))


def processor(work: Callable[[], object]) -> float:
    """Seconds of processor that it takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measured() -> dict[str, float]:
    """The median of the ratios of turns that follow each other, and of their distances from it."""
    lines = [line for path in sorted((ROOT / "seeds").glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    texts = [json.loads(line)["text"] for line in lines] * COPIES
    scorer = Scorer(reader="off")

    def scoring() -> int:
        return sum(report.garbled for report in scorer.score_many(texts))

    scoring()
    yardstick()
    ratios = [processor(scoring) / processor(yardstick) for _ in range(TURNS)]
    return {"ratio": median(ratios), "spread": median(abs(ratio - median(ratios)) for ratio in ratios)}


def main() -> None:
    """Measure, and say how that compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="store_true", help="write results/pace.json")
    store = parser.parse_args().store
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = measured()
    print(f"full scoring takes {found['ratio']:.2f} times the yardstick (spread {found['spread']:.2f})")
    if RESULTS.exists():
        before = json.loads(RESULTS.read_text("utf-8"))
        print(f"results/pace.json: {before['ratio']:.2f}; this is {found['ratio'] / before['ratio'] - 1:+.1%} of it")
    if store:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
