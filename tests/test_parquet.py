"""Parquet through `garble filter`: rows that are kept are the rows that came in, whatever their columns."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import documents

from garble.cli import main
from garble.filtering.decisions import Decision, Prefilter
from garble.filtering.formats.base import Layout
from garble.filtering.plan import Plan, find_sources
from garble.filtering.run import run
from garble.scorer import Scorer

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

pytestmark = pytest.mark.engines

CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
LOOPED = "I want to to to to to to to go home."
MIXED = f"{CLEAN} {LOOPED} He left early to see his mother in the village."


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def garble_filter(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["filter", "--workers", "1", *arguments])
    assert result.exit_code == code, result.output
    return result.stderr


def table(texts: list[str | None], kind: Any = None) -> Any:
    many = {
        "id": range(len(texts)),
        "tags": [[{"a": i}] for i in range(len(texts))],
        "x": [i / 3 for i in range(len(texts))],
    }
    return pa.table({**many, "text": pa.array(texts, kind or pa.string())})


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_rows_that_are_kept_are_as_they_were(kind: Any) -> None:
    rows = table([CLEAN, LOOPED, f"{LOOPED} He left early to see her."], kind)
    pq.write_table(rows, "in.parquet")
    garble_filter("in.parquet", "-o", "kept.parquet", "--rejected", "rejected.parquet")
    assert pq.read_table("kept.parquet").equals(pq.read_table("in.parquet").take([0]))
    rejected = pq.read_table("rejected.parquet")
    assert rejected.drop_columns("garble").equals(pq.read_table("in.parquet").take([1, 2]))
    assert rejected["garble"].to_pylist()[0]["reason"] == "repetition.loop"


def test_passages_are_cut_and_listed() -> None:
    pq.write_table(table([CLEAN, MIXED, LOOPED]), "in.parquet")
    garble_filter("in.parquet", "-o", "kept.parquet", "--rejected", "cut.parquet", "--unit", "passage")
    assert pq.read_table("kept.parquet")["text"].to_pylist() == [CLEAN, MIXED.replace(f"{LOOPED} ", "")]
    cut = pq.read_table("cut.parquet").to_pylist()
    assert [(row["id"], row["line"], row["text"]) for row in cut] == [("1", 2, LOOPED), ("2", 3, LOOPED)]


def test_everything_is_kept_with_a_column_of_notes() -> None:
    texts = documents(40)
    pq.write_table(table(texts), "in.parquet", row_group_size=7)
    garble_filter("in.parquet", "-o", "all.parquet", "--annotate")
    notes = pq.read_table("all.parquet")["garble"].to_pylist()
    assert [note["score"] for note in notes] == [report.score for report in Scorer(reader="unsure").score_many(texts)]


def test_nulls_and_bytes_that_are_no_utf8_are_bad_records() -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"]).buffers())
    texts = pa.concat_arrays([pa.array([CLEAN, None]), broken, pa.array([CLEAN])])
    pq.write_table(pa.table({"text": texts}), "in.parquet")
    garble_filter("in.parquet", "-o", "kept.parquet", "--errors", "errors.jsonl")
    assert pq.read_table("kept.parquet")["text"].to_pylist() == [CLEAN, CLEAN]
    errors = [json.loads(line) for line in Path("errors.jsonl").read_text().splitlines()]
    assert [(error["line"], error["reason"]) for error in errors] == [
        (2, "field 'text' is null, not a string"),
        (3, "not UTF-8: byte 0xff at offset 0"),
    ]


def test_a_file_without_rows_stays_one_with_its_columns() -> None:
    pq.write_table(table([]), "in.parquet")
    garble_filter("in.parquet", "-o", "kept.parquet", "--rejected", "rejected.parquet")
    assert pq.read_table("kept.parquet").equals(pq.read_table("in.parquet"))
    assert pq.read_table("rejected.parquet").schema.names == ["id", "tags", "x", "text", "garble"]


def test_several_files_become_one_or_each_its_own() -> None:
    os.mkdir("crawl")
    pq.write_table(table([CLEAN, LOOPED]), "crawl/a.parquet")
    pq.write_table(table([MIXED]), "crawl/b.parquet")
    garble_filter("crawl", "-o", "kept.parquet", "--threshold", "1")
    assert pq.read_table("kept.parquet")["text"].to_pylist() == [CLEAN, LOOPED, MIXED]
    garble_filter("crawl", "-o", "kept/", "--threshold", "1")
    assert pq.read_table("kept/b.parquet")["text"].to_pylist() == [MIXED]
    pq.write_table(pa.table({"text": [CLEAN]}), "crawl/c.parquet")
    assert "crawl/c.parquet: columns differ from crawl/a.parquet" in garble_filter("crawl", "-o", "k.parquet", code=2)


def test_what_is_no_parquet_or_has_no_texts_is_told_in_one_line() -> None:
    Path("no.parquet").write_bytes(b"PAR1 this is none")
    pq.write_table(pa.table({"text": [1, 2]}), "ints.parquet")
    assert garble_filter("no.parquet", "-o", "k.parquet", code=2).startswith(
        "garble: no.parquet: damaged or not Parquet"
    )
    complaint = "garble: ints.parquet: column 'text' has type int64; expected strings\n"
    assert garble_filter("ints.parquet", "-o", "k.parquet", code=2) == complaint


def test_a_run_that_is_left_goes_on_to_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    pq.write_table(table(documents(80)), "in.parquet", row_group_size=30)

    def plan(kept: str) -> Plan:
        return Plan(find_sources(["in.parquet"]), kept, layout=Layout(block=10_000))

    whole = len(list(run(plan("whole.parquet"))))
    for stop in range(2, whole, 3):
        steps = run(plan("kept.parquet"), resume=True)
        for _ in range(min(stop, 4)):
            next(steps, None)
        steps.close()
    list(run(plan("kept.parquet"), resume=True))
    assert Path("kept.parquet").read_bytes() == Path("whole.parquet").read_bytes()


@pytest.mark.parametrize("options", [(), ("--annotate",), ("--unit", "sentence")])
def test_views_of_strings_are_texts_too(options: tuple[str, ...]) -> None:
    texts = [CLEAN, None, f"{CLEAN} {LOOPED}", CLEAN]
    pq.write_table(pa.table({"id": list("abcd"), "text": pa.array(texts, pa.string_view())}), "views.parquet")
    garble_filter("views.parquet", "-o", "k.parquet", "--errors", "e.jsonl", *options)
    kept = pq.read_table("k.parquet")
    assert kept.schema.field("text").type == pa.string_view()
    assert {"a", "d"} <= set(kept["id"].to_pylist()) <= {"a", "c", "d"}
    assert kept["text"].to_pylist()[0] == CLEAN


def test_a_column_of_their_own_is_not_replaced_by_notes() -> None:
    pq.write_table(pa.table({"text": [CLEAN], "garble": [1]}), "own.parquet")
    result = garble_filter("own.parquet", "-o", "k.parquet", "--annotate", code=2)
    assert "column 'garble' already exists, and the decision would replace it; rename it first" in result
    garble_filter("own.parquet", "-o", "k.parquet")
    assert pq.read_table("k.parquet")["garble"].to_pylist() == [1]
    pq.write_table(pa.table({"text": [CLEAN]}), "new.parquet")
    garble_filter("new.parquet", "-o", "noted.parquet", "--annotate")
    # A note of garble's own gives way to a newer one.
    garble_filter("noted.parquet", "-o", "again.parquet", "--annotate")
    assert pq.read_table("again.parquet").equals(pq.read_table("noted.parquet"))


def test_a_row_that_cannot_be_scored_is_a_bad_record_and_the_columns_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Prefilter, texts: list[str], markups: object = None) -> list[Decision]:
        if texts:
            raise RuntimeError("boom")
        return []

    monkeypatch.setattr(Prefilter, "decide", fails)
    table = pa.table({"id": [1], "text": [CLEAN]})
    pq.write_table(table, "fails.parquet")
    garble_filter("fails.parquet", "-o", "k.parquet", "--errors", "e.jsonl")
    assert json.loads(Path("e.jsonl").read_text())["reason"] == "RuntimeError: boom"
    assert (pq.read_table("k.parquet").schema, len(pq.read_table("k.parquet"))) == (table.schema, 0)
