"""The rules for edits: nothing is lost, because removed text is still in the document, before the edit.

Every word that an edit removes occurs before it, in text that is kept, within `REACH` characters plus the length of the
edit. Letters that are removed from a word occur earlier in the same word. So a loop keeps its first copy. One word of
`LINKS` that joined the copies may be removed with them ("the mouth of the mouth of the mouth": "the mouth"). `repair`
makes no edit that breaks these rules. There are two exceptions: surface edits, of the signals in `SURFACE`, and the
removals of `drop_unresolved`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from garble.repairs.edits import Edit

# Signals whose edits change spaces, punctuation or invisible characters, but no letter or digit.
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
# Signals whose edits replace characters or a name by another spelling of them.
REWRITING = frozenset(
    {"characters.mojibake", "characters.misread_sign", "artifacts.leftover_markup", "coherence.name_drift"}
)
SURFACE = SPACING | REWRITING
# Removed text must occur within this many characters before the edit.
REACH = 2000

# Words that join the copies of a loop.
LINKS = frozenset(["a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"])

_WORD = re.compile(r"\w+")
_NON_WORD = re.compile(r"\W+")


def in_order(text: str, edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits whose removed words occur before them, in the same order unless a link is lost.

    edits: in order.
    """
    return tuple(edit for edit, holds in _checked(text, edits, _follows_in_order) if holds)


def holds(text: str, edits: Iterable[Edit]) -> bool:
    """Whether every word that the edits remove occurs before its edit, in any order.

    The order may differ in edits that were merged from several rounds.
    """
    return all(holds for _, holds in _checked(text, edits, _is_present))


def _checked(text: str, edits: Iterable[Edit], rule: Callable[[str, Edit, str], bool]) -> Iterator[tuple[Edit, bool]]:
    """Each edit, and whether it satisfies `rule`, given the text that earlier edits leave."""
    kept: list[tuple[int, int]] = []
    position = 0
    for edit in edits:
        if position < edit.start:
            kept.append((position, edit.start))
        if edit.signal in SURFACE:
            is_valid = edit.signal in REWRITING or _letters(edit.before) == _letters(edit.after)
        else:
            before = _last_characters(text, kept, REACH + len(edit.before))
            is_valid = not edit.after and rule(text, edit, before)
        # A surface edit removes no word, so another edit may keep what it changes.
        if (not is_valid or edit.signal in SURFACE) and edit.start < edit.end:
            kept.append((edit.start, edit.end))
        position = edit.end
        yield edit, is_valid


def _last_characters(text: str, spans: list[tuple[int, int]], size: int) -> str:
    """The last `size` characters of the spans."""
    pieces = []
    for start, end in reversed(spans):
        pieces.append(text[max(start, end - size) : end])
        size -= end - start
        if size <= 0:
            break
    return "".join(reversed(pieces))


def _letters(text: str) -> str:
    return _NON_WORD.sub("", text)


def _follows_in_order(text: str, edit: Edit, before: str) -> bool:
    """Whether the removed words occur before in the same order; they may overlap, as the copies of a loop do."""
    if _is_in_word(edit, before):
        return _is_present(text, edit, before)
    words, removed = (" ".join(_WORD.findall(part.casefold())) for part in (before, edit.before))
    is_in_order = f" {words} {removed} ".find(f" {removed} ") < len(words) + 1
    return bool(removed) and (is_in_order or (bool(_missing_words(edit, before)) and _is_present(text, edit, before)))


def _is_present(text: str, edit: Edit, before: str) -> bool:
    """Whether each removed word occurs before; or, inside a word, all removed letters occur earlier in it."""
    removed = edit.before.casefold()
    if _is_in_word(edit, before):
        head: str = _WORD.findall(before[-REACH:])[-1].casefold()
        return (head + removed).find(removed) < len(head)
    lost = _missing_words(edit, before)
    return _WORD.search(removed) is not None and len(lost) <= 1 and lost <= LINKS


def _missing_words(edit: Edit, before: str) -> set[str]:
    """The removed words that do not occur before."""
    return set(_WORD.findall(edit.before.casefold())) - set(_WORD.findall(before.casefold()))


def _is_in_word(edit: Edit, before: str) -> bool:
    return before[-1:].isalnum() and edit.before[:1].isalnum()
