"""The tokenizer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from garble.languages import ENGLISH
from garble.text.alphabet import DIGIT, FOLD, KIND, LETTER, MARK, PUNCTUATION, SPACE, WORD, Codes

# English clitics after an apostrophe, of one letter, and of two letters as one number. All languages use these, because
# tokenization precedes language detection.
_SHORT = [ord(clitic) for clitic in ENGLISH.clitics if len(clitic) == 1]
_LONG = [ord(clitic[0]) << 32 | ord(clitic[1]) for clitic in ENGLISH.clitics if len(clitic) == 2]


def tokenize(codes: Codes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Start and end of each token: a word, a number, a punctuation mark or a run of the same mark.

    Apostrophes inside words are kept (O'Brien). English clitics are separate tokens, as in the Penn Treebank (do|n't,
    Rwanda|'s). Numbers keep their separators (1,000.50), and initials their full stops (U.S.).
    """
    n = len(codes)
    if not n:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    kind, fold = KIND[codes], FOLD[codes]
    is_word = (kind & WORD) != 0
    joins = np.zeros(n + 1, bool)
    joins[1:n] = (is_word[1:] & is_word[:-1]) | ((codes[1:] == codes[:-1]) & (kind[1:] == PUNCTUATION))
    # A combining mark is part of the token before it: an accent of an ideograph, a variation selector of an emoji.
    joins[1:n] |= (kind[1:] == MARK) & (kind[:-1] != SPACE)
    _join_separators(codes, kind, joins)
    _join_initials(codes, kind, joins)
    _split_clitics(fold, kind, is_word, joins)
    filled = kind != SPACE
    starts = np.flatnonzero(filled & ~joins[:n])
    ends = np.flatnonzero(filled & ~joins[1:]) + 1
    return starts, ends


def _join_separators(codes: Codes, kind: NDArray[np.uint8], joins: NDArray[np.bool_]) -> None:
    inner = np.flatnonzero((codes[1:-1] == ord(".")) | (codes[1:-1] == ord(","))) + 1
    inner = inner[(kind[inner - 1] & kind[inner + 1] & DIGIT) != 0]
    joins[inner] = joins[inner + 1] = True


def _join_initials(codes: Codes, kind: NDArray[np.uint8], joins: NDArray[np.bool_]) -> None:
    """Join two or more letters that each have a full stop: U.S., e.g., p.m."""
    n = len(codes)
    letter = np.concatenate([[False] * 2, (kind & LETTER) != 0])
    is_word = np.concatenate([[False] * 2, (kind & WORD) != 0])
    # Padded by two: index i is character i - 2 of the text.
    initial = np.concatenate([(codes == ord(".")) & letter[1 : n + 1] & ~is_word[:n], [False] * 2])
    leads = np.flatnonzero(initial[:-2] & initial[2:])
    joins[leads] = joins[leads + 1] = joins[leads + 2] = True


def _split_clitics(fold: Codes, kind: NDArray[np.uint8], is_word: NDArray[np.bool_], joins: NDArray[np.bool_]) -> None:
    n = len(fold)

    def at(index: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.clip(index, 0, n - 1)

    quote = np.flatnonzero(fold == ord("'"))
    quote = quote[(quote + 1 < n) & ((kind[at(quote + 1)] & LETTER) != 0)]
    first, second = fold[at(quote + 1)], fold[at(quote + 2)]
    after_letter = (quote > 0) & ((kind[at(quote - 1)] & (LETTER | MARK)) != 0)
    ends_after_one = (quote + 2 >= n) | ~is_word[at(quote + 2)]
    ends_after_two = (quote + 3 >= n) | ~is_word[at(quote + 3)]
    short = ends_after_one & np.isin(first, _SHORT)
    pair = first.astype(np.uint64) << np.uint64(32) | second
    long = ends_after_two & np.isin(pair, _LONG)
    negated = ends_after_one & (first == ord("t")) & after_letter & (fold[at(quote - 1)] == ord("n"))
    # Join the characters of each clitic.
    joins[quote[short | long | negated] + 1] = True
    joins[quote[negated]] = True
    # "n't" begins at its n if letters precede it. Other inner apostrophes join both sides.
    joins[quote[negated & (kind[at(quote - 2)] == LETTER) & (quote > 1)] - 1] = False
    inner = quote[after_letter & ~short & ~long & ~negated]
    joins[inner] = joins[inner + 1] = True
