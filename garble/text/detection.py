"""Language identification: by function words, and if these are not conclusive, by letters and langdetect."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

# Characters that langdetect gets of a long text, in this number of evenly spaced pieces; more do not help.
_SAMPLE, _PIECES = 2000, 4
# Number of words below which langdetect is unreliable.
_FEW_WORDS = 8
# A text is in the default language if this share of its words are its function words, and those of other languages are
# rarer by this factor.
_CONCLUSIVE, _RARER = 0.2, 3.0
# Share of distinctive function words from which a text is in the default language, with passages in another.
_DISTINCTIVE = 0.05
# A text fits the default language with this share of known words, or of function words.
_KNOWN, _FUNCTION_WORDS = 0.6, 0.25
# Least probability from langdetect on a short text.
_SURE = 0.9
# Least share of kana among ideographs and kana in Japanese.
_KANA = 0.1
_LETTERS = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_KANA_LETTERS = re.compile(r"[\u3041-\u30ff\u31f0-\u31ff]")


class Words(NamedTuple):
    """Numbers of words in a text.

    words: all words. known: in the vocabulary of the default language. function_words: of the default language.
    distinctive: those that related languages lack. foreign: function words of other languages only.
    """

    words: int
    known: int
    function_words: int
    distinctive: int
    foreign: int


class Identified(NamedTuple):
    """ISO 639-1 code of a language, and its certainty, 0..1; "und" and 0 for a text without words."""

    code: str
    certainty: float


def identify(text: str, counts: Words, default: str) -> Identified:
    """Identify the language of a text. default: code of the language that `counts` refers to.

    If function words show that the text is in the default language, the certainty is the share of known words, reduced
    for texts of few words. Otherwise langdetect decides on a sample, with a fixed seed, and the certainty is its
    probability. A text in two languages gets that of its larger part, with a lower certainty. Inconclusive texts, such
    as lists of names and texts of few words, get the default language with certainty 0.5.
    """
    words, known, function_words, distinctive, foreign = counts
    if not words:
        return Identified("und", 0.0)
    is_short = words < _FEW_WORDS
    fits_default = known >= _KNOWN * words or function_words >= _FUNCTION_WORDS * words
    if fits_default and function_words >= _CONCLUSIVE * words and function_words >= _RARER * foreign:
        return Identified(default, round(known / words * min(0.5 + 0.5 * words / _FEW_WORDS, 1.0), 4))
    sample = sampled(text)
    if is_latin := _is_latin(sample):
        if is_short and foreign < 2 and (fits_default or sample.isascii()):
            return Identified(default, 0.5)
        # Known words without function words are a list or word salad; with function words of two languages, text of
        # the default language with a passage in another.
        if fits_default and (foreign <= function_words or distinctive >= _DISTINCTIVE * words):
            return Identified(default, 0.5)
    detected = detect(sample)
    is_doubtful = detected.code == "und" or (is_short and foreign < 2 and detected.certainty < _SURE)
    if is_latin and is_doubtful:
        return Identified(default, 0.5)
    return detected


def sampled(text: str) -> str:
    """The text, or pieces of a long text, which begin after a space if possible."""
    if len(text) <= _SAMPLE:
        return text
    size, step = _SAMPLE // _PIECES, len(text) // _PIECES
    return " ".join(text[start : start + size].partition(" ")[2] or text[start : start + size]
                    for start in range(0, step * _PIECES, step))  # fmt: skip


def detect(text: str) -> Identified:
    """The most likely language, by letters for Chinese and Japanese, else by langdetect."""
    han, kana = len(_HAN.findall(text)), len(_KANA_LETTERS.findall(text))
    letters = len(_LETTERS.findall(text))
    # langdetect confuses Chinese with Korean, and with Norwegian if it contains Latin names.
    if 2 * (han + kana) > letters:
        return Identified("ja" if kana > _KANA * (han + kana) else "zh", (han + kana) / letters)
    from langdetect.lang_detect_exception import LangDetectException

    detector = _factory().create()
    detector.append(text[:_SAMPLE])
    try:
        candidates = detector.get_probabilities()
    except LangDetectException:
        candidates = []
    if not candidates:
        return Identified("und", 0.0)
    # Without the region: langdetect returns "zh-cn" or "zh-tw".
    return Identified(candidates[0].lang.split("-")[0], round(min(float(candidates[0].prob), 1.0), 4))


def _is_latin(text: str) -> bool:
    return 2 * len(_LATIN.findall(text)) >= len(_LETTERS.findall(text))


@cache
def _factory() -> Any:
    from langdetect import PROFILES_DIRECTORY, DetectorFactory

    # Without a seed, results of langdetect are random.
    DetectorFactory.seed = 0
    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    return factory
