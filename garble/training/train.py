"""From labelled records to a model: `models/en` by one command, the same bytes from the same data and seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from garble.columns import lm as language_model
from garble.columns.arrays import Floats, Mask, offsets
from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.columns.packets import packets
from garble.models.scorecard import Network, Pooling, Scorecard, logit, sigmoid
from garble.network.reader import FILES as READER_FILES
from garble.network.reader import Reader
from garble.network.reader import load as load_reader
from garble.scorer import Scorer
from garble.signals import FEATURES, FEATURES_READ, PLACES, SIGNALS, extract, heard
from garble.text.alphabet import encode
from garble.text.layout import KINDS, PROSE
from garble.text.segmentation import Document, segment, whole
from garble.training import estimation
from garble.training.corrupt import corrupt
from garble.training.data import Record, by_document, clean_texts, post_edited, read_records

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
# A network does not see loops and broken characters well: the other signals keep at least so much of their weight.
_LEAST_SCALE = 0.8
# What a contrast counts for, against a sentence.
_WEIGHT_OF_PAIRS = 3.0
# Share of the words edited (HTER) from which a correction is a contrast.
_MUCH_CORRECTED = 0.3

# Where a network reads, it takes so much time that less text has to do; of the panels, too, a part.
_CHARACTERS_READ, _CHARACTERS_OF_PANEL = 120_000, 200_000
# The features that a scorecard is fitted on: all but the last, which has weights by rule.
FITTED = tuple(name for name in FEATURES if name != "repetition.looped")
# Shares of a sentence in loops beyond their first turn, and what they add to the log-odds.
_LOOPED_SHARES, _LOOPED_ODDS = (0.0, 0.1, 0.25, 0.4, 0.5, 0.75, 1.0), (0.0, 1.5, 4.0, 9.0, 14.0, 14.0, 14.0)
# Share of the sentences of each kind of human text that a network may flag beyond the scorecard.
_COST_OF_READING = 0.005
# Share of human documents that a network reads where the scorecard is unsure.
_READ = 0.1

# Kinds that may cost twice as much: they break the rules of English on purpose, or for want of practice.
_LICENSED = ("poetry", "dialect fiction", "learner sentence")

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


def labelled_documents(
    data: Path, rng: Random, without: str = "", deep: bool = False, characters: int = _CHARACTERS_A_KIND
) -> tuple[list[Document], Mask]:
    """What the scorecard learns from: human documents partly corrupted, bad and sound machine translation.

    And which of all their sentences are garbled. without: a language pair ("ro-en") that is left out, so that a figure
    on it is one on a pair never seen. deep: for a scorecard with a network, leave
    out, too, the translations that the network was taught with.
    """
    documents: list[Document] = []
    labels: list[Mask] = []
    for text in human_texts(data, rng, characters):
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


def human_texts(data: Path, rng: Random, characters: int = _CHARACTERS_A_KIND) -> Iterator[str]:
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
        yield from next(packets(kinds[kind], characters, len))


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


class Added(NamedTuple):
    """What `fitted_on_top` found. knots, weights: (features, knots a feature). scale, shift: of the log-odds before."""

    knots: Floats
    weights: Floats
    scale: float
    shift: float


def fitted_on_top(
    odds: tuple[Floats, Floats, Floats], x: tuple[Floats, Floats, Floats], y: Mask, scales: tuple[float, float | None]
) -> Added:
    """What more features are worth on top of a scorecard: splines of degree 1 that never fall.

    odds, x: of sentences (n,), (n, features), and of pairs of which the first side is to score above the second.
    y: (n,) which sentences are garbled. scales: the least and the most that the odds may be multiplied by.
    """
    from scipy.optimize import minimize
    from sklearn.preprocessing import SplineTransformer

    knots = np.stack([knots_of(column) for column in x[0].T])
    spline = SplineTransformer(degree=1, knots=knots.T, extrapolation="constant").fit(x[0])
    # A spline's values at its knots are sums of steps of 0 or more: what is doubted more never counts less.
    steps = np.kron(np.eye(len(knots)), np.tril(np.ones((knots.shape[1], knots.shape[1]))))
    rows, worse, better = (
        np.column_stack([before, spline.transform(some) @ steps]) for before, some in zip(odds, x, strict=True)
    )
    # A sound sentence counts with its signs turned, so that all that is shown is to come out above 0.
    sign = np.concatenate([np.where(y, 1.0, -1.0), np.ones(len(worse))])
    shown = np.concatenate([rows, worse - better]) * sign[:, None]
    weight = np.concatenate([np.ones(len(y)), np.full(len(worse), _WEIGHT_OF_PAIRS)])

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = shown @ weights
        slope = -weight * sigmoid(-odds)
        total = weight @ np.logaddexp(0, -odds) + weights[1:] @ weights[1:] / (2 * _STRENGTH)
        return float(total), shown.T @ slope + np.append(0.0, weights[1:]) / _STRENGTH

    start = np.append(max(scales[0], 1.0), np.zeros(shown.shape[1] - 1))
    free = np.arange(len(start) - 1) % knots.shape[1] == 0
    bounds = [scales, *((None, None) if at else (0.0, None) for at in free.tolist())]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 3000}).x
    weights = (steps @ found[1:]).reshape(knots.shape)
    # Where a feature is 0 it adds nothing.
    usual = np.array([np.interp(0.0, row, values) for row, values in zip(knots, weights, strict=True)])
    return Added(knots, weights - usual[:, None], float(found[0]), float(usual.sum()))


def extended(card: Scorecard, x: Floats, y: Mask, names: tuple[str, ...], pairs: tuple[Floats, Floats]) -> Scorecard:
    """A scorecard that also weighs a network's features; what it says of sentences that are not read stays.

    x: (sentences, features) in the order of an extraction, those of `names` last; pairs: likewise, as in
    `fit_scorecard`. The card's own log-odds are multiplied by `_LEAST_SCALE` or more.
    """
    assert card.network is not None
    more = [PLACES[name] for name in names]
    odds = first_odds(card, x), first_odds(card, pairs[0]), first_odds(card, pairs[1])
    added = fitted_on_top(odds, (x[:, more], pairs[0][:, more], pairs[1][:, more]), y, (_LEAST_SCALE, None))
    network = replace(card.network, scale=added.scale, intercept=added.shift)
    return replace(_with(card, names, added), network=network)


def with_loops(card: Scorecard) -> Scorecard:
    """The card, for which a sentence of which half stands in a loop beyond its first turn is garbled.

    Not fitted: what `garble.loops` finds is a loop, as benchmarks/loops.py measures.
    """
    added = Added(np.array([_LOOPED_SHARES]), np.array([_LOOPED_ODDS]), 1.0, 0.0)
    return _with(card, ("repetition.looped",), added)


def _with(card: Scorecard, names: tuple[str, ...], added: Added) -> Scorecard:
    return replace(
        card,
        features=card.features + names,
        knots=np.concatenate([card.knots, added.knots]),
        weights=np.concatenate([card.weights, added.weights]),
    )


def aligned(card: Scorecard, alone: Mapping[str, Floats], together: Mapping[str, Floats]) -> Scorecard:
    """The card with the intercept of sentences that are read set so that the network costs what it may.

    In every kind of human text it flags no more than `_COST_OF_READING` of the sentences beyond those that the
    scorecard flags at the balanced threshold. alone, together: by kind the scores of the panel's sentences, by the
    scorecard and by both.
    """
    assert card.network is not None
    balanced = card.thresholds["balanced"]
    highest = -np.inf
    for kind, scores in together.items():
        share = _COST_OF_READING * (2 if kind in _LICENSED else 1)
        more = np.where(alone[kind] < balanced, logit(np.clip(scores, 1e-9, 1 - 1e-9)), -np.inf)
        highest = max(highest, float(np.sort(more)[::-1][int(share * len(more))]))
    shift = float(logit(np.array(balanced))) - highest - 1e-4
    return replace(card, network=replace(card.network, intercept=card.network.intercept + shift))


def first_odds(card: Scorecard, x: Floats) -> Floats:
    """(sentences,) log-odds by the card alone. x: (sentences, features) in the order of an extraction."""
    said = card.contributions(x[:, [PLACES[name] for name in card.features]])
    return np.asarray(card.intercept + said.sum(axis=1))


def thresholds_of(panel: Mapping[str, Floats]) -> dict[str, float]:
    """For each named threshold the lowest score that no kind of human text reaches more often than it may.

    panel: for each kind the scores of its sentences. Those of `_LICENSED` may cost twice as much as the others.
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
        count = len(FITTED)
        x, y = features[prose][:, :count], garbled[prose]
        log(f"fitting {count} features of {len(x)} sentences, {y.mean():.0%} of them garbled")
        worse, better = (side[:, :count] for side in contrasts(data, lm))
        card, _ = fit_scorecard(x, y, FITTED, np.median(x[~y], axis=0), (worse, better))
        finish(with_loops(replace(card, name="en-2")), part, data, seed, log)


def train_reader(data: Path, network: Path, out: Path, base: str, seed: int, log: Log) -> None:
    """Teach a scorecard what a network's verdicts weigh, and write the model that reads with it into `out`.

    network: the folder with network.onnx, network.npz and tokenizer.json, which are taken over. base: the model whose
    scorecard is extended, and whose language model is used. What the network was taught with is left out. Raises
    ValueError, in one line, where the network cannot be read.
    """
    with written_whole(out) as part:
        plain = Scorer(base, reader="off")
        for file in READER_FILES:
            (part / file).write_bytes((network / file).read_bytes())
        own = (out / "lm.npz").is_file()
        header = Network("" if own else base, ((0.0, 1.0),) * 3)
        card = replace(plain.card, name=out.resolve().name, network=header)
        if own:
            (part / "lm.npz").write_bytes((out / "lm.npz").read_bytes())
        texts = thinned(clean_texts(data, held_out=True), _CHARACTERS_READ // 4)
        log("reading clean text")
        card = replace(card, network=replace(header, usual=usual_opinion(load_reader(part, card), texts)))
        reader = load_reader(part, card)
        x, y, pairs = deep_rows(data, plain.lm, reader, Random(seed))
        log(f"fitting {len(FEATURES_READ)} features of {len(x)} sentences, {y.mean():.0%} of them garbled")
        card = extended(card, x, y, FEATURES_READ, pairs).sealed(part)
        card.save(part / "scorecard.json")
        log("reading the panels")
        panel = panel_of(data)
        # With a threshold that nothing reaches the scorecard alone counts for nothing.
        replace(card, thresholds={"balanced": 1 - 1e-6}).save(part / "scorecard.json")
        together = panel_scores(Scorer(part, 1.0), panel)
        card = aligned(card, panel_scores(plain, panel), together)
        card.save(part / "scorecard.json")
        log("pooling documents")
        pooling = fit_pooling(Scorer(part, 1.0), data, Random(seed), _CHARACTERS_READ)
        unsure = excess_quantile(Scorer(part, 1.0, reader="off"), data, Random(seed))
        assert card.network is not None
        card = replace(card, network=replace(card.network, pooling=pooling, unsure=unsure))
        card.save(part / "scorecard.json")
        log(f"thresholds {card.thresholds}, {card.network}")


def deep_rows(
    data: Path, lm: LanguageModel, reader: Reader, rng: Random, without: str = ""
) -> tuple[Floats, Mask, tuple[Floats, Floats]]:
    """Features, labels and contrasts for a scorecard with a network, from what that was not taught with."""
    documents, garbled = labelled_documents(data, rng, without, deep=True, characters=_CHARACTERS_READ)
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


def thinned(texts: Iterable[tuple[str, str]], characters: int) -> list[str]:
    """Of each kind the first texts, as many characters at most."""
    kinds: dict[str, list[str]] = {}
    size: dict[str, int] = {}
    for kind, text in texts:
        if size.get(kind, 0) + len(text) <= characters or not size.get(kind):
            kinds.setdefault(kind, []).append(text)
            size[kind] = size.get(kind, 0) + len(text)
    return [text for kind in sorted(kinds) for text in kinds[kind]]


def excess_quantile(scorer: Scorer, data: Path, rng: Random) -> float:
    """The excess that all but a tenth of human documents stay below."""
    assert scorer.card.pooling is not None
    scores = prose_scores(scorer, human_texts(data, rng, _CHARACTERS_READ))
    return round(float(np.quantile([scorer.card.pooling.excess(some) for some in scores if len(some)], 1 - _READ)), 4)


def finish(card: Scorecard, folder: Path, data: Path, seed: int, log: Log) -> None:
    """Fit how a scorecard's documents are pooled, read its thresholds off the panels, and write it.

    Logs shares of human sentences that are flagged, cross-fitted.
    """
    card.save(folder / "scorecard.json")
    card = replace(card, pooling=fit_pooling(Scorer(folder, 1.0), data, Random(seed), _CHARACTERS_A_KIND))
    scorer = Scorer(folder, 1.0)
    panels = [panel_scores(scorer, half) for half in by_document(panel_of(data), 0.5)]
    names = sorted({*panels[0], *panels[1]})
    kinds = {kind: np.concatenate([panel[kind] for panel in panels if kind in panel]) for kind in names}
    thresholds = thresholds_of(kinds)
    log(f"thresholds {thresholds}")
    for kind in (kind for kind in names if all(kind in panel for panel in panels)):
        figures = ", ".join(f"{name} {share:.2%}" for name, share in cross_fitted(panels, kind).items())
        log(f"{kind}, {len(kinds[kind])} sentences: {figures}")
    replace(card, thresholds=thresholds).sealed(folder).save(folder / "scorecard.json")


def prose_scores(scorer: Scorer, texts: Iterable[str]) -> list[Floats]:
    """For each text the scores of its sentences of prose."""
    reports = scorer.score_many(texts)
    return [np.array([s.score for s in report.sentences if s.kind == KINDS[PROSE]]) for report in reports]


def fit_pooling(scorer: Scorer, data: Path, rng: Random, characters: int) -> Pooling:
    """From human documents, and documents stitched from bad machine translation of one language pair.

    characters: of human text of each kind.
    """
    from sklearn.linear_model import LogisticRegression

    human = prose_scores(scorer, human_texts(data, rng, characters))
    human = [scores for scores in human if len(scores) >= _FEWEST_POOLED]
    means = np.array([logit(scores).mean() for scores in human])
    odds = logit(np.concatenate(human))
    by_chance = odds.var() * np.mean([1 / len(scores) for scores in human])
    style = float(np.sqrt(max(means.var() - by_chance, 0.0)))
    usual = Pooling(float(odds.mean()), float(odds.std()), style, 1.0, 0.0)
    bad: dict[str, list[str]] = {}
    for record in post_edited(data)[1]:
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


def panel_of(data: Path) -> list[Record]:
    """English by people that thresholds are read off, of each kind some documents."""
    records: list[Record] = []
    size: dict[str, int] = {}
    for name in ("human", "panel2"):
        for record in read_records(data / "dev" / f"{name}.jsonl.xz"):
            kind = record["kind"]
            if record.get("lang", "en") == "en" and size.get(kind, 0) < _CHARACTERS_OF_PANEL:
                size[kind] = size.get(kind, 0) + len(record["text"])
                records.append(record)
    return records


def panel_scores(scorer: Scorer, records: list[Record]) -> dict[str, Floats]:
    """For each kind of text the scores of all its sentences, as a user of the model sees them."""
    scores: dict[str, list[float]] = {}
    reports = scorer.score_many(record["text"] for record in records)
    for record, report in zip(records, reports, strict=True):
        scores.setdefault(record["kind"], []).extend(sentence.score for sentence in report.sentences)
    return {kind: np.array(values) for kind, values in sorted(scores.items())}
