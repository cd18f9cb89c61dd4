"""Wrong characters: wrong encodings, control characters, letters of two scripts in one word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

import numpy as np

from garble.columns.arrays import Ints, Mask, cover, offsets, row_sums, runs, spread
from garble.columns.batch import Batch
from garble.columns.lm import FIRST_WORD
from garble.signals.base import marks
from garble.text.alphabet import (
    CASE,
    CYRILLIC,
    DIGIT,
    GREEK,
    IDEOGRAPH,
    KIND,
    LATIN,
    LETTER,
    LOWER,
    MARK,
    OTHER_SCRIPT,
    SCRIPT,
)
from garble.text.mojibake import EAST_ASIAN, LOST, LOST_QUOTES, bytes_at, is_latin


@marks("characters", "“{span}” is text read in the wrong encoding")
def mojibake(batch: Batch) -> Mask:
    """Characters that are the bytes of one UTF-8 letter or mark, shown in another encoding.

    The encodings: Windows-1250 to 1254, Latin-1, Mac OS Roman, code page 437, Shift-JIS, GBK, Big5, EUC-KR. A sequence
    counts where the letter or mark that it stands for is likely and the characters that show are not: "« été »" and
    "„Fuß“" are sound. So do marks of which only the first byte is left ("itâs"), and marks of Windows-1252 in Mac OS
    Roman and the other way round ("itÕs", "donít").

    Why it is garble: "é" is two bytes, and a reader that takes each for a character sees "Ã©".
    Known false alarms: a text that writes about mojibake.
    Reference: Speer, ftfy; HPLT notes on web text.
    Garbled: The cafÃ© is closed.
    Garbled: She said itâ€™s over.
    Garbled: It‚Äôs the cafГ© of the innâs door.
    Clean: The café is closed, and Ângela's São João party is over.
    Clean: Elle a dit « été » et « là », der „Fuß“ war groß.
    """
    lost = batch.chars_of(batch.matches(LOST, batch.non_ascii))
    for quoted in batch.matches(LOST_QUOTES, batch.non_ascii):
        lost[[quoted.start(), quoted.end() - 1]] = True
    asian = batch.chars_of(match for match in batch.matches(EAST_ASIAN, batch.non_ascii) if is_latin(match.group()))
    return batch.is_misread | lost | asian


@marks("characters", "“{span}” is a sign decoded with the wrong encoding")
def misread_sign(batch: Batch) -> Mask:
    """A stray Â before a sign such as £ or °: the UTF-8 bytes of the sign, shown in Windows-1252.

    Why it is garble: the same error as mojibake; but words stay readable, and good news text often has it.
    Known false alarms: news archives converted long ago.
    Reference: Speer, ftfy.
    Garbled: The house cost Â£600.
    Clean: The house cost £600, said Ângela.
    """
    mask = np.zeros(len(batch.codes), bool)
    lead = batch.non_ascii[batch.codes[batch.non_ascii] == ord("Â")]
    follows = bytes_at(batch.beside(lead, 1), "cp1252")
    lead = lead[(follows >= 0x80) & (follows < 0xC0)]
    mask[lead] = mask[lead + 1] = True
    return mask


@marks("characters", "a character was lost here")
def replacement(batch: Batch) -> Mask:
    """Replacement characters, lone surrogates, private-use and unassigned code points; "?" in place of a character.

    A "?" counts before "s", "t", "re" ..., before a sum, and inside a word of which one half is no word.

    Why it is garble: a decoder that cannot read a byte puts U+FFFD in its place, an encoder "?".
    Known false alarms: icon fonts that live in the private-use area; patterns such as "colou?r".
    Reference: Unicode Standard, chapter 5.22.
    Garbled: The caf\N{REPLACEMENT CHARACTER} is closed.
    Garbled: The inn?s door is shut.
    Garbled: The Universit?t is closed.
    Clean: The café is closed, isn't it? So?no.
    """
    codes = batch.codes[batch.non_ascii]
    private = ((codes >= 0xE000) & (codes <= 0xF8FF)) | (codes >= 0xF0000)
    surrogate = (codes >= 0xD800) & (codes <= 0xDFFF)
    mask = np.zeros(len(batch.codes), bool)
    mask[batch.non_ascii] = private | surrogate | (codes == 0xFFFD) | ((codes & 0xFFFE) == 0xFFFE)
    question_marks = batch.places("?")
    lost = mask | batch.chars_of(batch.matches(_LOST, question_marks))
    if batch.lm is not None:
        lost[_inside_words(batch, question_marks)] = True
    return lost


_LOST = re.compile(
    r"(?<=[A-Za-z]{2})\?(?=(?:s|t|re|ve|ll|d|m)\b(?![=?]))|(?<=\bI)\?(?=(?:m|ve|ll|d)\b)|(?<=[^\S\u2029])\?(?=\d+[.,]?\d)"
    r"|(?<=\()\?(?=\d+[.,]?\d)|(?<=\d)\?(?=[CF]\b)|(?<=[a-z] )\?(?=[A-Z][a-z]+\b)|(?<![^\u2029])\?(?=[A-Z][a-z]*[ ,])"
    r"|(?<=[^\S\u2029])\?(?=[a-z]{2,}\b[^?=\u2029]{2,80}\w\?(?!\w))"
)


def _inside_words(batch: Batch, question_marks: Ints) -> Ints:
    """Those of the question marks that stand between letters of which one side at the least is no known word."""
    before, after = batch.beside(question_marks, -1), batch.beside(question_marks, 1)
    within = question_marks[(SCRIPT[before] == LATIN) & (SCRIPT[after] == LATIN) & (CASE[after] == LOWER)]
    token = np.searchsorted(batch.starts, within, side="right") - 1
    left, right = np.maximum(token - 1, 0), np.minimum(token + 1, len(batch.starts) - 1)
    # Addresses and patterns are full of marks.
    edges = np.stack([batch.beside(batch.starts[left], -1), batch.beside(batch.ends[right], 0)])
    plain = ~np.isin(edges, _JOINING).any(axis=0)
    strange = (batch.ids[left] < FIRST_WORD) | (batch.ids[right] < FIRST_WORD)
    return np.asarray(within[plain & strange & (batch.length[left] + batch.length[right] > 4)])


_JOINING = [ord(sign) for sign in "/.=?&_+*^$()[]{}|\\:@#<>\"'`"]


_INVISIBLE = [0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x200E, 0x200F]
_INVISIBLE += [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]


def _named(span: str) -> str:
    """The reason with the first code point by number and name."""
    name = unicodedata.name(span[0], "a control character" if ord(span[0]) < 0xA0 else "not assigned")
    return f"U+{ord(span[0]):04X} ({name.lower()}) stands inside the text"


@marks("characters", "an invisible character stands inside the text", explain=_named)
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
    hidden = batch.non_ascii[np.isin(codes[batch.non_ascii], _INVISIBLE)]
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


def _of_scripts(span: str) -> str:
    """The reason, by whether a word holds Latin letters too."""
    is_mixed = any(char.isalpha() and unicodedata.name(char, "").startswith("LATIN") for char in span)
    return "“{span}” mixes two alphabets" if is_mixed else "“{span}” is in another script than the sentence"


@marks("tokens", "“{span}” mixes two alphabets, or is in another than the sentence", explain=_of_scripts)
def mixed_script(batch: Batch) -> Mask:
    """Words with letters of two scripts, and words of another script in a Latin sentence.

    Why it is garble: remains of the source, or letters replaced by look-alikes.
    Known false alarms: foreign words; those in or before brackets and after a quotation mark are not marked.
    Reference: Unicode Technical Standard 39, mixed-script detection.
    Garbled: The gоvernment met on Monday.
    Garbled: Water rose in the affected area贏.
    Clean: The α-helix is 5 μm long, said Dvořák.
    Clean: The character 水 (shuǐ) stands for water, and Moscow (Москва) for itself.
    Clean: Source code 源代码
    """
    mask = np.zeros(len(batch.starts), bool)
    codes = batch.codes[batch.non_ascii]
    strange = batch.non_ascii[np.isin(SCRIPT[codes], _FOREIGN) | (KIND[codes] == IDEOGRAPH)]
    sentences = np.unique(np.searchsorted(batch.char_offsets, strange, side="right") - 1)
    edges = batch.token_offsets[sentences], batch.token_offsets[sentences + 1]
    tokens, rows = spread(*edges), offsets(edges[1] - edges[0])
    latin, other = (_letters(batch, tokens, scripts) for scripts in (_LATIN, _FOREIGN))
    ideograph = (batch.char_kinds[tokens] & IDEOGRAPH) != 0
    # A single Greek letter in a short word is a unit or a symbol: μm, βA.
    unit = (_letters(batch, tokens, _GREEK) == 1) & (other == 1) & (batch.length[tokens] <= 3)
    mask[tokens] = (latin > 0) & (other > 0) & ~unit
    # A word of another script is out of place only where the sentence is otherwise Latin.
    share = row_sums(latin, rows) / np.maximum(row_sums(latin + other, rows), 1)
    # In two languages, labels say the same twice: "source code 源代码".
    stops = np.isin(batch.codes[batch.starts[edges[1] - 1]], [ord(c) for c in ".?!"])
    prose = (share > 0.7) & (stops | (row_sums(latin > 0, rows) >= _LONG_LABEL))
    foreign = np.zeros(len(batch.starts), bool)
    foreign[tokens] = batch.language.latin & (latin == 0) & ((other > 1) | ideograph) & np.repeat(prose, np.diff(rows))
    return np.asarray(mask | (foreign & ~_marked_off(batch, foreign)))


# Latin words from which a line without a full stop is no label.
_LONG_LABEL = 6


def _marked_off(batch: Batch, foreign: Mask) -> Mask:
    """Foreign words in a run that a bracket or quotation mark stands before or after."""
    sign = np.isin(batch.codes[batch.starts], [ord(c) for c in "()[]\"“”„«»'‘’《》"])
    found = runs(foreign, batch.token_offsets)
    edge = batch.token_offsets[batch.sentence[found.starts]], batch.token_offsets[batch.sentence[found.starts] + 1]
    near = sign[np.maximum(found.starts - 1, edge[0])] | sign[np.minimum(found.ends, edge[1] - 1)]
    return cover(found.starts[near], found.ends[near], len(foreign))


@marks("characters", "“{span}” joins digits and a word", needs=("function_words", "units"))
def fused_digits(batch: Batch) -> Mask:
    """A number of two digits or more that runs into a function word without a space.

    Why it is garble: spaces lost in conversion, or subword pieces joined wrongly.
    Known false alarms: user names, product codes.
    Reference: HPLT notes on glued words.
    Garbled: In the2000people who came in2014the mood was good.
    Garbled: It won in1936,1951and1977but not since.
    Clean: In 2014 the iPhone5 cost 300km of H2O, said user7 in CO2 of the 1990s.
    """
    places = batch.inside(((batch.char_kinds & LETTER) != 0) & ((batch.char_kinds & DIGIT) != 0))
    small, units = batch.language.words("function_words"), batch.language.words("units")
    return batch.chars_of(match for match in batch.matches(_FUSED, places) if _joined(match, small, units))


# No part of it can match in two ways: a long row of digits takes linear time.
_FUSED = re.compile(r"(?<![\w.@/#-])[A-Za-z]*+\d{2}(?:[.,]?\d|[A-Za-z])*+(?![\w@/])")
# Keys and sums of hexadecimal digits, and single digits inside: codes.
_CODE = re.compile(r"[0-9a-f]*+|[0-9A-F]*+|.*(?<![\d.,])\d(?![\d.,]).*")
_SIDE = re.compile(r"[A-Za-z]+")
_NAMED = re.compile(r"[A-Za-z]{2,}\d\d(?![\d.,])")


def _joined(match: re.Match[str], small: Collection[str], units: Collection[str]) -> bool:
    """Whether a function word stands beside a number: codes and units have none, and "20minutes" is a slip.

    Another word before two digits makes a name, such as "win32all".
    """
    words = [side.lower() for side in _SIDE.findall(match.group()) if len(side) > 1]
    is_name = _NAMED.match(match.group()) is not None and words[0] not in small
    is_code = _CODE.fullmatch(match.group()) is not None
    return not is_code and not is_name and any(word in small and word not in units for word in words)


@marks("tokens", "“{span}” is typed at random", needs=("lm",), prose=True)
def random_typing(batch: Batch) -> Mask:
    """Words whose letters hardly ever follow each other: a long one, or several in a row.

    Why it is garble: keys pressed to fill a field, or what a broken decoder puts out.
    Known false alarms: names of commands and rare foreign words, where several stand in a row.
    Reference: Markov models of letters as in Cavnar and Trenkle 1994.
    Garbled: asdkjh aslkdjh qwkejh asldkj
    Garbled: She wrote xcvmnbqw fjdksl on the form.
    Clean: Mr Krzyzewski of Zhytomyr wrote etcd, xvfb and a fjord to Hsieh.
    """
    if batch.lm is None:
        return np.zeros(len(batch.starts), bool)
    unknown = batch.is_word & (batch.ids < FIRST_WORD) & ~batch.is_spelt_out & (~batch.is_capital | batch.is_first_word)
    unknown &= (batch.length >= 4) & (batch.length <= 30)
    tokens = np.flatnonzero(unknown)
    edges = np.stack([batch.beside(batch.starts[tokens], -1), batch.beside(batch.ends[tokens], 0)])
    typed = [
        bool(_TYPED.fullmatch(batch.text, *span))
        for span in zip(batch.starts[tokens].tolist(), batch.ends[tokens].tolist(), strict=True)
    ]
    tokens = tokens[~np.isin(edges, _JOINING).any(axis=0) & np.array(typed, bool)]
    bits = np.zeros(len(batch.starts))
    bits[tokens] = batch.lm.spelling(batch.codes, batch.starts[tokens], batch.ends[tokens])
    found = runs(bits >= _STRANGE, batch.token_offsets)
    wild = offsets(bits >= _WILD)
    rows = (found.lengths > 1) & (wild[found.ends] > wild[found.starts])
    alone = (bits >= _WILDEST) & (batch.length >= 8)
    return np.asarray(cover(found.starts[rows], found.ends[rows], len(bits)) | alone)


# Bits a letter: of a word in a row, of one of them at the least, and of a long word by itself. English has 3, names 5.
_STRANGE, _WILD, _WILDEST = 5.5, 6.5, 8.0
# No letter three times in a row: that is drawn out, as in "hellooo".
_TYPED = re.compile(r"(?!.*(.)\1\1)[A-Za-z][a-z]+", re.IGNORECASE)
