"""garble within datatrove."""

from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import documents

pytest.importorskip("datatrove")
pytest.importorskip("orjson", reason="datatrove reads JSON Lines with it")

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

from garble.filtering.decisions import Unit, annotation, decision
from garble.integrations.datatrove import GarbleAnnotator, GarbleFilter
from garble.report import Report

pytestmark = pytest.mark.engines

LOOPED = "I want to to to to to to to go home."
CLEAN = "The committee met on Tuesday and approved the budget for the coming year."


def run(folder: Path, texts: list[str], step: PipelineStep, workers: int = 1) -> dict[str, Any]:
    """Two tasks over the texts, a file each, with `step` in between; what datatrove counted at that step."""
    (folder / "texts").mkdir()
    for rank in range(2):
        rows = ({"id": str(number), "text": text} for number, text in enumerate(texts) if number % 2 == rank)
        (folder / f"texts/{rank}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    steps = [JsonlReader(str(folder / "texts")), step, JsonlWriter(str(folder / "kept"))]
    LocalPipelineExecutor(steps, tasks=2, workers=workers, logging_dir=str(folder / "logs")).run()
    stats: dict[str, Any] = json.loads((folder / "logs/stats.json").read_text("utf-8"))[1]["stats"]
    return stats


def written(folder: Path) -> dict[int, dict[str, Any]]:
    """The documents in a folder, by number."""
    lines = (line for path in folder.glob("*.jsonl.gz") for line in gzip.decompress(path.read_bytes()).splitlines())
    return {int(row["id"]): row for row in map(json.loads, lines)}


def counts(stats: dict[str, Any], prefix: str) -> dict[str, int]:
    """The totals of the statistics whose names start so."""
    totals = {name: value["total"] if isinstance(value, dict) else value for name, value in stats.items()}
    return {name: total for name, total in totals.items() if name.startswith(prefix)}


@pytest.mark.parametrize("workers", [1, 2])
def test_documents_are_dropped_counted_and_kept_apart(
    workers: int, tmp_path: Path, corpus: list[str], reports: list[Report]
) -> None:
    step = GarbleFilter(exclusion_writer=JsonlWriter(str(tmp_path / "dropped")))
    stats = run(tmp_path, corpus, step, workers)
    kept, dropped = written(tmp_path / "kept"), written(tmp_path / "dropped")
    both = kept | dropped
    assert len(kept) + len(dropped) == len(both) == len(corpus)
    assert [both[number]["text"] for number in range(len(corpus))] == corpus
    assert [both[number]["metadata"]["garble_score"] for number in range(len(corpus))] == [r.score for r in reports]

    reasons = {number: decision(report).reason for number, report in enumerate(reports) if report.garbled}
    assert {number: row["metadata"]["filter_reason"] for number, row in dropped.items()} == reasons
    expected = Counter(f"dropped_{reason}" for reason in reasons.values())
    assert counts(stats, "dropped") == {"dropped": len(dropped), **expected}
    assert expected["dropped_repetition.loop"]
    assert counts(stats, "cut") == {}


@pytest.mark.parametrize("unit", ["passage", "sentence"])
def test_what_is_cut_is_counted_by_its_reason(
    unit: Unit, tmp_path: Path, corpus: list[str], reports: list[Report]
) -> None:
    stats = run(tmp_path, corpus[:300], GarbleFilter(unit=unit))
    decisions = [decision(report, unit) for report in reports[:300]]
    assert {number: row["text"] for number, row in written(tmp_path / "kept").items()} == {
        number: found.kept(corpus[number]) for number, found in enumerate(decisions) if found.keep
    }
    cut = [found.cuts for found in decisions if found.keep and found.cuts]
    assert counts(stats, "cut") == {"cut": len(cut), **Counter(f"cut_{one.reason}" for cuts in cut for one in cuts)}
    assert counts(stats, "forwarded") == {"forwarded": sum(found.keep for found in decisions)}


def test_an_annotator_keeps_everything(tmp_path: Path, corpus: list[str], reports: list[Report]) -> None:
    stats = run(tmp_path, corpus, GarbleAnnotator(), workers=2)
    kept = written(tmp_path / "kept")
    assert [kept[number]["text"] for number in range(len(corpus))] == corpus
    found = [annotation(report) for report in reports]
    assert [kept[number]["metadata"]["garble"] for number in range(len(corpus))] == found
    assert counts(stats, "garbled") == Counter(f"garbled_{one['reason']}" for one in found if one["garbled"])
    assert counts(stats, "total") == {"total": len(corpus)}


@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_size_of_a_batch_changes_nothing(batch_size: int) -> None:
    texts = documents(20, seed=1)
    by_size = [
        [(doc.id, doc.text, doc.metadata) for doc in step.run(Document(text, str(i)) for i, text in enumerate(texts))]
        for size in (batch_size, 100)
        for step in (GarbleFilter(unit="passage", batch_size=size), GarbleAnnotator(batch_size=size))
    ]
    assert by_size[:2] == by_size[2:]


def test_a_filter_takes_one_document_as_well() -> None:
    step = GarbleFilter()
    assert step.filter(Document(CLEAN, "0")) is True
    assert step.filter(Document(LOOPED, "1")) == (False, "repetition.loop")


@pytest.mark.parametrize("step", [GarbleFilter(threshold="strict", unit="sentence"), GarbleAnnotator(threshold=0.25)])
def test_a_step_travels_light_even_after_use(step: PipelineStep) -> None:
    list(step.run([Document(LOOPED, "0"), Document(CLEAN, "1")]))
    packed = pickle.dumps(step)
    assert len(packed) < 5000
    assert [doc.text for doc in pickle.loads(packed).run([Document(CLEAN, "1")])] == [CLEAN]


@pytest.mark.parametrize("step", [GarbleFilter, GarbleAnnotator])
def test_what_does_not_exist_is_refused_before_anything_runs(step: type[PipelineStep]) -> None:
    with pytest.raises(ValueError, match="unknown threshold 'lax'"):
        step(threshold="lax")
    with pytest.raises(ValueError, match="unknown model 'tlh'"):
        step(model="tlh")


def test_a_unit_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown unit 'page'"):
        GarbleFilter(unit="page")  # type: ignore[arg-type]


def test_the_example_runs() -> None:
    example = Path(__file__).parent.parent / "examples/datatrove_filter.py"
    shown = subprocess.run([sys.executable, example], capture_output=True, text=True, check=True).stdout
    assert "dropped for repetition.loop" in shown
