"""Parquet as a format of records: rows of columns, of which one holds the texts.

Parquet cannot be written piece by piece by several hands, so the pieces are Arrow streams one behind the other, which
become a Parquet file when the last is there. Needs `pip install 'garble[parquet]'`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from garble.batch import packets
from garble.corpus.records import LONGEST, NOTE, SHOWN, Block, Layout, Listed, Notes, Problem, Rows, Texts, undecodable
from garble.integrations.arrow import SCHEMA, texts_of
from garble.io import InputError, name_of, problem_of

_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64()}
_LISTING = pa.schema([(name, _TYPES[kind]) for name, kind in get_type_hints(Listed).items()])
# Bytes in a row group, before compression.
_GROUP = 64 << 20


class Parquet:
    """A row a record; places in the file are counted in rows."""

    name = "parquet"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def head(self, path: str) -> bytes:
        """The schema."""
        with _opened(path) as file:
            try:
                texts_of(file.schema_arrow.empty_table(), self.layout.text)
            except ValueError as error:
                raise InputError(name_of(path), str(error)) from error
            return bytes(file.schema_arrow.remove_metadata().serialize())

    def blocks(self, path: str, start: int, line: int, more: bool) -> Iterator[Block]:
        """As many rows of one row group as come to about a block."""
        size = Path(path).stat().st_size
        with _opened(path) as file:
            about = file.metadata
            if not about.num_rows:
                yield Block(1, [_stream(file.schema_arrow.empty_table())], b"", 0, 1, size)
            place = 0
            for number in range(about.num_row_groups):
                group = about.row_group(number)
                if place + group.num_rows <= start:
                    place += group.num_rows
                    continue
                rows = max(1, self.layout.block * group.num_rows // max(group.total_byte_size, 1))
                for batch in file.iter_batches(rows, row_groups=[number], use_threads=False):
                    first, place = place, place + len(batch)
                    if first >= start:
                        raw = _stream(pa.Table.from_batches([batch]))
                        yield Block(first + 1, [raw], b"", place, place + 1, size * place // about.num_rows)

    def parse(self, block: Block) -> Rows:
        """The rows whose text is not null and not too long."""
        table = pa.ipc.open_stream(block.raw[0]).read_all()
        # Readers of Parquet let bytes pass that are no UTF-8.
        raws = table.column(self.layout.text).cast(pa.string()).cast(pa.binary()).to_pylist()
        ids = table.column(self.layout.id).to_pylist() if self.layout.id in table.schema.names else [None] * len(raws)
        rows = Rows([], [], [], None, [])
        for line, (raw, name) in enumerate(zip(raws, ids, strict=True), start=block.line):
            if raw is None:
                problem = "no string", f"field {self.layout.text!r} is null, not a string"
            elif len(raw) > LONGEST:
                problem = "too long", f"too long: {len(raw):,} bytes and at most {LONGEST:,}"
            else:
                try:
                    rows.texts.append(raw.decode())
                    rows.lines.append(line)
                    rows.ids.append("" if name is None else str(name))
                    continue
                except UnicodeDecodeError as error:
                    problem = undecodable(error)
            rows.problems.append(Problem(line, *problem, (raw or b"")[:SHOWN]))
        return rows._replace(rows=table.take(pa.array([line - block.line for line in rows.lines], pa.int64())))

    def begin(self, head: bytes, noted: bool) -> bytes:
        """Nothing: each piece brings its schema."""
        return b""

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, notes: Notes | None) -> bytes:
        """The rows, the notes as one more column, which is a struct."""
        table = rows.rows.take(pa.array(chosen, pa.int64()))
        if texts:
            at = table.schema.get_field_index(self.layout.text)
            field = table.schema.field(at)
            column = pa.array([texts.get(i, rows.texts[i]) for i in chosen]).cast(field.type)
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
        return _stream(pa.Table.from_pylist([record._asdict() for record in records], _LISTING))

    def whole(self, part: Path) -> Path:
        """The pieces as a Parquet file beside the part."""
        target = part.with_name(part.name + ".whole")
        with pa.OSFile(str(part)) as file:
            batches = _batches(file)
            first = next(batches, None)
            schema = _LISTING if first is None else first.schema
            with pq.ParquetWriter(str(target), schema) as writer:
                for group in packets(chain([first] if first else [], batches), _GROUP, lambda batch: batch.nbytes):
                    writer.write_table(pa.Table.from_batches(group, schema))
        return target


def _opened(path: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise InputError(name_of(path), "no such file") from error
    except pa.ArrowInvalid as error:
        raise InputError(name_of(path), f"damaged or no Parquet file: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise InputError(name_of(path), problem_of(error)) from error


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
