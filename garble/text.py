"""Where a text's paragraphs, sentences and tokens stand, in characters of the text that was given.

Nothing is cleaned: `text[start:end]` of every span is what the author wrote. Sentences are found by sentencex,
paragraph by paragraph; what real pages need besides (lines, list bullets, headings, page furniture) is here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import sentencex
from numpy.typing import NDArray

from garble import lexicon
from garble.alphabet import DIGIT, FOLD, KIND, LETTER, MARK, PUNCTUATION, SPACE, WORD, Codes

Ints = NDArray[np.int64]
# What a long text has one of a sentence, for as long as it is scored.
Numbers = NDArray[np.int32]
# First character, one past the last.
Span = tuple[int, int]

KINDS = ("prose", "heading", "furniture", "verse")
PROSE, HEADING, FURNITURE, VERSE = range(len(KINDS))

# A heading says its piece in a line; twelve words is about the longest headline news agencies allow.
_HEADING_WORDS = 12
# Editors and mailers wrap lines between these widths.
_WRAP = range(45, 101)

_LINE_ENDS = r"\r\n\v\f\x85\u2028\u2029"
_UNSAID = re.compile("[\ud800-\udfff]")
_LINE = re.compile(f"[^{_LINE_ENDS}]+")
_LINE_END = re.compile(f"[{_LINE_ENDS}]")
_BREAK = rf"(?>\r\n|[{_LINE_ENDS}])"
_BLANK = re.compile(rf"{_BREAK}[^\S\r\n]*{_BREAK}")
_BULLET = re.compile(r"\s*(?:[-*+•‣▪◦·–—]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+")
_ABBREVIATION = re.compile(r"\b(?:vs|cf|e\.g|i\.e|approx|ca|Nos?)\.$")
_RUN_TOGETHER = re.compile(r"[a-z][.!?][A-Z]")
# Characters that are parted at a time; a sentence longer than that is cut.
_WINDOW = 100_000
# Marks that sentencex seeks the partner of to the end of what it is given, which takes quadratic time where there is
# none. Where a window holds more of them than any prose does, it is this much shorter.
_OPENING = re.compile("['`«»‘“„‹《「]")
_MOST_OPENING, _SHORT_WINDOW = 5_000, 2_500
# Of a capital, a space beyond ASCII and a stop, sentencex 1.0.32 cuts the space in two and panics: "K\xa0.".
_PANICS = re.compile(r"(?<![^\s.])[A-Z]\s*[^\S\x00-\x7f]\.")
_WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")
_QUOTES = '"“”'
_QUOTE = re.compile(f"[{_QUOTES}]")
_NO_QUOTES = str.maketrans(_QUOTES, "   ")
_AFTER_COMMA = re.compile(r"[,;]['\"’”)]*\s+(?!I\b)(\w+)")
# Lines of verse, of songs and of lists are short and seldom end in a stop; three make a stanza.
_VERSE_WIDTH, _FEWEST_LINES = 60, 3
# Share of a text's sentences in recognised stanzas from which the rest is taken for verse too.
_POEM = 0.2
_STOP = re.compile(r"[.!?…。！？:;]['\"’”»)\]]*$")


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A text and where its parts stand.

    sentences, paragraphs: (n, 2) character offsets. paragraph: (n,) the paragraph each sentence stands in.
    kind: (n,) index into KINDS. neighbours: (n,) how many sentences its paragraph holds in all.
    total: sentences of the whole document, of which this may be a part.
    """

    text: str
    sentences: Ints
    paragraphs: Ints
    paragraph: Numbers
    kind: Numbers
    neighbours: Numbers
    total: int

    def slices(self) -> list[str]:
        """The sentences' own characters."""
        return [self.text[start:end] for start, end in self.sentences.tolist()]

    def part(self, first: int, last: int) -> Document:
        """The sentences from `first` to `last`, `last` left out, as a document that knows it is a part."""
        some = slice(first, last)
        columns = self.paragraph[some], self.kind[some], self.neighbours[some]
        return Document(self.text, self.sentences[some], self.paragraphs, *columns, self.total)

    def touched(self, spans: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
        """(n,) which sentences share a character with any of the spans [start, end)."""
        edges = np.array([span[:2] for span in spans], np.int64).reshape(-1, 2)
        starts, ends = self.sentences[:, :1], self.sentences[:, 1:]
        return np.asarray(((starts < edges[:, 1]) & (ends > edges[:, 0])).any(axis=1))


# Columns of a sentence that stands alone, shared by all that do.
_FIRST, _ALONE = np.zeros(1, np.int32), np.ones(1, np.int32)


def whole(text: str) -> Document:
    """`text` taken as one sentence of prose, whatever it holds."""
    span = np.array([[0, len(text)]])
    return Document(text, span, span, _FIRST, _FIRST, _ALONE, 1)


def segment(text: str) -> Document:
    """The paragraphs and sentences of `text`, and which of them are headings or page furniture."""
    blocks = list(_blocks(text))
    paragraphs = [paragraph for block in blocks for paragraph in _unwrapped(text, block)]
    sentences: list[Span] = []
    owner: list[int] = []
    for number, (start, end) in enumerate(paragraphs):
        found = _sentences(text, start, end)
        sentences += found
        owner += [number] * len(found)
    paragraph = np.array(owner, np.int32)
    return Document(
        text,
        np.array(sentences, np.int64).reshape(-1, 2),
        np.array(paragraphs, np.int64).reshape(-1, 2),
        paragraph,
        _kinds(text, sentences, owner, paragraphs, blocks),
        np.bincount(paragraph).astype(np.int32)[paragraph],
        len(sentences),
    )


def _lines(text: str) -> Iterator[Span]:
    """The lines that hold anything, without the spaces around it."""
    for line in _LINE.finditer(text):
        start, end = _strip(text, *line.span())
        if start < end:
            yield start, end


def _blocks(text: str) -> Iterator[list[Span]]:
    """The lines of `text`, as blank ones between them group them."""
    block: list[Span] = []
    for line in _lines(text):
        if block and _BLANK.search(text, block[-1][1], line[0]):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _unwrapped(text: str, block: list[Span]) -> list[Span]:
    """The lines of a block; a full one that ends in mid-sentence goes on in the next."""
    width = max((end - start for start, end in block), default=0)
    joined: list[Span] = []
    above = 0
    for start, end in block:
        full = width in _WRAP and above >= 0.7 * width
        if joined and full and not _BULLET.match(text, start) and _goes_on(text, joined[-1][1], start):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
        above = end - start
    return joined


def _goes_on(text: str, end: int, start: int) -> bool:
    return text[start].islower() or text[end - 1] not in '.!?…:"”'


def _strip(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    filled = piece.strip()
    if len(filled) == len(piece):
        return start, end
    start = end - len(piece.lstrip())
    return start, start + len(filled)


def _sentences(text: str, start: int, end: int) -> list[Span]:
    """The sentences of one paragraph; a list bullet is no part of its sentence."""
    if bullet := _BULLET.match(text, start, end):
        start = bullet.end()
    # Rust strings hold no lone surrogates, and a wrapped line is one line: same length, same offsets.
    plain = text[start:end]
    if not plain.isprintable():
        plain = _UNSAID.sub("\ufffd", _LINE_END.sub(" ", plain))
    spans: list[Span] = []
    for first, last in _boundaries(plain):
        span = _strip(text, start + first, start + last)
        if span[0] >= span[1]:
            continue
        if spans and span[1] - spans[-1][0] <= _WINDOW and _clings(text, spans[-1], span):
            span = (spans.pop()[0], span[1])
        spans.append(span)
    return spans


def _boundaries(plain: str) -> Iterator[Span]:
    """Where the sentences of a line lie; of a long one in windows, so that the time does not outgrow the length."""
    start = 0
    while start < len(plain):
        end = start + _window(plain, start)
        if is_inside := end < len(plain):
            end = plain.rfind(" ", start, end) + 1 or end
        spans = _parted(plain[start:end]) or [(0, end - start)]
        if is_inside and len(spans) > 1:
            # The last may go on beyond the window.
            spans.pop()
        yield from ((start + first, start + last) for first, last in spans)
        start += spans[-1][1]


def _window(plain: str, start: int) -> int:
    """How many characters are parted at a time from there on."""
    if len(plain) - start <= _MOST_OPENING:
        return _WINDOW
    marks = sum(1 for _ in islice(_OPENING.finditer(plain, start, start + _WINDOW), _MOST_OPENING + 1))
    return _SHORT_WINDOW if marks > _MOST_OPENING else _WINDOW


def _parted(plain: str) -> list[Span]:
    """Sentencex's sentences; it takes a speech in quotation marks for one, so those are cut again without the marks."""
    spans = _edges(plain)
    if not _QUOTE.search(plain):
        return spans
    return [inner for span in spans for inner in _within_speech(plain, span)]


def _within_speech(plain: str, span: Span) -> list[Span]:
    start, end = span
    if plain[start:end].lstrip()[:1] not in tuple(_QUOTES):
        return [span]
    return [(start + first, start + last) for first, last in _edges(plain[start:end].translate(_NO_QUOTES))]


def _edges(plain: str) -> list[Span]:
    if not plain.isascii():
        plain = _PANICS.sub(lambda match: _WIDE_SPACE.sub(" ", match[0]), plain)
    try:
        found = sentencex.get_sentence_boundaries("en", plain)
    except BaseException as error:
        # A panic in Rust is no Exception; Ctrl-C and the like pass.
        if type(error).__name__ != "PanicException":
            raise
        return [(0, len(plain))]
    return [(sentence["start_index"], sentence["end_index"]) for sentence in found]


def _clings(text: str, before: Span, span: Span) -> bool:
    """Whether `span` belongs to the sentence before it: closing marks, "he said", no space between, an abbreviation."""
    piece = text[span[0] : span[1]]
    says_nothing = not (piece[0].isalnum() or any(char.isalnum() for char in piece))
    if says_nothing or (piece[0].islower() and text[before[1] - 1] in _QUOTES):
        return True
    # Without a space it is one token run into the next, which is worth seeing as such.
    if before[1] == span[0] and _RUN_TOGETHER.match(text, before[1] - 2):
        return True
    return bool(_ABBREVIATION.search(text, max(before[0], before[1] - 12), before[1]))


def _kinds(
    text: str, sentences: list[Span], owner: list[int], paragraphs: list[Span], blocks: list[list[Span]]
) -> Numbers:
    """Furniture by its words; headings by their shape, in texts that have prose beside them; verse by its lines."""
    kinds = np.zeros(len(sentences), np.int32)
    prose = any(_stops(text, sentence) for sentence in sentences)
    for i, (start, end) in enumerate(sentences):
        alone = (start, end) == paragraphs[owner[i]]
        if not alone or end - start > 120:
            continue
        line = text[start:end]
        if line.strip(" .!:…»›→").lower() in lexicon.words("furniture"):
            kinds[i] = FURNITURE
        elif prose and len(line.split()) <= _HEADING_WORDS and not _stops(text, (start, end)):
            kinds[i] = HEADING
    stanzas = [(block[0][0], block[-1][1]) for block in blocks if _is_stanza(text[block[0][0] : block[-1][1]])]
    if not stanzas:
        return kinds
    place = np.array([start for start, _ in sentences], np.int64)
    for first, last in stanzas:
        kinds[(place >= first) & (place < last) & (kinds != FURNITURE)] = VERSE
    # A poem has stanzas that do not show it.
    verse, rest = kinds == VERSE, kinds == PROSE
    if verse.sum() >= _POEM * (verse.sum() + rest.sum()):
        kinds[rest] = VERSE
    return kinds


def _stops(text: str, sentence: Span) -> bool:
    return bool(_STOP.search(text[max(sentence[0], sentence[1] - 4) : sentence[1]]))


def _is_stanza(block: str) -> bool:
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    short = sum(len(line) <= _VERSE_WIDTH for line in lines)
    open_ended = sum(line[-1] not in ".!?…" for line in lines)
    if len(lines) >= _FEWEST_LINES and short == len(lines) and 2 * open_ended >= len(lines):
        return True
    # "..., And all the": a small word with a capital after a comma, every fourth time and twice at the least.
    words = _AFTER_COMMA.findall(block)
    turns = sum(word.istitle() and word.lower() in lexicon.words("function_words") for word in words)
    return bool(turns >= 2 and turns >= len(words) / 4)


def tokenize(codes: Codes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Start and end of every token in `codes`: a word, a number, a punctuation mark or a run of the same mark.

    A word keeps its inner apostrophe (O'Brien) except before the English clitics, which are tokens of their own as
    in the Penn Treebank (do|n't, Rwanda|'s); a number keeps its separators (1,000.50), initials
    their stops (U.S.).
    """
    n = len(codes)
    if not n:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    kind, fold = KIND[codes], FOLD[codes]
    word = (kind & WORD) != 0
    joins = np.zeros(n + 1, bool)
    joins[1:n] = (word[1:] & word[:-1]) | ((codes[1:] == codes[:-1]) & (kind[1:] == PUNCTUATION))
    # A mark clings to whatever stands before it: an accent to an ideograph, a variation selector to an emoji.
    joins[1:n] |= (kind[1:] == MARK) & (kind[:-1] != SPACE)
    _join_separators(codes, kind, joins)
    _join_initials(codes, kind, joins)
    _split_clitics(fold, kind, word, joins)
    filled = kind != SPACE
    starts = np.flatnonzero(filled & ~joins[:n])
    ends = np.flatnonzero(filled & ~joins[1:]) + 1
    return starts, ends


def _join_separators(codes: Codes, kind: NDArray[np.uint8], joins: NDArray[np.bool_]) -> None:
    inner = np.flatnonzero((codes[1:-1] == ord(".")) | (codes[1:-1] == ord(","))) + 1
    inner = inner[(kind[inner - 1] & kind[inner + 1] & DIGIT) != 0]
    joins[inner] = joins[inner + 1] = True


def _join_initials(codes: Codes, kind: NDArray[np.uint8], joins: NDArray[np.bool_]) -> None:
    """Letters that each have their stop, two at the least, are one token: U.S., e.g., p.m."""
    n = len(codes)
    letter = np.concatenate([[False] * 2, (kind & LETTER) != 0])
    word = np.concatenate([[False] * 2, (kind & WORD) != 0])
    # Index i of these is character i - 2 of the text.
    initial = np.concatenate([(codes == ord(".")) & letter[1 : n + 1] & ~word[:n], [False] * 2])
    leads = np.flatnonzero(initial[:-2] & initial[2:])
    joins[leads] = joins[leads + 1] = joins[leads + 2] = True


def _split_clitics(fold: Codes, kind: NDArray[np.uint8], word: NDArray[np.bool_], joins: NDArray[np.bool_]) -> None:
    n = len(fold)

    def at(index: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.clip(index, 0, n - 1)

    quote = np.flatnonzero(fold == ord("'"))
    quote = quote[(quote + 1 < n) & ((kind[at(quote + 1)] & LETTER) != 0)]
    one, two = fold[at(quote + 1)], fold[at(quote + 2)]
    after_letter = (quote > 0) & ((kind[at(quote - 1)] & (LETTER | MARK)) != 0)
    ends_after_one = (quote + 2 >= n) | ~word[at(quote + 2)]
    ends_after_two = (quote + 3 >= n) | ~word[at(quote + 3)]
    short = ends_after_one & np.isin(one, [ord(c) for c in "sdm"])
    pair = one.astype(np.uint64) << np.uint64(32) | two
    long = ends_after_two & np.isin(pair, [ord(a) << 32 | ord(b) for a, b in ("re", "ve", "ll")])
    negated = ends_after_one & (one == ord("t")) & after_letter & (fold[at(quote - 1)] == ord("n"))
    # The clitic holds together from its first character on ...
    joins[quote[short | long | negated] + 1] = True
    joins[quote[negated]] = True
    # ... and "n't" begins at its n when a word goes before; any other inner apostrophe joins both sides.
    joins[quote[negated & (kind[at(quote - 2)] == LETTER) & (quote > 1)] - 1] = False
    inner = quote[after_letter & ~short & ~long & ~negated]
    joins[inner] = joins[inner + 1] = True
