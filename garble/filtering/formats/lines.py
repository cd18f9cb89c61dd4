"""A record a line: plain text and JSON Lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from textwrap import shorten
from typing import Any

from garble.errors import InputError
from garble.filtering.formats import base
from garble.filtering.formats.base import (
    MARK,
    NOTE,
    Block,
    Layout,
    Listed,
    Note,
    Notes,
    Rows,
    Texts,
    Unfit,
    blocks_of,
    dumped,
    in_utf8,
    is_note,
    lines_of,
    own_field,
    rows_between,
    rows_of_block,
)
from garble.filtering.streams import opened, skip

# Records, and bytes of each, that are looked at before anything is written.
_FIRST, _FIRST_BYTES = 100, 1 << 20
# JSON nested deeper than this can be read, but not by every reader, nor changed within Python's recursion limit.
_DEEPEST = 500
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]')
# What JSON takes for white space.
_SPACE = " \t\r\n"


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
            records = self._records(in_utf8(lines_of(stream, more), path) if not start else lines_of(stream, more))
            yield from blocks_of(records, self.layout.block, stream, b"", start, line)

    def parse(self, block: Block) -> Rows:
        """The lines that are records; others are problems, and blank ones nothing."""
        return rows_of_block(block, self._record)

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
            if record and (is_unfit or size > base.LONGEST or (is_filled and line.strip())):
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
            return f"no field {self.layout.text!r} in the first {len(found)} records; found: {_among(names)}"
        if noted and any(NOTE in record and not is_note(record[NOTE]) for record in found):
            return own_field(NOTE)
        return ""

    def _first_objects(self, path: str) -> Iterator[dict[str, Any]]:
        try:
            with opened(path) as stream:
                for raw in islice(iter(lambda: stream.bytes.readline(_FIRST_BYTES), b""), _FIRST):
                    with suppress(ValueError, RecursionError):
                        if isinstance(record := json.loads(raw.removeprefix(MARK)), dict):
                            yield record
        except InputError:
            # Whoever reads the records is told of it.
            return

    def _record(self, raw: bytes, first: bool) -> tuple[str, str, Any] | tuple[str, str] | None:
        line = _decoded(raw, first)
        if not line.strip(_SPACE):
            return None
        if _depth_exceeds(line, _DEEPEST):
            return "invalid JSON", f"nested deeper than {_DEEPEST} levels"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            return "invalid JSON", f"invalid JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}"
        except (ValueError, RecursionError) as error:
            return "invalid JSON", f"invalid JSON: {error}"
        if not isinstance(record, dict):
            return "not an object", f"{_kind_of(record)}, not an object"
        if self.layout.text not in record:
            return "missing field", f"no field {self.layout.text!r}"
        if not isinstance(text := record[self.layout.text], str):
            return "not a string", f"field {self.layout.text!r} is {_kind_of(text)}, not a string"
        name = record.get(self.layout.id)
        return text, str(name) if isinstance(name, str | int) else "", raw


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


def _decoded(raw: bytes, first: bool) -> str:
    return (raw.removeprefix(MARK) if first else raw).decode()


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
    if f'"{NOTE}"'.encode() in body and NOTE in (record := json.loads(body.removeprefix(MARK))):
        if not is_note(record[NOTE]):
            raise InputError(f"field {NOTE!r}", "already in the record, and the decision would replace it")
        return _with_value(raw, NOTE, note)
    return body[:-1] + f', "{NOTE}": '.encode() + dumped(note) + b"}" + raw[len(body) :]


def _kind_of(value: object) -> str:
    names = {"NoneType": "null", "bool": "a boolean", "list": "a list", "dict": "an object", "str": "a string"}
    return names.get(type(value).__name__, "a number")
