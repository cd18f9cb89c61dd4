"""A wrong argument is one line that says what was expected, what came, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import garble
from garble import GarbleError, InputError, ModelError, Scorer, UsageError, repair, score
from garble.filtering.decisions import Prefilter
from garble.signals import ALL_SIGNALS

FAMILIES = sorted({signal.family for signal in ALL_SIGNALS})


@pytest.mark.parametrize("error", [InputError, ModelError, UsageError])
def test_every_error_is_garbles_and_a_value_error(error: type[Exception]) -> None:
    assert issubclass(error, GarbleError)
    assert issubclass(error, ValueError)
    assert error.__name__ in garble.__all__


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: score(None), InputError, "text: expected a string, got NoneType"),  # type: ignore[arg-type]
    (lambda: score(b"abc"), InputError, "text: expected a string, got bytes; decode it first"),  # type: ignore[arg-type]
    (lambda: score(["a"]), InputError, "text: expected a string, got list"),  # type: ignore[arg-type]
    (lambda: repair(None), InputError, "text: expected a string, got NoneType"),  # type: ignore[arg-type]
    (lambda: Scorer().score_many("abc"), UsageError, "texts: expected an iterable of strings, got str"),
    (lambda: Scorer().score_many(None), UsageError, "texts: expected an iterable of strings, got NoneType"),  # type: ignore[arg-type]
    (lambda: list(Scorer().score_many(["a", None])), InputError, "texts[1]: expected a string, got NoneType"),  # type: ignore[list-item]
    (lambda: Scorer().score_sentences("abc"), UsageError, "sentences: expected an iterable of strings, got str"),
    (lambda: Scorer().score_sentences(["a", 3]), InputError, "sentences[1]: expected a string, got int"),  # type: ignore[list-item]
    (lambda: Prefilter().decide("abc"), UsageError, "texts: expected an iterable of strings, got str"),
    (lambda: Prefilter().decide([b"a"]), InputError, "texts[0]: expected a string, got bytes; decode it first"),  # type: ignore[list-item]
    (lambda: Scorer(without="repetition"), UsageError, "without: expected an iterable of strings, got str"),
    (lambda: Scorer(without=["x.y"]), UsageError, "unknown signal x.y; run garble signals for a list"),
    (lambda: Scorer(without=[3]), InputError, "without[0]: expected a string, got int"),  # type: ignore[list-item]
    (lambda: Scorer(3), UsageError, "model: expected a name or a path, got int"),  # type: ignore[arg-type]
    (
        lambda: Scorer(threshold=None),  # type: ignore[arg-type]
        UsageError,
        "unknown threshold 'None'; supported: strict, balanced, loose, a number between 0 and 1, a calibration file",
    ),
    (
        lambda: Scorer(threshold=10**400),
        UsageError,
        f"unknown threshold '1{'0' * 58}…; supported: strict, balanced, loose, "
        "a number between 0 and 1, a calibration file",
    ),
    (
        lambda: Scorer("x" * 5000),
        ModelError,
        f"unknown model '{'x' * 59}…; expected an included model, one of a plugin, or a folder with a scorecard.json",
    ),
    (
        lambda: Scorer("a\0b"),
        ModelError,
        "unknown model 'a\\x00b'; expected an included model, one of a plugin, or a folder with a scorecard.json",
    ),
]


@pytest.mark.parametrize(("call", "kind", "line"), WRONG, ids=[line[:60] for _, _, line in WRONG])
def test_a_wrong_argument_is_one_line(call: Callable[[], Any], kind: type[Exception], line: str) -> None:
    with pytest.raises(GarbleError) as caught:
        call()
    assert (type(caught.value), str(caught.value)) == (kind, line)


def test_texts_before_a_wrong_one_are_scored() -> None:
    # More than a packet comes before it.
    texts: list[Any] = ["A quiet day. " * 20_000, None]
    found = Scorer(reader="off").score_many(texts)
    assert next(found).sentences
    with pytest.raises(InputError, match=r"texts\[1\]"):
        next(found)


def test_without_any_family_there_is_nothing_to_score_by() -> None:
    scorer = Scorer(without=FAMILIES)
    report = scorer.score("I want to to to to to to to go home.")
    assert not report.garbled
    assert report.sentences[0].findings == ()
    assert len(scorer.score_sentences(["a", "b"])) == 2


def test_a_text_of_more_sentences_than_memory_is_promised_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.scorer.MOST_SENTENCES", 3)
    monkeypatch.setattr("garble.scorer._MOST_LINES", 6)
    assert len(score("It rained.\n" * 3).sentences) == 3
    # Blank lines are no sentences.
    assert len(score("It rained.\n\n\n\n\n" * 3).sentences) == 3
    with pytest.raises(InputError, match="text: 4 sentences; limit 3; split the text"):
        score("It rained.\n" * 4)
    with pytest.raises(InputError, match="text: more than 6 lines; split the text"):
        score("a\n" * 7)
