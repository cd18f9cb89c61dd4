"""A model file is data: whatever it holds is refused in one line, or it is a valid model."""

from __future__ import annotations

import json
import math
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MODEL
from test_lm import model as tiny_model  # noqa: F401

from garble.columns import lm
from garble.errors import GarbleError, ModelError
from garble.models import scorecard as model
from garble.scorer import Scorer
from garble.signals import NETWORK_FEATURES

TEXTS = ["I want to to to to go home.", "The cat sat on the mat."]
MUTATIONS = 1_000


@pytest.fixture(scope="module")
def small(tiny_model: lm.LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """A model with the shipped scorecard and a tiny language model, without digests."""
    folder = tmp_path_factory.mktemp("small")
    record = json.loads((MODEL / "scorecard.json").read_bytes())
    record.pop("files", None)
    # Its features come from a network that is not there.
    record.pop("network")
    record["features"] = [feature for feature in record["features"] if feature["name"] not in NETWORK_FEATURES]
    (folder / "scorecard.json").write_text(json.dumps(record))
    tiny_model.save(folder / "lm.npz")
    return folder


def is_refused_or_valid(folder: Path) -> bool:
    """True when the model scores; False when it is refused in one line. Anything else raises."""
    try:
        scorer = Scorer(folder)
    except GarbleError as error:
        line = str(error)
    else:
        scores = scorer.score_sentences(TEXTS)
        assert ((scores >= 0) & (scores <= 1)).all()
        assert all(0 <= report.score <= 1 for report in scorer.score_many(TEXTS))
        return True
    assert len(line.splitlines()) == 1
    # Without a threshold of the usual name it is a model, and a number must be given.
    assert folder.name in line or "unknown threshold" in line
    return False


def mutated(raw: bytes, rng: random.Random) -> bytes:
    """The bytes with one changed, put in, taken out, or all cut off from there on."""
    place, byte = rng.randrange(len(raw)), bytes([rng.randrange(256)])
    return rng.choice(
        [raw[:place] + byte + raw[place + 1 :]] * 7
        + [raw[:place] + byte + raw[place:], raw[:place] + raw[place + 1 :], raw[:place]]
    )


@pytest.mark.parametrize("name", ["scorecard.json", "lm.npz"])
def test_a_file_changed_in_any_byte_is_refused_or_a_valid_model(name: str, small: Path, tmp_path: Path) -> None:
    rng = random.Random(name)
    folder = tmp_path / "mutated"
    shutil.copytree(small, folder)
    raw = (folder / name).read_bytes()
    # Half of the changes to lm.npz go where the names, types and sizes of its arrays stand.
    headers = [place for place in range(len(raw)) if raw.startswith((b"PK", b"\x93NUMPY"), place)]
    refused = 0
    for number in range(MUTATIONS):
        changed = mutated(raw, rng)
        if name == "lm.npz" and number % 2:
            place = rng.choice(headers) + rng.randrange(120)
            changed = raw[:place] + bytes([rng.randrange(256)]) + raw[place + 1 :]
        (folder / name).write_bytes(changed)
        refused += not is_refused_or_valid(folder)
    assert refused > MUTATIONS / 10


def test_with_digests_a_change_in_any_byte_of_another_file_is_refused(small: Path, tmp_path: Path) -> None:
    rng = random.Random(0)
    folder = tmp_path / "sealed"
    shutil.copytree(small, folder)
    model.load(folder / "scorecard.json").sealed(folder).save(folder / "scorecard.json")
    assert is_refused_or_valid(folder)
    raw = (folder / "lm.npz").read_bytes()
    for _ in range(100):
        place = rng.randrange(len(raw))
        (folder / "lm.npz").write_bytes(raw[:place] + bytes([raw[place] ^ (1 << rng.randrange(8))]) + raw[place + 1 :])
        with pytest.raises(ModelError, match=r"lm\.npz: SHA-256 is .*, but scorecard\.json lists"):
            Scorer(folder)
    (folder / "lm.npz").unlink()
    with pytest.raises(ModelError, match=r"lm\.npz: no such file"):
        Scorer(folder)


def test_the_shipped_model_carries_the_digests_of_its_files() -> None:
    card = model.load(MODEL / "scorecard.json")
    assert card.files == card.sealed(MODEL).files != {}
    model.check_files(MODEL, card)


NAN, HUGE = float("nan"), 10**400


def changes() -> list[tuple[str, Any]]:
    """Paths into a scorecard, and what is put there."""
    anything = [None, True, "x", [], {}, NAN, math.inf, -math.inf, HUGE, -HUGE, 1e300]
    paths = [
        "format", "name", "language", "intercept", "thresholds", "thresholds.balanced", "pooling.mean",
        "pooling.deviation", "pooling.style", "pooling.slope", "features", "features.0", "features.0.name",
        "features.0.knots", "features.0.weights", "features.0.knots.0", "features.0.weights.0", "files", "files.x",
        "pooling.more", "files.lm.npz",
    ]  # fmt: skip
    return [(path, value) for path in paths for value in anything]


@pytest.mark.parametrize(("path", "value"), changes(), ids=lambda value: str(value)[:20])
def test_a_field_of_a_scorecard_is_refused_with_its_name(path: str, value: Any, small: Path, tmp_path: Path) -> None:
    record = json.loads((small / "scorecard.json").read_bytes())
    *parents, last = ["files", "lm.npz"] if path == "files.lm.npz" else path.split(".")
    place: Any = record
    for key in parents:
        place = place.setdefault(key, {}) if isinstance(place, dict) else place[int(key)]
    place[int(last) if isinstance(place, list) else last] = value
    shutil.copytree(small, folder := tmp_path / "changed")
    (folder / "scorecard.json").write_text(json.dumps(record))
    if is_refused_or_valid(folder):
        # What is left may be a model: another name, no weights that matter, or no files to compare.
        assert (path, value) in [("name", "x"), ("files", {})]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("intercept", NAN, "NaN is not a number"),
        ("intercept", None, "intercept: null is not a number"),
        ("intercept", HUGE, "intercept: a huge number is not between"),
        ("thresholds", {"balanced": 2}, r"thresholds\.balanced: 2 is not between 0 and 1"),
        ("language", 3, "language: 3 does not match"),
        ("name", "a|b", 'name: "a|b" does not match'),
        ("files", {"../lm.npz": "0" * 64}, r'files: "\.\./lm\.npz" does not match'),
        ("files", {"lm.npz": "0"}, r'files\.lm\.npz: "0" does not match'),
    ],
)
def test_the_line_says_what_is_wrong(path: str, value: Any, said: str, tmp_path: Path) -> None:
    record = {**json.loads((MODEL / "scorecard.json").read_bytes()), path: value}
    (tmp_path / "scorecard.json").write_text(json.dumps(record))
    with pytest.raises(ModelError, match=said.replace("|", r"\|")):
        model.load(tmp_path / "scorecard.json")


def test_nested_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scorecard.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="not a scorecard"):
        model.load(tmp_path / "scorecard.json")


ARRAYS = [
    ("usual", lambda array: array * np.nan, "usual: invalid mean or deviation"),
    ("usual", lambda array: array * 0, "usual: invalid mean or deviation"),
    ("class_of", lambda array: array + 200, "class_of: class number out of range"),
    ("vocabulary.values", lambda array: array + 10**6, "vocabulary.values: word number out of range"),
    ("vocabulary.values", lambda array: array - 10**6, "vocabulary.values: word number out of range"),
    ("vocabulary.prints", lambda array: array[1:], "vocabulary.values: shape"),
    ("words.1", lambda array: array[:3], "words.1, classes.1: 3 words"),
    ("letters", lambda array: array[1:], "letters: shape"),
    ("letters", lambda array: array.astype(">u2"), "letters: dtype"),
]


@pytest.mark.parametrize(("name", "change", "said"), ARRAYS)
def test_an_array_that_cannot_be_is_refused_with_its_name(
    name: str, change: Any, said: str, small: Path, tmp_path: Path
) -> None:
    with np.load(small / "lm.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "lm.npz", **{**arrays, name: change(arrays[name])})
    with pytest.raises(ModelError, match=said.replace(".", r"\.")):
        lm.load(tmp_path / "lm.npz")


SHAPES = [
    lambda array: array[:-1], lambda array: array[:0], lambda array: array[None], lambda array: array.T,
    lambda array: array.astype(np.float64), lambda array: array.astype(np.int64), lambda array: array.ravel()[:1],
    lambda array: np.zeros((), array.dtype), lambda array: np.repeat(array, 2, axis=0) if array.ndim else array,
    lambda array: array.astype(str), lambda array: array.astype(bool),
]  # fmt: skip


def test_consistent_changes_of_types_and_shapes_are_refused_or_valid(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, folder := tmp_path / "shapes")
    with np.load(small / "lm.npz") as file:
        arrays = dict(file)
    tables = [name.removesuffix(".prints") for name in arrays if name.endswith(".prints")]
    groups = [[name] for name in arrays if name != "format"] + [[f"{name}.prints", f"{name}.values"] for name in tables]
    groups += [["words.1", "class_of", "vectors"], ["words.1", "class_of"], ["classes.1", "words.1"]]
    refused = 0
    for group in groups:
        for change in SHAPES:
            np.savez(folder / "lm.npz", **{**arrays, **{name: change(arrays[name]) for name in group}})
            refused += not is_refused_or_valid(folder)
        np.savez(folder / "lm.npz", **{name: array for name, array in arrays.items() if name not in group})
        refused += not is_refused_or_valid(folder)
    assert refused > 100


def test_a_compressed_file_is_refused_before_it_grows(small: Path, tmp_path: Path) -> None:
    with np.load(small / "lm.npz") as file:
        np.savez_compressed(tmp_path / "lm.npz", **{**file, "vectors": np.zeros((1 << 26, 1), np.int8)})
    with pytest.raises(ModelError, match="compressed or encrypted"):
        lm.load(tmp_path / "lm.npz")


def test_a_model_that_is_written_anew_is_read_anew(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, folder := tmp_path / "anew")
    before = Scorer(folder, reader="off")
    record = json.loads((folder / "scorecard.json").read_bytes())
    record["intercept"] += 1
    (folder / "scorecard.json").write_text(json.dumps(record))
    after = Scorer(folder, reader="off")
    assert after.card.intercept == before.card.intercept + 1
    assert after.signature != before.signature
    (folder / "scorecard.json").write_bytes((small / "scorecard.json").read_bytes())
    assert Scorer(folder, reader="off").signature == before.signature
    assert Scorer("en").lm is Scorer("en").lm


def test_a_model_with_a_network_cannot_be_its_own_base(tmp_path: Path) -> None:
    record = json.loads((MODEL / "scorecard.json").read_bytes())
    del record["files"]
    record["network"] = {"base": str(tmp_path), "sha256": "0" * 64, "unsure": 0.1, "usual": [[0, 1]] * 3}
    (tmp_path / "scorecard.json").write_text(json.dumps(record))
    with pytest.raises(ModelError, match=r"network\.base"):
        Scorer(tmp_path)
