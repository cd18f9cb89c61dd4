"""Markup detection, and the blocks of a text in any markup; see `garble.text.layout` for blocks."""

from __future__ import annotations

import re

from garble.text import html, markdown
from garble.text.layout import CLOCK, Block, bare_blocks, plain_blocks

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
