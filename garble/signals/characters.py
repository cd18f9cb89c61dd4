"""Wrong characters: wrong encodings, control characters, letters of two scripts in one word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from garble.columns.arrays import Ints, Mask, cover, offsets, row_sums, runs, spread
from garble.columns.batch import Batch
from garble.languages import lexicon
from garble.signals.base import marks
from garble.text.alphabet import (
    CYRILLIC,
    DIGIT,
    GREEK,
    IDEOGRAPH,
    KIND,
    LATIN,
    LETTER,
    MARK,
    OTHER_SCRIPT,
    SCRIPT,
    Codes,
)


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


@marks("characters", "“{span}” is text decoded with the wrong encoding")
def mojibake(batch: Batch) -> Mask:
    """Characters that are the bytes of one UTF-8 letter or mark, shown in Windows-1252.

    Why it is garble: "é" is two bytes in UTF-8; a decoder that takes each byte for a character gives "Ã©".
    Known false alarms: none met; a text that writes about mojibake.
    Reference: Speer, ftfy; HPLT notes on web text.
    Garbled: The cafÃ© is closed.
    Garbled: She said itâ€™s over.
    Clean: The café is closed, and Ângela's São João party is over.
    """
    return _misread(batch, ((2, 0xC3, 0xDF), (3, 0xE0, 0xEF), (4, 0xF0, 0xF4)))


@marks("characters", "“{span}” is a sign decoded with the wrong encoding")
def misread_sign(batch: Batch) -> Mask:
    """A stray Â before a sign such as £ or °: the UTF-8 bytes of the sign, shown in Windows-1252.

    Why it is garble: the same error as mojibake; but words stay readable, and good news text often has it.
    Known false alarms: news archives converted long ago.
    Reference: Speer, ftfy.
    Garbled: The house cost Â£600.
    Clean: The house cost £600, said Ângela.
    """
    return _misread(batch, ((2, 0xC2, 0xC2),))


def _misread(batch: Batch, leads: tuple[tuple[int, int, int], ...]) -> Mask:
    """Sequences of `size` characters whose Windows-1252 bytes are one UTF-8 character with such a first byte."""
    found = np.zeros(len(batch.codes), bool)
    byte = _byte(batch.codes[batch.beyond_ascii])
    for size, first, last in leads:
        lead = batch.beyond_ascii[(byte >= first) & (byte <= last)]
        for step in range(1, size):
            follows = _byte(batch.beside(lead, step))
            lead = lead[(follows >= 0x80) & (follows < 0xC0)]
        for step in range(size):
            found[lead + step] = True
    return found


def _byte(codes: Codes) -> Ints:
    return np.where(codes < 0x10000, _bytes_of_cp1252()[np.minimum(codes, 0xFFFF)], 0)


@marks("characters", "a character is missing here")
def replacement(batch: Batch) -> Mask:
    """Replacement characters, lone surrogates, private-use and unassigned code points.

    Why it is garble: a decoder replaces bytes that it cannot decode by U+FFFD.
    Known false alarms: icon fonts that live in the private-use area.
    Reference: Unicode Standard, chapter 5.22.
    Garbled: The caf\N{REPLACEMENT CHARACTER} is closed.
    Clean: The café is closed.
    """
    codes = batch.codes[batch.beyond_ascii]
    private = ((codes >= 0xE000) & (codes <= 0xF8FF)) | (codes >= 0xF0000)
    surrogate = (codes >= 0xD800) & (codes <= 0xDFFF)
    found = np.zeros(len(batch.codes), bool)
    found[batch.beyond_ascii] = private | surrogate | (codes == 0xFFFD) | ((codes & 0xFFFE) == 0xFFFE)
    return found


_INVISIBLE = [0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x200E, 0x200F]
_INVISIBLE += [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]


@marks("characters", "invisible character inside the text")
def stray_control(batch: Batch) -> Mask:
    """Control characters, and zero-width or direction marks between Latin letters.

    Why it is garble: broken conversions leave them; they are invisible, but split words for every program.
    Known false alarms: single soft hyphens are not marked; web pages use them correctly.
    Reference: Unicode Technical Report 36.
    Garbled: The gov\u200bern\u200bment met on Monday.
    Clean: The government met on Monday, 👩\u200d🌾.
    """
    codes = batch.codes
    control = np.asarray(
        (codes < 0x20) & ((codes < 9) | (codes > 13)) | (codes >= 0x7F) & (codes < 0xA0) & (codes != 0x85)
    )
    hidden = batch.beyond_ascii[np.isin(codes[batch.beyond_ascii], _INVISIBLE)]
    word = np.searchsorted(batch.starts, hidden, side="right") - 1
    hidden, word = hidden[word >= 0], word[word >= 0]
    # A word is looked up once, however many hidden characters it holds.
    words, which = np.unique(word, return_inverse=True)
    is_latin = (_letters(batch, words, _LATIN) > 0)[which]
    inside = (hidden > batch.starts[word]) & (hidden < batch.ends[word] - 1) & is_latin
    # A soft hyphen by itself only says where a word may be broken.
    inside &= (codes[hidden] != 0xAD) | (KIND[batch.beside(hidden, 1)] == MARK)
    control[hidden[inside]] = True
    return control


def _letters(batch: Batch, tokens: Ints, scripts: Sequence[int]) -> Ints:
    """How many letters of these scripts each of the tokens holds."""
    codes = batch.codes[batch.inside(tokens)]
    letters = np.isin(SCRIPT[codes], scripts) & ((KIND[codes] & (LETTER | IDEOGRAPH)) != 0)
    return np.diff(offsets(letters)[offsets(batch.length[tokens])])


_LATIN, _GREEK, _FOREIGN = [LATIN], [GREEK], [GREEK, CYRILLIC, OTHER_SCRIPT]


@marks("tokens", "“{span}” mixes two alphabets")
def mixed_script(batch: Batch) -> Mask:
    """Words with letters of two scripts, and words of another script in a Latin sentence.

    Why it is garble: remains of the source, or letters replaced by look-alikes.
    Known false alarms: foreign words; those in or before brackets and after a quotation mark are not marked.
    Reference: Unicode Technical Standard 39, mixed-script detection.
    Garbled: The gоvernment met on Monday.
    Garbled: Water rose in the affected area贏.
    Clean: The α-helix is 5 μm long, said Dvořák.
    Clean: The character 水 (shuǐ) stands for water, and Moscow (Москва) for itself.
    """
    found = np.zeros(len(batch.starts), bool)
    codes = batch.codes[batch.beyond_ascii]
    strange = batch.beyond_ascii[np.isin(SCRIPT[codes], _FOREIGN) | (KIND[codes] == IDEOGRAPH)]
    sentences = np.unique(np.searchsorted(batch.chars, strange, side="right") - 1)
    edges = batch.tokens[sentences], batch.tokens[sentences + 1]
    tokens, rows = spread(*edges), offsets(edges[1] - edges[0])
    latin, other = (_letters(batch, tokens, scripts) for scripts in (_LATIN, _FOREIGN))
    ideograph = (batch.kinds[tokens] & IDEOGRAPH) != 0
    # A single Greek letter in a short word is a unit or a symbol: μm, βA.
    unit = (_letters(batch, tokens, _GREEK) == 1) & (other == 1) & (batch.length[tokens] <= 3)
    found[tokens] = (latin > 0) & (other > 0) & ~unit
    # A word of another script is out of place only where the sentence is otherwise Latin.
    share = row_sums(latin, rows) / np.maximum(row_sums(latin + other, rows), 1)
    foreign = np.zeros(len(batch.starts), bool)
    foreign[tokens] = (latin == 0) & ((other > 1) | ideograph) & np.repeat(share > 0.7, np.diff(rows))
    return np.asarray(found | (foreign & ~_marked_off(batch, foreign)))


def _marked_off(batch: Batch, foreign: Mask) -> Mask:
    """Foreign words in a run that a bracket or quotation mark stands before or after."""
    sign = np.isin(batch.codes[batch.starts], [ord(c) for c in "()[]\"“”„«»'‘’《》"])
    found = runs(foreign, batch.tokens)
    edge = batch.tokens[batch.sentence[found.starts]], batch.tokens[batch.sentence[found.starts] + 1]
    near = sign[np.maximum(found.starts - 1, edge[0])] | sign[np.minimum(found.ends, edge[1] - 1)]
    return cover(found.starts[near], found.ends[near], len(foreign))


@marks("characters", "“{span}” joins digits and a word")
def fused_digits(batch: Batch) -> Mask:
    """A number of two or more digits joined to a function word without a space.

    Why it is garble: spaces lost in conversion, or subword pieces joined wrongly.
    Known false alarms: user names, product codes, COVID19.
    Reference: HPLT notes on glued words.
    Garbled: In the2000people who came in2014the mood was good.
    Clean: In 2014 the iPhone5 cost 300km of H2O, said user7 in CO2 of the 1990s.
    """
    places = batch.inside(((batch.kinds & LETTER) != 0) & ((batch.kinds & DIGIT) != 0))
    return batch.chars_of(match for match in batch.matches(_FUSED, places) if _joined(match))


_FUSED = re.compile(r"(?<![\w.@/#-])([A-Za-z]*)\d{2,}(?:[.,]\d+)?([A-Za-z]*)(?![\w@/])")


def _joined(match: re.Match[str]) -> bool:
    """Whether a function word stands on either side: codes and units have none."""
    small = lexicon.words("function_words") - lexicon.words("units")
    return any(len(side) > 1 and side.lower() in small for side in match.groups())
