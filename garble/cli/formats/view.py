"""What an output of `garble score` shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rows = Literal["sentences", "documents"]
Color = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class View:
    """The options of an output besides its format.

    stats: add readability statistics. show_all: show all sentences, not only flagged ones. quiet: show neither clean
    documents nor clean sentences. summary: one line per document, and a table. top: show only this number of sentences,
    those with the highest scores; None for no limit. rows: what a row of CSV is. signal_columns: add a column per
    signal to CSV.
    """

    stats: bool = False
    show_all: bool = False
    quiet: bool = False
    summary: bool = False
    top: int | None = None
    rows: Rows = "sentences"
    signal_columns: bool = False
    color: Color = "auto"
