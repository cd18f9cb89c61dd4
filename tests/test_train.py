"""A model from a user's own labels: what is learnt, what is logged, what is refused."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from garble.cli import main
from garble.columns import lm
from garble.models import scorecard as model
from garble.scorer import Scorer
from garble.signals import FEATURES
from garble.text.segmentation import segment
from garble.training.examples import human_texts
from garble.training.fitting import FITTED
from garble.training.own import out_of_fold, own_document, own_rows, train_own
from garble.training.panels import COSTS

ROOT = Path(__file__).parent.parent
LOOP = "I want to to to to to to go home."
CLEAN = "The committee met on Tuesday."

Record = dict[str, Any]
Write = Callable[[list[Record]], Path]


def looped(sentence: str) -> str:
    """The sentence with a word in its middle said six times over."""
    words = sentence.split()
    middle = len(words) // 2
    return " ".join([*words[:middle], *words[middle : middle + 1] * 6, *words[middle + 1 :]])


def labelled() -> list[Record]:
    """Sentences of the clean seeds, every other one with a loop in it."""
    found: list[Record] = []
    for line in (ROOT / "seeds" / "clean.jsonl").read_text("utf-8").splitlines()[:40]:
        seed = json.loads(line)
        for sentence in segment(seed["text"]).slices():
            label = len(found) % 2
            found.append({"text": looped(sentence) if label else sentence, "label": label, "doc": seed["id"]})
    return found


RECORDS = labelled()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write records into a file, and give its path."""

    def write(records: list[Record]) -> Path:
        path = tmp_path / "labels.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A model learnt from RECORDS, and what was logged."""
    folder = tmp_path_factory.mktemp("trained")
    data = folder / "labels.jsonl"
    data.write_text("\n".join(map(json.dumps, RECORDS)), encoding="utf-8")
    log: list[str] = []
    train_own(data, folder / "model", 0, log.append)
    return folder / "model", log


# What is learnt.


def test_the_model_is_one_that_scores(trained: tuple[Path, list[str]]) -> None:
    # Of so few clean sentences the highest alone sets the stricter thresholds.
    scorer = Scorer(model=trained[0], threshold="loose")
    clean, loop = scorer.score_sentences([CLEAN, LOOP])
    assert clean < scorer.threshold <= loop
    assert [sentence.garbled for sentence in scorer.score(f"{CLEAN} {LOOP}").sentences] == [False, True]


def test_the_model_has_all_features_all_thresholds_and_the_shipped_language_model(
    trained: tuple[Path, list[str]],
) -> None:
    folder, _ = trained
    card = model.load(folder / "scorecard.json")
    assert card.features == FITTED
    assert list(card.thresholds) == list(COSTS)
    assert card.thresholds["strict"] >= card.thresholds["balanced"] >= card.thresholds["loose"] > 0
    assert (folder / "lm.npz").read_bytes() == (ROOT / "models" / "en" / "lm.npz").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["lm.npz", "scorecard.json"]


def test_thresholds_cost_what_they_say_of_the_users_clean_sentences_when_cross_validated(
    write: Write, trained: tuple[Path, list[str]], english: lm.LanguageModel
) -> None:
    x, y, docs = own_rows(write(RECORDS), english)
    scores = out_of_fold(x, y, docs, 0)
    thresholds = model.load(trained[0] / "scorecard.json").thresholds
    for name, share in COSTS.items():
        assert (scores[~y] >= thresholds[name]).mean() <= share


def test_no_sentence_is_scored_by_a_card_that_has_seen_its_document() -> None:
    # Documents whose sentences are all alike, and whose label nothing tells: it can be known by heart only.
    x = np.repeat(np.random.default_rng(0).normal(size=(40, len(FEATURES))), 4, axis=0)
    y = np.arange(160) // 4 % 2 == 1
    assert roc_auc_score(y, out_of_fold(x, y, np.arange(160), 0)) > 0.95
    assert roc_auc_score(y, out_of_fold(x, y, np.arange(160) // 4, 0)) < 0.75


def test_the_same_data_and_seed_give_the_same_bytes(write: Write, tmp_path: Path) -> None:
    data = write(RECORDS)
    for name, seed in (("one", 7), ("other", 7), ("another seed", 8)):
        train_own(data, tmp_path / name, seed, lambda line: None)
    one, other, apart = (
        [(tmp_path / name / file).read_bytes() for file in ("scorecard.json", "lm.npz")]
        for name in ("one", "other", "another seed")
    )
    assert one == other
    assert one != apart


def test_two_sets_of_labels_sign_their_reports_differently(
    trained: tuple[Path, list[str]], write: Write, tmp_path: Path
) -> None:
    train_own(write(RECORDS[:-1]), tmp_path / "model", 0, lambda line: None)
    assert Scorer(tmp_path / "model").signature != Scorer(trained[0]).signature


# What is logged.


def test_the_log_tells_what_was_reached_beside_the_shipped_model(trained: tuple[Path, list[str]]) -> None:
    own, shipped = (line for line in trained[1] if "AUROC" in line)
    assert "5-fold cross-validation" in own
    assert "model en-" in shipped
    for line in (own, shipped):
        assert "recall at 1% of the clean sentences" in line
        assert "log loss" in line


def test_the_log_tells_where_the_thresholds_come_from_and_which_of_them_are_weak(
    trained: tuple[Path, list[str]],
) -> None:
    (read_off,) = (line for line in trained[1] if line.startswith("thresholds"))
    assert "cross-validated scores" in read_off
    (weak,) = (line for line in trained[1] if "requires at least" in line)
    assert weak.startswith("strict requires at least 1000 clean sentences")


# What a record says.

TWO = f"{CLEAN} {LOOP}"


@pytest.mark.parametrize(
    ("record", "garbled"),
    [
        ({"text": LOOP, "label": 1}, [True]),
        ({"text": CLEAN, "label": False}, [False]),
        ({"text": LOOP, "label": True, "spans": [[7, 24]]}, [True]),
        ({"text": TWO, "label": 1}, [True, True]),
        ({"text": TWO, "label": 0}, [False, False]),
        ({"text": TWO, "label": 0, "spans": []}, [False, False]),
        ({"text": TWO, "label": 1, "spans": None}, [True, True]),
        ({"text": TWO, "label": 1, "spans": [[len(CLEAN) + 8, len(CLEAN) + 20, "loop"]]}, [False, True]),
        ({"text": TWO, "label": 1, "spans": [[0, 3], [len(TWO) - 1, len(TWO)]]}, [True, True]),
    ],
)
def test_which_sentences_a_record_calls_garbled(record: Record, garbled: list[bool]) -> None:
    document, found = own_document(record)
    assert len(document.sentences) == len(garbled)
    assert found.tolist() == garbled


def test_only_prose_is_learnt_from(write: Write, english: lm.LanguageModel) -> None:
    page = "The Committee\n\nThey met on Tuesday. They will meet again, {}, on Thursday.\n\nRead more"
    x, y, docs = own_rows(write([{"text": page.format(n), "label": n % 2} for n in range(30)]), english)
    assert x.shape == (60, len(FEATURES))
    assert y.sum() == 30
    assert np.bincount(docs).tolist() == [2] * 30


def test_records_may_be_compressed(write: Write, tmp_path: Path, english: lm.LanguageModel) -> None:
    plain = write(RECORDS)
    packed = tmp_path / "labels.jsonl.xz"
    packed.write_bytes(lzma.compress(plain.read_bytes()))
    for one, other in zip(own_rows(plain, english), own_rows(packed, english), strict=True):
        assert (one == other).all()


# What is refused.


def of(*labels: object, **extra: object) -> list[Record]:
    """A record for each label, each a sentence and a document of its own."""
    return [{"text": f"{CLEAN[:-1]} {n}.", "label": label, **extra} for n, label in enumerate(labels)]


REFUSED = [
    pytest.param([], r"labels\.jsonl: no records", id="nothing"),
    pytest.param(of(*[0, 1] * 24), r"labels\.jsonl: 48 sentences of prose; at least 50 are required", id="few"),
    pytest.param(of(*[0] * 60), r"labels\.jsonl: no garbled sentences", id="all clean"),
    pytest.param(of(*[1] * 60), r"labels\.jsonl: no clean sentences", id="all garbled"),
    pytest.param(of(*[0] * 60, *[1] * 4), r"garbled sentences in only 4 documents; at least 5", id="few documents"),
    pytest.param(of(*[0, 1] * 30, doc="one"), r"garbled sentences in only 1 documents; at least 5", id="one document"),
    pytest.param([*of(0), {"text": " \n", "label": 0}], r"labels\.jsonl:2: empty text", id="empty text"),
    pytest.param(of(0, 1, 2), r"labels\.jsonl:3: label must be 0 or 1, not 2", id="label 2"),
    pytest.param(of(0, "1"), r'labels\.jsonl:2: label must be 0 or 1, not "1"', id="label a string"),
    pytest.param(of(0, None), r"labels\.jsonl:2: label must be 0 or 1, not null", id="label null"),
    pytest.param([{"text": CLEAN}], r"labels\.jsonl:1: label must be 0 or 1, not null", id="no label"),
    pytest.param([{"label": 1}], r"labels\.jsonl:1: not an object with a string \"text\"", id="no text"),
    pytest.param(of(0, spans=[[0, 3]]), r"labels\.jsonl:1: label 0 with garbled spans", id="clean with spans"),
    *(
        pytest.param(of(1, spans=spans), r"labels\.jsonl:1: spans must be \[start, end\]", id=f"spans {spans}")
        for spans in ([[3, 3]], [[-1, 3]], [[0, 999]], [[0]], [0, 3], [["0", "3"]], "0-3", {"start": 0})
    ),
]


@pytest.mark.parametrize(("records", "problem"), REFUSED)
def test_what_cannot_be_trained_on_is_refused_in_one_line(
    records: list[Record], problem: str, write: Write, tmp_path: Path
) -> None:
    data, out = write(records), tmp_path / "model"
    with pytest.raises(ValueError, match=problem) as caught:
        train_own(data, out, 0, lambda line: None)
    assert str(caught.value).startswith(str(data))
    assert "\n" not in str(caught.value)
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("labels.jsonl", b'{"text": "Yes.", "label": 0}\n{"text": ', r"labels\.jsonl:2: not JSON"),
        ("labels.jsonl", b'{"text": "caf\xe9", "label": 0}\n', r"labels\.jsonl: not JSON Lines in UTF-8"),
        ("labels.jsonl.xz", b'{"text": "Yes.", "label": 0}\n', r"labels\.jsonl\.xz: not JSON Lines"),
        ("labels.jsonl.xz", lzma.compress(b"{}" * 99)[:-9], r"labels\.jsonl\.xz: not JSON Lines"),
    ],
)
def test_a_file_that_is_no_json_lines_is_refused_in_one_line(
    name: str, content: bytes, problem: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        train_own(tmp_path / name, tmp_path / "model", 0, lambda line: None)


# The command.


def test_the_command_trains_a_model_that_the_command_uses(write: Write, tmp_path: Path) -> None:
    out = tmp_path / "model"
    done = CliRunner().invoke(main, ["train", "--data", str(write(RECORDS)), "--out", str(out)])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "AUROC" in done.stderr
    arguments = ["score", "--model", str(out), "--threshold", "loose", "--format", "json", "-"]
    scored = CliRunner().invoke(main, arguments, input=LOOP)
    assert scored.exit_code == 0
    (report,) = json.loads(scored.stdout)
    assert report["sentences"][0]["garbled"]
    assert "|m:own-" in report["signature"]


def test_the_command_refuses_in_one_line(write: Write, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["train", "--data", str(write(of(0, 2))), "--out", str(tmp_path / "model")])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("garble: ")
    assert line.endswith("labels.jsonl:2: label must be 0 or 1, not 2")


def test_human_text_is_read_from_all_files_but_where_it_stutters(tmp_path: Path) -> None:
    (tmp_path / "fit").mkdir()
    said = {
        "human.jsonl": ["The road is long.", "He had had enough."],
        "human-debian.jsonl": ["The the licence is is a a text."],
        "human-more.jsonl": ["A licence."],
    }
    for name, texts in said.items():
        lines = (json.dumps({"text": text, "kind": name}) for text in texts)
        (tmp_path / "fit" / name).write_text("\n".join(lines), encoding="utf-8")
    assert sorted(human_texts(tmp_path, Random(0))) == ["A licence.", "He had had enough.", "The road is long."]
