"""Edits as data: what stood where and what takes its place, to be replayed forwards and backwards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of a text and what takes its place.

    start, end: characters of the text that was given. before: what stands there; after: what takes its place.
    signal: the name of the signal whose finding asked for it.
    """

    start: int
    end: int
    before: str
    after: str
    signal: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made, which come in order and do not overlap.

    Raises ValueError, naming the place, where the text does not hold what an edit is to replace.
    """
    pieces, place = [], 0
    for edit in edits:
        if edit.start < place or text[edit.start : edit.end] != edit.before:
            raise ValueError(f"character {edit.start}: expected {edit.before!r} in the text")
        pieces += [text[place : edit.start], edit.after]
        place = edit.end
    return "".join([*pieces, text[place:]])


def undo(text: str, edits: Iterable[Edit]) -> str:
    """The text that `apply` was given, from the one it returned. Raises ValueError as `apply` does."""
    return apply(text, inverse(edits))


def inverse(edits: Iterable[Edit]) -> Iterator[Edit]:
    """The edits that lead back, in characters of the edited text."""
    shift = 0
    for edit in edits:
        start = edit.start + shift
        yield Edit(start, start + len(edit.after), edit.after, edit.before, edit.signal)
        shift += len(edit.after) - len(edit.before)


def composed(text: str, first: Sequence[Edit], second: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits of `text` that do at once what `first` does to it and `second` to the result.

    Edits that meet become one, under the signal of the earliest; what an edit leaves as it was is no part of it.
    """
    between = apply(text, first)
    back = list(inverse(first))
    made, shift, one, two = [], 0, 0, 0
    for start, end in _stretches([*back, *second]):
        one_end, two_end = one, two
        while one_end < len(back) and back[one_end].end <= end:
            one_end += 1
        while two_end < len(second) and second[two_end].end <= end:
            two_end += 1
        undone, done = back[one:one_end], second[two:two_end]
        before, after = (piece(between, start, end, edits) for edits in (undone, done))
        signal = (undone or done)[0].signal
        edit = Edit(start + shift, start + shift + len(before), before, after, signal)
        shift += len(before) - (end - start)
        if before != after:
            made.append(trimmed(edit))
        one, two = one_end, two_end
    return tuple(made)


def _stretches(edits: Iterable[Edit]) -> list[tuple[int, int]]:
    """What the edits cover; those that overlap or touch together."""
    covered: list[tuple[int, int]] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if covered and edit.start <= covered[-1][1]:
            covered[-1] = covered[-1][0], max(covered[-1][1], edit.end)
        else:
            covered.append((edit.start, edit.end))
    return covered


def piece(text: str, start: int, end: int, edits: Iterable[Edit]) -> str:
    """`text[start:end]` with those of the edits made that lie within."""
    inside = (edit for edit in edits if start <= edit.start <= edit.end <= end)
    moved = (replace(edit, start=edit.start - start, end=edit.end - start) for edit in inside)
    return apply(text[start:end], moved)


def trimmed(edit: Edit) -> Edit:
    """The edit without the characters at both ends that it leaves as they were."""
    head = _common(edit.before, edit.after)
    before, after = edit.before[head:], edit.after[head:]
    tail = _common(before[::-1], after[::-1])
    before, after = before[: len(before) - tail], after[: len(after) - tail]
    return Edit(edit.start + head, edit.end - tail, before, after, edit.signal)


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def difference(before: str, after: str, name: str = "text") -> str:
    """A unified diff that `patch` takes; "" where nothing changed. Lines end at line feeds alone, as for `patch`."""
    old, new = (re.findall(r"[^\n]*\n|[^\n]+", side) for side in (before, after))
    # A tab ends a file name that may hold spaces.
    label = f"{name}\t" if " " in name else name
    found = unified_diff(old, new, label, label)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)
