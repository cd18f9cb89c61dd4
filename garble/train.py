"""From labelled records to a model: `models/en` by one command, the same bytes from the same data and seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from garble import estimation
from garble import lm as language_model
from garble.alphabet import encode
from garble.batch import Batch, Floats, Mask, offsets, packets
from garble.corrupt import corrupt
from garble.data import Record, by_document, clean_texts, post_edited, read_records
from garble.deep.reader import Reader
from garble.deep.reader import load as load_reader
from garble.layout import KINDS, PROSE
from garble.lm import LanguageModel
from garble.model import Network, Pooling, Scorecard, logit, sigmoid
from garble.scorer import Scorer
from garble.signals import FEATURES, FEATURES_READ, PLACES, SIGNALS, extract, heard
from garble.text import Document, segment, whole

Log = Callable[[str], None]

_ANONYMOUS = re.compile(r"\b(?:Caps|Num|Person|Location|Organization)\b")

# Words seen less often are read as unknown; longer n-grams seen less often are left to the shorter ones.
_LEAST_WORD = 3
_LEAST = (1, 2, 3, 4)
_CLASSES = 256
_LEAST_OF_CLASSES = (1, 2, 4, 8, 10)
_DIMENSIONS = 48
# Characters segmented and counted at a time.
_PACKET = 2_000_000


def language_model_texts(data: Path) -> Iterator[str]:
    """The clean English of lm/ and the human corrections of fit/mlqe."""
    yield from (text for _, text in clean_texts(data))
    yield from (record["post_edit"] for record in post_edited(data)[0])


def train_language_model(texts: Iterable[str], seed: int) -> LanguageModel:
    """Count words first, then n-grams; the text is held as one array of word hashes."""
    forms, capitals, words, lengths = [], [], [], []
    spelt: dict[int, str] = {}
    for some in packets(texts, _PACKET, len):
        batch = Batch.of([segment(text) for text in some])
        forms.append(batch.form)
        capitals.append(batch.is_capital)
        words.append(batch.is_word)
        lengths.append(np.diff(batch.tokens))
        distinct, first = np.unique(batch.form, return_index=True)
        for key, token in zip(distinct.tolist(), first.tolist(), strict=True):
            if key not in spelt:
                spelt[key] = batch.pieces(token, token + 1).lower()
    form = np.concatenate(forms)
    distinct, counts = np.unique(form, return_counts=True)
    common = counts >= _LEAST_WORD
    vocabulary = distinct[common][np.lexsort((distinct[common], -counts[common]))]
    numbers = np.arange(len(vocabulary), dtype=np.int32) + language_model.FIRST_WORD
    lookup = language_model.Table.build(vocabulary, numbers)
    ids = language_model.lookup(lookup, form, np.concatenate(capitals), np.concatenate(words))
    stream, _ = language_model.with_borders(ids, offsets(np.concatenate(lengths)))
    size = language_model.FIRST_WORD + len(vocabulary)
    class_of = estimation.cluster(stream, size, _CLASSES, seed)
    spellings = [word for word in map(spelt.__getitem__, vocabulary.tolist()) if word.isalpha()]
    edges = offsets([len(word) for word in spellings])
    letters = estimation.letter_model(encode("".join(spellings)), edges[:-1], edges[1:])
    return LanguageModel(
        lookup,
        class_of.astype(np.uint8),
        estimation.build(stream, size, _LEAST),
        estimation.build(class_of[stream], _CLASSES, _LEAST_OF_CLASSES),
        language_model.quantise(letters),
        estimation.associate(stream, size, _DIMENSIONS, seed),
        np.tile([0.0, 1.0], (4, 1)),
    )


def with_usual(lm: LanguageModel, texts: Iterable[str]) -> LanguageModel:
    """The model with the mean and deviation of what it makes of clean text it has not read."""
    batches = (Batch.of([segment(text) for text in some], lm) for some in packets(texts, _PACKET, len))
    gains = np.concatenate([lm.gains(batch.ids, batch.tokens)[0] for batch in batches], axis=1)
    return replace(lm, usual=np.round(np.stack([np.nanmean(gains, axis=1), np.nanstd(gains, axis=1)], axis=1), 4))


# The scorecard.

# Chosen by hand with an eye on figures of dev/, which is otherwise only measured on.
_CORRUPTED_SHARE = 0.2
_CHARACTERS_A_KIND = 1_500_000
_QUANTILES = (0.01, 0.1, 0.35, 0.65, 0.9, 0.98, 0.998)
# Of features that are mostly 0, besides that: a small share of a long sentence is as sure a sign as a large one.
_QUANTILES_OF_SPARSE = (0.01, 0.2, 0.5, 0.8, 0.95, 0.998)
_STRENGTH = 5.0
# Direct assessments (0-100) below and from which a machine translation counts as garbled, and as sound.
_GARBLED_BELOW, _SOUND_FROM = 30, 70
# Sentences that a document needs to be pooled, and how many human ones there are for a garbled one.
_FEWEST_POOLED, _HUMAN_TO_GARBLED = 4, 20
# What a contrast counts for, against a sentence.
_WEIGHT_OF_PAIRS = 3.0
# Share of the words edited (HTER) from which a correction is a contrast.
_MUCH_CORRECTED = 0.3

# Share of the clean sentences that a network is asked of: it takes twelve times as long as all else.
_READ = 0.06

_LICENSED = ("poetry", "dialect fiction")

# Shares of human sentences that each threshold may flag.
COSTS = {"strict": 0.001, "balanced": 0.01, "loose": 0.05}


def corrupted_document(text: str, rng: Random) -> tuple[Document, Mask]:
    """A human text with some of its sentences corrupted, and which sentences those are."""
    said: list[str] = []
    garbled: list[tuple[int, int]] = []
    size = end = 0
    before: list[str] = []
    for start, stop in segment(text).sentences.tolist():
        sentence = text[start:stop]
        damaged = corrupt(sentence, rng, before) if rng.random() < _CORRUPTED_SHARE else sentence
        size += start - end
        if damaged != sentence:
            garbled.append((size, size + len(damaged)))
        said += [text[end:start], damaged]
        size, end = size + len(damaged), stop
        before.append(sentence)
    document = segment("".join(said) + text[end:])
    return document, document.touched(garbled)


def alone(document: Document) -> list[Document]:
    """Each sentence of a document as a document of its own."""
    return [whole(piece) for piece in document.slices()]


def features_of(documents: Iterable[Document], lm: LanguageModel, reader: Reader | None = None) -> tuple[Floats, Mask]:
    """(sentences, features) of all documents in order, and which sentences are prose; a reader reads them all."""
    features, prose = [], []
    for some in packets(documents, _PACKET // 4, lambda document: len(document.text)):
        batch = Batch.of(some, lm)
        extraction = extract(batch)
        if reader is not None:
            extraction = heard(extraction, batch, reader.read(batch, np.ones(len(batch), bool)))
        features.append(extraction.features)
        prose.append(batch.kind == PROSE)
    return np.concatenate(features), np.concatenate(prose)


def labelled_documents(data: Path, rng: Random, without: str = "", deep: bool = False) -> tuple[list[Document], Mask]:
    """What the scorecard learns from: human documents partly corrupted, bad and sound machine translation.

    And which of all their sentences are garbled. without: a language pair ("ro-en") that is left out, so that a figure
    on it is one on a pair never seen. deep: for a scorecard with a network, leave
    out, too, the translations that the network was taught with.
    """
    documents: list[Document] = []
    labels: list[Mask] = []
    for text in human_texts(data, rng):
        document, garbled = corrupted_document(text, rng)
        # Half of them sentence by sentence, so that standing alone is no mark of either class.
        documents += alone(document) if rng.random() < 0.5 else [document]
        labels.append(garbled)
    for record in post_edited(data)[1] if deep else read_records(data / "fit" / "mlqe.jsonl.xz"):
        if record["lp"] != without and not _GARBLED_BELOW <= record["da"] < _SOUND_FROM:
            documents.append(whole(record["text"]))
            labels.append(np.array([record["da"] < _GARBLED_BELOW]))
    return documents, np.concatenate(labels)


def contrasts(data: Path, lm: LanguageModel, without: str = "", reader: Reader | None = None) -> tuple[Floats, Floats]:
    """Features of machine translations that were much corrected, and of their corrections: what they say cancels."""
    pairs = [r for r in post_edited(data)[1] if r["lp"] != without and r["hter"] >= _MUCH_CORRECTED]
    # Corrections come as separate tokens, so their originals are taken so too.
    sides = [[whole(record[side]) for record in pairs] for side in ("tokenised", "post_edit")]
    worse, better = (features_of(side, lm, reader)[0] for side in sides)
    return worse, better


def human_texts(data: Path, rng: Random) -> Iterator[str]:
    """Human documents of many kinds, of each as many characters at most: fit/human, and what lm/ held out."""
    kinds: dict[str, list[str]] = {}
    for record in read_records(data / "fit" / "human.jsonl.xz"):
        # The essays hide names behind words such as "Caps"; such a text says nothing about names that come again.
        if not _ANONYMOUS.search(record["text"]):
            kinds.setdefault(record["kind"], []).append(record["text"])
    for kind, text in clean_texts(data, held_out=True):
        kinds.setdefault(kind, []).append(text)
    for kind in sorted(kinds):
        rng.shuffle(kinds[kind])
        yield from next(packets(kinds[kind], _CHARACTERS_A_KIND, len))


def knots_of(values: Floats) -> Floats:
    """Rising knots for one feature: its quantiles; where most values are 0, that and the quantiles of the others."""
    count = len(_QUANTILES)
    filled = values[values != 0]
    if not len(filled):
        return np.linspace(0, 1, count)
    sparse = len(filled) < len(values) / 2
    knots = np.quantile(filled, _QUANTILES_OF_SPARSE) if sparse else np.quantile(values, _QUANTILES)
    knots = np.unique(np.round([0, *knots] if sparse else knots, 4))
    # Equal quantiles leave gaps to fill: split the widest until there are enough.
    while len(knots) < count:
        widest = int(np.diff(knots).argmax()) if len(knots) > 1 else 0
        between = (knots[widest] + knots[widest + 1]) / 2 if len(knots) > 1 else knots[0] + 1
        knots = np.sort(np.append(knots, between))
    return knots


def fit_scorecard(
    x: Floats, y: Mask, names: tuple[str, ...], typical: Floats, pairs: tuple[Floats, Floats] | None = None
) -> tuple[Scorecard, Any]:
    """Splines of degree 1 into a logistic regression; the scorecard, and the scikit-learn pipeline it came from.

    typical: (features,) of a typical clean sentence, where every contribution is 0.
    pairs: two (pairs, features), each row of the first to score above its row in the second.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    knots = np.stack([knots_of(column) for column in x.T])
    spline = SplineTransformer(degree=1, knots=knots.T, extrapolation="constant").fit(x)
    rows, labels, weight = [spline.transform(x)], [y], [np.ones(len(y))]
    if pairs is not None:
        rows.append(spline.transform(pairs[0]) - spline.transform(pairs[1]))
        labels.append(np.ones(len(pairs[0]), bool))
        weight.append(np.full(len(pairs[0]), _WEIGHT_OF_PAIRS))
    # The splines of a feature sum to one, so the constant is among them, and cancels in a pair as it should.
    regression = LogisticRegression(C=_STRENGTH, max_iter=3000, fit_intercept=False)
    regression.fit(np.concatenate(rows), np.concatenate(labels), np.concatenate(weight))
    # A spline of degree 1 is a hat a knot: the coefficient is the function's value there.
    weights = regression.coef_.reshape(knots.shape)
    # What is marked is a defect and never speaks for a sentence, whatever the company it keeps in the training data.
    marks = np.isin(names, [signal.name for signal in SIGNALS if signal.kind == "marks"])
    weights[marks] = np.maximum(weights[marks], weights[marks, :1])
    usual = np.array([np.interp(typical[j], knots[j], weights[j]) for j in range(len(names))])
    card = Scorecard("", "en", names, float(usual.sum()), knots, weights - usual[:, None], {})
    return card, make_pipeline(spline, regression)


def extended(
    card: Scorecard, x: Floats, y: Mask, names: tuple[str, ...], pairs: tuple[Floats, Floats], unsure: float
) -> Scorecard:
    """A scorecard with more features, for sentences it is unsure of; what it says, and that of all others, stays.

    x: (sentences, features) in the order of an extraction, those of `names` last; pairs: likewise, as in
    `fit_scorecard`. unsure: the score from which sentences are asked for those features, and learnt from.
    """
    from scipy.optimize import minimize
    from sklearn.preprocessing import SplineTransformer

    more = [PLACES[name] for name in names]
    said = [first_odds(card, some) for some in (x, *pairs)]
    asked = [sigmoid(odds) >= unsure for odds in said]
    knots = np.stack([knots_of(column) for column in x[asked[0]][:, more].T])
    spline = SplineTransformer(degree=1, knots=knots.T, extrapolation="constant").fit(x[:, more])
    rows, worse, better = (
        np.where(mask[:, None], spline.transform(some[:, more]), 0.0)
        for mask, some in zip(asked, (x, *pairs), strict=True)
    )
    # A sound sentence counts with its signs turned, so that all that is shown is to come out above 0.
    sign = np.concatenate([np.where(y, 1.0, -1.0), np.ones(len(worse))])
    shown = np.concatenate([rows, worse - better]) * sign[:, None]
    given = np.concatenate([said[0], said[1] - said[2]]) * sign
    weight = np.concatenate([np.ones(len(y)), np.full(len(worse), _WEIGHT_OF_PAIRS)])

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = given + shown @ weights
        slope = -weight * sigmoid(-odds)
        total = weight @ np.logaddexp(0, -odds) + weights @ weights / (2 * _STRENGTH)
        return float(total), shown.T @ slope + weights / _STRENGTH

    found = minimize(loss, np.zeros(shown.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 3000})
    return replace(
        card,
        features=card.features + names,
        knots=np.concatenate([card.knots, knots]),
        weights=np.concatenate([card.weights, found.x.reshape(knots.shape)]),
    )


def first_odds(card: Scorecard, x: Floats) -> Floats:
    """(sentences,) log-odds by the card alone. x: (sentences, features) in the order of an extraction."""
    said = card.contributions(x[:, [PLACES[name] for name in card.features]])
    return np.asarray(card.intercept + said.sum(axis=1))


def thresholds_of(panel: Mapping[str, Floats]) -> dict[str, float]:
    """For each named threshold the lowest score that no kind of human text reaches more often than it may.

    panel: for each kind the scores of its sentences. Verse and dialect may cost twice as much as the others.
    """
    return {
        name: max(_reached_by(scores, share * (2 if kind in _LICENSED else 1)) for kind, scores in panel.items())
        for name, share in COSTS.items()
    }


def _reached_by(scores: Floats, share: float) -> float:
    """The lowest score, to four places, that at most `share` of `scores` reach."""
    beyond = np.sort(scores)[::-1][int(share * len(scores))]
    return float(np.floor(beyond * 1e4) + 1) / 1e4


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """A folder whose files move to `out` when all are written: whoever uses `out` meanwhile finds the old model."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out) as name:
        yield Path(name)
        for path in Path(name).iterdir():
            path.replace(out / path.name)


def train_en(data: Path, out: Path, seed: int, log: Log) -> None:
    """Train the English model on the project's data and write lm.npz and scorecard.json into `out`.

    The thresholds are read off all of dev/human. The shares of human sentences that it logs are cross-fitted: each half
    of the documents is measured at thresholds read off the other.
    """
    with written_whole(out) as part:
        log("counting words")
        lm = train_language_model(language_model_texts(data), seed)
        lm = with_usual(lm, human_texts(data, Random(seed)))
        lm.save(part / "lm.npz")
        log(f"{len(lm.class_of)} words, {sum(len(table.prints) for table in lm.words.longer)} places for n-grams")
        documents, garbled = labelled_documents(data, Random(seed))
        features, prose = features_of(documents, lm)
        x, y = features[prose], garbled[prose]
        log(f"fitting {x.shape[1]} features of {len(x)} sentences, {y.mean():.0%} of them garbled")
        card, _ = fit_scorecard(x, y, FEATURES, np.median(x[~y], axis=0), contrasts(data, lm))
        finish(replace(card, name="en-2"), part, data, seed, log)


def train_deep(data: Path, network: Path, out: Path, seed: int, log: Log) -> None:
    """Add to the scorecard "en" what a network's verdicts weigh, and write all of it into `out`.

    network: the folder with network.onnx and tokenizer.json, which are taken over. What the network was taught with is
    left out. Raises ValueError, in one line, where the network cannot be read.
    """
    with written_whole(out) as part:
        raw = (network / "network.onnx").read_bytes()
        (part / "network.onnx").write_bytes(raw)
        (part / "tokenizer.json").write_bytes((network / "tokenizer.json").read_bytes())
        header = Network("en", sha256(raw).hexdigest(), 0.0, ((0.0, 1.0),) * 3)
        reader, plain = load_reader(part, header), Scorer("en")
        log("reading clean text")
        header = replace(header, usual=usual_opinion(reader, (text for _, text in clean_texts(data, held_out=True))))
        reader = load_reader(part, header)
        x, y, pairs = deep_rows(data, plain.lm, reader, Random(seed))
        header = replace(header, unsure=unsure_from(plain.card, x, y))
        log(f"the network is asked from {header.unsure} on")
        log(f"fitting {len(FEATURES_READ)} features of {len(x)} sentences, {y.mean():.0%} of them garbled")
        card = extended(plain.card, x, y, FEATURES_READ, pairs, header.unsure)
        finish(replace(card, name="en-deep-1", network=header), part, data, seed, log)


def deep_rows(
    data: Path, lm: LanguageModel, reader: Reader, rng: Random, without: str = ""
) -> tuple[Floats, Mask, tuple[Floats, Floats]]:
    """Features, labels and contrasts for a scorecard with a network, from what that was not taught with."""
    documents, garbled = labelled_documents(data, rng, without, deep=True)
    features, prose = features_of(documents, lm, reader)
    return features[prose], garbled[prose], contrasts(data, lm, without, reader)


def usual_opinion(reader: Reader, texts: Iterable[str]) -> tuple[tuple[float, float], ...]:
    """Mean and deviation of the network's verdicts on clean text it has not read."""
    opinions = []
    for some in packets(texts, _PACKET // 4, len):
        batch = Batch.of([segment(text) for text in some])
        opinions.append(reader.read(batch, np.ones(len(batch), bool)))
    verdicts = (np.concatenate(verdict) for verdict in zip(*opinions, strict=True))
    return tuple((round(float(v.mean()), 4), round(float(v.std()), 4)) for v in verdicts)


def unsure_from(card: Scorecard, x: Floats, y: Mask) -> float:
    """The score of the card alone from which the network is asked, so that few clean sentences are read.

    x: (sentences, features) in the order of an extraction; y: which are garbled.
    """
    return round(float(np.quantile(sigmoid(first_odds(card, x[~y])), 1 - _READ)), 4)


def finish(card: Scorecard, folder: Path, data: Path, seed: int, log: Log) -> None:
    """Fit how a scorecard's documents are pooled, read its thresholds off the panel, and write it.

    Logs shares of human sentences that are flagged, cross-fitted.
    """
    card.save(folder / "scorecard.json")
    card = replace(card, pooling=fit_pooling(folder, data, Random(seed)))
    halves = by_document(list(read_records(data / "dev" / "human.jsonl.xz")), 0.5)
    panels = [panel_scores(folder, half) for half in halves]
    kinds = {kind: np.concatenate([panel[kind] for panel in panels]) for kind in panels[0]}
    thresholds = thresholds_of(kinds)
    log(f"thresholds {thresholds}")
    for kind, scores in kinds.items():
        figures = ", ".join(f"{name} {share:.2%}" for name, share in cross_fitted(panels, kind).items())
        log(f"{kind}, {len(scores)} sentences: {figures}")
    replace(card, thresholds=thresholds).save(folder / "scorecard.json")


def fit_pooling(folder: Path, data: Path, rng: Random) -> Pooling:
    """From human documents, and documents stitched from bad machine translation of one language pair."""
    from sklearn.linear_model import LogisticRegression

    scorer = Scorer(folder, threshold=1.0)
    human = [
        np.array([s.score for s in report.sentences if s.kind == KINDS[PROSE]])
        for report in scorer.score_many(human_texts(data, rng))
    ]
    human = [scores for scores in human if len(scores) >= _FEWEST_POOLED]
    means = np.array([logit(scores).mean() for scores in human])
    odds = logit(np.concatenate(human))
    by_chance = odds.var() * np.mean([1 / len(scores) for scores in human])
    style = float(np.sqrt(max(means.var() - by_chance, 0.0)))
    usual = Pooling(float(odds.mean()), float(odds.std()), style, 1.0, 0.0)
    bad: dict[str, list[str]] = {}
    for record in read_records(data / "fit" / "mlqe.jsonl.xz"):
        if record["da"] < _GARBLED_BELOW:
            bad.setdefault(record["lp"], []).append(record["text"])
    stitched = []
    for texts in bad.values():
        scores = scorer.score_sentences(texts)
        rng.shuffle(order := list(range(len(texts))))
        stitched += [scores[order[i : i + size]] for size in (5, 10, 20) for i in range(0, len(order) - size, size)]
    excess = np.array([[usual.excess(scores)] for scores in [*human, *stitched]])
    garbled = np.repeat([False, True], [len(human), len(stitched)])
    # Most documents that a filter meets are human; both kinds weigh as if they were these many to one.
    weight = np.where(garbled, len(human) / len(stitched) / _HUMAN_TO_GARBLED, 1.0)
    fitted = LogisticRegression(C=1e6).fit(excess, garbled, weight)
    return replace(usual, slope=float(fitted.coef_[0, 0]), offset=float(fitted.intercept_[0]))


def cross_fitted(panels: list[dict[str, Floats]], kind: str) -> dict[str, float]:
    """By threshold the share of a kind's sentences that reach it, each of two panels at the other's thresholds."""
    one, other = (
        {name: float((reported[kind] >= at).mean()) for name, at in thresholds_of(read_off).items()}
        for read_off, reported in (panels, panels[::-1])
    )
    return {name: (one[name] + other[name]) / 2 for name in one}


def panel_scores(folder: Path, records: list[Record]) -> dict[str, Floats]:
    """For each kind of text the scores of all its sentences, as a user of the model sees them."""
    scores: dict[str, list[float]] = {}
    reports = Scorer(folder, threshold=1.0).score_many(record["text"] for record in records)
    for record, report in zip(records, reports, strict=True):
        scores.setdefault(record["kind"], []).extend(sentence.score for sentence in report.sentences)
    return {kind: np.array(values) for kind, values in sorted(scores.items())}
