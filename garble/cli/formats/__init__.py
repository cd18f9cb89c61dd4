"""The output formats of `garble score`: one module per format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from garble.cli.formats import csv, github, html, json, sarif, text
from garble.cli.formats.view import View
from garble.cli.tally import Scored, Tally
from garble.cli.terminal import is_unicode

FORMATS = ("text", "json", "jsonl", "csv", "html", "github", "sarif")


def formatted(scored: Iterator[Scored], form: str, stream: TextIO, tally: Tally, view: View) -> Iterator[str]:
    """The results in one of FORMATS, as an iterator of chunks; html and sarif are one chunk.

    stream: the output stream, for its width, colours and encoding.
    """
    if view.quiet:
        scored = (item for item in scored if item.report.verdict != "clean")
    ascii_only = not is_unicode(stream.encoding)
    match form:
        case "json":
            return json.array(scored, view, ascii_only)
        case "jsonl":
            return json.lines(scored, view, ascii_only)
        case "csv":
            return csv.table(scored, view, stream.isatty())
        case "html":
            return html.page(scored, stream)
        case "github":
            return github.commands(scored, view)
        case "sarif":
            return sarif.log(scored, view, tally, ascii_only)
        case _:
            return text.lines(scored, stream, tally, view)
