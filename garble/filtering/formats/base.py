"""The records of a corpus: a document a line of text, a JSON object a line, a row of a table.

A file is read in blocks of whole records. Where a block ends hangs on the file alone, so that the same bytes come out
however many work on them. Records that are kept are the bytes that were read.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from io import StringIO
from itertools import chain, islice
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple, Protocol

from garble.columns.packets import packets
from garble.errors import InputError
from garble.filtering.streams import Stream, name_parts, opened, skip
from garble.io import STDIN, name_of

# What is said of a document stands under this name in its record.
NOTE = "garble"
NOTE_PARTS = ("score", "garbled", "reason", "passages")
NOTE_COLUMNS = [f"{NOTE}_{part}" for part in NOTE_PARTS]
# Bytes of the longest record that is taken up.
LONGEST = 16 << 20
# Of a record that is too long this much is kept.
SHOWN = 200
_MARK = b"\xef\xbb\xbf"
# Byte order marks of what is not read, the longer ones first.
_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# Records, and bytes of each, that are looked at before anything is written.
_FIRST, _FIRST_BYTES = 100, 1 << 20
# JSON nested deeper than this can be read, but not by every reader, nor changed within Python's recursion limit.
_DEEPEST = 500
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]')
# What JSON takes for white space.
_SPACE = " \t\r\n"

Note = dict[str, Any]
Texts = Mapping[int, str]
Notes = Mapping[int, Note]


class Layout(NamedTuple):
    """The fields that hold a record's text and its id, and how many bytes of records make a block."""

    text: str = "text"
    id: str = "id"
    block: int = 1 << 20


class Unfit(bytes):
    """A record that was given up while it was read: what of it is kept, its size in bytes, what is wrong with it."""

    size: int
    problem: tuple[str, str]

    @classmethod
    def of(cls, raw: bytes, size: int, kind: str, detail: str) -> Unfit:
        """With the problem in general and in detail."""
        record = cls(raw)
        record.size, record.problem = size, (kind, detail)
        return record


class Block(NamedTuple):
    """Some records on their way to a worker.

    line: the number of the first, from 1. raw: their bytes. head: what stands before all records, such as the names
    of the columns. place, after: where the next block begins, as its format counts, and on which line. read: bytes of
    the file as it lies on the disk that are read by then.
    """

    line: int
    raw: list[bytes]
    head: bytes
    place: int
    after: int
    read: int


class Problem(NamedTuple):
    """A record that cannot be scored: its line, what is wrong in general and in detail, and its bytes."""

    line: int
    kind: str
    detail: str
    raw: bytes


class Rows(NamedTuple):
    """The records of a block that can be scored, each with its line, text and id ("" for none), and the others.

    rows: what their format needs to write them again.
    """

    lines: list[int]
    texts: list[str]
    ids: list[str]
    rows: Any
    problems: list[Problem]


class Listed(NamedTuple):
    """What was cut out of a document: from which, of which file and line, from and to which character, and why."""

    id: str
    file: str
    line: int
    start: int
    end: int
    score: float
    reason: str
    text: str


class Format(Protocol):
    """One way of keeping records in a file."""

    name: str

    def head(self, path: str) -> bytes:
        """What files must share to go into one output. Raises InputError for a file without the field of the text."""

    def first_fault(self, path: str, noted: bool) -> str:
        """What is wrong with all of the first records of a file, or with their columns; "" where nothing is.

        noted: the records are to carry notes.
        """

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """The records from the place `start` on, which is line `line`; of an empty file a block without any.

        more: other files follow in the same output.
        """

    def parse(self, block: Block) -> Rows:
        """The records of a block."""

    def some(self, rows: Rows, first: int, last: int) -> Rows:
        """The rows from the first to the last, that left out, without the problems."""

    def raw(self, rows: Rows, i: int) -> bytes:
        """The bytes of a row, for the file of errors."""

    def begin(self, head: bytes, noted: bool) -> bytes:
        """What an output starts with; noted: its records carry notes."""

    def begin_listing(self) -> bytes:
        """What a file of listed records starts with."""

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, notes: Notes | None) -> bytes:
        """The chosen rows as they were, but for a new text where there is one, and with their notes if any."""

    def listing(self, records: Sequence[Listed]) -> bytes:
        """Records of what was cut out."""

    def whole(self, part: Path) -> Path:
        """What was written piece by piece as a whole file, which may be another than `part`."""


class Lines:
    """A record a line: what plain text and JSON Lines have in common."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def head(self, path: str) -> bytes:
        """Nothing."""
        return b""

    def begin(self, head: bytes, noted: bool) -> bytes:
        """Nothing."""
        return b""

    def begin_listing(self) -> bytes:
        """Nothing."""
        return b""

    def whole(self, part: Path) -> Path:
        """The part itself."""
        return part

    def first_fault(self, path: str, noted: bool) -> str:
        """Nothing that could be wrong with all of them."""
        return ""

    def some(self, rows: Rows, first: int, last: int) -> Rows:
        """The rows from the first to the last, that left out."""
        return rows_between(rows, first, last)

    def raw(self, rows: Rows, i: int) -> bytes:
        """The line."""
        raw: bytes = rows.rows[i]
        return raw

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """As many lines as come to a block."""
        with opened(path) as stream:
            skip(stream.bytes, start)
            records = self._records(_utf8(_lines(stream, more), path) if not start else _lines(stream, more))
            yield from _blocks(records, self.layout.block, stream, b"", start, line)

    def parse(self, block: Block) -> Rows:
        """The lines that are records; others are problems, and blank ones nothing."""
        return _rows(block, self._record)

    def _records(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        return lines

    def _record(self, raw: bytes, first: bool) -> tuple[str, str, Any] | tuple[str, str] | None:
        raise NotImplementedError


class Text(Lines):
    """Plain text, a document a line; the blank lines after it belong to it."""

    name = "text"

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, notes: Notes | None) -> bytes:
        """The lines; they have no place for notes."""

        def written(i: int) -> bytes:
            raw: bytes = rows.rows[i]
            return raw.replace(rows.texts[i].encode(), texts[i].encode()) if i in texts else raw

        return b"".join(map(written, chosen))

    def listing(self, records: Sequence[Listed]) -> bytes:
        """The texts, a line each."""
        return "".join(" ".join(record.text.split()) + "\n" for record in records).encode()

    def _records(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        record: list[bytes] = []
        size, is_filled = 0, False
        for line in lines:
            is_unfit = isinstance(line, Unfit)
            if record and (is_unfit or size > LONGEST or (is_filled and line.strip())):
                yield b"".join(record)
                record, size, is_filled = [], 0, False
            if is_unfit:
                yield line
            else:
                record.append(line)
                size, is_filled = size + len(line), is_filled or bool(line.strip())
        if record:
            yield b"".join(record)

    def _record(self, raw: bytes, first: bool) -> tuple[str, str, Any] | None:
        text = _decoded(raw.strip(), first)
        return (text, "", raw) if text else None


class JsonLines(Lines):
    """A JSON object a line. A text that is cut is put in place of the old one, and all else stays byte for byte."""

    name = "jsonl"

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, notes: Notes | None) -> bytes:
        """The lines, a note as one more field."""

        def written(i: int) -> bytes:
            raw: bytes = rows.rows[i]
            raw = _with_value(raw, self.layout.text, texts[i]) if i in texts else raw
            return _with_note(raw, notes[i]) if notes is not None else raw

        return b"".join(map(written, chosen))

    def listing(self, records: Sequence[Listed]) -> bytes:
        """An object a line."""
        return b"".join(dumped(record._asdict()) + b"\n" for record in records)

    def first_fault(self, path: str, noted: bool) -> str:
        """A field for the text that none of the first objects has, or a field of their own where a note would go."""
        found = list(self._first_objects(path))
        if found and not any(self.layout.text in record for record in found):
            names = dict.fromkeys(name for record in found for name in record)
            return f"no field {self.layout.text!r} in the first {len(found)} records, which have {_among(names)}"
        if noted and any(NOTE in record and not is_note(record[NOTE]) for record in found):
            return _own_field(NOTE)
        return ""

    def _first_objects(self, path: str) -> Iterator[dict[str, Any]]:
        try:
            with opened(path) as stream:
                for raw in islice(iter(lambda: stream.bytes.readline(_FIRST_BYTES), b""), _FIRST):
                    with suppress(ValueError, RecursionError):
                        if isinstance(record := json.loads(raw.removeprefix(_MARK)), dict):
                            yield record
        except InputError:
            # Whoever reads the records is told of it.
            return

    def _record(self, raw: bytes, first: bool) -> tuple[str, str, Any] | tuple[str, str] | None:
        line = _decoded(raw, first)
        if not line.strip(_SPACE):
            return None
        if _depth_exceeds(line, _DEEPEST):
            return "broken JSON", f"nested deeper than {_DEEPEST} levels"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            return "broken JSON", f"broken JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}"
        except (ValueError, RecursionError) as error:
            return "broken JSON", f"broken JSON: {error}"
        if not isinstance(record, dict):
            return "no object", f"{_kind_of(record)}, not an object"
        if self.layout.text not in record:
            return "missing field", f"no field {self.layout.text!r}"
        if not isinstance(text := record[self.layout.text], str):
            return "no string", f"field {self.layout.text!r} is {_kind_of(text)}, not a string"
        name = record.get(self.layout.id)
        return text, str(name) if isinstance(name, str | int) else "", raw


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
                start, line = len(head), line + _breaks(head)
            records = _joined(_lines(stream, more), self._reader)
            yield from _blocks(records, self.layout.block, stream, head, start, line)

    def first_fault(self, path: str, noted: bool) -> str:
        """A column of their own where one for a note would go."""
        with opened(path) as stream:
            columns = self._columns(self._head(stream, False, path))
        taken = [name for name in NOTE_COLUMNS if name in columns]
        return _own_field(*taken) if noted and taken else ""

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
                return "broken CSV", f"broken CSV: {len(values)} fields, and the header has {len(columns)}"
            return values[text_at], "" if id_at is None else values[id_at], (raw, values, text_at)

        return _rows(block, record)

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
                raw = _with_end(self._line([*values[:text_at], texts[i], *values[text_at + 1 :]]), raw)
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
        csv.field_size_limit(2 * LONGEST)
        return csv.reader(lines, delimiter=self.delimiter)

    def _head(self, stream: Stream, more: bool, path: str) -> bytes:
        head = next(_joined(_lines(stream, more), self._reader), b"")
        if stream.broken and not head:
            raise stream.broken
        if other := _other_mark(head):
            raise InputError(name_of(path), other)
        if isinstance(head, Unfit) and b"\r" in head.rstrip(b"\r\n"):
            raise InputError(name_of(path), "no header: lines end in CR alone; convert them to LF or CRLF first")
        if isinstance(head, Unfit):
            raise InputError(name_of(path), f"no header: {head.problem[1]}")
        columns = self._columns(head)
        if (count := columns.count(self.layout.text)) != 1:
            few = "more than one" if count else "no"
            raise InputError(name_of(path), f"{few} column {self.layout.text!r} among {', '.join(columns) or 'none'}")
        return head

    def _columns(self, head: bytes) -> list[str]:
        return next(self._reader([head.removeprefix(_MARK).decode("utf-8", "replace")]), [])

    def _line(self, values: Sequence[object]) -> str:
        line = StringIO(newline="")
        # What stands in the line's end is put in quotes, and so must be every break.
        csv.writer(line, delimiter=self.delimiter, lineterminator="\r\n").writerow(values)
        return line.getvalue().removesuffix("\r\n")

    def _extended(self, raw: bytes, values: Sequence[object]) -> bytes:
        end = _end_of(raw)
        return raw.removesuffix(end) + self._line(["", *values]).encode() + end if values else raw


def format_of(path: str, layout: Layout) -> Format:
    """The format that a file's name stands for; standard streams hold JSON Lines.

    Raises InputError for a name that stands for none, and for one that needs what is not installed.
    """
    suffix, compression = (".jsonl", "") if path == STDIN else name_parts(path)
    if suffix not in SUFFIXES:
        raise InputError(name_of(path), f"no format goes by that name; there are {', '.join(SUFFIXES)}")
    if suffix == ".parquet" and compression:
        raise InputError(name_of(path), "Parquet is compressed within the file; leave that ending away")
    return SUFFIXES[suffix](layout)


def _parquet(layout: Layout) -> Format:
    try:
        from garble.filtering.formats.parquet import Parquet
    except ImportError as error:
        raise InputError("Parquet", "needs pip install 'garble[parquet]'") from error
    return Parquet(layout)


SUFFIXES: dict[str, Callable[[Layout], Format]] = {
    ".txt": Text,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".json": JsonLines,
    ".csv": partial(Csv, delimiter=","),
    ".tsv": partial(Csv, delimiter="\t"),
    ".parquet": _parquet,
}


def undecodable(error: UnicodeDecodeError) -> tuple[str, str]:
    """What is wrong with bytes that are no UTF-8, in general and in detail."""
    return "not UTF-8", f"not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}"


def dumped(value: Any) -> bytes:
    """JSON in UTF-8, or in ASCII where a lone surrogate leaves no choice."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def _lines(stream: Stream, more: bool) -> Iterator[bytes]:
    """Lines with their ends; more: the last gets one as well. Of one longer than LONGEST the beginning.

    They end where the file cannot be read further.
    """
    try:
        while line := stream.bytes.readline(LONGEST + 1):
            if len(line) > LONGEST:
                size = len(line)
                while not line.endswith(b"\n") and (rest := stream.bytes.readline(1 << 20)):
                    size += len(rest)
                    line = line[:SHOWN] + rest[-1:]
                yield Unfit.of(line[:SHOWN], size, "too long", f"too long: {size:,} bytes and at most {LONGEST:,}")
            else:
                yield line if line.endswith(b"\n") or not more else line + b"\n"
    except Exception as error:
        stream.broken = error


def _utf8(lines: Iterator[bytes], path: str) -> Iterator[bytes]:
    """The lines of a file from its beginning on. Raises InputError where that says that it is in another encoding."""
    first = next(lines, b"")
    if other := _other_mark(first):
        raise InputError(name_of(path), other)
    return chain([first], lines) if first else lines


def _other_mark(raw: bytes) -> str:
    """The problem with bytes that begin with the mark of an encoding other than UTF-8; "" where they do not."""
    name = next((name for mark, name in _OTHER_MARKS if raw.startswith(mark)), "")
    return name and f"{name}, and records are read in UTF-8; convert it first, with iconv -f {name} -t UTF-8"


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
        self._size -= _size(line)
        self._leaves = self._leaves and bool(self._lines)
        return line

    def closed(self, size: int) -> tuple[int, str]:
        """(lines, error) how many lines it takes to close a field in quotes; an error where so many bytes do not."""
        while not self._leaves and self._size <= size and (line := next(self._source, b"")):
            found = self._left(line)
            self._leaves, self._error = found is not None, found or ""
            self._lines.append(line)
            self._size += _size(line)
        if not self._leaves or self._size - _size(self._lines[-1]) > size:
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


_UNCLOSED = "a quote is never closed"


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
            count, problem = ahead.closed(LONGEST - len(line))
        if problem:
            yield Unfit.of(line, len(line), "broken CSV", problem)
        else:
            yield b"".join([line, *(ahead.next() for _ in range(count))]) if count else line


def _blocks(records: Iterator[bytes], size: int, stream: Stream, head: bytes, place: int, line: int) -> Iterator[Block]:
    block = None
    for packet in packets(records, size, _size):
        first, line = line, line + sum(map(_breaks, packet))
        place += sum(map(_size, packet))
        block = Block(first, packet, head, place, line, stream.place())
        yield block
    if block is None and not stream.broken:
        yield Block(line, [], head, place, line, stream.place())


def rows_between(rows: Rows, first: int, last: int) -> Rows:
    """Some of the rows, which are a list, without the problems."""
    return Rows(rows.lines[first:last], rows.texts[first:last], rows.ids[first:last], rows.rows[first:last], [])


def is_note(value: object) -> bool:
    """Whether it is what garble has noted before, which a new note may replace."""
    return isinstance(value, dict) and set(value) == set(NOTE_PARTS)


def _own_field(*names: str) -> str:
    own = ", ".join(map(repr, names))
    return f"the records have {own} of their own, which a note would replace; rename it first"


def _among(names: Iterable[str]) -> str:
    return shorten(", ".join(map(str, names)), 120, placeholder=" …") or "none"


def _depth_exceeds(line: str, most: int) -> bool:
    """Whether brackets of JSON are nested deeper than that."""
    if line.count("[") + line.count("{") <= most:
        return False
    depth = 0
    for match in _BRACKET.finditer(line):
        depth += match[0] in ("[", "{")
        depth -= match[0] in ("]", "}")
        if depth > most:
            return True
    return False


def _rows(block: Block, read: Callable[[bytes, bool], tuple[str, str, Any] | tuple[str, str] | None]) -> Rows:
    """read: gives a record's text, id and row, or its problem in general and in detail, or None for no record."""
    rows = Rows([], [], [], [], [])
    line = block.line
    for raw in block.raw:
        try:
            found = raw.problem if isinstance(raw, Unfit) else read(raw, line == 1)
        except UnicodeDecodeError as error:
            found = undecodable(error)
        except (ValueError, RecursionError) as error:
            found = "unreadable", " ".join(str(error).split())
        if found is not None and len(found) == 2:
            rows.problems.append(Problem(line, *found, raw))
        elif found is not None:
            rows.lines.append(line)
            for column, value in zip((rows.texts, rows.ids, rows.rows), found, strict=True):
                column.append(value)
        line += _breaks(raw)
    return rows


def _decoded(raw: bytes, first: bool) -> str:
    return (raw.removeprefix(_MARK) if first else raw).decode()


def _size(raw: bytes) -> int:
    return raw.size if isinstance(raw, Unfit) else len(raw)


def _breaks(raw: bytes) -> int:
    return max(raw.count(b"\n"), 1)


def _end_of(raw: bytes) -> bytes:
    return raw[len(raw.rstrip(b"\r\n")) :]


def _with_end(text: str, raw: bytes) -> bytes:
    return text.encode() + _end_of(raw)


def _with_value(raw: bytes, field: str, value: Any) -> bytes:
    """A line of JSON with another value in one field, and every other byte as it was."""
    line = raw.decode()
    start, end = _value_span(line, field)
    new = json.dumps(value) if line[start:end].isascii() else dumped(value).decode()
    return (line[:start] + new + line[end:]).encode()


def _value_span(line: str, field: str) -> tuple[int, int]:
    """Where the field's value stands; the last one's where there are several, as in `json.loads`."""
    decoder = json.JSONDecoder()
    place = line.index("{") + 1
    span = place, place
    while True:
        key, place = decoder.raw_decode(line, _past(line, place, _SPACE))
        start = _past(line, _past(line, place, _SPACE) + 1, _SPACE)
        _, place = decoder.raw_decode(line, start)
        if key == field:
            span = start, place
        place = _past(line, place, _SPACE)
        if line[place] == "}":
            return span
        place += 1


def _past(line: str, place: int, passed: str) -> int:
    while line[place] in passed:
        place += 1
    return place


def _with_note(raw: bytes, note: Note) -> bytes:
    body = raw.rstrip()
    if f'"{NOTE}"'.encode() in body and NOTE in (record := json.loads(body.removeprefix(_MARK))):
        if not is_note(record[NOTE]):
            raise InputError(f"field {NOTE!r}", "the record's own, which a note would replace")
        return _with_value(raw, NOTE, note)
    return body[:-1] + f', "{NOTE}": '.encode() + dumped(note) + b"}" + raw[len(body) :]


def _kind_of(value: object) -> str:
    names = {"NoneType": "null", "bool": "a boolean", "list": "a list", "dict": "an object", "str": "a string"}
    return names.get(type(value).__name__, "a number")
