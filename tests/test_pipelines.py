"""`garble filter` in pipelines: nested fields, samples, conversion, web archives, object stores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from garble.cli import main

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


# Nested fields


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
    ("in.csv", "--field", "text.body"): "in.csv: no column 'text.body'; found: text",
}


@pytest.mark.parametrize(("arguments", "complaint"), MISTAKES.items(), ids=map(" ".join, MISTAKES))
def test_a_mistake_is_one_line_before_anything_is_written(arguments: tuple[str, ...], complaint: str) -> None:
    Path("in.jsonl").write_bytes(json_lines({"text": CLEAN}))
    Path("in.csv").write_text(f"text\n{CLEAN}\n")
    before = sorted(Path().iterdir())
    output = () if "-o" in arguments else ("-o", f"kept{Path(arguments[0]).suffix}")
    assert garble_filter(*arguments, *output, code=2).stderr == f"garble: {complaint}\n"
    assert sorted(Path().iterdir()) == before


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
