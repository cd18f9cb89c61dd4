"""Formats with one record per line: plain text and JSON Lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, pairwise
from math import isfinite
from pathlib import Path
from textwrap import shorten
from typing import Any

from garble.errors import InputError
from garble.filtering.formats import base
from garble.filtering.formats.base import (
    ANNOTATION,
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
    checked_utf8,
    dumped,
    field_conflict,
    first_of,
    is_annotation,
    lines_of,
    rows_of_block,
    selected,
)
from garble.filtering.formats.fields import (
    SPACE,
    FieldError,
    Part,
    kind_of,
    member_start,
    text_spans,
    texts_in,
    value_end,
)
from garble.filtering.streams import opened, skip

# Records, and bytes of each, that are checked before anything is written.
_CHECKED_RECORDS, _CHECKED_BYTES = 100, 1 << 20
# Deeper JSON cannot be read by every parser, nor changed within Python's recursion limit.
_MAX_DEPTH = 500
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]')


class Lines:
    """Base class of formats with one record per line."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def head(self, path: str) -> bytes:
        """No header."""
        return b""

    def begin(self, head: bytes, annotated: bool) -> bytes:
        """No header."""
        return b""

    def begin_cuts(self) -> bytes:
        """No header."""
        return b""

    def finish(self, part: Path) -> Path:
        """`part`; nothing to do."""
        return part

    def first_problem(self, path: str, annotated: bool) -> str:
        """No problem: any line can be a record."""
        return ""

    def first_records(self, block: Block, limit: int) -> tuple[Block, int]:
        """The first records; blank lines are not counted."""
        return first_of(block, limit, SPACE.encode())

    def select(self, rows: Rows, chosen: Sequence[int]) -> Rows:
        """The chosen rows."""
        return selected(rows, chosen)

    def raw(self, rows: Rows, i: int) -> bytes:
        """The line."""
        raw: bytes = rows.rows[i]
        return raw

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """Blocks of whole lines."""
        with opened(path) as stream:
            skip(stream.bytes, start)
            records = self._records(checked_utf8(lines_of(stream, more), path) if not start else lines_of(stream, more))
            yield from blocks_of(records, self.layout.block, stream, b"", start, line)

    def conversion_problem(self, path: str, target: str) -> str:
        """No problem: other problems are those of single records."""
        return ""

    def columns(self, path: str) -> list[str] | None:
        """Any fields."""
        return None

    def values(self, rows: Rows, chosen: Sequence[int], texts: Texts) -> list[Values]:
        """Not supported."""
        raise NotImplementedError

    def columns_of(self, names: Sequence[str], records: Iterator[list[Values]], annotated: bool) -> bytes:
        """None: a line can hold any fields."""
        return b""

    def head_of(self, columns: bytes) -> bytes:
        """No header."""
        return b""

    def encode(self, records: Sequence[Values], annotations: Sequence[Annotation] | None, columns: bytes) -> bytes:
        """Not supported."""
        raise NotImplementedError

    def parse(self, block: Block) -> Rows:
        """Parse the lines; blank ones are skipped."""
        return rows_of_block(block, self._record)

    def _records(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        return lines

    def _record(self, raw: bytes, first: bool) -> Record | tuple[str, str] | None:
        raise NotImplementedError


class Text(Lines):
    """Plain text with one document per line; blank lines belong to the document before them."""

    name = "text"

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, annotations: Annotations | None) -> bytes:
        """The lines; plain text cannot have annotations."""

        def written(i: int) -> bytes:
            raw: bytes = rows.rows[i]
            return raw.replace(rows.texts[i][0].text.encode(), texts[i][0].encode()) if i in texts else raw

        return b"".join(map(written, chosen))

    def columns(self, path: str) -> list[str]:
        """One column, with the text."""
        return [self.layout.text]

    def values(self, rows: Rows, chosen: Sequence[int], texts: Texts) -> list[Values]:
        """The texts."""
        return [{self.layout.text: texts[i][0] if i in texts else rows.texts[i][0].text} for i in chosen]

    def write_cuts(self, records: Sequence[CutRecord]) -> bytes:
        """The texts of the cuts, one per line."""
        return "".join(" ".join(record.text.split()) + "\n" for record in records).encode()

    def _records(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        record: list[bytes] = []
        size, is_filled = 0, False
        for line in lines:
            is_bad = isinstance(line, BadRecord)
            if record and (is_bad or size > base.MAX_RECORD_BYTES or (is_filled and line.strip())):
                yield b"".join(record)
                record, size, is_filled = [], 0, False
            if is_bad:
                yield line
            else:
                record.append(line)
                size, is_filled = size + len(line), is_filled or bool(line.strip())
        if record:
            yield b"".join(record)

    def _record(self, raw: bytes, first: bool) -> Record | None:
        text = _decoded(raw.strip(), first)
        return ((Part(text),), "", raw) if text else None


class JsonLines(Lines):
    """One JSON object per line. If the text changes, all other bytes of the line stay unchanged."""

    name = "jsonl"

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, annotations: Annotations | None) -> bytes:
        """The lines; the annotation is an additional field."""

        def written(i: int) -> bytes:
            raw = self._line(rows, i, texts)
            return _with_annotation(raw, annotations[i]) if annotations is not None else raw

        return b"".join(map(written, chosen))

    def values(self, rows: Rows, chosen: Sequence[int], texts: Texts) -> list[Values]:
        """The objects. A field that is there twice cannot be converted."""
        return [
            json.loads(self._line(rows, i, texts).removeprefix(BYTE_ORDER_MARK), object_pairs_hook=_unique)
            for i in chosen
        ]

    def encode(self, records: Sequence[Values], annotations: Sequence[Annotation] | None, columns: bytes) -> bytes:
        """One object per line. JSON has no NaN and no infinite numbers."""
        for record in records:
            for name, value in record.items():
                if not is_finite(value):
                    raise ConversionError(f"column {name!r}", "JSON cannot hold NaN or infinite numbers")
        if annotations is None:
            return b"".join(dumped(record) + b"\n" for record in records)
        return b"".join(
            _with_annotation(dumped(record) + b"\n", annotation)
            for record, annotation in zip(records, annotations, strict=True)
        )

    def _line(self, rows: Rows, i: int, texts: Texts) -> bytes:
        """The line of a row, with new texts where given."""
        raw: bytes = rows.rows[i]
        return _with_texts(raw, self.layout.text, texts[i]) if i in texts else raw

    def write_cuts(self, records: Sequence[CutRecord]) -> bytes:
        """One object per line."""
        return b"".join(dumped(record._asdict()) + b"\n" for record in records)

    def first_problem(self, path: str, annotated: bool) -> str:
        """The text field is missing in all first objects; or one has a field with the name of the annotation."""
        records = list(self._first_objects(path))
        field = self.layout.text
        if records and all(_lacks(record, field) for record in records):
            names = dict.fromkeys(name for record in records for name in record)
            return f"no field {field!r} in the first {len(records)} records; found: {_shortened(names)}"
        if annotated and any(ANNOTATION in record and not is_annotation(record[ANNOTATION]) for record in records):
            return field_conflict(ANNOTATION)
        return ""

    def _first_objects(self, path: str) -> Iterator[dict[str, Any]]:
        try:
            with opened(path) as stream:
                for raw in islice(iter(lambda: stream.bytes.readline(_CHECKED_BYTES), b""), _CHECKED_RECORDS):
                    with suppress(ValueError, RecursionError):
                        if isinstance(record := json.loads(raw.removeprefix(BYTE_ORDER_MARK)), dict):
                            yield record
        except InputError:
            # Reported when the records are read.
            return

    def _record(self, raw: bytes, first: bool) -> Record | tuple[str, str] | None:
        line = _decoded(raw, first)
        if not line.strip(SPACE):
            return None
        if _depth_exceeds(line, _MAX_DEPTH):
            return "invalid JSON", f"nested deeper than {_MAX_DEPTH} levels"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            return "invalid JSON", f"invalid JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}"
        except (ValueError, RecursionError) as error:
            return "invalid JSON", f"invalid JSON: {error}"
        if not isinstance(record, dict):
            return "not an object", f"{kind_of(record)}, not an object"
        name = record.get(self.layout.id)
        return texts_in(record, self.layout.text), str(name) if isinstance(name, str | int) else "", raw


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Raises ConversionError for a field that is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(name for name, _ in pairs)
        raise ConversionError(f"column {names.most_common(1)[0][0]!r}", "is in the record more than once")
    return found


def is_finite(value: Any) -> bool:
    """Whether a JSON value has neither NaN nor infinite numbers."""
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list):
        return all(map(is_finite, value))
    return not isinstance(value, float) or isfinite(value)


def _lacks(record: dict[str, Any], field: str) -> bool:
    """Whether a record lacks the field, or the path to it."""
    try:
        texts_in(record, field)
    except FieldError as error:
        return bool(error.args[0] != "not a string")
    return False


def _shortened(names: Iterable[str]) -> str:
    return shorten(", ".join(map(str, names)), 120, placeholder=" …") or "none"


def _depth_exceeds(line: str, max_depth: int) -> bool:
    """Whether the brackets of JSON are nested deeper than `max_depth`."""
    if line.count("[") + line.count("{") <= max_depth:
        return False
    depth = 0
    for match in _BRACKET.finditer(line):
        depth += match[0] in ("[", "{")
        depth -= match[0] in ("]", "}")
        if depth > max_depth:
            return True
    return False


def _decoded(raw: bytes, first: bool) -> str:
    return (raw.removeprefix(BYTE_ORDER_MARK) if first else raw).decode()


def _with_texts(raw: bytes, field: str, texts: Sequence[str]) -> bytes:
    """A line of JSON with new texts in a field; unchanged ones, and all other bytes, stay as they are."""
    line = raw.decode()
    spans = text_spans(line, field)
    bounds = [0, *(bound for span in spans for bound in span), len(line)]
    parts = [line[start:end] for start, end in pairwise(bounds)]
    parts[1::2] = [
        old if json.loads(old) == new else _json_like(old, new) for old, new in zip(parts[1::2], texts, strict=True)
    ]
    return "".join(parts).encode()


def _json_like(old: str, value: Any) -> str:
    """JSON of a value, in ASCII if that of the old value is."""
    return json.dumps(value) if old.isascii() else dumped(value).decode()


def _with_annotation(raw: bytes, annotation: Annotation) -> bytes:
    body = raw.rstrip()
    if f'"{ANNOTATION}"'.encode() in body and ANNOTATION in (record := json.loads(body.removeprefix(BYTE_ORDER_MARK))):
        if not is_annotation(record[ANNOTATION]):
            raise InputError(f"field {ANNOTATION!r}", "already in the record, and the decision would replace it")
        line = raw.decode()
        start = member_start(line, line.index("{"), ANNOTATION) or 0
        end = value_end(line, start)
        return (line[:start] + _json_like(line[start:end], annotation) + line[end:]).encode()
    return body[:-1] + f', "{ANNOTATION}": '.encode() + dumped(annotation) + b"}" + raw[len(body) :]
