"""Spans that are never edited: markup, code, tables and addresses; and tokens that are codes, not words.

The rules are cautious: anything that looks like code is left unchanged, including loops in it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from garble.text import layout, markups
from garble.text.layout import PROSE
from garble.text.segmentation import segment

Span = tuple[int, int]

# Decoders write "<unk>".
_TAG = re.compile(r"<(?!unk>)(/?)([A-Za-z][\w:-]*)[^<>]*>|<[!?][^<>]*>")
# Elements whose content is not prose.
_RAW = frozenset({"script", "style", "pre", "code", "samp", "kbd", "textarea", "svg", "math", "template"})
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.MULTILINE)
_CODE_SPAN = re.compile(r"(?<!`)`+[^`\n]+`+")
_LINK_TARGET = re.compile(r"\]\([^()\n]*\)")
_FORMULA = re.compile(r"\$[^$\n]+\$")
_FORMULA_MARK = re.compile(r"[\\^_=+]")
_NON_NEWLINE = re.compile(r"[^\n]")
_ENTITY = re.compile(r"&#?\w{1,10};")
# Signs of addresses, paths, file names and queries; the whole chunk around one is protected.
_ADDRESS = re.compile(r"://|\bwww\.|\w@\w|\\|/\w[\w.-]*/|~/|\?\w+=|\w\.(?:com|org|net|html?|php|py|js|txt|json|xml)\b")
_SPACE = re.compile(r"\s")
# Lines of code, synopses, directives, tables and data.
_CODE_LINE = re.compile(
    r"[{}│├└]|::|\\\w|=>|->|>>>|:=|&&|\w\(\)|\s[=!<>]?=\s|\w=[\w\"']|;[ \t]*$|\[ | \]|\[--?\w|--[a-z][\w-]*="
    r"|\|[^|\n]*\||\t[^\t\n]+\t|^[ \t]*(?:#!|//|/\*|@\w|\$ |\.\. )",
    re.MULTILINE,
)
_LINE = re.compile(r"[^\n]+")
_INDENTED = re.compile(r"(?: {4}|\t)[ \t]*\S")
# Signs of a markup language, in which entities are correct.
_MARKUP = re.compile(
    r"^(?:#{1,6} \S|```|~~~)|\]\(|\*\*\S|__\S|\\\[|:\w+:`|<(?:!doctype|/?(?:html|body|div|p|span|a|ul|ol|li|table|tr|td"
    r"|h[1-6]|br|img|em|strong|b|i|code|pre|script|style)\b)",
    re.MULTILINE | re.IGNORECASE,
)

# Characters that join the parts of a code.
_JOINTS = frozenset(":._/\\@#=+|,;&-\N{EN DASH}")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{8,}|[A-F]{2}|ff")
_SEQUENCE = re.compile(r"[ACGTUN]{3,}")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_MARKS = re.compile(r"[*_~`#<>{}\[\]=+\\/@^$|│]")
_COLUMNS = re.compile(r"(?<![.!?…\"”’)]) {2,}|\t")


class Protected:
    """The spans of a text that must not be edited.

    non_prose: other kinds of blocks, markup and line prefixes, by the layout of the text. code: code or markup within
    prose. entities: HTML entities. is_markup: whether the text has signs of markup.
    """

    def __init__(self, text: str, markup: str = "text") -> None:
        self.non_prose = _Spans(_non_prose(text, markup))
        self.code = _Spans(_code_spans(text))
        self.entities = _Spans(match.span() for match in _ENTITY.finditer(text))
        self.is_markup = _MARKUP.search(text) is not None


class _Spans:
    """Sorted spans of a text, with a test for overlap."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = _merged(spans)
        self._ends = [end for _, end in self._spans]

    def overlaps(self, start: int, end: int) -> bool:
        """Whether a change of [start, end) overlaps a span; an insertion at the edge of a span does not."""
        position = bisect_left(self._ends, start + 1)
        return position < len(self._spans) and self._spans[position][0] < max(start, end)


def _non_prose(text: str, markup: str) -> Iterator[Span]:
    """Everything outside the characters of paragraphs, without whitespace at the ends; and headings."""
    document = segment(text, markup)
    yield from (tuple(span) for span in document.sentences[document.kind != PROSE].tolist())
    position = 0
    lines = [line for block in markups.blocks(text, markup) if block.kind == PROSE for line in block.lines]
    prose_spans = [(start, end) for line in lines for start, end, replacement in line if replacement is None]
    for start, end in [*prose_spans, (len(text), len(text))]:
        first, last = layout.strip(text, position, start)
        if first < last:
            yield first, last
        position = end


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _code_spans(text: str) -> Iterator[Span]:
    markup = [*_elements(text), *_comments(text)]
    yield from markup
    yield from _fences(text)
    for pattern in (_CODE_SPAN, _LINK_TARGET):
        yield from (match.span() for match in pattern.finditer(text))
    yield from (match.span() for match in _FORMULA.finditer(text) if _FORMULA_MARK.search(match.group()))
    yield from _addresses(text)
    yield from _code_lines(_blanked_out(text, _merged(markup)))


def _blanked_out(text: str, spans: Sequence[Span]) -> str:
    """The text with the spans replaced by spaces."""
    position, pieces = 0, []
    for start, end in spans:
        pieces += [text[position:start], _NON_NEWLINE.sub(" ", text[start:end])]
        position = end
    return "".join([*pieces, text[position:]])


def _elements(text: str) -> Iterator[Span]:
    """Tags, and elements of code with their content; an unclosed one extends to the end."""
    inside, start = "", 0
    for tag in _TAG.finditer(text):
        name = (tag[2] or "").lower()
        if inside and tag[1] and name == inside:
            yield start, tag.end()
            inside = ""
        elif not inside:
            yield tag.span()
            if name in _RAW and not tag[1]:
                inside, start = name, tag.start()
    if inside:
        yield start, len(text)


def _comments(text: str) -> Iterator[Span]:
    """Comments; an unclosed one extends to the end."""
    start = text.find("<!--")
    while start >= 0:
        close = text.find("-->", start)
        end = close + 3 if close >= 0 else len(text)
        yield start, end
        start = text.find("<!--", end)


def _fences(text: str) -> Iterator[Span]:
    """Fenced code; an unclosed fence extends to the end."""
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1][0] == opened[1][0] and len(fence[1]) >= len(opened[1]):
            yield opened.start(), fence.end()
            opened = None
    if opened is not None:
        yield opened.start(), len(text)


def _addresses(text: str) -> Iterator[Span]:
    end = 0
    for mark in _ADDRESS.finditer(text):
        if mark.start() < end:
            continue
        start = mark.start()
        while start > end and not text[start - 1].isspace():
            start -= 1
        space = _SPACE.search(text, mark.end())
        end = space.start() if space else len(text)
        yield start, end


def _code_lines(text: str) -> Iterator[Span]:
    """Lines that look like code, and consecutive indented lines."""
    lines = [(line.span(), _INDENTED.match(text, *line.span()) is not None) for line in _LINE.finditer(text)]
    yield from (span for span, _ in lines if _CODE_LINE.search(text, *span))
    for (first, is_indented), (second, is_next_indented) in pairwise(lines):
        if is_indented and is_next_indented and first[1] + 1 == second[0]:
            yield first[0], second[1]


def is_word(token: str) -> bool:
    """Whether a token can be a word, not a code, number, key or sequence."""
    return (
        any(map(str.isalpha, token))
        and not any(map(str.isdigit, token))
        and "_" not in token
        and not _HEXADECIMAL.fullmatch(token)
        and not _SEQUENCE.fullmatch(token)
    )


def is_prose(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` may be removed from a loop: it has a word, no markup and no columns."""
    removed = text[start:end]
    if (
        not any(map(is_word, _WORD.findall(removed)))
        or _MARKS.search(removed.replace("<unk>", "unk"))
        or _COLUMNS.search(text, start, end)
    ):
        return False
    # "FF:FF:FF", "a/a/a", "1.1.1": the parts of one code.
    return removed[0] not in _JOINTS or text[start - 1].isspace() or any(map(str.isspace, removed))
