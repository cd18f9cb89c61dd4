"""Parquet: one record per row.

Several workers cannot write pieces of one Parquet file. So the pieces are concatenated Arrow streams, which `finish`
converts to Parquet. Needs the extra `parquet`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from garble.columns.packets import packets
from garble.errors import InputError
from garble.filtering.arrow import SCHEMA, texts_of
from garble.filtering.formats.base import (
    ANNOTATION,
    BYTES_SHOWN,
    MAX_RECORD_BYTES,
    Annotations,
    Block,
    CutRecord,
    Layout,
    Problem,
    Rows,
    Texts,
    selected,
    undecodable,
)
from garble.filtering.formats.fields import Part, is_list, steps_of
from garble.io import name_of, problem_of

_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64()}
_CUT_SCHEMA = pa.schema([(name, _TYPES[kind]) for name, kind in get_type_hints(CutRecord).items()])
# Bytes in a row group, before compression.
_ROW_GROUP_BYTES = 64 << 20
# Maximum rows of a block: repeated texts are small in the file, but not in memory.
_MAX_ROWS = 4096


class Parquet:
    """One record per row; positions are counted in rows."""

    name = "parquet"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def head(self, path: str) -> bytes:
        """The schema."""
        with self._opened(path) as file:
            return bytes(file.schema_arrow.remove_metadata().serialize())

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """Blocks of rows of one row group, of about the block size."""
        size = os.path.getsize(path)
        with self._opened(path) as file:
            metadata = file.metadata
            if not metadata.num_rows:
                yield Block(1, [_stream(file.schema_arrow.empty_table())], b"", 0, 1, size)
            position = 0
            for number in range(metadata.num_row_groups):
                group = metadata.row_group(number)
                if position + group.num_rows <= start:
                    position += group.num_rows
                    continue
                rows = self.layout.block * group.num_rows // max(group.total_byte_size, 1)
                for batch in file.iter_batches(min(max(rows, 1), _MAX_ROWS), row_groups=[number], use_threads=False):
                    first, position = position, position + len(batch)
                    if first >= start:
                        raw = _stream(pa.Table.from_batches([batch]))
                        yield Block(first + 1, [raw], b"", position, position + 1, size * position // metadata.num_rows)

    def parse(self, block: Block) -> Rows:
        """Parse the rows; a null or too long text is a problem."""
        table = _table(block)
        has_id = table.schema.names.count(self.layout.id) == 1
        ids = _values(table.column(self.layout.id)) if has_id else [None] * len(table)
        rows = Rows([], [], [], None, [])
        for line, (raw, name) in enumerate(zip(_values(self._texts(table)), ids, strict=True), block.line):
            if raw is None:
                problem = "not a string", f"field {self.layout.text!r} is null, not a string"
            elif len(raw) > MAX_RECORD_BYTES:
                problem = "too long", f"too long: {len(raw):,} bytes; limit {MAX_RECORD_BYTES:,}"
            else:
                try:
                    rows.texts.append((Part(raw.decode()),))
                    rows.lines.append(line)
                    rows.ids.append(_name(name))
                    continue
                except UnicodeDecodeError as error:
                    problem = undecodable(error)
            rows.problems.append(Problem(line, *problem, (raw or b"")[:BYTES_SHOWN]))
        return rows._replace(rows=_take(table, [line - block.line for line in rows.lines]))

    def first_problem(self, path: str, annotated: bool) -> str:
        """A column has the name of the annotations, but does not contain annotations."""
        with self._opened(path) as file:
            schema = file.schema_arrow
        conflicts = annotated and ANNOTATION in schema.names and not _is_annotation_type(schema.field(ANNOTATION).type)
        return (
            f"column {ANNOTATION!r} already exists, and the decision would replace it; rename it first"
            if conflicts
            else ""
        )

    def first_records(self, block: Block, limit: int) -> tuple[Block, int]:
        """The first rows."""
        table = _table(block)
        if len(table) <= limit:
            return block, len(table)
        return block._replace(raw=[_stream(table.slice(0, limit))]), limit

    def select(self, rows: Rows, chosen: Sequence[int]) -> Rows:
        """The chosen rows."""
        return selected(rows, chosen, _take(rows.rows, chosen))

    def raw(self, rows: Rows, i: int) -> bytes:
        """The text."""
        return rows.texts[i][0].text.encode()

    def _texts(self, table: pa.Table) -> pa.ChunkedArray:
        first, *names = _path(table.schema, self.layout.text)
        return pc.struct_field(table.column(first), names) if names else table.column(first)

    @contextmanager
    def _opened(self, path: str) -> Iterator[pq.ParquetFile]:
        """Open a file. Raises InputError for an invalid file, also while it is read."""
        try:
            # Without pre-buffering, because a row group can be larger than memory.
            with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
                _check_texts(file.schema_arrow, self.layout.text)
                yield file
        except pa.ArrowException as error:
            raise InputError(name_of(path), f"damaged or not Parquet: {str(error).splitlines()[0]}") from error
        except ValueError as error:
            raise InputError(name_of(path), str(error)) from error
        except OSError as error:
            # Errors of Arrow have no errno.
            problem = problem_of(error) if error.errno else f"damaged or not Parquet: {str(error).splitlines()[0]}"
            raise InputError(name_of(path), problem) from error

    def begin(self, head: bytes, annotated: bool) -> bytes:
        """No header: each piece has its schema."""
        return b""

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, annotations: Annotations | None) -> bytes:
        """The rows; the annotations are an additional column of structs."""
        table = _take(rows.rows, chosen)
        if texts:
            values = [texts[i][0] if i in texts else rows.texts[i][0].text for i in chosen]
            path = _path(table.schema, self.layout.text)
            column = _replaced(table.column(path[0]).combine_chunks(), path[1:], values)
            at = table.schema.get_field_index(path[0])
            table = table.set_column(at, table.schema.field(at), column)
        if annotations is not None:
            kept = table.drop_columns(ANNOTATION) if ANNOTATION in table.schema.names else table
            table = kept.append_column(ANNOTATION, pa.array([annotations[i] for i in chosen], pa.struct(list(SCHEMA))))
        return _stream(table)

    def begin_cuts(self) -> bytes:
        """No header."""
        return b""

    def write_cuts(self, records: Sequence[CutRecord]) -> bytes:
        """One row per cut."""
        rows = [record._replace(file=_name(os.fsencode(record.file)))._asdict() for record in records]
        return _stream(pa.Table.from_pylist(rows, _CUT_SCHEMA))

    def finish(self, part: Path) -> Path:
        """Convert the pieces to a Parquet file next to the part."""
        target = part.with_name(part.name + ".whole")
        with pa.OSFile(str(part)) as file:
            batches = _batches(file)
            first = next(batches, None)
            schema = _CUT_SCHEMA if first is None else first.schema
            # Do not follow an existing link.
            target.unlink(missing_ok=True)
            with target.open("xb") as whole:
                with pq.ParquetWriter(whole, schema) as writer:
                    for group in packets(
                        chain([first] if first else [], batches), _ROW_GROUP_BYTES, lambda batch: batch.nbytes
                    ):
                        writer.write_table(pa.Table.from_batches(group, schema))
                os.fsync(whole.fileno())
        return target


def _path(schema: pa.Schema, field: str) -> list[str]:
    """The names of the column of texts and of the fields in its structs."""
    return [field] if field in schema.names else list(steps_of(field))


def _check_texts(schema: pa.Schema, field: str) -> None:
    """Raises ValueError if the path leads to no column of texts."""
    first, *names = _path(schema, field)
    if is_list(field) and field not in schema.names:
        raise ValueError(f"--field {field}: lists in Parquet are not supported; convert the file to JSON Lines")
    for name in names:
        kind = schema.field(first).type if schema.names.count(first) == 1 else None
        if kind is None or not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
            raise ValueError(f"no column {field!r}; found: {', '.join(schema.names) or 'none'}")
        schema, first = pa.schema(list(kind)), name
    texts_of(schema.empty_table(), first)


def _replaced(column: pa.Array, names: Sequence[str], values: Sequence[str]) -> pa.Array:
    """The column with new texts, at a path in its structs."""
    if not names:
        # Arrow cannot cast strings to string views, nor create dictionaries without a cast.
        is_view = pa.types.is_string_view(column.type)
        return pa.array(values, column.type) if is_view else pa.array(values).cast(column.type)
    at = column.type.get_field_index(names[0])
    parts = [_replaced(part, names[1:], values) if i == at else part for i, part in enumerate(column.flatten())]
    return pa.StructArray.from_arrays(parts, fields=list(column.type), mask=column.is_null())


def _take(table: pa.Table, chosen: Sequence[int]) -> pa.Table:
    """The chosen rows, in order."""
    try:
        return table.take(pa.array(chosen, pa.int64()))
    except pa.ArrowNotImplementedError:
        # Arrow cannot take rows of string views, but can slice them.
        return pa.concat_tables([table.slice(0, 0), *(table.slice(i, 1) for i in chosen)]).combine_chunks()


def _is_annotation_type(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind)) and {kind.field(i).name for i in range(kind.num_fields)} == set(SCHEMA.names)


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column, strings as bytes: Parquet readers do not validate UTF-8."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    values: list[Any] = (column.cast(pa.string()).cast(pa.binary()) if is_text else column).to_pylist()
    return values


def _name(value: Any) -> str:
    return "" if value is None else value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _stream(table: pa.Table) -> bytes:
    """An Arrow stream, which has its schema even without rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]:
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def _table(block: Block) -> pa.Table:
    return pa.ipc.open_stream(block.raw[0]).read_all()


def _batches(file: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    while file.tell() < file.size():
        reader = pa.ipc.open_stream(file)
        yield from reader
