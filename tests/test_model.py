"""The scorecard says what scikit-learn says, splits its scores exactly, and is a file people can read."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MODEL
from hypothesis import given
from hypothesis import strategies as st

from garble.errors import ModelError
from garble.models import scorecard as model
from garble.models.scorecard import NetworkSettings, Pooling, Scorecard, logit, sigmoid
from garble.signals import FEATURES, NETWORK_FEATURES
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
    assert set(card.features) <= set(FEATURES + NETWORK_FEATURES)
    assert len(set(card.features)) == len(card.features)
    assert (np.diff(card.knots, axis=1) > 0).all()
    assert sorted(card.thresholds, key=card.thresholds.__getitem__) == ["loose", "balanced", "strict"]
    assert 0 < card.thresholds["loose"] < card.thresholds["balanced"] < card.thresholds["strict"] < 1


# What a scorecard may hold, field by field.

KNOWN = {"lowest": -3.0, "highest": 1.0, "mean": -2.0, "deviation": 0.7, "style": 0.4, "slope": 0.9, "offset": -3.0}
READ = {
    "base": "en",
    "usual": [[0.0, 1.0]] * 3,
    "weights": {"fluency": 0.5},
    "intercept": 0.0,
    "unsure": 0.5,
    "pooling": KNOWN,
}
RECORD = {
    "format": "garble-scorecard/1",
    "name": "x",
    "language": "en",
    "intercept": -1.0,
    "thresholds": {"balanced": 0.5},
    "pooling": KNOWN,
    "network": READ,
    "files": {"lm.npz": "0" * 64},
    "features": [
        {"name": "a.one", "knots": [0, 1, 2], "weights": [0, 1, 2]},
        {"name": "a.two.level", "knots": [0, 1, 2], "weights": [0, 1, 2]},
    ],
}
HIGHEST = 1e9


def changed(path: str, value: Any) -> dict[str, Any]:
    """RECORD with another value at a path ("features.0.name"), or without it for the value `KeyError`."""
    record = json.loads(json.dumps(RECORD))
    *parents, last = path.split("/")
    place = record
    for key in parents:
        place = place[int(key) if isinstance(place, list) else key]
    if value is KeyError:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return record


def loaded(record: Any, folder: Path) -> Scorecard:
    (folder / "scorecard.json").write_text(record if isinstance(record, str) else json.dumps(record))
    return model.load(folder / "scorecard.json")


ALLOWED = [
    ("name", ""),
    ("name", "Az09._+-"),
    ("name", "x" * 100),
    ("language", "en"),
    ("language", "abcdefgh"),
    ("intercept", HIGHEST),
    ("intercept", -HIGHEST),
    ("intercept", 3),
    ("thresholds", {}),
    ("thresholds/balanced", 0),
    ("thresholds/balanced", 1),
    ("pooling", None),
    ("pooling", KeyError),
    ("pooling/lowest", -HIGHEST),
    ("pooling/deviation", 1e-9),
    ("pooling/style", 0),
    ("pooling/slope", 1e-9),
    ("pooling/offset", HIGHEST),
    ("network", KeyError),
    ("network/base", ""),
    ("network/usual/2", [-3.0, 1e-6]),
    ("network/weights", {}),
    ("network/weights/repetition", 0),
    ("network/sentences", [[-1.0, -2.0], [1.0, 0.5]]),
    ("pooling/scale", [[-1.0, -2.0], [1.0, 0.5]]),
    ("scale", [[-3.0, -3.0], [1.0, 2.0]]),
    ("network/intercept", -5.0),
    ("network/unsure", -5.0),
    ("network/pooling", None),
    ("network/documents", [[-1.0, -2.0], [1.0, 0.5]]),
    ("documents", [[0.5, 0.5]]),
    ("network/pooling", KeyError),
    ("files", KeyError),
    ("files", {}),
    ("files/a-B_9.x", "0123456789abcdef" * 4),
    ("features/0/name", "a"),
    ("features/0/name", "a.b.c.d_9"),
    ("features/0/knots", [-1e9, 0, 1e9]),
    ("features", [{"name": "a.one", "knots": [0], "weights": [5]}]),
    ("features", [{"name": "a.one", "knots": list(range(1000)), "weights": [0] * 1000}]),
    ("features", [{"name": f"a.x{i}", "knots": [0], "weights": [5]} for i in range(1000)]),
]


@pytest.mark.parametrize(("path", "value"), ALLOWED, ids=lambda value: str(value)[:30])
def test_fields_that_a_scorecard_may_have_come_back_as_they_were_written(path: str, value: Any, tmp_path: Path) -> None:
    record = changed(path, value)
    card = loaded(record, tmp_path)
    card.save(tmp_path / "again.json")
    # The numbers of a file become floats, and what is not there becomes null or nothing.
    again = json.loads((tmp_path / "again.json").read_text())
    expected = {"pooling": None, **record}
    if not expected.get("files", True):
        del expected["files"]
    if "network" in expected:
        expected["network"] = {"pooling": None, "documents": [], "sentences": [], **expected["network"]}
    for place in (expected, expected.get("network", {})):
        if place.get("pooling"):
            place["pooling"] = {"scale": [], **place["pooling"]}
    assert again == expected


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("format", "garble-scorecard/2", 'unsupported format "garble-scorecard/2"; expected garble-scorecard/1'),
        ("format", KeyError, "missing field 'format'"),
        ("name", "x" * 101, f'name: "{"x" * 39}… does not match [A-Za-z0-9._+-]{{0,100}}'),
        ("name", "a b", 'name: "a b" does not match'),
        ("name", KeyError, "missing field 'name'"),
        ("name", 3, "name: 3 does not match"),
        ("language", "e", 'language: "e" does not match'),
        ("language", "abcdefghi", 'language: "abcdefghi" does not match'),
        ("language", KeyError, "missing field 'language'"),
        ("intercept", HIGHEST + 1, "intercept: 1000000001.0 is not between -1e+09 and 1e+09"),
        ("intercept", -HIGHEST - 1, "intercept: -1000000001.0 is not between -1e+09 and 1e+09"),
        ("intercept", "1", 'intercept: "1" is not a number'),
        ("intercept", True, "intercept: true is not a number"),
        ("intercept", [[1] * 40], f"intercept: [[{'1, ' * 12}1,… is not a number"),
        ("intercept", 1 << 199, f"intercept: {str(1 << 199)[:40]}… is not between"),
        ("intercept", 1 << 201, "intercept: a huge number is not between"),
        ("intercept", KeyError, "missing field 'intercept'"),
        ("thresholds", KeyError, "missing field 'thresholds'"),
        ("thresholds/balanced", 1.01, "thresholds.balanced: 1.01 is not between 0 and 1"),
        ("thresholds/balanced", -0.01, "thresholds.balanced: -0.01 is not between 0 and 1"),
        ("thresholds/a|b", 0.5, 'thresholds: "a|b" does not match'),
        ("pooling/deviation", 0, "pooling.deviation: 0 is not between 1e-09 and 1e+09"),
        ("pooling/style", -0.1, "pooling.style: -0.1 is not between 0 and 1e+09"),
        ("scale", [[1.0, 2.0], [0.0, 3.0]], "scale: not pairs of numbers that both rise"),
        ("pooling/highest", None, "pooling.highest: null is not a number"),
        ("pooling/slope", None, "pooling.slope: null is not a number"),
        ("pooling/slope", KeyError, "missing 1 required positional argument: 'slope'"),
        ("pooling/more", 1, "unexpected keyword argument 'more'"),
        ("network", None, "not a scorecard"),
        ("network/base", KeyError, "missing field 'base'"),
        ("network/base", "../en", 'network.base: "../en" does not match'),
        ("network/usual", [[0, 1]] * 2, "network.usual: expected three pairs of a mean and a positive deviation"),
        ("network/usual", [[0, 1]] * 4, "network.usual: expected a list of 1 to 3 items"),
        ("network/usual", [], "network.usual: expected a list of 1 to 3 items"),
        ("network/usual/1", [0, 0], "network.usual: expected three pairs"),
        ("network/usual/1", [0, -1], "network.usual: expected three pairs"),
        ("network/usual/1", [0, 1, 2], "network.usual: expected three pairs"),
        ("network/usual/1", [0, "1"], 'network.usual: "1" is not a number'),
        ("network/weights/fluency", -0.1, "network.weights.fluency: -0.1 is not between 0 and 1e+09"),
        ("network/weights", {"A": 1}, "network.weights: "),
        ("network/weights", KeyError, "missing field 'weights'"),
        ("network/sentences", [[1.0, 2.0], [2.0, 2.0]], "network.sentences: not pairs of numbers that both rise"),
        ("pooling/scale", [[1.0]], "pooling.scale: not pairs of numbers that both rise"),
        ("pooling/slope", 0, "pooling.slope: 0 is not between"),
        ("network/intercept", "", 'network.intercept: "" is not a number'),
        ("network/unsure", None, "network.unsure: null is not a number"),
        ("documents", [[1.0]], "documents: not pairs of numbers that both rise"),
        ("documents", [[1.0, 2.0], [1.0, 3.0]], "documents: not pairs of numbers that both rise"),
        ("documents", [[1.0, 2.0], [2.0, 2.0]], "documents: not pairs of numbers that both rise"),
        ("documents", "x", "documents: expected a list of 0 to 1000 items"),
        ("network/documents", [[None, 0.0]], "network.documents: null is not a number"),
        ("network/pooling/deviation", 0, "pooling.deviation: 0 is not between"),
        ("files/lm.npz", "0" * 63, 'files.lm.npz: "000'),
        ("files/lm.npz", "g" * 64, 'files.lm.npz: "ggg'),
        ("files/.hidden", "0" * 64, 'files: ".hidden" does not match'),
        ("files/" + "x" * 101, "0" * 64, 'files: "xxx'),
        ("features", {}, "features: expected a list of 1 to 1000 items"),
        ("features", [], "features: expected a list of 1 to 1000 items"),
        ("features", [RECORD["features"][0]] * 1001, "features: expected a list of 1 to 1000 items"),  # type: ignore[index]
        ("features/1", "a.two", "features: each needs a name, knots and weights"),
        ("features/1/name", "a.one", "features: duplicate name"),
        ("features/1/name", "A.two", 'features[1].name: "A.two" does not match'),
        ("features/0/name", "a.b.c.d.e", 'features[0].name: "a.b.c.d.e" does not match'),
        ("features/1/name", KeyError, "missing field 'name'"),
        ("features/1/knots", KeyError, "missing field 'knots'"),
        ("features/1/weights", KeyError, "missing field 'weights'"),
        ("features/1/knots", [], "a.two.level: knots: expected a list of 1 to 1000 items"),
        ("features/0/weights", list(range(1001)), "a.one: weights: expected a list of 1 to 1000 items"),
        ("features/1/weights/2", "x", 'a.two.level: weights: "x" is not a number'),
        ("features/1/knots/0", -1e10, "a.two.level: knots: -10000000000.0 is not between"),
        (
            "features/1/knots",
            [0, 1, 1],
            "a.two.level: each feature needs the same number of rising knots, and a weight",
        ),
        ("features/1/knots", [0, 2, 1], "a.two.level: each feature needs the same number of rising knots"),
        ("features/1/knots", [0, 1], "a.two.level: each feature needs the same number of rising knots"),
        ("features/1/weights", [0, 1], "a.two.level: each feature needs the same number of rising knots"),
        ("features/1/weights", [0, 1, 2, 3], "a.two.level: each feature needs the same number of rising knots"),
        (
            "features/1",
            {"name": "a.two", "knots": [0, 1], "weights": [0, 1]},
            "a.two: each feature needs the same number of rising knots",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_field_that_a_scorecard_may_not_have_is_named(path: str, value: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        loaded(changed(path, value), tmp_path)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'scorecard.json'}: not a scorecard (")
    assert said in line
    assert len(line.splitlines()) == 1


def test_a_scorecard_larger_than_four_mebibytes_is_refused(tmp_path: Path) -> None:
    text = json.dumps(RECORD)
    assert loaded(text + " " * ((4 << 20) - len(text)), tmp_path).name == "x"
    with pytest.raises(ModelError, match=r"\(larger than 4,194,304 bytes\)"):
        loaded(text + " " * ((4 << 20) - len(text) + 1), tmp_path)


def test_the_files_of_a_model_are_compared_with_their_digests(tmp_path: Path) -> None:
    # The SHA-256 of "abc" from the standard.
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "lm.npz").write_bytes(b"abc")
    (tmp_path / "notes.txt").write_bytes(b"abc")
    card = loaded(RECORD, tmp_path).sealed(tmp_path)
    assert card.files == {"lm.npz": abc}
    model.check_files(tmp_path, card)
    before = model.digest_of(tmp_path)
    (tmp_path / "notes.txt").write_bytes(b"abd")
    assert model.digest_of(tmp_path) == before
    # A file of more than the mebibyte that is read at a time.
    (tmp_path / "tokenizer.json").write_bytes(b"a" * ((1 << 20) + 1))
    assert model.digest_of(tmp_path) != before
    assert model.digest(tmp_path / "tokenizer.json") == sha256(b"a" * ((1 << 20) + 1)).hexdigest()
    (tmp_path / "lm.npz").write_bytes(b"abd")
    said = rf"lm\.npz: SHA-256 is a52d159f262b…, but scorecard\.json lists {abc[:12]}…"
    with pytest.raises(ModelError, match=said):
        model.check_files(tmp_path, card)
    (tmp_path / "lm.npz").unlink()
    with pytest.raises(ModelError, match=r"lm\.npz: no such file or directory"):
        model.check_files(tmp_path, card)


def test_a_feature_is_interpolated_between_its_knots_and_is_flat_beyond(tmp_path: Path) -> None:
    features = [
        {"name": "a.one", "knots": [0, 1, 3], "weights": [0, 2, 3]},
        {"name": "a.two", "knots": [-1, 0, 1], "weights": [5, 0, -5]},
    ]
    card = loaded({**RECORD, "features": features, "intercept": 1}, tmp_path)
    x = np.array([[-1.0, 0], [0, -0.5], [0.5, 0], [1, 1], [2, 2], [3, 0], [9, 0]])
    added = np.array([[0.0, 0], [0, 2.5], [1, 0], [2, -5], [2.5, -5], [3, 0], [3, 0]])
    assert card.contributions(x) == pytest.approx(added)
    assert card.predict(x) == pytest.approx(1 / (1 + np.exp(-1 - added.sum(axis=1))))
    less = card.without(["a.one", "a.none"])
    assert less.features == ("a.two",)
    assert less.contributions(x[:, 1:]) == pytest.approx(added[:, 1:])


def test_scorecards_cannot_be_changed(card: Scorecard) -> None:
    for value, name in (
        (card, "intercept"),
        (Pooling(-14.0, 0.0, 0, 1, 0, 1, 0), "mean"),
        (NetworkSettings("", ()), "intercept"),
    ):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 2.0)
