"""Where sentences stand: lines and columns, and the worst sentences of several documents."""

from __future__ import annotations

import heapq
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from garble.cli.tally import Scored
from garble.report.findings import ScoredSentence


class Position(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


class Lines:
    """A text with its lines, which end with a newline character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(self, offset: int) -> Position:
        """The position of a character; the column counts characters."""
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)

    def utf16_position(self, offset: int) -> Position:
        """The position of a character; the column counts UTF-16 code units."""
        line, column = self.position(offset)
        before = self._text[offset - column + 1 : offset]
        return Position(line, column + sum(char > "\uffff" for char in before))

    def utf16_end(self, offset: int) -> Position:
        """As `utf16_position`, for the end of a span: a span that ends with a line ends in that line."""
        line, column = self.utf16_position(max(offset - 1, 0))
        width = len(self._text[max(offset - 1, 0) : offset].encode("utf-16-le", "surrogatepass")) // 2
        return Position(line, column + width)


class Located(NamedTuple):
    """A sentence with the name and the lines of its input."""

    name: str
    lines: Lines
    sentence: ScoredSentence


def sentences(scored: Iterable[Scored], show_all: bool = False) -> Iterator[Located]:
    """The flagged sentences of the documents, or all sentences, in order."""
    for name, text, report in scored:
        lines = Lines(text)
        for sentence in report.sentences:
            if show_all or sentence.garbled:
                yield Located(name, lines, sentence)


def problems(scored: Iterable[Scored]) -> Iterator[Located]:
    """The flagged sentences of the documents, in order.

    A document that is garbled as a whole, without a flagged sentence, counts as one sentence.
    """
    for item in scored:
        flagged = list(sentences([item]))
        yield from flagged
        if item.report.garbled and not flagged:
            start = min((sentence.start for sentence in item.report.sentences), default=0)
            end = max((sentence.end for sentence in item.report.sentences), default=0)
            whole = ScoredSentence(start, end, item.text[start:end], item.report.score, True, "prose")
            yield Located(item.name, Lines(item.text), whole)


def worst(located: Iterable[Located], count: int | None) -> Iterable[Located]:
    """The sentences with the highest scores, in descending order; without a count, all of them in their order."""
    return located if count is None else heapq.nlargest(count, located, key=lambda place: place.sentence.score)
