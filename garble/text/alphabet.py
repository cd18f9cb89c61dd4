"""Properties of code points as lookup tables, and hashes of code point sequences.

`KIND[codes]`, `FOLD[codes]` etc. turn an array of code points into columns. The tables cover all of Unicode. They are
filled from `unicodedata` when a code point first occurs (`describe`).
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Hashes = NDArray[np.uint64]

# Kinds are bits, so that bitwise-or gives all kinds in a token.
SPACE, LETTER, DIGIT, MARK, PUNCTUATION, IDEOGRAPH = 0, 1, 2, 4, 8, 16
WORD = LETTER | DIGIT | MARK
LOWER, UPPER = 1, 2

SCRIPTS = ("COMMON", "LATIN", "GREEK", "CYRILLIC", "OTHER")
COMMON, LATIN, GREEK, CYRILLIC, OTHER_SCRIPT = range(len(SCRIPTS))

_SIZE = 0x110000
KIND = np.zeros(_SIZE, np.uint8)
CASE = np.zeros(_SIZE, np.uint8)
SCRIPT = np.zeros(_SIZE, np.uint8)
FOLD = np.zeros(_SIZE, np.uint32)
_KNOWN = np.zeros(_SIZE, bool)

_APOSTROPHES = "'’ʼ＇"
# Scripts without spaces between words: each character is a token.
_UNSPACED = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def encode(text: str) -> Codes:
    """The code points of `text`, including lone surrogates. Adds them to the tables."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32, copy=False)
    describe(codes)
    return codes


def describe(codes: Codes) -> None:
    """Fill the tables for new code points."""
    for code in np.unique(codes[~_KNOWN[codes]]).tolist():
        char = chr(code)
        KIND[code] = _kind(char)
        CASE[code] = LOWER if char.islower() else UPPER if char.isupper() or char.istitle() else 0
        SCRIPT[code] = _script(char)
        lower = char.lower()
        FOLD[code] = ord("'") if char in _APOSTROPHES else ord(lower) if len(lower) == 1 else code
        _KNOWN[code] = True


def _kind(char: str) -> int:
    category = unicodedata.category(char)
    if char.isspace():
        return SPACE
    if category[0] == "L":
        return IDEOGRAPH if unicodedata.name(char, "").startswith(_UNSPACED) else LETTER
    if category[0] == "N":
        return DIGIT
    # Format characters (zero-width and bidi) belong to the word around them, like combining marks.
    return MARK if category[0] == "M" or category == "Cf" else PUNCTUATION


def _script(char: str) -> int:
    if not char.isalpha():
        return COMMON
    name = unicodedata.name(char, "").removeprefix("FULLWIDTH ")
    script = name.split(" ")[0]
    if script in SCRIPTS:
        return SCRIPTS.index(script)
    # Modifier letters, ordinals, the micro sign and mathematical letters are used with every script.
    return COMMON if script in {"MODIFIER", "MATHEMATICAL", "FEMININE", "MASCULINE", "MICRO", "OHM"} else OTHER_SCRIPT


describe(np.arange(0x250, dtype=np.uint32))


def mix(values: Hashes) -> Hashes:
    """Scramble 64-bit values so that every output bit depends on every input bit (splitmix64's finaliser)."""
    # In place, because memory access takes half of the time.
    mixed = values >> np.uint64(30)
    mixed ^= values
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def chain(key: Hashes, following: Hashes) -> Hashes:
    """The key of a sequence, from that of its prefix and its last element."""
    return mix(key * np.uint64(3) + following)


def hash_runs(values: Codes | Hashes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Hashes:
    """One 64-bit hash per run [start, end) of `values`; runs must not be empty.

    A polynomial hash: the sum of scrambled values times powers of a constant. It does not depend on the offset.
    """
    if not len(starts):
        return np.zeros(0, np.uint64)
    lengths = ends - starts
    begins = np.cumsum(lengths) - lengths
    place = np.arange(begins[-1] + lengths[-1])
    run = values[place + np.repeat(starts - begins, lengths)].astype(np.uint64)
    place -= np.repeat(begins, lengths)
    run += np.uint64(0x9E3779B97F4A7C15)
    terms = mix(run)
    terms *= _powers(int(lengths.max()))[place]
    return mix(np.add.reduceat(terms, begins))


def _powers(n: int) -> Hashes:
    factors = np.full(n, 0x9E3779B97F4A7C15, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)
