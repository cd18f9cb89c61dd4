"""Labelled records: JSON Lines, plain or xz-compressed, one record a line with `text` always and `doc` mostly.

And which of the project's data what ships as counts or weights may read, so that the scorecard learns from the rest.
"""

from __future__ import annotations

import json
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]

# Share of the documents of lm/ that no language model or network reads, so that the scorecard can.
_HELD_OUT = 0.1


def read_records(path: Path) -> Iterator[Record]:
    """The records of one file. Raises ValueError with path and line for a line that is no JSON object with `text`."""
    opened = lzma.open if path.suffix == ".xz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}:{number}: not JSON ({error.msg})") from error
            if not isinstance(record, dict) or not isinstance(record.get("text"), str):
                raise ValueError(f'{path}:{number}: not an object with a string "text"')
            yield record


def by_document(records: list[Record], share: float) -> tuple[list[Record], list[Record]]:
    """Split so that no document stands on both sides; about `share` of the documents on the second.

    The split hangs on the document's name alone, so it is the same in every run and on every machine.
    """
    held = [zlib.crc32(str(record.get("doc", record["text"])).encode()) % 1000 < share * 1000 for record in records]
    first = [record for record, out in zip(records, held, strict=True) if not out]
    return first, [record for record, out in zip(records, held, strict=True) if out]


def clean_texts(data: Path, held_out: bool = False) -> Iterator[tuple[str, str]]:
    """Kind and text of the clean English in lm/: what the language model reads, or the documents held out of it."""
    for path in sorted((data / "lm").glob("*.jsonl.xz")):
        for record in by_document(list(read_records(path)), _HELD_OUT)[held_out]:
            # A corpus that put "<unk>" for its rare words would teach that "<unk>" is English.
            lines = record["text"].replace("@-@", "-").split("\n\n")
            yield path.name, "\n\n".join(line for line in lines if "<unk>" not in line)


def post_edited(data: Path) -> tuple[list[Record], list[Record]]:
    """Machine translations with their corrections: for language model and network, and for the scorecard.

    A correction that they knew would seem better than it reads.
    """
    return by_document(list(read_records(data / "fit" / "mlqe.jsonl.xz")), 0.5)
