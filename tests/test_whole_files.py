"""Folders of text files through the pre-filter, a document a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from garble.cli import main
from garble.filtering.decisions import Prefilter
from garble.filtering.plan import Plan, find_sources
from garble.filtering.run import run

CLEAN = "The committee met on Tuesday.\nIt approved the budget for the coming year.\n"
LOOPED = "I want to to to to to to to to to go home.\n"
FILES = {
    "a.txt": CLEAN.encode(),
    "b.md": f"# Budget\r\n\r\n{CLEAN}".encode(),
    "sub/c.html": f"<p>{LOOPED}</p>".encode(),
    "sub/d.txt": b"\xff\xfe" + CLEAN.encode("utf-16-le"),
    "e.srt": f"1\n00:00:01,000 --> 00:00:02,000\n{LOOPED}".encode(),
    "f.txt": b"",
}
DROPPED = {"sub/c.html", "e.srt"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, raw in FILES.items():
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)


def whole_files(*arguments: str, code: int = 0) -> Result:
    options = ["--whole-files", "--reader", "off", "--workers", "1"]
    result = CliRunner().invoke(main, ["filter", *options, *arguments])
    assert result.exit_code == code, result.output
    return result


def inside(folder: str) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def test_files_are_kept_or_dropped_byte_for_byte() -> None:
    whole_files("in", "-o", "kept/", "--rejected", "dropped/", "--report", "counts.json")
    assert inside("kept") == {name: raw for name, raw in FILES.items() if name not in DROPPED}
    assert inside("dropped") == {name: raw for name, raw in FILES.items() if name in DROPPED}
    counts = json.loads(Path("counts.json").read_text())
    assert (counts["documents"], counts["kept"], counts["dropped"]) == (6, 4, 2)


def test_dropped_files_are_listed_with_score_and_reason() -> None:
    whole_files("in", "-o", "kept/", "--rejected", "dropped.jsonl")
    listed = [json.loads(line) for line in Path("dropped.jsonl").read_text().splitlines()]
    assert {row["file"] for row in listed} == {f"in/{name}" for name in DROPPED}
    assert all(row["score"] > 0.5 and row["garbled"] and row["reason"] for row in listed)


def test_the_list_is_there_though_nothing_was_dropped() -> None:
    whole_files("in/a.txt", "-o", "kept/", "--rejected", "dropped.jsonl")
    assert Path("dropped.jsonl").read_bytes() == b""


def test_a_file_that_is_dropped_now_is_not_kept_from_before() -> None:
    whole_files("in", "-o", "kept/")
    Path("in/a.txt").write_text(LOOPED)
    whole_files("in", "-o", "kept/", "--overwrite")
    assert "a.txt" not in inside("kept")


def test_a_file_that_cannot_be_read_is_told_of_and_the_others_are_filtered() -> None:
    Path("in/a.txt").write_bytes(b"\0binary" * 1000)
    whole_files("in", "-o", "kept/", code=2)
    result = whole_files("in", "-o", "kept/", "--errors", "bad.jsonl", "--overwrite")
    assert "in/a.txt:1: a binary file" in result.stderr
    (bad,) = [json.loads(line) for line in Path("bad.jsonl").read_text().splitlines()]
    assert (bad["file"], bad["reason"], len(bad["record"])) == ("in/a.txt", "a binary file", 200)
    assert set(inside("kept")) == {*FILES} - DROPPED - {"a.txt"}


@pytest.mark.parametrize("rejected", ["dropped/", "dropped.jsonl"])
@pytest.mark.parametrize("steps", range(1, 8))
def test_a_run_that_was_stopped_comes_to_the_same_files(
    steps: int, rejected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)

    def plan(folder: str) -> Plan:
        sources = find_sources(["in"], whole=True)
        return Plan(sources, f"{folder}/kept/", f"{folder}/{rejected}", reader="off", whole=True)

    list(run(plan("once")))
    steps_of_it = run(plan("twice"))
    for _ in range(steps):
        next(steps_of_it)
    steps_of_it.close()
    *_, last = run(plan("twice"), resume=True)
    assert inside("twice") == inside("once")
    assert last.progress.statistics.counts["documents"] == len(FILES)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("-o", "kept/", "--annotate"), "copies files unchanged"),
        (("-o", "kept/", "--format", "dolma"), "copies files unchanged"),
        (("-o", "kept/", "--unit", "passage"), "--unit passage is not supported"),
        (("-o", "kept.jsonl"), "--whole-files writes to a folder"),
        (("-o", "kept/", "--rejected", "dropped.csv"), "but the content would be jsonl"),
        (("-o", "in/"), "is both an input and an output"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_written(arguments: tuple[str, ...], complaint: str) -> None:
    before = inside(".")
    result = whole_files("in", *arguments, code=2)
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert inside(".") == before


def test_other_files_are_named_as_passed_over() -> None:
    Path("in/g.docx").write_bytes(b"PK")
    assert "in/g.docx: skipped" in whole_files("in", "-o", "kept/").stderr


def test_without_the_option_a_note_says_what_is_passed_over() -> None:
    arguments = ["filter", "in", "-o", "kept/", "--reader", "off", "--workers", "1", "--errors", "bad.jsonl"]
    Path("in/sub/d.txt").unlink()
    result = CliRunner().invoke(main, arguments)
    assert result.stderr.count("see --whole-files") == 1
    assert set(inside("kept")) == {"a.txt", "f.txt"}


def test_markup_says_how_records_are_read() -> None:
    page = "<title>No</title><script>var a = 'to to to to to to to to to';</script><p>Nobody came.</p>"
    texts = [page, f"{CLEAN}\n- {LOOPED}"]
    by_markup = {m: [d.score for d in Prefilter(reader="off", markup=m).decide(texts)] for m in ("auto", "none")}
    as_named = Prefilter(reader="off", markup="none").decide(texts, ["auto", "auto"])
    assert by_markup["auto"] == [decision.score for decision in as_named]
    assert by_markup["auto"] != by_markup["none"]


def test_a_run_with_other_markup_is_not_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    steps = run(Plan(find_sources(["in"], whole=True), "kept/", reader="off", whole=True))
    for _ in range(3):
        next(steps)
    steps.close()
    assert "markup" in whole_files("in", "-o", "kept/", "--resume", "--markup", "text", code=2).stderr
