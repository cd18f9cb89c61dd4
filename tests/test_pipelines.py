"""`garble filter` in pipelines: nested fields, samples, conversion, web archives, object stores."""

from __future__ import annotations

import asyncio
import bz2
import csv
import doctest
import gzip
import json
import logging
import random
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from garble.cli import main
from garble.errors import InputError
from garble.filtering.decisions import Prefilter
from garble.filtering.formats import fields, format_of
from garble.filtering.formats.base import Layout
from garble.filtering.formats.convert import Converter
from garble.filtering.outputs import Progress
from garble.filtering.plan import Plan, find_sources
from garble.filtering.run import filter_files, run

CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
LOOPED = "I want to to to to to to to go home."
MIXED = f"{CLEAN} {LOOPED} He left early to see his mother in the village."
CUT = MIXED.replace(f"{LOOPED} ", "")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def garble_filter(*arguments: str, code: int = 0) -> Result:
    """Run the command in this process, with one worker and without the reader."""
    result = CliRunner().invoke(main, ["filter", "--workers", "1", "--reader", "off", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    assert code != 2 or "Traceback" not in result.output
    return result


def records(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


def json_lines(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def chat(*contents: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content} for content in contents]}


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """Write rows with id and text in the format of the name."""
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow.parquet").write_table(pytest.importorskip("pyarrow").Table.from_pylist(rows), name)
    elif name.endswith(".csv"):
        with open(name, "w", newline="") as file:
            csv.writer(file).writerows([["id", "text"], *([row["id"], row["text"]] for row in rows)])
    elif name.endswith(".txt"):
        Path(name).write_text("".join(f"{row['text']}\n" for row in rows))
    else:
        Path(name).write_bytes(json_lines(*rows))


def read(name: str) -> list[str]:
    """The texts in a file."""
    if name.endswith(".parquet"):
        texts: list[str] = pytest.importorskip("pyarrow.parquet").read_table(name)["text"].to_pylist()
        return texts
    if name.endswith(".csv"):
        with open(name, newline="") as file:
            return [row["text"] for row in csv.DictReader(file)]
    if name.endswith(".txt"):
        return Path(name).read_text().splitlines()
    return [row["text"] for row in records(name)]


# Nested fields


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(fields).failed == 0


@pytest.mark.parametrize(
    ("field", "line", "expected"),
    [
        ("content.body", '{"n": 1.50, "content": {"x" :[1], "body":"%s"}, "u": "\\u00fc"}', MIXED),
        ("a.b.c", '{"a": {"b": {"c": "%s", "d": {"c": "x"}}, "c": 2}}', MIXED),
        ("content.body", '{"content": {"body": "x"}, "content.body": "%s"}', MIXED),
        ("content.body", '{"content": {"body": "x"}, "content": {"body": 1, "body": "%s"}}', MIXED),
        ("messages[].content", '{"messages": [{"content": "Hello  there."} , {"role": "x", "content":"%s"}]}', MIXED),
        ("messages[].content", '{"messages": [{"content": null}, {"call": 1}, null, {"content": "%s"}]}', MIXED),
        ("paragraphs[]", '{"paragraphs": ["\\u00fcber", "%s"], "n": 1E5}', MIXED),
        ("m[].content[].text", '{"m": [{"content": [{"type": "image"}, {"text": "%s"}]}, {"content": []}]}', MIXED),
    ],
)
def test_only_the_text_at_the_path_changes(field: str, line: str, expected: str) -> None:
    Path("in.jsonl").write_text(line % expected + "\n")
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--field", field, "--unit", "passage", "--rejected", "cut.jsonl")
    assert Path("kept.jsonl").read_text() == line % CUT + "\n"
    (cut,) = records("cut.jsonl")
    assert (cut["text"], MIXED[cut["start"] : cut["end"]]) == (LOOPED, LOOPED)


def test_a_record_is_garbled_if_one_of_its_messages_is() -> None:
    lines = json_lines(chat(CLEAN, CLEAN), chat(CLEAN, None, LOOPED)).splitlines(keepends=True)
    Path("in.jsonl").write_bytes(b"".join(lines))
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--field", "messages[].content", "--rejected", "rejected.jsonl")
    assert Path("kept.jsonl").read_bytes() == lines[0]
    (rejected,) = records("rejected.jsonl")
    found = rejected.pop("garble")
    assert rejected == json.loads(lines[1])
    assert (found["garbled"], found["reason"]) == (True, "repetition.loop")
    assert [(text["field"], text["garbled"]) for text in found["texts"]] == [
        ("messages[0].content", False),
        ("messages[2].content", True),
    ]
    (passage,) = found["passages"]
    assert (passage["field"], LOOPED[passage["start"] : passage["end"]]) == ("messages[2].content", LOOPED)


def test_passages_are_cut_per_message_and_say_which() -> None:
    Path("in.jsonl").write_bytes(json_lines({"id": "a", **chat(MIXED, CLEAN, MIXED)}))
    options = ("--field", "messages[].content", "--unit", "passage", "--report", "counts.json")
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--rejected", "cut.jsonl", *options)
    assert records("kept.jsonl") == [{"id": "a", **chat(CUT, CLEAN, CUT)}]
    cuts = [(cut["id"], cut["field"], cut["text"]) for cut in records("cut.jsonl")]
    assert cuts == [("a", "messages[0].content", LOOPED), ("a", "messages[2].content", LOOPED)]
    counts = json.loads(Path("counts.json").read_text())
    assert (counts["documents"], counts["cut"], counts["dropped_repetition.loop"]) == (1, 1, 2)


def test_a_record_is_dropped_if_nothing_of_a_message_remains_and_all_its_texts_are_listed() -> None:
    Path("in.jsonl").write_bytes(json_lines(chat(CLEAN, LOOPED, MIXED)))
    options = ("--field", "messages[].content", "--unit", "passage", "--rejected", "cut.jsonl")
    result = garble_filter("in.jsonl", "-o", "kept.jsonl", *options)
    assert Path("kept.jsonl").read_bytes() == b""
    assert [cut["text"] for cut in records("cut.jsonl")] == [CLEAN, LOOPED, MIXED]
    assert "kept 0, 0 of them cut, dropped 1" in result.stderr


def test_an_annotation_of_messages_replaces_an_older_one() -> None:
    Path("in.jsonl").write_bytes(json_lines(chat(CLEAN, LOOPED)))
    garble_filter("in.jsonl", "-o", "all.jsonl", "--field", "messages[].content", "--annotate")
    garble_filter("all.jsonl", "-o", "again.jsonl", "--field", "messages[].content", "--annotate")
    assert Path("all.jsonl").read_bytes() == Path("again.jsonl").read_bytes()
    assert records("all.jsonl")[0]["garble"]["garbled"]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("content.body", {"content": 3}, "field 'content' is a number, not an object"),
        ("content.body", {"content": {"body": None}}, "field 'content.body' is null, not a string"),
        ("content.body", {"content": {}}, "no field 'content.body'"),
        ("content.body", {}, "no field 'content'"),
        ("messages[].content", {"messages": {}}, "field 'messages' is an object, not a list"),
        ("messages[].content", {"messages": []}, "no text in 'messages[].content'"),
        ("messages[].content", chat(CLEAN, [1]), "field 'messages[1].content' is a list, not a string"),
        ("messages[].content", {"messages": ["x"]}, "field 'messages[0]' is a string, not an object"),
    ],
)
def test_a_record_without_a_text_at_the_path_is_a_bad_record(field: str, value: object, reason: str) -> None:
    good = {"content": {"body": CLEAN}, **chat(CLEAN)}
    Path("in.jsonl").write_bytes(json_lines(good, value, good))
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--errors", "errors.jsonl", "--field", field)
    assert records("kept.jsonl") == [good, good]
    assert [(error["line"], error["reason"]) for error in records("errors.jsonl")] == [(2, reason)]


MISTAKES = {
    ("in.jsonl", "--field", "text.body"): "in.jsonl: no field 'text.body' in the first 1 records; found: text",
    ("in.jsonl", "--field", "text[]"): "in.jsonl: no field 'text[]' in the first 1 records; found: text",
    (
        "in.jsonl",
        "--field",
        "m[].x",
        "--format",
        "dolma",
    ): "--field m[].x: --format dolma requires a field with one text per record",
    ("in.jsonl",): "Missing option '-o' / '--output' (see garble filter --help)",
    ("in.jsonl", "--sample", "0"): "sample 0.0: expected a share above 0 and at most 1",
    ("in.jsonl", "--sample", "nan"): "sample nan: expected a share above 0 and at most 1",
    ("in.jsonl", "--dry-run", "--sample", "1.5"): "sample 1.5: expected a share above 0 and at most 1",
    ("in.csv", "-o", "k.txt"): "k.txt: plain text has no fields; write csv or another record format",
    ("two.csv", "-o", "k.jsonl"): "two.csv: more than one column 'a'; rename one",
    ("own.jsonl", "-o", "k.csv", "--annotate"): (
        "k.csv: the records already have 'garble_score', which the decision would replace; rename it first"
    ),
    ("in.csv", "--field", "text.body"): "in.csv: no column 'text.body'; found: text",
}


@pytest.mark.parametrize(("arguments", "complaint"), MISTAKES.items(), ids=map(" ".join, MISTAKES))
def test_a_mistake_is_one_line_before_anything_is_written(arguments: tuple[str, ...], complaint: str) -> None:
    Path("in.jsonl").write_bytes(json_lines({"text": CLEAN}))
    Path("in.csv").write_text(f"text\n{CLEAN}\n")
    Path("two.csv").write_text(f"a,text,a\n1,{CLEAN},2\n")
    Path("own.jsonl").write_bytes(json_lines({"text": CLEAN, "garble_score": 1}))
    before = sorted(Path().iterdir())
    output = (
        () if {"-o", "--dry-run"} & {*arguments} or len(arguments) == 1 else ("-o", f"kept{Path(arguments[0]).suffix}")
    )
    assert garble_filter(*arguments, *output, code=2).stderr == f"garble: {complaint}\n"
    assert sorted(Path().iterdir()) == before


# Limits, samples, dry runs


def corpus(count: int) -> list[dict[str, Any]]:
    return [{"id": i, "text": f"{LOOPED if i % 3 == 0 else CLEAN} It was item {i}."} for i in range(count)]


@pytest.mark.engines
@pytest.mark.parametrize(("limit", "block"), [(1, 100), (5, 100), (5, 1 << 20), (29, 300), (30, 300), (99, 300)])
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".txt", ".parquet"])
def test_a_run_stops_after_the_limit(suffix: str, limit: int, block: int) -> None:
    rows = corpus(30)
    write(f"a{suffix}", rows[:10])
    write(f"b{suffix}", rows[10:])
    plan = Plan(
        find_sources([f"a{suffix}", f"b{suffix}"]),
        f"kept{suffix}",
        layout=Layout(block=block),
        form="records",
        threshold=1.0,
        limit=limit,
        reader="off",
    )
    *_, last = run(plan)
    assert last.progress.records == min(limit, 30)
    assert read(f"kept{suffix}") == [row["text"] for row in rows[:limit]]


def test_blank_lines_and_bad_records_and_the_limit() -> None:
    Path("in.jsonl").write_bytes(b"\n\n" + json_lines({"text": CLEAN}) + b"junk\n\n" + json_lines(*corpus(3)))
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--limit", "3", "--errors", "errors.jsonl", "--threshold", "1")
    assert records("kept.jsonl") == [{"text": CLEAN}, corpus(1)[0]]
    assert [error["record"] for error in records("errors.jsonl")] == ["junk\n"]


def test_a_folder_of_outputs_ends_with_the_input_that_has_the_limit() -> None:
    Path("crawl").mkdir()
    for name in "abc":
        Path(f"crawl/{name}.jsonl").write_bytes(json_lines(*corpus(4)))
    garble_filter("crawl", "-o", "kept/", "--limit", "6", "--threshold", "1")
    assert {path.name: len(records(str(path))) for path in Path("kept").iterdir()} == {"a.jsonl": 4, "b.jsonl": 2}


def test_a_sample_depends_on_records_and_seed_and_not_on_their_order_or_format() -> None:
    rows = corpus(400)
    write("in.jsonl", rows)
    write("turned.jsonl", rows[::-1])
    write("in.csv", rows)
    options = ("--sample", "0.25", "--threshold", "1")
    for name in ("in.jsonl", "turned.jsonl", "in.csv"):
        garble_filter(name, "-o", f"kept-{name}", *options)
    kept = read("kept-in.jsonl")
    assert 60 < len(kept) < 140
    assert kept == read("kept-turned.jsonl")[::-1] == read("kept-in.csv")
    garble_filter("in.jsonl", "-o", "other.jsonl", *options, "--seed", "1")
    assert 60 < len(read("other.jsonl")) < 140
    assert read("other.jsonl") != kept


def test_bad_records_are_sampled_too() -> None:
    Path("in.jsonl").write_bytes(json_lines({"text": CLEAN}) + b"".join(b"junk %d\n" % i for i in range(200)))
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--sample", "0.5", "--errors", "errors.jsonl")
    assert 60 < len(records("errors.jsonl")) < 140


def test_a_stopped_run_goes_on_up_to_its_limit_and_with_its_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    write("in.jsonl", corpus(60))

    def plan(kept: str, **options: Any) -> Plan:
        settings = {"limit": 50, "sample": 0.5, "seed": 3, "reader": "off", **options}
        return Plan(find_sources(["in.jsonl"]), kept, layout=Layout(block=500), **settings)

    list(run(plan("whole.jsonl")))
    steps = run(plan("kept.jsonl"))
    for _ in range(4):
        next(steps)
    steps.close()
    for changed in ({"limit": 51}, {"sample": 0.4}, {"seed": 4}):
        with pytest.raises(InputError, match=rf"different settings \({next(iter(changed))}\)"):
            list(run(plan("kept.jsonl", **changed), resume=True))
    list(run(plan("kept.jsonl"), resume=True))
    assert Path("kept.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()


@pytest.mark.parametrize("output", [(), ("-o", "kept.jsonl", "--rejected", "no.jsonl", "--report", "counts.json")])
def test_a_dry_run_writes_nothing_and_shows_what_would_be_dropped(output: tuple[str, ...]) -> None:
    write("in.jsonl", corpus(20))
    if output:
        Path("kept.jsonl").write_text("mine")
    before = sorted(Path().iterdir())
    result = garble_filter("in.jsonl", *output, "--dry-run")
    assert sorted(Path().iterdir()) == before
    assert "would be kept 13, would be dropped 7\n" in result.stdout
    assert "7  repetition.loop" in result.stdout
    examples = [line for line in result.stdout.splitlines() if line.startswith("in.jsonl:")]
    assert [line.split(":")[1] for line in examples] == ["1", "4", "7", "10", "13"]
    assert f"    {LOOPED}" in result.stdout
    assert "    repetition.loop: “to to to" in result.stdout
    assert not output or Path("kept.jsonl").read_text() == "mine"


def test_a_dry_run_names_the_message_and_shows_no_control_characters() -> None:
    Path("in.jsonl").write_bytes(json_lines(chat(CLEAN, f"I want \x1b[2J to to to to to to go home. {'x' * 900}")))
    result = garble_filter("in.jsonl", "--dry-run", "--field", "messages[].content", "--unit", "passage")
    assert "in.jsonl:1: messages[1].content: " in result.stdout
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) < 250


# Conversion


def rows_in(name: str) -> list[dict[str, Any]]:
    """All records of a file."""
    if name.endswith(".parquet"):
        rows: list[dict[str, Any]] = pytest.importorskip("pyarrow.parquet").read_table(name).to_pylist()
        return rows
    if name.endswith((".csv", ".tsv")):
        with open(name, newline="") as file:
            return list(csv.DictReader(file, delimiter="," if name.endswith(".csv") else "\t"))
    return records(name)


@pytest.mark.engines
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("jsonl", "parquet"),
        ("jsonl", "csv"),
        ("parquet", "jsonl"),
        ("parquet", "tsv"),
        ("csv", "jsonl"),
        ("csv", "parquet"),
        ("csv", "tsv"),
        ("txt", "jsonl"),
        ("txt", "parquet"),
    ],
)
def test_records_are_converted_to_the_format_of_each_output(source: str, target: str) -> None:
    if "parquet" in (source, target):
        pytest.importorskip("pyarrow")
    rows = corpus(40)
    write(f"in.{source}", rows)
    garble_filter(f"in.{source}", "-o", f"kept.{target}", "--rejected", "no.jsonl")
    as_text = source == "csv" or target in ("csv", "tsv")
    expected = [{**row, "id": str(row["id"]) if as_text else row["id"]} for row in rows]
    expected = [{"text": row["text"]} for row in rows] if source == "txt" else expected
    assert rows_in(f"kept.{target}") == [row for row in expected if LOOPED not in row["text"]]
    if source != "txt":
        dropped = [{name: str(value) for name, value in row.items() if name != "garble"} for row in rows_in("no.jsonl")]
        assert dropped == [{"id": str(row["id"]), "text": row["text"]} for row in rows if LOOPED in row["text"]]


@pytest.mark.engines
@pytest.mark.parametrize("target", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("source", ["jsonl", "csv", "parquet"])
def test_a_conversion_cuts_and_annotates_as_ever(source: str, target: str) -> None:
    if "parquet" in (source, target):
        pytest.importorskip("pyarrow")
    write(f"in.{source}", [{"id": "a", "text": MIXED}, {"id": "b", "text": LOOPED}])
    garble_filter(f"in.{source}", "-o", f"cut.{target}", "--unit", "passage", "--rejected", f"cuts.{target}")
    assert rows_in(f"cut.{target}") == [{"id": "a", "text": CUT}]
    assert [(row["id"], row["text"]) for row in rows_in(f"cuts.{target}")] == [("a", LOOPED), ("b", LOOPED)]
    garble_filter(f"in.{source}", "-o", f"all.{target}", "--annotate")
    scores = [row["garble_score"] if target == "csv" else row["garble"]["score"] for row in rows_in(f"all.{target}")]
    assert [float(score) > 0.9 for score in scores] == [False, True]


VALUES = [
    {"n": 1, "x": 1, "s": None, "tags": ["a"], "meta": {"a": 1}},
    {"n": 2, "x": 2.5, "s": "é", "tags": [], "meta": {"b": [True]}},
    {"n": None, "tags": None, "meta": None, "new": "only here"},
]


@pytest.mark.engines
def test_columns_come_from_all_records_and_types_are_those_of_the_values() -> None:
    pytest.importorskip("pyarrow")
    Path("in.jsonl").write_bytes(json_lines(*({"text": CLEAN, **row} for row in VALUES)))
    garble_filter("in.jsonl", "-o", "kept.parquet")
    garble_filter("kept.parquet", "-o", "back.jsonl")

    def without_nulls(value: Any) -> Any:
        pairs = value.items() if isinstance(value, dict) else ()
        return {k: without_nulls(v) for k, v in pairs if v is not None} if isinstance(value, dict) else value

    found = [without_nulls(row) for row in records("back.jsonl")]
    assert found == [without_nulls({"text": CLEAN, **row}) for row in VALUES]


@pytest.mark.parametrize(
    ("target", "first", "value", "column"),
    [
        ("parquet", 1, "x", "n"),
        ("parquet", "x", 1, "n"),
        ("parquet", 1, True, "n"),
        ("parquet", 1, 2**80, "n"),
        ("parquet", 1.5, 2**53 + 1, "n"),
        ("parquet", "x", {}, "n"),
        ("parquet", {"a": 1}, {"a": "x"}, "n"),
        ("parquet", ["x"], [1], "n"),
        ("parquet", "x", "\ud800", "n"),
        ("csv", "x", ["y"], "n"),
        ("csv", "x", {}, "n"),
        ("csv", "x", "\ud800", "n"),
    ],
)
def test_a_value_that_the_output_cannot_hold_is_a_bad_record(
    target: str, first: object, value: object, column: str
) -> None:
    if target == "parquet":
        pytest.importorskip("pyarrow")
    lines = json_lines(
        {"text": CLEAN, "n": first}, {"text": CLEAN, "n": value}, {"text": LOOPED, "n": value}, {"text": CLEAN}
    ).splitlines(keepends=True)
    Path("in.jsonl").write_bytes(b"".join(lines))
    garble_filter("in.jsonl", "-o", f"kept.{target}", "--errors", "errors.jsonl", "--report", "counts.json")
    assert [row["n"] or None for row in rows_in(f"kept.{target}")] == [first, None]
    errors = records("errors.jsonl")
    assert [(error["line"], error["record"].encode()) for error in errors] == [(2, lines[1]), (3, lines[2])]
    assert all(error["reason"].startswith(f"column {column!r}: ") for error in errors)
    assert json.loads(Path("counts.json").read_text())["bad_not_converted"] == 2


def test_a_field_that_is_there_twice_is_not_lost() -> None:
    Path("in.jsonl").write_text(f'{{"n": 1, "n": 2, "text": "{CLEAN}"}}\n')
    result = garble_filter("in.jsonl", "-o", "kept.csv", code=2)
    assert result.stderr.startswith("garble: in.jsonl:1: column 'n': is in the record more than once\n")


def test_inputs_of_several_formats_become_json_lines() -> None:
    write("a.jsonl", corpus(2))
    write("b.csv", corpus(2))
    Path("c.jsonl").write_text(f'{{"x": 1.50, "text": "{CLEAN}"}}')
    garble_filter("a.jsonl", "b.csv", "c.jsonl", "-o", "kept.jsonl", "--threshold", "1")
    assert (
        Path("kept.jsonl").read_bytes()
        == Path("a.jsonl").read_bytes()
        + json_lines(*({**row, "id": str(row["id"])} for row in corpus(2)))
        + Path("c.jsonl").read_bytes()
    )


@pytest.mark.engines
@pytest.mark.parametrize(
    ("make", "target", "complaint"),
    [
        (lambda pa: pa.array([b"x"]), "jsonl", "column 'n' has type binary, which jsonl cannot hold"),
        (lambda pa: pa.array([[1]]), "csv", "column 'n' has type list<item: int64>, which csv cannot hold"),
    ],
)
def test_a_column_of_a_type_that_the_output_lacks_is_refused(make: Any, target: str, complaint: str) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"text": [CLEAN], "n": make(pa)}), "in.parquet")
    result = garble_filter("in.parquet", "-o", f"k.{target}", code=2)
    assert result.stderr.replace("element:", "item:") == f"garble: in.parquet: {complaint}\n"
    assert not Path(f"k.{target}").exists()


@pytest.mark.engines
def test_dates_become_text_and_numbers_that_json_lacks_are_bad_records() -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    times = pa.array([1_700_000_000_000_000_001, None, 0], pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"text": [CLEAN] * 3, "t": times, "x": [1.5, float("nan"), None]}), "in.parquet")
    garble_filter("in.parquet", "-o", "kept.jsonl", "--errors", "errors.jsonl")
    assert [(row["t"], row["x"]) for row in records("kept.jsonl")] == [
        ("2023-11-14 22:13:20.000000001Z", 1.5),
        ("1970-01-01 00:00:00.000000000Z", None),
    ]
    assert [(e["line"], e["reason"]) for e in records("errors.jsonl")] == [
        (2, "column 'x': JSON cannot hold NaN or infinite numbers")
    ]


@pytest.mark.engines
@pytest.mark.parametrize("target", ["csv", "parquet"])
def test_a_stopped_conversion_goes_on_to_the_same_bytes(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if target == "parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    Path("in.jsonl").write_bytes(json_lines(*corpus(40), {"text": CLEAN, "new": 1}))

    def plan(kept: str) -> Plan:
        return Plan(find_sources(["in.jsonl"]), f"{kept}.{target}", layout=Layout(block=500), reader="off")

    list(run(plan("whole")))
    steps = run(plan("kept"))
    for _ in range(4):
        next(steps)
    steps.close()
    list(run(plan("kept"), workers=2, resume=True))
    assert Path(f"kept.{target}").read_bytes() == Path(f"whole.{target}").read_bytes()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


def bare(value: Any) -> Any:
    """A JSON value as one that can be compared: without null fields, and with booleans apart from numbers."""
    if isinstance(value, dict):
        return {name: bare(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return list(map(bare, value))
    return repr(value) if isinstance(value, bool) or value != value else value


@pytest.mark.engines
@settings(max_examples=150)
@given(st.lists(st.dictionaries(st.sampled_from("nm"), JSON), max_size=5))
def test_every_value_is_converted_as_it_is_or_told_of(rows: list[dict[str, Any]]) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    Path("in.jsonl").write_bytes(json_lines(*({"text": "", **row} for row in rows)))
    layout = Layout()
    reader, writer = format_of("in.jsonl", layout), format_of("out.parquet", layout)
    (block,) = reader.blocks("in.jsonl", 0, 1, False)
    found = reader.parse(block)
    columns = writer.columns_of([], ([value] for value in reader.values(found, range(len(rows)), {})), False)
    converter = Converter(reader, writer, columns)
    bad = converter.problems(found)
    good = [i for i in range(len(rows)) if i not in bad]
    Path("part").write_bytes(converter.write(found, good, {}, None))
    written = pq.read_table(converter.finish(Path("part"))).to_pylist()
    assert [bare(row) for row in written] == [bare({"text": "", **rows[i]}) for i in good]


# Web archives


def warc_record(
    kind: str, content: bytes, number: int = 0, content_type: str = "", encoding: str = "", status: str = "200 OK"
) -> bytes:
    """A record of a web archive. content_type: that of an HTTP response."""
    if content_type:
        fields = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n"
        fields += f"Content-Encoding: {encoding}\r\n" if encoding else ""
        content = f"{fields}\r\n".encode() + content
    fields = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Target-URI: https://example.org/{number}",
        "WARC-Date: 2026-01-02T03:04:05Z",
        f"WARC-Record-ID: <urn:uuid:{number}>",
        f"Content-Type: {'application/http; msgtype=response' if content_type else 'text/plain'}",
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join([*fields, "", ""]).encode() + content + b"\r\n\r\n"


def wet(texts: list[str]) -> list[bytes]:
    """An archive of texts, with the record of its file first."""
    info = warc_record("warcinfo", b"software: x\r\n")
    return [info, *(warc_record("conversion", text.encode(), number) for number, text in enumerate(texts))]


def archived(members: list[bytes], name: str) -> None:
    """Write an archive; with .gz, each record is compressed by itself."""
    Path(name).write_bytes(b"".join(gzip.compress(raw) if name.endswith(".gz") else raw for raw in members))


@pytest.mark.engines
@pytest.mark.parametrize("name", ["in.warc.wet.gz", "in.wet", "in.wet.gz", "in.warc", "in.warc.gz", "in.wet.bz2"])
@pytest.mark.parametrize("target", ["jsonl", "csv", "parquet"])
def test_texts_of_web_archives_become_records(name: str, target: str) -> None:
    pytest.importorskip("warcio")
    raw = wet([CLEAN, LOOPED, MIXED])
    archived(raw, name)
    if name.endswith(".bz2"):
        Path(name).write_bytes(bz2.compress(b"".join(raw)))
    garble_filter(name, "-o", f"kept.{target}", "--unit", "passage", "--rejected", "cut.jsonl")
    expected = [
        {"url": f"https://example.org/{number}", "date": "2026-01-02T03:04:05Z", "id": f"<urn:uuid:{number}>"}
        for number in (0, 2)
    ]
    assert rows_in(f"kept.{target}") == [expected[0] | {"text": CLEAN}, expected[1] | {"text": CUT}]
    cuts = [(cut["id"], cut["file"], cut["line"], cut["text"]) for cut in records("cut.jsonl")]
    assert cuts == [("<urn:uuid:1>", name, 2, LOOPED), ("<urn:uuid:2>", name, 3, LOOPED)]


PAGE = f"<html><body><p>{CLEAN} Füße.</p></body></html>"
LATIN = PAGE.replace("<html>", '<html><meta charset="iso-8859-1">')


@pytest.mark.engines
@pytest.mark.parametrize(
    ("content_type", "encoding", "content", "expected"),
    [
        ("text/html; charset=utf-8", "", PAGE.encode(), PAGE),
        ("text/html", "", PAGE.encode(), PAGE),
        ("Text/HTML; charset=ISO-8859-1", "", PAGE.encode("latin-1"), PAGE),
        ("text/html", "", LATIN.encode("latin-1"), LATIN),
        ("application/xhtml+xml", "gzip", gzip.compress(PAGE.encode(), mtime=0), PAGE),
        ("text/plain; charset=utf-16le", "", CLEAN.encode("utf-16-le"), CLEAN),
        ("text/plain", "", b"\xef\xbb\xbf" + CLEAN.encode(), CLEAN),
        ("image/png", "", b"\x89PNG text/html", None),
        ("application/json", "", b"{}", None),
    ],
)
def test_pages_are_decoded_as_their_headers_say(
    content_type: str, encoding: str, content: bytes, expected: str | None
) -> None:
    pytest.importorskip("warcio")
    requests = [warc_record("request", b"GET / HTTP/1.1\r\nContent-Type: text/html\r\n\r\n")]
    archived([*requests, warc_record("response", content, 7, content_type, encoding)], "in.warc.gz")
    garble_filter("in.warc.gz", "-o", "kept.jsonl")
    assert [row["text"] for row in records("kept.jsonl")] == ([] if expected is None else [expected])


@pytest.mark.engines
def test_html_is_scored_without_its_markup() -> None:
    pytest.importorskip("warcio")
    menu = "<ul>" + "<li><a href='/home'>Home</a></li>" * 30 + "</ul>"
    pages = [f"<html><body>{menu}<p>{text}</p></body></html>" for text in (CLEAN, LOOPED)]
    archived([warc_record("response", page.encode(), 0, "text/html") for page in pages], "in.warc")
    garble_filter("in.warc", "-o", "kept.jsonl", "--rejected", "no.jsonl")
    assert [row["text"] for row in records("kept.jsonl")] == pages[:1]
    (dropped,) = records("no.jsonl")
    assert (dropped["text"], dropped["garble"]["reason"]) == (pages[1], "repetition.loop")


def middle(raw: bytes) -> bytes:
    """A member with its middle overwritten."""
    return raw[: len(raw) // 2] + b"\xff\x00\xff\x00" + raw[len(raw) // 2 + 4 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "the middle": middle,
    "the checksum": lambda raw: raw[:-8] + b"\0" * 4 + raw[-4:],
    "the start": lambda raw: b"\0\x01junk" + raw[6:],
    "cut off": lambda raw: raw[:60],
}


@pytest.mark.engines
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_damaged_member_is_one_bad_record(damage: str, place: int) -> None:
    pytest.importorskip("warcio")
    texts = [f"{CLEAN} It was item {number}. {random.Random(number).random()}" for number in range(3)]
    members = [gzip.compress(raw) for raw in wet(texts)]
    members[place] = DAMAGES[damage](members[place])
    Path("in.warc.wet.gz").write_bytes(b"".join(members))
    garble_filter("in.warc.wet.gz", "-o", "kept.jsonl", "--errors", "errors.jsonl")
    assert read("kept.jsonl") == [text for number, text in enumerate(texts, start=1) if number != place]
    errors = [(error["line"], error["reason"]) for error in records("errors.jsonl")]
    assert errors == [(place, "damaged or truncated record")]


@pytest.mark.engines
@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_damaged_no_other_record_of_a_compressed_archive_is_lost(seed: int) -> None:
    # Not of the module itself, whose own errors must not be skipped.
    pytest.importorskip("warcio")
    from garble.filtering.formats import warc

    chance = random.Random(seed)
    originals = wet([f"{CLEAN} {number} {chance.random()}" * chance.choice([1, 1, 900]) for number in range(6)])
    members = [gzip.compress(raw) for raw in originals]
    place = chance.randrange(1, len(members))
    damaged = bytearray(members[place])
    for _ in range(chance.choice([1, 3, 20])):
        start = chance.randrange(len(damaged) - 20)
        damaged[start : start + chance.choice([0, 1, 20])] = chance.randbytes(chance.choice([0, 1, 20]))
    members[place] = bytes(damaged)
    found = list(warc.records(warc.gzip_chunks(BytesIO(b"".join(members)))))
    others = [raw for number, raw in enumerate(originals) if number not in (0, place)]
    assert [raw for raw in others if raw not in found] == []


@pytest.mark.engines
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Content-Length: 7", b"Content-Length: 99"),
        (b"Content-Length: 7", b"Content-Length: 1"),
        (b"Content-Length: 7", b"Content-Length: x"),
        (b"WARC/1.0\r\nWARC-Type: conv", b"WORC/1.0\r\nWARC-Type: conv"),
        (b"WARC-Type: conversion", b"WARC-Kind: conversion"),
    ],
)
def test_a_damaged_header_is_one_bad_record(before: bytes, after: bytes) -> None:
    pytest.importorskip("warcio")
    members = wet([f"{CLEAN} {number}" for number in range(4)])
    members[2] = members[2].replace(before, after, 1)
    archived(members, "in.wet")
    garble_filter("in.wet", "-o", "kept.jsonl", "--errors", "errors.jsonl")
    assert read("kept.jsonl") == [f"{CLEAN} {number}" for number in (0, 2, 3)]
    assert [error["line"] for error in records("errors.jsonl")] == [2]


@pytest.mark.engines
@pytest.mark.parametrize(
    ("content_type", "encoding", "content", "reason"),
    [
        ("text/html; charset=klingon", "", b"x", "unknown charset 'klingon'"),
        ("text/html; charset=rot13", "", b"x", "unknown charset 'rot13'"),
        ("text/html", "", b"\xff", "not utf-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ("text/plain", "zstd", b"x", "content encoding 'zstd' is not supported"),
        ("text/html", "gzip", gzip.compress(b"x" * 3000, mtime=0), "too long: more than 2,000 bytes"),
        ("text/html", "", b"x" * 3000, "too long: 3,"),
    ],
)
def test_a_page_that_cannot_be_read_is_a_bad_record(
    content_type: str, encoding: str, content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("warcio")
    monkeypatch.setattr("garble.filtering.formats.base.MAX_RECORD_BYTES", 2_000)
    page = warc_record("response", content, 1, content_type, encoding)
    archived([*wet([CLEAN]), page, *wet([CLEAN])[1:]], "in.warc.gz")
    garble_filter("in.warc.gz", "-o", "kept.jsonl", "--errors", "errors.jsonl")
    assert read("kept.jsonl") == [CLEAN, CLEAN]
    (error,) = records("errors.jsonl")
    assert error["line"] == 2
    assert error["reason"].startswith(reason)
    assert len(error["record"]) <= 200


@pytest.mark.engines
def test_an_archive_is_filtered_up_to_a_limit_into_a_folder_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("warcio")
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    Path("crawl").mkdir()
    members = [gzip.compress(raw) for raw in wet([row["text"] for row in corpus(40)])]
    members[20] = middle(members[20])
    Path("crawl/a.warc.wet.gz").write_bytes(b"".join(members))

    def plan(kept: str) -> Plan:
        return Plan(find_sources(["crawl"]), kept, layout=Layout(block=2_000), reader="off", limit=30)

    list(run(plan("whole/")))
    whole = Path("whole/a.warc.wet.jsonl.gz").read_bytes()
    assert len(gzip.decompress(whole).splitlines()) == len([n for n in range(30) if n % 3 and n != 19])
    steps = run(plan("kept/"))
    for _ in range(5):
        next(steps)
    steps.close()
    list(run(plan("kept/"), resume=True))
    assert Path("kept/a.warc.wet.jsonl.gz").read_bytes() == whole


@pytest.mark.engines
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("in.wet", "-o", "k.warc"), "k.warc: web archives can only be inputs; write .jsonl or another record format"),
        (("in.jsonl", "-o", "k.wet"), "k.wet: web archives can only be inputs; write .jsonl or another record format"),
        (
            ("in.wet", "-o", "k.jsonl", "--field", "body"),
            "in.wet: no field 'body'; web archives have url, date, id, text",
        ),
    ],
)
def test_an_archive_is_no_output_and_has_its_own_fields(arguments: tuple[str, ...], complaint: str) -> None:
    pytest.importorskip("warcio")
    archived(wet([CLEAN]), "in.wet")
    write("in.jsonl", corpus(1))
    assert garble_filter(*arguments, code=2).stderr == f"garble: {complaint}\n"


@pytest.mark.engines
def test_an_archive_goes_to_standard_output_as_json_lines() -> None:
    pytest.importorskip("warcio")
    archived(wet([CLEAN, LOOPED]), "in.wet")
    (line,) = garble_filter("in.wet", "-o", "-").stdout.splitlines()
    assert json.loads(line)["text"] == CLEAN


# Object stores


@pytest.fixture
def store() -> Iterator[Any]:
    """An empty file system in memory."""
    file_system = pytest.importorskip("fsspec").filesystem("memory")
    file_system.store.clear()
    file_system.pseudo_dirs[:] = [""]
    yield file_system
    file_system.store.clear()


@pytest.mark.engines
@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "csv", "parquet"])
def test_inputs_and_outputs_can_be_urls(suffix: str, store: Any) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    write(f"in.{suffix.removesuffix('.gz')}", corpus(40))
    if suffix.endswith(".gz"):
        Path(f"in.{suffix}").write_bytes(gzip.compress(Path("in.jsonl").read_bytes()))
    garble_filter(f"in.{suffix}", "-o", f"kept.{suffix}", "--rejected", f"no.{suffix}")
    store.pipe_file(f"/data/in.{suffix}", Path(f"in.{suffix}").read_bytes())
    outputs = ("-o", f"memory://data/kept.{suffix}", "--rejected", f"memory://data/no.{suffix}")
    garble_filter(f"memory://data/in.{suffix}", *outputs, "--errors", "memory://errors.jsonl")
    for role in ("kept", "no"):
        assert store.cat_file(f"/data/{role}.{suffix}") == Path(f"{role}.{suffix}").read_bytes()
    assert sorted(store.find("/")) == [
        "/data/in." + suffix,
        "/data/kept." + suffix,
        "/data/no." + suffix,
        "/errors.jsonl",
    ]


def test_a_remote_folder_or_pattern_is_filtered_into_another(store: Any) -> None:
    for name in ("a.jsonl", "deep/b.csv", "deep/.hidden.jsonl", "notes.md"):
        rows = f"text\n{CLEAN}\n".encode() if name.endswith("csv") else json_lines({"text": CLEAN})
        store.pipe_file(f"/crawl/{name}", rows)
    garble_filter("memory://crawl/", "-o", "memory://kept/")
    assert sorted(store.find("/kept")) == ["/kept/a.jsonl", "/kept/deep/b.csv"]
    garble_filter("memory://crawl/*.jsonl", "-o", "local/")
    assert [path.name for path in Path("local").iterdir()] == ["a.jsonl"]
    Path("site").mkdir()
    Path("site/page.html").write_text(f"<p>{LOOPED}</p>")
    garble_filter("site/", "-o", "memory://site/", "--whole-files", "--rejected", "memory://no/")
    assert sorted(store.find("/no")) == ["/no/page.html"]


def test_a_remote_output_is_replaced_only_when_asked_and_only_when_complete(store: Any) -> None:
    write("in.jsonl", corpus(4))
    store.pipe_file("/kept.jsonl", b"mine")
    result = garble_filter("in.jsonl", "-o", "memory://kept.jsonl", code=2)
    assert result.stderr == "garble: memory://kept.jsonl: exists; use --overwrite to replace it\n"
    steps = run(Plan(find_sources(["in.jsonl"]), "memory://kept.jsonl", reader="off"), overwrite=True)
    next(steps)
    next(steps)
    assert store.cat_file("/kept.jsonl") == b"mine"
    steps.close()
    assert store.find("/") == ["/kept.jsonl"]
    garble_filter("in.jsonl", "-o", "memory://kept.jsonl", "--overwrite")
    assert len(store.cat_file("/kept.jsonl").splitlines()) == 2
    assert store.find("/") == ["/kept.jsonl"]


def test_an_upload_that_fails_is_one_line_and_leaves_nothing(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise RuntimeError("no\nconnection")

    monkeypatch.setattr(type(store), "mv", fails)
    write("in.jsonl", corpus(4))
    result = garble_filter("in.jsonl", "-o", "memory://kept.jsonl", code=2)
    assert result.stderr.splitlines()[-1] == "garble: memory://kept.jsonl: no connection"
    assert store.find("/") == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("memory://no.jsonl", "-o", "k.jsonl"), "memory://no.jsonl: no such file"),
        (("memory://empty/", "-o", "k.jsonl"), "memory://empty/: contains no records"),
        (("in.jsonl", "-o", "memory://k.doc"), "memory://k.doc: unknown extension"),
        (("memory://a.jsonl", "-o", "memory://a.jsonl"), "memory://a.jsonl: is both an input and an output"),
        (
            ("in.jsonl", "-o", "memory://k.jsonl", "--report", "memory://r"),
            "memory://r: the report must be a local file",
        ),
        (("in.jsonl", "-o", "https://example.org/k.jsonl"), "https://example.org/k.jsonl: is read-only; write to"),
        (("in.jsonl", "-o", "klingon://k.jsonl"), "klingon://k.jsonl: Protocol not known: klingon"),
        (
            ("in.jsonl", "-o", "k.jsonl", "--rejected", "memory://r.jsonl", "--resume"),
            "memory://r.jsonl: --resume is not supported for remote outputs; use --overwrite to start again",
        ),
    ],
)
def test_a_mistake_with_a_url_is_one_line(arguments: tuple[str, ...], complaint: str, store: Any) -> None:
    write("in.jsonl", corpus(1))
    store.pipe_file("/a.jsonl", json_lines({"text": CLEAN}))
    result = garble_filter(*arguments, code=2)
    assert result.stderr.startswith(f"garble: {complaint}")
    assert result.stderr.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["in.jsonl"]


def test_a_stopped_run_over_a_remote_input_goes_on_unless_that_has_changed(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    store.pipe_file("/in.jsonl", json_lines(*corpus(40)))

    def plan(kept: str) -> Plan:
        return Plan(find_sources(["memory://in.jsonl"]), kept, layout=Layout(block=500), reader="off")

    def stop(kept: str) -> None:
        steps = run(plan(kept))
        for _ in range(4):
            next(steps)
        steps.close()

    list(run(plan("whole.jsonl")))
    stop("kept.jsonl")
    stop("other.jsonl")
    list(run(plan("kept.jsonl"), resume=True))
    assert Path("kept.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    store.pipe_file("/in.jsonl", json_lines(*corpus(41)))
    with pytest.raises(InputError, match=r"different settings \(inputs\)"):
        list(run(plan("other.jsonl"), resume=True))


def test_a_remote_input_that_breaks_off_is_one_line(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise RuntimeError("connection\nlost")
            return super().read(500)

    store.pipe_file("/in.jsonl", json_lines(*corpus(40)))
    monkeypatch.setattr(type(store), "open", lambda self, *_: Broken(self.cat_file("/in.jsonl")))
    result = garble_filter("memory://in.jsonl", "-o", "kept.jsonl", "--errors", "errors.jsonl", code=2)
    assert result.stderr.splitlines()[0] == "garble: memory://in.jsonl: runtimeerror: connection lost"
    assert 0 < len(read("kept.jsonl")) < 10
    assert [error["line"] for error in records("errors.jsonl")] == [0]


@pytest.mark.engines
def test_an_s3_bucket_is_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("DEFAULT_REGION", "us-east-1")):
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        bucket = pytest.importorskip("fsspec").filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
        bucket.mkdir("crawl")
        bucket.pipe_file("crawl/in/a.jsonl", json_lines(*corpus(40)))
        garble_filter("s3://crawl/in/", "-o", "s3://crawl/kept/", "--rejected", "s3://crawl/no/")
        assert sorted(bucket.find("crawl")) == ["crawl/in/a.jsonl", "crawl/kept/a.jsonl", "crawl/no/a.jsonl"]
        assert len(bucket.cat_file("crawl/kept/a.jsonl").splitlines()) == 26
        result = garble_filter("s3://nowhere/a.jsonl", "-o", "kept.jsonl", code=2)
        assert result.stderr == "garble: s3://nowhere/a.jsonl: no such file\n"
    finally:
        server.stop()


# From Python


def test_filter_files_returns_the_counts_and_tells_its_progress() -> None:
    write("in.jsonl", corpus(40))
    plan = Plan(find_sources(["in.jsonl"]), "kept.jsonl", layout=Layout(block=500), reader="off")
    told: list[int] = []
    progress = filter_files(plan, on_progress=lambda progress: told.append(progress.records))
    assert (progress.records, progress.statistics.counts["kept"]) == (40, 26)
    assert told[0] == 0
    assert told == sorted(told)
    assert len(set(told)) > 5


def test_an_exception_of_the_callback_stops_a_run_that_can_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    write("in.jsonl", corpus(40))

    def plan(kept: str) -> Plan:
        return Plan(find_sources(["in.jsonl"]), kept, layout=Layout(block=500), reader="off")

    def stop(progress: Progress) -> None:
        if progress.records > 20:
            raise TimeoutError

    filter_files(plan("whole.jsonl"))
    with pytest.raises(TimeoutError):
        filter_files(plan("kept.jsonl"), on_progress=stop)
    assert not Path("kept.jsonl").exists()
    filter_files(plan("kept.jsonl"), resume=True)
    assert Path("kept.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()


def test_a_run_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    Path("in.jsonl").write_bytes(json_lines(*corpus(3)) + b"junk\n")
    with caplog.at_level(logging.INFO, "garble"):
        filter_files(Plan(find_sources(["in.jsonl"]), "kept.jsonl", reader="off"))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "filtering 1 inputs into kept.jsonl, from record 0 on"),
        ("WARNING", "in.jsonl:4: invalid JSON: Expecting value at character 1"),
        ("INFO", "finished: 3 documents, 2 kept, 1 dropped, 1 bad records"),
    ]
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("garble").handlers)


def test_the_event_loop_stays_free_while_texts_are_scored() -> None:
    prefilter = Prefilter(reader="off")

    async def keep(text: str) -> bool:
        (decision,) = await asyncio.to_thread(prefilter.decide, [text])
        return decision.keep

    async def main() -> list[bool]:
        return list(await asyncio.gather(*map(keep, [CLEAN, LOOPED] * 4)))

    assert asyncio.run(main()) == [True, False] * 4


@pytest.mark.engines
@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary"])
def test_the_text_of_a_parquet_record_can_be_a_field_of_a_struct(kind: str) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    strings = pa.dictionary(pa.int32(), pa.string()) if kind == "dictionary" else getattr(pa, kind)()
    inner = pa.struct([("n", pa.int8()), pa.field("body", strings)])
    column = pa.array([{"n": 1, "body": MIXED}, None, {"n": 2, "body": CLEAN}, {"n": 3, "body": None}], inner)
    pq.write_table(pa.table({"id": ["a", "b", "c", "d"], "content": column}), "in.parquet")
    options = ("--field", "content.body", "--unit", "passage", "--errors", "errors.jsonl")
    garble_filter("in.parquet", "-o", "kept.parquet", *options)
    kept = pq.read_table("kept.parquet")
    assert kept.schema.equals(pq.read_table("in.parquet").schema)
    assert kept["content"].to_pylist() == [{"n": 1, "body": CUT}, {"n": 2, "body": CLEAN}]
    assert [error["line"] for error in records("errors.jsonl")] == [2, 4]
    stderr = garble_filter("in.parquet", "-o", "k.parquet", "--field", "content.text", code=2).stderr
    assert stderr == "garble: in.parquet: no column 'content.text'; found: id, content\n"


@pytest.mark.engines
@pytest.mark.parametrize("list_type", ["list_", "large_list"])
def test_messages_in_parquet_are_scored_and_cut_one_by_one(list_type: str) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    message = pa.struct([("role", pa.string()), pa.field("content", pa.string()), ("n", pa.int8())])
    chats = [
        [{"role": "user", "content": MIXED, "n": 1}, {"role": "tool", "content": None, "n": None}, None],
        None,
        [{"role": "user", "content": CLEAN, "n": 2}, {"role": "bot", "content": MIXED, "n": 3}],
        [],
        [{"role": "user", "content": LOOPED, "n": 4}, {"role": "bot", "content": CLEAN, "n": 5}],
        [{"role": "user", "content": CLEAN, "n": 6}],
    ]
    column = pa.array(chats, getattr(pa, list_type)(message))
    pq.write_table(pa.table({"id": list("abcdef"), "messages": column}), "in.parquet")
    options = ("--field", "messages[].content", "--unit", "passage")
    garble_filter("in.parquet", "-o", "kept.parquet", "--rejected", "cut.jsonl", "--errors", "errors.jsonl", *options)
    kept = pq.read_table("kept.parquet")
    assert kept.schema.equals(pq.read_table("in.parquet").schema)
    expected = json.loads(json.dumps([chats[0], chats[2], chats[5]]).replace(f"{LOOPED} ", ""))
    assert kept["messages"].to_pylist() == expected
    cuts = [(cut["id"], cut["field"], cut["text"]) for cut in records("cut.jsonl")]
    assert cuts == [
        ("a", "messages[0].content", LOOPED),
        ("c", "messages[1].content", LOOPED),
        ("e", "messages[0].content", LOOPED),
        ("e", "messages[1].content", CLEAN),
    ]
    assert [(error["line"], error["reason"]) for error in records("errors.jsonl")] == [
        (2, "field 'messages' is null, not a list"),
        (4, "no text in 'messages[].content'"),
    ]
    garble_filter("in.parquet", "-o", "all.parquet", *options[:2], "--annotate", "--errors", "e.jsonl")
    found = pq.read_table("all.parquet")["garble"].to_pylist()[1]
    assert (found["passages"][0]["field"], len(found["texts"])) == ("messages[1].content", 2)
    garble_filter("in.parquet", "-o", "all.jsonl", *options[:2], "--annotate", "--errors", "e2.jsonl")
    assert [row["garble"]["garbled"] for row in records("all.jsonl")] == [False, False, True, False]
