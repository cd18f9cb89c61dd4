"""Surface repairs: spaces, punctuation and characters that no writer typed."""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from garble.repairs.base import Change, Site
from garble.repairs.protected import Protected
from garble.report.findings import Finding
from garble.text.mojibake import decode

_BEFORE_LAST_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_AFTER_CAPITALS = re.compile(r"(?<=[A-Z]{2})(?=[a-z])")
_BESIDE_DIGITS = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_CAMEL_CASE = re.compile(r"\b[a-z]+[A-Z]\w*|\b[A-Z]{2,}[a-z]\w*|\b(?:[A-Z][a-z]+){2,}")
_AFTER_STOP = re.compile(r"(?<=[.!?])(?=[A-Z])")
# A misread letter can contain a no-break space, which does not end a word.
_BETWEEN_SPACES = re.compile(r"[^ \t\r\n]+")
_ATTRIBUTION = re.compile(
    r",(?= (?:he|she|they|it|I|we|you|[A-Z]\w+(?: [A-Z]\w+)*) (?:said|says|added|told|asked|replied|wrote|explained)\b"
    r"|(?: (?:said|says|added|told|asked|replied|wrote|explained) (?:he|she|they|it|I|we|you|the|[A-Z])))"
)
_ENTITY_NAME = re.compile(r"#?\w{1,10};")
_BRACKETS = frozenset(["&lt;", "&gt;", "&#60;", "&#62;", "&#x3c;", "&#x3e;", "&#x3C;", "&#x3E;"])
_QUOTED = re.compile(r"[\"'“‘`].*[\"'”’`][.,;:)]*")
_CLOSING = {"“": "”", '"': '"'}


def remove_spaces(span: str) -> Iterator[str]:
    """The punctuation without the spaces before it."""
    yield "".join(span.split())


def keep_one_mark(span: str) -> Iterator[str]:
    """One of two punctuation marks; "::" is left alone, because many notations use it."""
    if "::" not in span:
        yield from dict.fromkeys("".join(span.split()))


def separate_words(site: Site, finding: Finding) -> Iterator[Change]:
    """Two joined words, separated before or after the last capital.

    A text with several such words uses them as names: "windowLog", "ECMAScript".
    """
    span = site.text[finding.start : finding.end]
    if len(site.cached_for_text(_camel_case_words)) == 1:
        yield Change(finding.start, finding.end, _BEFORE_LAST_CAPITAL.sub(" ", span))
        yield Change(finding.start, finding.end, _AFTER_CAPITALS.sub(" ", span))


def _camel_case_words(text: str) -> list[str]:
    return _CAMEL_CASE.findall(text)


def separate_digits(span: str) -> Iterator[str]:
    """A number separated from the words that it is joined to; next to capitals it is part of a code."""
    if span[1:] == span[1:].lower():
        yield _BESIDE_DIGITS.sub(" ", span)


def separate_sentences(span: str) -> Iterator[str]:
    """Two joined sentences, separated after the stop."""
    yield _AFTER_STOP.sub(" ", span)


def unescape(site: Site, finding: Finding) -> Iterator[Change]:
    """HTML entities replaced by their characters, in a text without markup.

    Not the entities of "<" and ">", which would become markup, nor entities that were escaped twice.
    """
    entity = site.text[finding.start : finding.end]
    is_nested = _ENTITY_NAME.match(site.text, finding.end)
    if not site.cached_for_text(Protected).is_markup and entity not in _BRACKETS and not is_nested:
        yield Change(finding.start, finding.end, html.unescape(entity))


def remove_invisible(span: str) -> Iterator[str]:
    """Remove invisible characters, but not C1 controls, which may be quotation marks of Windows-1252."""
    if not any("\x80" <= char <= "\x9f" for char in span):
        yield ""


def redecode(site: Site, finding: Finding) -> Iterator[Change]:
    """The word in the right encoding, by ftfy; otherwise the finding alone. Quoted words are left alone."""
    fixed = site.cached(_redecoded_words)
    index = bisect_left(fixed, (finding.start + 1,)) - 1
    if index >= 0 and finding.start < fixed[index].end:
        yield fixed[index]
    elif not _QUOTED.fullmatch(site.text, *site.chunk(finding.start)):
        decoded = decode(site.text, finding.start, finding.end)
        yield from (Change(finding.start, finding.end, after) for after in decoded if after.isprintable())


def _redecoded_words(site: Site) -> list[Change]:
    """The words that ftfy decodes differently."""
    try:
        from ftfy import fix_encoding
    except ImportError:
        return []
    words = _BETWEEN_SPACES.finditer(site.text, site.start, site.end)
    fixed = [Change(*word.span(), fix_encoding(word.group())) for word in words if not word.group().isascii()]
    fixed = [change for change in fixed if change.after != site.text[change.start : change.end]]
    return [change for change in fixed if not _QUOTED.fullmatch(site.text, change.start, change.end)]


def close_quote(site: Site, finding: Finding) -> Iterator[Change]:
    """Add the closing mark after the comma before "he said", if there is one such comma; remove a doubled mark."""
    text, mark = site.text, site.text[finding.start]
    if mark in (text[finding.start - 1 : finding.start], text[finding.end : finding.end + 1]):
        yield Change(finding.start, finding.end, "")
    ends = site.cached(_attributions)
    ends = ends[bisect_right(ends, finding.end) :]
    if mark in _CLOSING and len(ends) == 1:
        yield Change(ends[0], ends[0], _CLOSING[mark])


def _attributions(site: Site) -> list[int]:
    """The ends of the commas before "he said"."""
    return [match.end() for match in _ATTRIBUTION.finditer(site.text, site.start, site.end)]
