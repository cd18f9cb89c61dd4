"""CSV and TSV: one record per row, with a header."""

from __future__ import annotations

import csv
import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from garble.errors import InputError
from garble.filtering.formats import base
from garble.filtering.formats.base import (
    ANNOTATION_COLUMNS,
    ANNOTATION_FIELDS,
    BYTE_ORDER_MARK,
    Annotation,
    Annotations,
    BadRecord,
    Block,
    ConversionError,
    CutRecord,
    Layout,
    Record,
    Rows,
    Texts,
    Values,
    blocks_of,
    count_lines,
    dumped,
    field_conflict,
    first_of,
    lines_of,
    other_encoding,
    rows_of_block,
    selected,
    size_of,
)
from garble.filtering.formats.fields import Part, kind_of
from garble.filtering.streams import Stream, opened, skip
from garble.io import name_of


class Csv:
    """Comma- or tab-separated values with a header; quoted fields can contain line breaks."""

    def __init__(self, layout: Layout, delimiter: str) -> None:
        self.layout = layout
        self.delimiter = delimiter
        self.name = "tsv" if delimiter == "\t" else "csv"

    def head(self, path: str) -> bytes:
        """The names of the columns, in normalized form."""
        with opened(path) as stream:
            return self._line(self._columns(self._head(stream, False, path))).encode()

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """Blocks of whole rows."""
        with opened(path) as stream:
            head = self._head(stream, more, path)
            if start:
                skip(stream.bytes, start - len(head))
            else:
                start, line = len(head), line + count_lines(head)
            records = _joined(lines_of(stream, more), self._reader)
            yield from blocks_of(records, self.layout.block, stream, head, start, line)

    def first_problem(self, path: str, annotated: bool) -> str:
        """A column has the name of a column of the annotation."""
        with opened(path) as stream:
            columns = self._columns(self._head(stream, False, path))
        conflicts = [name for name in ANNOTATION_COLUMNS if name in columns]
        return field_conflict(*conflicts) if annotated and conflicts else ""

    def first_records(self, block: Block, limit: int) -> tuple[Block, int]:
        """The first records; blank lines are not counted."""
        return first_of(block, limit, b"\r\n")

    def select(self, rows: Rows, chosen: Sequence[int]) -> Rows:
        """The chosen rows."""
        return selected(rows, chosen)

    def raw(self, rows: Rows, i: int) -> bytes:
        """The bytes of the row."""
        raw: bytes = rows.rows[i][0]
        return raw

    def parse(self, block: Block) -> Rows:
        """Parse the rows; a row with another number of fields is a problem."""
        columns = self._columns(block.head)
        text_at = columns.index(self.layout.text)
        id_at = columns.index(self.layout.id) if self.layout.id in columns else None

        def record(raw: bytes, first: bool) -> Record | tuple[str, str] | None:
            values = next(self._reader([raw.decode()]), [])
            if not values:
                return None
            if len(values) != len(columns):
                return "invalid CSV", f"invalid CSV: {len(values)} fields, but the header has {len(columns)}"
            return (Part(values[text_at]),), "" if id_at is None else values[id_at], (raw, values, text_at, columns)

        return rows_of_block(block, record)

    def begin(self, head: bytes, annotated: bool) -> bytes:
        """The header; with `annotated`, also the columns of the annotation."""
        return self._extended(head, ANNOTATION_COLUMNS * annotated)

    def begin_cuts(self) -> bytes:
        """The header of a file of cuts."""
        return f"{self._line(CutRecord._fields)}\n".encode()

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, annotations: Annotations | None) -> bytes:
        """The rows; annotations are additional columns, with the passages as JSON."""

        def written(i: int) -> bytes:
            raw: bytes = rows.rows[i][0]
            _, values, text_at, _ = rows.rows[i]
            if i in texts:
                raw = with_end(self._line([*values[:text_at], *texts[i], *values[text_at + 1 :]]), raw)
            if annotations is None:
                return raw
            return self._extended(raw, self._annotation(annotations[i]))

        return b"".join(map(written, chosen))

    def conversion_problem(self, path: str, target: str) -> str:
        """Two columns with one name would become one."""
        names = Counter(self.columns(path))
        return next((f"more than one column {name!r}; rename one" for name, n in names.items() if n > 1), "")

    def columns(self, path: str) -> list[str]:
        """The names in the header."""
        with opened(path) as stream:
            return self._columns(self._head(stream, False, path))

    def values(self, rows: Rows, chosen: Sequence[int], texts: Texts) -> list[Values]:
        """The rows; all values are strings."""

        def record(i: int) -> Values:
            _, values, text_at, columns = rows.rows[i]
            new = [*values[:text_at], *texts[i], *values[text_at + 1 :]] if i in texts else values
            return dict(zip(columns, new, strict=True))

        return [record(i) for i in chosen]

    def columns_of(self, names: Sequence[str], records: Iterator[list[Values]], annotated: bool) -> bytes:
        """The header, with all fields of the records."""
        found = [*dict.fromkeys([*names, *(name for block in records for record in block for name in record)])]
        if annotated and (conflicts := [name for name in ANNOTATION_COLUMNS if name in found]):
            raise ValueError(field_conflict(*conflicts))
        return self._line(found).encode("utf-8", "surrogateescape") + b"\n"

    def head_of(self, columns: bytes) -> bytes:
        """The header."""
        return columns

    def encode(self, records: Sequence[Values], annotations: Sequence[Annotation] | None, columns: bytes) -> bytes:
        """One row per record. Fields that a record lacks are empty, and so is null."""
        names = self._columns(columns)
        rows = [[self._cell(name, record.get(name)) for name in names] for record in records]
        for row, annotation in zip(rows, annotations or (), strict=annotations is not None):
            row += self._annotation(annotation)
        return "".join(self._line(row) + "\n" for row in rows).encode()

    def _cell(self, name: str, value: Any) -> str:
        if isinstance(value, dict | list):
            raise ConversionError(f"column {name!r}", f"{self.name.upper()} cannot hold {kind_of(value)}")
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise ConversionError(f"column {name!r}", "has a lone surrogate, which UTF-8 cannot hold")
        return text

    def _annotation(self, annotation: Annotation) -> list[str]:
        """The columns of an annotation."""
        values = [str(annotation[name]) for name in ANNOTATION_FIELDS[:-1]]
        return [*values, dumped(annotation[ANNOTATION_FIELDS[-1]]).decode()]

    def write_cuts(self, records: Sequence[CutRecord]) -> bytes:
        """One row per cut."""
        return "".join(self._line(record) + "\n" for record in records).encode("utf-8", "surrogateescape")

    def finish(self, part: Path) -> Path:
        """`part`; nothing to do."""
        return part

    def _reader(self, lines: Any) -> Iterator[list[str]]:
        # The limit is global to the process, and other code may have lowered it.
        csv.field_size_limit(2 * base.MAX_RECORD_BYTES)
        return csv.reader(lines, delimiter=self.delimiter)

    def _head(self, stream: Stream, more: bool, path: str) -> bytes:
        head = next(_joined(lines_of(stream, more), self._reader), b"")
        if stream.broken and not head:
            raise stream.broken
        if other := other_encoding(head):
            raise InputError(name_of(path), other)
        if isinstance(head, BadRecord) and b"\r" in head.rstrip(b"\r\n"):
            raise InputError(name_of(path), "no header: line endings are CR only; convert them to LF or CRLF")
        if isinstance(head, BadRecord):
            raise InputError(name_of(path), f"no header: {head.problem[1]}")
        columns = self._columns(head)
        if (count := columns.count(self.layout.text)) != 1:
            quantity = "more than one" if count else "no"
            raise InputError(
                name_of(path), f"{quantity} column {self.layout.text!r}; found: {', '.join(columns) or 'none'}"
            )
        return head

    def _columns(self, head: bytes) -> list[str]:
        return next(self._reader([head.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace")]), [])

    def _line(self, values: Sequence[object]) -> str:
        line = StringIO(newline="")
        # The csv module quotes fields with characters of the line terminator, so both must be in it.
        csv.writer(line, delimiter=self.delimiter, lineterminator="\r\n").writerow(values)
        return line.getvalue().removesuffix("\r\n")

    def _extended(self, raw: bytes, values: Sequence[object]) -> bytes:
        end = end_of(raw)
        return raw.removesuffix(end) + self._line(["", *values]).encode() + end if values else raw


class _LineBuffer:
    """Lines read ahead, and whether each closes a quoted field that is open at its start.

    This depends only on the line, so each line is parsed once, for any number of unclosed quotes before it.
    """

    def __init__(self, lines: Iterator[bytes], reader: Callable[[Any], Iterator[list[str]]]) -> None:
        self._source = lines
        self._reader = reader
        # All buffered lines but the last stay inside the quoted field. _is_closed: whether the last closes it; _error:
        # the problem of the last.
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._is_closed = False
        self._error = ""

    def next(self) -> bytes:
        """The next line; empty at the end of the file."""
        if not self._lines:
            return next(self._source, b"")
        line = self._lines.popleft()
        self._size -= size_of(line)
        self._is_closed = self._is_closed and bool(self._lines)
        return line

    def closed(self, size: int) -> tuple[int, str]:
        """(lines, error): number of lines until a quoted field is closed; an error if `size` bytes do not close it."""
        while not self._is_closed and self._size <= size and (line := next(self._source, b"")):
            error = self._closing_error(line)
            self._is_closed, self._error = error is not None, error or ""
            self._lines.append(line)
            self._size += size_of(line)
        if not self._is_closed or self._size - size_of(self._lines[-1]) > size:
            return 0, _UNCLOSED
        return len(self._lines), self._error

    def _closing_error(self, line: bytes) -> str | None:
        """None for a line that stays inside the quoted field, "" for one that closes it, or an error."""
        if isinstance(line, BadRecord):
            return _UNCLOSED
        opened = iter(['"\n', line.decode("utf-8", "replace")])
        is_inside = False

        def lines() -> Iterator[str]:
            nonlocal is_inside
            yield from opened
            is_inside = True

        try:
            next(self._reader(lines()), None)
        except csv.Error as error:
            return str(error)
        return None if is_inside else ""


_UNCLOSED = "unclosed quote"


def _joined(lines: Iterator[bytes], reader: Callable[[Any], Iterator[list[str]]]) -> Iterator[bytes]:
    """CSV records as the csv module separates them, with the lines of each joined.

    An unclosed quote would include the rest of the file. The line with it is a BadRecord, and reading continues with
    the next line.
    """
    ahead = _LineBuffer(lines, reader)
    while line := ahead.next():
        if isinstance(line, BadRecord):
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
            count, problem = ahead.closed(base.MAX_RECORD_BYTES - len(line))
        if problem:
            yield BadRecord.of(line, len(line), "invalid CSV", problem)
        else:
            yield b"".join([line, *(ahead.next() for _ in range(count))]) if count else line


def end_of(raw: bytes) -> bytes:
    return raw[len(raw.rstrip(b"\r\n")) :]


def with_end(text: str, raw: bytes) -> bytes:
    return text.encode() + end_of(raw)
