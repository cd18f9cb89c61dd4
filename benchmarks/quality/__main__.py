"""What garble catches and what it costs in good text, beside what a user would reach for instead.

    python -m benchmarks.quality --data DIR [--share 0.25] [--systems off,all,bits] [--networks WORK]

DIR is the project's data folder. Every system scores the same texts in the same run, each set once. Writes
results/quality.json and the tables of README.md; --out DIR writes quality.json and tables.md there instead. Nothing is
fitted on dev/. --share measures on a part of the documents of each set. WORK holds `small-0` and `small-1`, networks
that were not taught with two of the four language pairs each. --tables writes the tables from results/quality.json
again, or from the results of several runs that measured different systems on the same share at the same commit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import smollm2
from benchmarks.peers import PEERS
from benchmarks.quality.fitting import Fold, fit
from benchmarks.quality.material import PAIRS, Material, material
from benchmarks.quality.measures import for_ablation, measured
from benchmarks.quality.statistics import summaries
from benchmarks.quality.systems import (
    EVERY,
    FITTED,
    GARBLE,
    Columns,
    System,
    ablated_systems,
    fitted_system,
    garble,
    letters,
    load,
    peer,
    perplexity,
    rate,
    surprisal,
    unseen_network,
)
from benchmarks.quality.tables import HERE, RESULTS, publish, rendered

# Sentences that the speed is measured on, in turns.
_SPEED_SENTENCES, _TURNS = 600, 3
# Named with the systems: scorecards without one family of signals each.
ABLATION = "ablation"
# The order of the columns; the network alone is measured with "unseen".
ORDER = [key for name in EVERY for key in ((name, "network") if name == "unseen" else (name,))]


def commit() -> str:
    """The last commit that changed garble or its models; with "+" where files were changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=False).stdout.strip()

    measured = "--", "../garble", "../models", ":!../models/*/README.md"
    changed = git("status", "--porcelain", "--untracked-files=no", *measured)
    return f"{git('log', '-1', '--format=%h', *measured) or 'unknown'}{'+' if changed else ''}"


def wanted_systems(
    names: list[str], data: Path, folds: Mapping[str, Fold], scratch: Path, networks: Path | None,
    pool: ProcessPoolExecutor,
) -> Iterator[System]:  # fmt: skip
    """The systems of these names that can be measured here."""
    for name in names:
        if name in GARBLE:
            yield garble(name)
        elif name in FITTED:
            yield fitted_system(name, folds, scratch)
        elif name == "bits":
            yield perplexity()
        elif name == "letters":
            yield letters()
        elif name == "smollm2":
            if smollm2.installed():
                yield surprisal(data)
        elif PEERS[name].installed:
            yield peer(name, pool)
        if name == "unseen" and networks is not None:
            yield unseen_network(networks)


def speed(systems: list[System], on: Material) -> dict[str, float]:
    """Sentences a second of processor time, in documents of news, the systems in turn."""
    panel = on.documents["human"]
    texts: list[str] = []
    count = 0
    for text, sentences, kind in zip(panel.texts, np.diff(panel.firsts), panel.columns["kind"], strict=True):
        if kind == "news" and count < _SPEED_SENTENCES:
            texts.append(text)
            count += int(sentences)
    spent: dict[str, list[float]] = {system.key: [] for system in systems}
    for _ in range(_TURNS):
        for system in systems:
            assert system.documents is not None
            begin = time.process_time()
            system.documents(texts, "")
            spent[system.key].append(time.process_time() - begin)
    return {key: round(count / float(np.median(times)), 1) for key, times in spent.items()}


def run(
    data: Path, share: float, names: list[str], networks: Path | None, fit_share: float, workers: int
) -> dict[str, Any]:
    """Fit, score and measure."""
    begin, measured_at = time.perf_counter(), commit()

    def log(what: str) -> None:
        print(f"{time.perf_counter() - begin:6.0f} s  {what}", flush=True)

    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(workers) as pool:
        scratch = Path(name)
        pairs = ["", *PAIRS] if set(names) & {*FITTED, ABLATION} else []
        pending = {pair: pool.submit(fit, data, pair, fit_share) for pair in pairs}
        on = material(data, share)
        sizes = {name: len(some) for name, some in {**on.sentences, **on.documents}.items()}
        log(f"{len(on.documents['human'].pieces)} human sentences; {sizes}")
        folds = {pair: fold.result() for pair, fold in pending.items()}
        if folds:
            log("fitted")
        wanted = [name for name in names if name != ABLATION]
        systems = list(wanted_systems(wanted, data, folds, scratch, networks, pool))
        estimates = {system.key: load(system, on) / rate(system, on) for system in systems}
        for system in systems:
            log(f"estimate: {system.title} {load(system, on)} sentences, {estimates[system.key]:.0f} s")
        log(f"estimate: all systems {sum(estimates.values()) / 60:.1f} minutes from now")
        found: dict[str, dict[str, Any]] = {}
        for place, system in enumerate(systems, start=1):
            since = time.perf_counter()
            columns = Columns(system, on)
            figures, counts = measured(columns)
            found[system.key] = {
                "title": system.title,
                "note": system.note,
                "signature": system.signature,
                "seconds": round(time.perf_counter() - since, 1),
                "figures": summaries(figures),
                **counts,
            }
            log(f"{place} of {len(systems)}: {system.title} in {found[system.key]['seconds']:.0f} s")
        ablated = {}
        if ABLATION in names:
            for title, system in ablated_systems(folds[""], scratch).items():
                ablated[title] = summaries(for_ablation(Columns(system, on)))
            log("ablation")
        rates = speed([system for system in systems if system.key in GARBLE], on)
        log("speed")
    return {
        "date": date.today().isoformat(),
        "commit": measured_at,
        "share": share,
        "fit_share": fit_share if folds else None,
        "seconds": round(time.perf_counter() - begin),
        "sets": {**sizes, "human sentences": len(on.documents["human"].pieces)},
        "missing": [name for name in EVERY if name not in found],
        "speed": rates,
        "systems": found,
        "ablation": ablated,
    }


def together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The results of several runs, the systems in their usual order. Raises ValueError where the runs do not agree."""
    for name in ("share", "commit", "sets"):
        if any(found[name] != runs[0][name] for found in runs):
            raise ValueError(f"the runs have different values of {name}")
    systems = {key: found for some in runs for key, found in some["systems"].items()}
    order = [key for key in ORDER if key in systems]
    return {
        **runs[0],
        "date": max(found["date"] for found in runs),
        "fit_share": max((found["fit_share"] for found in runs if found["fit_share"]), default=None),
        "seconds": sum(found["seconds"] for found in runs),
        "missing": [name for name in EVERY if name not in systems],
        "speed": {key: rate for some in runs for key, rate in some["speed"].items()},
        "systems": {key: systems[key] for key in order},
        "ablation": {title: found for some in runs for title, found in some["ablation"].items()},
    }


def main() -> None:
    """Measure, and write the results and the tables."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--share", type=float, default=1.0, help="of the documents of each set")
    parser.add_argument("--fit-share", type=float, default=1.0, help="of the human text that the fits read")
    parser.add_argument("--systems", default=",".join([*EVERY, ABLATION]), help="comma-separated; default: %(default)s")
    parser.add_argument("--networks", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="processes for fits and for other people's filters")
    parser.add_argument("--out", type=Path, help="write there, and leave README.md and results/ as they are")
    parser.add_argument(
        "--tables", type=Path, nargs="*", metavar="FILE", help="only write the tables, from these results together"
    )
    given = parser.parse_args()
    if given.tables is not None:
        try:
            results = together([json.loads(path.read_text(encoding="utf-8")) for path in given.tables or [RESULTS]])
        except ValueError as error:
            parser.error(str(error))
        publish(RESULTS, results, rendered(results))
        return
    if given.data is None:
        parser.error("--data DIR is needed")
    names = given.systems.split(",")
    if unknown := set(names).difference(EVERY, [ABLATION]):
        parser.error(f"no system {', '.join(sorted(unknown))}")
    results = run(given.data, given.share, names, given.networks, given.fit_share, given.workers)
    parts = rendered(results)
    if given.out is None:
        publish(RESULTS, results, parts)
    else:
        given.out.mkdir(parents=True, exist_ok=True)
        page = given.out / "tables.md"
        page.write_text("\n\n".join(f"## {name}\n\n<!-- {name} -->\n<!-- /{name} -->" for name in parts) + "\n")
        publish(given.out / RESULTS.name, results, parts, page)
    print(parts["goals"])


if __name__ == "__main__":
    main()
