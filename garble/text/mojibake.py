"""Mojibake, which is UTF-8 decoded with another encoding: detection and decoding.

For single-byte encodings, a table per encoding maps characters back to bytes, and rules select byte sequences that
nobody types.
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
    """A single-byte encoding with which UTF-8 was decoded.

    latin: whether lead bytes are Latin letters; otherwise a Latin letter must be next to a sequence.
    least: least number of adjacent sequences for letters that are not Latin.
    """

    codec: str
    latin: bool
    least: int


# Most likely first: the first encoding that explains a sequence is used.
ENCODINGS = (
    Encoding("cp1252", True, 2),
    Encoding("cp1254", True, 2),
    Encoding("cp1250", True, 2),
    Encoding("cp1251", False, 3),
    Encoding("cp1253", False, 3),
    Encoding("mac_roman", False, 3),
    Encoding("cp437", False, 3),
)
# Length of UTF-8 sequences, and the range of their lead bytes.
_LEADS = ((2, 0xC2, 0xDF), (3, 0xE0, 0xEF), (4, 0xF0, 0xF4))
# Characters that may follow a letter at the end of a word: "SOCIETÀ”", "MARQUÉ…", "été »", Greek numerals.
_CLOSING = frozenset(map(ord, "\xa0\xad“”‘’…–—«»‹›„‚•·™®©°²³¹ªº´΄."))
# Mathematical symbols that may follow a root sign.
_AFTER_ROOT = frozenset(map(ord, "π∞∑∏∂∫≠≤≥±µΩ√"))
# Ranges for which a single sequence may suffice: Latin letters, and punctuation and symbols that people type.
_LETTERS = ((0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x17F), (0x218, 0x21B), (0x1EA0, 0x1EF9))
_SINGLE = ((0x20AC, 0x20AC), (0x2116, 0x2116), (0x2122, 0x2122), (0xFEFF, 0xFEFF), (0xFFFD, 0xFFFD))
_MARKS = (*_SINGLE, (0x2010, 0x2044), (0x1F300, 0x1FAFF))
# Latin-1 symbols.
_LATIN_1 = ((0xA1, 0xA9), (0xAB, 0xAC), (0xAE, 0xB1), (0xB7, 0xB7), (0xBB, 0xBF))
_SMALL_GREEK = ((0x3B1, 0x3C9),)
_SIGNS = ((0x2190, 0x23FF), (0x25A0, 0x27BF), (0xFB00, 0xFB06))
_BOXES = (0x2500, 0x259F)


@cache
def byte_of(codec: str) -> NDArray[np.uint8]:
    """(65536,) byte of each character, or 0 for ASCII and others without a byte. Undefined bytes map to C1 controls."""
    table = np.zeros(0x10000, np.uint8)
    for byte in range(0x80, 0x100):
        char = bytes([byte]).decode(codec, "ignore")
        table[ord(char) if char else byte] = byte
        if codec == "cp1252" and byte < 0xA0:
            # In Latin-1, these bytes are C1 controls.
            table[byte] = byte
    return table


def bytes_at(codes: Codes, codec: str) -> Ints:
    """Byte of each code point, or 0."""
    table = byte_of(codec)
    return np.where(codes < 0x10000, table[np.minimum(codes, 0xFFFF)], 0).astype(np.int64)


def sequences(codes: Codes, places: Ints, rows: Ints, encoding: Encoding) -> Iterator[tuple[Ints, int]]:
    """Find sequences of characters whose bytes are one UTF-8 character, and that nobody types.

    places: offsets of non-ASCII characters. rows: offsets of the sentences. If one sequence in a sentence is
    conclusive, all its sequences are returned. Yields pairs of offsets and length of the sequences.
    """
    by_size = [_sequences(codes, places, encoding, *lead) for lead in _LEADS]
    begins = np.concatenate([places for places, _, _ in by_size])
    sizes = np.repeat([2, 3, 4], [len(places) for places, _, _ in by_size])
    alone = np.concatenate([fits for _, _, fits in by_size])
    row = np.concatenate([meant for _, meant, _ in by_size])
    order = np.argsort(begins, kind="stable")
    begins, sizes, alone, row = begins[order], sizes[order], alone[order], row[order]
    is_row = ~np.isin(SCRIPT[row], [LATIN]) & _in_rows(begins, sizes, encoding.least)
    sentence = np.searchsorted(rows, begins, side="right")
    kept = np.isin(sentence, sentence[alone | is_row])
    for size in (2, 3, 4):
        yield begins[kept & (sizes == size)], size


def misread(codes: Codes, places: Ints, rows: Ints) -> Mask:
    """(characters,) part of UTF-8 decoded with a single-byte encoding; arguments as for `sequences`."""
    mask = np.zeros(len(codes), bool)
    if len(places):
        for encoding in ENCODINGS:
            for begins, size in sequences(codes, places, rows, encoding):
                for step in range(size):
                    mask[begins + step] = True
    return mask


def _in_rows(begins: Ints, sizes: Ints, least: int) -> Mask:
    """(sequences,) in a row of at least `least` adjacent ones."""
    if not len(begins):
        return np.zeros(0, bool)
    new = np.append(True, begins[1:] != begins[:-1] + sizes[:-1])
    row = np.cumsum(new) - 1
    return np.asarray(np.bincount(row)[row] >= least)


def _sequences(
    codes: Codes, places: Ints, encoding: Encoding, size: int, first: int, last: int
) -> tuple[Ints, Codes, Mask]:
    """Sequences of one length: (sequences,) offsets, decoded characters, and whether each is conclusive by itself."""
    byte = bytes_at(codes[places], encoding.codec)
    chosen = (byte >= first) & (byte <= last)
    lead, value = places[chosen], byte[chosen] & (0x7F >> size)
    for step in range(1, size):
        follows = bytes_at(_at(codes, lead + step), encoding.codec)
        goes_on = (follows >= 0x80) & (follows < 0xC0)
        lead, value = lead[goes_on], (value[goes_on] << 6) | (follows[goes_on] & 0x3F)
    real = (value >= (0, 0, 0x80, 0x800, 0x10000)[size]) & (value < 0x110000) & ((value < 0xD800) | (value > 0xDFFF))
    lead, meant = lead[real], value[real].astype(np.uint32)
    return lead, meant, _is_conclusive(codes, lead, size, meant, encoding)


def _at(codes: Codes, places: Ints) -> Codes:
    """Code points at `places`; a line feed outside the text."""
    inside = (places >= 0) & (places < len(codes))
    return np.where(inside, codes[np.clip(places, 0, max(len(codes) - 1, 0))], 10).astype(np.uint32)


def _among(codes: Codes, ranges: tuple[tuple[int, int], ...]) -> Mask:
    mask = np.zeros(len(codes), bool)
    for first, last in ranges:
        mask |= (codes >= first) & (codes <= last)
    return mask


def _is_conclusive(codes: Codes, lead: Ints, size: int, meant: Codes, encoding: Encoding) -> Mask:
    """(sequences,) conclusive by themselves: the decoded character is likely, and the text as it is unlikely."""
    if not len(lead):
        return np.zeros(0, bool)
    before, after, last = _at(codes, lead - 1), _at(codes, lead + size), _at(codes, lead + size - 1)
    letter_before, letter_after = _is_latin(before), _is_latin(after)
    lower_before = letter_before & (CASE[before] == LOWER)
    is_letter = (KIND[last] & LETTER) != 0
    shouted = (CASE[before] == UPPER) & (CASE[after] == UPPER)
    if encoding.latin:
        # A capital inside a word, or a character that does not occur at the end of a word.
        odd = letter_after | (lower_before & (CASE[codes[lead]] == UPPER)) | ~np.isin(last, list(_CLOSING))
        # Romanian begins words with "Ăş".
        odd &= lower_before | ~(is_letter & (encoding.codec == "cp1250"))
        # "à" is a word.
        odd |= (meant == ord("à")) & (CASE[before] != UPPER)
    else:
        odd = lower_before | (letter_after & is_letter) | (letter_after & (SCRIPT[codes[lead]] != 0))
        odd &= ~np.isin(last, list(_AFTER_ROOT)) | (lower_before & letter_after)
        odd &= ~_among(last, (_BOXES,)) | (lower_before & letter_after)
    marks = _among(meant, _MARKS) | (_among(meant, _SIGNS) & encoding.latin)
    if encoding.latin:
        # "Â°" is left to `characters.misread_sign`.
        marks |= _among(meant, _LATIN_1) & (meant != last) & (encoding.codec == "cp1250")
        marks |= _among(meant, _SMALL_GREEK) & ~np.isin(last, list(_CLOSING))
    else:
        # In Russian and Greek, "В" may precede such a mark.
        is_sign = _among(meant, _LATIN_1)
        marks |= is_sign & ((KIND[after] == DIGIT) | letter_after | (SCRIPT[codes[lead]] == 0))
    return np.asarray((_among(meant, _LETTERS) & odd & ~shouted) | marks)


def _is_latin(codes: Codes) -> Mask:
    return np.asarray((SCRIPT[codes] == LATIN) & ((KIND[codes] & LETTER) != 0))


# A mark of Windows-1252 or Mac OS Roman in the wrong encoding, recognised by its context.
_TAIL = r"(?=(?:s|re|ve|ll|d|m)\b)"
LOST = re.compile(
    rf"(?<=[A-Za-z]{{2}})[âÕ¹]{_TAIL}|(?<=\b[Ii]t)í(?=s\b)|(?<=\bI)[âÕí¹]{_TAIL}|(?<=[a-z]n)[Õ¹](?=t\b)"
    r"|(?:(?<=\b[Dd]on)|(?<=\b[Ii]sn)|(?<=\b[CcWw]on)|(?<=\b[Aa]in)|(?<=[dst]n)|(?<=[rv]en)|(?<=\bcan))[âí](?=t\b)"
    r"|(?<![\wâ])[âÒì](?=[A-Z][a-z]+\b)|(?<=[a-z][,.!?])[âÓî](?=\s|\Z)|(?<=\w )â(?= \w)|(?<=s)â(?=[\s.,])"
    r"|(?<=\bO)â(?=[A-Z])|(?<=[\da-z])â(?=[\dA-Z])|â(?=¬)|(?<=[a-z])Ã(?=[a-z\s])|(?<!\w)Ã(?= la\b)"
)
# Two of them, around a quotation.
LOST_QUOTES = re.compile(r"(?<![\wâ])â(?=\w)([^â\n\u2029]{2,120})(?<=[\w.,!?])â(?![\wâ])")
# UTF-8 decoded with East Asian encodings: characters that nobody writes, or attached to a Latin letter.
EAST_ASIAN = re.compile(
    r"[窶鈥鈩鈧竄](?:[\u2e80-\u9fff\uff61-\uff9f€ｬ?])?|锟斤拷|(?<=[A-Za-z])[ﾂ-ﾅ][\uff61-\uff9f]"
    r"|(?<=[a-z])[\u4e00-\u9fff\uac00-\ud7a3](?=[a-z\s.,;:!?]|\Z)"
)
_CODECS = ("cp932", "gbk", "big5", "cp949")
# Remains of an apostrophe or quotation mark.
_LEFT = "âÕí¹ÒìÓî窶鈥"


def decode(text: str, start: int, end: int) -> Iterator[str]:
    """Possible original texts of text[start:end], most likely first."""
    span = text[start:end]
    for codec in (encoding.codec for encoding in ENCODINGS):
        once = _decoded(span, codec)
        # Text may be decoded wrongly twice.
        yield from (decoded for decoded in (_decoded(once, codec), once) if decoded)
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
    """The lost mark, from the characters around it."""
    if before.isspace() and after.isspace():
        return "–"
    if before.isalnum() and after.isalnum():
        return "–" if before.isdigit() or after.isdigit() else "’"
    return "“" if after.isalnum() else "’" if before == "s" else "”"


def _decoded(span: str, codec: str) -> str:
    """Decode the bytes of a span as UTF-8; "" if that is impossible."""
    table = byte_of(codec)
    raw = [ord(char) if char < "\x80" else int(table[ord(char)]) if char <= "\uffff" else 0 for char in span]
    try:
        return bytes(raw).decode("utf-8") if all(raw) else ""
    except UnicodeDecodeError:
        return ""


def is_latin(span: str) -> bool:
    """Whether an East Asian span may have been Latin letters and marks, or cannot be decoded."""
    meant = next(decode(span, 0, len(span)), "’" if span[0] in "窶鈥鈩鈧竄" else "")
    codes = np.array([ord(char) for char in meant if char > "\x7f"], np.uint32)
    return bool(len(codes)) and bool((_among(codes, _LETTERS) | _among(codes, _MARKS)).all())
