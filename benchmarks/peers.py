"""What a user would reach for instead: other people's filters, each as one score a text, the higher the worse.

Only `zlib` and OLMo's rule are always here. The others are measured where they are installed: `pip install
"datatrove[processing]" spacy ftfy opusfilter dolma pygarble`. Nothing of them is copied; their own functions are called
with their own thresholds.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

Score = Callable[[str], float]
Spans = list[tuple[int, int]]
# OLMo masks what repeats so often, of so many tokens at the most.
OLMO_TIMES, OLMO_TOKENS = 32, 13


class Peer(NamedTuple):
    """score: of a sentence. verdict: whether it drops a whole document, for those that only judge documents.

    spans: what it takes for repetition in a text, for those that say where.
    """

    packages: tuple[str, ...]
    score: Score
    note: str
    verdict: Callable[[str], bool] | None = None
    spans: Callable[[str], Spans] | None = None

    @property
    def installed(self) -> bool:
        """Whether the packages it needs can be imported."""
        return all(find_spec(package) is not None for package in self.packages)


def zlib_ratio(text: str) -> float:
    """How many times smaller zlib makes the text."""
    raw = text.encode("utf-8", "replace")
    return len(raw) / len(zlib.compress(raw))


@cache
def _repetition_rules() -> Any:
    from datatrove.pipeline.filters import GopherRepetitionFilter

    return GopherRepetitionFilter()


@cache
def _quality_rules(fewest_words: int) -> Any:
    from datatrove.pipeline.filters import GopherQualityFilter

    return GopherQualityFilter(min_doc_words=fewest_words)


def gopher_repetition(text: str) -> float:
    """The greatest of Gopher's repetition measures as a multiple of its threshold: above 1 the filter drops the text.

    The filter itself stops at the first rule that drops and tells no measured value.
    """
    from datatrove.pipeline.filters import gopher_repetition_filter as gopher
    from datatrove.utils.text import split_into_words

    if not text.strip():
        return 0.0
    rules = _repetition_rules()
    ratios = []
    for parts, most, most_chars in (
        (rules.paragraph_exp.split(text.strip()), rules.dup_para_frac, rules.dup_para_char_frac),
        (rules._line_splitter.split(text), rules.dup_line_frac, rules.dup_line_char_frac),
    ):
        count, chars = gopher.find_duplicates(parts)
        ratios += [count / len(parts) / most, chars / len(text) / most_chars]
    words = split_into_words(text, rules.language)
    for n, most in rules.top_n_grams:
        if grams := gopher.get_n_grams(words, n):
            ratios.append(gopher.find_top_duplicate(grams) / len(text) / most)
    ratios += [gopher.find_all_duplicate(words, n) / len(text) / most for n, most in rules.dup_n_grams]
    return float(max(ratios))


def gopher_repetition_drops(text: str) -> bool:
    """What the filter itself says of a document."""
    from datatrove.data import Document

    return _repetition_rules().filter(Document(text=text, id="")) is not True


def gopher_quality(text: str) -> float:
    """1 where a rule of Gopher's quality filter drops the text, without the rule that asks for fifty words; else 0."""
    from datatrove.data import Document

    return float(_quality_rules(1).filter(Document(text=text, id="")) is not True)


def gopher_quality_drops(text: str) -> bool:
    """What the filter itself says of a document."""
    from datatrove.data import Document

    return _quality_rules(50).filter(Document(text=text, id="")) is not True


@cache
def _opusfilter_rules() -> Any:
    from opusfilter.filters import RepetitionFilter

    return RepetitionFilter()


def opusfilter_repetition(text: str) -> float:
    """How often OpusFilter's pattern is repeated at once, 0 below its default of two repetitions."""
    return float(_opusfilter_rules().get_repetitions(text)[0])


def ftfy_badness(text: str) -> float:
    """How many mis-decoded sequences ftfy counts."""
    from ftfy.badness import badness

    return float(badness(text))


def olmo_spans(text: str) -> Spans:
    """OLMo's rule with words and marks for tokens."""
    matches = list(re.finditer(r"\w+|[^\w\s]", text))
    words = np.array([hash(match[0]) for match in matches])
    spans = []
    for period in range(1, min(OLMO_TOKENS, len(words) // OLMO_TIMES) + 1):
        same = np.concatenate([[False], words[period:] == words[:-period], [False]])
        edges = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2)
        for first, last in edges[edges[:, 1] - edges[:, 0] >= (OLMO_TIMES - 1) * period].tolist():
            spans.append((matches[first].start(), matches[last + period - 1].end()))
    return spans


@cache
def dolma_tagger() -> Any:
    """The tagger of repetitions of dolma, at its defaults."""
    from dolma.taggers.repetitions import RepetitionsTagger

    return RepetitionsTagger()


@cache
def dolma_spans(text: str) -> Spans:
    """What dolma's tagger calls a repetition."""
    from dolma.core.data_types import Document

    tagged = dolma_tagger().predict(Document(source="", id="", text=text))
    return [(span.start, span.end) for span in tagged.spans if span.type == "repetition"]


def has_olmo_spans(text: str) -> bool:
    """Whether OLMo's rule masks anything."""
    return bool(olmo_spans(text))


def covered(spans: Callable[[str], Spans], text: str) -> float:
    """The share of a text's characters that lie in spans."""
    mask = np.zeros(max(len(text), 1), bool)
    for start, end in spans(text):
        mask[start:end] = True
    return float(mask.mean())


@cache
def _gibberish_detector() -> Any:
    from pygarble.gibberish import EnsembleDetector

    return EnsembleDetector()


def pygarble_gibberish(text: str) -> float:
    """The probability of gibberish that pygarble's ensemble gives."""
    return float(_gibberish_detector().predict_proba(text))


PEERS: dict[str, Peer] = {
    "zlib ratio": Peer(("zlib",), zlib_ratio, "how many times smaller zlib makes the sentence"),
    "datatrove Gopher repetition": Peer(
        ("datatrove", "spacy"),
        gopher_repetition,
        "the greatest of its measures as a multiple of its threshold; documents by its own verdict",
        gopher_repetition_drops,
    ),
    "datatrove Gopher quality": Peer(
        ("datatrove", "spacy"),
        gopher_quality,
        "dropped or not as 1 or 0, the rule that asks for fifty words left out; documents by its own verdict",
        gopher_quality_drops,
    ),
    "OpusFilter repetition": Peer(
        ("opusfilter",), opusfilter_repetition, "repetitions it counts, at its default of two"
    ),
    "pygarble gibberish": Peer(
        ("pygarble",), pygarble_gibberish, "the probability of gibberish that its ensemble gives"
    ),
    "ftfy badness": Peer(("ftfy",), ftfy_badness, "mis-decoded sequences it counts"),
    "OLMo's n-gram rule": Peer(
        (),
        partial(covered, olmo_spans),
        f"the share in 1 to {OLMO_TOKENS} words and marks {OLMO_TIMES} times running; documents where there is any",
        has_olmo_spans,
        olmo_spans,
    ),
    "dolma repetitions": Peer(
        ("dolma",), partial(covered, dolma_spans), "the share in what its tagger calls a repetition", spans=dolma_spans
    ),
}
