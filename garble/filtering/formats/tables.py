"""A row a record, under a header: comma- and tab-separated values."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from garble.errors import InputError
from garble.filtering.formats import base
from garble.filtering.formats.base import (
    MARK,
    NOTE_COLUMNS,
    Block,
    Layout,
    Listed,
    Notes,
    Rows,
    Texts,
    Unfit,
    blocks_of,
    breaks,
    dumped,
    lines_of,
    other_mark,
    own_field,
    rows_between,
    rows_of_block,
    size_of,
)
from garble.filtering.streams import Stream, opened, skip
from garble.io import name_of


class Csv:
    """Comma- or tab-separated values under a header; a field in quotes may hold line breaks."""

    def __init__(self, layout: Layout, delimiter: str) -> None:
        self.layout = layout
        self.delimiter = delimiter
        self.name = "tsv" if delimiter == "\t" else "csv"

    def head(self, path: str) -> bytes:
        """The columns, however they are written."""
        with opened(path) as stream:
            return self._line(self._columns(self._head(stream, False, path))).encode()

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """As many rows as come to a block."""
        with opened(path) as stream:
            head = self._head(stream, more, path)
            if start:
                skip(stream.bytes, start - len(head))
            else:
                start, line = len(head), line + breaks(head)
            records = _joined(lines_of(stream, more), self._reader)
            yield from blocks_of(records, self.layout.block, stream, head, start, line)

    def first_fault(self, path: str, noted: bool) -> str:
        """A column of their own where one for a note would go."""
        with opened(path) as stream:
            columns = self._columns(self._head(stream, False, path))
        taken = [name for name in NOTE_COLUMNS if name in columns]
        return own_field(*taken) if noted and taken else ""

    def some(self, rows: Rows, first: int, last: int) -> Rows:
        """The rows from the first to the last, that left out."""
        return rows_between(rows, first, last)

    def raw(self, rows: Rows, i: int) -> bytes:
        """The bytes of the row."""
        raw: bytes = rows.rows[i][0]
        return raw

    def parse(self, block: Block) -> Rows:
        """The rows with a field for every column."""
        columns = self._columns(block.head)
        text_at = columns.index(self.layout.text)
        id_at = columns.index(self.layout.id) if self.layout.id in columns else None

        def record(raw: bytes, first: bool) -> tuple[str, str, Any] | tuple[str, str] | None:
            values = next(self._reader([raw.decode()]), [])
            if not values:
                return None
            if len(values) != len(columns):
                return "invalid CSV", f"invalid CSV: {len(values)} fields, but the header has {len(columns)}"
            return values[text_at], "" if id_at is None else values[id_at], (raw, values, text_at)

        return rows_of_block(block, record)

    def begin(self, head: bytes, noted: bool) -> bytes:
        """The header, with a column for each part of a note."""
        return self._extended(head, NOTE_COLUMNS * noted)

    def begin_listing(self) -> bytes:
        """A header of their own."""
        return f"{self._line(Listed._fields)}\n".encode()

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, notes: Notes | None) -> bytes:
        """The rows, notes as more columns, the passages among them as JSON."""

        def written(i: int) -> bytes:
            raw: bytes = rows.rows[i][0]
            _, values, text_at = rows.rows[i]
            if i in texts:
                raw = with_end(self._line([*values[:text_at], texts[i], *values[text_at + 1 :]]), raw)
            if notes is None:
                return raw
            return self._extended(raw, [*list(notes[i].values())[:-1], dumped(notes[i]["passages"]).decode()])

        return b"".join(map(written, chosen))

    def listing(self, records: Sequence[Listed]) -> bytes:
        """A row each."""
        return "".join(self._line(record) + "\n" for record in records).encode("utf-8", "surrogateescape")

    def whole(self, part: Path) -> Path:
        """The part itself."""
        return part

    def _reader(self, lines: Any) -> Iterator[list[str]]:
        # The limit holds for the whole process, and whoever lowers it lowers it for us.
        csv.field_size_limit(2 * base.LONGEST)
        return csv.reader(lines, delimiter=self.delimiter)

    def _head(self, stream: Stream, more: bool, path: str) -> bytes:
        head = next(_joined(lines_of(stream, more), self._reader), b"")
        if stream.broken and not head:
            raise stream.broken
        if other := other_mark(head):
            raise InputError(name_of(path), other)
        if isinstance(head, Unfit) and b"\r" in head.rstrip(b"\r\n"):
            raise InputError(name_of(path), "no header: line endings are CR only; convert them to LF or CRLF")
        if isinstance(head, Unfit):
            raise InputError(name_of(path), f"no header: {head.problem[1]}")
        columns = self._columns(head)
        if (count := columns.count(self.layout.text)) != 1:
            few = "more than one" if count else "no"
            raise InputError(name_of(path), f"{few} column {self.layout.text!r}; found: {', '.join(columns) or 'none'}")
        return head

    def _columns(self, head: bytes) -> list[str]:
        return next(self._reader([head.removeprefix(MARK).decode("utf-8", "replace")]), [])

    def _line(self, values: Sequence[object]) -> str:
        line = StringIO(newline="")
        # What stands in the line's end is put in quotes, and so must be every break.
        csv.writer(line, delimiter=self.delimiter, lineterminator="\r\n").writerow(values)
        return line.getvalue().removesuffix("\r\n")

    def _extended(self, raw: bytes, values: Sequence[object]) -> bytes:
        end = end_of(raw)
        return raw.removesuffix(end) + self._line(["", *values]).encode() + end if values else raw


class _Ahead:
    """Lines on their way to become CSV records, with what each does to a quoted field that it begins in.

    That hangs on the line alone, so it is found out once a line, however many quotes before it are never closed.
    """

    def __init__(self, lines: Iterator[bytes], reader: Callable[[Any], Iterator[list[str]]]) -> None:
        self._source = lines
        self._reader = reader
        # Lines that were read ahead, and their bytes; all but the last stay in the quoted field. leaves: whether the
        # last leaves it; error: what is wrong with it if it does.
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._leaves = False
        self._error = ""

    def next(self) -> bytes:
        """The next line; empty at the end."""
        if not self._lines:
            return next(self._source, b"")
        line = self._lines.popleft()
        self._size -= size_of(line)
        self._leaves = self._leaves and bool(self._lines)
        return line

    def closed(self, size: int) -> tuple[int, str]:
        """(lines, error) how many lines it takes to close a field in quotes; an error where so many bytes do not."""
        while not self._leaves and self._size <= size and (line := next(self._source, b"")):
            found = self._left(line)
            self._leaves, self._error = found is not None, found or ""
            self._lines.append(line)
            self._size += size_of(line)
        if not self._leaves or self._size - size_of(self._lines[-1]) > size:
            return 0, _UNCLOSED
        return len(self._lines), self._error

    def _left(self, line: bytes) -> str | None:
        """None for a line that stays in the quoted field, "" for one that leaves it, or what is wrong with it."""
        if isinstance(line, Unfit):
            return _UNCLOSED
        opened = iter(['"\n', line.decode("utf-8", "replace")])
        stays = False

        def lines() -> Iterator[str]:
            nonlocal stays
            yield from opened
            stays = True

        try:
            next(self._reader(lines()), None)
        except csv.Error as error:
            return str(error)
        return None if stays else ""


_UNCLOSED = "unclosed quote"


def _joined(lines: Iterator[bytes], reader: Callable[[Any], Iterator[list[str]]]) -> Iterator[bytes]:
    """The lines of each CSV record as one, parted as the reader does.

    A quote that is never closed would swallow the rest of the file. The line it opens in is given up, and reading
    goes on with the line after it.
    """
    ahead = _Ahead(lines, reader)
    while line := ahead.next():
        if isinstance(line, Unfit):
            yield line
            continue
        is_open = False

        def first(line: bytes = line) -> Iterator[str]:
            nonlocal is_open
            yield line.decode("utf-8", "replace")
            is_open = True

        problem = ""
        try:
            next(reader(first()), None)
        except csv.Error as error:
            problem = str(error)
        count = 0
        if is_open and not problem:
            count, problem = ahead.closed(base.LONGEST - len(line))
        if problem:
            yield Unfit.of(line, len(line), "invalid CSV", problem)
        else:
            yield b"".join([line, *(ahead.next() for _ in range(count))]) if count else line


def end_of(raw: bytes) -> bytes:
    return raw[len(raw.rstrip(b"\r\n")) :]


def with_end(text: str, raw: bytes) -> bytes:
    return text.encode() + end_of(raw)
