"""What a mender is: a pure function from a finding to the changes that might answer it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple, TypeVar, cast

from garble.report.findings import Finding

_Known = TypeVar("_Known")
_CHUNK = re.compile(r"\S+")


class Change(NamedTuple):
    """What might take the place of `text[start:end]`."""

    start: int
    end: int
    after: str


class Site:
    """A garbled sentence in its text, as the menders see it.

    What several findings ask of the same sentence or text is worked out once, so that time stays linear.
    """

    def __init__(self, text: str, start: int, end: int, shared: dict[object, object]) -> None:
        self.text, self.start, self.end = text, start, end
        self._own: dict[object, object] = {}
        self._shared = shared

    def once(self, ask: Callable[[Site], _Known]) -> _Known:
        """What `ask` says of the sentence."""
        if ask not in self._own:
            self._own[ask] = ask(self)
        return cast(_Known, self._own[ask])

    def once_a_text(self, ask: Callable[[str], _Known]) -> _Known:
        """What `ask` says of the text."""
        if ask not in self._shared:
            self._shared[ask] = ask(self.text)
        return cast(_Known, self._shared[ask])

    @cached_property
    def chunks(self) -> list[tuple[int, int]]:
        """Where the characters between two spaces stand."""
        return [match.span() for match in _CHUNK.finditer(self.text, self.start, self.end)]

    def chunk(self, place: int) -> tuple[int, int]:
        """The chunk that holds the character at `place`, or nothing there."""
        number = bisect_right(self.chunks, (place, len(self.text))) - 1
        start, end = self.chunks[number] if number >= 0 else (place, place)
        return (start, end) if start <= place < end else (place, place)


# (site, finding) -> changes, the likeliest first. Whether any is made is for the law and the score to say.
Mender = Callable[[Site, Finding], Iterator[Change]]


def in_place(mend: Callable[[str], Iterable[str]]) -> Mender:
    """A mender that looks at nothing but the finding's own characters: `mend` says what they might become."""

    def mender(site: Site, finding: Finding) -> Iterator[Change]:
        span = site.text[finding.start : finding.end]
        return (Change(finding.start, finding.end, after) for after in mend(span))

    return mender
