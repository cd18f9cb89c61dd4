"""From labelled records to a model: `models/en` by one command, the same bytes from the same data and seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from garble.columns.batch import Batch
from garble.columns.lm import load as load_language_model
from garble.columns.packets import packets
from garble.models.scorecard import NetworkSettings, Scorecard, clipped_logit
from garble.network.reader import FILES as READER_FILES
from garble.network.reader import Reader
from garble.network.reader import load as load_reader
from garble.scorer import Scorer
from garble.signals import NETWORK_FEATURES
from garble.text.segmentation import segment
from garble.training.data import by_document, clean_texts
from garble.training.examples import (
    CHARACTERS_A_KIND,
    CHARACTERS_OF_PANEL,
    CHARACTERS_READ,
    PACKET,
    contrasts,
    deep_rows,
    features_of,
    human_texts,
    labelled_documents,
    thinned,
)
from garble.training.fitting import BY_HAND, FITTED, extended, fit_scorecard, with_signals_by_hand
from garble.training.language_model import language_model_texts, train_language_model, with_usual
from garble.training.panels import (
    LEVELS,
    SQUEEZED,
    cross_fitted,
    document_scales,
    document_scores,
    panel_of,
    panel_scores,
    scale_of,
    sentence_scale,
    thresholds_of,
)
from garble.training.pooling import excess_quantile, fit_pooling

Log = Callable[[str], None]

# Part of the human documents garbled by mistake that is for worst sentences, and share of human sentences that count as
# equally plain: for a scorecard alone, which sees little of what is wrong throughout a document, and with a network.
_FOR_WORST_ALONE, _FOR_WORST = 1.0, 0.5
_PLAIN_ALONE, _PLAIN = 0.02, 0.5


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """A folder whose files move to `out` when all are written: whoever uses `out` meanwhile finds the old model."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out) as name:
        yield Path(name)
        for path in Path(name).iterdir():
            path.replace(out / path.name)


def train_en(data: Path, out: Path, seed: int, log: Log, language_model: Path | None = None) -> None:
    """Train the English model on the project's data and write lm.npz and scorecard.json into `out`.

    language_model: the lm.npz to reuse; one is trained without it.
    The thresholds are read off all of dev/human. The shares of human sentences that it logs are cross-fitted: each half
    of the documents is measured at thresholds read off the other.
    """
    with written_whole(out) as part:
        if language_model is None:
            log("counting words")
            lm = train_language_model(language_model_texts(data), seed)
            lm = with_usual(lm, human_texts(data, Random(seed)))
            lm.save(part / "lm.npz")
        else:
            lm = load_language_model(language_model)
            (part / "lm.npz").write_bytes(language_model.read_bytes())
        log(f"{len(lm.class_of)} words, {sum(len(table.prints) for table in lm.words.longer)} places for n-grams")
        documents, garbled = labelled_documents(data, Random(seed))
        features, prose = features_of(documents, lm)
        count = len(FITTED)
        x, y = features[prose][:, :count], garbled[prose]
        log(f"fitting {count} features of {len(x)} sentences, {y.mean():.0%} of them garbled")
        worse, better = (side[:, :count] for side in contrasts(data, lm))
        card, _ = fit_scorecard(x, y, FITTED, np.median(x[~y], axis=0), (worse, better))
        finish(with_signals_by_hand(replace(card, name="en-2")), part, data, seed, log)


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
        header = NetworkSettings("" if own else base, ((0.0, 1.0),) * 3)
        card = replace(plain.card, name=out.resolve().name, network=header)
        if own:
            (part / "lm.npz").write_bytes((out / "lm.npz").read_bytes())
        texts = thinned(clean_texts(data, held_out=True), CHARACTERS_READ // 4)
        log("scoring clean text")
        normalisation = network_normalisation(load_reader(part, card), texts)
        card = replace(card, network=replace(header, normalisation=normalisation))
        reader = load_reader(part, card)
        x, y, pairs = deep_rows(data, plain.lm, reader, Random(seed))
        log(f"fitting {len(NETWORK_FEATURES)} features of {len(x)} sentences, {y.mean():.0%} of them garbled")
        card = extended(card, x, y, NETWORK_FEATURES, pairs).sealed(part)
        assert card.network is not None
        log("scoring the panels")
        panel = panel_of(data, CHARACTERS_OF_PANEL)
        replace(card, network=replace(card.network, sentences=SQUEEZED)).save(part / "scorecard.json")
        together = panel_scores(Scorer(part, threshold=1.0, without=BY_HAND), panel)
        alone = panel_scores(Scorer(base, reader="off", without=BY_HAND), panel)
        header = replace(card.network, sentences=sentence_scale(alone, together))
        card = replace(card, network=header)
        card.save(part / "scorecard.json")
        log("pooling documents")
        pooling = fit_pooling(Scorer(part, threshold=1.0), data, Random(seed), CHARACTERS_READ // 2, _PLAIN)
        unsure = excess_quantile(Scorer(part, threshold=1.0, reader="off"), data, Random(seed))
        log("scoring the documents of the panels")
        scorer = Scorer(part, threshold=card.thresholds["loose"], without=BY_HAND)
        worst, pooled = document_scores(scorer, pooling, panel)
        documents, scale = document_scales(worst, pooled, card.thresholds, _FOR_WORST)
        header = replace(header, unsure=unsure, pooling=replace(pooling, scale=scale), documents=documents)
        card = replace(card, network=header)
        card.save(part / "scorecard.json")
        log(f"thresholds {card.thresholds}, {card.network}")


def network_normalisation(reader: Reader, texts: Iterable[str]) -> tuple[tuple[float, float], ...]:
    """Mean and standard deviation of the outputs of the network on held-out clean text."""
    predictions = []
    for some in packets(texts, PACKET // 4, len):
        batch = Batch.of([segment(text) for text in some])
        predictions.append(reader.predict(batch, np.ones(len(batch), bool)))
    outputs = (np.concatenate(verdict) for verdict in zip(*predictions, strict=True))
    return tuple((round(float(v.mean()), 4), round(float(v.std()), 4)) for v in outputs)


def finish(card: Scorecard, folder: Path, data: Path, seed: int, log: Log) -> None:
    """Fit how a scorecard's documents are pooled, read its thresholds off the panels, and write it.

    Logs shares of human sentences that are flagged, cross-fitted.
    """
    card.save(folder / "scorecard.json")
    scorer = Scorer(folder, threshold=1.0, without=BY_HAND)
    records = panel_of(data)
    panels = [panel_scores(scorer, half) for half in by_document(records, 0.5)]
    names = sorted({*panels[0], *panels[1]})
    kinds = {kind: np.concatenate([panel[kind] for panel in panels if kind in panel]) for kind in names}
    raw = {name: float(clipped_logit(np.array(at))) for name, at in thresholds_of(kinds).items()}
    scale = scale_of(float(np.median(clipped_logit(np.concatenate(list(kinds.values()))))), raw)
    log(f"thresholds {LEVELS}, scale {scale}")
    for kind in (kind for kind in names if all(kind in panel for panel in panels)):
        figures = ", ".join(f"{name} {share:.2%}" for name, share in cross_fitted(panels, kind).items())
        log(f"{kind}, {len(kinds[kind])} sentences: {figures}")
    card = replace(card, scale=scale, thresholds=dict(LEVELS)).sealed(folder)
    card.save(folder / "scorecard.json")
    pooling = fit_pooling(Scorer(folder, threshold=1.0), data, Random(seed), CHARACTERS_A_KIND, _PLAIN_ALONE)
    scorer = Scorer(folder, threshold=LEVELS["loose"], without=BY_HAND)
    documents, pooled = document_scales(*document_scores(scorer, pooling, records), LEVELS, _FOR_WORST_ALONE)
    replace(card, pooling=replace(pooling, scale=pooled), documents=documents).save(folder / "scorecard.json")
