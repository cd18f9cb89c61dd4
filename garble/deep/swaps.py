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
# and about as frequent; it is another form of the word that was; it stands elsewhere in the sentence; in any sentence;
# it changes places with the next. Or the word is left out, or one more follows it.
_SOURCES = ("before", "after", "class", "form", "sentence", "anywhere", "next", "nowhere", "more")
_CHANCES = (0.2, 0.12, 0.16, 0.2, 0.06, 0.06, 0.06, 0.08, 0.06)
# Words of a class this near in rank are about as frequent.
_NEAR = 40


class Swaps:
    """The generator: the clean text, and where each of its words stands."""

    def __init__(self, lessons: Lessons) -> None:
        self.text = lessons.clean
        self.class_of, self.family = lessons.class_of, lessons.family
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

    @cached_property
    def kin(self) -> Words:
        """(words,) all words, family by family."""
        return np.argsort(self.family, kind="stable").astype(np.int32)

    @cached_property
    def of_kin(self) -> tuple[Ints, Ints, Ints]:
        """How often the words of `kin` occur, summed up; where in that sum each word begins; and its family's edges."""
        summed = offsets(self.count[self.kin])
        own = np.zeros(len(self.kin), np.int64)
        own[self.kin] = summed[:-1]
        edges = summed[offsets(np.bincount(self.family))]
        return summed, own, edges

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

    def inflected(self, word: Words, rng: Generator) -> Words:
        """For each word another form of it, the frequent ones more often; itself where there is none."""
        summed, own, edges = self.of_kin
        first, last = edges[self.family[word]], edges[self.family[word] + 1]
        others = last - first - self.count[word]
        # Its own occurrences are stepped over.
        at = first + (rng.random(len(word)) * others).astype(np.int64)
        at += np.where(at >= own[word], self.count[word], 0)
        other = self.kin[np.minimum(np.searchsorted(summed, at, side="right") - 1, len(self.kin) - 1)]
        return np.where(others > 0, other, word)

    def swapped(self, sentences: Sentences, rng: Generator) -> tuple[Sentences, NDArray[np.int16]]:
        """The sentences with some of their words swapped, and (tokens,) the class of the word that stood there before.

        Wrong are words that are now others or one too many, and those before which one was left out. The class is
        UNASKED elsewhere. No sentence becomes longer than the longest.
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
        word[of["form"]] = self.inflected(sentences.word[of["form"]], rng)
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
        some = of["more"]
        lengths = np.diff(sentences.rows)
        room = lengths.max(initial=0) - lengths - np.bincount(sentence[some], minlength=len(sentences))
        some = some[room[sentence[some]] >= 0]
        times = np.ones(len(word), np.int64)
        times[gone], times[some] = 0, 2
        at = np.repeat(np.arange(len(word)), times)
        more = offsets(times)[some] + 1
        place = self.beside(sentences.word[some], 1, rng)
        word, shape, label, stood = word[at], shape[at], label[at], stood[at]
        word[more], shape[more] = self.text.word[place], self.text.shape[place]
        label[more], stood[more] = 1, UNASKED
        return Sentences(word, shape, offsets(times)[sentences.rows], label), stood
