"""Characters that no writer typed: wrong encodings, stray controls, letters of two alphabets in one word."""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from garble import lexicon
from garble.alphabet import COMMON, GREEK, IDEOGRAPH, KIND, LATIN, LETTER, MARK, SCRIPT
from garble.batch import Batch, Ints, Mask, cover, row_sums, runs
from garble.signals.base import marks


@cache
def _bytes_of_cp1252() -> Ints:
    """(65536,) the Windows-1252 byte that shows as each character, or 0; undefined bytes show as C1 controls."""
    table = np.zeros(0x10000, np.int64)
    for byte in range(0x80, 0x100):
        table[byte] = byte
        char = bytes([byte]).decode("cp1252", "ignore")
        if char:
            table[ord(char)] = byte
    return table


@marks("characters", "“{span}” is text read in the wrong encoding")
def mojibake(batch: Batch) -> Mask:
    """Characters that are the bytes of one UTF-8 letter or mark, shown in Windows-1252.

    Why it is garble: "é" is two bytes, and a reader that takes each for a character sees "Ã©".
    Known false alarms: none met; a text that writes about mojibake.
    Reference: Speer, ftfy; HPLT notes on web text.
    Garbled: The cafÃ© is closed.
    Garbled: She said itâ€™s over.
    Clean: The café is closed, and Ângela's São João party is over.
    """
    return _misread(batch, ((2, 0xC3, 0xDF), (3, 0xE0, 0xEF), (4, 0xF0, 0xF4)))


@marks("characters", "“{span}” is a sign read in the wrong encoding")
def misread_sign(batch: Batch) -> Mask:
    """A stray Â before a sign such as £ or °, which is how UTF-8's own signs look in Windows-1252.

    Why it is garble: the same fault as mojibake; but the words stay whole, and much good news text has it.
    Known false alarms: news archives converted long ago.
    Reference: Speer, ftfy.
    Garbled: The house cost Â£600.
    Clean: The house cost £600, said Ângela.
    """
    return _misread(batch, ((2, 0xC2, 0xC2),))


def _misread(batch: Batch, leads: tuple[tuple[int, int, int], ...]) -> Mask:
    """Sequences of `size` characters whose Windows-1252 bytes are one UTF-8 character with such a first byte."""
    codes = batch.codes
    byte = np.where(codes < 0x10000, _bytes_of_cp1252()[np.minimum(codes, 0xFFFF)], 0)
    follows = np.zeros(len(byte) + 3, bool)
    follows[: len(byte)] = (byte >= 0x80) & (byte < 0xC0)
    found = np.zeros(len(byte) + 3, bool)
    for size, first, last in leads:
        lead = np.flatnonzero((byte >= first) & (byte <= last))
        for step in range(1, size):
            lead = lead[follows[lead + step]]
        for step in range(size):
            found[lead + step] = True
    return found[: len(byte)]


@marks("characters", "a character was lost here")
def replacement(batch: Batch) -> Mask:
    """Replacement characters, lone surrogates, private-use and unassigned code points.

    Why it is garble: a decoder that cannot read a byte puts U+FFFD in its place.
    Known false alarms: icon fonts that live in the private-use area.
    Reference: Unicode Standard, chapter 5.22.
    Garbled: The caf\N{REPLACEMENT CHARACTER} is closed.
    Clean: The café is closed.
    """
    codes = batch.codes
    private = ((codes >= 0xE000) & (codes <= 0xF8FF)) | (codes >= 0xF0000)
    surrogate = (codes >= 0xD800) & (codes <= 0xDFFF)
    return np.asarray(private | surrogate | (codes == 0xFFFD) | ((codes & 0xFFFE) == 0xFFFE))


_INVISIBLE = [0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x200E, 0x200F]
_INVISIBLE += [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]


@marks("characters", "an invisible character stands inside the text")
def stray_control(batch: Batch) -> Mask:
    """Control characters, and zero-width or direction marks between Latin letters.

    Why it is garble: they are left by broken conversions and cut words in two for every reader but the eye.
    Known false alarms: a soft hyphen alone is let pass, as web pages use it rightly.
    Reference: Unicode Technical Report 36.
    Garbled: The gov\u200bern\u200bment met on Monday.
    Clean: The government met on Monday, 👩\u200d🌾.
    """
    codes = batch.codes
    control = (codes < 0x20) & ~np.isin(codes, [9, 10, 11, 12, 13]) | (codes >= 0x7F) & (codes < 0xA0) & (codes != 0x85)
    hidden = np.flatnonzero(np.isin(codes, _INVISIBLE))
    word = np.searchsorted(batch.starts, hidden, side="right") - 1
    inside = (word >= 0) & (hidden > batch.starts[word]) & (hidden < batch.ends[word] - 1) & (_latin(batch)[word] > 0)
    # A soft hyphen by itself only says where a word may be broken.
    inside &= (codes[hidden] != 0xAD) | (KIND[codes[np.minimum(hidden + 1, len(codes) - 1)]] == MARK)
    control[hidden[inside]] = True
    return np.asarray(control)


def _latin(batch: Batch) -> Ints:
    """(tokens,) Latin letters."""
    letters = (SCRIPT[batch.codes] == LATIN) & ((KIND[batch.codes] & LETTER) != 0)
    return np.add.reduceat(letters.astype(np.int64), batch.starts) if len(batch.starts) else np.zeros(0, np.int64)


@marks("tokens", "“{span}” mixes two alphabets")
def mixed_script(batch: Batch) -> Mask:
    """Words with letters of two scripts, and words of another script that stand unmarked in a Latin sentence.

    Why it is garble: residue of the source, or letters swapped for look-alikes.
    Known false alarms: foreign words; in brackets, before one, or after a quotation mark they are let pass.
    Reference: Unicode Technical Standard 39, mixed-script detection.
    Garbled: The gоvernment met on Monday.
    Garbled: Water rose in the affected area贏.
    Clean: The α-helix is 5 μm long, said Dvořák.
    Clean: The character 水 (shuǐ) stands for water, and Moscow (Москва) for itself.
    """
    script = SCRIPT[batch.codes]
    letter = (KIND[batch.codes] & (LETTER | IDEOGRAPH)) != 0
    if not len(batch.starts):
        return np.zeros(0, bool)
    latin = _latin(batch)
    other = np.add.reduceat((letter & (script != LATIN) & (script != COMMON)).astype(np.int64), batch.starts)
    ideograph = (batch.kinds & IDEOGRAPH) != 0
    # A single Greek letter in a short word is a unit or a symbol: μm, βA.
    greek = np.add.reduceat((letter & (script == GREEK)).astype(np.int64), batch.starts)
    mixed = (latin > 0) & (other > 0) & ~((greek == 1) & (other == 1) & (batch.length <= 3))
    foreign = (latin == 0) & ((other > 1) | ideograph)
    # A word of another script is out of place only where the sentence is otherwise Latin.
    share = row_sums(latin, batch.tokens) / np.maximum(row_sums(latin + other, batch.tokens), 1)
    return np.asarray(mixed | (foreign & (share > 0.7)[batch.sentence] & ~_marked_off(batch, foreign)))


def _marked_off(batch: Batch, foreign: Mask) -> Mask:
    """Foreign words in a run that a bracket or quotation mark stands before or after."""
    sign = np.isin(batch.codes[batch.starts], [ord(c) for c in "()[]\"“”„«»'‘’《》"])
    found = runs(foreign, batch.tokens)
    edge = batch.tokens[batch.sentence[found.starts]], batch.tokens[batch.sentence[found.starts] + 1]
    near = sign[np.maximum(found.starts - 1, edge[0])] | sign[np.minimum(found.ends, edge[1] - 1)]
    return cover(found.starts[near], found.ends[near], len(foreign))


@marks("characters", "“{span}” fuses digits with a word")
def fused_digits(batch: Batch) -> Mask:
    """A number of two digits or more that runs into a function word without a space.

    Why it is garble: spaces lost in conversion, or pieces of words joined wrongly.
    Known false alarms: user names, product codes, COVID19.
    Reference: HPLT notes on glued words.
    Garbled: In the2000people who came in2014the mood was good.
    Clean: In 2014 the iPhone5 cost 300km of H2O, said user7 in CO2 of the 1990s.
    """
    return batch.chars_of(match for match in _FUSED.finditer(batch.text) if _joined(match))


_FUSED = re.compile(r"(?<![\w.@/#-])([A-Za-z]*)\d{2,}(?:[.,]\d+)?([A-Za-z]*)(?![\w@/])")


def _joined(match: re.Match[str]) -> bool:
    """Whether a function word stands on either side: codes and units have none."""
    small = lexicon.words("function_words") - lexicon.words("units")
    return any(len(side) > 1 and side.lower() in small for side in match.groups())
