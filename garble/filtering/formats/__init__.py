"""Ways of keeping records in a file, by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from garble.errors import InputError
from garble.filtering.formats.base import Format, Layout
from garble.filtering.formats.lines import JsonLines, Text
from garble.filtering.formats.tables import Csv
from garble.filtering.streams import name_parts
from garble.io import STDIN, name_of


def format_of(path: str, layout: Layout) -> Format:
    """The format that a file's name stands for; standard streams hold JSON Lines.

    Raises InputError for a name that stands for none, and for one that needs what is not installed.
    """
    suffix, compression = (".jsonl", "") if path == STDIN else name_parts(path)
    if suffix not in SUFFIXES:
        raise InputError(name_of(path), f"unknown extension; supported: {', '.join(SUFFIXES)}")
    if suffix == ".parquet" and compression:
        raise InputError(name_of(path), "Parquet is compressed internally; remove the extension")
    return SUFFIXES[suffix](layout)


def _parquet(layout: Layout) -> Format:
    try:
        from garble.filtering.formats.parquet import Parquet
    except ImportError as error:
        raise InputError("Parquet", "requires pip install 'garble-text[parquet]'") from error
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
