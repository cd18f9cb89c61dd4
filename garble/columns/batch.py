"""Sentences as columns, the input of every signal.

A `Batch` holds any number of documents. Its arrays have one entry per character, token or sentence. `char_offsets` and
`token_offsets` divide the first two into sentences, as in Arrow lists and CSR matrices.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from garble.columns import lists
from garble.columns.arrays import Floats, Ints, Mask, cover, offsets, recurs, spans_of, spread
from garble.columns.lm import LanguageModel, LMScores
from garble.languages import ENGLISH, Language
from garble.text.alphabet import (
    CASE,
    DIGIT,
    FOLD,
    IDEOGRAPH,
    KIND,
    LETTER,
    LOWER,
    PUNCTUATION,
    SPACE,
    UPPER,
    Codes,
    Hashes,
    chain,
    encode,
    hash_runs,
)
from garble.text.mojibake import misread
from garble.text.periodic import loops_of
from garble.text.segmentation import Document
from garble.text.tokens import tokenize

# Signs of code: anywhere; beside a letter; before a letter where a word begins; and two of them running.
_IN_CODE = [ord(sign) for sign in "={}<>|\\`"]
_BESIDE_LETTERS = [ord(sign) for sign in "~^+@"]
_BEFORE_LETTERS = [ord(sign) for sign in "-/$%#"]
_TWICE = [ord(sign) for sign in ":/"]
_OPENING = [ord(sign) for sign in "([\"'"]
_DASHES = [ord(sign) for sign in "–—…"]

# Between sentences; a text's own paragraph separators become line feeds, so that nothing matches across.
BORDER = "\u2029"
# An odd number that spreads the places of placeholders over all hashes: 2 ** 64 divided by the golden ratio.
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Predictions(NamedTuple):
    """Predictions of the network, in standard deviations from the mean on clean text.

    unlikely, mistranslated: (tokens,) how likely the word is wrong here, and would be corrected.
    unnatural: (sentences,) how bad the sentence is as a whole.
    """

    unlikely: Floats
    mistranslated: Floats
    unnatural: Floats

    def plus(self, other: Predictions | None) -> Predictions:
        """The predictions of both, which are for different sentences."""
        return self if other is None else Predictions(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True, eq=False)
class Batch:
    """Sentences as columns.

    text: the sentences, each followed by BORDER. codes: (characters,) its code points; folded: in lower case.
    char_offsets: (sentences + 1,) first character of each sentence.
    starts, ends: (tokens,) character offsets. token_offsets: (sentences + 1,) first token of each sentence.
    word_hash: (tokens,) hash of the token in lower case, another for each placeholder of a sentence; form_hash: that of
    the token with every digit as 0.
    document_offsets: (documents + 1,) first sentence of each document. total: (documents,) all its sentences, also
    those in other batches. paragraph, kind, neighbours: (sentences,) as in Document.
    looped: (characters,) inside a loop of the document, after its first copy.
    quoted: (characters,) placeholders for code or an address in the text.
    language: language of all sentences. lm: its language model, or None.
    predicted: predictions of the network, or None if it has not run.
    """

    text: str
    codes: Codes
    char_offsets: Ints
    starts: Ints
    ends: Ints
    token_offsets: Ints
    folded: Codes
    word_hash: Hashes
    form_hash: Hashes
    document_offsets: Ints
    total: Ints
    paragraph: Ints
    kind: Ints
    neighbours: Ints
    lm: LanguageModel | None
    language: Language
    looped: Mask
    quoted: Mask
    predicted: Predictions | None = None

    @classmethod
    def of(cls, documents: Sequence[Document], lm: LanguageModel | None = None, language: Language = ENGLISH) -> Batch:
        """All sentences of `documents`, which are in one language, in order."""
        empty = np.zeros(0, np.int64)
        pieces = [document.slices() for document in documents]
        return cls._laid_out(
            [piece for of_document in pieces for piece in of_document],
            lm,
            language,
            _looped(documents, pieces),
            _quoted(documents, pieces),
            document_offsets=offsets([len(document.sentences) for document in documents]),
            total=np.array([document.total for document in documents], np.int64),
            paragraph=np.concatenate([empty, *(document.paragraph for document in documents)]),
            kind=np.concatenate([empty, *(document.kind for document in documents)]),
            neighbours=np.concatenate([empty, *(document.neighbours for document in documents)]),
        )

    @classmethod
    def alone(cls, sentences: Sequence[str], lm: LanguageModel | None = None) -> Batch:
        """The same, quickly, of documents that are `text.whole` sentences."""
        count = len(sentences)
        zeros, ones = np.zeros(count, np.int64), np.ones(count, np.int64)
        looped = _looped_alone(sentences)
        rows = np.arange(count + 1)
        return cls._laid_out(
            sentences,
            lm,
            ENGLISH,
            looped,
            np.zeros(len(looped), bool),
            rows,
            ones,
            paragraph=zeros,
            kind=zeros,
            neighbours=ones,
        )

    @classmethod
    def _laid_out(
        cls,
        sentences: Sequence[str],
        lm: LanguageModel | None,
        language: Language,
        looped: Mask,
        quoted: Mask,
        document_offsets: Ints,
        total: Ints,
        paragraph: Ints,
        kind: Ints,
        neighbours: Ints,
    ) -> Batch:
        text = BORDER.join([*(sentence.replace(BORDER, "\n") for sentence in sentences), ""])
        codes = encode(text)
        char_offsets = offsets([len(sentence) + 1 for sentence in sentences])
        starts, ends = tokenize(codes)
        folded = FOLD[codes]
        word_hash = hash_runs(folded, starts, ends)
        # Digits are few, and only words that hold one have another form.
        digits = np.flatnonzero(KIND[codes] == DIGIT)
        zeroed, form_hash = folded.copy(), word_hash.copy()
        zeroed[digits] = ord("0")
        numbers = np.unique(np.searchsorted(starts, digits, side="right") - 1)
        form_hash[numbers] = hash_runs(zeroed, starts[numbers], ends[numbers])
        # Placeholders stand for different code, so they are no repetition.
        places = np.flatnonzero(quoted)
        tokens = np.unique(np.searchsorted(starts, places, side="right") - 1)
        sentence = np.searchsorted(char_offsets, starts[tokens], side="right") - 1
        word_hash[tokens] ^= (starts[tokens] - char_offsets[sentence] + 1).astype(np.uint64) * _MIX
        return cls(
            text=text,
            codes=codes,
            char_offsets=char_offsets,
            starts=starts,
            ends=ends,
            token_offsets=np.searchsorted(starts, char_offsets),
            folded=folded,
            word_hash=word_hash,
            form_hash=form_hash,
            document_offsets=document_offsets,
            total=total,
            paragraph=paragraph,
            kind=kind,
            neighbours=neighbours,
            lm=lm,
            language=language,
            looped=looped,
            quoted=quoted,
        )

    def __len__(self) -> int:
        """How many sentences."""
        return len(self.char_offsets) - 1

    @cached_property
    def sentence(self) -> Ints:
        """(tokens,) the sentence each token stands in."""
        return np.repeat(np.arange(len(self)), np.diff(self.token_offsets))

    @cached_property
    def is_first_token(self) -> Mask:
        """(tokens,) the first token of its sentence."""
        first = np.zeros(len(self.starts), bool)
        first[self.token_offsets[:-1][np.diff(self.token_offsets) > 0]] = True
        return first

    @cached_property
    def document(self) -> Ints:
        """(sentences,) the document each sentence stands in."""
        return np.repeat(np.arange(len(self.document_offsets) - 1), np.diff(self.document_offsets))

    @cached_property
    def char_kinds(self) -> NDArray[np.uint8]:
        """(tokens,) the kinds of character in each token, as bits of `alphabet`."""
        return np.bitwise_or.reduceat(KIND[self.codes], self.starts) if len(self.starts) else np.zeros(0, np.uint8)

    @cached_property
    def is_word(self) -> Mask:
        """(tokens,) tokens with a letter in them."""
        return np.asarray((self.char_kinds & (LETTER | IDEOGRAPH)) != 0)

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
    def is_function_word(self) -> Mask:
        """(tokens,) function words of the language."""
        return lists.isin(self.word_hash, self.hashes("function_words"))

    def hashes(self, name: str) -> Hashes:
        """The sorted hashes of the words in a list of the batch's language; empty where it has none."""
        return lists.hashes(self.language, name)

    @cached_property
    def is_code(self) -> Mask:
        """(tokens,) what is written for machines: options, paths, identifiers, formulas, product numbers.

        One sign of it makes code of all that stands between two spaces: "--log-file", "max_size", "time.time()", "B6".
        """
        is_joined = np.zeros(len(self.starts), bool)
        is_joined[1:] = self.starts[1:] == self.ends[:-1]
        # A dash parts words, and in scripts without spaces every character stands alone.
        is_separate = ((self.char_kinds & IDEOGRAPH) != 0) | np.isin(self.codes[self.starts], _DASHES)
        is_joined[1:] &= ~(is_separate[1:] | is_separate[:-1])
        chunk = np.cumsum(~is_joined) - 1
        has_sign = np.zeros(len(chunk), bool)
        signs = np.concatenate([self._signs_of_code(), np.flatnonzero(self.quoted)])
        has_sign[chunk[np.searchsorted(self.starts, signs, side="right") - 1]] = True
        return np.asarray(has_sign[chunk])

    def _signs_of_code(self) -> Ints:
        """(signs,) characters that do not stand so in prose."""
        places = self.signs
        sign, before, after = (self.beside(places, step) for step in (0, -1, 1))
        earlier, later = self.beside(places, -2), self.beside(places, 2)
        follows, leads = (KIND[before] & LETTER) != 0, (KIND[after] & LETTER) != 0
        opens = (KIND[before] == SPACE) | np.isin(before, _OPENING)
        code = np.isin(sign, _IN_CODE) | (np.isin(sign, _BESIDE_LETTERS) & (follows | leads))
        # "max_size", "C6"; but "_so_" is emphasis.
        code |= follows & (((sign == ord("_")) & leads) | (KIND[sign] == DIGIT))
        # "read(file)" is a call, and "file(s)" one or several.
        code |= (sign == ord("(")) & follows & (after != ord("s"))
        code |= np.isin(sign, _BEFORE_LETTERS) & opens & leads
        code |= (sign == ord("-")) & (before == ord("-")) & (KIND[earlier] == SPACE) & leads
        code |= np.isin(sign, _TWICE) & (before == sign)
        # A stop inside a word, but not in "e.g." or where the space after a sentence is lost.
        longer = ((KIND[earlier] & KIND[later]) & LETTER) != 0
        code |= (sign == ord(".")) & follows & leads & longer & (CASE[after] == LOWER)
        capitals = np.flatnonzero(CASE[self.codes] == UPPER)
        return np.concatenate([places[code], capitals[CASE[self.beside(capitals, -1)] == LOWER]])

    @cached_property
    def is_content(self) -> Mask:
        """(tokens,) words of two letters or more that are neither function words nor code."""
        return self.is_word & (self.length > 1) & ~self.is_function_word & ~self.is_code

    @cached_property
    def length(self) -> Ints:
        """(tokens,) characters."""
        return self.ends - self.starts

    @cached_property
    def is_first_word(self) -> Mask:
        """(tokens,) the first word of its sentence; punctuation may precede it."""
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
        return self.lm.lookup(self.form_hash, self.is_capital, self.is_word)

    @cached_property
    def lm_scores(self) -> LMScores:
        """Scores of the language model; zeros without one."""
        if self.lm is None:
            token = np.zeros(len(self.starts))
            return LMScores(token, token, token, token, np.zeros(len(self.starts), bool), np.zeros(len(self)))
        return self.lm.score(self.ids, self.token_offsets)

    @cached_property
    def predictions(self) -> Predictions:
        """Predictions of the network; zeros if it has not run."""
        token = np.zeros(len(self.starts))
        return self.predicted or Predictions(token, token, np.zeros(len(self)))

    def pieces(self, first: int, last: int) -> str:
        """The characters of tokens `first` to `last`, `last` left out."""
        return self.text[int(self.starts[first]) : int(self.ends[last - 1])]

    def ngrams(self, n: int) -> tuple[Ints, Hashes]:
        """Where the n-grams that lie within a sentence begin, and their hashes."""
        keys = self.word_hash
        count = max(0, len(keys) - n + 1)
        begins = np.flatnonzero(self.sentence[:count] == self.sentence[n - 1 : n - 1 + count])
        hashes = keys[begins]
        for step in range(1, n):
            hashes = chain(hashes, keys[begins + step])
        return begins, hashes

    @cached_property
    def repeated_ngrams(self) -> dict[int, tuple[Ints, Ints]]:
        """For n = 1 to 4: first tokens of n-grams that repeat in a sentence, and of their previous occurrence."""
        repeats = {}
        begins, hashes = np.arange(len(self.starts)), self.word_hash
        for n in (1, 2, 3, 4):
            previous = recurs(hashes, self.sentence[begins])
            repeated = np.flatnonzero(previous >= 0)
            repeats[n] = begins[repeated], begins[previous[repeated]]
            # What is one longer comes again only where both the n-grams in it do.
            is_repeated = np.zeros(len(begins), bool)
            is_repeated[repeated] = is_repeated[previous[repeated]] = True
            may_repeat = is_repeated[:-1] & is_repeated[1:] & (begins[1:] == begins[:-1] + 1)
            may_repeat &= self.sentence[begins[:-1]] == self.sentence[np.minimum(begins[:-1] + n, len(self.starts) - 1)]
            begins, hashes = begins[:-1][may_repeat], hashes[:-1][may_repeat]
            hashes = chain(hashes, self.word_hash[begins + n])
        return repeats

    def token_mask(self, firsts: Ints, lasts: Ints) -> Mask:
        """The tokens of the runs [firsts, lasts)."""
        return cover(firsts, lasts, len(self.starts))

    def char_mask(self, firsts: Ints, lasts: Ints) -> Mask:
        """The characters of the runs [firsts, lasts)."""
        return cover(firsts, lasts, len(self.codes))

    @cached_property
    def non_ascii(self) -> Ints:
        """Offsets of characters outside ASCII."""
        return np.flatnonzero(self.codes >= 0x80)

    @cached_property
    def is_misread(self) -> Mask:
        """(characters,) those that are UTF-8 decoded with a single-byte encoding."""
        return misread(self.codes, self.non_ascii, self.char_offsets)

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


def _looped(documents: Sequence[Document], pieces: Sequence[Sequence[str]]) -> Mask:
    """`Batch.looped` of documents. pieces: the sentences of each."""
    unknown = [i for i, document in enumerate(documents) if document.loops is None]
    loops_by_document = dict(zip(unknown, loops_of([documents[i].text for i in unknown]), strict=True))
    parts = []
    for i, (document, of_document) in enumerate(zip(documents, pieces, strict=True)):
        loops = loops_by_document[i] if document.loops is None else document.loops
        size = sum(map(len, of_document)) + len(of_document)
        if not loops or not of_document:
            parts.append(np.zeros(size, bool))
            continue
        # The border after each sentence is in no loop.
        parts += [edge for mask in document.looped(loops) for edge in (mask, np.zeros(1, bool))]
    return np.concatenate([np.zeros(0, bool), *parts])


def _quoted(documents: Sequence[Document], pieces: Sequence[Sequence[str]]) -> Mask:
    """`Batch.quoted` of documents. pieces: the sentences of each."""
    sizes = offsets([len(piece) + 1 for of_document in pieces for piece in of_document])
    quoted = np.zeros(sizes[-1], bool)
    first = 0
    for document in documents:
        for i, aligned in document.aligned_texts.items():
            # Two characters that stand for the same place, which is no character, are a word in its place.
            is_placeholder = (aligned.starts[1:] == aligned.starts[:-1]) & (aligned.ends[1:] - aligned.starts[1:] > 1)
            characters = sizes[first + i] + np.flatnonzero(is_placeholder)
            quoted[characters] = quoted[characters + 1] = True
        first += len(document.sentences)
    return quoted


def _looped_alone(sentences: Sequence[str]) -> Mask:
    """The same of sentences that are documents of their own."""
    looped = np.zeros(sum(map(len, sentences)) + len(sentences), bool)
    begin = 0
    for sentence, loops in zip(sentences, loops_of(sentences), strict=True):
        for loop in loops:
            looped[begin + loop.first_end : begin + loop.end] = True
        begin += len(sentence) + 1
    return looped
