"""The records of a corpus: a document a line of text, a JSON object a line, a row of a table.

A file is read in blocks of whole records. Where a block ends hangs on the file alone, so that the same bytes come out
however many work on them. Records that are kept are the bytes that were read.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from garble.batch import packets
from garble.corpus.streams import Stream, name_parts, opened, skip
from garble.errors import InputError
from garble.io import STDIN, name_of

# What is said of a document stands under this name in its record.
NOTE = "garble"
# Bytes of the longest record that is taken up.
LONGEST = 16 << 20
# Of a record that is too long this much is kept.
SHOWN = 200
_MARK = b"\xef\xbb\xbf"
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

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """The records from the place `start` on, which is line `line`; of an empty file a block without any.

        more: other files follow in the same output.
        """

    def parse(self, block: Block) -> Rows:
        """The records of a block."""

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

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """As many lines as come to a block."""
        with opened(path) as stream:
            skip(stream.bytes, start)
            records = self._records(_lines(stream, more))
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

    def _record(self, raw: bytes, first: bool) -> tuple[str, str, Any] | tuple[str, str] | None:
        line = _decoded(raw, first)
        if not line.strip(_SPACE):
            return None
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
        return self._extended(head, [f"{NOTE}_{part}" for part in ("score", "garbled", "reason", "passages")] * noted)

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
        from garble.corpus.parquet import Parquet
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


def _joined(lines: Iterator[bytes], reader: Callable[[Any], Iterator[list[str]]]) -> Iterator[bytes]:
    """The lines of each CSV record as one, parted as the reader does.

    A quote that is never closed would swallow the rest of the file. The line it opens in is given up, and reading
    goes on with the line after it.
    """
    again: list[bytes] = []

    def taken() -> Iterator[str]:
        size = 0
        while size <= LONGEST and (line := again.pop() if again else next(lines, b"")):
            record.append(line)
            size += len(line)
            if isinstance(line, Unfit):
                break
            yield line.decode("utf-8", "replace")
        if record:
            raise csv.Error("a quote is never closed")

    while True:
        record: list[bytes] = []
        try:
            next(reader(taken()), None)
        except csv.Error as error:
            first, *rest = record
            again += reversed(rest)
            record = [first if isinstance(first, Unfit) else Unfit.of(first, len(first), "broken CSV", str(error))]
        if not record:
            return
        yield record[0] if len(record) == 1 else b"".join(record)


def _blocks(records: Iterator[bytes], size: int, stream: Stream, head: bytes, place: int, line: int) -> Iterator[Block]:
    block = None
    for packet in packets(records, size, _size):
        first, line = line, line + sum(map(_breaks, packet))
        place += sum(map(_size, packet))
        block = Block(first, packet, head, place, line, stream.place())
        yield block
    if block is None and not stream.broken:
        yield Block(line, [], head, place, line, stream.place())


def _rows(block: Block, read: Callable[[bytes, bool], tuple[str, str, Any] | tuple[str, str] | None]) -> Rows:
    """read: gives a record's text, id and row, or its problem in general and in detail, or None for no record."""
    rows = Rows([], [], [], [], [])
    line = block.line
    for raw in block.raw:
        try:
            found = raw.problem if isinstance(raw, Unfit) else read(raw, line == 1)
        except UnicodeDecodeError as error:
            found = undecodable(error)
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
    if f'"{NOTE}"'.encode() in body and NOTE in json.loads(body.removeprefix(_MARK)):
        return _with_value(raw, NOTE, note)
    return body[:-1] + f', "{NOTE}": '.encode() + dumped(note) + b"}" + raw[len(body) :]


def _kind_of(value: object) -> str:
    names = {"NoneType": "null", "bool": "a boolean", "list": "a list", "dict": "an object", "str": "a string"}
    return names.get(type(value).__name__, "a number")
