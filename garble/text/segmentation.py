"""Where a text's paragraphs, sentences and tokens stand, in characters of the text that was given.

Nothing is cleaned: `text[start:end]` of every span is what the author wrote. The blocks of a text are those of
`garble.text.layout`; their sentences are found by sentencex, block by block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
import sentencex
from numpy.typing import NDArray

from garble.languages import ENGLISH, Language
from garble.text import layout, markups
from garble.text.layout import (
    CUE,
    HEADING,
    LIST,
    PROSE,
    SOFT_HYPHENS,
    UNREAD,
    Block,
    Run,
    Span,
    is_sentence,
    stops,
    strip,
)
from garble.text.periodic import Loop

Ints = NDArray[np.int64]
# What a long text has one of a sentence, for as long as it is scored.
Numbers = NDArray[np.int32]

# Lone surrogates, and a sign that decoders put for what they do not know, which ends no sentence.
_UNSAID = re.compile("[\ud800-\udfff⁇]")
# Abbreviations of other languages, or the beginnings of such: "p.", "p. ej.".
_CARRIED = re.compile(
    "|".join(
        rf"(?<!\w){re.escape(entry[: stop.end()])}$".replace(r"\ ", " ?")
        for entry in sorted(ENGLISH.words("foreign_abbreviations"))
        for stop in re.finditer(r"\.", entry)
    )
)
# Half a "z. B.", the other half translated.
_HALF = re.compile(r"(?:such|for|like)\.\s+B\.\s+[a-z]")
_RUN_TOGETHER = re.compile(r"[a-z][.!?][A-Z]")
# Characters that are parted at a time; a sentence longer than that is cut.
_WINDOW = 100_000
# Marks that sentencex seeks the partner of to the end of what it is given, which takes quadratic time where there is
# none. Where a window holds more of them than any prose does, it is this much shorter.
_OPENING = re.compile(r"['`«»‘“„‹《「]|!\[|<!--")
_MOST_OPENING, _SHORT_WINDOW = 5_000, 2_500
# Of a capital, a space beyond ASCII and a stop, sentencex 1.0.32 cuts the space in two and panics: "K\xa0.".
_PANICS = re.compile(r"(?<![^\s.])[A-Z]\s*[^\S\x00-\x7f]\.")
_WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")
_QUOTES = ENGLISH.quotes
_QUOTE = re.compile(f"[{_QUOTES}]")
_NO_QUOTES = str.maketrans(_QUOTES, "   ")


class Reading(NamedTuple):
    """What a sentence says where that is not its own characters: without marks before lines and without markup.

    starts, ends: (characters of text,) where each stands in the document.
    """

    text: str
    starts: Numbers
    ends: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A text and where its parts stand.

    sentences, paragraphs: (n, 2) character offsets. paragraph: (n,) the paragraph each sentence stands in.
    kind: (n,) index into KINDS. neighbours: (n,) how many sentences its paragraph holds in all.
    total: sentences of the whole document, of which this may be a part.
    readings: by the number of a sentence, what it says where that is not `text[start:end]`.
    loops: those of the whole text, or None where nobody has looked for them yet.
    """

    text: str
    sentences: Ints
    paragraphs: Ints
    paragraph: Numbers
    kind: Numbers
    neighbours: Numbers
    total: int
    readings: Mapping[int, Reading] = field(default_factory=dict)
    loops: tuple[Loop, ...] | None = None

    def slices(self) -> list[str]:
        """What the sentences say: their own characters, but for marks before lines and markup."""
        said = [self.text[start:end] for start, end in self.sentences.tolist()]
        for i, reading in self.readings.items():
            said[i] = reading.text
        return said

    def part(self, first: int, last: int) -> Document:
        """The sentences from `first` to `last`, `last` left out, as a document that knows it is a part."""
        some = slice(first, last)
        columns = self.paragraph[some], self.kind[some], self.neighbours[some]
        readings = {i - first: reading for i, reading in self.readings.items() if first <= i < last}
        return Document(self.text, self.sentences[some], self.paragraphs, *columns, self.total, readings, self.loops)

    def only(self, wanted: NDArray[np.bool_]) -> Document:
        """The wanted sentences as a document of their own; this one where all are wanted."""
        if wanted.all():
            return self
        places = np.cumsum(wanted) - 1
        columns = self.paragraph[wanted], self.kind[wanted], self.neighbours[wanted]
        readings = {int(places[i]): reading for i, reading in self.readings.items() if wanted[i]}
        total = int(wanted.sum())
        return Document(self.text, self.sentences[wanted], self.paragraphs, *columns, total, readings, self.loops)

    def place(self, sentence: int, start: int, end: int) -> Span:
        """Where characters `start` to `end` of what a sentence says stand in the text."""
        if reading := self.readings.get(sentence):
            return int(reading.starts[start]), int(reading.ends[max(end - 1, start)])
        first = int(self.sentences[sentence, 0])
        return first + start, first + end

    def looped(self, loops: Sequence[Loop]) -> list[NDArray[np.bool_]]:
        """For each of `slices` which of its characters stand in a loop beyond its first turn."""
        again = np.zeros(len(self.text), bool)
        for loop in loops:
            again[loop.first_end : loop.end] = True
        said = [again[start:end] for start, end in self.sentences.tolist()]
        for i, reading in self.readings.items():
            said[i] = again[reading.starts]
        return said

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


def segment(text: str, markup: str = "auto", language: Language = ENGLISH) -> Document:
    """The paragraphs and sentences of `text`, read as `markup` (see `garble.text.layout`), each with its kind.

    language: by whose rules sentences end.
    """
    blocks = markups.blocks(text, markup)
    sentences: list[Span] = []
    owner: list[int] = []
    readings: dict[int, Reading] = {}
    for number, block in enumerate(blocks):
        reading = _reading(text, block)
        if reading is None:
            start, end, _ = block.lines[0][0]
            found = [(start + first, start + last) for first, last in _sentences(text[start:end], block.kind, language)]
        else:
            found = []
            for first, last in _sentences(reading.text, block.kind, language):
                part = Reading(reading.text[first:last], reading.starts[first:last], reading.ends[first:last])
                span = int(part.starts[0]), int(part.ends[-1])
                if text[span[0] : span[1]] != part.text:
                    readings[len(sentences) + len(found)] = part
                found.append(span)
        sentences += found
        owner += [number] * len(found)
    paragraph = np.array(owner, np.int32)
    return Document(
        text,
        np.array(sentences, np.int64).reshape(-1, 2),
        np.array([block[:2] for block in blocks], np.int64).reshape(-1, 2),
        paragraph,
        _kinds(text, sentences, paragraph, blocks),
        np.bincount(paragraph).astype(np.int32)[paragraph],
        len(sentences),
        readings,
    )


def _reading(text: str, block: Block) -> Reading | None:
    """What a block says and where that stands; None where it is one run of its own characters."""
    if len(block.lines) == 1 and len(block.lines[0]) == 1 and block.lines[0][0][2] is None:
        return None
    said: list[str] = []
    starts: list[Numbers] = []
    ends: list[Numbers] = []
    for line in block.lines:
        if said and _parts_word(said[-1], line[0], text):
            said[-1], starts[-1], ends[-1] = said[-1][:-1], starts[-1][:-1], ends[-1][:-1]
        elif said:
            # The line end, and what stands before the next line, is one space.
            said.append(" ")
            starts.append(ends[-1][-1:])
            ends.append(starts[-1] + 1)
        for start, end, meant in line:
            said.append(text[start:end] if meant is None else meant)
            places = np.arange(start, end, dtype=np.int32)
            starts.append(places if meant is None else np.full(len(meant), start, np.int32))
            ends.append(places + 1 if meant is None else np.full(len(meant), end, np.int32))
    return Reading("".join(said), np.concatenate(starts), np.concatenate(ends))


def _parts_word(before: str, after: Run, text: str) -> bool:
    """Whether a hyphen at a line's end, of the kind that only typesetting puts there, parts a word."""
    return before[-1:] in SOFT_HYPHENS and before[-2:-1].isalpha() and text[after[0] : after[0] + 1].isalpha()


def _sentences(line: str, kind: int, language: Language) -> list[Span]:
    """The sentences of what a block says; what is not read is not parted."""
    if kind in UNREAD:
        return [(0, len(line))]
    # Rust strings hold no lone surrogates: same length, same offsets.
    plain = line if line.isprintable() and "⁇" not in line else _UNSAID.sub("\ufffd", line)
    spans: list[Span] = []
    for first, last in _boundaries(plain, language):
        span = strip(line, first, last)
        if span[0] >= span[1]:
            continue
        if spans and span[1] - spans[-1][0] <= _WINDOW and _clings(line, spans[-1], span, language):
            span = (spans.pop()[0], span[1])
        spans.append(span)
    return spans


def _boundaries(plain: str, language: Language) -> Iterator[Span]:
    """Where the sentences of a line lie; of a long one in windows, so that the time does not outgrow the length."""
    start = 0
    while start < len(plain):
        end = start + _window(plain, start)
        if is_inside := end < len(plain):
            end = plain.rfind(" ", start, end) + 1 or end
        spans = _parted(plain[start:end], language) or [(0, end - start)]
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


def _parted(plain: str, language: Language) -> list[Span]:
    """Sentencex's sentences; it takes a speech in quotation marks for one, so those are cut again without the marks."""
    spans = _edges(plain, language)
    if not _QUOTE.search(plain):
        return spans
    return [inner for span in spans for inner in _within_speech(plain, span, language)]


def _within_speech(plain: str, span: Span, language: Language) -> list[Span]:
    start, end = span
    if plain[start:end].lstrip()[:1] not in tuple(_QUOTES):
        return [span]
    return [(start + first, start + last) for first, last in _edges(plain[start:end].translate(_NO_QUOTES), language)]


def _edges(plain: str, language: Language) -> list[Span]:
    if not plain.isascii():
        plain = _PANICS.sub(lambda match: _WIDE_SPACE.sub(" ", match[0]), plain)
    try:
        found = sentencex.get_sentence_boundaries(language.segmenter, plain)
    except BaseException as error:
        # A panic in Rust is no Exception; Ctrl-C and the like pass.
        if type(error).__name__ != "PanicException":
            raise
        return [(0, len(plain))]
    return [(sentence["start_index"], sentence["end_index"]) for sentence in found]


def _clings(text: str, before: Span, span: Span, language: Language) -> bool:
    """Whether `span` belongs to the sentence before it: closing marks, "he said", no space between, an abbreviation."""
    piece = text[span[0] : span[1]]
    says_nothing = not (piece[0].isalnum() or any(char.isalnum() for char in piece))
    if says_nothing or (piece[0].islower() and text[before[1] - 1] in _QUOTES):
        return True
    # Without a space it is one token run into the next, which is worth seeing as such.
    if before[1] == span[0] and _RUN_TOGETHER.match(text, before[1] - 2):
        return True
    first = max(before[0], before[1] - 12)
    abbreviation = language.patterns.get("abbreviation")
    if abbreviation and abbreviation.search(text, first, before[1]):
        return True
    if _HALF.match(text, text.rfind(" ", 0, before[1]) + 1):
        return True
    return piece[0].islower() and _CARRIED.search(text, first, before[1]) is not None


def _kinds(text: str, sentences: list[Span], owner: Numbers, blocks: list[Block]) -> Numbers:
    """Those of the blocks; and in texts that have prose, lines of it that are no sentences are headings.

    In a text that has no sentence at all, lines and items are its prose.
    """
    kinds = np.array([block.kind for block in blocks], np.int32)[owner]
    prose = any(
        stops(text[max(start, end - 4) : end])
        for (start, end), kind in zip(sentences, kinds.tolist(), strict=True)
        if kind in (PROSE, LIST, CUE)
    )
    alone = np.bincount(owner, minlength=len(blocks)) == 1
    for i, (number, kind) in enumerate(zip(owner.tolist(), kinds.tolist(), strict=True)):
        if alone[number] and kind in (PROSE, LIST) and not is_sentence(layout.says(text, blocks[number])):
            heads_list = kind == PROSE and number + 1 < len(blocks) and blocks[number + 1].kind == LIST
            kinds[i] = HEADING if heads_list or (prose and kind == PROSE) else LIST if prose else PROSE
    return kinds
