"""The records of a corpus: a document a line of text, a JSON object a line, a row of a table.

A file is read in blocks of whole records. Where a block ends hangs on the file alone, so that the same bytes come out
however many work on them. Records that are kept are the bytes that were read.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from garble.columns.packets import packets
from garble.errors import InputError
from garble.filtering.streams import Stream
from garble.io import name_of

# What is said of a document stands under this name in its record.
NOTE = "garble"
NOTE_PARTS = ("score", "garbled", "reason", "passages")
NOTE_COLUMNS = [f"{NOTE}_{part}" for part in NOTE_PARTS]
# Bytes of the longest record that is taken up.
LONGEST = 16 << 20
# Of a record that is too long this much is kept.
SHOWN = 200
MARK = b"\xef\xbb\xbf"
# Byte order marks of what is not read, the longer ones first.
_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)

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


def undecodable(error: UnicodeDecodeError) -> tuple[str, str]:
    """What is wrong with bytes that are no UTF-8, in general and in detail."""
    return "not UTF-8", f"not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}"


def dumped(value: Any) -> bytes:
    """JSON in UTF-8, or in ASCII where a lone surrogate leaves no choice."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def lines_of(stream: Stream, more: bool) -> Iterator[bytes]:
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
                yield Unfit.of(line[:SHOWN], size, "too long", f"too long: {size:,} bytes; limit {LONGEST:,}")
            else:
                yield line if line.endswith(b"\n") or not more else line + b"\n"
    except Exception as error:
        stream.broken = error


def in_utf8(lines: Iterator[bytes], path: str) -> Iterator[bytes]:
    """The lines of a file from its beginning on. Raises InputError where that says that it is in another encoding."""
    first = next(lines, b"")
    if other := other_mark(first):
        raise InputError(name_of(path), other)
    return chain([first], lines) if first else lines


def other_mark(raw: bytes) -> str:
    """The problem with bytes that begin with the mark of an encoding other than UTF-8; "" where they do not."""
    name = next((name for mark, name in _OTHER_MARKS if raw.startswith(mark)), "")
    return name and f"{name}; records must be UTF-8. Convert with iconv -f {name} -t UTF-8"


def blocks_of(
    records: Iterator[bytes], size: int, stream: Stream, head: bytes, place: int, line: int
) -> Iterator[Block]:
    block = None
    for packet in packets(records, size, size_of):
        first, line = line, line + sum(map(breaks, packet))
        place += sum(map(size_of, packet))
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


def own_field(*names: str) -> str:
    own = ", ".join(map(repr, names))
    return f"the records already have {own}, which the decision would replace; rename it first"


def rows_of_block(block: Block, read: Callable[[bytes, bool], tuple[str, str, Any] | tuple[str, str] | None]) -> Rows:
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
        line += breaks(raw)
    return rows


def size_of(raw: bytes) -> int:
    return raw.size if isinstance(raw, Unfit) else len(raw)


def breaks(raw: bytes) -> int:
    return max(raw.count(b"\n"), 1)
