"""The systems: each gives scores of sentences, and reads documents into columns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import smollm2
from benchmarks.peers import PEERS
from benchmarks.quality import product
from benchmarks.quality.fitting import Fold, hashed, lengths, saved
from benchmarks.quality.material import PAIRS, Material, Texts
from benchmarks.quality.product import PROSE, Floats, Ints, Mask, Report, Scorer
from benchmarks.quality.statistics import limit

# The networks of --networks, and the language pairs that each was not taught with.
FOLDS = {"small-0": ("et-en", "ru-en"), "small-1": ("ro-en", "si-en")}
# Characters of the texts that a system's speed is estimated on.
_PROBE = 6000
# Documents that the tokens of SmolLM2 are counted in.
_COUNTED = 1000
# A filter of sentences calls a document garbled where so much of its prose, in characters, is flagged.
_WORST_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Read:
    """Documents that a system has read, as columns.

    score: (documents,). first: (documents + 1,) where the sentences of each begin. garbled: (documents,) the system's
    own verdict, if it has one. scores, starts, ends, flagged: (sentences,); flagged at the system's own threshold.
    evidence: (findings,) records of sentence, signal, start, end, contribution.
    """

    score: Floats
    first: Ints
    garbled: Mask | None
    scores: Floats
    starts: Ints
    ends: Ints
    flagged: Mask | None = None
    evidence: Sequence[tuple[int, str, int, int, float]] = ()

    @property
    def document(self) -> Ints:
        """(sentences,) the document that each stands in."""
        return np.repeat(np.arange(len(self.score)), np.diff(self.first))

    def sums(self, values: Floats | Mask) -> Floats:
        """(documents,) the sum of the values of each one's sentences."""
        return np.bincount(self.document, values, minlength=len(self.score)).astype(float)


# Sentences and a language pair that the scores must not have been fitted on, "" for any.
Score = Callable[[Sequence[str], str], Floats]
# For each text, by character: a mark, by what is counted as one.
Marks = Callable[[Sequence[str], str], dict[str, list[Floats]]]


@dataclass(frozen=True, eq=False)
class System:
    """A column of the tables. What is None the system does not do.

    documents: reads texts into columns; filters of sentences need none, their documents follow from their sentences.
    drops: (documents,) a filter's own verdict. pairs: whether `score` depends on the pair. probability: whether scores
    are meant as such. thresholds: by name, of a system that has its own. scope: what it is measured on: "all",
    "translations" alone, or "graded" sentences alone.
    """

    key: str
    title: str
    note: str
    score: Score | None = None
    documents: Callable[[Sequence[str], str], Read] | None = None
    drops: Callable[[Sequence[str]], Mask] | None = None
    marks: Marks | None = None
    pairs: bool = False
    probability: bool = False
    thresholds: Mapping[str, float] = field(default_factory=dict)
    signature: str = ""
    scope: str = "all"


class Columns:
    """What a system makes of the material; every set is scored once and kept."""

    def __init__(self, system: System, on: Material) -> None:
        self.system, self.on = system, on
        self._scores: dict[str, Floats] = {}
        self._read: dict[tuple[str, str], Read] = {}
        self._limits: dict[str, float] = {}
        self._marks: dict[tuple[str, str], dict[str, list[Floats]]] = {}

    def sentences(self, name: str) -> Floats:
        """(sentences,) scores of a set by what was fitted on everything."""
        if name not in self._scores:
            self._scores[name] = self._score(self.on.sentences[name].texts, "")
        return self._scores[name]

    def unseen(self, name: str) -> Floats:
        """(sentences,) scores of a set with a column "pair", each by what was never fitted on its pair."""
        if not self.system.pairs:
            return self.sentences(name)
        key = f"{name}, unseen"
        if key not in self._scores:
            some = self.on.sentences[name]
            scores = np.zeros(len(some))
            for pair in PAIRS:
                chosen = some.columns["pair"] == pair
                scores[chosen] = self._score(some.only(chosen).texts, pair)
            self._scores[key] = scores
        return self._scores[key]

    def _score(self, texts: Sequence[str], pair: str) -> Floats:
        assert self.system.score is not None
        return self.system.score(texts, pair) if len(texts) else np.zeros(0)

    def read(self, name: str, pair: str = "") -> Read:
        """A set of documents in columns."""
        pair = pair if self.system.pairs else ""
        if (name, pair) not in self._read:
            some = self.on.documents[name]
            if self.system.documents is not None:
                self._read[name, pair] = self.system.documents(some.texts, pair)
            else:
                self._read[name, pair] = by_sentences(some, self._score(some.pieces, pair))
        return self._read[name, pair]

    def limit(self, pair: str = "") -> float:
        """The score that one in a hundred sentences of the English human panel exceeds."""
        pair = pair if self.system.pairs else ""
        if pair not in self._limits:
            read = self.read("human", pair)
            self._limits[pair] = limit(read.scores[self.on.documents["human"].columns["english"][read.document]])
        return self._limits[pair]

    def flagged(self, name: str) -> Mask:
        """(sentences,) of documents: at the system's own threshold, or at 1 % of human sentences."""
        read = self.read(name)
        return read.flagged if read.flagged is not None else read.scores > self.limit()

    def garbled(self, name: str) -> Mask:
        """(documents,) by the system's own verdict, or where a tenth of the prose is flagged."""
        read, some = self.read(name), self.on.documents[name]
        if read.garbled is not None:
            return read.garbled
        return self.system.drops(some.texts) if self.system.drops else worst_tenth(some, self.flagged(name))

    def marks(self, name: str, pair: str = "") -> dict[str, list[Floats]]:
        """Marks on the tagged texts of a set, by what is counted as one."""
        assert self.system.marks is not None
        pair = pair if self.system.pairs else ""
        if (name, pair) not in self._marks:
            self._marks[name, pair] = self.system.marks([tagged.text for tagged in self.on.tagged[name]], pair)
        return self._marks[name, pair]


def by_sentences(some: Texts, scores: Floats) -> Read:
    """Documents of a system that scores sentences: each has the mean score."""
    spans = np.concatenate([np.zeros((0, 2), int), *(document.sentences for document in some.segmented)])
    read = Read(np.zeros(len(some)), some.firsts, None, scores, spans[:, 0], spans[:, 1])
    means = read.sums(scores) / np.maximum(np.diff(some.firsts), 1)
    return Read(means, some.firsts, None, scores, spans[:, 0], spans[:, 1])


def worst_tenth(some: Texts, flags: Mask) -> Mask:
    """(documents,) those with a tenth of their prose, in characters, in flagged sentences."""
    kinds = np.concatenate([np.zeros(0, int), *(document.kind for document in some.segmented)])
    sizes = np.array([len(piece) for piece in some.pieces]) * (kinds == PROSE)
    owner = np.repeat(np.arange(len(some)), np.diff(some.firsts))
    prose = np.bincount(owner, sizes, minlength=len(some))
    return np.asarray((prose > 0) & (np.bincount(owner, sizes * flags, minlength=len(some)) >= _WORST_SHARE * prose))


def by_reports(reports: Iterable[Report]) -> Read:
    """Documents that garble has read."""
    score: list[float] = []
    garbled: list[bool] = []
    rows: list[tuple[float, int, int, bool]] = []
    evidence: list[tuple[int, str, int, int, float]] = []
    first = [0]
    for report in reports:
        score.append(report.score)
        garbled.append(report.garbled)
        for sentence in report.sentences:
            evidence += [(len(rows), f.signal, f.start, f.end, f.contribution) for f in sentence.findings]
            rows.append((sentence.score, sentence.start, sentence.end, sentence.garbled))
        first.append(len(rows))
    table = np.array(rows, float).reshape(-1, 4)
    starts, ends = table[:, 1:3].T.astype(int)
    return Read(
        np.array(score), np.array(first), np.array(garbled, bool), table[:, 0], starts, ends, table[:, 3] > 0, evidence
    )


# garble itself.


class Product:
    """garble with one model and reader, or with a model for each language pair; scorers are loaded when needed."""

    def __init__(self, models: Mapping[str, str | Path], reader: str) -> None:
        self.models, self.reader = models, reader
        self._scorers: dict[tuple[str, str | float], Scorer] = {}

    def scorer(self, pair: str = "", threshold: str | float = "balanced") -> Scorer:
        """The scorer of a pair."""
        model = self.models.get(pair, self.models[""])
        if (pair, threshold) not in self._scorers:
            self._scorers[pair, threshold] = Scorer(model, threshold=threshold, reader=self.reader)
        return self._scorers[pair, threshold]

    def score(self, texts: Sequence[str], pair: str) -> Floats:
        """(texts,) each a sentence alone."""
        return self.scorer(pair).score_sentences(texts)

    def documents(self, texts: Sequence[str], pair: str) -> Read:
        """Each text a document."""
        return by_reports(self.scorer(pair).score_many(texts))

    def marks(self, texts: Sequence[str], pair: str) -> dict[str, list[Floats]]:
        """By character: what all findings and those of the network add, and 1 where a finding is shown at balanced."""
        at = self.scorer(pair).threshold
        found: dict[str, list[Floats]] = {"all": [], "reader": [], "shown": []}
        for text, report in zip(texts, self.scorer(pair, 0.0).score_many(texts), strict=True):
            marks = {name: np.zeros(len(text)) for name in found}
            for sentence in report.sentences:
                for finding in sentence.findings:
                    span = slice(finding.start, finding.end)
                    marks["all"][span] += finding.contribution
                    if finding.signal in product.READER_SIGNALS:
                        marks["reader"][span] += finding.contribution
                    if sentence.score >= at:
                        marks["shown"][span] = 1
            for name, mark in marks.items():
                found[name].append(mark)
        return found

    def system(self, key: str, title: str, note: str, **more: Any) -> System:
        """The column of the tables."""
        return System(
            key, title, note, None if self.reader == "unsure" else self.score, self.documents,
            marks=None if self.reader == "unsure" else self.marks, probability=self.reader != "unsure",
            thresholds=self.scorer().card.thresholds, signature=self.scorer().signature, **more,
        )  # fmt: skip


def garble(key: str) -> System:
    """One of the four ways to use garble."""
    model, reader, title, note = {
        "off": ("en", "off", "`en`, off", "the scorecard of `en` alone"),
        "unsure": ("en", "unsure", "`en`, unsure", "`en`, whose network reads the documents that seem worth it"),
        "all": ("en", "all", "`en`, all", "`en`, whose network reads every sentence"),
        "large": ("en-large", "all", "`en-large`", "the same with the large network"),
    }[key]
    return Product({"": model}, reader).system(key, title, note)


# What is fitted for the benchmark.


def fitted_system(key: str, folds: Mapping[str, Fold], scratch: Path) -> System:
    """A system that learns from the training rows, once without each language pair."""
    if key == "unseen":
        models: dict[str, str | Path] = {"": "en"}
        models |= {pair: saved(folds[pair].card, scratch / pair) for pair in PAIRS}
        note = "the scorecard, fitted again without the language pair that it is measured on"
        return Product(models, "off").system(key, "`en`, off, pair unseen", note, pairs=True, scope="translations")
    title, note, score = {
        "trees": ("gradient-boosted trees", "on garble's features; the gap that the additive form leaves", trees),
        "words": ("TF-IDF + logistic regression", "words and pairs of words", tf_idf),
        "length": ("length only", "a spline of the number of characters", by_length),
    }[key]
    return System(key, title, note, partial(score, folds), pairs=True, probability=True)


def trees(folds: Mapping[str, Fold], texts: Sequence[str], pair: str) -> Floats:
    """The probability that the trees give."""
    x = product.features_of([product.whole(text) for text in texts], product.language_model())[0]
    return np.asarray(folds[pair].trees.predict_proba(x)[:, 1])


def tf_idf(folds: Mapping[str, Fold], texts: Sequence[str], pair: str) -> Floats:
    """The probability that the words give."""
    return np.asarray(folds[pair].words.predict_proba(hashed(texts))[:, 1])


def by_length(folds: Mapping[str, Fold], texts: Sequence[str], pair: str) -> Floats:
    """The probability that the number of characters gives."""
    return np.asarray(folds[pair].length.predict_proba(lengths(texts))[:, 1])


def ablated_systems(fold: Fold, scratch: Path) -> dict[str, System]:
    """By title, scorecards without one family of signals each."""
    found = {}
    for family, card in fold.ablated.items():
        title = f"without {family}" if family else "all signals"
        folder = saved(card, scratch / f"without {family}")
        found[title] = Product({"": folder}, "off").system(title, title, "")
    return found


def unseen_network(networks: Path) -> System:
    """Networks alone, each on the language pairs that it was not taught with."""
    folder = {pair: networks / name for name, pairs in FOLDS.items() for pair in pairs}

    def score(texts: Sequence[str], pair: str) -> Floats:
        return product.mistranslated(folder[pair], texts)

    note = "a student network alone, its doubt of a translation, never taught with the language pair"
    return System("network", "network alone, pair unseen", note, score, pairs=True, scope="translations")


# What learns nothing.


def perplexity() -> System:
    """The n-gram language model alone."""
    note = "mean bits a token, garble's own word n-grams read forwards"
    return System(
        "bits", "n-gram perplexity", note, lambda texts, pair: product.bits(texts),
        marks=lambda texts, pair: {"all": product.surprise(texts)},
    )  # fmt: skip


def letters() -> System:
    """The method of Tika's junk detector: how likely the letters are."""
    note = "mean bits a letter, by garble's own letter model; the method of Tika's junk detector"
    return System("letters", "letter perplexity", note, lambda texts, pair: product.letter_bits(texts))


def peer(name: str, pool: ProcessPoolExecutor) -> System:
    """Somebody else's filter."""
    found = PEERS[name]
    verdict = found.verdict

    def score(texts: Sequence[str], pair: str) -> Floats:
        return np.array(list(pool.map(found.score, texts, chunksize=20)), float)

    def drops(texts: Sequence[str]) -> Mask:
        assert verdict is not None
        return np.array(list(pool.map(verdict, texts, chunksize=10)), bool)

    return System(name, name, found.note, score, drops=drops if verdict else None)


def surprisal(data: Path) -> System:
    """SmolLM2; what is measured takes it long enough."""
    note = "mean surprisal of SmolLM2-135M (Q4_1) minus that of the tokens by their counts in lm/more-news"
    texts = (record["text"] for record in product.read_records(data / "lm" / "more-news.jsonl.xz"))
    usual = smollm2.unigrams(islice(texts, _COUNTED))
    return System("smollm2", "SmolLM2 surprisal", note, lambda texts, pair: smollm2.score(texts, usual), scope="graded")


GARBLE = ("off", "unsure", "all", "large")
FITTED = ("unseen", "trees", "words", "length")
EVERY = (*GARBLE, *FITTED, "bits", "letters", "smollm2", *PEERS)


def rate(system: System, on: Material) -> float:
    """Sentences a second on a small part of the panel, for an estimate."""
    some: list[str] = []
    panel = on.documents["human"]
    for text, english in zip(panel.texts, panel.columns["english"].tolist(), strict=True):
        if english and sum(map(len, some)) < _PROBE:
            some.append(text[:_PROBE])
    texts = Texts(some, some, {})
    pair = PAIRS[0] if system.scope == "translations" else ""
    spent = []
    # The first time what is needed is loaded.
    for _ in range(2):
        begin = time.perf_counter()
        if system.documents is not None:
            system.documents(texts.texts, "")
        elif system.score is not None:
            system.score(texts.pieces, pair)
        spent.append(time.perf_counter() - begin)
    return len(texts.pieces) / max(min(spent), 1e-6)


def load(system: System, on: Material) -> int:
    """How many sentences the system is to score."""
    pairs = [some for some in on.sentences.values() if "pair" in some.columns]
    if system.scope == "graded":
        return sum(map(len, [*pairs, on.sentences["smog"], on.sentences["gug"]]))
    if system.scope == "translations":
        panel = len(on.documents["human"].pieces) * len(PAIRS) * (system.documents is not None)
        return sum(map(len, pairs)) + panel
    count = sum(len(some.pieces) for some in on.documents.values())
    if system.score is not None:
        count += sum(map(len, on.sentences.values()))
    if system.pairs:
        count += sum(map(len, pairs)) + len(PAIRS) * (
            len(on.documents["human"].pieces) + len(on.documents["stitched"].pieces)
        )
    if system.marks is not None:
        count += sum(map(len, on.tagged.values()))
    return count
