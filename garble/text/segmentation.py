"""Paragraphs and sentences of a text, as character offsets.

The text is not changed, so `text[start:end]` is the original text of each span. `garble.text.layout` finds the blocks
of a text, and sentencex the sentences of each block.
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
    IGNORED,
    LIST,
    PROSE,
    SOFT_HYPHENS,
    UNSCORED,
    Block,
    Run,
    Span,
    ends_sentence,
    is_sentence,
    strip,
)
from garble.text.periodic import Loop

Ints = NDArray[np.int64]
# 32 bits, because long texts have one number per sentence.
Numbers = NDArray[np.int32]

# Lone surrogates, and the unknown token of SentencePiece, which sentencex would take for the end of a sentence.
_UNPRINTABLE = re.compile("[\ud800-\udfff⁇]")
# Abbreviations of other languages, or their beginnings: "p.", "p. ej.".
_FOREIGN_ABBREVIATION = re.compile(
    "|".join(
        rf"(?<!\w){re.escape(entry[: stop.end()])}$".replace(r"\ ", " ?")
        for entry in sorted(ENGLISH.words("foreign_abbreviations"))
        for stop in re.finditer(r"\.", entry)
    )
)
# A half-translated "z. B.".
_HALF_ABBREVIATION = re.compile(r"(?:such|for|like)\.\s+B\.\s+[a-z]")
_RUN_TOGETHER = re.compile(r"[a-z][.!?][A-Z]")
# Characters per call of sentencex. Longer sentences are split.
_WINDOW = 100_000
# For each of these marks, sentencex searches its input for the closing mark, in quadratic time without one. A window
# with more of them than any prose is shortened.
_OPENING = re.compile(r"['`«»‘“„‹《「]|!\[|<!--")
_MOST_OPENING, _SHORT_WINDOW = 5_000, 2_500
# sentencex 1.0.32 panics on a capital, a non-ASCII space and a full stop, such as "K\xa0.".
_PANICS = re.compile(r"(?<![^\s.])[A-Z]\s*[^\S\x00-\x7f]\.")
_WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")
_QUOTES = ENGLISH.quotes
_QUOTE = re.compile(f"[{_QUOTES}]")
_NO_QUOTES = str.maketrans(_QUOTES, "   ")


class AlignedText(NamedTuple):
    """Text of a sentence without marks and markup, aligned with the document.

    starts, ends: (characters of text,) offsets in the document of each character.
    """

    text: str
    starts: Numbers
    ends: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A text with its paragraphs and sentences.

    sentences: (n, 2) and paragraphs: (m, 2) character offsets. paragraph: (n,) paragraph of each sentence.
    kind: (n,) index into KINDS. neighbours: (n,) number of sentences in the same paragraph.
    total: number of sentences of the whole document, of which this may be a part.
    aligned_texts: text of sentences that differs from `text[start:end]`, by index of the sentence.
    loops: of the whole text, or None if not computed yet.
    """

    text: str
    sentences: Ints
    paragraphs: Ints
    paragraph: Numbers
    kind: Numbers
    neighbours: Numbers
    total: int
    aligned_texts: Mapping[int, AlignedText] = field(default_factory=dict)
    loops: tuple[Loop, ...] | None = None

    def slices(self) -> list[str]:
        """The text of each sentence, without marks and markup."""
        pieces = [self.text[start:end] for start, end in self.sentences.tolist()]
        for i, aligned in self.aligned_texts.items():
            pieces[i] = aligned.text
        return pieces

    def part(self, first: int, last: int) -> Document:
        """The sentences [first, last) as a part of the document."""
        rows = slice(first, last)
        columns = self.paragraph[rows], self.kind[rows], self.neighbours[rows]
        aligned_texts = {i - first: aligned for i, aligned in self.aligned_texts.items() if first <= i < last}
        return Document(
            self.text, self.sentences[rows], self.paragraphs, *columns, self.total, aligned_texts, self.loops
        )

    def only(self, wanted: NDArray[np.bool_]) -> Document:
        """A document with the wanted sentences only. wanted: (n,)."""
        if wanted.all():
            return self
        places = np.cumsum(wanted) - 1
        columns = self.paragraph[wanted], self.kind[wanted], self.neighbours[wanted]
        aligned_texts = {int(places[i]): aligned for i, aligned in self.aligned_texts.items() if wanted[i]}
        total = int(wanted.sum())
        return Document(self.text, self.sentences[wanted], self.paragraphs, *columns, total, aligned_texts, self.loops)

    def place(self, sentence: int, start: int, end: int) -> Span:
        """The span in the document of characters [start, end) of a sentence from `slices`."""
        if aligned := self.aligned_texts.get(sentence):
            return int(aligned.starts[start]), int(aligned.ends[max(end - 1, start)])
        first = int(self.sentences[sentence, 0])
        return first + start, first + end

    def looped(self, loops: Sequence[Loop]) -> list[NDArray[np.bool_]]:
        """For each sentence from `slices`, which characters are inside a loop, after its first copy."""
        again = np.zeros(len(self.text), bool)
        for loop in loops:
            again[loop.first_end : loop.end] = True
        masks = [again[start:end] for start, end in self.sentences.tolist()]
        for i, aligned in self.aligned_texts.items():
            masks[i] = again[aligned.starts]
        return masks

    def touched(self, spans: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
        """(n,) sentences that overlap any of the spans [start, end)."""
        edges = np.array([span[:2] for span in spans], np.int64).reshape(-1, 2)
        starts, ends = self.sentences[:, :1], self.sentences[:, 1:]
        return np.asarray(((starts < edges[:, 1]) & (ends > edges[:, 0])).any(axis=1))


# Columns of single-sentence documents; shared, because there may be many.
_FIRST, _ALONE = np.zeros(1, np.int32), np.ones(1, np.int32)


def whole(text: str) -> Document:
    """`text` as a single sentence of prose."""
    span = np.array([[0, len(text)]])
    return Document(text, span, span, _FIRST, _FIRST, _ALONE, 1)


def segment(text: str, markup: str = "auto", language: Language = ENGLISH) -> Document:
    """Segment a text into paragraphs and sentences.

    markup: one of `garble.text.markups.MARKUPS`. language: selects the rules for sentence ends.
    """
    markup = markups.guess(text) if markup == "auto" else markup
    blocks = markups.blocks(text, markup)
    sentences: list[Span] = []
    owner: list[int] = []
    aligned_texts: dict[int, AlignedText] = {}
    for number, block in enumerate(blocks):
        aligned = _aligned_text(text, block)
        if aligned is None:
            start, end, _ = block.lines[0][0]
            spans = [(start + first, start + last) for first, last in _sentences(text[start:end], block.kind, language)]
        else:
            spans = []
            for first, last in _sentences(aligned.text, block.kind, language):
                part = AlignedText(aligned.text[first:last], aligned.starts[first:last], aligned.ends[first:last])
                span = int(part.starts[0]), int(part.ends[-1])
                if text[span[0] : span[1]] != part.text:
                    aligned_texts[len(sentences) + len(spans)] = part
                spans.append(span)
        sentences += spans
        owner += [number] * len(spans)
    paragraph = np.array(owner, np.int32)
    kinds = _kinds(text, sentences, paragraph, blocks)
    edges = np.array(sentences, np.int64).reshape(-1, 2)
    for start, end in markups.ignored_spans(text, markup, blocks):
        kinds[np.searchsorted(edges[:, 1], start, "right") : np.searchsorted(edges[:, 0], end, "left")] = IGNORED
    return Document(
        text,
        edges,
        np.array([block[:2] for block in blocks], np.int64).reshape(-1, 2),
        paragraph,
        kinds,
        np.bincount(paragraph).astype(np.int32)[paragraph],
        len(sentences),
        aligned_texts,
    )


def _aligned_text(text: str, block: Block) -> AlignedText | None:
    """The text of a block, aligned; None if the block is a single unchanged run."""
    if len(block.lines) == 1 and len(block.lines[0]) == 1 and block.lines[0][0][2] is None:
        return None
    pieces: list[str] = []
    starts: list[Numbers] = []
    ends: list[Numbers] = []
    for line in block.lines:
        if pieces and _parts_word(pieces[-1], line[0], text):
            pieces[-1], starts[-1], ends[-1] = pieces[-1][:-1], starts[-1][:-1], ends[-1][:-1]
        elif pieces:
            # The line end and the marks of the next line are replaced by one space.
            pieces.append(" ")
            starts.append(ends[-1][-1:])
            ends.append(starts[-1] + 1)
        for start, end, replacement in line:
            pieces.append(text[start:end] if replacement is None else replacement)
            places = np.arange(start, end, dtype=np.int32)
            starts.append(places if replacement is None else np.full(len(replacement), start, np.int32))
            ends.append(places + 1 if replacement is None else np.full(len(replacement), end, np.int32))
    return AlignedText("".join(pieces), np.concatenate(starts), np.concatenate(ends))


def _parts_word(before: str, after: Run, text: str) -> bool:
    """Whether a word is hyphenated at a line end, with a hyphen of typesetting software."""
    return before[-1:] in SOFT_HYPHENS and before[-2:-1].isalpha() and text[after[0] : after[0] + 1].isalpha()


def _sentences(line: str, kind: int, language: Language) -> list[Span]:
    """Spans of the sentences of a block; blocks that are not scored are one sentence."""
    if kind in UNSCORED:
        return [(0, len(line))]
    # Rust strings cannot contain lone surrogates. The replacement keeps all offsets.
    plain = line if line.isprintable() and "⁇" not in line else _UNPRINTABLE.sub("\ufffd", line)
    spans: list[Span] = []
    for first, last in _boundaries(plain, language):
        span = strip(line, first, last)
        if span[0] >= span[1]:
            continue
        if spans and span[1] - spans[-1][0] <= _WINDOW and _belongs_to_previous(line, spans[-1], span, language):
            span = (spans.pop()[0], span[1])
        spans.append(span)
    return spans


def _boundaries(plain: str, language: Language) -> Iterator[Span]:
    """Spans of sentences. Long lines are processed in windows, for linear time."""
    start = 0
    while start < len(plain):
        end = start + _window(plain, start)
        if is_inside := end < len(plain):
            end = plain.rfind(" ", start, end) + 1 or end
        spans = _split_sentences(plain[start:end], language) or [(0, end - start)]
        if is_inside and len(spans) > 1:
            # The last sentence may continue after the window.
            spans.pop()
        yield from ((start + first, start + last) for first, last in spans)
        start += spans[-1][1]


def _window(plain: str, start: int) -> int:
    """Length of the window at an offset."""
    if len(plain) - start <= _MOST_OPENING:
        return _WINDOW
    marks = sum(1 for _ in islice(_OPENING.finditer(plain, start, start + _WINDOW), _MOST_OPENING + 1))
    return _SHORT_WINDOW if marks > _MOST_OPENING else _WINDOW


def _split_sentences(plain: str, language: Language) -> list[Span]:
    """Sentences from sentencex. It never splits quotations, so these are split again without quotation marks."""
    spans = _sentencex_spans(plain, language)
    if not _QUOTE.search(plain):
        return spans
    return [inner for span in spans for inner in _split_quotation(plain, span, language)]


def _split_quotation(plain: str, span: Span, language: Language) -> list[Span]:
    start, end = span
    if plain[start:end].lstrip()[:1] not in tuple(_QUOTES):
        return [span]
    return [
        (start + first, start + last)
        for first, last in _sentencex_spans(plain[start:end].translate(_NO_QUOTES), language)
    ]


def _sentencex_spans(plain: str, language: Language) -> list[Span]:
    if not plain.isascii():
        plain = _PANICS.sub(lambda match: _WIDE_SPACE.sub(" ", match[0]), plain)
    try:
        sentences = sentencex.get_sentence_boundaries(language.segmenter, plain)
    except BaseException as error:
        # A panic in Rust is not a subclass of Exception. KeyboardInterrupt and similar are raised again.
        if type(error).__name__ != "PanicException":
            raise
        return [(0, len(plain))]
    return [(sentence["start_index"], sentence["end_index"]) for sentence in sentences]


def _belongs_to_previous(text: str, before: Span, span: Span, language: Language) -> bool:
    """Whether a span continues the previous one: closing marks, "he said", a missing space, an abbreviation."""
    piece = text[span[0] : span[1]]
    has_no_words = not (piece[0].isalnum() or any(char.isalnum() for char in piece))
    if has_no_words or (piece[0].islower() and text[before[1] - 1] in _QUOTES):
        return True
    # Without a space, the signals should see both as one sentence.
    if before[1] == span[0] and _RUN_TOGETHER.match(text, before[1] - 2):
        return True
    first = max(before[0], before[1] - 12)
    abbreviation = language.patterns.get("abbreviation")
    if abbreviation and abbreviation.search(text, first, before[1]):
        return True
    if _HALF_ABBREVIATION.match(text, text.rfind(" ", 0, before[1]) + 1):
        return True
    return piece[0].islower() and _FOREIGN_ABBREVIATION.search(text, first, before[1]) is not None


def _kinds(text: str, sentences: list[Span], owner: Numbers, blocks: list[Block]) -> Numbers:
    """(sentences,) kinds: those of the blocks, but prose lines that are not sentences are headings.

    In a text without any sentence, lines and list items are prose.
    """
    kinds = np.array([block.kind for block in blocks], np.int32)[owner]
    has_prose = any(
        ends_sentence(text[max(start, end - 4) : end])
        for (start, end), kind in zip(sentences, kinds.tolist(), strict=True)
        if kind in (PROSE, LIST, CUE)
    )
    is_alone = np.bincount(owner, minlength=len(blocks)) == 1
    for i, (number, kind) in enumerate(zip(owner.tolist(), kinds.tolist(), strict=True)):
        if is_alone[number] and kind in (PROSE, LIST) and not is_sentence(layout.text_of(text, blocks[number])):
            heads_list = kind == PROSE and number + 1 < len(blocks) and blocks[number + 1].kind == LIST
            kinds[i] = HEADING if heads_list or (has_prose and kind == PROSE) else LIST if has_prose else PROSE
    return kinds
