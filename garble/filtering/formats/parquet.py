"""Parquet: one record per row.

Several workers cannot write pieces of one Parquet file. So the pieces are concatenated Arrow streams, which `finish`
converts to Parquet. Needs the extra `parquet`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from garble.columns.packets import packets
from garble.errors import InputError
from garble.filtering.arrow import SCHEMA, SCHEMA_OF_TEXTS, texts_of
from garble.filtering.formats.base import (
    ANNOTATION,
    BYTES_SHOWN,
    MAX_RECORD_BYTES,
    Annotation,
    Annotations,
    Block,
    ConversionError,
    CutRecord,
    Layout,
    Problem,
    Rows,
    Texts,
    Values,
    is_annotation,
    selected,
    undecodable,
)
from garble.filtering.formats.fields import ITEMS, FieldError, Part, is_list, steps_of, texts_in
from garble.filtering.remote import is_remote, opened_remote
from garble.filtering.streams import size_on_disk
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
        size = size_on_disk(path)
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
        for line, (found, name) in enumerate(zip(self._texts(table), ids, strict=True), block.line):
            if isinstance(found, _Fault):
                rows.problems.append(Problem(line, *found))
            else:
                rows.texts.append(found)
                rows.lines.append(line)
                rows.ids.append(_name(name))
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
        return "\n".join(part.text for part in rows.texts[i]).encode()

    def _texts(self, table: pa.Table) -> Iterator[tuple[Part, ...] | _Fault]:
        """The texts of each row, or its problem."""
        field = self.layout.text
        first, *steps = _path(table.schema, field)
        column = table.column(first)
        if ITEMS in steps:
            return (_listed(first, value, field) for value in column)
        return (_single(raw, field) for raw in _values(pc.struct_field(column, steps) if steps else column))

    @contextmanager
    def _opened(self, path: str) -> Iterator[pq.ParquetFile]:
        """Open a file. Raises InputError for an invalid file, also while it is read."""
        try:
            # Without pre-buffering, because a row group can be larger than memory.
            with (
                opened_remote(path) if is_remote(path) else nullcontext(path) as place,
                pq.ParquetFile(place, buffer_size=1 << 20, pre_buffer=False) as file,
            ):
                _check_texts(file.schema_arrow, self.layout.text)
                yield file
        except InputError:
            raise
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
        table = self._taken(rows, chosen, texts)
        if annotations is not None:
            table = self._annotated(table, [annotations[i] for i in chosen])
        return _stream(table)

    def conversion_problem(self, path: str, target: str) -> str:
        """A column has a type that the target lacks, or the name of another."""
        with self._opened(path) as file:
            schema = file.schema_arrow
        for column in schema:
            if schema.names.count(column.name) > 1:
                return f"more than one column {column.name!r}; rename one"
            if not _is_temporal(column.type) and not _is_json(column.type, nested=target == "jsonl"):
                return f"column {column.name!r} has type {column.type}, which {target} cannot hold"
        return ""

    def columns(self, path: str) -> list[str]:
        """The names in the schema."""
        with self._opened(path) as file:
            names: list[str] = file.schema_arrow.names
            return names

    def values(self, rows: Rows, chosen: Sequence[int], texts: Texts) -> list[Values]:
        """The rows. Dates and times become strings."""
        table = self._taken(rows, chosen, texts)
        columns = [_json_values(name, table.column(name)) for name in table.column_names]
        return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]

    def columns_of(self, names: Sequence[str], records: Iterator[list[Values]], annotated: bool) -> bytes:
        """The schema of columns of strings, or one that is inferred from all records."""
        schema = pa.schema([(name, pa.string()) for name in names])
        for block in records:
            schema = with_fields(schema, block)
        if annotated and ANNOTATION in schema.names:
            schema = schema.remove(schema.get_field_index(ANNOTATION))
        # A type without fields cannot be written.
        return bytes(pa.schema([field.with_type(_writable(field.type)) for field in schema]).serialize())

    def head_of(self, columns: bytes) -> bytes:
        """No header."""
        return b""

    def encode(self, records: Sequence[Values], annotations: Sequence[Annotation] | None, columns: bytes) -> bytes:
        """The records as rows. A field that a record lacks is null. An older annotation gives way to a new one."""
        schema = pa.ipc.read_schema(pa.py_buffer(columns))
        if annotations and any(ANNOTATION in r and not is_annotation(r[ANNOTATION]) for r in records):
            raise InputError(f"field {ANNOTATION!r}", "already in the record, and the decision would replace it")
        arrays = [_encoded(field, [record.get(field.name) for record in records]) for field in schema]
        table = pa.table(arrays, schema=schema)
        return _stream(table if annotations is None else self._annotated(table, annotations))

    def _annotated(self, table: pa.Table, annotations: Sequence[Annotation]) -> pa.Table:
        kept = table.drop_columns(ANNOTATION) if ANNOTATION in table.schema.names else table
        schema = SCHEMA_OF_TEXTS if is_list(self.layout.text) else SCHEMA
        return kept.append_column(ANNOTATION, pa.array(annotations, pa.struct(list(schema))))

    def _taken(self, rows: Rows, chosen: Sequence[int], texts: Texts) -> pa.Table:
        """The chosen rows, with new texts where given."""
        table = _take(rows.rows, chosen)
        if texts:
            values = [text for i in chosen for text in texts.get(i) or [part.text for part in rows.texts[i]]]
            path = _path(table.schema, self.layout.text)
            column = _replaced(table.column(path[0]).combine_chunks(), path[1:], iter(values))
            at = table.schema.get_field_index(path[0])
            table = table.set_column(at, table.schema.field(at), column)
        return table

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
    first, *steps = _path(schema, field)
    for step in steps:
        kind = schema.field(first).type if schema.names.count(first) == 1 else pa.null()
        if step == ITEMS and _is_list(kind):
            schema, first = pa.schema([kind.value_field.with_name(step)]), step
        elif step != ITEMS and pa.types.is_struct(kind) and kind.get_field_index(step) >= 0:
            schema, first = pa.schema(list(kind)), step
        else:
            raise ValueError(f"no column {field!r}; found: {', '.join(schema.names) or 'none'}")
    texts_of(schema.empty_table(), first)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


class _Fault(NamedTuple):
    """The problem of a row, with the start of its text."""

    kind: str
    detail: str
    raw: bytes


def _single(raw: bytes | None, field: str) -> tuple[Part, ...] | _Fault:
    """The text of a row, or its problem."""
    if raw is None:
        return _Fault("not a string", f"field {field!r} is null, not a string", b"")
    if len(raw) > MAX_RECORD_BYTES:
        return _Fault("too long", _too_long(len(raw)), raw[:BYTES_SHOWN])
    try:
        return (Part(raw.decode()),)
    except UnicodeDecodeError as error:
        return _Fault(*undecodable(error), raw[:BYTES_SHOWN])


def _listed(column: str, value: pa.Scalar, field: str) -> tuple[Part, ...] | _Fault:
    """The texts of a row with lists, or its problem."""
    try:
        record = {column: value.as_py()}
        parts = texts_in(record, field)
    except UnicodeDecodeError as error:
        return _Fault(*undecodable(error), error.object[:BYTES_SHOWN])
    except FieldError as error:
        return _Fault(error.args[0], error.args[1], str(record)[:BYTES_SHOWN].encode("utf-8", "surrogateescape"))
    size = sum(len(part.text.encode()) for part in parts)
    return parts if size <= MAX_RECORD_BYTES else _Fault("too long", _too_long(size), b"")


def _too_long(size: int) -> str:
    return f"too long: {size:,} bytes; limit {MAX_RECORD_BYTES:,}"


def _replaced(column: pa.Array, steps: Sequence[str], texts: Iterator[str]) -> pa.Array:
    """The column with new texts, at a path in its structs and lists; nulls stay."""
    kind = column.type
    if not steps:
        values = [next(texts) if is_valid else None for is_valid in column.is_valid().to_pylist()]
        # Arrow cannot cast strings to string views, nor create dictionaries without a cast.
        is_view = pa.types.is_string_view(kind)
        return pa.array(values, kind) if is_view else pa.array(values, pa.string()).cast(kind)
    if _is_list(kind):
        items = _replaced(column.flatten(), steps[1:], texts)
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
        array = pa.LargeListArray if pa.types.is_large_list(kind) else pa.ListArray
        offsets = pa.array(accumulate(lengths, initial=0), pa.int64() if array is pa.LargeListArray else pa.int32())
        return array.from_arrays(offsets, items, type=kind, mask=column.is_null())
    at = kind.get_field_index(steps[0])
    parts = [_replaced(part, steps[1:], texts) if i == at else part for i, part in enumerate(column.flatten())]
    return pa.StructArray.from_arrays(parts, fields=list(kind), mask=column.is_null())


def _take(table: pa.Table, chosen: Sequence[int]) -> pa.Table:
    """The chosen rows, in order."""
    try:
        return table.take(pa.array(chosen, pa.int64()))
    except pa.ArrowNotImplementedError:
        # Arrow cannot take rows of string views, but can slice them.
        return pa.concat_tables([table.slice(0, 0), *(table.slice(i, 1) for i in chosen)]).combine_chunks()


def _is_annotation_type(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind)) and {field.name for field in kind} - {"texts"} == set(SCHEMA.names)


def _is_temporal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind))


def _is_json(kind: pa.DataType, nested: bool) -> bool:
    """Whether JSON has the values of a type. nested: whether lists and structs are allowed."""
    types = pa.types
    if types.is_dictionary(kind) or types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        is_allowed = nested or types.is_dictionary(kind)
        return is_allowed and _is_json(kind.value_type, nested)
    if types.is_struct(kind):
        return nested and all(_is_json(field.type, nested) for field in kind)
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind)
    return bool(is_number or types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _json_values(name: str, column: pa.ChunkedArray) -> list[Any]:
    """The values of a column. Raises ConversionError for a string that is not UTF-8."""
    try:
        values: list[Any] = (column.cast(pa.string()) if _is_temporal(column.type) else column).to_pylist()
    except UnicodeDecodeError as error:
        raise ConversionError(f"column {name!r}", undecodable(error)[1]) from error
    return values


def with_fields(schema: pa.Schema, records: Sequence[Values]) -> pa.Schema:
    """The schema, extended by the fields of records. A value of another type than those before it is left out."""
    fields = {field.name: field.type for field in schema}
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record.get(name) for record in records]
        fields[name] = _common(fields.get(name, pa.null()), values)
    return pa.schema(list(fields.items()))


def _writable(kind: pa.DataType) -> pa.DataType:
    """The type, with null for structs without fields, which Parquet lacks."""
    if pa.types.is_list(kind):
        return pa.list_(_writable(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_writable(field.type)) for field in kind]) if len(kind) else pa.null()
    return kind


def _common(kind: pa.DataType, values: Sequence[Any]) -> pa.DataType:
    """The type of a column that also holds the values, as far as there is one."""
    try:
        schemas = [pa.schema([("", kind)]), pa.schema([("", pa.infer_type(values))])]
        found = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        # Arrow infers a type also for some values of different types.
        pa.array(values, found)
        return found
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        if len(values) == 1:
            return kind
        for value in values:
            kind = _common(kind, [value])
        return kind


def _encoded(field: pa.Field, values: Sequence[Any]) -> pa.Array:
    """The values as a column. Raises ConversionError for one that the type cannot hold."""
    problem = f"{field.type} cannot hold the value; its type differs from that of other records, or Parquet lacks it"
    try:
        array = pa.array(values, field.type)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise ConversionError(f"column {field.name!r}", problem) from error
    # Arrow leaves out fields that a struct lacks.
    if not all(map(_is_same, values, array.to_pylist())):
        raise ConversionError(f"column {field.name!r}", problem)
    return array


def _is_same(value: Any, other: Any) -> bool:
    """Whether two JSON values are equal; a field that is missing is null."""
    if isinstance(value, dict) and isinstance(other, dict):
        return all(_is_same(value.get(name), other.get(name)) for name in value.keys() | other.keys())
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_is_same, value, other))
    if isinstance(value, bool) != isinstance(other, bool):
        return False
    return bool(value == other or (value != value and other != other))


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
