"""garble within Hugging Face datasets."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datasets")

from datasets import Dataset, DatasetDict, Features, IterableDataset, Value
from datasets.fingerprint import Hasher

from garble.filtering.decisions import annotation, decision
from garble.integrations.datasets import Annotate, Cut, Keep
from garble.report import Report

pytestmark = pytest.mark.engines

CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
LOOPED = "I want to to to to to to to go home."
OTHERS = "He left early to see his mother in the village. Nobody had told her. She was glad all the same."
MIXED = f"{CLEAN}\n\n{LOOPED} {OTHERS}"
ROWS = [{"id": number, "text": text} for number, text in enumerate([CLEAN, None, LOOPED, MIXED, ""])]

Forms = dict[str, Callable[[Dataset], Dataset | IterableDataset]]
FORMS: Forms = {"whole": lambda data: data, "streamed": lambda data: data.to_iterable_dataset(num_shards=2)}


@pytest.fixture(params=FORMS)
def small(request: pytest.FixtureRequest) -> Dataset | IterableDataset:
    """A few rows, one without a text."""
    return FORMS[request.param](Dataset.from_list(ROWS))


@pytest.fixture(scope="module")
def annotations(reports: list[Report]) -> list[dict[str, Any]]:
    """What the new columns are to hold of the thousand documents."""
    rows = [annotation(report) | {"passages": json.dumps(annotation(report)["passages"])} for report in reports]
    return [{f"garble_{name}": value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("form", FORMS)
def test_scores_are_those_of_the_library(form: str, corpus: list[str], annotations: list[dict[str, Any]]) -> None:
    data = FORMS[form](Dataset.from_dict({"text": corpus}))
    marked = list(data.map(Annotate(), batched=True, batch_size=300))
    assert marked == [{"text": text, **found} for text, found in zip(corpus, annotations, strict=True)]


def test_two_processes_keep_what_one_would(corpus: list[str], reports: list[Report]) -> None:
    kept = Dataset.from_dict({"text": corpus}).filter(Keep(), batched=True, num_proc=2)
    assert kept["text"][:] == [text for text, report in zip(corpus, reports, strict=True) if not report.garbled]


def test_two_processes_cut_what_one_would(corpus: list[str], reports: list[Report]) -> None:
    some = Dataset.from_dict({"text": corpus[:300]}).map(Cut(), batched=True, num_proc=2)
    decisions = [decision(report, "passage") for report in reports[:300]]
    expected = [found.kept(text) for text, found in zip(corpus, decisions, strict=False) if found.keep]
    assert some["text"][:] == expected
    assert expected != corpus[:300]


def test_a_missing_text_has_null_scores(small: Dataset | IterableDataset) -> None:
    marked = list(small.map(Annotate(), batched=True))
    assert [row["id"] for row in marked if row["garble_score"] is None] == [1]
    assert {name: value for name, value in marked[1].items() if name.startswith("garble_")} == dict.fromkeys(
        ("garble_score", "garble_garbled", "garble_reason", "garble_passages")
    )
    assert [row["garble_garbled"] for row in marked] == [False, None, True, False, False]
    assert [row["garble_reason"] for row in marked] == ["", None, "repetition.loop", "", ""]
    (passage,) = json.loads(marked[3]["garble_passages"])
    assert MIXED[passage["start"] : passage["end"]] == LOOPED


def test_garbled_documents_are_left_away_and_missing_ones_kept(small: Dataset | IterableDataset) -> None:
    assert list(small.filter(Keep(), batched=True)) == [ROWS[number] for number in (0, 1, 3, 4)]


def test_garbled_passages_are_cut_out_and_other_columns_stay_beside_their_texts(
    small: Dataset | IterableDataset,
) -> None:
    cut = list(small.map(Cut(), batched=True, batch_size=3))
    assert cut == [ROWS[0], ROWS[1], {"id": 3, "text": f"{CLEAN}\n\n{OTHERS}"}, ROWS[4]]


def test_nothing_may_be_left() -> None:
    data = Dataset.from_list([{"id": 1, "text": LOOPED}])
    cut = data.map(Cut(), batched=True)
    assert (len(cut), cut.features) == (0, data.features)


def test_the_columns_have_one_type_whatever_the_first_batch_holds() -> None:
    data = Dataset.from_dict({"text": [CLEAN, CLEAN, LOOPED]})
    marked = data.map(Annotate(), batched=True, batch_size=1)
    kinds = {"score": "float64", "garbled": "bool", "reason": "string", "passages": "string"}
    assert marked.features == Features(data.features | {f"garble_{name}": Value(kind) for name, kind in kinds.items()})


def test_a_column_of_another_name_in_several_splits() -> None:
    splits = DatasetDict(train=Dataset.from_dict({"body": [LOOPED]}), test=Dataset.from_dict({"body": [CLEAN]}))
    assert splits.filter(Keep(column="body"), batched=True).num_rows == {"train": 0, "test": 1}


def test_the_threshold_decides() -> None:
    score = Annotate()({"text": [MIXED]})["garble_score"][0]
    assert Keep(threshold=score)({"text": [MIXED]}) == [False]
    assert Keep(threshold=score + 1e-9)({"text": [MIXED]}) == [True]


@pytest.mark.parametrize("kind", [Annotate, Keep, Cut])
def test_it_pickles_and_compares_by_what_it_says(kind: type[Annotate | Keep | Cut]) -> None:
    step = kind(column="body", threshold="loose")
    packed = pickle.dumps(step)
    assert len(packed) < 500
    assert pickle.loads(packed) == step != kind(column="body")
    assert pickle.loads(packed)({"body": [LOOPED]}) == step({"body": [LOOPED]})


PROGRAM = """
import sys
from datasets.fingerprint import Hasher
from garble.integrations.datasets import Annotate, Cut, Keep
steps = Annotate(), Keep(), Cut(), Keep("body"), Keep(threshold="loose"), Keep(model=sys.argv[1])
print(*map(Hasher.hash, steps))
"""


def hashes(model: Path) -> list[str]:
    """What a process of its own names results by; the last is that of a step with this model."""
    command = [sys.executable, "-c", PROGRAM, model]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_fingerprint_lasts_until_something_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Path(__file__).parent.parent / "models/en"
    for name in ("lm.npz", "network.npz", "network.onnx", "tokenizer.json"):
        (tmp_path / name).symlink_to(shipped / name)
    card = json.loads((shipped / "scorecard.json").read_text("utf-8"))
    found = []
    for name in ("own-1", "own-2"):
        (tmp_path / "scorecard.json").write_text(json.dumps(card | {"name": name}), "utf-8")
        found.append(hashes(tmp_path))
    assert len(set(found[0])) == 6
    assert [a == b for a, b in zip(*found, strict=True)] == [True] * 5 + [False]
    assert Hasher.hash(Keep()) == found[0][1]
    monkeypatch.setattr("garble.__version__", "99")
    assert Hasher.hash(Keep()) != found[0][1]


def test_a_second_run_takes_what_the_first_one_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    data = Dataset.from_json(str(tmp_path / "texts.jsonl"), cache_dir=str(tmp_path / "cache"))
    first = [data.map(Annotate(), batched=True), data.map(Cut(), batched=True), data.filter(Keep(), batched=True)]
    # Who scored again would fail here; a fingerprint is made of what a step holds, not of what it does.
    for kind in (Annotate, Keep, Cut):
        monkeypatch.setattr(kind, "__call__", None)
    again = [data.map(Annotate(), batched=True), data.map(Cut(), batched=True), data.filter(Keep(), batched=True)]
    assert [list(one) for one in again] == [list(one) for one in first]


@pytest.mark.parametrize("step", [Annotate(), Keep(), Cut()])
def test_what_is_no_batch_of_texts_is_refused(step: Annotate | Keep | Cut) -> None:
    with pytest.raises(ValueError, match="no column 'text'; found: id, body"):
        step({"id": [1], "body": [CLEAN]})
    with pytest.raises(ValueError, match="column 'text': expected a list, got str; use batched=True"):
        step({"text": CLEAN})
    with pytest.raises(ValueError, match="column 'text': expected strings, got int"):
        step({"text": [CLEAN, 1]})


def test_what_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="unknown threshold 'lax'"):
        Keep(threshold="lax")
    with pytest.raises(ValueError, match="unknown model 'tlh'"):
        Annotate(model="tlh")


def test_the_example_runs() -> None:
    example = Path(__file__).parent.parent / "examples/datasets_filter.py"
    shown = subprocess.run([sys.executable, example], capture_output=True, text=True, check=True).stdout
    assert "dropped for repetition.loop" in shown
