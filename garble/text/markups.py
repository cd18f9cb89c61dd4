"""Markup detection, the blocks of a text in any markup, and comments that exclude text.

`garble.text.layout` describes blocks.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from garble.text import html, markdown
from garble.text.layout import CLOCK, CODE, Block, Span, bare_blocks, plain_blocks

MARKUPS = ("auto", "none", "text", "markdown", "html", "srt", "vtt")
_SUFFIXES = {
    ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".xhtml": "html",
    ".srt": "srt", ".vtt": "vtt",
}  # fmt: skip

_SIGNS_OF_MARKDOWN = tuple(
    re.compile(sign, re.MULTILINE)
    for sign in (
        r"^\#{1,6} \S",
        r"^```",
        r"\[[^\[\]\n]{1,200}\]\([^()\s]{1,300}\)",
        r"\*\*[^\s*][^*\n]{0,200}\*\*",
        r"^\|[ :|-]{3,}\|$",
    )
)

# A comment that excludes text. In backticks it is an example.
_IGNORE = re.compile(r"(?<!`)<!--\s*garble:\s*(ignore(?:-start|-end)?)\s*-->")

# Elements of HTML whose ends show that a text is HTML, and those that it can begin with.
_BLOCKS = "div|p|body|article|section|main|nav|header|footer|aside|ul|ol|dl|table|blockquote|h[1-6]"
_OPENING = f"{_BLOCKS}|head|title|meta|link|script|style"


def markup_of(name: str) -> str:
    """The markup for a file name, by its extension; "auto" for others."""
    return next((markup for suffix, markup in _SUFFIXES.items() if name.lower().endswith(suffix)), "auto")


def blocks(text: str, markup: str = "text") -> list[Block]:
    """The blocks of `text`, in order. markup: one of MARKUPS.

    "auto" detects the markup with `guess`. "none" makes each line a paragraph of prose.
    """
    markup = guess(text) if markup == "auto" else markup
    if markup == "markdown":
        return markdown.blocks(text)
    if markup == "html":
        return html.blocks(text)
    if markup == "none":
        return bare_blocks(text)
    return plain_blocks(text)


def ignored_spans(text: str, markup: str, blocks: Sequence[Block]) -> list[Span]:
    """The spans that comments exclude in Markdown or HTML; none in other markups.

    `<!-- garble: ignore -->` excludes the first block that ends after it. `<!-- garble: ignore-start -->` excludes the
    text up to `<!-- garble: ignore-end -->`, or to the end. Comments in blocks of code do not count.
    blocks: from `blocks`. Spans of blocks do not overlap each other, nor do the others.
    """
    if markup not in ("markdown", "html"):
        return []
    ends = [block.end for block in blocks]
    spans: dict[Span, None] = {}
    opened: int | None = None
    for comment in _IGNORE.finditer(text):
        around, after = (bisect_right(ends, place) for place in comment.span())
        if any(block.kind == CODE and block.start <= comment.start() for block in blocks[around : around + 1]):
            continue
        if comment[1] == "ignore":
            spans |= dict.fromkeys(block[:2] for block in blocks[after : after + 1])
        elif comment[1] == "ignore-end" and opened is not None:
            spans[opened, comment.start()] = None
            opened = None
        elif comment[1] == "ignore-start" and opened is None:
            opened = comment.end()
    if opened is not None:
        spans[opened, len(text)] = None
    return list(spans)


def guess(text: str) -> str:
    """The markup of a text if it is clear, else "text"."""
    head = text[:2000].lstrip("\ufeff \t\r\n")
    low = head[:200].lower()
    if head.startswith("WEBVTT"):
        return "vtt"
    if re.match(rf"\d+[ \t]*\r?\n{CLOCK}[ \t]*-->", head):
        return "srt"
    if low.startswith(("<!doctype html", "<html")) or (
        re.match(rf"<(?:{_OPENING})[\s>]", low) and re.search(rf"</(?:{_BLOCKS})>", text[:100_000].lower())
    ):
        return "html"
    return "markdown" if _is_markdown(text[:100_000]) else "text"


def _is_markdown(text: str) -> bool:
    """Whether a text has two different constructs that are specific to Markdown."""
    return sum(bool(sign.search(text)) for sign in _SIGNS_OF_MARKDOWN) >= 2
