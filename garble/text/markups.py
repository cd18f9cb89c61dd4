"""What a text is written in, and its blocks read as that.

`blocks(text, markup)` is one pure function; `garble.text.layout` says what a block is.
"""

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


def markup_of(name: str) -> str:
    """The markup that a file's name stands for; "auto" for a name that says nothing."""
    return next((markup for suffix, markup in _SUFFIXES.items() if name.lower().endswith(suffix)), "auto")


def blocks(text: str, markup: str = "text") -> list[Block]:
    """The blocks of `text`, in order, read as `markup`: one of MARKUPS.

    "auto" takes a cautious look (`guess`); "none" takes every line for a paragraph of prose.
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
    """The markup that a text plainly has, else "text"."""
    head = text[:2000].lstrip("\ufeff \t\r\n")
    low = head[:200].lower()
    if head.startswith("WEBVTT"):
        return "vtt"
    if re.match(rf"\d+[ \t]*\r?\n{CLOCK}[ \t]*-->", head):
        return "srt"
    if low.startswith(("<!doctype html", "<html")) or (
        re.match(r"<(?:div|p|body|head|article|section|main|nav|ul|table|h[1-6])[\s>]", low)
        and re.search(r"</(?:div|p|body|article|section|main|nav|ul|table|h[1-6])>", text[:100_000].lower())
    ):
        return "html"
    return "markdown" if _is_markdown(text[:100_000]) else "text"


def _is_markdown(text: str) -> bool:
    """Two different signs of Markdown that other texts do not have."""
    return sum(bool(sign.search(text)) for sign in _SIGNS_OF_MARKDOWN) >= 2
