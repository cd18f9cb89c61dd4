"""Sentences end to end as columns: what every signal reads.

A `Batch` holds any number of documents. Its arrays come in three lengths: one entry a character, a token, or a
sentence; `chars` and `tokens` are the offsets that cut the first two into sentences (as Arrow and CSR do).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from garble import lexicon
from garble import text as segmentation
from garble.alphabet import (
    CASE,
    DIGIT,
    FOLD,
    IDEOGRAPH,
    KIND,
    LETTER,
    SPACE,
    UPPER,
    Codes,
    Hashes,
    chain,
    encode,
    hash_runs,
    mix,
)
from garble.lm import LanguageModel, Reading
from garble.text import Document

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


@dataclass(frozen=True, eq=False)
class Batch:
    """Sentences as columns.

    text: the sentences, each followed by BORDER. chars: (sentences + 1,) where each begins in it.
    starts, ends: (tokens,) characters of `text`. tokens: (sentences + 1,) where each sentence's tokens begin.
    word: (tokens,) hash of the token in lower case; form: the same with every digit as 0.
    documents: (documents + 1,) where each document's sentences begin. paragraph, kind: (sentences,) as in Document.
    lm: the language model that knows the batch's language, or None: then only language-blind signals mean something.
    """

    text: str
    codes: Codes
    chars: Ints
    starts: Ints
    ends: Ints
    tokens: Ints
    word: Hashes
    form: Hashes
    documents: Ints
    paragraph: Ints
    kind: Ints
    lm: LanguageModel | None

    @classmethod
    def of(cls, documents: Sequence[Document], lm: LanguageModel | None = None) -> Batch:
        """All sentences of `documents`, in order."""
        pieces = [piece.replace(BORDER, "\n") for document in documents for piece in document.slices()]
        text = BORDER.join([*pieces, ""])
        codes = encode(text)
        chars = offsets([len(piece) + 1 for piece in pieces])
        starts, ends = segmentation.tokenize(codes)
        place = np.full(len(codes), -1, np.int64)
        filled = KIND[codes] != SPACE
        owner = np.cumsum(np.bincount(starts, minlength=len(codes)))[filled] - 1
        place[filled] = np.flatnonzero(filled) - starts[owner]
        folded = FOLD[codes]
        digits = np.flatnonzero(KIND[codes] == DIGIT)
        zeroed = folded.copy()
        zeroed[digits] = ord("0")
        counts = [len(document.sentences) for document in documents]
        return cls(
            text=text,
            codes=codes,
            chars=chars,
            starts=starts,
            ends=ends,
            tokens=np.searchsorted(starts, chars),
            word=hash_runs(folded, starts, place),
            form=hash_runs(zeroed, starts, place),
            documents=offsets(counts),
            paragraph=np.concatenate([d.paragraph for d in documents] or [np.zeros(0, np.int64)]),
            kind=np.concatenate([d.kind for d in documents] or [np.zeros(0, np.int64)]),
            lm=lm,
        )

    def __len__(self) -> int:
        """How many sentences."""
        return len(self.chars) - 1

    @cached_property
    def sentence(self) -> Ints:
        """(tokens,) the sentence each token stands in."""
        return np.repeat(np.arange(len(self)), np.diff(self.tokens))

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

    def recurs(self, keys: Hashes, groups: Ints) -> Ints:
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

    @cached_property
    def echoes(self) -> dict[int, tuple[Ints, Ints]]:
        """For n = 1, 2, 3, 4: where the n-grams begin that stood in the sentence before, and where they stood last."""
        found = {}
        for n in (1, 2, 3, 4):
            begins, hashes = self.ngrams(n)
            before = self.recurs(hashes, self.sentence[begins])
            again = np.flatnonzero(before >= 0)
            found[n] = begins[again], begins[before[again]]
        return found

    def token_mask(self, firsts: Ints, lasts: Ints) -> Mask:
        """The tokens of the runs [firsts, lasts)."""
        return cover(firsts, lasts, len(self.starts))

    def char_mask(self, firsts: Ints, lasts: Ints) -> Mask:
        """The characters of the runs [firsts, lasts)."""
        return cover(firsts, lasts, len(self.codes))

    def chars_of(self, matches: Iterable[re.Match[str]]) -> Mask:
        """The characters of matches in `text`."""
        edges = spans_of(matches)
        return self.char_mask(edges[:, 0], edges[:, 1])


def spans_of(matches: Iterable[re.Match[str]]) -> Ints:
    """(matches, 2) where each begins and ends."""
    return np.array([match.span() for match in matches], np.int64).reshape(-1, 2)


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


def cover(firsts: Ints, lasts: Ints, size: int) -> Mask:
    """A mask of `size` elements, true within any of the runs [firsts, lasts); runs may overlap."""
    depth = np.bincount(firsts, minlength=size + 1) - np.bincount(lasts, minlength=size + 1)
    return np.asarray(np.cumsum(depth)[:size] > 0)


def runs(mask: Mask, rows: Ints) -> Runs:
    """The runs of true elements; a run ends with its row (`rows` are offsets)."""
    edge = np.zeros(len(mask) + 1, bool)
    edge[rows] = True
    starts = np.flatnonzero(mask & (edge[:-1] | ~np.concatenate([[False], mask[:-1]])))
    ends = np.flatnonzero(mask & (edge[1:] | ~np.concatenate([mask[1:], [False]]))) + 1
    return Runs(starts, ends)


def row_sums(values: NDArray[np.generic], rows: Ints) -> Floats:
    """(rows,) the sum of each row; 0 for an empty one. Each is summed alone, so company changes nothing."""
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
    last = at[np.unique(row[at], return_index=True)[1]]
    begins[filled], ends[filled] = np.searchsorted(-lowest, -lowest[last]), last + 1
    edges = np.stack([begins[filled], ends[filled]], axis=1).ravel()
    total[filled] = np.add.reduceat(np.append(values, 0.0), edges)[::2]
    return total, begins, ends
