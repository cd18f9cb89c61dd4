"""The blocks of a Markdown text, as offsets in its source.

markdown-it-py gives the lines of each block. Inline markup (links, emphasis, code, addresses, entities) is found here,
because the parser does not report its offsets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html import unescape
from itertools import accumulate
from typing import TYPE_CHECKING

from garble.text import html, layout
from garble.text.layout import CODE, HEADING, LIST, PROSE, RECORD, TABLE, Block, Run, Span, built, trimmed

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_LINE_END = re.compile(r"\r\n|\r|\n")
_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n")
# Marks at the beginning of a line: quote marks, bullets, numbers, heading marks.
_BEFORE = re.compile(r"(?:[ \t]*>)*[ \t]*")
_ITEM = re.compile(r"(?:(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?)+")
_HEAD = re.compile(r"#{1,6}[ \t]+")
_TAIL = re.compile(r"[ \t]+#+[ \t]*$")
# All repetitions are bounded, for linear time.
_INLINE = re.compile(
    r"(?P<code>(?P<ticks>`{1,3})(?!`)[^`]{1,300}(?P=ticks)(?!`))"
    r"|(?P<escape>\\)(?=[!-/:-@\[-`{-~])[!-/:-@\[-`{-~]"
    r"|(?P<address><?(?:https?://|www\.|mailto:)[^\s<>()\[\]]{1,2000}(?:\([^\s<>()]{0,200}\)[^\s<>()\[\]]{0,200})?>?)"
    r"|(?P<tag><!--.{0,1000}?-->|</?[a-zA-Z][^<>]{0,1000}>)"
    r"|(?P<entity>&(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});)"
    r"|(?P<note>\[\^[^\]\s]{1,60}\])"
    r"|(?P<open>!?\[)|(?P<close>\](?:\((?:[^()\s]|\([^()\s]{0,200}\)){0,1000}(?:\s+(?:\"[^\"]{0,300}\"|'[^']{0,300}'))?\s?\)"
    r"|\[[^\[\]]{0,200}\])?)"
    r"|(?P<mark>\*{1,3}(?=[^\s*])|(?<=[^\s*])\*{1,3}|(?<!\w)_{1,3}(?=[^\s_])|(?<=[^\s_])_{1,3}(?!\w)|~~)",
    re.DOTALL,
)


def blocks(text: str) -> list[Block]:
    """The blocks of `text`, in order."""
    front = _front(text)
    front_matter = list(_built(text, front)) if front else []
    body = text[front:]
    edges = [front, *(front + match.end() for match in _LINE_END.finditer(body)), len(text)]
    leaf: list[Block] = []
    outer: list[str] = []
    for token in _parser().parse(body):
        if token.nesting:
            if token.nesting > 0:
                outer.append(token.type)
            else:
                outer.pop()
            continue
        if token.map is None:
            continue
        first, last = edges[token.map[0]], edges[min(token.map[1], len(edges) - 1)]
        leaf += _leaf(text, first, last, token.type, outer)
    return front_matter + _once(leaf)


def _front(text: str) -> int:
    """Offset after the front matter; 0 without one."""
    head = _FRONT.match(text)
    if head is None:
        return 0
    tail = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\r?\n|$)", re.MULTILINE).search(text, head.end(), head.end() + 20_000)
    return tail.end() if tail else 0


def _built(text: str, end: int) -> Iterator[Block]:
    start, end = layout.strip(text, 0, end)
    yield built(RECORD, [((start, end, None),)])


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _once(blocks: list[Block]) -> list[Block]:
    """Remove duplicates: the parser reports all cells of a table row at the same lines."""
    kept: list[Block] = []
    for block in blocks:
        if not kept or block.start >= kept[-1].end:
            kept.append(block)
    return kept


def _leaf(text: str, first: int, last: int, kind: str, outer: list[str]) -> list[Block]:
    start, end = layout.strip(text, first, last)
    if start >= end:
        return []
    if kind == "html_block":
        return html.blocks(text, first, last)
    if kind in ("fence", "code_block"):
        # Indented prose is not code.
        as_text = layout.within(text, first, last) if kind == "code_block" else []
        is_prose = any(block.kind == PROSE and layout.is_sentence(layout.text_of(text, block)) for block in as_text)
        return as_text if is_prose else [built(CODE, [((start, end, None),)])]
    if kind != "inline":
        return []
    block_kind = _kind(outer)
    lines = [line for line in _lines(text, first, last, block_kind) if line]
    if not lines:
        return []
    block = built(block_kind, lines)
    is_boilerplate = block_kind in (PROSE, LIST) and layout.is_boilerplate(layout.text_of(text, block))
    return [block._replace(kind=layout.BOILERPLATE) if is_boilerplate else block]


def _kind(outer: list[str]) -> int:
    if "table_open" in outer:
        return TABLE
    if "heading_open" in outer:
        return HEADING
    return LIST if "list_item_open" in outer else PROSE


def _lines(text: str, first: int, last: int, kind: int) -> Iterator[tuple[Run, ...]]:
    """The runs of each line, without marks and markup."""
    marks = _marks(text, first, last) if kind != TABLE else []
    source = text[first:last]
    pieces = source.splitlines(keepends=True)
    for number, place in enumerate(accumulate(map(len, pieces[:-1]), initial=first)):
        start, end = layout.strip(text, place, place + len(pieces[number]))
        start = _BEFORE.match(text, start, end).end()  # type: ignore[union-attr]
        if number == 0 and (item := _ITEM.match(text, start, end)):
            start = item.end()
        if kind == HEADING:
            if head := _HEAD.match(text, start, end):
                start = head.end()
            if tail := _TAIL.search(text, max(start, end - 40), end):
                end = tail.start()
            if number and not text[start:end].strip("=- "):
                continue
        yield trimmed(text, list(layout.runs_between(start, end, marks)))


def _marks(text: str, first: int, last: int) -> list[Run]:
    """Inline markup in text[first:last], with its replacements."""
    marks: list[Run] = []
    opened: list[Span] = []
    emphasis: list[Run] = []
    for match in _INLINE.finditer(text, first, last):
        start, end = match.span()
        name = match.lastgroup
        if match["code"] or match["address"]:
            marks += layout.placeholder(text, start, end)
        elif name == "escape":
            marks.append((start, start + 1, ""))
        elif name == "entity":
            marks.append((start, end, unescape(match.group()).replace("\xa0", " ")))
        elif name in ("tag", "note"):
            marks.append((start, end, ""))
        elif name == "open":
            opened.append((start, end))
        elif name == "close":
            if opened:
                before = opened.pop()
                if text[before[0]] == "!" and end - start > 1:
                    while marks and marks[-1][0] >= before[0]:
                        marks.pop()
                    marks.append((before[0], end, ""))
                elif end - start > 1:
                    marks += [(*before, ""), (start, end, "")]
        else:
            emphasis.append((start, end, ""))
    if len(emphasis) > 1:
        marks += emphasis
    return layout.non_overlapping(marks)
