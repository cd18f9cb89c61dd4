"""What a scorecard learns from: documents, which of their sentences are garbled, and their features."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np

from garble.columns.arrays import Floats, Mask
from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.columns.packets import packets
from garble.network.reader import Reader
from garble.signals import SIGNALS, extract, with_predictions
from garble.signals.base import Signal
from garble.text.layout import PROSE
from garble.text.segmentation import Document, segment, whole
from garble.training.corrupt import corrupt
from garble.training.data import clean_texts, post_edited, read_records

ANONYMOUS = re.compile(r"\b(?:Caps|Num|Person|Location|Organization)\b")
# Speech taken down word for word says nothing about words said twice: it doubles one in so many words or more.
_DOUBLED = re.compile(r"\b(\w+(?:['’]\w+)?),? \1\b", re.IGNORECASE)
_WORDS_A_DOUBLE = 500

# Characters segmented and counted at a time.
PACKET = 2_000_000

# Chosen by hand with an eye on figures of dev/, which is otherwise only measured on.
_CORRUPTED_SHARE = 0.2
CHARACTERS_A_KIND = 1_500_000
# Direct assessments (0-100) below and from which a machine translation counts as garbled, and as sound.
GARBLED_BELOW, _SOUND_FROM = 30, 70
# Share of the words edited (HTER) from which a correction is a contrast.
_MUCH_CORRECTED = 0.3

# Where a network reads, it takes so much time that less text has to do; of the panels, too, a part.
CHARACTERS_READ, CHARACTERS_OF_PANEL = 100_000, 600_000


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


def features_of(
    documents: Iterable[Document], lm: LanguageModel, reader: Reader | None = None, plugins: Sequence[Signal] = ()
) -> tuple[Floats, Mask]:
    """(sentences, features) of all documents in order, and which sentences are prose; a reader reads them all.

    plugins: further signals, whose features are the last columns.
    """
    features, prose = [], []
    added = plugin_features(plugins)
    for some in packets(documents, PACKET // 4, lambda document: len(document.text)):
        batch = Batch.of(some, lm)
        extraction = extract(batch, signals=(*SIGNALS, *plugins))
        if reader is not None:
            extraction = with_predictions(extraction, batch, reader.predict(batch, np.ones(len(batch), bool)))
        features.append(np.column_stack([extraction.features, extraction.columns(added)]))
        prose.append(batch.kind == PROSE)
    return np.concatenate(features), np.concatenate(prose)


def plugin_features(plugins: Sequence[Signal]) -> tuple[str, ...]:
    """The names of the features of these signals."""
    return tuple(name for signal in plugins for name in signal.features)


def labelled_documents(
    data: Path, rng: Random, without: str = "", deep: bool = False, characters: int = CHARACTERS_A_KIND
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
        if record["lp"] != without and not GARBLED_BELOW <= record["da"] < _SOUND_FROM:
            documents.append(whole(record["text"]))
            labels.append(np.array([record["da"] < GARBLED_BELOW]))
    return documents, np.concatenate(labels)


def contrasts(data: Path, lm: LanguageModel, without: str = "", reader: Reader | None = None) -> tuple[Floats, Floats]:
    """Features of machine translations that were much corrected, and of their corrections: what they say cancels."""
    pairs = [r for r in post_edited(data)[1] if r["lp"] != without and r["hter"] >= _MUCH_CORRECTED]
    # Corrections come as separate tokens, so their originals are taken so too.
    sides = [[whole(record[side]) for record in pairs] for side in ("tokenised", "post_edit")]
    worse, better = (features_of(side, lm, reader)[0] for side in sides)
    return worse, better


def human_texts(data: Path, rng: Random, characters: int = CHARACTERS_A_KIND) -> Iterator[str]:
    """Human documents of many kinds, of each as many characters at most: fit/human*, and what lm/ held out."""
    kinds: dict[str, list[str]] = {}
    records = (record for path in sorted((data / "fit").glob("human*.jsonl*")) for record in read_records(path))
    # The essays hide names behind words such as "Caps"; such a text says nothing about names that come again.
    named = ((record["kind"], record["text"]) for record in records if not ANONYMOUS.search(record["text"]))
    for kind, text in (*named, *clean_texts(data, held_out=True)):
        if not stutters(text):
            kinds.setdefault(kind, []).append(text)
    for kind in sorted(kinds):
        rng.shuffle(kinds[kind])
        yield from next(packets(kinds[kind], characters, len))


def stutters(text: str) -> bool:
    """Whether a text doubles words as speakers do."""
    return len(_DOUBLED.findall(text)) > 1 + text.count(" ") / _WORDS_A_DOUBLE


def deep_rows(
    data: Path, lm: LanguageModel, reader: Reader, rng: Random, without: str = ""
) -> tuple[Floats, Mask, tuple[Floats, Floats]]:
    """Features, labels and contrasts for a scorecard with a network, from what that was not taught with."""
    documents, garbled = labelled_documents(data, rng, without, deep=True, characters=CHARACTERS_READ)
    features, prose = features_of(documents, lm, reader)
    return features[prose], garbled[prose], contrasts(data, lm, without, reader)


def thinned(texts: Iterable[tuple[str, str]], characters: int) -> list[str]:
    """Of each kind the first texts, as many characters at most."""
    kinds: dict[str, list[str]] = {}
    size: dict[str, int] = {}
    for kind, text in texts:
        if size.get(kind, 0) + len(text) <= characters or not size.get(kind):
            kinds.setdefault(kind, []).append(text)
            size[kind] = size.get(kind, 0) + len(text)
    return [text for kind in sorted(kinds) for text in kinds[kind]]
