"""Record formats, by file extension."""

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
    """The format of a file by its extension; standard streams are JSON Lines.

    Raises InputError for an unknown extension, and for one that needs a library that is not installed.
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


def _warc(layout: Layout) -> Format:
    try:
        from garble.filtering.formats.warc import Warc
    except ImportError as error:
        raise InputError("web archives", "require pip install 'garble-text[warc]'") from error
    return Warc(layout)


def is_archive(path: str) -> bool:
    """Whether a file is a web archive, by its extension."""
    return name_parts(path)[0] in (".warc", ".wet")


SUFFIXES: dict[str, Callable[[Layout], Format]] = {
    ".txt": Text,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".json": JsonLines,
    ".csv": partial(Csv, delimiter=","),
    ".tsv": partial(Csv, delimiter="\t"),
    ".parquet": _parquet,
    ".warc": _warc,
    ".wet": _warc,
}
