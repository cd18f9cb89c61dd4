"""The blocks of an HTML page, as offsets in its source.

Scripts, styles, attributes and comments are skipped; entities are replaced by characters. The parser of the standard
library needs quadratic time on broken pages, so this module finds tags itself.
"""

from __future__ import annotations

import re
from collections import Counter
from html import unescape

from garble.text import layout
from garble.text.layout import (
    BOILERPLATE,
    CODE,
    HEADING,
    LIST,
    PROSE,
    TABLE,
    Block,
    Run,
    built,
    is_sentence,
    text_of,
    trimmed,
)

_UNSEEN = frozenset({"script", "style", "template", "svg", "math", "noscript", "iframe", "object"})
_AROUND = frozenset({"nav", "footer", "button", "select", "option", "textarea", "menu", "label"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "title", "dt", "caption", "legend"})
_CELLS = frozenset({"td", "th"})
_RAW = frozenset({"script", "style"})
_TOKEN = re.compile(
    r"(?P<comment><!--)|<[!?]|<(?P<slash>/?)(?P<tag>[a-zA-Z][a-zA-Z0-9:-]*)(?P<rest>[^<>]*)>"
    r"|(?P<entity>&(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?)"
)
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_INLINE = frozenset(
    {
        "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img", "ins",
        "kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var",
        "wbr",
    }
)  # fmt: skip
# End tags of these elements are optional; the next start tag or the end of their container closes them.
_ENDED_BY = {
    "li": ("ul", "ol", "menu"),
    "dt": ("dl",),
    "td": ("table", "tr"),
    "th": ("table", "tr"),
    "option": ("select",),
}
# Code in a sentence is replaced by a placeholder.
_WORDS_OF_CODE = frozenset({"code", "kbd", "samp", "tt", "var"})


def blocks(text: str, start: int = 0, end: int | None = None) -> list[Block]:
    """The blocks of text[start:end]."""
    parser = _Parser(text)
    parser.feed(start, len(text) if end is None else end)
    return parser.finish()


def _past(text: str, sign: str, start: int, end: int) -> int:
    """Offset after the next `sign`, or `end`."""
    place = text.find(sign, start, end)
    return end if place < 0 else place + len(sign)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.opened: Counter[str] = Counter()
        self.runs: list[list[Run]] = [[]]
        self.out: list[Block] = []

    def feed(self, start: int, end: int) -> None:
        """Process text[start:end]."""
        place = start
        while place < end:
            match = _TOKEN.search(self.text, place, end)
            first = match.start() if match else end
            self._data(place, first)
            if match is None:
                return
            place = match.end()
            if match["entity"]:
                self._entity(first, place)
            elif match["tag"]:
                place = self._tag(match, end)
            else:
                place = _past(self.text, "-->" if match["comment"] else ">", place, end)

    def _tag(self, match: re.Match[str], end: int) -> int:
        """Process a tag. Returns the offset after it, or after the content of a script or style."""
        tag, place = match["tag"].lower(), match.end()
        # A quoted attribute may contain ">".
        if match["rest"].count('"') % 2 and (quote := self.text.find('">', place, min(place + 1000, end))) >= 0:
            place = quote + 2
        if match["slash"]:
            self._ends(tag)
        else:
            self._starts(tag, match["rest"].endswith("/"))
            if tag in _RAW:
                closing = re.compile(f"</{tag}", re.IGNORECASE).search(self.text, place, end)
                return closing.start() if closing else end
        return place

    def finish(self) -> list[Block]:
        """End of input; returns all blocks, in order."""
        self._flush()
        return self.out

    def _starts(self, tag: str, is_empty: bool) -> None:
        if tag == "br":
            self.runs.append([])
        elif tag not in _INLINE:
            self._flush()
        if tag in _ENDED_BY:
            self.opened[tag] = 1
        elif tag not in _VOID and not is_empty:
            self.opened[tag] += 1

    def _ends(self, tag: str) -> None:
        if tag not in _INLINE:
            self._flush()
        self.opened[tag] = max(self.opened[tag] - 1, 0)
        for inner, outer in _ENDED_BY.items():
            if tag in outer and not (inner == "li" and any(self.opened[name] for name in outer)):
                self.opened[inner] = 0

    def _data(self, start: int, end: int) -> None:
        if start >= end or self._inside(_UNSEEN):
            return
        if self._inside(_WORDS_OF_CODE) and not self.opened["pre"]:
            self.runs[-1] += layout.placeholder(self.text, start, end)
            return
        place = start
        for number, line in enumerate(self.text[start:end].split("\n")):
            if number:
                self.runs.append([])
            self.runs[-1].append((place, place + len(line), None))
            place += len(line) + 1

    def _entity(self, start: int, end: int) -> None:
        if not self._inside(_UNSEEN):
            self.runs[-1].append((start, end, unescape(self.text[start:end]).replace("\xa0", " ")))

    def _inside(self, tags: frozenset[str]) -> bool:
        return any(self.opened[tag] for tag in tags)

    def _kind(self) -> int:
        if self.opened["pre"]:
            return CODE
        if self._inside(_AROUND):
            return BOILERPLATE
        if self._inside(_HEADINGS):
            return HEADING
        if self._inside(_CELLS):
            return TABLE
        return LIST if self.opened["li"] else PROSE

    def _flush(self) -> None:
        lines = [line for runs in self.runs if (line := trimmed(self.text, runs))]
        self.runs = [[]]
        if not lines:
            return
        block = built(self._kind(), lines)
        # Tables are also used for page layout.
        if block.kind == TABLE and is_sentence(text_of(self.text, block)):
            block = block._replace(kind=PROSE)
        elif block.kind in (PROSE, LIST) and layout.is_boilerplate(text_of(self.text, block)):
            block = block._replace(kind=BOILERPLATE)
        self.out.append(block)
