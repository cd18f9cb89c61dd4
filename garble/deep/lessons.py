"""What the network learns from, packed into one file: clean text, damaged text, and corrected machine translation.

A token is held as the number of its word and its shape, so that a word can be put in another's place by number alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garble.batch import Batch, Floats, Ints, offsets, packets, spread
from garble.corrupt import corrupt
from garble.data import Record, clean_texts, post_edited
from garble.deep import words
from garble.lm import LanguageModel, blocks
from garble.text import segment, whole

Labels = NDArray[np.int8]

# The language pairs of fit/mlqe.
PAIRS = ("et-en", "ro-en", "ru-en", "si-en")
# Sentences of so many tokens are learnt from; longer ones are cut.
SHORTEST, LONGEST = 4, 64
# Share of the clean sentences of which a damaged twin is made.
_DAMAGED = 0.25
_PACKET = 2_000_000
# A label that asks nothing.
UNASKED = -1


@dataclass(frozen=True, eq=False)
class Sentences:
    """Sentences end to end. word, shape: (tokens,). rows: (sentences + 1,). label: (tokens,) 1 = wrong."""

    word: NDArray[np.int32]
    shape: NDArray[np.uint8]
    rows: Ints
    label: Labels

    def __len__(self) -> int:
        """How many sentences."""
        return len(self.rows) - 1

    def take(self, some: Ints) -> Sentences:
        """Some of the sentences."""
        at = spread(self.rows[some], self.rows[some + 1])
        lengths = self.rows[some + 1] - self.rows[some]
        return Sentences(self.word[at], self.shape[at], offsets(lengths), self.label[at])

    @cached_property
    def sentence(self) -> Ints:
        """(tokens,) the sentence each stands in."""
        return np.repeat(np.arange(len(self)), np.diff(self.rows))


@dataclass(frozen=True, eq=False)
class Lessons:
    """All there is to learn from.

    spelling: (words, PIECES). class_of: (words,) by the language model. family: (words,) the same for forms of one
    word. clean, damaged: text of lm/.
    translated, corrected: machine translation with its BAD words, and its correction, row by row.
    quality, edited: (translations,) direct assessment and HTER. pair: (translations,) index into PAIRS.
    """

    spelling: NDArray[np.uint16]
    class_of: NDArray[np.uint8]
    family: NDArray[np.int32]
    clean: Sentences
    damaged: Sentences
    translated: Sentences
    corrected: Sentences
    quality: Floats
    edited: Floats
    pair: NDArray[np.int8]

    def save(self, path: Path) -> None:
        """Write the file that `load` reads."""
        arrays: dict[str, NDArray[Any]] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Sentences):
                arrays |= {f"{field.name}.{part.name}": getattr(value, part.name) for part in fields(value)}
            else:
                arrays[field.name] = value
        np.savez_compressed(path, allow_pickle=False, **arrays)


def load(path: Path) -> Lessons:
    """Read packed lessons."""
    with np.load(path, allow_pickle=False) as file:
        parts: dict[str, Any] = {
            field.name: Sentences(*(file[f"{field.name}.{part.name}"] for part in fields(Sentences)))
            if f"{field.name}.word" in file
            else file[field.name]
            for field in fields(Lessons)
        }
    return Lessons(**parts)


class _Packing:
    """Words get their numbers as they are first met."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm
        self.number: dict[int, int] = {}
        self.texts: list[str] = []
        self.class_of: list[int] = []

    def pack(self, batch: Batch) -> Sentences:
        """The sentences of a batch that was made with the language model, none of them labelled."""
        distinct, first, again = np.unique(batch.form, return_index=True, return_inverse=True)
        new = np.array([key not in self.number for key in distinct.tolist()], bool)
        self.number |= {key: len(self.number) + i for i, key in enumerate(distinct[new].tolist())}
        self.texts += words.forms(batch, first[new])
        self.class_of += self.lm.class_of[batch.ids[first[new]]].tolist()
        numbers = np.array([self.number[key] for key in distinct.tolist()], np.int32)
        return Sentences(numbers[again], words.shapes(batch), batch.tokens, np.zeros(len(batch.starts), np.int8))


def families(texts: list[str]) -> NDArray[np.int32]:
    """(texts,) the same number for words of one stem."""
    from snowballstemmer import stemmer

    return np.unique(stemmer("english").stemWords(texts), return_inverse=True)[1].astype(np.int32)


def joined(parts: Iterable[Sentences]) -> Sentences:
    """Sentences end to end."""
    some = list(parts)
    lengths = np.concatenate([np.diff(part.rows) for part in some])
    return Sentences(
        np.concatenate([part.word for part in some]),
        np.concatenate([part.shape for part in some]),
        offsets(lengths),
        np.concatenate([part.label for part in some]),
    )


def cut(sentences: Sentences) -> Sentences:
    """The same without the shortest, the longest cut into pieces."""
    pieces = [
        (first + step, min(first + step + LONGEST, last))
        for first, last in pairwise(sentences.rows.tolist())
        for step in range(0, last - first, LONGEST)
    ]
    edges = np.array([edge for edge in pieces if edge[1] - edge[0] >= SHORTEST], np.int64).reshape(-1, 2)
    at = spread(edges[:, 0], edges[:, 1])
    return Sentences(sentences.word[at], sentences.shape[at], offsets(edges[:, 1] - edges[:, 0]), sentences.label[at])


def wrong(before: list[int], after: list[int]) -> Labels:
    """(after,) 1 for each token of a damaged sentence that the sound one lacks in its place, or that follows a gap."""
    label = np.zeros(len(after), np.int8)
    for kind, _, _, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "delete":
            label[start : start + 1] = 1
        elif kind != "equal":
            label[start:end] = 1
    return label


def prepare(data: Path, lm: LanguageModel, size: int, seed: int) -> tuple[Lessons, Any]:
    """The lessons of the project's data, and the tokenizer of `size` pieces that their words are spelt with.

    From lm/ without what is held out for the scorecard, and from the half of fit/mlqe that the language model reads.
    """
    rng = Random(seed)
    packing = _Packing(lm)
    clean, damaged = [], []
    for texts in packets((text for _, text in clean_texts(data)), _PACKET, len):
        documents = [segment(text) for text in texts]
        batch = Batch.of(documents, lm)
        packed = packing.pack(batch)
        clean.append(cut(packed))
        pieces = [piece for document in documents for piece in document.slices()]
        lengths = np.diff(batch.tokens)
        some = [
            i for i in np.flatnonzero((lengths >= SHORTEST) & (lengths <= LONGEST)).tolist() if rng.random() < _DAMAGED
        ]
        # As if its names had stood before, so that they can be respelt.
        spoilt = packing.pack(Batch.of([whole(corrupt(pieces[i], rng, [pieces[i]])) for i in some], lm))
        for row, i in enumerate(some):
            before = packed.word[packed.rows[i] : packed.rows[i + 1]].tolist()
            at = slice(int(spoilt.rows[row]), int(spoilt.rows[row + 1]))
            spoilt.label[at] = wrong(before, spoilt.word[at].tolist())
        damaged.append(cut(spoilt))
    records = [r for r in post_edited(data)[0] if len(r["tokenised"].split()) <= LONGEST - 10]
    translated = _tagged(records, packing)
    corrected = packing.pack(Batch.of([whole(record["post_edit"]) for record in records], lm))
    fits = (np.diff(corrected.rows) <= LONGEST) & (np.diff(translated.rows) <= LONGEST)
    fits &= (np.diff(corrected.rows) >= 1) & (np.diff(translated.rows) >= 1)
    kept = np.flatnonzero(fits)
    tokenizer = words.learn(list(_lines(clean, packing.texts)), size)
    return Lessons(
        words.spell(packing.texts, tokenizer),
        np.array(packing.class_of, np.uint8),
        families(packing.texts),
        joined(clean),
        joined(damaged),
        translated.take(kept),
        corrected.take(kept),
        np.array([record["da"] for record in records])[kept],
        np.array([record["hter"] for record in records])[kept],
        np.array([PAIRS.index(record["lp"]) for record in records], np.int8)[kept],
    ), tokenizer


def _tagged(records: list[Record], packing: _Packing) -> Sentences:
    """Machine translations, the words tagged BAD labelled wrong."""
    batch = Batch.of([whole(record["tokenised"]) for record in records], packing.lm)
    packed = packing.pack(batch)
    for i, record in enumerate(records):
        at = slice(int(batch.tokens[i]), int(batch.tokens[i + 1]))
        starts, ends = batch.starts[at] - batch.chars[i], batch.ends[at] - batch.chars[i]
        for first, last in record["bad"]:
            packed.label[at] |= ((starts < last) & (ends > first)).astype(np.int8)
    return packed


def _lines(parts: Iterable[Sentences], texts: list[str]) -> Iterator[str]:
    for part in parts:
        for first, last in blocks(part.rows, 1000):
            yield " ".join(texts[word] for word in part.word[part.rows[first] : part.rows[last]].tolist())
