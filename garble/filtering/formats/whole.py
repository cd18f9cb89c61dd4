"""Whole files as documents, in any markup, which are copied unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from garble.errors import InputError
from garble.filtering.formats.base import (
    BYTES_SHOWN,
    MAX_RECORD_BYTES,
    Annotations,
    BadRecord,
    Block,
    CutRecord,
    Record,
    Rows,
    Texts,
)
from garble.filtering.formats.fields import Part
from garble.filtering.formats.lines import Lines
from garble.filtering.streams import opened, size_on_disk
from garble.io import decode, is_empty


class Whole(Lines):
    """Files with one record each."""

    name = "whole"

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """One block with the file; the position after it is 1."""
        if start:
            return
        with opened(path) as stream:
            raw = stream.bytes.read(MAX_RECORD_BYTES + 1)
        if len(raw) > MAX_RECORD_BYTES:
            size = size_on_disk(path)
            raw = BadRecord.of(
                raw[:BYTES_SHOWN], size, "too long", f"too long: {size:,} bytes; limit {MAX_RECORD_BYTES:,}"
            )
        yield Block(1, [raw], b"", 1, 1, len(raw))

    def first_records(self, block: Block, limit: int) -> tuple[Block, int]:
        """The file, which can be empty."""
        return block, 1

    def parse(self, block: Block) -> Rows:
        """Parse the file. The error of an unreadable file has only the start of it, because the file still exists."""
        rows = super().parse(block)
        return rows._replace(problems=[problem._replace(raw=problem.raw[:BYTES_SHOWN]) for problem in rows.problems])

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, annotations: Annotations | None) -> bytes:
        """The bytes of the file, which cannot have annotations."""
        return b"".join(rows.rows[i] for i in chosen)

    def write_cuts(self, records: Sequence[CutRecord]) -> bytes:
        """Nothing, because whole files are not cut."""
        return b""

    def _record(self, raw: bytes, first: bool) -> Record | tuple[str, str]:
        if is_empty(raw):
            return (Part(""),), "", raw
        try:
            return (Part(decode(raw, "file")),), "", raw
        except InputError as error:
            return "unreadable", str(error.args[-1])
