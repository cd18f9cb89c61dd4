"""The fixer interface: a pure function from a finding to candidate changes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple, TypeVar, cast

from garble.report.findings import Finding

_Result = TypeVar("_Result")
_CHUNK = re.compile(r"\S+")


class Change(NamedTuple):
    """A replacement for `text[start:end]`."""

    start: int
    end: int
    after: str


class Site:
    """A garbled sentence in its text, as input of a fixer.

    Results that several findings need are cached per sentence and per text, so that the time stays linear.
    """

    def __init__(self, text: str, start: int, end: int, shared: dict[object, object]) -> None:
        self.text, self.start, self.end = text, start, end
        self._for_sentence: dict[object, object] = {}
        self._for_text = shared

    def cached(self, function: Callable[[Site], _Result]) -> _Result:
        """The result of `function` for the sentence, computed once."""
        if function not in self._for_sentence:
            self._for_sentence[function] = function(self)
        return cast(_Result, self._for_sentence[function])

    def cached_for_text(self, function: Callable[[str], _Result]) -> _Result:
        """The result of `function` for the text, computed once."""
        if function not in self._for_text:
            self._for_text[function] = function(self.text)
        return cast(_Result, self._for_text[function])

    @cached_property
    def chunks(self) -> list[tuple[int, int]]:
        """Spans of the stretches without whitespace."""
        return [match.span() for match in _CHUNK.finditer(self.text, self.start, self.end)]

    def chunk(self, offset: int) -> tuple[int, int]:
        """The chunk that contains the character at `offset`, or an empty span there."""
        number = bisect_right(self.chunks, (offset, len(self.text))) - 1
        start, end = self.chunks[number] if number >= 0 else (offset, offset)
        return (start, end) if start <= offset < end else (offset, offset)


# (site, finding) -> changes, the likeliest first. The rules and the score decide whether one is made.
Fixer = Callable[[Site, Finding], Iterator[Change]]


def in_place(fix: Callable[[str], Iterable[str]]) -> Fixer:
    """A fixer that needs only the characters of the finding; `fix` gives their replacements."""

    def fixer(site: Site, finding: Finding) -> Iterator[Change]:
        span = site.text[finding.start : finding.end]
        return (Change(finding.start, finding.end, after) for after in fix(span))

    return fixer
