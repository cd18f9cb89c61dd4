"""Edits as data, to apply and to undo."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of a span of text.

    start, end: offsets in the original text. before: the text of the span. after: its replacement. signal: the name of
    the signal whose finding caused the edit.
    """

    start: int
    end: int
    before: str
    after: str
    signal: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text after the edits, which must be in order and must not overlap.

    Raises ValueError with the offset if the text differs from the `before` of an edit.
    """
    pieces, position = [], 0
    for edit in edits:
        if edit.start < position or text[edit.start : edit.end] != edit.before:
            raise ValueError(f"character {edit.start}: expected {edit.before!r} in the text")
        pieces += [text[position : edit.start], edit.after]
        position = edit.end
    return "".join([*pieces, text[position:]])


def undo(text: str, edits: Iterable[Edit]) -> str:
    """Revert `apply`: the original text, from the edited one. Raises ValueError as `apply` does."""
    return apply(text, inverse(edits))


def inverse(edits: Iterable[Edit]) -> Iterator[Edit]:
    """The edits that revert `edits`, with offsets in the edited text."""
    shift = 0
    for edit in edits:
        start = edit.start + shift
        yield Edit(start, start + len(edit.after), edit.after, edit.before, edit.signal)
        shift += len(edit.after) - len(edit.before)


def composed(text: str, first: Sequence[Edit], second: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits of `text` with the same effect as `first`, followed by `second` on the result.

    Edits that overlap or touch are merged, with the signal of the first. Unchanged characters at the ends are trimmed.
    """
    between = apply(text, first)
    inverted = list(inverse(first))
    edits, shift, i, j = [], 0, 0, 0
    for start, end in _merged_spans([*inverted, *second]):
        i_end, j_end = i, j
        while i_end < len(inverted) and inverted[i_end].end <= end:
            i_end += 1
        while j_end < len(second) and second[j_end].end <= end:
            j_end += 1
        first_here, second_here = inverted[i:i_end], second[j:j_end]
        before, after = (piece(between, start, end, edits) for edits in (first_here, second_here))
        signal = (first_here or second_here)[0].signal
        edit = Edit(start + shift, start + shift + len(before), before, after, signal)
        shift += len(before) - (end - start)
        if before != after:
            edits.append(trimmed(edit))
        i, j = i_end, j_end
    return tuple(edits)


def _merged_spans(edits: Iterable[Edit]) -> list[tuple[int, int]]:
    """The spans of the edits; those that overlap or touch are merged."""
    covered: list[tuple[int, int]] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if covered and edit.start <= covered[-1][1]:
            covered[-1] = covered[-1][0], max(covered[-1][1], edit.end)
        else:
            covered.append((edit.start, edit.end))
    return covered


def piece(text: str, start: int, end: int, edits: Iterable[Edit]) -> str:
    """`text[start:end]` after those of the edits that are inside."""
    edits_inside = (edit for edit in edits if start <= edit.start <= edit.end <= end)
    shifted = (replace(edit, start=edit.start - start, end=edit.end - start) for edit in edits_inside)
    return apply(text[start:end], shifted)


def trimmed(edit: Edit) -> Edit:
    """The edit without unchanged characters at both ends."""
    head = _common_prefix_length(edit.before, edit.after)
    before, after = edit.before[head:], edit.after[head:]
    tail = _common_prefix_length(before[::-1], after[::-1])
    before, after = before[: len(before) - tail], after[: len(after) - tail]
    return Edit(edit.start + head, edit.end - tail, before, after, edit.signal)


def _common_prefix_length(first: str, second: str) -> int:
    """The length of the common prefix."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def difference(before: str, after: str, name: str = "text") -> str:
    """A unified diff for `patch`; "" if nothing changed. Lines end at line feeds only, as for `patch`."""
    old, new = (re.findall(r"[^\n]*\n|[^\n]+", side) for side in (before, after))
    # `patch` needs a tab after a file name with spaces.
    label = f"{name}\t" if " " in name else name
    lines = unified_diff(old, new, label, label)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
