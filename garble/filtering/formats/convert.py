"""Writing the records of one format in another, such as JSON Lines as Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from garble.filtering.formats.base import Annotations, ConversionError, CutRecord, Format, Rows, Texts


class Converter:
    """The format `writer` as an output for the records of the format `reader`.

    columns: those of the output, as `Format.columns_of` returns them.
    """

    def __init__(self, reader: Format, writer: Format, columns: bytes) -> None:
        self.name = writer.name
        self._reader, self.writer, self._columns = reader, writer, columns

    def begin(self, head: bytes, annotated: bool) -> bytes:
        """The header of an output; `head` is that of the input, which has another format."""
        return self.writer.begin(self.writer.head_of(self._columns), annotated)

    def begin_cuts(self) -> bytes:
        """The header of a file of cuts."""
        return self.writer.begin_cuts()

    def write(self, rows: Rows, chosen: Sequence[int], texts: Texts, annotations: Annotations | None) -> bytes:
        """The chosen rows, as `Format.write`. Raises ConversionError for a value that the format cannot hold."""
        records = self._reader.values(rows, chosen, texts)
        found = None if annotations is None else [annotations[i] for i in chosen]
        return self.writer.encode(records, found, self._columns)

    def write_cuts(self, records: Sequence[CutRecord]) -> bytes:
        """The records of cuts."""
        return self.writer.write_cuts(records)

    def finish(self, part: Path) -> Path:
        """Complete a file, as `Format.finish`."""
        return self.writer.finish(part)

    def problems(self, rows: Rows) -> dict[int, str]:
        """The rows that the format cannot hold, each with the reason."""
        try:
            self.write(rows, range(len(rows.lines)), {}, None)
        except ConversionError:
            found = {i: self._problem(rows, i) for i in range(len(rows.lines))}
            return {i: problem for i, problem in found.items() if problem}
        return {}

    def _problem(self, rows: Rows, i: int) -> str:
        try:
            self.write(rows, [i], {}, None)
        except ConversionError as error:
            return str(error)
        return ""
