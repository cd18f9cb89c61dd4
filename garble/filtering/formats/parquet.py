"""Parquet as a format of records: rows of columns, of which one holds the texts.

Parquet cannot be written piece by piece by several hands, so the pieces are Arrow streams one behind the other, which
become a Parquet file when the last is there. Needs the extra `parquet`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from garble.columns.packets import packets
from garble.errors import InputError
from garble.filtering.arrow import SCHEMA, texts_of
from garble.filtering.formats.base import (
    LONGEST,
    NOTE,
    SHOWN,
    Block,
    Layout,
    Listed,
    Notes,
    Problem,
    Rows,
    Texts,
    undecodable,
)
from garble.io import name_of, problem_of

_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64()}
_LISTING = pa.schema([(name, _TYPES[kind]) for name, kind in get_type_hints(Listed).items()])
# Bytes in a row group, before compression.
_GROUP = 64 << 20
# Rows of a block at most: a text that comes again and again takes next to nothing in a file, and all of it in memory.
_ROWS = 4096


class Parquet:
    """A row a record; places in the file are counted in rows."""

    name = "parquet"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def head(self, path: str) -> bytes:
        """The schema."""
        with self._opened(path) as file:
            return bytes(file.schema_arrow.remove_metadata().serialize())

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """As many rows of one row group as come to about a block."""
        size = os.path.getsize(path)
        with self._opened(path) as file:
            about = file.metadata
            if not about.num_rows:
                yield Block(1, [_stream(file.schema_arrow.empty_table())], b"", 0, 1, size)
            place = 0
            for number in range(about.num_row_groups):
                group = about.row_group(number)
                if place + group.num_rows <= start:
                    place += group.num_rows
                    continue
                rows = self.layout.block * group.num_rows // max(group.total_byte_size, 1)
                for batch in file.iter_batches(min(max(rows, 1), _ROWS), row_groups=[number], use_threads=False):
                    first, place = place, place + len(batch)
                    if first >= start:
                        raw = _stream(pa.Table.from_batches([batch]))
                        yield Block(first + 1, [raw], b"", place, place + 1, size * place // about.num_rows)

    def parse(self, block: Block) -> Rows:
        """The rows whose text is not null and not too long."""
        table = pa.ipc.open_stream(block.raw[0]).read_all()
        has_id = table.schema.names.count(self.layout.id) == 1
        ids = _values(table.column(self.layout.id)) if has_id else [None] * len(table)
        rows = Rows([], [], [], None, [])
        for line, (raw, name) in enumerate(zip(_values(table.column(self.layout.text)), ids, strict=True), block.line):
            if raw is None:
                problem = "not a string", f"field {self.layout.text!r} is null, not a string"
            elif len(raw) > LONGEST:
                problem = "too long", f"too long: {len(raw):,} bytes; limit {LONGEST:,}"
            else:
                try:
                    rows.texts.append(raw.decode())
                    rows.lines.append(line)
                    rows.ids.append(_name(name))
                    continue
                except UnicodeDecodeError as error:
                    problem = undecodable(error)
            rows.problems.append(Problem(line, *problem, (raw or b"")[:SHOWN]))
        return rows._replace(rows=_taken(table, [line - block.line for line in rows.lines]))

    def first_fault(self, path: str, noted: bool) -> str:
        """A column of their own where that of the notes would go."""
        with self._opened(path) as file:
            schema = file.schema_arrow
        taken = noted and NOTE in schema.names and not _holds_notes(schema.field(NOTE).type)
        return f"column {NOTE!r} already exists, and the decision would replace it; rename it first" if taken else ""

    def some(self, rows: Rows, first: int, last: int) -> Rows:
        """The rows from the first to the last, that left out."""
        table = rows.rows.slice(first, last - first)
        return Rows(rows.lines[first:last], rows.texts[first:last], rows.ids[first:last], table, [])

    def raw(self, rows: Rows, i: int) -> bytes:
        """The text."""
        return rows.texts[i].encode()

    @contextmanager
    def _opened(self, path: str) -> Iterator[pq.ParquetFile]:
        """A file with texts. Raises InputError for what is none, also midway."""
        try:
            # Read bit by bit: a row group can be larger than memory.
            with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
                texts_of(file.schema_arrow.empty_table(), self.layout.text)
                yield file
        except pa.ArrowException as error:
            raise InputError(name_of(path), f"damaged or not Parquet: {str(error).splitlines()[0]}") from error
        except ValueError as error:
            raise InputError(name_of(path), str(error)) from error
        except OSError as error:
            # Arrow's own have no number.
            problem = problem_of(error) if error.errno else f"damaged or not Parquet: {str(error).splitlines()[0]}"
            raise InputError(name_of(path), problem) from error

    def begin(self, head: bytes, noted: bool) -> bytes:
        """Nothing: each piece brings its schema."""
        return b""

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, notes: Notes | None) -> bytes:
        """The rows, the notes as one more column, which is a struct."""
        table = _taken(rows.rows, chosen)
        if texts:
            at = table.schema.get_field_index(self.layout.text)
            field = table.schema.field(at)
            values = [texts.get(i, rows.texts[i]) for i in chosen]
            # Arrow casts no strings to views of them, and makes no dictionary of values.
            is_view = pa.types.is_string_view(field.type)
            column = pa.array(values, field.type) if is_view else pa.array(values).cast(field.type)
            table = table.set_column(at, field, column)
        if notes is not None:
            kept = table.drop_columns(NOTE) if NOTE in table.schema.names else table
            table = kept.append_column(NOTE, pa.array([notes[i] for i in chosen], pa.struct(list(SCHEMA))))
        return _stream(table)

    def begin_listing(self) -> bytes:
        """Nothing."""
        return b""

    def listing(self, records: Sequence[Listed]) -> bytes:
        """A row each."""
        rows = [record._replace(file=_name(os.fsencode(record.file)))._asdict() for record in records]
        return _stream(pa.Table.from_pylist(rows, _LISTING))

    def whole(self, part: Path) -> Path:
        """The pieces as a Parquet file beside the part."""
        target = part.with_name(part.name + ".whole")
        with pa.OSFile(str(part)) as file:
            batches = _batches(file)
            first = next(batches, None)
            schema = _LISTING if first is None else first.schema
            # A link that lies there is not followed.
            target.unlink(missing_ok=True)
            with target.open("xb") as whole:
                with pq.ParquetWriter(whole, schema) as writer:
                    for group in packets(chain([first] if first else [], batches), _GROUP, lambda batch: batch.nbytes):
                        writer.write_table(pa.Table.from_batches(group, schema))
                os.fsync(whole.fileno())
        return target


def _taken(table: pa.Table, chosen: Sequence[int]) -> pa.Table:
    """The chosen rows, which are in order."""
    try:
        return table.take(pa.array(chosen, pa.int64()))
    except pa.ArrowNotImplementedError:
        # Of views Arrow takes no single rows, but it cuts slices.
        return pa.concat_tables([table.slice(0, 0), *(table.slice(i, 1) for i in chosen)]).combine_chunks()


def _holds_notes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind)) and {kind.field(i).name for i in range(kind.num_fields)} == set(SCHEMA.names)


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column, strings as bytes: readers of Parquet let bytes pass that are no UTF-8."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    values: list[Any] = (column.cast(pa.string()).cast(pa.binary()) if is_text else column).to_pylist()
    return values


def _name(value: Any) -> str:
    return "" if value is None else value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _stream(table: pa.Table) -> bytes:
    """A stream that tells its schema even where there are no rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]:
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def _batches(file: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    while file.tell() < file.size():
        reader = pa.ipc.open_stream(file)
        yield from reader
