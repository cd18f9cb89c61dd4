"""The contract that every signal keeps: it explains itself, tells its examples apart, nothing upsets it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from conftest import ANY_TEXT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from garble.columns.arrays import cover
from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.languages import ENGLISH
from garble.signals import FEATURES, SIGNALS, extract
from garble.signals.base import Signal
from garble.text.alphabet import encode
from garble.text.segmentation import Document, segment, whole
from garble.text.tokens import tokenize

each_signal = pytest.mark.parametrize("signal", SIGNALS, ids=[signal.name for signal in SIGNALS])

# In company with these a text should measure what it measures alone.
COMPANY = [
    "The current liability liability layer is thin. The  caf\ufffd is closed , said Keir Starmer.",
    "Der Minister sagte, dass die Stadt nicht mehr zahlen kann. “No, no, no, no, he said.",
    "And and and the the the of the of the of the of it. The press met Keir",
    "Starmer left. Keir Starmer, not Keir Starrer, went on and on and",
    "on and on, and wrote it down for an",
]

EDGES = {
    "nothing": "",
    "a space": " ",
    "one character": "a",
    "a full stop": ".",
    "an emoji": "👩\u200d🌾",
    "a lone surrogate": "\ud800",
    "a lone accent": "\u0301",
    "a zero-width space": "\u200b",
    "a null": "\0",
    "the last code point": "\U0010ffff",
    "borders": "a\u2029b\n\u2029",
    "ideographs": "我们去学校。" * 3,
    "one long word": "a" * 100_000,
    "one long loop": "no " * 30_000,
}


def columns(signal: Signal, documents: Sequence[Document], lm: LanguageModel | None) -> np.ndarray:
    """(sentences, features) what the signal measures on the documents."""
    batch = Batch.of(documents, lm)
    return np.stack(signal.columns(batch, signal.values(batch)), axis=1)


def strongest(signal: Signal, text: str, lm: LanguageModel) -> float:
    return float(columns(signal, [segment(text)], lm)[:, 0].max())


def check(signal: Signal, batch: Batch) -> None:
    """Values of the right size, columns finite, shares within 0..1, evidence where the marks are."""
    values = signal.values(batch)
    sizes = {"tokens": len(batch.starts), "characters": len(batch.codes), "sentences": len(batch)}
    assert values.shape == (sizes[signal.unit],)
    found = np.stack(signal.columns(batch, values), axis=1)
    assert found.shape == (len(batch), len(signal.features))
    assert np.isfinite(found).all()
    if signal.output == "marks":
        assert ((found >= 0) & (found <= 1)).all()
    sentences = np.arange(len(batch))
    owner, together = signal.evidence(batch, values, sentences)
    for sentence in sentences.tolist():
        _, runs = signal.evidence(batch, values, sentences[sentence : sentence + 1])
        # Evidence does not depend on what other sentences it is asked for with.
        assert together.starts[owner == sentence].tolist() == runs.starts.tolist()
        assert together.ends[owner == sentence].tolist() == runs.ends.tolist()
        edges = np.stack([runs.starts, runs.ends], axis=1).ravel()
        # The last character of a sentence's row is the border after it, which is no part of it.
        begin, end = batch.char_offsets[sentence], batch.char_offsets[sentence + 1] - 1
        assert (np.diff([begin, *edges, end]) >= 0).all()
        if signal.output == "marks" and found[sentence, 0] > 0:
            row = slice(*signal.rows(batch)[sentence : sentence + 2].tolist())
            places = batch.starts if signal.unit == "tokens" else np.arange(len(batch.codes))
            assert runs.lengths.min() > 0
            assert (cover(runs.starts, runs.ends, len(batch.codes))[places[row]] == values[row]).all()


def test_names_are_the_place_in_the_package_and_unique() -> None:
    assert len({signal.name for signal in SIGNALS}) == len(SIGNALS)
    assert len(set(FEATURES)) == len(FEATURES)
    for signal in SIGNALS:
        assert f"garble.signals.{signal.name}" == f"{signal.function.__module__}.{signal.function.__name__}"
        assert all(feature == signal.name or feature.startswith(f"{signal.name}.") for feature in signal.features)


@each_signal
def test_the_docstring_says_all_there_is_to_say(signal: Signal) -> None:
    assert signal.summary.endswith(".")
    assert {"Why it is garble", "Known false alarms", "Reference", "Garbled", "Clean"} == set(signal.sections)
    assert all(texts and all(texts) for texts in signal.sections.values())
    assert signal.reason
    assert set(signal.needs) <= ENGLISH.knowledge | {"lm", "network"}


@each_signal
def test_what_is_garbled_measures_more_than_what_is_clean(signal: Signal, english: LanguageModel) -> None:
    garbled = [strongest(signal, text, english) for text in signal.sections["Garbled"]]
    clean = [strongest(signal, text, english) for text in signal.sections["Clean"]]
    assert min(garbled) > max(clean)


@each_signal
def test_a_text_measures_alone_what_it_measures_in_company(signal: Signal, english: LanguageModel) -> None:
    texts = [*signal.sections["Garbled"], *signal.sections["Clean"], *COMPANY]
    documents = [segment(text) for text in texts]
    alone = np.concatenate([columns(signal, [document], english) for document in documents])
    twins = columns(signal, [*documents, *documents], english)
    assert twins == pytest.approx(np.concatenate([alone, alone]), abs=1e-9)
    backwards = columns(signal, documents[::-1], english)
    apart = [columns(signal, [document], english) for document in documents[::-1]]
    assert backwards == pytest.approx(np.concatenate(apart), abs=1e-9)


@each_signal
def test_nothing_reaches_from_one_document_into_the_next(signal: Signal, english: LanguageModel) -> None:
    for text in [*signal.sections["Garbled"], *signal.sections["Clean"]]:
        for cut in tokenize(encode(text))[1].tolist():
            halves = [whole(text[:cut]), whole(text[cut:].lstrip())]
            alone = np.concatenate([columns(signal, [half], english) for half in halves])
            assert columns(signal, halves, english) == pytest.approx(alone, abs=1e-9), text[:cut]


@each_signal
@pytest.mark.parametrize("text", EDGES.values(), ids=EDGES)
def test_no_text_upsets_a_signal(signal: Signal, text: str, english: LanguageModel) -> None:
    for lm in (english, None):
        check(signal, Batch.of([whole(text)], lm))
        check(signal, Batch.of([segment(text), whole("It is a day."), whole("")], lm))


@each_signal
def test_examples_give_evidence_within_their_sentences(signal: Signal, english: LanguageModel) -> None:
    texts = [*signal.sections["Garbled"], *signal.sections["Clean"], *COMPANY]
    check(signal, Batch.of([segment(text) for text in texts], english))


@each_signal
def test_an_empty_batch_measures_nothing(signal: Signal, english: LanguageModel) -> None:
    check(signal, Batch.of([], english))
    assert columns(signal, [segment("")], english).shape == (0, len(signal.features))


@settings(max_examples=60)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4))
@example(texts=["It was 5,", ", he said"])
@example(texts=["He paid the bill , then left.", "She stayed."])
@example(texts=["0", "?00"])
def test_any_texts_measure_alone_what_they_measure_in_company(texts: list[str], english: LanguageModel) -> None:
    documents = [segment(text) for text in texts]
    together = extract(Batch.of(documents, english)).features
    alone = [extract(Batch.of([document], english)).features for document in documents]
    assert together.shape == (sum(len(document.sentences) for document in documents), len(FEATURES))
    assert np.isfinite(together).all()
    assert together == pytest.approx(np.concatenate(alone), abs=1e-6)


@settings(max_examples=60)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=3))
def test_any_texts_give_evidence_within_their_sentences(texts: list[str], english: LanguageModel) -> None:
    batch = Batch.of([segment(text) for text in texts], english)
    for signal in SIGNALS:
        check(signal, batch)
