"""UTF-8 that was decoded with another encoding: where it shows in a text, and what it was.

Single-byte encodings are read as columns: a byte table an encoding, and rules for which sequences no writer types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from garble.text.alphabet import CASE, DIGIT, KIND, LATIN, LETTER, LOWER, SCRIPT, UPPER, Codes

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Encoding(NamedTuple):
    """A single-byte encoding, as a reader that takes UTF-8 for it.

    latin: whether the lead bytes show as Latin letters; elsewhere a Latin letter must stand beside a sequence.
    least: how many sequences of letters that are not Latin must stand in a row.
    """

    codec: str
    latin: bool
    least: int


# The likeliest first: what several explain is read in the first of them.
ENCODINGS = (
    Encoding("cp1252", True, 2),
    Encoding("cp1254", True, 2),
    Encoding("cp1250", True, 2),
    Encoding("cp1251", False, 3),
    Encoding("cp1253", False, 3),
    Encoding("mac_roman", False, 3),
    Encoding("cp437", False, 3),
)
# First bytes of sequences, by the number of bytes.
_LEADS = ((2, 0xC2, 0xDF), (3, 0xE0, 0xEF), (4, 0xF0, 0xF4))
# Marks that may follow a letter at the end of a word: "SOCIETÀ”", "MARQUÉ…", "été »", Greek numerals.
_CLOSING = frozenset(map(ord, "\xa0\xad“”‘’…–—«»‹›„‚•·™®©°²³¹ªº´΄."))
# Signs of mathematics that follow a root.
_AFTER_ROOT = frozenset(map(ord, "π∞∑∏∂∫≠≤≥±µΩ√"))
# What one sequence alone may stand for: Latin letters, and the marks and signs that people type.
_LETTERS = ((0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x17F), (0x218, 0x21B), (0x1EA0, 0x1EF9))
_SINGLE = ((0x20AC, 0x20AC), (0x2116, 0x2116), (0x2122, 0x2122), (0xFEFF, 0xFEFF), (0xFFFD, 0xFFFD))
_MARKS = (*_SINGLE, (0x2010, 0x2044), (0x1F300, 0x1FAFF))
# Signs that one byte more makes of Latin-1's own.
_LATIN_1 = ((0xA1, 0xA9), (0xAB, 0xAC), (0xAE, 0xB1), (0xB7, 0xB7), (0xBB, 0xBF))
_SMALL_GREEK = ((0x3B1, 0x3C9),)
_SIGNS = ((0x2190, 0x23FF), (0x25A0, 0x27BF), (0xFB00, 0xFB06))
_BOXES = (0x2500, 0x259F)


@cache
def byte_of(codec: str) -> NDArray[np.uint8]:
    """(65536,) the byte from 0x80 on that shows as each character, or 0; undefined bytes show as C1 controls."""
    table = np.zeros(0x10000, np.uint8)
    for byte in range(0x80, 0x100):
        char = bytes([byte]).decode(codec, "ignore")
        table[ord(char) if char else byte] = byte
        if codec == "cp1252" and byte < 0xA0:
            # So does Latin-1, in which all of these are C1 controls.
            table[byte] = byte
    return table


def bytes_at(codes: Codes, codec: str) -> Ints:
    """The byte of each code point, 0 where it has none."""
    table = byte_of(codec)
    return np.where(codes < 0x10000, table[np.minimum(codes, 0xFFFF)], 0).astype(np.int64)


def sequences(codes: Codes, places: Ints, rows: Ints, encoding: Encoding) -> Iterator[tuple[Ints, int]]:
    """Where characters stand whose bytes are one UTF-8 character, that no writer typed, and how many they are.

    places: the characters beyond ASCII. rows: offsets of the sentences; where one sequence of a sentence is proof, all
    of them count. Each item has the first characters of the sequences of one size.
    """
    found = [_sequences(codes, places, encoding, *lead) for lead in _LEADS]
    begins = np.concatenate([places for places, _, _ in found])
    sizes = np.repeat([2, 3, 4], [len(places) for places, _, _ in found])
    alone = np.concatenate([fits for _, _, fits in found])
    row = np.concatenate([meant for _, meant, _ in found])
    order = np.argsort(begins, kind="stable")
    begins, sizes, alone, row = begins[order], sizes[order], alone[order], row[order]
    several = ~np.isin(SCRIPT[row], [LATIN]) & _in_rows(begins, sizes, encoding.least)
    sentence = np.searchsorted(rows, begins, side="right")
    kept = np.isin(sentence, sentence[alone | several])
    for size in (2, 3, 4):
        yield begins[kept & (sizes == size)], size


def misread(codes: Codes, places: Ints, rows: Ints) -> Mask:
    """(characters,) those that are UTF-8 decoded with a single-byte encoding; the arguments are as of `sequences`."""
    found = np.zeros(len(codes), bool)
    if len(places):
        for encoding in ENCODINGS:
            for begins, size in sequences(codes, places, rows, encoding):
                for step in range(size):
                    found[begins + step] = True
    return found


def _in_rows(begins: Ints, sizes: Ints, least: int) -> Mask:
    """Which sequences stand in a row of so many."""
    if not len(begins):
        return np.zeros(0, bool)
    new = np.append(True, begins[1:] != begins[:-1] + sizes[:-1])
    row = np.cumsum(new) - 1
    return np.asarray(np.bincount(row)[row] >= least)


def _sequences(
    codes: Codes, places: Ints, encoding: Encoding, size: int, first: int, last: int
) -> tuple[Ints, Codes, Mask]:
    """(sequences,) where those of one size begin, the character each stands for, and whether one alone is proof."""
    byte = bytes_at(codes[places], encoding.codec)
    chosen = (byte >= first) & (byte <= last)
    lead, value = places[chosen], byte[chosen] & (0x7F >> size)
    for step in range(1, size):
        follows = bytes_at(_at(codes, lead + step), encoding.codec)
        goes_on = (follows >= 0x80) & (follows < 0xC0)
        lead, value = lead[goes_on], (value[goes_on] << 6) | (follows[goes_on] & 0x3F)
    real = (value >= (0, 0, 0x80, 0x800, 0x10000)[size]) & (value < 0x110000) & ((value < 0xD800) | (value > 0xDFFF))
    lead, meant = lead[real], value[real].astype(np.uint32)
    return lead, meant, _alone(codes, lead, size, meant, encoding)


def _at(codes: Codes, places: Ints) -> Codes:
    """The code points there, a line feed beyond the edges."""
    inside = (places >= 0) & (places < len(codes))
    return np.where(inside, codes[np.clip(places, 0, max(len(codes) - 1, 0))], 10).astype(np.uint32)


def _among(codes: Codes, ranges: tuple[tuple[int, int], ...]) -> Mask:
    found = np.zeros(len(codes), bool)
    for first, last in ranges:
        found |= (codes >= first) & (codes <= last)
    return found


def _alone(codes: Codes, lead: Ints, size: int, meant: Codes, encoding: Encoding) -> Mask:
    """(sequences,) those that are proof by themselves: what they stand for is likely, and what stands there is not."""
    if not len(lead):
        return np.zeros(0, bool)
    before, after, last = _at(codes, lead - 1), _at(codes, lead + size), _at(codes, lead + size - 1)
    letter_before, letter_after = _is_latin(before), _is_latin(after)
    lower_before = letter_before & (CASE[before] == LOWER)
    is_letter = (KIND[last] & LETTER) != 0
    shouted = (CASE[before] == UPPER) & (CASE[after] == UPPER)
    if encoding.latin:
        # A capital inside a word, or a mark that no word ends with.
        odd = letter_after | (lower_before & (CASE[codes[lead]] == UPPER)) | ~np.isin(last, list(_CLOSING))
        # Romanian begins words with "Ăş".
        odd &= lower_before | ~(is_letter & (encoding.codec == "cp1250"))
        # "à" stands alone.
        odd |= (meant == ord("à")) & (CASE[before] != UPPER)
    else:
        odd = lower_before | (letter_after & is_letter) | (letter_after & (SCRIPT[codes[lead]] != 0))
        odd &= ~np.isin(last, list(_AFTER_ROOT)) | (lower_before & letter_after)
        odd &= ~_among(last, (_BOXES,)) | (lower_before & letter_after)
    marks = _among(meant, _MARKS) | (_among(meant, _SIGNS) & encoding.latin)
    if encoding.latin:
        # "Â°" is what `characters.misread_sign` finds.
        marks |= _among(meant, _LATIN_1) & (meant != last) & (encoding.codec == "cp1250")
        marks |= _among(meant, _SMALL_GREEK) & ~np.isin(last, list(_CLOSING))
    else:
        # In Russian and Greek a "В" may stand before a mark.
        is_sign = _among(meant, _LATIN_1)
        marks |= is_sign & ((KIND[after] == DIGIT) | letter_after | (SCRIPT[codes[lead]] == 0))
    return np.asarray((_among(meant, _LETTERS) & odd & ~shouted) | marks)


def _is_latin(codes: Codes) -> Mask:
    return np.asarray((SCRIPT[codes] == LATIN) & ((KIND[codes] & LETTER) != 0))


# A mark of Windows-1252 or Mac OS Roman that lost its encoding, by what stands around it.
_TAIL = r"(?=(?:s|re|ve|ll|d|m)\b)"
LOST = re.compile(
    rf"(?<=[A-Za-z]{{2}})[âÕ¹]{_TAIL}|(?<=\b[Ii]t)í(?=s\b)|(?<=\bI)[âÕí¹]{_TAIL}|(?<=[a-z]n)[Õ¹](?=t\b)"
    r"|(?:(?<=\b[Dd]on)|(?<=\b[Ii]sn)|(?<=\b[CcWw]on)|(?<=\b[Aa]in)|(?<=[dst]n)|(?<=[rv]en)|(?<=\bcan))[âí](?=t\b)"
    r"|(?<![\wâ])[âÒì](?=[A-Z][a-z]+\b)|(?<=[a-z][,.!?])[âÓî](?=\s|\Z)|(?<=\w )â(?= \w)|(?<=s)â(?=[\s.,])"
    r"|(?<=\bO)â(?=[A-Z])|(?<=[\da-z])â(?=[\dA-Z])|â(?=¬)|(?<=[a-z])Ã(?=[a-z\s])|(?<!\w)Ã(?= la\b)"
)
# Two of them around a quotation.
LOST_QUOTES = re.compile(r"(?<![\wâ])â(?=\w)([^â\n\u2029]{2,120})(?<=[\w.,!?])â(?![\wâ])")
# What UTF-8 may become in East Asian encodings: a sign that nobody writes, or one that clings to a Latin letter.
EAST_ASIAN = re.compile(
    r"[窶鈥鈩鈧竄](?:[\u2e80-\u9fff\uff61-\uff9f€ｬ?])?|锟斤拷|(?<=[A-Za-z])[ﾂ-ﾅ][\uff61-\uff9f]"
    r"|(?<=[a-z])[\u4e00-\u9fff\uac00-\ud7a3](?=[a-z\s.,;:!?]|\Z)"
)
_CODECS = ("cp932", "gbk", "big5", "cp949")
# What is left of an apostrophe or quotation mark, and of "à".
_LEFT = "âÕí¹ÒìÓî窶鈥"


def decode(text: str, start: int, end: int) -> Iterator[str]:
    """What a garbled stretch of a text may have been, the likeliest first."""
    span = text[start:end]
    for codec in (encoding.codec for encoding in ENCODINGS):
        once = _decoded(span, codec)
        # Text may have gone through the same fault twice.
        yield from (found for found in (_decoded(once, codec), once) if found)
    for codec in _CODECS:
        try:
            yield span.encode(codec).decode("utf-8")
        except UnicodeError:
            continue
    if span.removesuffix("?") in set(_LEFT):
        yield _mark(text[start - 1 : start], text[end : end + 1])
    elif span == "Ã":
        yield "à"


def _mark(before: str, after: str) -> str:
    """The mark that was lost between two characters."""
    if before.isspace() and after.isspace():
        return "–"
    if before.isalnum() and after.isalnum():
        return "–" if before.isdigit() or after.isdigit() else "’"
    return "“" if after.isalnum() else "’" if before == "s" else "”"


def _decoded(span: str, codec: str) -> str:
    """What the bytes of a span are in UTF-8; nothing where a character has no byte, or they are none."""
    table = byte_of(codec)
    found = [ord(char) if char < "\x80" else int(table[ord(char)]) if char <= "\uffff" else 0 for char in span]
    try:
        return bytes(found).decode("utf-8") if all(found) else ""
    except UnicodeDecodeError:
        return ""


def is_latin(span: str) -> bool:
    """Whether a stretch of an East Asian encoding may have been Latin letters and marks, or was lost for good."""
    meant = next(decode(span, 0, len(span)), "’" if span[0] in "窶鈥鈩鈧竄" else "")
    codes = np.array([ord(char) for char in meant if char > "\x7f"], np.uint32)
    return bool(len(codes)) and bool((_among(codes, _LETTERS) | _among(codes, _MARKS)).all())
