"""The law of mending: what an edit takes out still stands in the same document, beside the place.

Every word that an edit takes out stands before it, in text that is kept, no further off than `REACH` characters and the
edit's own length; what is taken out of a word stands in the same word. So a loop keeps its first turn. One of `LINKS`,
which joined the turns, may go with them ("the mouth of the mouth of the mouth": "the mouth"). `repair` makes no edit
that breaks this. Two kinds of edits are apart: the surface edits, which `SURFACE` lists, and the cuts that
`drop_unresolved` asks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from garble.repairs.edits import Edit

# Signals whose edits change spaces, marks or hidden characters: every letter and digit stays.
SPACING = frozenset(
    {
        "characters.stray_control",
        "characters.fused_digits",
        "artifacts.spaced_punctuation",
        "artifacts.doubled_punctuation",
        "artifacts.glued_words",
        "artifacts.missing_space",
        "artifacts.broken_quote",
    }
)
# Signals whose edits write the same characters, or the same name, in another way.
REWRITING = frozenset(
    {"characters.mojibake", "characters.misread_sign", "artifacts.leftover_markup", "coherence.name_drift"}
)
SURFACE = SPACING | REWRITING
# Characters before the place of an edit in which what it takes out must stand.
REACH = 2000

# Words that join the turns of a loop.
LINKS = frozenset(["a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"])

_WORD = re.compile(r"\w+")
_UNSAID = re.compile(r"\W+")


def in_order(text: str, edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Those of the edits that take out only what stands before them, in the same order unless they lose a link.

    The edits come in order too.
    """
    return tuple(edit for edit, holds in _judged(text, edits, _follows) if holds)


def holds(text: str, edits: Iterable[Edit]) -> bool:
    """Whether every word that any of the edits takes out still stands beside its place.

    Edits made in several rounds and written as one may take out words that stand there in another order.
    """
    return all(holds for _, holds in _judged(text, edits, _stands))


def _judged(text: str, edits: Iterable[Edit], keeps: Callable[[str, Edit, str], bool]) -> Iterator[tuple[Edit, bool]]:
    """Each edit and whether it holds by `keeps`, which is given the text that the edits before it leave."""
    kept: list[tuple[int, int]] = []
    place = 0
    for edit in edits:
        if place < edit.start:
            kept.append((place, edit.start))
        if edit.signal in SURFACE:
            made = edit.signal in REWRITING or _letters(edit.before) == _letters(edit.after)
        else:
            before = _last(text, kept, REACH + len(edit.before))
            made = not edit.after and keeps(text, edit, before)
        # A surface edit takes out no word, so what it changes may be what another edit leaves standing.
        if (not made or edit.signal in SURFACE) and edit.start < edit.end:
            kept.append((edit.start, edit.end))
        place = edit.end
        yield edit, made


def _last(text: str, stretches: list[tuple[int, int]], size: int) -> str:
    """The last `size` characters of the stretches."""
    pieces = []
    for start, end in reversed(stretches):
        pieces.append(text[max(start, end - size) : end])
        size -= end - start
        if size <= 0:
            break
    return "".join(reversed(pieces))


def _letters(text: str) -> str:
    return _UNSAID.sub("", text)


def _follows(text: str, edit: Edit, before: str) -> bool:
    """Whether what is taken out stands before in the same order; it may overlap itself, as the turns of a loop do."""
    if _is_in_word(edit, before):
        return _stands(text, edit, before)
    words, taken = (" ".join(_WORD.findall(part.casefold())) for part in (before, edit.before))
    is_said = f" {words} {taken} ".find(f" {taken} ") < len(words) + 1
    return bool(taken) and (is_said or (bool(_lost(edit, before)) and _stands(text, edit, before)))


def _stands(text: str, edit: Edit, before: str) -> bool:
    """Whether each word that is taken out stands before, or in its own word all of the letters."""
    taken = edit.before.casefold()
    if _is_in_word(edit, before):
        head: str = _WORD.findall(before[-REACH:])[-1].casefold()
        return (head + taken).find(taken) < len(head)
    lost = _lost(edit, before)
    return _WORD.search(taken) is not None and len(lost) <= 1 and lost <= LINKS


def _lost(edit: Edit, before: str) -> set[str]:
    """The words that are taken out and do not stand before."""
    return set(_WORD.findall(edit.before.casefold())) - set(_WORD.findall(before.casefold()))


def _is_in_word(edit: Edit, before: str) -> bool:
    return before[-1:].isalnum() and edit.before[:1].isalnum()
