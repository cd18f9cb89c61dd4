"""garble within Ray Data, on a cluster of one machine."""

from __future__ import annotations

import gc
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
pytest.importorskip("ray.data", reason="Ray is installed without Ray Data")

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset

from garble.filtering.decisions import UNITS, Unit, annotation, decision
from garble.integrations.ray import GarbleFilter, GarbleScorer
from garble.report import Report

pytestmark = [
    pytest.mark.engines,
    # Ray fills in its own defaults by way of names that it has given up.
    pytest.mark.filterwarnings("ignore:.* deprecated:DeprecationWarning:ray.data.context"),
    # It leaves log files and processes to the garbage collector.
    pytest.mark.filterwarnings("ignore:(unclosed|subprocess):ResourceWarning"),
]

EXAMPLE = Path(__file__).parent.parent / "examples" / "ray_filter.py"
CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
LOOPED = "I want to to to to to to to go home."
# The row after the thousand documents has no text.
LAST = 1000


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster that leaves the network alone; two CPUs for actors and one for reading and writing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            num_cpus=3,
            include_dashboard=False,
            logging_level="ERROR",
            log_to_driver=False,
            object_store_memory=100 * 2**20,
        )
        DataContext.get_current().enable_progress_bars = False
        yield
        ray.shutdown()
        gc.collect()  # here, where what it leaves is let pass


@pytest.fixture(scope="module")
def table(corpus: list[str]) -> pa.Table:
    """The thousand documents and a row without a text."""
    return pa.table({"id": range(LAST + 1), "text": [*corpus, None], "tags": [{"n": n} for n in range(LAST + 1)]})


@pytest.fixture(scope="module")
def data(cluster: None, table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The same from a file, in blocks enough for two actors."""
    path = tmp_path_factory.mktemp("corpus") / "texts.parquet"
    pq.write_table(table, path)
    return ray.data.read_parquet(str(path)).repartition(4).materialize()


def written(data: Dataset, folder: Path) -> dict[int, dict[str, Any]]:
    """The rows by id, as another program finds them in the Parquet files that Ray wrote."""
    data.write_parquet(str(folder / "out"))
    return {row["id"]: row for row in pq.read_table(folder / "out").to_pylist()}


def expected(unit: Unit, corpus: list[str], reports: list[Report]) -> dict[int, dict[str, Any]]:
    """The rows by id that are to stay."""
    decisions = enumerate(decision(report, unit) for report in reports)
    texts = {number: one.kept(corpus[number]) for number, one in decisions if one.keep} | {LAST: None}
    return {number: {"id": number, "text": text, "tags": {"n": number}} for number, text in texts.items()}


def test_scores_are_those_of_the_library(
    data: Dataset, corpus: list[str], reports: list[Report], tmp_path: Path
) -> None:
    scored = data.map_batches(GarbleScorer, batch_format="pyarrow", compute=ActorPoolStrategy(size=2))
    rows = written(scored, tmp_path)
    assert [rows[number]["text"] for number in range(LAST)] == corpus
    assert [rows[number]["garble"] for number in range(LAST)] == [annotation(report) for report in reports]
    assert rows[LAST] == {"id": LAST, "text": None, "tags": {"n": LAST}, "garble": None}


def test_actors_keep_what_the_library_keeps(
    data: Dataset, corpus: list[str], reports: list[Report], tmp_path: Path
) -> None:
    kept = data.map_batches(
        GarbleFilter,
        batch_format="pyarrow",
        batch_size=100,
        compute=ActorPoolStrategy(min_size=1, max_size=2),
        fn_constructor_kwargs={"unit": "passage"},
    )
    assert written(kept, tmp_path) == expected("passage", corpus, reports)


@pytest.mark.parametrize("unit", UNITS)
def test_what_stays_of_a_batch(unit: Unit, table: pa.Table, corpus: list[str], reports: list[Report]) -> None:
    kept = GarbleFilter(unit=unit)(table)
    assert kept.schema == table.schema
    assert {row["id"]: row for row in kept.to_pylist()} == expected(unit, corpus, reports)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_threshold_and_column_are_heeded(kind: pa.DataType) -> None:
    batch = pa.table({"body": pa.array([LOOPED, None, CLEAN], kind), "n": [1, 2, 3]})
    scored = GarbleScorer("body", threshold=0.0)(batch)
    assert scored.drop_columns(["garble"]) == batch
    assert [row and row["garbled"] for row in scored["garble"].to_pylist()] == [True, None, True]
    assert GarbleFilter("body", threshold=1.0)(batch) == batch
    kept = GarbleFilter("body")(batch)
    assert (kept.schema, kept.to_pylist()) == (batch.schema, batch.to_pylist()[1:])


@pytest.mark.parametrize("batch", [pa.table({"text": pa.array([], pa.string())}), pa.table({"text": pa.nulls(2)})])
def test_a_batch_without_any_text(batch: pa.Table) -> None:
    assert GarbleFilter()(batch) == batch
    assert GarbleScorer()(batch)["garble"].to_pylist() == [None] * batch.num_rows


def test_an_older_column_of_that_name_goes() -> None:
    batch = GarbleScorer(threshold=0.0)(pa.table({"text": [CLEAN]}))
    again = GarbleScorer()(batch)
    assert again.column_names == ["text", "garble"]
    assert not again["garble"][0].as_py()["garbled"]


def test_what_is_wrong_is_said_in_a_line() -> None:
    batch = pa.table({"id": [1], "text": [CLEAN]})
    for wrong in (GarbleScorer, GarbleFilter):
        with pytest.raises(ValueError, match=r"^no column 'body'; found: id, text$"):
            wrong("body")(batch)
        with pytest.raises(ValueError, match=r"^column 'id' has type int64; expected strings$"):
            wrong("id")(batch)
        with pytest.raises(ValueError, match=r'^expected Arrow tables, got dict; use batch_format="pyarrow"$'):
            wrong()(batch.to_pydict())
        with pytest.raises(ValueError, match=r"^unknown threshold 'lax'"):
            wrong(threshold="lax")
        with pytest.raises(ValueError, match=r"^unknown model 'xx'"):
            wrong(model="xx")
    with pytest.raises(ValueError, match=r"^unknown unit 'page'"):
        GarbleFilter(unit="page")  # type: ignore[arg-type]


def test_the_example_says_what_it_drops(
    cluster: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "dropped for fluency.mistranslated: 1",
        "dropped for repetition.loop: 1",
        "kept: 1",
    ]
