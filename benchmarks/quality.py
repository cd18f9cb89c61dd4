"""What garble catches and what it costs in good text, beside what a user would reach for instead.

    python benchmarks/quality.py --data DIR

DIR is the project's data folder. Every system scores the same sentences in the same run. Writes results/quality.json
and the tables of README.md; the text around the tables stays. Nothing is fitted on dev/: for the figures that leave a
language pair out, all that is fitted is fitted again without it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import damage
import numpy as np
from numpy.typing import NDArray
from peers import PEERS, Peer

from garble.columns import lm
from garble.columns.arrays import Floats, Ints, Mask, row_means
from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.columns.packets import packets
from garble.models import scorecard as model
from garble.models.scorecard import Scorecard, logit, sigmoid
from garble.report import Report
from garble.scorer import Scorer
from garble.signals import EVERY, FEATURES, SIGNALS
from garble.text.layout import PROSE, UNREAD, VERSE
from garble.text.segmentation import Document, segment, whole
from garble.training import examples, fitting, panels
from garble.training.data import Record, by_document, read_records

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "quality.json"
README = HERE / "README.md"
SHIPPED = HERE.parent / "models" / "en"

SEED = 0
RESAMPLES = 200
WORKERS = 2
PAIRS = ("et-en", "ro-en", "ru-en", "si-en")
# Share of human sentences that a system may flag where recall is given.
COST = 0.01
# Each kind of damage is done to so many sentences, and so many documents get one damaged sentence.
DAMAGED, PLANTED = 500, 200
LENGTHS, STITCHED = (5, 10, 20), 60
# Sentences from which on a human document is counted by itself: most of the panel's are single sentences.
LONG = 5
# The share of the documents of fit/mqm that the character F1 is read off; the threshold comes from the others.
MQM_HELD_OUT = 0.3
# The ablation is fitted on every so many-th training row.
ABLATION_STEP = 10
# Kinds of human text that count as clean ground for damage; poetry, dialect and learners are odd as they are.
CLEAN = ("news", "news africa", "web", "wiki, news, stories")

Array = NDArray[Any]
# (1 + RESAMPLES,): a figure, and what it is on each resample.
Draws = Floats


class Figure(NamedTuple):
    """A column: what it says, and what is to be reached; `at_most` where less is better."""

    title: str
    target: float | None = None
    at_most: bool = False


CATCHES = {
    "loops auroc": Figure("loops: AUROC", 0.97),
    "loops recall": Figure("loops: recall", 0.80),
    "mt auroc": Figure("bad vs good MT: AUROC", 0.80),
    "post-edit auroc": Figure("bad MT vs its post-edit: AUROC", 0.70),
    "post-edit recall": Figure("bad MT: recall", 0.35),
    "gug r": Figure("acceptability: r", 0.55),
    "demetr mean": Figure("DEMETR: mean AUROC", 0.75),
    "calibration": Figure("calibration error", 0.03, at_most=True),
}
MADE = {
    f"made {name}": Figure(name, target)
    for name, target in zip(damage.MAKERS, (0.90, 0.95, 1.00, 0.80, 0.95, 0.98), strict=True)
}
PASSAGES = {
    "planted loop found": Figure("loop in a document: found", 0.99),
    "planted loop named": Figure("loop: named", 0.99),
    "planted repetition found": Figure("real repetition: found", 0.75),
    "planted repetition named": Figure("real repetition: named", 0.75),
    "planted before": Figure("the same documents undamaged: flagged"),
    "stitched 5": Figure("stitched, 5 long: AUROC"),
    "stitched 10": Figure("10 long: AUROC", 0.90),
    "stitched 20": Figure("20 long: AUROC"),
}
HUMAN = {
    f"human {kind}": Figure(kind, 0.02 if kind in ("poetry", "dialect fiction") else 0.01, at_most=True)
    for kind in ("news", "news africa", "wiki, news, stories", "web", "learner sentence", "poetry", "dialect fiction")
}
COSTS = {
    **HUMAN,
    "human documents": Figure("documents", 0.003, at_most=True),
    "human long documents": Figure("documents of 5 sentences and more", at_most=True),
    "fluent hallucinations": Figure("fluent hallucinations", 0.05, at_most=True),
}
WORDS = {
    "words mcc": Figure("MCC of marks with BAD tags", 0.30),
    "words f1": Figure("character F1 with MQM's visible spans", 0.20),
    "words mcc balanced": Figure("MCC of the findings shown at `balanced`"),
}
BY_PAIR = {
    f"{name} {pair}": Figure(f"{pair}: {title}")
    for name, title in (
        ("mt auroc", "bad vs good"),
        ("post-edit auroc", "vs post-edit"),
        ("post-edit recall", "recall"),
    )
    for pair in PAIRS
}
CALIBRATION = {"calibration mt": Figure("calibration error on machine translation alone", 0.03, at_most=True)}
POOLED = {f"pooled {n}": Figure(f"{n} long, mean log-odds: AUROC") for n in LENGTHS}


# Statistics. Each takes weights (draws, items) and gives (draws,), so that a resample is one more row of weights.


def resample(clusters: Sequence[str], count: int = RESAMPLES, seed: int = SEED) -> NDArray[np.float32]:
    """(1 + count, items) weights: first ones, then how often each item's cluster was drawn, with replacement."""
    names, owner = np.unique(np.asarray(clusters), return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)
    return np.concatenate([np.ones((1, len(names))), drawn]).astype(np.float32)[:, owner]


def auroc(scores: Floats, positive: Mask, weights: Array) -> Draws:
    """How often a positive scores higher than a negative, ties counted as half."""
    order = np.argsort(scores, kind="stable")
    new = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    heavy = weights[:, order].astype(np.float64)
    above = np.add.reduceat(heavy * positive[order], new, axis=1)
    below = np.add.reduceat(heavy * ~positive[order], new, axis=1)
    won = above * (np.cumsum(below, axis=1) - below / 2)
    return _ratio(won.sum(axis=1), above.sum(axis=1) * below.sum(axis=1))


def rate(flags: Array, weights: Array) -> Draws:
    """The weighted share of true flags."""
    return _ratio(weights @ flags.astype(np.float64), weights.sum(axis=1))


def pearson(a: Floats, b: Floats, weights: Array) -> Draws:
    """Pearson's correlation."""
    share = weights.astype(np.float64) / weights.sum(axis=1, keepdims=True)
    left, right = a - (share @ a)[:, None], b - (share @ b)[:, None]
    spread = (share * left**2).sum(axis=1) * (share * right**2).sum(axis=1)
    return _ratio((share * left * right).sum(axis=1), np.sqrt(spread))


def calibration_error(p: Floats, y: Mask, weights: Array, bins: int = 15) -> Draws:
    """Expected calibration error in bins of equal mass."""
    order = np.argsort(p, kind="stable")
    edges = np.linspace(0, len(p), bins + 1).astype(int)[:-1]
    gaps = np.add.reduceat(weights[:, order].astype(np.float64) * (p - y)[order], edges, axis=1)
    return _ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def mcc(table: Array, weights: Array) -> Draws:
    """Matthews' correlation. table: (items, 4) of true and false positives, false and true negatives."""
    tp, fp, fn, tn = (weights.astype(np.float64) @ table).T
    return _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def f1(table: Array, weights: Array) -> Draws:
    """F1 of the positives; table as in `mcc`."""
    tp, fp, fn, _ = (weights.astype(np.float64) @ table).T
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _ratio(above: Array, below: Array) -> Draws:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def limit(scores: Floats, share: float = COST) -> float:
    """The score that at most `share` of `scores` exceed."""
    return float(np.sort(scores)[::-1][int(share * len(scores))])


def summary(draws: Draws) -> dict[str, float]:
    """The figure and its 95 % interval."""
    low, high = np.nanpercentile(draws[1:], [2.5, 97.5])
    return {"value": round(float(draws[0]), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def summaries(found: Mapping[str, Draws]) -> dict[str, dict[str, float]]:
    """Those that are a number: a correlation with a constant is none."""
    return {name: summary(draws) for name, draws in found.items() if not np.isnan(draws[0])}


# Sentences, and the systems that score them.


@dataclass(frozen=True, eq=False)
class Sentences:
    """Sentences to score, and what is read off them once for all systems.

    documents: each alone in its own, or all those of a text. owners: the cluster each document belongs to.
    foreign: (sentences,) those of a document written in another language, if any.
    """

    documents: list[Document]
    owners: list[str]
    lm: LanguageModel
    foreign: Mask | None = None

    @cached_property
    def texts(self) -> list[str]:
        """The sentences' own characters."""
        return [piece for document in self.documents for piece in document.slices()]

    @cached_property
    def document(self) -> Ints:
        """(sentences,) the document each stands in."""
        return np.repeat(np.arange(len(self.documents)), [len(document.sentences) for document in self.documents])

    @cached_property
    def clusters(self) -> NDArray[np.str_]:
        """(sentences,) the cluster each belongs to."""
        return np.array(self.owners)[self.document]

    @cached_property
    def kind(self) -> Ints:
        """(sentences,) index into KINDS."""
        return np.concatenate([document.kind for document in self.documents])

    @cached_property
    def features(self) -> Floats:
        """(sentences, features) garble's."""
        return examples.features_of(self.documents, self.lm)[0]

    @cached_property
    def bits(self) -> Floats:
        """(sentences,) mean bits a token, read forwards by the word n-grams."""
        means = []
        for some in packets(self.documents, 500_000, lambda document: len(document.text)):
            batch = Batch.of(some, self.lm)
            means.append(row_means(self.lm.words.surprisal(batch.ids, batch.tokens).forward, batch.tokens))
        return np.concatenate(means)

    @cached_property
    def terms(self) -> Any:
        """(sentences, hashes) counts of words and of pairs of words, sparse."""
        return hashed(self.texts)

    def silent(self, names: Sequence[str]) -> Mask:
        """(sentences, features) what does not speak: the scorer's rules for headings, verse and what is not read."""
        foreign = np.zeros(len(self.kind), bool) if self.foreign is None else self.foreign
        knows = np.array([_SIGNAL_OF[name].language != "any" for name in names])
        repeats = np.array([_SIGNAL_OF[name].family == "repetition" for name in names])
        still = np.outer(foreign | (self.kind != PROSE), knows) | np.outer(self.kind == VERSE, repeats)
        return still | np.isin(self.kind, list(UNREAD))[:, None]


_SIGNAL_OF = {name: signal for signal in EVERY for name in signal.features}


def hashed(texts: Iterable[str]) -> Any:
    """(texts, hashes) counts of words and of pairs of words."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(ngram_range=(1, 2), n_features=2**18, alternate_sign=False, norm=None).transform(texts)


Score = Callable[[Sentences], Floats]


@dataclass(frozen=True, eq=False)
class Judge:
    """A way to score sentences, and what it gives the panel's."""

    score: Score
    panel: Floats

    @cached_property
    def limit(self) -> float:
        """The score that one in a hundred of the panel's sentences exceeds."""
        return limit(self.panel)


@dataclass(frozen=True, eq=False)
class System:
    """A row of the tables. without: for each language pair the judge that never saw it."""

    name: str
    note: str
    judge: Judge
    without: Mapping[str, Judge]
    peer: Peer | None = None

    @property
    def whole(self) -> bool:
        """Whether it judges documents only."""
        return self.peer is not None and self.peer.verdict is not None


def card_score(card: Scorecard, sentences: Sentences) -> Floats:
    """The scorecard's score of each sentence, by the rules of `garble.scorer`."""
    parts = card.contributions(sentences.features[:, [FEATURES.index(name) for name in card.features]])
    parts[sentences.silent(card.features)] = 0
    return sigmoid(card.intercept + parts.sum(axis=1))


def trees_score(trees: Any, typical: Floats, sentences: Sentences) -> Floats:
    """The trees' score; a feature that does not speak has its typical value."""
    x = np.where(sentences.silent(FEATURES), typical, sentences.features)
    return trees.predict_proba(x)[:, 1]


def length(sentences: Sentences) -> Floats:
    """(sentences, 1) characters, in logarithms."""
    return np.log([[len(text) + 1.0] for text in sentences.texts])


def fitted_score(fitted: Any, columns: Callable[[Sentences], Any], sentences: Sentences) -> Floats:
    """The probability that a scikit-learn pipeline gives."""
    return fitted.predict_proba(columns(sentences))[:, 1]


def terms(sentences: Sentences) -> Any:
    """The sentences' hashed words."""
    return sentences.terms


def bits(sentences: Sentences) -> Floats:
    """What a perplexity filter sorts by."""
    return sentences.bits


def peer_score(score: Callable[[str], float], pool: ProcessPoolExecutor, sentences: Sentences) -> Floats:
    """A peer's score of each sentence."""
    return np.array(list(pool.map(score, sentences.texts, chunksize=500)))


# What is fitted.


class Fold(NamedTuple):
    """All that is fitted without one language pair (""; on all of them). ablated: scorecards without a family."""

    card: Scorecard
    trees: Any
    typical: Floats
    words: Any
    length: Any
    ablated: dict[str, Scorecard]


def training_rows(data: Path, knows: LanguageModel, without: str) -> tuple[Floats, Mask, list[str]]:
    """Features, labels and texts of the sentences that the scorecard learns from."""
    documents, garbled = examples.labelled_documents(data, Random(SEED), without)
    features, prose = examples.features_of(documents, knows)
    texts = [piece for document in documents for piece in document.slices()]
    return features[prose], garbled[prose], [text for text, kept in zip(texts, prose, strict=True) if kept]


def fit(data: Path, pair: str) -> Fold:
    """Fit every system that learns, without one language pair."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        knows = lm.load(SHIPPED / "lm.npz")
        x, y, texts = training_rows(data, knows, pair)
        typical = np.median(x[~y], axis=0)
        shipped = model.load(SHIPPED / "scorecard.json")
        pairs = examples.contrasts(data, knows, pair)
        card = fitting.fit_scorecard(x, y, FEATURES, typical, pairs)[0] if pair else shipped
        trees = HistGradientBoostingClassifier(learning_rate=0.15, max_iter=60, max_bins=64, random_state=SEED)
        trees.fit(x, y)
        words = make_pipeline(TfidfTransformer(sublinear_tf=True), LogisticRegression(solver="liblinear"))
        words.fit(hashed(texts), y)
        by_length = make_pipeline(SplineTransformer(degree=1, n_knots=8), LogisticRegression())
        by_length.fit(np.log([[len(text) + 1.0] for text in texts]), y)
        some = slice(None, None, ABLATION_STEP)
        families = ("", *dict.fromkeys(signal.family for signal in SIGNALS))
        ablated = {family: fit_without(family, x[some], y[some], typical, pairs) for family in families}
    card = replace(card, thresholds=shipped.thresholds, pooling=shipped.pooling)
    return Fold(card, trees, typical, words, by_length, ablated)


def fit_without(family: str, x: Floats, y: Mask, typical: Floats, pairs: tuple[Floats, Floats]) -> Scorecard:
    """The scorecard without the signals of one family."""
    kept = [j for j, name in enumerate(FEATURES) if _SIGNAL_OF[name].family != family]
    some = slice(None, None, ABLATION_STEP)
    less = pairs[0][some][:, kept], pairs[1][some][:, kept]
    return fitting.fit_scorecard(x[:, kept], y, tuple(FEATURES[j] for j in kept), typical[kept], less)[0]


# What is measured.


@dataclass(frozen=True, eq=False)
class Planted:
    """Documents with one damaged sentence put in, where it stands, and the same without it."""

    texts: list[str]
    spans: list[tuple[int, int]]
    hosts: list[str]
    clusters: list[str]


@dataclass(frozen=True, eq=False)
class Material:
    """All that the systems are measured on, made once.

    panel_kinds, panel_half: by document its kind, and which half of the panel it belongs to. panel_reports: the shipped
    model's, at `balanced`.
    """

    lm: LanguageModel
    panel: Sentences
    panel_kinds: list[str]
    panel_half: Mask
    panel_reports: list[Report]
    needle: list[Record]
    mlqe: dict[str, list[Record]]
    gug: list[Record]
    demetr: list[Record]
    sets: dict[str, Sentences]
    damaged: dict[str, Sentences]
    planted: dict[str, Planted]
    stitched: dict[tuple[str, int], tuple[list[str], list[str]]]


_TIGHT_BEFORE = {*".,;:!?%)]}", "...", "'s", "n't", "'re", "'ve", "'ll", "'m", "'d"}
_TIGHT_AFTER = {*"([{$£€#"}


def joined(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Tokens as people would print them, and where each stands; 96 of 100 MLQE sentences come out as they went in."""
    text, spans = "", []
    tight, within = True, False
    for token in tokens:
        quote = token == '"'
        before = within if quote else token in _TIGHT_BEFORE
        text += "" if tight or before else " "
        spans.append((len(text), len(text) + len(token)))
        text += token
        tight = not within if quote else token in _TIGHT_AFTER
        within ^= quote
    return text, spans


def is_bad(record: Record) -> bool:
    """Machine translation that the issue sets against its own post-edit."""
    return record["da"] < 35 and record["hter"] > 0.6


def clean_sentences(records: Iterable[Record], rng: Random) -> list[tuple[str, str]]:
    """Document and text of the panel's sentences of 8 to 40 words that end in a stop, in random order."""
    found = []
    for record in records:
        if record["kind"] in CLEAN:
            document = segment(record["text"])
            for piece, kind in zip(document.slices(), document.kind.tolist(), strict=True):
                if kind == PROSE and 8 <= len(piece.split()) <= 40 and piece[0].isupper() and piece[-1] in ".!?":
                    found.append((str(record["doc"]), piece))
    rng.shuffle(found)
    return found


def damaged(make: damage.Maker, clean: Iterable[tuple[str, str]], rng: Random) -> Iterator[tuple[str, str]]:
    """Document and damaged text, for those sentences that can be damaged so."""
    for owner, sentence in clean:
        made = make(sentence, rng)
        if made is not None and made != sentence:
            yield owner, made


def plant(host: str, sentence: str) -> tuple[str, tuple[int, int]]:
    """A document with a sentence put in after the one in its middle, and where that stands."""
    document = segment(host)
    ends = document.sentences[document.kind == PROSE][:, 1]
    end = int(ends[np.abs(ends - len(host) / 2).argmin()])
    return f"{host[:end]} {sentence}{host[end:]}", (end + 1, end + 1 + len(sentence))


def is_host(text: str) -> bool:
    """A document of about 4 kB with ten sentences of prose or more."""
    return 3000 <= len(text) <= 5000 and int((segment(text).kind == PROSE).sum()) >= 10


def planted(hosts: Sequence[Record], sentences: Sequence[tuple[str, str]]) -> Planted:
    """Each host with one of the sentences; the clusters are those of the sentences."""
    pairs = [(host["text"], *sentences[i % len(sentences)]) for i, host in enumerate(hosts)]
    made = [plant(text, sentence) for text, _, sentence in pairs]
    texts, spans = [text for text, _ in made], [span for _, span in made]
    return Planted(texts, spans, [text for text, _, _ in pairs], [owner for _, owner, _ in pairs])


def stitch(bad: Sequence[str], sound: Sequence[str], size: int, rng: Random) -> tuple[list[str], list[str]]:
    """Documents of `size` bad sentences each, and for each its like of sound ones that are as many words long."""
    by_words: dict[int, list[str]] = {}
    for text in sound:
        by_words.setdefault(len(text.split()), []).append(text)
    usable = [text for text in bad if len(by_words.get(len(text.split()), ())) >= size]
    stitched = [rng.sample(usable, size) for _ in range(STITCHED)]
    twins = []
    for sentences in stitched:
        twin: list[str] = []
        for text in sentences:
            twin.append(rng.choice([other for other in by_words[len(text.split())] if other not in twin]))
        twins.append(twin)
    return [" ".join(sentences) for sentences in stitched], [" ".join(sentences) for sentences in twins]


def material(data: Path) -> Material:
    """Read dev/ and make the damaged, planted and stitched texts from it."""
    rng = Random(SEED)
    dev = {path.name.split(".")[0]: list(read_records(path)) for path in sorted((data / "dev").glob("*.jsonl.xz"))}
    human, needle, gug = dev["human"], dev["needle"], dev["gug"]
    demetr = [record for record in dev["demetr"] if record.get("visible") == 1]
    mlqe = {pair: [record for record in dev["mlqe"] if record["lp"] == pair] for pair in PAIRS}
    knows = lm.load(SHIPPED / "lm.npz")

    def alone(texts: Iterable[str], owners: Iterable[str]) -> Sentences:
        return Sentences([whole(text) for text in texts], list(owners), knows)

    def of(records: Sequence[Record], text: Callable[[Record], str] = lambda record: record["text"]) -> Sentences:
        return alone(map(text, records), (str(record["doc"]) for record in records))

    reports = list(Scorer(SHIPPED, reader="off").score_many(record["text"] for record in human))
    foreign = np.array([report.language != "en" for report in reports for _ in report.sentences])
    held = {str(record["doc"]) for record in by_document(human, 0.5)[1]}
    panel = Sentences(
        [segment(record["text"]) for record in human], [str(record["doc"]) for record in human], knows, foreign
    )
    sets = {"needle": of(needle), "gug": of(gug), "demetr": of(demetr)}
    sets["demetr clean"] = of(demetr, lambda record: record["clean"])
    for pair, records in mlqe.items():
        bad = [record for record in records if is_bad(record)]
        sets[pair] = of(records)
        sets[f"{pair} bad"] = of(bad, lambda r: joined(r["tokenised"].split())[0])
        sets[f"{pair} post-edit"] = of(bad, lambda r: joined(r["post_edit"].split())[0])

    clean = clean_sentences(human, rng)
    made = {}
    for name, make in damage.MAKERS.items():
        some = rng.sample(clean, len(clean))
        found = [pair for pair, _ in zip(damaged(make, some, rng), range(DAMAGED), strict=False)]
        made[name] = alone((text for _, text in found), (owner for owner, _ in found))
    sets["clean"] = alone((text for _, text in clean[:4000]), (owner for owner, _ in clean[:4000]))

    hosts = [record for record in human if record["kind"] in CLEAN and is_host(record["text"])]
    rng.shuffle(hosts)
    loops = list(zip(made["loop x12"].clusters.tolist(), made["loop x12"].texts, strict=True))
    real = [(str(record["doc"]), record["text"]) for record in needle if record["repetitions"]]
    plants = {name: planted(hosts[:PLANTED], sentences) for name, sentences in (("loop", loops), ("repetition", real))}
    sound = [text for _, text in clean[:4000]]
    stitched = {
        (pair, size): stitch([record["text"] for record in mlqe[pair] if record["da"] < 35], sound, size, rng)
        for pair in PAIRS
        for size in LENGTHS
    }
    return Material(
        lm=knows,
        panel=panel,
        panel_kinds=[record["kind"] for record in human],
        panel_half=np.array([str(record["doc"]) in held for record in human]),
        panel_reports=reports,
        needle=needle,
        mlqe=mlqe,
        gug=gug,
        demetr=demetr,
        sets=sets,
        damaged=made,
        planted=plants,
        stitched=stitched,
    )


def on_needle(system: System, on: Material) -> dict[str, Draws]:
    """Loops, which must be found, and fluent hallucinations, which must not."""
    sentences = on.sets["needle"]
    scores = system.judge.score(sentences)
    flagged = scores > system.judge.limit
    looped = np.array([bool(record["repetitions"]) for record in on.needle])
    fluent = np.array([bool(record["full-unsupport"]) for record in on.needle]) & ~looped
    weights = resample(sentences.clusters)
    return {
        "loops auroc": auroc(scores, looped, weights),
        "loops recall": rate(flagged[looped], weights[:, looped]),
        "fluent hallucinations": rate(flagged[fluent], weights[:, fluent]),
    }


def on_mlqe(system: System, on: Material) -> dict[str, Draws]:
    """Machine translation by language pair, each scored by the judge that never saw the pair; and the mean."""
    found: dict[str, Draws] = {}
    for pair, records in on.mlqe.items():
        judge = system.without[pair]
        da = np.array([record["da"] for record in records])
        told = (da < 30) | (da >= 70)
        weights = resample(on.sets[pair].clusters)
        found[f"mt auroc {pair}"] = auroc(judge.score(on.sets[pair])[told], da[told] < 30, weights[:, told])
        bad, sound = on.sets[f"{pair} bad"], on.sets[f"{pair} post-edit"]
        scores = np.concatenate([judge.score(bad), judge.score(sound)])
        positive = np.arange(len(scores)) < len(bad.texts)
        weights = resample(np.concatenate([bad.clusters, sound.clusters]))
        found[f"post-edit auroc {pair}"] = auroc(scores, positive, weights)
        found[f"post-edit recall {pair}"] = rate(scores[positive] > judge.limit, weights[:, positive])
    for name in ("mt auroc", "post-edit auroc", "post-edit recall"):
        found[name] = np.mean([found[f"{name} {pair}"] for pair in PAIRS], axis=0)
    return found


def on_gug(system: System, on: Material) -> dict[str, Draws]:
    """How well the score, and its log-odds where it is a probability, follow what readers grade."""
    sentences = on.sets["gug"]
    scores = system.judge.score(sentences)
    grades = np.array([record["acceptability"] for record in on.gug])
    weights = resample(sentences.clusters)
    found = {"gug r of score": pearson(-scores, grades, weights), "gug r": pearson(-scores, grades, weights)}
    if system.peer is None and system.name != "n-gram perplexity":
        found["gug r"] = pearson(-log_odds(scores), grades, weights)
    return found


def log_odds(scores: Floats) -> Floats:
    """The log-odds, bounded so that a certain 0 or 1 stays finite."""
    return logit(np.clip(scores, 1e-9, 1 - 1e-9))


def on_demetr(system: System, on: Material) -> dict[str, Draws]:
    """Damaged texts of each visible kind against the clean twins of that kind, unpaired."""
    kinds = np.array([record["kind"] for record in on.demetr])
    broken, clean = (system.judge.score(on.sets[name]) for name in ("demetr", "demetr clean"))
    weights = resample(on.sets["demetr"].clusters)
    found = {}
    for kind in np.unique(kinds):
        of = kinds == kind
        both = np.concatenate([weights[:, of], weights[:, of]], axis=1)
        positive = np.arange(2 * of.sum()) < of.sum()
        found[f"demetr {kind}"] = auroc(np.concatenate([broken[of], clean[of]]), positive, both)
    return {"demetr mean": np.mean(list(found.values()), axis=0), **found}


def on_damage(system: System, on: Material) -> dict[str, Draws]:
    """Recall of made damage at the cost of one human sentence in a hundred."""
    return {
        f"made {name}": rate(system.judge.score(made) > system.judge.limit, resample(made.clusters))
        for name, made in on.damaged.items()
    }


def on_planted(system: System, on: Material, pool: ProcessPoolExecutor) -> dict[str, Draws]:
    """One damaged sentence in a clean document: whether the document shows it, and the right sentence is named."""
    hosts = on.planted["loop"].hosts
    if system.whole:
        before = np.array(list(pool.map(system.peer.verdict, hosts, chunksize=10)))
    else:
        before = np.array([bool(spans) for spans in flagged_spans(system, hosts, on)])
    found = {"planted before": rate(before, resample([str(i) for i in range(len(hosts))]))}
    for name, made in on.planted.items():
        weights = resample(made.clusters)
        if system.whole:
            after = np.array(list(pool.map(system.peer.verdict, made.texts, chunksize=10)))
            found[f"planted {name} found"] = rate(after & ~before, weights)
            continue
        flagged = flagged_spans(system, made.texts, on)
        right = [
            any(start < end_put and start_put < end for start, end in spans)
            for spans, (start_put, end_put) in zip(flagged, made.spans, strict=True)
        ]
        found[f"planted {name} found"] = rate(np.array([bool(spans) for spans in flagged]), weights)
        found[f"planted {name} named"] = rate(np.array(right), weights)
    return found


def flagged_spans(system: System, texts: Sequence[str], on: Material) -> list[list[tuple[int, int]]]:
    """Of each document where its flagged sentences stand; garble's at `balanced`."""
    if system.name == "garble":
        reports = Scorer(SHIPPED, reader="off").score_many(texts)
        return [[(s.start, s.end) for s in report.sentences if s.garbled] for report in reports]
    sentences = Sentences([segment(text) for text in texts], [""] * len(texts), on.lm)
    spans = np.concatenate([document.sentences for document in sentences.documents]).tolist()
    flagged: list[list[tuple[int, int]]] = [[] for _ in texts]
    for i in np.flatnonzero(system.judge.score(sentences) > system.judge.limit):
        flagged[sentences.document[i]].append(tuple(spans[i]))
    return flagged


def on_stitched(system: System, on: Material, folder: Callable[[str], Path]) -> dict[str, Draws]:
    """Documents stitched from bad MT against such of human sentences; garble by Report.score, others by their mean."""
    found: dict[str, list[Draws]] = {}
    for (pair, size), sides in on.stitched.items():
        texts = [text for side in sides for text in side]
        positive = np.arange(len(texts)) < len(sides[0])
        weights = resample([str(i) for i in range(len(texts))])
        if system.name == "garble":
            reports = list(Scorer(folder(pair), 1.0, reader="off").score_many(texts))
            whole_score = np.array([report.score for report in reports])
            pooled = [log_odds(np.array([s.score for s in report.sentences])).mean() for report in reports]
            found.setdefault(f"pooled {size}", []).append(auroc(np.array(pooled), positive, weights))
        elif system.whole:
            whole_score = system.judge.score(Sentences([whole(text) for text in texts], [""] * len(texts), on.lm))
        else:
            sentences = Sentences([segment(text) for text in texts], [""] * len(texts), on.lm)
            scores = system.without[pair].score(sentences)
            whole_score = np.bincount(sentences.document, scores) / np.bincount(sentences.document)
        found.setdefault(f"stitched {size}", []).append(auroc(whole_score, positive, weights))
    return {name: np.mean(draws, axis=0) for name, draws in found.items()}


def on_human(system: System, on: Material, pool: ProcessPoolExecutor) -> dict[str, Draws]:
    """Human sentences and documents flagged; garble's at a `balanced` read off the other half of the panel."""
    panel, kinds = on.panel, np.array(on.panel_kinds)
    sizes = np.bincount(panel.document, minlength=len(panel.documents))
    if system.name == "garble":
        at = crossed_thresholds(system.judge.panel, on)
        flags = system.judge.panel >= at[panel.document]
        dropped = np.array([report.score for report in on.panel_reports]) >= at
    else:
        flags = system.judge.panel > system.judge.limit
        dropped = garbled_documents(panel, flags)
    if system.whole:
        texts = [document.text for document in panel.documents]
        dropped = np.array(list(pool.map(system.peer.verdict, texts, chunksize=50)))
    hits = np.bincount(panel.document, flags, minlength=len(sizes))
    weights = resample(panel.owners)
    found = {}
    for kind in np.unique(kinds):
        of = kinds == kind
        found[f"human {kind}"] = _ratio(weights[:, of] @ hits[of], weights[:, of] @ sizes[of].astype(float))
    long = sizes >= LONG
    found["human documents"] = rate(dropped, weights)
    found["human long documents"] = rate(dropped[long], weights[:, long])
    return found


def crossed_thresholds(scores: Floats, on: Material) -> Floats:
    """(documents,) what `balanced` is when read off the half of the panel that the document does not belong to."""
    kinds = np.array(on.panel_kinds)[on.panel.document]
    at = np.zeros(len(on.panel.documents))
    for half in (on.panel_half, ~on.panel_half):
        inside = half[on.panel.document]
        panel = {str(kind): scores[inside & (kinds == kind)] for kind in np.unique(kinds)}
        at[~half] = panels.thresholds_of(panel)["balanced"]
    return at


def garbled_documents(sentences: Sentences, flags: Mask) -> Mask:
    """(documents,) those with a tenth of their prose, in characters, in flagged sentences."""
    sizes = np.array([len(text) for text in sentences.texts]) * (sentences.kind == PROSE)
    count = len(sentences.documents)
    prose = np.bincount(sentences.document, sizes, minlength=count)
    return (prose > 0) & (np.bincount(sentences.document, sizes * flags, minlength=count) >= 0.1 * prose)


def on_calibration(system: System, on: Material) -> dict[str, Draws]:
    """Whether the scores mean what they say; for scores that are probabilities.

    The mixture: dev/mlqe, DA below 30 garbled and from 70 sound, each pair by the judge that never saw it, and 4,000
    clean human sentences with 1,000 sentences of made damage, each kind alike. Also on dev/mlqe alone.
    """
    p, y, owners = [], [], []
    for pair, records in on.mlqe.items():
        da = np.array([record["da"] for record in records])
        told = (da < 30) | (da >= 70)
        p.append(system.without[pair].score(on.sets[pair])[told])
        y.append(da[told] < 30)
        owners.append(on.sets[pair].clusters[told])
    found = {"calibration mt": calibration_error(*map(np.concatenate, (p, y)), resample(np.concatenate(owners)))}
    each = 1000 // len(on.damaged)
    made = [(sentences, each, True) for sentences in on.damaged.values()]
    for sentences, count, label in [(on.sets["clean"], 4000, False), *made]:
        p.append(system.judge.score(sentences)[:count])
        y.append(np.full(len(p[-1]), label))
        owners.append(sentences.clusters[:count])
    found["calibration"] = calibration_error(*map(np.concatenate, (p, y)), resample(np.concatenate(owners)))
    return found


# Marks on words.

Marker = Callable[[Sequence[str]], list[Floats]]


def evidence(folder: Path, texts: Sequence[str]) -> list[Floats]:
    """Of each text, by character: what the findings on it add to the log-odds of its sentence."""
    marks = []
    for text, report in zip(texts, Scorer(folder, 0.0, reader="off").score_many(texts), strict=True):
        mark = np.zeros(len(text))
        for sentence in report.sentences:
            for finding in sentence.findings:
                mark[finding.start : finding.end] += finding.contribution
        marks.append(mark)
    return marks


def surprise(knows: LanguageModel, texts: Sequence[str]) -> list[Floats]:
    """Of each text, by character: the bits of its token, read forwards."""
    batch = Batch.alone(texts, knows)
    marks = [np.zeros(len(text)) for text in texts]
    told = knows.words.surprisal(batch.ids, batch.tokens).forward
    first = batch.chars[batch.sentence]
    for owner, start, end, cost in zip(batch.sentence, batch.starts - first, batch.ends - first, told, strict=True):
        marks[owner][start:end] = cost
    return marks


def shown(folder: Path, texts: Sequence[str]) -> list[Floats]:
    """Of each text, by character: 1 where a finding of a flagged sentence stands at `balanced`."""
    marks = []
    scorer = Scorer(folder, Scorer(SHIPPED, reader="off").threshold, reader="off")
    for text, report in zip(texts, scorer.score_many(texts), strict=True):
        mark = np.zeros(len(text))
        for sentence in report.sentences:
            for finding in sentence.findings:
                mark[finding.start : finding.end] = 1
        marks.append(mark)
    return marks


class Tagged(NamedTuple):
    """A text with its tokens, or characters, tagged good or bad."""

    text: str
    spans: Array
    bad: Mask
    owner: str
    group: str = ""


def tagged_words(record: Record) -> Tagged:
    """MLQE's tokens with their BAD tags, printed as people would print them."""
    tokens = record["tokenised"].split()
    text, spans = joined(tokens)
    starts = np.cumsum([0, *(len(token) + 1 for token in tokens)])[:-1]
    return Tagged(
        text, np.array(spans), np.isin(starts, [a for a, _ in record["bad"]]), str(record["doc"]), record["lp"]
    )


def tagged_characters(record: Record) -> Tagged:
    """MQM's characters, bad where a rater marked an error that shows without the source."""
    bad = np.zeros(len(record["text"]), bool)
    for start, end in record["visible"]:
        bad[start:end] = True
    places = np.arange(len(bad))
    return Tagged(record["text"], np.stack([places, places + 1], axis=1), bad, str(record["doc"]))


def scored(marker: Marker, tagged: Sequence[Tagged]) -> list[Floats]:
    """Of each text, by token: the mean mark of its characters."""
    found = []
    for mark, some in zip(marker([some.text for some in tagged]), tagged, strict=True):
        upto = np.concatenate([[0.0], np.cumsum(mark)])
        starts, ends = some.spans.T
        found.append((upto[ends] - upto[starts]) / (ends - starts))
    return found


def counted(scores: Sequence[Floats], tagged: Sequence[Tagged], above: float) -> Array:
    """(texts, 4) true and false positives, false and true negatives."""
    pairs = [(score > above, some.bad) for score, some in zip(scores, tagged, strict=True)]
    return np.array([[(m & b).sum(), (m & ~b).sum(), (~m & b).sum(), (~m & ~b).sum()] for m, b in pairs], float)


Agreement = Callable[[Array, Array], Draws]


def best_limit(scores: Sequence[Floats], tagged: Sequence[Tagged], agreement: Agreement) -> float:
    """Of fifty thresholds the one with the best agreement, in the mean of the groups."""
    candidates = np.unique(np.quantile(np.concatenate(scores), np.linspace(0.01, 0.99, 50)))
    groups = np.unique([some.group for some in tagged], return_inverse=True)[1]
    weights = (groups == np.arange(groups.max() + 1)[:, None]).astype(float)
    reached = [np.nan_to_num(agreement(counted(scores, tagged, at), weights)).mean() for at in candidates]
    return float(candidates[int(np.argmax(reached))])


def agreed(marker: Marker, agreement: Agreement, read_off: Sequence[Tagged], told: Sequence[Tagged]) -> Draws:
    """Agreement of the marks on `told`, at the threshold that is best on `read_off`."""
    at = best_limit(scored(marker, read_off), read_off, agreement)
    return agreement(counted(scored(marker, told), told, at), resample([some.owner for some in told]))


def on_words(markers: Mapping[str, Marker], on: Material, data: Path) -> dict[str, Draws]:
    """MCC and F1 of marks, their thresholds read off the other pairs and other documents of fit/.

    markers: by the language pair that was left out.
    """
    learnt = list(read_records(data / "fit" / "mlqe.jsonl.xz"))
    figures = []
    for pair in PAIRS:
        others = [tagged_words(record) for record in [record for record in learnt if record["lp"] != pair][::24]]
        figures.append(agreed(markers[pair], mcc, others, [tagged_words(record) for record in on.mlqe[pair]]))
    read_off, held_out = by_document(list(read_records(data / "fit" / "mqm.jsonl.xz")), MQM_HELD_OUT)
    others, told = ([tagged_characters(record) for record in some] for some in (read_off[::7], held_out[::3]))
    return {"words mcc": np.mean(figures, axis=0), "words f1": agreed(markers[""], f1, others, told)}


def on_words_shown(folder: Callable[[str], Path], on: Material) -> dict[str, Draws]:
    """MCC of the findings that a user sees at `balanced`."""
    figures = []
    for pair in PAIRS:
        told = [tagged_words(record) for record in on.mlqe[pair]]
        table = counted(scored(partial(shown, folder(pair)), told), told, 0.5)
        figures.append(mcc(table, resample([some.owner for some in told])))
    return {"words mcc balanced": np.mean(figures, axis=0)}


# The run.


def judged(score: Score, on: Material) -> Judge:
    """A judge that has seen the panel."""
    return Judge(score, score(on.panel))


def learnt_systems(folds: Mapping[str, Fold], on: Material) -> Iterator[System]:
    """The systems that learn from the training rows."""
    makers: list[tuple[str, str, Callable[[Fold], Score]]] = [
        ("garble", "the shipped model", lambda fold: partial(card_score, fold.card)),
        (
            "gradient-boosted trees",
            "on garble's features; the gap that the additive form leaves",
            lambda fold: partial(trees_score, fold.trees, fold.typical),
        ),
        (
            "TF-IDF + logistic regression",
            "words and pairs of words",
            lambda fold: partial(fitted_score, fold.words, terms),
        ),
        (
            "length only",
            "a spline of the number of characters",
            lambda fold: partial(fitted_score, fold.length, length),
        ),
    ]
    for name, note, score in makers:
        judges = {pair: judged(score(fold), on) for pair, fold in folds.items()}
        yield System(name, note, judges[""], {pair: judges[pair] for pair in PAIRS})


def peer_systems(on: Material, pool: ProcessPoolExecutor) -> Iterator[System]:
    """The systems that learn nothing."""
    perplexity = judged(bits, on)
    note = "mean bits a token, garble's own word n-grams read forwards"
    yield System("n-gram perplexity", note, perplexity, dict.fromkeys(PAIRS, perplexity))
    for name, peer in PEERS.items():
        if peer.installed:
            judge = judged(partial(peer_score, peer.score, pool), on)
            yield System(name, peer.note, judge, dict.fromkeys(PAIRS, judge), peer)


def measured(
    system: System, on: Material, pool: ProcessPoolExecutor, folder: Callable[[str], Path], data: Path
) -> dict[str, Draws]:
    """All figures of one system."""
    found = {**on_needle(system, on), **on_mlqe(system, on), **on_gug(system, on), **on_demetr(system, on)}
    found |= {**on_damage(system, on), **on_planted(system, on, pool), **on_human(system, on, pool)}
    found |= on_stitched(system, on, folder)
    if system.peer is None and system.name != "n-gram perplexity":
        found |= on_calibration(system, on)
    if system.name == "garble":
        found |= on_words({pair: partial(evidence, folder(pair)) for pair in ("", *PAIRS)}, on, data)
        found |= on_words_shown(folder, on)
    if system.name == "n-gram perplexity":
        found |= on_words(dict.fromkeys(("", *PAIRS), partial(surprise, on.lm)), on, data)
    return found


ABLATED = (*CATCHES, *MADE)


def ablation(folds: Mapping[str, Fold], on: Material) -> dict[str, dict[str, dict[str, float]]]:
    """The main figures of scorecards fitted without one family of signals each, on a part of the rows."""
    found = {}
    for family in folds[""].ablated:
        judges = {pair: judged(partial(card_score, fold.ablated[family]), on) for pair, fold in folds.items()}
        system = System(family, "", judges[""], {pair: judges[pair] for pair in PAIRS})
        draws = {**on_needle(system, on), **on_mlqe(system, on), **on_gug(system, on), **on_demetr(system, on)}
        draws |= {**on_damage(system, on), **on_calibration(system, on)}
        kept = {name: values for name, values in draws.items() if name in ABLATED}
        found[f"without {family}" if family else "all signals"] = summaries(kept)
    return found


def run(data: Path) -> dict[str, Any]:
    """Fit, score and measure."""
    begin = time.perf_counter()

    def log(what: str) -> None:
        print(f"{time.perf_counter() - begin:5.0f} s  {what}", flush=True)

    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(WORKERS) as pool:
        pending = {pair: pool.submit(fit, data, pair) for pair in ("", *PAIRS)}
        on = material(data)
        log(f"{len(on.panel.texts)} human sentences; {sum(len(some.texts) for some in on.sets.values())} others")
        folds = {pair: fold.result() for pair, fold in pending.items()}
        log("fitted")
        agrees(folds[""].card, on)
        folders = {"": SHIPPED, **{pair: saved(folds[pair].card, Path(scratch) / pair) for pair in PAIRS}}
        systems = {}
        notes = {}
        for system in (*learnt_systems(folds, on), *peer_systems(on, pool)):
            draws = measured(system, on, pool, folders.__getitem__, data)
            systems[system.name] = summaries(draws)
            notes[system.name] = system.note
            log(system.name)
        for name, peer in PEERS.items():
            systems.setdefault(name, {})
            notes.setdefault(name, f"{peer.note} (not installed)")
        ablated = ablation(folds, on)
        log("ablation")
    return {
        "date": date.today().isoformat(),
        "signature": Scorer(SHIPPED, reader="off").signature,
        "seconds": round(time.perf_counter() - begin),
        "sentences": {"human": len(on.panel.texts), "made damage": {n: len(s.texts) for n, s in on.damaged.items()}},
        "notes": notes,
        "systems": systems,
        "ablation": ablated,
    }


def agrees(card: Scorecard, on: Material) -> None:
    """Stop where the benchmark's reading of the scorer's rules is no longer the scorer's own."""
    reported = np.array([sentence.score for report in on.panel_reports for sentence in report.sentences])
    if not np.allclose(card_score(card, on.panel), reported, atol=1e-6):
        raise SystemExit("Sentences.silent no longer follows the rules of garble.scorer: bring it up to date")


def saved(card: Scorecard, folder: Path) -> Path:
    """A model folder with this scorecard and the shipped language model."""
    folder.mkdir(parents=True)
    card.save(folder / "scorecard.json")
    (folder / "lm.npz").symlink_to((SHIPPED / "lm.npz").resolve())
    return folder


# The tables.


def is_share(name: str) -> bool:
    """Figures that are shares of sentences or of documents."""
    return name.startswith(("human", "made", "planted", "fluent")) or "recall" in name


def shown_value(name: str, value: float) -> str:
    """A number such as ".870", or "87.0 %" for a share."""
    if np.isnan(value):
        return "–"
    return f"{100 * value:.1f} %" if is_share(name) else f"{value:.3f}".replace("0.", ".", 1)


def shown_figure(name: str, found: Mapping[str, Mapping[str, float]], interval: bool = True) -> str:
    """A figure with its interval: ".870 (.812 to .911)"."""
    if name not in found:
        return "–"
    value, low, high = (shown_value(name, found[name][key]) for key in ("value", "low", "high"))
    return f"{value} ({low.removesuffix(' %')} to {high})" if interval else value


def shown_target(name: str, figure: Figure) -> str:
    """The target as the issue gives it."""
    if figure.target is None:
        return ""
    value = f"{100 * figure.target:g} %" if is_share(name) else f"{figure.target:.2f}".lstrip("0")
    return f"≤ {value}" if figure.at_most else value


def is_reached(figure: Figure, value: float) -> str:
    """Whether the target is met."""
    if figure.target is None:
        return ""
    return "yes" if (value <= figure.target if figure.at_most else value >= figure.target) else "**no**"


def table(rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first row heads it."""
    head, *body = ([*row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


Systems = Mapping[str, Mapping[str, Mapping[str, float]]]


def goals_table(systems: Systems) -> str:
    """A row a figure: garble, what to reach, the trees, and the best of the other systems."""
    rows = [["figure", "garble", "to reach", "reached", "trees", "best of the others"]]
    for heading, figures in GOALS.items():
        for name, figure in figures.items():
            if name not in systems["garble"]:
                continue
            others = {
                found[name]["value"]: other
                for other, found in systems.items()
                if name in found and other not in ("garble", "gradient-boosted trees") and not figure.at_most
            }
            best = max(others) if others and figure.target is not None else None
            rows.append(
                [
                    f"{heading}{figure.title}",
                    shown_figure(name, systems["garble"]),
                    shown_target(name, figure),
                    is_reached(figure, systems["garble"][name]["value"]),
                    shown_figure(name, systems["gradient-boosted trees"], interval=False),
                    "" if best is None else f"{shown_value(name, best)} {others[best]}",
                ]
            )
    return table(rows)


def systems_table(figures: Mapping[str, Figure], systems: Systems) -> str:
    """A row a system, a column a figure, what to reach in the last row."""
    rows = [["", *(figure.title for figure in figures.values())]]
    for system, found in systems.items():
        rows.append([system, *(shown_figure(name, found) if found else "not installed" for name in figures)])
    if any(figure.target is not None for figure in figures.values()):
        rows.append(["**to reach**", *(shown_target(name, figure) for name, figure in figures.items())])
    return table(rows)


def figures_table(figures: Mapping[str, Figure], systems: Systems) -> str:
    """A row a figure, a column a system; the interval for garble alone."""
    present = {name: found for name, found in systems.items() if found}
    rows = [["", *present]]
    for name, figure in figures.items():
        cells = [shown_figure(name, found, interval=system == "garble") for system, found in present.items()]
        rows.append([figure.title, *cells])
    return table(rows)


GOALS: dict[str, Mapping[str, Figure]] = {
    "": {**CATCHES, **CALIBRATION},
    "marks: ": WORDS,
    "made damage, recall: ": MADE,
    "one damaged sentence: ": {name: figure for name, figure in PASSAGES.items() if name.startswith("planted")},
    "stitched documents: ": {**{n: f for n, f in PASSAGES.items() if n.startswith("stitched")}, **POOLED},
    "flagged: ": COSTS,
}


def rendered(results: Mapping[str, Any]) -> dict[str, str]:
    """By marker, what stands between the marks of README.md."""
    systems: Systems = results["systems"]
    kinds = [name for name in systems["garble"] if name.startswith("demetr ")]
    demetr = {name: Figure(name.partition("_")[2].replace("_", " ") or "mean") for name in kinds}
    marking = {name: found for name, found in systems.items() if "words mcc" in found}
    notes = "\n".join(f"- {name}: {note}." for name, note in results["notes"].items())
    head = f"Measured on {results['date']} with `{results['signature']}` in {results['seconds']} s on two cores."
    return {
        "run": f"{head}\n\n{notes}",
        "goals": goals_table(systems),
        "catches": systems_table(CATCHES, systems),
        "made": systems_table(MADE, systems),
        "passages": systems_table(PASSAGES, systems),
        "costs": systems_table(COSTS, systems),
        "pairs": figures_table(BY_PAIR, systems),
        "words": systems_table(WORDS, marking),
        "demetr": figures_table(demetr, systems),
        "ablation": figures_table({**CATCHES, **MADE}, results["ablation"]),
    }


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with each part between its marks, `<!-- NAME -->` and `<!-- /NAME -->`."""
    for name, part in parts.items():
        opened, closed = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = page.partition(opened)
        _, ended, after = rest.partition(closed)
        if not (found and ended):
            raise ValueError(f"no {opened} ... {closed} on the page")
        page = f"{before}{opened}\n{part}\n{closed}{after}"
    return page


def publish(path: Path, results: Mapping[str, Any], parts: Mapping[str, str]) -> None:
    """Write results as JSON, and their tables between their marks in README.md."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    README.write_text(filled(README.read_text(encoding="utf-8"), parts), encoding="utf-8")


def main() -> None:
    """Measure, and write the results and the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    results = run(parser.parse_args().data)
    parts = rendered(results)
    publish(RESULTS, results, parts)
    print(parts["goals"])


if __name__ == "__main__":
    main()
