"""A file is a document, in whatever markup, and is copied as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from garble.errors import InputError
from garble.filtering.formats.base import LONGEST, SHOWN, Block, Listed, Notes, Rows, Texts, Unfit
from garble.filtering.formats.lines import Lines
from garble.filtering.streams import opened
from garble.io import decode, is_empty


class Whole(Lines):
    """Files that each are one record."""

    name = "whole"

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """The file; the place after it is 1, however many bytes it has."""
        if start:
            return
        with opened(path) as stream:
            raw = stream.bytes.read(LONGEST + 1)
        if len(raw) > LONGEST:
            size = Path(path).stat().st_size
            raw = Unfit.of(raw[:SHOWN], size, "too long", f"too long: {size:,} bytes; limit {LONGEST:,}")
        yield Block(1, [raw], b"", 1, 1, len(raw))

    def parse(self, block: Block) -> Rows:
        """The text of the file. Of one that cannot be read the error shows the beginning: the file is still there."""
        rows = super().parse(block)
        return rows._replace(problems=[problem._replace(raw=problem.raw[:SHOWN]) for problem in rows.problems])

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, notes: Notes | None) -> bytes:
        """The bytes of the file, which has no place for notes."""
        return b"".join(rows.rows[i] for i in chosen)

    def listing(self, records: Sequence[Listed]) -> bytes:
        """Nothing, as nothing is cut out of whole files."""
        return b""

    def _record(self, raw: bytes, first: bool) -> tuple[str, str, bytes] | tuple[str, str]:
        if is_empty(raw):
            return "", "", raw
        try:
            return decode(raw, "file"), "", raw
        except InputError as error:
            return "unreadable", str(error.args[-1])
