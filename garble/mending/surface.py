"""The surface of a text, mended: spaces, marks and characters that no writer typed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from garble.mending.base import Change
from garble.report import Finding, ScoredSentence

_BEFORE_LAST_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_AFTER_CAPITALS = re.compile(r"(?<=[A-Z]{2})(?=[a-z])")
_BESIDE_DIGITS = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_AFTER_STOP = re.compile(r"(?<=[.!?])(?=[A-Z])")
# Half of a misread letter may show as a space that does not break: that ends no word.
_BETWEEN_SPACES = re.compile(r"[^ \t\r\n]+")
_SAYS = re.compile(
    r",(?= (?:he|she|they|it|I|we|you|[A-Z]\w+(?: [A-Z]\w+)*) (?:said|says|added|told|asked|replied|wrote|explained)\b"
    r"|(?: (?:said|says|added|told|asked|replied|wrote|explained) (?:he|she|they|it|I|we|you|the|[A-Z])))"
)
_CLOSING = {"“": "”", '"': '"'}


def close_up(span: str) -> Iterator[str]:
    """A mark without the spaces that part it from its word."""
    yield "".join(span.split())


def one_mark(span: str) -> Iterator[str]:
    """One of the marks that stand side by side."""
    yield from dict.fromkeys("".join(span.split()))


def part_words(span: str) -> Iterator[str]:
    """Two words run together, parted before the last capital or after it."""
    yield _BEFORE_LAST_CAPITAL.sub(" ", span)
    yield _AFTER_CAPITALS.sub(" ", span)


def part_digits(span: str) -> Iterator[str]:
    """A number run into words, parted from them."""
    yield _BESIDE_DIGITS.sub(" ", span)


def part_sentences(span: str) -> Iterator[str]:
    """Two sentences run together, parted after the stop."""
    yield _AFTER_STOP.sub(" ", span)


def unescape(span: str) -> Iterator[str]:
    """HTML entities as the characters that they stand for."""
    yield html.unescape(span)


def uncover(span: str) -> Iterator[str]:
    """Nothing in place of what cannot be seen."""
    yield ""


def read_again(text: str, sentence: ScoredSentence, finding: Finding) -> Iterator[Change]:
    """The word read in the right encoding, as ftfy sees it; without ftfy nothing."""
    try:
        from ftfy import fix_encoding
    except ImportError:
        return
    for word in _BETWEEN_SPACES.finditer(text, sentence.start, sentence.end):
        if word.start() <= finding.start < word.end():
            yield Change(*word.span(), fix_encoding(word.group()))


def close_quote(text: str, sentence: ScoredSentence, finding: Finding) -> Iterator[Change]:
    """The closing mark after the comma before "he said", where there is one such place; one mark for two of a kind."""
    mark = text[finding.start]
    if mark in (text[finding.start - 1 : finding.start], text[finding.end : finding.end + 1]):
        yield Change(finding.start, finding.end, "")
    ends = [match.end() for match in _SAYS.finditer(text, finding.end, sentence.end)]
    if mark in _CLOSING and len(ends) == 1:
        yield Change(ends[0], ends[0], _CLOSING[mark])
