"""Words put where they do not belong, by a generator that needs no network: what stood in such a place elsewhere."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from garble.batch import Ints, offsets
from garble.deep.lessons import UNASKED, Lessons, Sentences

Words = NDArray[np.int32]

# Share of the sentences that stay as they are, and between what shares of the others' words are swapped.
_UNTOUCHED = 0.15
_SWAPPED = 0.03, 0.3
# Where a word comes from: it followed the word before, somewhere; it preceded the word after; it is of the same class
# and about as frequent; it stands elsewhere in the sentence; in any sentence; it changes places with the next. Or the
# word is left out.
_SOURCES = ("before", "after", "class", "sentence", "anywhere", "next", "nowhere")
_CHANCES = (0.3, 0.15, 0.23, 0.08, 0.06, 0.08, 0.1)
# Words of a class this near in rank are about as frequent.
_NEAR = 40


class Swaps:
    """The generator: the clean text, and where each of its words stands."""

    def __init__(self, lessons: Lessons) -> None:
        self.text = lessons.clean
        self.class_of = lessons.class_of
        self.count = np.bincount(self.text.word, minlength=len(lessons.class_of))

    @cached_property
    def places(self) -> Ints:
        """(tokens,) the places of the clean text, those of one word together."""
        return np.argsort(self.text.word, kind="stable")

    @cached_property
    def first(self) -> Ints:
        """(words + 1,) where each word's places begin."""
        return offsets(self.count)

    @cached_property
    def ranked(self) -> Words:
        """(words,) words that occur, class by class, the frequent ones first."""
        order = np.lexsort((-self.count, self.class_of))
        return order[self.count[order] > 0].astype(np.int32)

    @cached_property
    def rank(self) -> Ints:
        """(words,) where each stands in `ranked`."""
        rank = np.zeros(len(self.class_of), np.int64)
        rank[self.ranked] = np.arange(len(self.ranked))
        return rank

    def beside(self, word: Words, step: int, rng: Generator) -> Ints:
        """For each word a place beside one where it stands in the clean text, any place for a word never met."""
        count = self.count[word]
        at = self.first[word] + (rng.random(len(word)) * count).astype(np.int64)
        place = np.where(count > 0, self.places[np.minimum(at, len(self.places) - 1)], 0) + step
        anywhere = rng.integers(len(self.text.word), size=len(word))
        return np.where((count > 0) & (place >= 0) & (place < len(self.text.word)), place, anywhere)

    def alike(self, word: Words, rng: Generator) -> Words:
        """For each word another of its class and about as frequent; itself where there is none."""
        near = self.rank[word] + rng.integers(-_NEAR, _NEAR + 1, size=len(word))
        other = self.ranked[np.clip(near, 0, len(self.ranked) - 1)]
        return np.where((self.class_of[other] == self.class_of[word]) & (self.count[word] > 0), other, word)

    def swapped(self, sentences: Sentences, rng: Generator) -> tuple[Sentences, NDArray[np.int16]]:
        """The sentences with some of their words swapped, and (tokens,) the class of the word that stood there before.

        Wrong are words that are now others, and those before which one was left out. The class is UNASKED elsewhere.
        """
        word, shape, sentence = sentences.word.copy(), sentences.shape.copy(), sentences.sentence
        share = rng.uniform(*_SWAPPED, size=len(sentences))
        share[rng.random(len(sentences)) < _UNTOUCHED] = 0
        at = np.flatnonzero(rng.random(len(word)) < share[sentence])
        source = rng.choice(len(_SOURCES), p=_CHANCES, size=len(at))
        of = {name: at[source == i] for i, name in enumerate(_SOURCES)}
        first, last = sentences.rows[sentence], sentences.rows[sentence + 1] - 1
        for name, step in (("before", 1), ("after", -1), ("anywhere", 0)):
            some = of[name]
            beside = sentences.word[np.clip(some - step, 0, len(word) - 1)]
            place = self.beside(beside, step, rng)
            word[some] = self.text.word[place]
            # The first word keeps its capital, and others bring their own.
            inner = some[some > first[some]]
            shape[inner] = self.text.shape[place[some > first[some]]]
        word[of["class"]] = self.alike(sentences.word[of["class"]], rng)
        some = of["sentence"]
        length = last[some] - first[some] + 1
        word[some] = sentences.word[first[some] + (rng.random(len(some)) * length).astype(np.int64)]
        some = of["next"][of["next"] < last[of["next"]]]
        word[some], word[some + 1] = sentences.word[some + 1], sentences.word[some]
        label = (word != sentences.word).astype(np.int8)
        stood = np.where(label == 1, self.class_of[sentences.word].astype(np.int16), UNASKED)
        # The last word stays: that something follows it cannot be missed.
        gone = of["nowhere"][of["nowhere"] < last[of["nowhere"]]]
        label[gone + 1] = 1
        kept = np.ones(len(word), bool)
        kept[gone] = False
        rows = offsets(kept)[sentences.rows]
        return Sentences(word[kept], shape[kept], rows, label[kept]), stood[kept]
