"""The contract that every signal keeps: it explains itself, tells its examples apart, nothing upsets it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
from conftest import ANY_TEXT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.signals import FEATURES, SIGNALS, extract
from garble.signals.base import Signal, marks
from garble.testing import CONTRACT, check_batch, check_signal
from garble.text.segmentation import segment


@pytest.mark.parametrize("signal", SIGNALS, ids=[signal.name for signal in SIGNALS])
@pytest.mark.parametrize("check", CONTRACT, ids=[check.__name__ for check in CONTRACT])
def test_a_signal_keeps_the_contract(
    signal: Signal, check: Callable[[Signal, LanguageModel], None], english: LanguageModel
) -> None:
    check(signal, english)


# Of the signal below that gives other values the second time.
CALLS = count()


def refusals(batch: Batch) -> np.ndarray:
    """(tokens,) which are the word "no"."""
    words = zip(batch.starts.tolist(), batch.ends.tolist(), strict=True)
    return np.array([batch.text[start:end].lower() == "no" for start, end in words], bool)


def signal_of(function: Callable[[Batch], np.ndarray]) -> Signal:
    """A signal that marks tokens, with a complete docstring."""
    sections = ("Why it is garble: a.", "Known false alarms: b.", "Reference: c.", "Garbled: No no no.", "Clean: Yes.")

    def refusal(batch: Batch) -> np.ndarray:
        return function(batch)

    refusal.__doc__ = "\n".join(["Words.", "", *sections])
    return marks("tokens", "“{span}” is a refusal")(refusal)


def test_a_signal_of_anyone_can_be_checked() -> None:
    check_signal(signal_of(refusals))


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda batch: ~refusals(batch), "0.25 for the garbled 'No no no.', 1 for the clean 'Yes.'"),
        (lambda batch: refusals(batch) & (next(CALLS) != 3), "other values the second time"),
        (lambda batch: refusals(batch) & (len(batch) < 5), "features depend on the batch"),
        (lambda batch: refusals(batch) | np.append(False, refusals(batch))[:-1], "reads over the end"),
        (lambda batch: 2.0 * refusals(batch), "a mark must be boolean"),
        (lambda batch: np.append(refusals(batch), True), r"\(1,\) values for 0"),
    ],
)
def test_a_broken_signal_does_not_keep_the_contract(
    function: Callable[[Batch], np.ndarray], problem: str, english: LanguageModel
) -> None:
    with pytest.raises(AssertionError, match=problem):
        check_signal(signal_of(function), english)


def test_a_docstring_without_examples_is_named() -> None:
    def words(batch: Batch) -> np.ndarray:
        """Words.

        Why it is garble: a.
        """
        return batch.is_word

    with pytest.raises(AssertionError, match="words: the docstring lacks Known false alarms, Reference"):
        check_signal(marks("tokens", "“{span}” is a word")(words))


def test_names_are_the_place_in_the_package_and_unique() -> None:
    assert len({signal.name for signal in SIGNALS}) == len(SIGNALS)
    assert len(set(FEATURES)) == len(FEATURES)
    for signal in SIGNALS:
        assert f"garble.signals.{signal.name}" == f"{signal.function.__module__}.{signal.function.__name__}"
        assert all(feature == signal.name or feature.startswith(f"{signal.name}.") for feature in signal.features)


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
        check_batch(signal, batch)
