"""Sentences end to end as columns: what every signal reads.

A `Batch` holds any number of documents. Its arrays come in three lengths: one entry a character, a token, or a
sentence; `chars` and `tokens` are the offsets that cut the first two into sentences (as Arrow and CSR do).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from garble.columns.lm import LanguageModel, Reading
from garble.languages import lexicon
from garble.text import segmentation
from garble.text.alphabet import (
    CASE,
    DIGIT,
    FOLD,
    IDEOGRAPH,
    KIND,
    LETTER,
    PUNCTUATION,
    UPPER,
    Codes,
    Hashes,
    chain,
    encode,
    hash_runs,
    mix,
)
from garble.text.periodic import loops_of
from garble.text.segmentation import Document

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
T = TypeVar("T")

# Between sentences; a text's own paragraph separators become line feeds, so that nothing matches across.
BORDER = "\u2029"
# Parts of one that sums of surprises are reckoned in.
_STEPS = 1 << 16


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches of neighbours: the first index of each and one past its last."""

    starts: Ints
    ends: Ints

    @property
    def lengths(self) -> Ints:
        """How many elements each run holds."""
        return self.ends - self.starts


class Opinion(NamedTuple):
    """A network's verdicts on the sentences, in standard deviations from clean text: 0 is usual.

    unlikely, mistranslated: (tokens,) how likely the word is wrong here, and would be corrected.
    unnatural: (sentences,) how bad the sentence is as a whole.
    """

    unlikely: Floats
    mistranslated: Floats
    unnatural: Floats

    def plus(self, other: Opinion | None) -> Opinion:
        """The verdicts of both, which are on different sentences."""
        return self if other is None else Opinion(*(one + more for one, more in zip(self, other, strict=True)))


@dataclass(frozen=True, eq=False)
class Batch:
    """Sentences as columns.

    text: the sentences, each followed by BORDER. chars: (sentences + 1,) where each begins in it.
    starts, ends: (tokens,) characters of `text`. tokens: (sentences + 1,) where each sentence's tokens begin.
    folded: (characters,) code points in lower case.
    word: (tokens,) hash of the token in lower case; form: the same with every digit as 0.
    documents: (documents + 1,) where each document's sentences begin; total: (documents,) how many it has in all.
    paragraph, kind, neighbours: (sentences,) as in Document.
    looped: (characters,) which stand in a loop of their document beyond its first turn.
    lm: the language model that knows the batch's language, or None: then only language-blind signals mean something.
    read: what a network said of the sentences, or None where none was asked.
    """

    text: str
    codes: Codes
    chars: Ints
    starts: Ints
    ends: Ints
    tokens: Ints
    folded: Codes
    word: Hashes
    form: Hashes
    documents: Ints
    total: Ints
    paragraph: Ints
    kind: Ints
    neighbours: Ints
    lm: LanguageModel | None
    looped: Mask
    read: Opinion | None = None

    @classmethod
    def of(cls, documents: Sequence[Document], lm: LanguageModel | None = None) -> Batch:
        """All sentences of `documents`, in order."""
        none = np.zeros(0, np.int64)
        pieces = [document.slices() for document in documents]
        return cls._laid_out(
            [piece for some in pieces for piece in some],
            lm,
            _looped(documents, pieces),
            documents=offsets([len(document.sentences) for document in documents]),
            total=np.array([document.total for document in documents], np.int64),
            paragraph=np.concatenate([none, *(document.paragraph for document in documents)]),
            kind=np.concatenate([none, *(document.kind for document in documents)]),
            neighbours=np.concatenate([none, *(document.neighbours for document in documents)]),
        )

    @classmethod
    def alone(cls, sentences: Sequence[str], lm: LanguageModel | None = None) -> Batch:
        """The same, quickly, of documents that are `text.whole` sentences."""
        count = len(sentences)
        first, one = np.zeros(count, np.int64), np.ones(count, np.int64)
        looped = _looped_alone(sentences)
        rows = np.arange(count + 1)
        return cls._laid_out(sentences, lm, looped, rows, one, paragraph=first, kind=first, neighbours=one)

    @classmethod
    def _laid_out(
        cls,
        sentences: Sequence[str],
        lm: LanguageModel | None,
        looped: Mask,
        documents: Ints,
        total: Ints,
        paragraph: Ints,
        kind: Ints,
        neighbours: Ints,
    ) -> Batch:
        text = BORDER.join([*(sentence.replace(BORDER, "\n") for sentence in sentences), ""])
        codes = encode(text)
        chars = offsets([len(sentence) + 1 for sentence in sentences])
        starts, ends = segmentation.tokenize(codes)
        folded = FOLD[codes]
        word = hash_runs(folded, starts, ends)
        # Digits are few, and only words that hold one have another form.
        digits = np.flatnonzero(KIND[codes] == DIGIT)
        zeroed, form = folded.copy(), word.copy()
        zeroed[digits] = ord("0")
        numbers = np.unique(np.searchsorted(starts, digits, side="right") - 1)
        form[numbers] = hash_runs(zeroed, starts[numbers], ends[numbers])
        return cls(
            text=text,
            codes=codes,
            chars=chars,
            starts=starts,
            ends=ends,
            tokens=np.searchsorted(starts, chars),
            folded=folded,
            word=word,
            form=form,
            documents=documents,
            total=total,
            paragraph=paragraph,
            kind=kind,
            neighbours=neighbours,
            lm=lm,
            looped=looped,
        )

    def __len__(self) -> int:
        """How many sentences."""
        return len(self.chars) - 1

    @cached_property
    def sentence(self) -> Ints:
        """(tokens,) the sentence each token stands in."""
        return np.repeat(np.arange(len(self)), np.diff(self.tokens))

    @cached_property
    def opens(self) -> Mask:
        """(tokens,) the first token of its sentence."""
        first = np.zeros(len(self.starts), bool)
        first[self.tokens[:-1][np.diff(self.tokens) > 0]] = True
        return first

    @cached_property
    def document(self) -> Ints:
        """(sentences,) the document each sentence stands in."""
        return np.repeat(np.arange(len(self.documents) - 1), np.diff(self.documents))

    @cached_property
    def kinds(self) -> NDArray[np.uint8]:
        """(tokens,) which kinds of character each token holds, as the bits of `alphabet`."""
        return np.bitwise_or.reduceat(KIND[self.codes], self.starts) if len(self.starts) else np.zeros(0, np.uint8)

    @cached_property
    def is_word(self) -> Mask:
        """(tokens,) tokens with a letter in them."""
        return np.asarray((self.kinds & (LETTER | IDEOGRAPH)) != 0)

    @cached_property
    def is_capital(self) -> Mask:
        """(tokens,) words that begin with a capital."""
        return np.asarray(CASE[self.codes[self.starts]] == UPPER)

    @cached_property
    def is_spelt_out(self) -> Mask:
        """(tokens,) words with more capitals than their first: read letter by letter, perhaps."""
        capitals = np.flatnonzero(CASE[self.codes] == UPPER)
        token = np.searchsorted(self.starts, capitals, side="right") - 1
        return np.asarray(np.bincount(token, minlength=len(self.starts)) > self.is_capital)

    @cached_property
    def is_small(self) -> Mask:
        """(tokens,) English function words."""
        return lexicon.isin(self.word, lexicon.hashes("function_words"))

    @cached_property
    def length(self) -> Ints:
        """(tokens,) characters."""
        return self.ends - self.starts

    @cached_property
    def is_first(self) -> Mask:
        """(tokens,) the first word of its sentence, whatever marks stand before it."""
        first = np.zeros(len(self.starts), bool)
        words = np.flatnonzero(self.is_word)
        new = np.ones(len(words), bool)
        new[1:] = self.sentence[words[1:]] != self.sentence[words[:-1]]
        first[words[new]] = True
        return first

    @cached_property
    def ids(self) -> Ints:
        """(tokens,) the language model's word numbers: the lower, the more frequent; all 0 without a model."""
        if self.lm is None:
            return np.zeros(len(self.starts), np.int64)
        return self.lm.lookup(self.form, self.is_capital, self.is_word)

    @cached_property
    def reading(self) -> Reading:
        """What the language model makes of the tokens; zeros without one."""
        if self.lm is None:
            token = np.zeros(len(self.starts))
            return Reading(token, token, token, token, np.zeros(len(self.starts), bool), np.zeros(len(self)))
        return self.lm.read(self.ids, self.tokens)

    @cached_property
    def opinion(self) -> Opinion:
        """What the network says of the tokens and sentences; zeros without one."""
        token = np.zeros(len(self.starts))
        return self.read or Opinion(token, token, np.zeros(len(self)))

    def pieces(self, first: int, last: int) -> str:
        """The characters of tokens `first` to `last`, `last` left out."""
        return self.text[int(self.starts[first]) : int(self.ends[last - 1])]

    def ngrams(self, n: int) -> tuple[Ints, Hashes]:
        """Where the n-grams that lie within a sentence begin, and their hashes."""
        keys = self.word
        count = max(0, len(keys) - n + 1)
        begins = np.flatnonzero(self.sentence[:count] == self.sentence[n - 1 : n - 1 + count])
        hashes = keys[begins]
        for step in range(1, n):
            hashes = chain(hashes, keys[begins + step])
        return begins, hashes

    @cached_property
    def echoes(self) -> dict[int, tuple[Ints, Ints]]:
        """For n = 1, 2, 3, 4: where the n-grams begin that stood in the sentence before, and where they stood last."""
        found = {}
        begins, hashes = np.arange(len(self.starts)), self.word
        for n in (1, 2, 3, 4):
            before = recurs(hashes, self.sentence[begins])
            again = np.flatnonzero(before >= 0)
            found[n] = begins[again], begins[before[again]]
            # What is one longer comes again only where both the n-grams in it do.
            twice = np.zeros(len(begins), bool)
            twice[again] = twice[before[again]] = True
            goes_on = twice[:-1] & twice[1:] & (begins[1:] == begins[:-1] + 1)
            goes_on &= self.sentence[begins[:-1]] == self.sentence[np.minimum(begins[:-1] + n, len(self.starts) - 1)]
            begins, hashes = begins[:-1][goes_on], hashes[:-1][goes_on]
            hashes = chain(hashes, self.word[begins + n])
        return found

    def token_mask(self, firsts: Ints, lasts: Ints) -> Mask:
        """The tokens of the runs [firsts, lasts)."""
        return cover(firsts, lasts, len(self.starts))

    def char_mask(self, firsts: Ints, lasts: Ints) -> Mask:
        """The characters of the runs [firsts, lasts)."""
        return cover(firsts, lasts, len(self.codes))

    @cached_property
    def beyond_ascii(self) -> Ints:
        """The characters that ASCII lacks."""
        return np.flatnonzero(self.codes >= 0x80)

    @cached_property
    def signs(self) -> Ints:
        """(signs,) the characters that are digits, punctuation or symbols."""
        kinds = KIND[self.codes]
        return np.flatnonzero((kinds == PUNCTUATION) | (kinds == DIGIT))

    def places(self, signs: str) -> Ints:
        """Where any of these signs stands in `text`."""
        return self.signs[np.isin(self.codes[self.signs], [ord(sign) for sign in signs])]

    def beside(self, places: Ints, step: int) -> Codes:
        """The code points `step` characters after `places`; that of BORDER, which ends the text, beyond its edges."""
        at = places + step
        return self.codes[np.where((at >= 0) & (at < len(self.codes)), at, -1)]

    def inside(self, tokens: Mask | Ints) -> Ints:
        """The characters of some tokens."""
        return spread(self.starts[tokens], self.ends[tokens])

    def matches(self, pattern: re.Pattern[str], places: Ints) -> Iterator[re.Match[str]]:
        """The pattern's matches, none of which overlap, when none can begin elsewhere than at `places`."""
        end = 0
        for place in np.unique(places).tolist():
            if place >= end and (match := pattern.match(self.text, place)):
                end = match.end()
                yield match

    def chars_of(self, matches: Iterable[re.Match[str]]) -> Mask:
        """The characters of matches in `text`."""
        edges = spans_of(matches)
        return self.char_mask(edges[:, 0], edges[:, 1])


def spans_of(matches: Iterable[re.Match[str]]) -> Ints:
    """(matches, 2) where each begins and ends."""
    return np.array([match.span() for match in matches], np.int64).reshape(-1, 2)


def recurs(keys: Hashes, groups: Ints) -> Ints:
    """For each key the index of the same key before it in the same group, or -1."""
    before = np.full(len(keys), -1)
    # One sort of hash and place packed together is several times quicker than a stable argsort.
    width = np.uint64(max(1, len(keys)).bit_length())
    low = (np.uint64(1) << width) - np.uint64(1)
    packed = np.sort((mix(keys + mix(groups.astype(np.uint64))) & ~low) | np.arange(len(keys), dtype=np.uint64))
    same = np.flatnonzero((packed[1:] | low) == (packed[:-1] | low))
    places = (packed & low).astype(np.int64)
    before[places[same + 1]] = places[same]
    return before


def packets(items: Iterable[T], limit: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """The items in order, as many at a time as come to `limit` together, one at the least."""
    packet: list[T] = []
    total = 0
    for item in items:
        packet.append(item)
        total += size(item)
        if total >= limit:
            yield packet
            packet, total = [], 0
    if packet:
        yield packet


def offsets(lengths: Sequence[int] | NDArray[Any]) -> Ints:
    """Where rows of these lengths begin when laid end to end, and where the last ends; of a mask, running counts."""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64))]).astype(np.int64)


def spread(firsts: Ints, lasts: Ints) -> Ints:
    """The elements of the runs [firsts, lasts), one run after the other."""
    lengths = np.maximum(lasts - firsts, 0)
    ends = np.cumsum(lengths)
    return np.repeat(firsts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)


def cover(firsts: Ints, lasts: Ints, size: int) -> Mask:
    """A mask of `size` elements, true within any of the runs [firsts, lasts); runs may overlap."""
    mask = np.zeros(size, bool)
    mask[spread(firsts, lasts)] = True
    return mask


def runs(mask: Mask, rows: Ints) -> Runs:
    """The runs of true elements; a run ends with its row (`rows` are offsets)."""
    edge = np.zeros(len(mask) + 1, bool)
    edge[rows] = True
    starts = np.flatnonzero(mask & (edge[:-1] | ~np.concatenate([[False], mask[:-1]])))
    ends = np.flatnonzero(mask & (edge[1:] | ~np.concatenate([mask[1:], [False]]))) + 1
    return Runs(starts, ends)


def streaks(places: Ints) -> Runs:
    """The runs of neighbours among rising `places`."""
    cuts = np.flatnonzero(np.diff(places, prepend=-2, append=-2) != 1)
    return Runs(places[cuts[:-1]], places[cuts[1:] - 1] + 1)


def _looped(documents: Sequence[Document], pieces: Sequence[Sequence[str]]) -> Mask:
    """`Batch.looped` of documents. pieces: the sentences of each."""
    unknown = [i for i, document in enumerate(documents) if document.loops is None]
    found = dict(zip(unknown, loops_of([documents[i].text for i in unknown]), strict=True))
    parts = []
    for i, (document, some) in enumerate(zip(documents, pieces, strict=True)):
        loops = found[i] if document.loops is None else document.loops
        size = sum(map(len, some)) + len(some)
        if not loops or not some:
            parts.append(np.zeros(size, bool))
            continue
        # The border after each sentence is in no loop.
        parts += [edge for mask in document.looped(loops) for edge in (mask, np.zeros(1, bool))]
    return np.concatenate([np.zeros(0, bool), *parts])


def _looped_alone(sentences: Sequence[str]) -> Mask:
    """The same of sentences that are documents of their own."""
    looped = np.zeros(sum(map(len, sentences)) + len(sentences), bool)
    begin = 0
    for sentence, loops in zip(sentences, loops_of(sentences), strict=True):
        for loop in loops:
            looped[begin + loop.first_end : begin + loop.end] = True
        begin += len(sentence) + 1
    return looped


def row_sums(values: NDArray[np.generic], rows: Ints) -> Floats:
    """(rows,) the sum of each row; 0 for an empty one. Each is summed alone, so company changes nothing."""
    if values.dtype == bool:
        return np.diff(np.searchsorted(np.flatnonzero(values), rows)).astype(np.float64)
    sums = np.zeros(len(rows) - 1)
    filled = np.flatnonzero(rows[1:] > rows[:-1])
    if len(filled):
        sums[filled] = np.add.reduceat(values, rows[filled], dtype=np.float64)
    return sums


def row_means(values: NDArray[np.generic], rows: Ints) -> Floats:
    """(rows,) the mean of each row; 0 for an empty one."""
    return row_sums(values, rows) / np.maximum(np.diff(rows), 1)


def worst_stretch(values: Floats, rows: Ints) -> tuple[Floats, Ints, Ints]:
    """Of each row the stretch with the largest sum: that sum, and where it begins and ends; empty rows give 0."""
    sizes = np.diff(rows)
    total, begins, ends = np.zeros(len(sizes)), rows[:-1].copy(), rows[:-1].copy()
    filled = np.flatnonzero(sizes)
    if not len(filled):
        return total, begins, ends
    row = np.repeat(np.arange(len(sizes)), sizes)
    # Whole numbers add up exactly, so that what stands in other rows leaves no trace of rounding.
    steps = np.rint(values * _STEPS).astype(np.int64)
    upto = np.cumsum(steps)
    upto -= np.repeat((upto - steps)[rows[filled]], sizes[filled])
    # Each row lies far below the one before it, so that a running minimum starts anew with every row.
    fall = row * (2 * int(row_sums(np.abs(steps), rows).max()) + 1)
    lowest = np.minimum.accumulate(upto - steps - fall)
    gain = upto - fall - lowest
    best = np.maximum.reduceat(gain, rows[filled])
    at = np.flatnonzero(gain == np.repeat(best, sizes[filled]))
    last = at[np.flatnonzero(np.diff(row[at], prepend=-1))]
    begins[filled], ends[filled] = np.searchsorted(-lowest, -lowest[last]), last + 1
    edges = np.stack([begins[filled], ends[filled]], axis=1).ravel()
    total[filled] = np.add.reduceat(np.append(values, 0.0), edges)[::2]
    return total, begins, ends
