"""Which language a text is in: by its function words, and where those leave a doubt by its letters and langdetect."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

# langdetect needs no more characters than this; of a longer text they are taken in so many pieces, evenly spaced.
_SAMPLE, _PIECES = 2000, 4
# langdetect is often wrong about fewer words than this.
_FEW_WORDS = 8
# A text is in the usual language if so many of its words are function words, and others' are rarer by this factor.
_HELD_TOGETHER, _RARER = 0.2, 3.0
# From this share on, its own function words make a text one in the usual language with stretches in another.
_OWN = 0.05
# Share of words that the vocabulary knows, and of function words, of which either speaks for the usual language.
_KNOWN, _SMALL = 0.6, 0.25
# What langdetect must be sure of to be believed on a short text.
_SURE = 0.9
# Of a text whose letters are mostly ideographs and kana, kana beyond this share make it Japanese.
_KANA = 0.1
_LETTERS = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_KANA_LETTERS = re.compile(r"[\u3041-\u30ff\u31f0-\u31ff]")


class Words(NamedTuple):
    """What a text's words tell of its language.

    words: all of them. known: those in the vocabulary of the usual language. small: its function words. own: those of
    them that its neighbours do not have. foreign: function words of other languages that it does not have.
    """

    words: int
    known: int
    small: int
    own: int
    foreign: int


class Identified(NamedTuple):
    """A language, by its ISO 639-1 code, and how certain it is, from 0 to 1; "und", 0 for a text without words."""

    code: str
    certainty: float


def identify(text: str, counts: Words, usual: str) -> Identified:
    """The language of `text`.

    Function words decide where they can, for the usual language; the share of words in its vocabulary is the certainty,
    less for a few words. Otherwise langdetect decides, seeded, on a sample, and its probability is the certainty. So a
    text in two languages is in that of the larger part, and less certain. Where nothing tells, as in lists of names and
    texts of a few words, the usual language is half certain.
    """
    words, known, small, own, foreign = counts
    if not words:
        return Identified("und", 0.0)
    is_short = words < _FEW_WORDS
    speaks_usual = known >= _KNOWN * words or small >= _SMALL * words
    if speaks_usual and small >= _HELD_TOGETHER * words and small >= _RARER * foreign:
        return Identified(usual, round(known / words * min(0.5 + 0.5 * words / _FEW_WORDS, 1.0), 4))
    sample = sampled(text)
    if is_latin := _is_latin(sample):
        if is_short and foreign < 2 and (speaks_usual or sample.isascii()):
            return Identified(usual, 0.5)
        # Words of the vocabulary without function words are a list, or salad; with those of two languages, a sentence
        # of the usual language that has a stretch in another.
        if speaks_usual and (foreign <= small or own >= _OWN * words):
            return Identified(usual, 0.5)
    found = detect(sample)
    is_doubtful = found.code == "und" or (is_short and foreign < 2 and found.certainty < _SURE)
    if is_latin and is_doubtful:
        return Identified(usual, 0.5)
    return found


def sampled(text: str) -> str:
    """The text, or pieces of a long one, which begin at spaces where there are any."""
    if len(text) <= _SAMPLE:
        return text
    size, step = _SAMPLE // _PIECES, len(text) // _PIECES
    return " ".join(text[start : start + size].partition(" ")[2] or text[start : start + size]
                    for start in range(0, step * _PIECES, step))  # fmt: skip


def detect(text: str) -> Identified:
    """The likeliest language of `text`, by its letters where they tell, else by langdetect."""
    han, kana = len(_HAN.findall(text)), len(_KANA_LETTERS.findall(text))
    letters = len(_LETTERS.findall(text))
    # langdetect takes Chinese with few common words for Korean, and with Latin names for Norwegian.
    if 2 * (han + kana) > letters:
        return Identified("ja" if kana > _KANA * (han + kana) else "zh", (han + kana) / letters)
    from langdetect.lang_detect_exception import LangDetectException

    detector = _factory().create()
    detector.append(text[:_SAMPLE])
    try:
        found = detector.get_probabilities()
    except LangDetectException:
        found = []
    if not found:
        return Identified("und", 0.0)
    # langdetect tells "zh-cn" from "zh-tw"; the code alone is what reports carry.
    return Identified(found[0].lang.split("-")[0], round(min(float(found[0].prob), 1.0), 4))


def _is_latin(text: str) -> bool:
    return 2 * len(_LATIN.findall(text)) >= len(_LETTERS.findall(text))


@cache
def _factory() -> Any:
    from langdetect import PROFILES_DIRECTORY, DetectorFactory

    # Without a seed langdetect changes its answer from call to call.
    DetectorFactory.seed = 0
    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    return factory
