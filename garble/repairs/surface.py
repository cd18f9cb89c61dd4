"""The surface of a text, mended: spaces, marks and characters that no writer typed."""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from garble.repairs.base import Change, Site
from garble.repairs.untouched import Untouched
from garble.report.findings import Finding
from garble.text.mojibake import decode

_BEFORE_LAST_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_AFTER_CAPITALS = re.compile(r"(?<=[A-Z]{2})(?=[a-z])")
_BESIDE_DIGITS = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_CAPITAL_INSIDE = re.compile(r"\b[a-z]+[A-Z]\w*|\b[A-Z]{2,}[a-z]\w*|\b(?:[A-Z][a-z]+){2,}")
_AFTER_STOP = re.compile(r"(?<=[.!?])(?=[A-Z])")
# Half of a misread letter may show as a space that does not break: that ends no word.
_BETWEEN_SPACES = re.compile(r"[^ \t\r\n]+")
_SAYS = re.compile(
    r",(?= (?:he|she|they|it|I|we|you|[A-Z]\w+(?: [A-Z]\w+)*) (?:said|says|added|told|asked|replied|wrote|explained)\b"
    r"|(?: (?:said|says|added|told|asked|replied|wrote|explained) (?:he|she|they|it|I|we|you|the|[A-Z])))"
)
_ENTITY_NAME = re.compile(r"#?\w{1,10};")
_BRACKETS = frozenset(["&lt;", "&gt;", "&#60;", "&#62;", "&#x3c;", "&#x3e;", "&#x3C;", "&#x3E;"])
_QUOTED = re.compile(r"[\"'“‘`].*[\"'”’`][.,;:)]*")
_CLOSING = {"“": "”", '"': '"'}


def close_up(span: str) -> Iterator[str]:
    """A mark without the spaces that part it from its word."""
    yield "".join(span.split())


def one_mark(span: str) -> Iterator[str]:
    """One of the marks that stand side by side; two colons are a mark of their own in many a notation."""
    if "::" not in span:
        yield from dict.fromkeys("".join(span.split()))


def part_words(site: Site, finding: Finding) -> Iterator[Change]:
    """Two words run together, parted before the last capital or after it.

    Where a text has several such words they are its names for things: "windowLog", "ECMAScript".
    """
    span = site.text[finding.start : finding.end]
    if len(site.once_a_text(_runs_of_capitals)) == 1:
        yield Change(finding.start, finding.end, _BEFORE_LAST_CAPITAL.sub(" ", span))
        yield Change(finding.start, finding.end, _AFTER_CAPITALS.sub(" ", span))


def _runs_of_capitals(text: str) -> list[str]:
    return _CAPITAL_INSIDE.findall(text)


def part_digits(span: str) -> Iterator[str]:
    """A number run into words, parted from them; beside capitals it is part of a code."""
    if span[1:] == span[1:].lower():
        yield _BESIDE_DIGITS.sub(" ", span)


def part_sentences(span: str) -> Iterator[str]:
    """Two sentences run together, parted after the stop."""
    yield _AFTER_STOP.sub(" ", span)


def unescape(site: Site, finding: Finding) -> Iterator[Change]:
    """HTML entities as the characters that they stand for, in a text without markup.

    Those of "<" and ">" would become markup, and one that begins an entity was escaped twice.
    """
    entity = site.text[finding.start : finding.end]
    is_nested = _ENTITY_NAME.match(site.text, finding.end)
    if not site.once_a_text(Untouched).is_markup and entity not in _BRACKETS and not is_nested:
        yield Change(finding.start, finding.end, html.unescape(entity))


def uncover(span: str) -> Iterator[str]:
    """Nothing in place of what cannot be seen; a control character of Windows-1252 may have been a quotation mark."""
    if not any("\x80" <= char <= "\x9f" for char in span):
        yield ""


def read_again(site: Site, finding: Finding) -> Iterator[Change]:
    """The word read in the right encoding, as ftfy sees it; else the finding itself. A quoted word is meant so."""
    fixed = site.once(_read_again)
    place = bisect_left(fixed, (finding.start + 1,)) - 1
    if place >= 0 and finding.start < fixed[place].end:
        yield fixed[place]
    elif not _QUOTED.fullmatch(site.text, *site.chunk(finding.start)):
        meant = decode(site.text, finding.start, finding.end)
        yield from (Change(finding.start, finding.end, after) for after in meant if after.isprintable())


def _read_again(site: Site) -> list[Change]:
    """The words that are read otherwise."""
    try:
        from ftfy import fix_encoding
    except ImportError:
        return []
    words = _BETWEEN_SPACES.finditer(site.text, site.start, site.end)
    fixed = [Change(*word.span(), fix_encoding(word.group())) for word in words if not word.group().isascii()]
    fixed = [change for change in fixed if change.after != site.text[change.start : change.end]]
    return [change for change in fixed if not _QUOTED.fullmatch(site.text, change.start, change.end)]


def close_quote(site: Site, finding: Finding) -> Iterator[Change]:
    """The closing mark after the comma before "he said", where there is one such place; one mark for two of a kind."""
    text, mark = site.text, site.text[finding.start]
    if mark in (text[finding.start - 1 : finding.start], text[finding.end : finding.end + 1]):
        yield Change(finding.start, finding.end, "")
    ends = site.once(_says)
    ends = ends[bisect_right(ends, finding.end) :]
    if mark in _CLOSING and len(ends) == 1:
        yield Change(ends[0], ends[0], _CLOSING[mark])


def _says(site: Site) -> list[int]:
    """Where the commas before "he said" end."""
    return [match.end() for match in _SAYS.finditer(site.text, site.start, site.end)]
