"""The contract of a signal, as checks for the tests of a package with signals.

    from garble.testing import check_signal

    def test_my_signal():
        check_signal(my_signal)

A check raises AssertionError. For its details, put `pytest.register_assert_rewrite("garble.testing")` in conftest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from garble.columns.arrays import Floats, cover
from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.languages import ENGLISH
from garble.signals.base import Signal
from garble.text.alphabet import encode
from garble.text.segmentation import Document, segment, whole
from garble.text.tokens import tokenize

# In a batch with these, a text has the same values as alone.
COMPANY = (
    "The current liability liability layer is thin. The  caf\ufffd is closed , said Keir Starmer.",
    "Der Minister sagte, dass die Stadt nicht mehr zahlen kann. “No, no, no, no, he said.",
    "And and and the the the of the of the of the of it. The press met Keir",
    "Starmer left. Keir Starmer, not Keir Starrer, went on and on and",
    "on and on, and wrote it down for an",
)

# Texts at the limits of what a signal may get, by description.
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

_TOLERANCE = 1e-9


def check_signal(signal: Signal, lm: LanguageModel | None = None) -> None:
    """Run all checks of the contract. lm: the language model; default: that of the model "en"."""
    for check in CONTRACT:
        check(signal, lm or _english())


def check_docstring(signal: Signal, lm: LanguageModel) -> None:
    """The docstring has a summary and all sections, and the signal needs only what languages and models have."""
    assert signal.summary.endswith("."), f"{signal.name}: the docstring must start with a sentence"
    missing = [name for name, texts in signal.sections.items() if not texts or not all(texts)]
    assert not missing, f"{signal.name}: the docstring lacks {', '.join(missing)}"
    assert signal.reason, f"{signal.name}: no reason"
    unknown = set(signal.needs) - ENGLISH.knowledge - {"lm", "network"}
    assert not unknown, f"{signal.name}: unknown needs {', '.join(sorted(unknown))}"


def check_examples(signal: Signal, lm: LanguageModel) -> None:
    """Every garbled example of the docstring has a higher value than every clean one."""
    garbled = {text: _highest(signal, text, lm) for text in signal.sections["Garbled"]}
    clean = {text: _highest(signal, text, lm) for text in signal.sections["Clean"]}
    low, high = min(garbled, key=lambda text: garbled[text]), max(clean, key=lambda text: clean[text])
    values = f"{garbled[low]:.3g} for the garbled {low!r}, {clean[high]:.3g} for the clean {high!r}"
    assert garbled[low] > clean[high], f"{signal.name}: {values}"


def check_purity(signal: Signal, lm: LanguageModel) -> None:
    """A batch gives the same values twice."""
    batch = Batch.of([segment(text) for text in _texts(signal)], lm)
    first = signal.values(batch).copy()
    np.testing.assert_array_equal(signal.values(batch), first, f"{signal.name}: other values the second time")


def check_independence(signal: Signal, lm: LanguageModel) -> None:
    """A document has the same features alone and in a batch with others, in any order."""
    documents = [segment(text) for text in _texts(signal)]
    alone = [feature_columns(signal, [document], lm) for document in documents]
    twice = feature_columns(signal, [*documents, *documents], lm)
    _assert_close(twice, np.concatenate([*alone, *alone]), f"{signal.name}: features depend on the batch")
    backwards = feature_columns(signal, documents[::-1], lm)
    _assert_close(backwards, np.concatenate(alone[::-1]), f"{signal.name}: features depend on the order")


def check_borders(signal: Signal, lm: LanguageModel) -> None:
    """A text cut in two documents at any word has the features of the two."""
    for text in [*signal.sections["Garbled"], *signal.sections["Clean"]]:
        for cut in tokenize(encode(text))[1].tolist():
            halves = [whole(text[:cut]), whole(text[cut:].lstrip())]
            alone = np.concatenate([feature_columns(signal, [half], lm) for half in halves])
            together = feature_columns(signal, halves, lm)
            _assert_close(together, alone, f"{signal.name}: reads over the end of the document {text[:cut]!r}")


def check_edges(signal: Signal, lm: LanguageModel) -> None:
    """The texts of EDGES give valid outputs, with and without a language model."""
    for text in EDGES.values():
        for model in (lm, None):
            check_batch(signal, Batch.of([whole(text)], model))
            check_batch(signal, Batch.of([segment(text), whole("It is a day."), whole("")], model))


def check_evidence(signal: Signal, lm: LanguageModel) -> None:
    """The examples of the docstring give valid outputs, with evidence inside their sentences."""
    check_batch(signal, Batch.of([segment(text) for text in _texts(signal)], lm))


def check_empty(signal: Signal, lm: LanguageModel) -> None:
    """A batch without sentences gives no values."""
    check_batch(signal, Batch.of([], lm))
    assert feature_columns(signal, [segment("")], lm).shape == (0, len(signal.features))


CONTRACT: tuple[Callable[[Signal, LanguageModel], None], ...] = (
    check_docstring,
    check_examples,
    check_purity,
    check_independence,
    check_borders,
    check_edges,
    check_evidence,
    check_empty,
)


def check_batch(signal: Signal, batch: Batch) -> None:
    """The outputs for a batch are valid.

    There is one value per unit, features are finite, shares are within 0..1, and the evidence of a sentence is inside
    it, where the marks are, and independent of other sentences.
    """
    values = signal.values(batch)
    sizes = {"tokens": len(batch.starts), "characters": len(batch.codes), "sentences": len(batch)}
    assert values.shape == (sizes[signal.unit],), f"{signal.name}: {values.shape} values for {sizes[signal.unit]} units"
    features = np.stack(signal.columns(batch, values), axis=1)
    assert features.shape == (len(batch), len(signal.features))
    assert np.isfinite(features).all(), f"{signal.name}: features that are not finite"
    if signal.output == "marks":
        assert ((features >= 0) & (features <= 1)).all(), f"{signal.name}: a mark must be boolean"
    sentences = np.arange(len(batch))
    owner, together = signal.evidence(batch, values, sentences)
    for sentence in sentences.tolist():
        _, runs = signal.evidence(batch, values, sentences[sentence : sentence + 1])
        assert together.starts[owner == sentence].tolist() == runs.starts.tolist()
        assert together.ends[owner == sentence].tolist() == runs.ends.tolist()
        edges = np.stack([runs.starts, runs.ends], axis=1).ravel()
        # The last character of a sentence's row is the border after it.
        begin, end = batch.char_offsets[sentence], batch.char_offsets[sentence + 1] - 1
        assert (np.diff([begin, *edges, end]) >= 0).all(), f"{signal.name}: evidence outside its sentence"
        if signal.output == "marks" and features[sentence, 0] > 0:
            row = slice(*signal.rows(batch)[sentence : sentence + 2].tolist())
            places = batch.starts if signal.unit == "tokens" else np.arange(len(batch.codes))
            assert runs.lengths.min() > 0
            assert (cover(runs.starts, runs.ends, len(batch.codes))[places[row]] == values[row]).all()


def feature_columns(signal: Signal, documents: Sequence[Document], lm: LanguageModel | None) -> Floats:
    """(sentences, features) of a signal on documents."""
    batch = Batch.of(documents, lm)
    return np.stack(signal.columns(batch, signal.values(batch)), axis=1)


def _highest(signal: Signal, text: str, lm: LanguageModel) -> float:
    return float(feature_columns(signal, [segment(text)], lm)[:, 0].max())


def _texts(signal: Signal) -> list[str]:
    return [*signal.sections["Garbled"], *signal.sections["Clean"], *COMPANY]


def _assert_close(actual: Floats, expected: Floats, message: str) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=_TOLERANCE, err_msg=message)


def _english() -> LanguageModel:
    from garble.models import store

    return store.loaded(store.folder_of("en")).lm
