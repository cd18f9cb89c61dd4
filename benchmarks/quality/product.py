"""All that the benchmark imports from garble, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from garble.columns import lm
from garble.columns.arrays import Floats, Ints, Mask, row_means
from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.models.scorecard import Scorecard, logit
from garble.models.scorecard import load as load_scorecard
from garble.network.reader import Reader, session
from garble.report import Report
from garble.scorer import Scorer
from garble.signals import ALL_SIGNALS, FEATURES, NETWORK_SIGNALS, SIGNALS
from garble.text.layout import PROSE
from garble.text.segmentation import Document, segment, whole
from garble.training.data import Record, by_document, post_edited, read_records
from garble.training.examples import contrasts, features_of, labelled_documents
from garble.training.fitting import FITTED, fit_scorecard, with_signals_by_hand
from garble.training.panels import needs_rewriting, thresholds_of, without_copies

__all__ = [
    "FAMILY_OF",
    "FEATURES",
    "FITTED",
    "PROSE",
    "READER_SIGNALS",
    "SHIPPED",
    "SIGNALS",
    "SIGNAL_NAMES",
    "Document",
    "Floats",
    "Ints",
    "LanguageModel",
    "Mask",
    "Record",
    "Report",
    "Scorecard",
    "Scorer",
    "bits",
    "by_document",
    "contrasts",
    "features_of",
    "fit_scorecard",
    "labelled_documents",
    "language_model",
    "letter_bits",
    "load_scorecard",
    "logit",
    "mistranslated",
    "needs_rewriting",
    "post_edited",
    "read_records",
    "segment",
    "surprise",
    "thresholds_of",
    "whole",
    "with_signals_by_hand",
    "without_copies",
]

SHIPPED = Path(__file__).parents[2] / "models" / "en"
FAMILY_OF = {name: signal.family for signal in ALL_SIGNALS for name in signal.features}
SIGNAL_NAMES = tuple(signal.name for signal in ALL_SIGNALS)
READER_SIGNALS = frozenset(signal.name for signal in NETWORK_SIGNALS)
# Sentences in one batch of the language model.
_BATCH = 2000


@cache
def language_model() -> LanguageModel:
    """The shipped n-gram language model."""
    return lm.load(SHIPPED / "lm.npz")


def _batches(texts: Sequence[str]) -> Iterable[Batch]:
    for start in range(0, len(texts), _BATCH):
        yield Batch.of([whole(text) for text in texts[start : start + _BATCH]], language_model())


def bits(texts: Sequence[str]) -> Floats:
    """(texts,) mean bits a token, read forwards by the word n-grams."""
    knows = language_model()
    found = (
        row_means(knows.words.surprisal(batch.ids, batch.token_offsets).forward, batch.token_offsets)
        for batch in _batches(texts)
    )
    return np.concatenate([np.zeros(0), *found])


def letter_bits(texts: Sequence[str]) -> Floats:
    """(texts,) mean bits a letter, each given the three before it in its word."""
    knows = language_model()
    found = (
        row_means(knows.spelling(batch.codes, batch.starts, batch.ends), batch.token_offsets)
        for batch in _batches(texts)
    )
    return np.concatenate([np.zeros(0), *found])


def surprise(texts: Sequence[str]) -> list[Floats]:
    """For each text, by character: the bits of its token, read forwards."""
    knows = language_model()
    batch = Batch.alone(texts, knows)
    marks = [np.zeros(len(text)) for text in texts]
    cost = knows.words.surprisal(batch.ids, batch.token_offsets).forward
    first = batch.char_offsets[batch.sentence]
    for owner, start, end, value in zip(batch.sentence, batch.starts - first, batch.ends - first, cost, strict=True):
        marks[owner][start:end] = value
    return marks


@cache
def _network(folder: Path) -> Reader:
    base = Scorer("en").network
    assert base is not None
    ran = session((folder / "network.onnx").read_bytes(), (folder / "network.npz").read_bytes())
    return Reader(ran, base.tokenizer, base.normalisation)


def mistranslated(folder: Path, texts: Sequence[str]) -> Floats:
    """(texts,) the mean doubt of a network in `folder`, alone, that a token is translated well."""
    found = [np.zeros(0)]
    for batch in _batches(texts):
        predictions = _network(folder).predict(batch, np.ones(len(batch), bool))
        found.append(row_means(predictions.mistranslated, batch.token_offsets))
    return np.concatenate(found)
