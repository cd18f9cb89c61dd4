"""Labelled records: JSON Lines, plain or xz-compressed, one record a line with `text` always and `doc` mostly."""

from __future__ import annotations

import json
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]


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
                raise ValueError(f"{path}:{number}: not an object with a text")
            yield record


def by_document(records: list[Record], share: float) -> tuple[list[Record], list[Record]]:
    """Split so that no document stands on both sides; about `share` of the documents on the second.

    The split hangs on the document's name alone, so it is the same in every run and on every machine.
    """
    held = [zlib.crc32(str(record.get("doc", record["text"])).encode()) % 1000 < share * 1000 for record in records]
    first = [record for record, out in zip(records, held, strict=True) if not out]
    return first, [record for record, out in zip(records, held, strict=True) if out]
