"""Filter a generated corpus of 1 GB with one worker and with two: are the bytes the same, and what memory it takes.

    python -m benchmarks.corpus [--megabytes 1000] [--folder DIR]

It needs no data: the texts are made of the project's seeds. Peak memory is read from the kernel for the process that
reads and writes and for every worker, twice a second. Takes about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import filecmp
import gzip
import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.quality.tables import publish

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "corpus.json"
# What no process may take, in MB.
LIMIT = 600


def make(path: Path, megabytes: int) -> int:
    """Write JSON Lines with that much text; how many documents there are. One in five has garbled seeds in it."""
    files = sorted((ROOT / "seeds").glob("*.jsonl"))
    seeds = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    clean = [seed["text"] for seed in seeds if not seed["spans"]]
    garbled = [seed["text"] for seed in seeds if seed["spans"]]
    rng, size, count = Random(0), 0, 0
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        while size < megabytes * 1_000_000:
            texts = rng.choices(clean, k=rng.randint(2, 12))
            if rng.random() < 0.2:
                texts += rng.choices(garbled, k=rng.randint(1, 4))
                rng.shuffle(texts)
            text = "\n\n".join(texts)
            size += len(text.encode())
            file.write(json.dumps({"id": count, "source": f"shard-{count % 97}", "text": text}) + "\n")
            count += 1
    return count


def peaks(pid: int, seen: dict[int, int]) -> None:
    """Note the peak memory, in kB, of a process and of all below it."""
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        try:
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        except OSError:
            continue
        peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
        seen[process] = max(seen.get(process, 0), peak)
        waiting += map(int, children)


def filtered(source: Path, folder: Path, workers: int) -> dict[str, Any]:
    """Run the command; seconds, and the peak memory of each process in MB, the reading one first."""
    folder.mkdir()
    command = [sys.executable, "-c", "from garble.cli import main; main()", "filter", str(source)]
    command += ["--overwrite", "-o", str(folder / "kept.jsonl.gz"), "--rejected", str(folder / "rejected.jsonl.gz")]
    command += ["--report", str(folder / "report.json"), "--workers", str(workers)]
    seen: dict[int, int] = {}
    begun = time.monotonic()
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            peaks(process.pid, seen)
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"garble filter failed with {process.returncode}")
    seconds = time.monotonic() - begun
    return {"workers": workers, "seconds": seconds, "peak_mb": [peak / 1024 for peak in seen.values()]}


def main() -> None:
    """Measure, and write what was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=1000)
    options.add_argument("--folder", type=Path, help="where the corpus is made; by default a temporary folder")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        documents = make(folder / "corpus.jsonl.gz", given.megabytes)
        runs = [filtered(folder / "corpus.jsonl.gz", folder / str(workers), workers) for workers in (2, 1)]
        files = ["kept.jsonl.gz", "rejected.jsonl.gz", "report.json"]
        _, differing, missing = filecmp.cmpfiles(folder / "1", folder / "2", files, shallow=False)
        report = json.loads((folder / "1" / "report.json").read_text())
    found = {
        "date": date.today().isoformat(),
        "signature": report["signature"],
        "megabytes": given.megabytes,
        "documents": documents,
        "kept": report["kept"],
        "dropped": report["dropped"],
        "same_bytes": not differing and not missing,
        "runs": runs,
    }
    publish(RESULTS, found, {"corpus": table(found)})
    print(json.dumps(found, indent=1))


def table(found: dict[str, Any]) -> str:
    """What was measured, as Markdown."""
    lines = [
        f"{found['megabytes']:,} MB of text in {found['documents']:,} documents, {found['dropped']:,} of them dropped; "
        f"measured on {found['date']} with `{found['signature']}`.",
        "",
        "| workers | minutes | peak memory of each process | to reach |",
        "|---|---|---|---|",
    ]
    for run in found["runs"]:
        peaks = ", ".join(f"{peak:.0f} MB" for peak in sorted(run["peak_mb"], reverse=True))
        lines.append(f"| {run['workers']} | {run['seconds'] / 60:.1f} | {peaks} | each under {LIMIT} MB |")
    same = "the same, byte for byte" if found["same_bytes"] else "**not the same**"
    return "\n".join([*lines, "", f"What both wrote is {same}."])


if __name__ == "__main__":
    main()
