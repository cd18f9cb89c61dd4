"""A pipeline of datatrove that drops garbled documents, and what it dropped.

Needs the extra `datatrove`; run it with `python examples/datatrove_filter.py [FOLDER_OF_JSONL]`.
Without a folder it takes three texts of its own.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

from garble.integrations.datatrove import GarbleFilter

TEXTS = {
    "ferry": "The last ferry leaves at nine, and the island is quiet after that.",
    "bakery": "The bakery sells bread and bread and bread and bread and bread and bread.",
    "weather": "Tomorrow wind the from coast strong the blow will towards of mountains.",
}


def filtered(texts: Path, out: Path) -> list[dict[str, Any]]:
    """Filter a folder of JSON Lines into `out`/kept; what was dropped, from `out`/dropped."""
    LocalPipelineExecutor(
        pipeline=[
            JsonlReader(str(texts)),
            GarbleFilter(exclusion_writer=JsonlWriter(str(out / "dropped"))),
            JsonlWriter(str(out / "kept")),
        ],
        tasks=2,
        workers=2,
        logging_dir=str(out / "logs"),
    ).run()
    files = sorted((out / "dropped").glob("*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]


def main() -> None:
    """Say of each dropped document why."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        texts = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "texts"
        if len(sys.argv) == 1:
            texts.mkdir()
            rows = (json.dumps({"id": key, "text": text}) for key, text in TEXTS.items())
            (texts / "texts.jsonl").write_text("\n".join(rows), "utf-8")
        for document in filtered(texts, folder):
            metadata = document["metadata"]
            print(f"{document['id']}: dropped for {metadata['filter_reason']}, score {metadata['garble_score']:.2f}")


if __name__ == "__main__":
    # Workers import this file, and are not to start a pipeline of their own.
    main()
