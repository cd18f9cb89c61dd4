"""garble within Apache Spark, on a cluster of one machine with two cores."""

from __future__ import annotations

import gc
import os
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark")
pytest.importorskip("pandas", reason="Spark's UDFs need pandas")
if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
    pytest.skip("Spark needs Java", allow_module_level=True)

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import lit

from garble.filtering.arrow import SCHEMA
from garble.filtering.decisions import UNITS, Unit, annotation, decision
from garble.integrations.spark import annotate, keep, score_udf
from garble.models import store
from garble.report import Report
from garble.scorer import Scorer

pytestmark = [
    pytest.mark.engines,
    # Spark says so of every release of pandas that is newer than itself.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    # Spark 3.5 compares versions with what Python has given up.
    pytest.mark.filterwarnings("ignore:distutils Version classes are deprecated:DeprecationWarning"),
    # It leaves its connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

EXAMPLE = Path(__file__).parent.parent / "examples" / "spark_filter.py"
CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
LOOPED = "I want to to to to to to to go home."
MIXED = f"{CLEAN}\n\n{LOOPED} He left early to see his mother in the village."
# The row after the thousand documents has no text.
LAST = 1000


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """A session that leaves the network alone, with batches small enough for a partition to have several."""
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # Too short a run for the second compiler to pay.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.driver.memory": "512m",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "100",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
        yield session
        session.stop()
        gc.collect()  # here, where what it leaves is let pass


@pytest.fixture(scope="module")
def data(spark: SparkSession, corpus: list[str], tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    """The thousand documents and a row without a text, in four partitions."""
    path = tmp_path_factory.mktemp("corpus")
    table = pa.table({"id": range(LAST + 1), "text": [*corpus, None], "tags": [{"n": n} for n in range(LAST + 1)]})
    for part in range(4):
        pq.write_table(table.slice(part * 251, 251), path / f"{part}.parquet")
    return spark.read.parquet(str(path)).repartition(4, "id")


@pytest.fixture(scope="module")
def small(spark: SparkSession) -> DataFrame:
    """A few rows, one without a text."""
    return spark.createDataFrame([(0, CLEAN), (1, None), (2, LOOPED), (3, MIXED), (4, "")], "id int, text string")


def written(frame: DataFrame, folder: Path) -> dict[int, dict[str, Any]]:
    """The rows by id, as another program finds them in the Parquet files that Spark wrote."""
    frame.write.parquet(str(folder / "out"))
    return {row["id"]: row for row in pq.read_table(folder / "out").to_pylist()}


def test_scores_are_those_of_the_library(
    data: DataFrame, corpus: list[str], reports: list[Report], tmp_path: Path
) -> None:
    rows = written(annotate(data), tmp_path)
    assert [rows[number]["text"] for number in range(LAST)] == corpus
    assert [rows[number]["garble"] for number in range(LAST)] == [annotation(report) for report in reports]
    assert rows[LAST] == {"id": LAST, "text": None, "tags": {"n": LAST}, "garble": None}


@pytest.mark.parametrize("unit", UNITS)
def test_what_stays_is_what_the_library_keeps(
    unit: Unit, data: DataFrame, corpus: list[str], reports: list[Report], tmp_path: Path
) -> None:
    kept = keep(data, unit=unit)
    assert kept.schema == data.schema
    decisions = enumerate(decision(report, unit) for report in reports)
    texts = {number: one.kept(corpus[number]) for number, one in decisions if one.keep} | {LAST: None}
    expected = {number: {"id": number, "text": text, "tags": {"n": number}} for number, text in texts.items()}
    assert written(kept, tmp_path) == expected


def test_threshold_and_column_are_heeded(small: DataFrame) -> None:
    renamed = small.withColumnRenamed("text", "the.`body`")
    scored = annotate(renamed, "the.`body`", threshold=0.0).orderBy("id")
    assert [row.garble and row.garble.garbled for row in scored.collect()] == [True, None, True, True, True]
    kept = keep(renamed, "the.`body`", threshold=1.0).orderBy("id")
    assert kept.collect() == renamed.orderBy("id").collect()


def test_a_model_of_ones_own_is_found(small: DataFrame, tmp_path: Path) -> None:
    model = shutil.copytree(Path(__file__).parent.parent / "models" / "en", tmp_path / "own")
    assert keep(small, model=model).count() == keep(small).count() == 4


def test_an_older_column_of_that_name_goes(small: DataFrame) -> None:
    again = annotate(annotate(small, threshold=0.0))
    assert again.columns == ["id", "text", "garble"]
    assert again.where("garble.garbled").count() == 1


def test_sql_has_it_once_it_is_registered(small: DataFrame, spark: SparkSession, unsure: Scorer) -> None:
    spark.udf.register("garble", score_udf())
    small.createOrReplaceTempView("texts")
    rows = spark.sql("SELECT id, found.* FROM (SELECT id, garble(text) AS found FROM texts) ORDER BY id").collect()
    assert [row.score for row in rows] == [
        unsure.score(row.text).score if row.text is not None else None for row in small.orderBy("id").collect()
    ]
    assert rows[1].asDict() == {"id": 1, **dict.fromkeys(SCHEMA.names)}


def test_a_text_is_scored_once_however_often_its_score_is_asked_for(
    small: DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    annotate(small).where("garble.score > 0.5").select("garble.score", "garble.reason").explain()
    keep(small).explain()
    plans = capsys.readouterr().out
    # Where a UDF is run, its name stands before its argument.
    assert (plans.count("score("), plans.count("decide(")) == (1, 1)


def test_a_worker_loads_a_model_once(spark: SparkSession) -> None:
    def loads(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            Scorer()
            yield pa.RecordBatch.from_pydict({"pid": [os.getpid()], "loads": [store._load.cache_info().misses]})

    tasks = spark.range(8, numPartitions=8).withColumn("text", lit(CLEAN))
    found = []
    for _ in range(2):
        assert keep(tasks).count() == 8
        found += tasks.mapInArrow(loads, "pid long, loads long").collect()
    assert len(found) == 16
    assert len(set(found)) == len({row.pid for row in found}) <= 2


def test_what_is_wrong_is_said_before_anything_runs(small: DataFrame) -> None:
    with pytest.raises(ValueError, match=r"^no column 'body'; found: id, text$"):
        annotate(small, "body")
    with pytest.raises(ValueError, match=r"^column 'id' has type int; expected strings$"):
        keep(small, "id")
    with pytest.raises(ValueError, match=r"^more than one column 'text'; found: id, text, text$"):
        keep(small.select("*", lit("").alias("text")))
    with pytest.raises(ValueError, match=r"^unknown unit 'page'"):
        keep(small, unit="page")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^unknown threshold 'lax'"):
        score_udf(threshold="lax")
    with pytest.raises(ValueError, match=r"^unknown model 'xx'"):
        annotate(small, model="xx")


def test_the_example_says_what_it_drops(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "dropped for fluency.mistranslated: 1",
        "dropped for repetition.loop: 1",
        "dropped: 2 in source=town",
        "kept: 1 in source=islands",
    ]
