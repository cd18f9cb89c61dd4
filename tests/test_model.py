"""The scorecard says what scikit-learn says, splits its scores exactly, and is a file people can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MODEL
from hypothesis import given
from hypothesis import strategies as st

from garble.models import scorecard as model
from garble.models.scorecard import Scorecard, logit, sigmoid
from garble.signals import FEATURES, FEATURES_READ
from garble.training.fitting import fit_scorecard

NAMES = ("a.dense", "a.constant", "a.nothing", "a.sparse", "a.steps")


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.random(2_000) < 0.3
    dense = rng.normal(size=2_000) + y
    sparse = np.where(rng.random(2_000) < 0.1 + 0.3 * y, rng.exponential(size=2_000), 0)
    x = [dense, np.full(2_000, 3.0), np.zeros(2_000), sparse, rng.integers(0, 3, 2_000) / 2]
    return np.stack(x, axis=1), y


@pytest.fixture(scope="module")
def card(data: tuple[np.ndarray, np.ndarray]) -> Scorecard:
    return fit_scorecard(*data, NAMES, np.median(data[0], axis=0))[0]


def test_a_scorecard_predicts_what_its_pipeline_predicts(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = data
    card, pipeline = fit_scorecard(x, y, NAMES, np.median(x, axis=0))
    beyond = np.concatenate([x, 3 * x, -x, np.random.default_rng(1).normal(0, 5, (500, len(NAMES)))])
    expected = pipeline.predict_proba(beyond)[:, 1]
    assert np.ptp(expected) > 0.5
    assert card.predict(beyond) == pytest.approx(expected, abs=1e-6)


def test_a_typical_sentence_is_given_nothing_by_any_feature(
    card: Scorecard, data: tuple[np.ndarray, np.ndarray]
) -> None:
    typical = np.median(data[0], axis=0)
    assert card.contributions(typical[None]) == pytest.approx(np.zeros((1, len(NAMES))))


def test_what_is_marked_never_speaks_for_a_sentence() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(1_000) < 0.5
    # In this data the loops stand in the clean sentences.
    loops = np.where(~y & (rng.random(1_000) < 0.5), rng.random(1_000), 0)[:, None]
    card, _ = fit_scorecard(loops, y, ("repetition.loop",), np.zeros(1))
    assert card.contributions(loops).min() == 0


def test_contributions_and_intercept_add_up_to_the_log_odds(
    card: Scorecard, data: tuple[np.ndarray, np.ndarray]
) -> None:
    x = data[0]
    total = card.intercept + card.contributions(x).sum(axis=1)
    assert logit(card.predict(x)) == pytest.approx(total, abs=1e-9)


@given(st.floats(-30, 30))
def test_logit_undoes_sigmoid(x: float) -> None:
    score = sigmoid(np.array([x]))
    assert score == pytest.approx(1 / (1 + np.exp(-x)))
    assert logit(score) == pytest.approx(x, abs=1e-2)


def test_a_scorecard_loads_as_it_was_saved(card: Scorecard, tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    card.save(path)
    loaded = model.load(path)
    x = np.random.default_rng(2).normal(size=(50, len(NAMES)))
    assert (loaded.predict(x) == card.predict(x)).all()
    assert (loaded.name, loaded.language, loaded.features) == (card.name, card.language, card.features)
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_the_file_is_json_that_says_first_what_it_is_and_has_a_line_for_each_feature(
    card: Scorecard, tmp_path: Path
) -> None:
    card.save(tmp_path / "scorecard.json")
    text = (tmp_path / "scorecard.json").read_text(encoding="utf-8")
    assert next(iter(json.loads(text).items())) == ("format", model.FORMAT)
    assert sum(name in line for line in text.splitlines() for name in NAMES) == len(NAMES)


def shipped(**changes: Any) -> bytes:
    """The shipped scorecard, changed."""
    return json.dumps({**json.loads((MODEL / "scorecard.json").read_bytes()), **changes}).encode()


RAGGED = [{"name": "a", "knots": [0, 1], "weights": [0, 1]}, {"name": "b", "knots": [0], "weights": [0]}]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"garble"', id="string"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b'{"format": "garble-scorecard/0"}', id="another format"),
        pytest.param(b"\xff\xfe\x00", id="binary"),
        pytest.param(shipped(features=3), id="features are a number"),
        pytest.param(shipped(features=["repetition.loop"]), id="features are names"),
        pytest.param(shipped(features=RAGGED), id="features of different sizes"),
    ],
)
def test_a_file_that_is_no_scorecard_is_named_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"wrong\.json") as caught:
        model.load(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_scorecard_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"missing\.json"):
        model.load(tmp_path / "missing.json")


def test_the_english_model_knows_its_signals_and_its_thresholds_rise() -> None:
    card = model.load(MODEL / "scorecard.json")
    assert set(card.features) <= set(FEATURES + FEATURES_READ)
    assert len(set(card.features)) == len(card.features)
    assert (np.diff(card.knots, axis=1) > 0).all()
    assert sorted(card.thresholds, key=card.thresholds.__getitem__) == ["loose", "balanced", "strict"]
    assert 0 < card.thresholds["loose"] < card.thresholds["balanced"] < card.thresholds["strict"] < 1
