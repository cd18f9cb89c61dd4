"""The n-gram language model: words counted first, then n-grams, letters and company."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from garble.columns import lm as language_model
from garble.columns.arrays import offsets
from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.columns.packets import packets
from garble.text.alphabet import encode
from garble.text.segmentation import segment
from garble.training import estimation
from garble.training.data import clean_texts, post_edited
from garble.training.examples import PACKET

# Words seen less often are read as unknown; longer n-grams seen less often are left to the shorter ones.
_LEAST_WORD = 3
_LEAST = (1, 2, 3, 4)
_CLASSES = 256
_LEAST_OF_CLASSES = (1, 2, 4, 8, 10)
_DIMENSIONS = 48


def language_model_texts(data: Path) -> Iterator[str]:
    """The clean English of lm/ and the human corrections of fit/mlqe."""
    yield from (text for _, text in clean_texts(data))
    yield from (record["post_edit"] for record in post_edited(data)[0])


def train_language_model(texts: Iterable[str], seed: int) -> LanguageModel:
    """Count words first, then n-grams; the text is held as one array of word hashes."""
    forms, capitals, words, lengths = [], [], [], []
    spelt: dict[int, str] = {}
    for some in packets(texts, PACKET, len):
        batch = Batch.of([segment(text) for text in some])
        forms.append(batch.form_hash)
        capitals.append(batch.is_capital)
        words.append(batch.is_word)
        lengths.append(np.diff(batch.token_offsets))
        distinct, first = np.unique(batch.form_hash, return_index=True)
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
    batches = (Batch.of([segment(text) for text in some], lm) for some in packets(texts, PACKET, len))
    gains = np.concatenate([lm.gains(batch.ids, batch.token_offsets)[0] for batch in batches], axis=1)
    moments = np.stack([np.nanmean(gains, axis=1), np.nanstd(gains, axis=1)], axis=1)
    return replace(lm, normalisation=np.round(moments, 4))
