"""Files through `garble filter`: what is kept is kept byte for byte, and a run that is stopped goes on."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
import random
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from io import StringIO, TextIOWrapper
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import documents
from hypothesis import given, settings
from hypothesis import strategies as st

from garble.cli import main
from garble.errors import InputError
from garble.filtering.decisions import Prefilter, Unit
from garble.filtering.formats import format_of
from garble.filtering.formats.base import Layout
from garble.filtering.plan import Plan, Source, find_sources
from garble.filtering.run import run
from garble.filtering.streams import compressed
from garble.scorer import Scorer

CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
GERMAN = "Der Stadtrat hat am Dienstag beschlossen, die alte Brücke noch vor dem Winter zu sanieren."
LOOPED = "I want to to to to to to to go home."
MIXED = f"{CLEAN} {LOOPED} He left early to see his mother in the village."
# Half of its prose is garbled, so the document is.
HALF = f"{LOOPED} He left early to see her."
GARBLE = [sys.executable, "-c", "from garble.cli import main; main()", "filter", "in.jsonl", "-o", "kept.jsonl"]
OPENERS: dict[str, Callable[..., Any]] = {"": open, ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def garble_filter(*arguments: str, stdin: bytes = b"", code: int = 0, overwrite: bool = True) -> Result:
    """Run the command in this process, with one worker."""
    options = ["--workers", "1", *["--overwrite"] * overwrite]
    result = CliRunner().invoke(main, ["filter", *options, *arguments], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


def json_lines(texts: list[str], **fields: object) -> bytes:
    return b"".join(json.dumps({"id": f"d{i}", **fields, "text": t}).encode() + b"\n" for i, t in enumerate(texts))


def records(path: str, opener: Callable[..., Any] = open) -> list[dict[str, Any]]:
    with opener(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def filtered(
    data: bytes, name: str = "in.jsonl", block: int = 1 << 20, workers: int = 1, **options: Any
) -> dict[str, bytes]:
    """The bytes of every output of a run over one file."""
    Path(name).write_bytes(data)
    outputs = {role: f"{role}-{name}" for role in ("kept", "rejected")}
    plan = Plan((Source(name, name),), **outputs, errors="errors.jsonl", layout=Layout(block=block), **options)
    for _ in run(plan, workers, overwrite=True):
        pass
    return {path: Path(path).read_bytes() for path in [*outputs.values(), "errors.jsonl"]}


def test_kept_lines_are_the_lines_that_came_in() -> None:
    odd = b'{"n": 1.50, "text" :"A quiet day at the harbour, and little wind.", "u": "\\u00fc", "e": 1E5, "n": 2}\r\n'
    lines = [odd, *json_lines([CLEAN, LOOPED]).splitlines(keepends=True), odd.rstrip()]
    Path("in.jsonl").write_bytes(b"".join(lines))
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--rejected", "rejected.jsonl")
    assert Path("kept.jsonl").read_bytes() == b"".join([lines[0], lines[1], lines[3]])
    (rejected,) = records("rejected.jsonl")
    assert rejected.pop("garble")["reason"] == "repetition.loop"
    assert rejected == json.loads(lines[2])


LINES = [
    *(json.dumps({"n": 1.0, "text": text}).encode() for text in (CLEAN, LOOPED, MIXED, "", "Ünd \ud800.")),
    *(
        b"junk",
        b"",
        b" \t",
        b'{"text": "\xff"}',
        b"[]",
        b'{"text": 3}',
        b'{"text": "' + b"x" * 2000,
        b"\0",
        b"\xc2\xa0",
    ),
]


@settings(max_examples=100)
@given(st.lists(st.sampled_from(LINES), max_size=12), st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.booleans())
def test_every_line_is_kept_or_rejected_or_in_error(
    lines: list[bytes], end: bytes, is_ended: bool, marked: bool
) -> None:
    data = b"\xef\xbb\xbf" * marked + end.join(lines) + end * is_ended
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("garble.filtering.formats.base.MAX_RECORD_BYTES", 1000)
        found = {path: raw.splitlines(keepends=True) for path, raw in filtered(data, block=300).items()}
    numbered = dict(enumerate(data.splitlines(keepends=True), start=1))
    for error in map(json.loads, found["errors.jsonl"]):
        assert numbered.pop(error["line"]).startswith(error["record"].encode("utf-8", "surrogateescape"))
    rejected = [
        line.partition(b', "garble": ')[0] + b"}" + line[len(line.rstrip()) :] for line in found["rejected-in.jsonl"]
    ]
    good = [line for line in numbered.values() if line.strip(b"\xef\xbb\xbf \t\r\n")]
    assert sorted(found["kept-in.jsonl"] + rejected) == sorted(good)
    assert found["kept-in.jsonl"] == [line for line in good if line in found["kept-in.jsonl"]]


@pytest.mark.parametrize("compression", OPENERS)
def test_a_file_is_read_and_written_as_its_name_says(compression: str) -> None:
    with OPENERS[compression](f"in.jsonl{compression}", "wb") as file:
        file.write(json_lines([CLEAN, LOOPED, CLEAN]))
    garble_filter(f"in.jsonl{compression}", "-o", f"kept.jsonl{compression}")
    assert [r["id"] for r in records(f"kept.jsonl{compression}", OPENERS[compression])] == ["d0", "d2"]
    Path(f"whole.jsonl{compression}").write_bytes(compressed(b"a\n", compression) + compressed(b"b\n", compression))
    with OPENERS[compression](f"whole.jsonl{compression}", "rb") as file:
        assert file.read() == b"a\nb\n"


@pytest.mark.engines
def test_zstandard_is_read_and_written() -> None:
    zstd = pytest.importorskip("backports.zstd")
    Path("in.jsonl.zst").write_bytes(zstd.compress(json_lines([CLEAN, LOOPED])))
    garble_filter("in.jsonl.zst", "-o", "kept.jsonl.zst")
    assert zstd.decompress(Path("kept.jsonl.zst").read_bytes()) == json_lines([CLEAN])
    Path("cut.jsonl.zst").write_bytes(Path("in.jsonl.zst").read_bytes()[:-9])
    assert (
        "cut.jsonl.zst: truncated Zstandard data" in garble_filter("cut.jsonl.zst", "-o", "kept.jsonl", code=2).stderr
    )


@pytest.mark.parametrize("compression", [".gz", ".bz2", ".xz"])
def test_a_file_that_is_cut_off_or_damaged_is_told_of_and_the_others_are_filtered(compression: str) -> None:
    whole = compressed(json_lines(documents(40)), compression)
    Path(f"cut.jsonl{compression}").write_bytes(whole[:-20])
    Path(f"no.jsonl{compression}").write_bytes(b"this is no compressed file at all")
    Path("good.jsonl").write_bytes(json_lines([CLEAN]))
    names = [f"cut.jsonl{compression}", f"no.jsonl{compression}", "good.jsonl"]
    result = garble_filter(*names, "-o", "kept.jsonl", code=2)
    assert f"garble: cut.jsonl{compression}: truncated" in result.stderr
    assert f"garble: no.jsonl{compression}: " in result.stderr
    assert Path("kept.jsonl").read_bytes().endswith(json_lines([CLEAN]))


@pytest.mark.parametrize("suffix", [".jsonl", ".txt", ".csv"])
def test_of_a_file_that_is_cut_off_every_record_before_is_filtered(suffix: str) -> None:
    head, start, end = {".jsonl": ("", '{"text": "', '"}'), ".txt": ("", "", ""), ".csv": ("text\n", "", "")}[suffix]
    lines = [f"{start}{CLEAN} It was item {random.random()}.{end}\n" for _ in range(500)]
    cut = gzip.compress("".join([head, *lines]).encode())[:-700]
    Path(f"in{suffix}.gz").write_bytes(cut)
    result = garble_filter(f"in{suffix}.gz", "-o", f"kept{suffix}", "--errors", "errors.jsonl", code=2)
    readable = zlib.decompressobj(wbits=31).decompress(cut)
    assert Path(f"kept{suffix}").read_bytes() == readable[: readable.rindex(b"\n") + 1]
    complaint = "truncated gzip data"
    assert result.stderr.startswith(f"garble: in{suffix}.gz: {complaint}\n")
    assert "1 input not read completely" in result.stderr
    (error,) = records("errors.jsonl")
    assert (error["line"], error["reason"]) == (0, complaint)


@pytest.mark.parametrize("compression", OPENERS)
def test_where_nothing_is_kept_the_file_can_be_read_all_the_same(compression: str) -> None:
    Path("in.jsonl").write_bytes(json_lines([LOOPED]))
    garble_filter("in.jsonl", "-o", f"kept.jsonl{compression}", "--errors", f"errors.jsonl{compression}")
    assert records(f"errors.jsonl{compression}", OPENERS[compression]) == []
    garble_filter(f"kept.jsonl{compression}", "-o", "again.jsonl")
    assert bool(compression) == bool(Path(f"kept.jsonl{compression}").read_bytes())


def test_passages_are_cut_out_and_all_else_stays_byte_for_byte() -> None:
    line = b'{"text": "' + MIXED.encode() + b'", "n": 1.50, "note": {"text": "x"}, "u": "\\u00fc"}\n'
    Path("in.jsonl").write_bytes(line)
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--unit", "passage", "--rejected", "cut.jsonl")
    assert Path("kept.jsonl").read_bytes() == line.replace(f"{LOOPED} ".encode(), b"")
    (cut,) = records("cut.jsonl")
    assert (cut["text"], cut["file"], cut["line"], cut["reason"]) == (LOOPED, "in.jsonl", 1, "repetition.loop")
    assert MIXED[cut["start"] : cut["end"]] == LOOPED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=6), JSON, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_only_the_text_of_a_record_that_is_cut_changes(
    other: dict[str, Any], is_ascii: bool, indent: int | None
) -> None:
    record = {**other, "text": MIXED, "last": other}
    try:
        line = json.dumps(record, ensure_ascii=is_ascii, separators=(" ,", " : ") if indent else None).encode() + b"\n"
    except UnicodeEncodeError:
        line = json.dumps(record).encode() + b"\n"
    kept = filtered(line, unit="passage")["kept-in.jsonl"]
    assert kept == line.replace(f"{LOOPED} ".encode(), b"")


def test_a_note_takes_the_place_of_an_older_one_and_all_else_stays() -> None:
    before, after = b'{"n": 1.50, "garble": ', b', "u": "\\ud83d", "text": "A quiet day.", "n": 2}\r\n'
    old = b'{"score": 1, "garbled": true, "reason": "x", "passages": [1, 2]}'
    Path("in.jsonl").write_bytes(before + old + after)
    garble_filter("in.jsonl", "-o", "all.jsonl", "--annotate")
    kept = Path("all.jsonl").read_bytes()
    assert kept.startswith(before + b'{"score": ')
    assert kept.endswith(b"}" + after)
    assert json.loads(kept)["garble"]["garbled"] is False


def test_a_lone_surrogate_stays_one_where_a_passage_is_cut() -> None:
    line = '{"text": "Ünd \\ud800 here. ' + MIXED + '", "é": "\\udfff"}\n'
    Path("in.jsonl").write_bytes(line.encode())
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--unit", "sentence", "--threshold", "strict")
    (kept,) = records("kept.jsonl")
    assert kept == {"text": f"Ünd \ud800 here. {MIXED.replace(f'{LOOPED} ', '')}", "é": "\udfff"}


def test_everything_is_kept_and_annotated() -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN, MIXED]))
    garble_filter("in.jsonl", "-o", "all.jsonl", "--annotate")
    first, second = records("all.jsonl")
    assert (first["garble"]["garbled"], first["garble"]["passages"]) == (False, [])
    assert second["garble"]["passages"][0]["reason"] == "repetition.loop"
    assert second["garble"]["score"] == Scorer(reader="unsure").score(MIXED).score


def test_dolma_attributes_have_a_row_for_every_document() -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN, MIXED]) + b'{"text": ""}\n')
    garble_filter("in.jsonl", "-o", "attributes.jsonl.gz", "--format", "dolma")
    rows = records("attributes.jsonl.gz", gzip.open)
    assert [row["id"] for row in rows] == ["d0", "d1", "in.jsonl:3"]
    spans = rows[1]["attributes"]
    report = Scorer(reader="unsure").score(MIXED)
    name = "garble__" + report.signature.split("m:")[1].split("|")[0].replace("-", "_")
    assert spans[f"{name}__document"] == [[0, len(MIXED), report.score]]
    assert spans[f"{name}__sentence"] == [[s.start, s.end, s.score] for s in report.sentences]
    assert [MIXED[start:end] for start, end, _ in spans[f"{name}__passage"]] == [LOOPED]


def test_plain_text_is_a_document_a_line() -> None:
    Path("in.txt").write_text(f"\n{CLEAN}\n\n{LOOPED}\n\n\n{MIXED}\n")
    garble_filter("in.txt", "-o", "kept.txt", "--rejected", "rejected.txt", "--unit", "passage")
    assert Path("kept.txt").read_text() == f"\n{CLEAN}\n\n{MIXED.replace(LOOPED + ' ', '')}\n"
    assert Path("rejected.txt").read_text() == f"{LOOPED}\n{LOOPED}\n"


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_tables_keep_their_rows(suffix: str) -> None:
    delimiter = "," if suffix == "csv" else "\t"
    rows = [["n", "text", "id"], ["1", f'{CLEAN}\n"Yes", he said.', "a"], ["2", LOOPED, "b"], ["3", HALF, "c"]]
    table = StringIO(newline="")
    csv.writer(table, delimiter=delimiter).writerows(rows)
    Path(f"in.{suffix}").write_bytes(table.getvalue().encode())

    def read(path: str) -> list[list[str]]:
        with open(path, newline="") as file:
            return list(csv.reader(file, delimiter=delimiter))

    garble_filter(f"in.{suffix}", "-o", f"kept.{suffix}", "--rejected", f"rejected.{suffix}")
    assert Path(f"kept.{suffix}").read_bytes() == "".join(table.getvalue().splitlines(True)[:3]).encode()
    head, *rejected = read(f"rejected.{suffix}")
    assert head == [*rows[0], "garble_score", "garble_garbled", "garble_reason", "garble_passages"]
    assert [row[:3] for row in rejected] == rows[2:]
    assert json.loads(rejected[0][-1])[0]["reason"] == rejected[0][-2] == "repetition.loop"
    garble_filter(f"in.{suffix}", "-o", f"cut.{suffix}", "--rejected", f"passages.{suffix}", "--unit", "passage")
    assert read(f"cut.{suffix}")[2][1] == HALF.replace(f"{LOOPED} ", "")
    assert [row[0] for row in read(f"passages.{suffix}")] == ["id", "b", "c"]


FIELD = st.lists(st.sampled_from(["a", ",", '"', "\n", "\r\n", "\r", " ", "é", "'"]), max_size=5).map("".join)


@settings(max_examples=60)
@given(st.lists(FIELD, min_size=1, max_size=3), FIELD, st.sampled_from(["\n", "\r\n"]))
def test_a_row_that_is_cut_or_noted_reads_back_as_it_was(others: list[str], inner: str, end: str) -> None:
    text = f"{CLEAN}{inner}\n\n{LOOPED}"
    table = StringIO(newline="")
    writer = csv.writer(table, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["text", *map(str, range(len(others)))], [text, *others]])
    (cut,) = Prefilter(unit="passage").decide([text])
    kept = filtered(table.getvalue().encode(), "in.csv", unit="passage")["kept-in.csv"]
    assert list(csv.reader(StringIO(kept.decode(), newline="")))[1:] == [[cut.kept(text), *others]] * cut.keep
    rejected = filtered(table.getvalue().encode(), "in.csv", threshold=0)["rejected-in.csv"]
    assert list(csv.reader(StringIO(rejected.decode(), newline="")))[1][:-4] == [text, *others]


def test_tables_go_together_by_their_columns_however_these_are_written() -> None:
    Path("a.csv").write_bytes(f'\ufeff"id",text\r\n1,{CLEAN}\r\n'.encode())
    Path("b.csv").write_bytes(b"id,text")
    Path("c.csv").write_text(f'id,"text"\n3,{CLEAN}')
    garble_filter("a.csv", "b.csv", "c.csv", "-o", "kept.csv")
    assert Path("kept.csv").read_bytes() == f'\ufeff"id",text\r\n1,{CLEAN}\r\n3,{CLEAN}'.encode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("blank.txt", lambda count: b"a\n" + b"\n" * count),
        ("quote.csv", lambda count: b'text\n"open\n' + b"again\n" * count),
        ("quotes.csv", lambda count: b"text\n" + b'"open\n' * count),
        ("lines.csv", lambda count: b'text\n"' + b"again\n" * count + b'"\n'),
    ],
)
def test_reading_takes_no_more_calls_a_line_the_longer_the_file(name: str, data: Callable[[int], bytes]) -> None:
    def calls(count: int) -> int:
        made = 0

        def counted(*event: object) -> None:
            nonlocal made
            made += 1

        Path(name).write_bytes(data(count))
        sys.setprofile(counted)
        try:
            blocks = list(format_of(name, Layout()).blocks(name, 0, 1, False))
        finally:
            sys.setprofile(None)
        assert b"".join(raw for block in blocks for raw in [block.head, *block.raw]) == data(count)
        return made

    assert calls(8_000) < 4.2 * calls(2_000)


def test_a_quote_that_is_never_closed_costs_one_line() -> None:
    Path("in.csv").write_text(f'id,text\n1,{CLEAN}\n2,"open\n3,{CLEAN}\n4,{LOOPED}\n5\n')
    garble_filter("in.csv", "-o", "kept.csv", "--errors", "errors.jsonl")
    assert Path("kept.csv").read_text() == f"id,text\n1,{CLEAN}\n3,{CLEAN}\n"
    assert [(e["line"], e["record"]) for e in records("errors.jsonl")] == [(3, '2,"open\n'), (6, "5\n")]


BAD = {
    b'{"text": 3}\n': "field 'text' is a number, not a string",
    b'{"text": null}\n': "field 'text' is null, not a string",
    b'{"text": "x"\n': "invalid JSON: Expecting ',' delimiter at character 14",
    b"[1]\n": "a list, not an object",
    b'{"id": 4}\n': "no field 'text'",
    b'{"text": "\xff"}\n': "not UTF-8: byte 0xff at offset 10",
    b"[" * 100_000 + b"\n": "nested deeper than 500 levels",
}


def test_bad_records_go_to_the_errors_with_line_and_reason() -> None:
    lines = [line for bad in BAD for line in (bad, json_lines([CLEAN]))]
    Path("in.jsonl").write_bytes(b"".join(lines))
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--errors", "errors.jsonl", "--report", "report.json")
    assert Path("kept.jsonl").read_bytes() == json_lines([CLEAN]) * len(BAD)
    errors = records("errors.jsonl")
    assert [error["line"] for error in errors] == list(range(1, 2 * len(BAD), 2))
    assert all(error["reason"].startswith(reason) for error, reason in zip(errors, BAD.values(), strict=True))
    assert [error["record"].encode("utf-8", "surrogateescape") for error in errors] == list(BAD)
    report = json.loads(Path("report.json").read_text())
    assert (report["documents"], report["bad_records"], report["bad_not_a_string"]) == (len(BAD), len(BAD), 2)


def test_without_a_place_for_errors_they_are_told_and_the_exit_code_is_two() -> None:
    Path("in.jsonl").write_bytes(b'{"text": 3}\n' * 30 + json_lines([CLEAN]))
    result = garble_filter("in.jsonl", "-o", "kept.jsonl", code=2)
    assert "garble: in.jsonl:1: field 'text' is a number, not a string\n" in result.stderr
    assert result.stderr.count("is a number") == 10
    assert "garble: more bad records follow; use --errors FILE to get all of them\n" in result.stderr
    assert Path("kept.jsonl").read_bytes() == json_lines([CLEAN])


def test_fail_fast_stops_at_the_first_bad_record() -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN]) + b"oops\n")
    result = garble_filter("in.jsonl", "-o", "kept.jsonl", "--fail-fast", code=2)
    assert result.stderr == "garble: in.jsonl:2: invalid JSON: Expecting value at character 1\n"
    assert not Path("kept.jsonl").exists()


def test_a_line_that_is_too_long_is_passed_over_without_being_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.formats.base.MAX_RECORD_BYTES", 5_000)
    data = json_lines([CLEAN]) + b'{"text": "' + b"x" * 20_000 + b'"}\n' + json_lines([CLEAN])
    found = filtered(data)
    assert found["kept-in.jsonl"] == json_lines([CLEAN]) * 2
    error = json.loads(found["errors.jsonl"])
    assert (error["line"], error["reason"]) == (2, "too long: 20,013 bytes; limit 5,000")
    assert len(error["record"]) < 1_000


def test_standard_streams() -> None:
    result = garble_filter("-", "-o", "-", stdin=json_lines([CLEAN, LOOPED]))
    assert result.stdout_bytes == json_lines([CLEAN])
    assert "kept 1, dropped 1" in result.stderr


def test_standard_input_is_read_from_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN, MIXED, CLEAN]))
    with open("in.jsonl", "rb") as file:
        file.readline()
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(file))
        list(run(Plan(find_sources(["-"]), "kept.jsonl", unit="passage")))
    assert [record["id"] for record in records("kept.jsonl")] == ["d1", "d2"]


@pytest.mark.parametrize(("stream", "name"), [("stdin", "<stdin>"), ("stdout", "standard output")])
def test_a_standard_stream_that_is_closed_is_told_of(stream: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, stream, None)
    Path("in.jsonl").write_bytes(json_lines([CLEAN]))
    plan = Plan(find_sources(["-", "in.jsonl"]), "kept.jsonl" if stream == "stdin" else "-", fail_fast=True)
    with pytest.raises(InputError, match=f"^{name}: closed$"):
        list(run(plan))


@pytest.mark.parametrize("name", ["pipe", "pipe.csv"])
def test_a_named_pipe_is_read_once(name: str) -> None:
    os.mkfifo(name)
    data = f"id,text\n1,{CLEAN}\n2,{CLEAN}\n".encode()
    thread = Thread(target=Path(name).write_bytes, args=(data,), daemon=True)
    thread.start()
    garble_filter(name, "-o", "kept.csv")
    assert Path("kept.csv").read_bytes() == data


def test_a_pipe_without_a_name_of_its_own_is_read_and_written_by_several_workers() -> None:
    data = json_lines([CLEAN, LOOPED, CLEAN], pad="x" * 700_000)
    (reading, to_write), (to_read, writing) = os.pipe(), os.pipe()
    command = [*GARBLE[:-3], f"/dev/fd/{reading}", "-o", f"/dev/fd/{writing}", "--workers", "2"]
    with subprocess.Popen(command, pass_fds=[reading, writing], stderr=subprocess.PIPE) as process:
        os.close(reading)
        os.close(writing)
        thread = Thread(target=_write, args=(to_write, data))
        thread.start()
        with open(to_read, "rb") as file:
            found = file.read()
        thread.join()
        _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert found == b"".join(data.splitlines(keepends=True)[::2])


def _write(pipe: int, data: bytes) -> None:
    with open(pipe, "wb") as file:
        file.write(data)


def test_a_reader_who_has_seen_enough_is_told_no_counts() -> None:
    Path("in.jsonl").write_bytes(json_lines(documents(400) * 6))
    command = [*GARBLE[:-1], "-", "--annotate", "--report", "report.json", "--workers", "2", "--reader", "off"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert b"documents by score" not in process.stderr.read()
    assert process.returncode == 0
    assert not Path("report.json").exists()


def test_several_inputs_become_one_output_and_never_run_into_each_other() -> None:
    for name in ("b", "a"):
        Path(f"{name}.jsonl").write_bytes(json_lines([CLEAN], file=name).rstrip())
    garble_filter("*.jsonl", "-o", "kept.jsonl")
    assert [record["file"] for record in records("kept.jsonl")] == ["a", "b"]
    assert not Path("kept.jsonl").read_bytes().endswith(b"\n")


def test_a_folder_of_inputs_becomes_a_folder_of_outputs() -> None:
    for name in ("one.jsonl", "deep/two.csv", "deep/.hidden.jsonl", "deep/notes.md", "empty.jsonl"):
        path = Path("crawl", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"text\n{CLEAN}\n".encode() if name.endswith("csv") else json_lines([LOOPED, CLEAN]))
    Path("crawl/empty.jsonl").write_bytes(b"")
    garble_filter("crawl", "-o", "kept/", "--rejected", "rejected/", "--errors", "errors.jsonl")
    found = sorted(str(path) for path in Path("kept").rglob("*") if path.is_file())
    assert found == ["kept/deep/two.csv", "kept/empty.jsonl", "kept/one.jsonl"]
    assert [record["id"] for record in records("kept/one.jsonl")] == ["d1"]
    assert [record["id"] for record in records("rejected/one.jsonl")] == ["d0"]
    assert Path("kept/deep/two.csv").read_text() == f"text\n{CLEAN}\n"
    assert Path("kept/empty.jsonl").read_bytes() == Path("errors.jsonl").read_bytes() == b""


def test_a_folder_of_outputs_is_no_input_though_it_lies_among_them() -> None:
    Path("crawl").mkdir()
    Path("crawl/in.jsonl").write_bytes(json_lines([CLEAN, LOOPED]))
    for _ in range(2):
        garble_filter("crawl", "-o", "crawl/kept/", "--rejected", "crawl/no/")
        assert sorted(map(str, Path("crawl").rglob("*.jsonl"))) == [
            "crawl/in.jsonl",
            "crawl/kept/in.jsonl",
            "crawl/no/in.jsonl",
        ]


def test_a_name_that_is_no_text_is_one_all_the_same() -> None:
    name = os.fsdecode(b"in-\xff\x1b[2J\n.csv")
    Path(name).write_text(f"text\n{MIXED}\n")
    result = garble_filter(name, "-o", "kept.csv", "--rejected", "cut.csv", "--unit", "passage")
    assert "\x1b" not in result.stderr
    with open("cut.csv", newline="", errors="surrogateescape") as file:
        assert list(csv.reader(file))[1][1] == name


MISTAKES = {
    ("nowhere.jsonl", "-o", "k.jsonl"): "nowhere.jsonl: no such file",
    ("in.jsonl", "-o", "in.jsonl"): "in.jsonl: is both an input and an output",
    ("in.jsonl", "-o", "k.jsonl", "--rejected", "k.jsonl"): "k.jsonl: is used for two outputs",
    ("in.jsonl", "-o", "k.txt"): "k.txt: plain text has no fields; write jsonl or another record format",
    (
        "in.jsonl",
        "-o",
        "k.jsonl",
        "--errors",
        "e.csv",
    ): "e.csv: the extension means csv, but the content would be jsonl",
    ("in.jsonl", "-o", "k.doc"): "k.doc: unknown extension",
    ("in.jsonl", "-o", "k"): "k: unknown extension",
    ("unnamed", "-o", "k.jsonl"): "unnamed: unknown extension",
    ("-", "-o", "empty"): "<stdin>: a stream cannot be filtered into a folder",
    ("in.jsonl", "in.csv", "-o", "k.csv"): "in.csv: inputs of several formats can only be written to JSON Lines",
    ("in.csv", "other.csv", "-o", "k.csv"): "other.csv: columns differ from in.csv",
    ("in.csv", "-o", "k.csv", "--field", "body"): "in.csv: no column 'body'; found: id, text",
    ("in.jsonl", "-o", "k.jsonl", "--report", "in.jsonl"): "in.jsonl: is both an input and an output",
    ("in.jsonl", "-o", "k.jsonl", "--report", "k.jsonl"): "k.jsonl: is used for two outputs",
    ("in.jsonl", "-o", "k.jsonl", "--report", "empty"): "empty: is a folder; expected a file",
    ("in.jsonl", "-o", "k.jsonl", "--report", "no/r.json"): "no/r.json: no such folder",
    ("in.jsonl", "-o", "-", "--rejected", "-"): "-: is used for two outputs",
    ("emp*", "-o", "k.jsonl"): "emp*: no such file",
    ("in.jsonl", "-o", "k.parquet.gz"): "k.parquet.gz: Parquet is compressed internally",
    ("open.csv", "-o", "k.csv"): "open.csv: no header: unclosed quote",
    ("mac.csv", "-o", "k.csv"): "mac.csv: no header: ",
    ("two.csv", "-o", "k.csv"): "two.csv: more than one column 'text'; found: text, text",
    ("-", "in.csv", "-o", "k.csv"): "<stdin>: CSV from a stream cannot be combined",
    ("in.txt", "-o", "k.txt", "--annotate"): "in.txt: plain text cannot be annotated",
    ("in.jsonl", "-o", "k.jsonl", "--threshold", "2"): "unknown threshold '2'",
    ("in.jsonl", "-o", "k.jsonl", "--annotate", "--rejected", "r.jsonl"): "r.jsonl: --rejected has no effect",
    ("in.jsonl", "-o", "out/", "--rejected", "r.jsonl"): "r.jsonl: -o and --rejected must both be files",
    ("in.jsonl", "-o", "in.csv/k.jsonl"): "in.csv",
    (
        "in.jsonl",
        "-o",
        "k.jsonl",
        "--annotate",
        "--format",
        "dolma",
    ): "--annotate and --format dolma are mutually exclusive",
    ("empty", "-o", "k.jsonl"): "empty: contains no records",
}


@pytest.mark.parametrize(("arguments", "complaint"), MISTAKES.items(), ids=map(" ".join, MISTAKES))
def test_a_mistake_is_one_line_before_anything_is_written(arguments: tuple[str, ...], complaint: str) -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN]))
    Path("in.csv").write_text(f"id,text\n1,{CLEAN}\n")
    Path("other.csv").write_text(f"text,id\n{CLEAN},1\n")
    Path("unnamed").write_bytes(json_lines([CLEAN]))
    Path("open.csv").write_text(f'text,"id\n{CLEAN},1\n')
    Path("mac.csv").write_text(f"id,text\r1,{CLEAN}\r")
    Path("two.csv").write_text(f"text,text\n{CLEAN},1\n")
    Path("in.txt").write_text(f"{CLEAN}\n")
    Path("empty").mkdir()
    before = sorted(Path().rglob("*"))
    result = garble_filter(*arguments, code=2)
    assert result.stderr.startswith(f"garble: {complaint}")
    assert result.stderr.count("\n") == 1
    assert sorted(Path().rglob("*")) == before


def test_the_report_and_the_summary_say_what_it_came_to() -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN, LOOPED, HALF]))
    result = garble_filter("in.jsonl", "-o", "kept.jsonl", "--report", "report.json", "--exit-code", code=1)
    report = json.loads(Path("report.json").read_text())
    dropped = sum(count for name, count in report.items() if name.startswith("dropped_"))
    assert (report["documents"], report["kept"], report["dropped"], dropped) == (3, 1, 2, 2)
    assert sum(report["histogram"]) == 3
    assert report["signature"] == Scorer(reader="unsure").signature
    assert "2  repetition.loop" in result.stderr
    assert "0.95-1.00" in result.stderr


@pytest.mark.parametrize("unit", ["document", "passage", "sentence"])
@pytest.mark.parametrize("block", [1, 3_000, 1 << 20])
def test_the_same_bytes_come_out_whatever_the_blocks(unit: Unit, block: int) -> None:
    texts = documents(30)
    data = b"junk\n" + json_lines(texts)
    assert filtered(data, block=block, unit=unit) == filtered(data, block=1 << 16, unit=unit)
    kept = [json.loads(line)["text"] for line in Path("kept-in.jsonl").read_bytes().splitlines()]
    decisions = Prefilter(unit=unit).decide(texts)
    assert kept == [found.kept(text) for text, found in zip(texts, decisions, strict=True) if found.keep]


def test_two_workers_come_to_the_same_bytes_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.formats.base.MAX_RECORD_BYTES", 50_000)
    data = json_lines(documents(120)) + b"x" * 60_000 + b"\n\xff\n"
    one = filtered(data, "in.jsonl", block=20_000)
    assert filtered(data, "in.jsonl", block=20_000, workers=2) == one


# Small blocks and an entry in the journal after each, so that a short run has many places to be stopped at.
RUN = """
import sys
from garble.filtering import outputs
from garble.filtering.formats.base import Layout
from garble.filtering.plan import Plan, find_sources
from garble.filtering.run import run
if __name__ == "__main__":
    outputs._SECONDS_BETWEEN_ENTRIES = 0
    out = sys.argv[1]
    plan = Plan(find_sources(sys.argv[4:]), f"{out}/kept{sys.argv[3]}", f"{out}/rejected{sys.argv[3]}",
                f"{out}/errors.jsonl", layout=Layout(block=20_000), reader="off")
    for step in run(plan, int(sys.argv[2]), resume=True):
        print(step.progress.bytes_read, flush=True)
"""


def stopped(arguments: list[str], wait: int) -> bool:
    """Kill a run after some blocks; whether it had not come to its end."""
    with subprocess.Popen([sys.executable, "run.py", *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(wait):
            if not process.stdout.readline():
                break
        time.sleep(random.random() * 0.05)
        process.kill()
        return process.wait() == -signal.SIGKILL


def outputs(folder: str) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


@pytest.mark.parametrize(("workers", "suffix"), [("1", "/"), ("2", ".jsonl.gz")])
def test_a_run_that_is_killed_ten_times_comes_to_the_same_bytes(workers: str, suffix: str) -> None:
    Path("run.py").write_text(RUN)
    texts = documents(900)
    Path("a.jsonl").write_bytes(json_lines(texts[:400]) + b"junk\n" + json_lines(texts[400:500]))
    with gzip.open("b.jsonl.gz", "wb") as file:
        file.write(json_lines(texts[500:]))
    arguments = [workers, suffix, "a.jsonl", "b.jsonl.gz"]
    assert subprocess.run([sys.executable, "run.py", "whole", *arguments], check=False).returncode == 0
    rng = random.Random(f"{workers}{suffix}")
    kills = 0
    while kills < 10 and stopped(["again", *arguments], rng.randint(2, 3)):
        kills += 1
        finished = {name for name in outputs("again") if not name.endswith((".part", ".resume", ".new"))}
        assert all(outputs("again")[name] == outputs("whole")[name] for name in finished)
    assert kills == 10
    assert subprocess.run([sys.executable, "run.py", "again", *arguments], check=False).returncode == 0
    assert outputs("again") == outputs("whole")


def small(kept: str, *inputs: str, **options: Any) -> Plan:
    """A plan of many small blocks."""
    return Plan(find_sources(inputs), kept, layout=Layout(block=5_000), reader="off", **options)


def stop_after(plan: Plan, steps: int, resume: bool = False) -> None:
    run_ = run(plan, resume=resume, overwrite=True)
    for _ in range(steps):
        next(run_)
    run_.close()


def test_a_run_that_begins_anew_forgets_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in.jsonl").write_bytes(json_lines(documents(60)))
    list(run(small("whole.jsonl", "in.jsonl")))
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    stop_after(small("kept.jsonl", "in.jsonl"), 5)
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 1000)
    stop_after(small("kept.jsonl", "in.jsonl"), 1)
    list(run(small("kept.jsonl", "in.jsonl"), resume=True))
    assert Path("kept.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()


def test_where_what_was_written_is_gone_a_run_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    Path("in.jsonl").write_bytes(json_lines(documents(60)))
    stop_after(small("kept.jsonl", "in.jsonl"), 5)
    with open("kept.jsonl.part", "r+b") as file:
        file.truncate(100)
    with pytest.raises(InputError, match=r"kept\.jsonl\.part: shorter than the journal says"):
        list(run(small("kept.jsonl", "in.jsonl"), resume=True))


@pytest.mark.parametrize(
    ("other", "taken"),
    [
        (("k/",), "k/.resume"),
        (("k/", "--threshold", "strict"), "k/.resume"),
        (("other.jsonl", "--errors", "errors.jsonl"), "errors.jsonl.part"),
    ],
)
def test_of_two_runs_at_once_the_second_is_refused(other: tuple[str, ...], taken: str) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        Path(name).write_bytes(json_lines(documents(30)))
    steps = run(small("k/", "a.jsonl", "b.jsonl", errors="errors.jsonl"))
    while not Path("k/a.jsonl").exists():
        next(steps)
    result = garble_filter("a.jsonl", "b.jsonl", "-o", *other, code=2)
    assert result.stderr == f"garble: {taken}: in use by another run\n"
    list(steps)
    list(run(small("whole/", "a.jsonl", "b.jsonl", errors="all.jsonl")))
    assert outputs("k") == outputs("whole")


@pytest.mark.parametrize("suffix", ["/", ".jsonl.gz"])
@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_is_killed_while_files_take_their_places_goes_on(
    suffix: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        Path(name).write_bytes(json_lines(documents(20)) + b"junk\n")

    def plan(folder: str) -> Plan:
        Path(folder).mkdir(exist_ok=True)
        where = {role: f"{folder}/{role}{suffix}" for role in ("kept", "rejected")}
        return small(where["kept"], "a.jsonl", "b.jsonl", rejected=where["rejected"], errors=f"{folder}/errors.jsonl")

    list(run(plan("whole")))
    replace = Path.replace
    for stop in range(6):
        left = iter(range(stop))

        def killed(self: Path, target: Path, left: Iterator[int] = left) -> Path:
            if self.suffix != ".part":
                return replace(self, target)
            if after:
                replace(self, target)
            if next(left, None) is None:
                raise KeyboardInterrupt
            return target if after else replace(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            with suppress(KeyboardInterrupt):
                list(run(plan(f"again{stop}")))
        # The last runs are not stopped, and there is nothing to go on with.
        list(run(plan(f"again{stop}"), resume=True, overwrite=True))
        assert outputs(f"again{stop}") == outputs("whole")


def test_what_goes_into_other_places_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    Path("crawl/deep").mkdir(parents=True)
    Path("crawl/deep/in.jsonl").write_bytes(json_lines(documents(30)))
    stop_after(small("kept/", "crawl"), 3)
    with pytest.raises(InputError, match=r"different settings \(inputs\)"):
        list(run(small("kept/", "crawl/deep/in.jsonl"), resume=True))


def test_another_run_is_not_gone_on_with() -> None:
    Path("run.py").write_text(RUN)
    # So many that it is not at its end when it is killed.
    Path("in.jsonl").write_bytes(json_lines(documents(400)))
    assert stopped(["out", "1", ".jsonl", "in.jsonl"], 3)
    Path("in.jsonl").write_bytes(json_lines(documents(401)))
    again = subprocess.run(
        [sys.executable, "run.py", "out", "1", ".jsonl", "in.jsonl"], capture_output=True, check=False
    )
    assert b"out/kept.jsonl.resume: journal has different settings (inputs); cannot resume" in again.stderr


@pytest.mark.parametrize(("stop", "to_all"), [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)])
@pytest.mark.parametrize("wait", [0.0, 1.5])
def test_a_run_that_is_stopped_ends_early_and_says_how_to_go_on(stop: int, to_all: bool, wait: float) -> None:
    Path("in.jsonl").write_bytes(json_lines(documents(400) * 8))
    # What a shell starts in the background ignores an interruption, and so does all that it starts.
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [*GARBLE, "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=heeded) as process:
        # The process that began it, one that keeps track of its locks, and the first worker.
        while len(list(_session(process.pid))) < 3:
            time.sleep(0.01)
        time.sleep(wait)
        (os.killpg if to_all else os.kill)(process.pid, stop)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    # On a slow machine it may have said before how far it was.
    *lines, last = stderr.decode().splitlines()
    assert last.endswith("run the same command with --resume to continue")
    assert all("documents, " in line for line in lines)
    assert not Path("kept.jsonl").exists()
    _ends(process.pid)


@pytest.mark.parametrize("whose", ["worker", "parent"])
def test_no_process_is_left_of_a_run_that_is_killed(whose: str) -> None:
    Path("in.jsonl").write_bytes(json_lines(documents(400) * 8))
    with subprocess.Popen([*GARBLE, "--workers", "2"], stderr=subprocess.PIPE, start_new_session=True) as process:
        while len(found := sorted(_session(process.pid))) < 4:
            time.sleep(0.01)
        time.sleep(1)
        os.kill(found[-1] if whose == "worker" else process.pid, signal.SIGKILL)
        _, stderr = process.communicate(timeout=20)
    if whose == "worker":
        assert process.returncode == 2
        assert stderr == b"garble: worker died, possibly out of memory; use fewer --workers\n"
    _ends(process.pid)


def _ends(session: int) -> None:
    until = time.monotonic() + 10
    while list(_session(session)) and time.monotonic() < until:
        time.sleep(0.05)
    assert list(_session(session)) == []


def _session(leader: int) -> Iterator[int]:
    """The processes that live in a session."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            yield int(path.parent.name)


def test_a_full_disk_is_one_line_and_leaves_nothing_that_looks_whole() -> None:
    Path("in.jsonl").write_bytes(json_lines(documents(300)))
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000));"
        "from garble.cli import main; main()"
    )
    command = [sys.executable, "-c", limited, "filter", "in.jsonl", "-o", "kept.jsonl", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["garble: kept.jsonl: file too large"]
    assert not Path("kept.jsonl").exists()


# Other languages.


@pytest.mark.parametrize(
    ("options", "kept", "reasons"),
    [
        ((), [CLEAN, GERMAN], []),
        (("--other-languages", "keep"), [CLEAN, GERMAN], []),
        (("--other-languages", "drop"), [CLEAN], ["language"]),
        (("--other-languages", "drop", "--language", "de"), [], ["language", "language"]),
        (("--other-languages", "drop", "--language", "en"), [CLEAN], ["artifacts.untranslated"]),
    ],
)
def test_documents_in_other_languages(options: tuple[str, ...], kept: list[str], reasons: list[str]) -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN, GERMAN]))
    outputs = ("-o", "kept.jsonl", "--rejected", "rejected.jsonl", "--report", "report.json")
    result = garble_filter("in.jsonl", *outputs, "--reader", "off", *options, code=0)

    def read(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in Path(name).read_text("utf-8").splitlines()]

    assert [record["text"] for record in read("kept.jsonl")] == kept
    assert [record["garble"]["reason"] for record in read("rejected.jsonl")] == reasons
    report = json.loads(Path("report.json").read_text())
    assert sum(n for name, n in report.items() if re.fullmatch("language_[a-z]{2}", name)) == 2
    assert ("documents by language:" in result.stderr) == ("--language" not in options)
