"""What a run could lose or change without a word, and one record that could end it."""

from __future__ import annotations

import json
import lzma
import os
import random
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import MODEL

from garble.cli import main
from garble.errors import InputError
from garble.filtering.decisions import Prefilter
from garble.filtering.formats import format_of
from garble.filtering.formats.base import Layout
from garble.filtering.plan import Plan, find_sources
from garble.filtering.run import run
from garble.filtering.streams import compressed, opened
from garble.scorer import Scorer

CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
LOOPED = "I want to to to to to to to go home."
PANIC = "Get vitamin C\u00a0. It helps."


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def garble(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


def garble_filter(*arguments: str, code: int = 0) -> Result:
    return garble("filter", "--workers", "1", *arguments, code=code)


def json_lines(texts: list[str], **fields: object) -> bytes:
    return b"".join(json.dumps({"id": f"d{i}", **fields, "text": t}).encode() + b"\n" for i, t in enumerate(texts))


def errors(path: str = "errors.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


# One record kills a run


def test_a_record_at_which_the_splitter_panics_is_scored() -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN, PANIC, CLEAN]))
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--errors", "errors.jsonl")
    assert Path("kept.jsonl").read_bytes() == json_lines([CLEAN, PANIC, CLEAN])
    assert errors() == []


class Panic(BaseException):
    """What a library in Rust raises."""


FAILURES = [
    (Panic, "Panic: boom"),
    (RuntimeError, "RuntimeError: boom"),
    (RecursionError, "RecursionError: boom"),
    (MemoryError, "MemoryError: boom"),
    (IndexError, "IndexError: boom"),
    (OSError, "OSError: boom"),
]


@pytest.mark.parametrize(("error", "reason"), FAILURES, ids=[reason for _, reason in FAILURES])
@pytest.mark.parametrize("form", [".jsonl", ".csv", ".txt"])
def test_whatever_fails_over_a_record_makes_it_a_bad_one(
    form: str, error: type[BaseException], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = Prefilter.decide

    def fails(self: Prefilter, texts: Any, markups: object = None) -> Any:
        if any("FAIL" in text for text in texts):
            raise error("boom\nand more"[: 4 if error is not Panic else None].replace("\nand more", ""))
        return decide(self, texts)

    monkeypatch.setattr(Prefilter, "decide", fails)
    texts = [CLEAN, f"FAIL {CLEAN}", LOOPED, CLEAN]
    data = {
        ".jsonl": json_lines(texts),
        ".csv": ("text\n" + "".join(f"{text}\n" for text in texts)).encode(),
        ".txt": "".join(f"{text}\n" for text in texts).encode(),
    }[form]
    Path(f"in{form}").write_bytes(data)
    command = [f"in{form}", "-o", f"kept{form}", "--rejected", f"r{form}", "--errors", "errors.jsonl"]
    garble_filter(*command, "--report", "counts.json")
    lines = data.splitlines(keepends=True)
    head = len(lines) - len(texts)
    assert Path(f"kept{form}").read_bytes() == b"".join([*lines[:head], lines[head], lines[head + 3]])
    (bad,) = errors()
    assert (bad["line"], bad["reason"], bad["record"].encode()) == (head + 2, reason, lines[head + 1])
    counts = json.loads(Path("counts.json").read_text())
    assert (counts["kept"], counts["dropped"], counts["bad_not_scored"]) == (2, 1, 1)


def test_an_interruption_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Prefilter, texts: Any, markups: object = None) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Prefilter, "decide", interrupted)
    Path("in.jsonl").write_bytes(json_lines([CLEAN]))
    garble_filter("in.jsonl", "-o", "kept.jsonl", code=130)
    assert not Path("kept.jsonl").exists()


@pytest.mark.parametrize("depth", [100, 499, 501, 974, 5_000, 100_000])
@pytest.mark.parametrize("options", [(), ("--annotate",), ("--unit", "sentence")])
def test_nested_json_is_kept_or_a_bad_record(depth: int, options: tuple[str, ...]) -> None:
    nested = b'{"garble_": ' + b"[" * depth + b"]" * depth + b', "text": "' + f"{CLEAN} {LOOPED}".encode() + b'"}\n'
    Path("in.jsonl").write_bytes(json_lines([CLEAN]) + nested + json_lines([CLEAN]))
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--errors", "errors.jsonl", *options)
    assert [error["reason"] for error in errors()] == (["nested deeper than 500 levels"] if depth > 499 else [])
    assert len(Path("kept.jsonl").read_bytes().splitlines()) >= 2


def test_brackets_within_strings_nest_nothing() -> None:
    line = json.dumps({"text": CLEAN, "code": '[{"' * 1000}).encode() + b"\n"
    Path("in.jsonl").write_bytes(line)
    garble_filter("in.jsonl", "-o", "kept.jsonl")
    assert Path("kept.jsonl").read_bytes() == line


# Silent loss and silent change


@pytest.mark.parametrize("compression", [".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("harm", ["middle", "header", "garbage"])
def test_damage_behind_the_first_member_is_told_of(compression: str, harm: str) -> None:
    rng = random.Random(0)
    members = [
        compressed(json_lines([f"{CLEAN} {rng.random()}" for _ in range(300)], n=n), compression) for n in range(6)
    ]
    bad = bytearray(members[3])
    bad[{"middle": len(bad) // 2, "header": 0, "garbage": 0}[harm]] ^= 0xFF
    middle = members[3] if harm == "garbage" else bytes(bad)
    end = b"garbage" if harm == "garbage" else b""
    Path(f"in.jsonl{compression}").write_bytes(b"".join([*members[:3], middle, *members[4:], end]))
    result = garble_filter(f"in.jsonl{compression}", "-o", "kept.jsonl", "--errors", "errors.jsonl", code=2)
    assert "1 input not read completely" in result.stderr
    # Of a damaged gzip member what was read before its checksum may be bad records.
    (told,) = [error["reason"] for error in errors() if error["line"] == 0]
    assert told.startswith("damaged or no")
    expected = 1800 if harm == "garbage" else 900
    assert expected <= len(Path("kept.jsonl").read_bytes().splitlines()) <= 1800


@pytest.mark.parametrize("compression", [".bz2", ".xz"])
def test_members_and_what_may_stand_between_them_are_read(compression: str) -> None:
    parts = [os.urandom(n) + b"\n" for n in (0, 1, 70_000, 300_000)]
    padding = b"\0" * 8 if compression == ".xz" else b""
    raw = padding.join(compressed(part, compression) for part in [b"", *parts]) + padding
    Path(f"in.txt{compression}").write_bytes(raw)
    with opened(f"in.txt{compression}") as stream:
        assert stream.bytes.read() == b"".join(parts)
    Path(f"in.txt{compression}").write_bytes(b"")
    with opened(f"in.txt{compression}") as stream:
        assert stream.bytes.read() == b""


def test_a_dictionary_larger_than_memory_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
    raw = bytearray(lzma.compress(b"text\n" * 1000, filters=filters, check=lzma.CHECK_NONE))
    # The byte that says how large the dictionary is; 40 is 4 GB. The header's own checksum follows it.
    header = raw[12:24]
    place = 12 + header.index(b"\x21\x01") + 2
    raw[place] = 40
    size = (raw[12] + 1) * 4
    raw[12 + size - 4 : 12 + size] = zlib.crc32(bytes(raw[12 : 12 + size - 4])).to_bytes(4, "little")
    Path("in.txt.xz").write_bytes(raw)
    with pytest.raises(InputError, match="Memory usage limit exceeded"), opened("in.txt.xz") as stream:
        stream.bytes.read()


def plan(model: str = "en", **options: Any) -> Plan:
    layout = Layout(block=2_000)
    return Plan(find_sources(["in.jsonl"]), "kept.jsonl", model=model, layout=layout, reader="off", **options)


def stop_after(steps: int, **options: Any) -> None:
    started = run(plan(**options))
    for _ in range(steps):
        next(started)
    started.close()


def test_a_run_is_not_gone_on_with_by_another_model_of_the_same_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    shutil.copytree(MODEL, "model")
    Path("in.jsonl").write_bytes(json_lines([CLEAN] * 200))
    stop_after(3, model="model")
    record = json.loads(Path("model/scorecard.json").read_bytes())
    record["intercept"] += 1
    Path("model/scorecard.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"different settings \(signature\)"):
        list(run(plan(model="model"), resume=True))


def test_a_model_that_changes_during_a_run_ends_it() -> None:
    shutil.copytree(MODEL, "model")
    Path("in.jsonl").write_bytes(json_lines([CLEAN] * 200))
    started = run(plan(model="model"), workers=2)
    next(started)
    record = json.loads(Path("model/scorecard.json").read_bytes())
    record["intercept"] += 1
    Path("model/scorecard.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="model model: changed during the run"):
        list(started)


@pytest.mark.parametrize("kept", ["kept.jsonl", "kept/"])
def test_a_wrong_field_is_told_before_anything_is_touched(kept: str) -> None:
    Path("in.jsonl").write_bytes(b"junk\n" + json_lines([CLEAN, CLEAN]))
    garble_filter("in.jsonl", "-o", kept, "--errors", "errors.jsonl")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    result = garble_filter("in.jsonl", "-o", kept, "--field", "body", "--overwrite", code=2)
    assert result.stderr == "garble: in.jsonl: no field 'body' in the first 2 records; found: id, text\n"
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_some_records_may_lack_the_field() -> None:
    Path("in.jsonl").write_bytes(b'{"other": 1}\n' + json_lines([CLEAN]))
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--errors", "errors.jsonl")
    assert Path("kept.jsonl").read_bytes() == json_lines([CLEAN])


@pytest.mark.parametrize("taken", ["kept.jsonl", "rejected.jsonl", "errors.jsonl", "counts.json"])
def test_an_output_that_exists_is_replaced_only_when_asked(taken: str) -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN, LOOPED]))
    Path(taken).write_text("mine")
    command = ["in.jsonl", "-o", "kept.jsonl", "--rejected", "rejected.jsonl"]
    command += ["--errors", "errors.jsonl", "--report", "counts.json"]
    assert garble_filter(*command, code=2).stderr == f"garble: {taken}: exists; use --overwrite to replace it\n"
    assert sorted(path.name for path in Path().iterdir()) == sorted(["in.jsonl", taken])
    assert Path(taken).read_text() == "mine"
    garble_filter(*command, "--overwrite")
    assert Path(taken).read_text() != "mine"


def test_a_stopped_run_is_begun_anew_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.filtering.outputs._SECONDS_BETWEEN_ENTRIES", 0)
    Path("in.jsonl").write_bytes(json_lines([CLEAN] * 200))
    stop_after(3)
    with pytest.raises(InputError, match="found a stopped run; use --resume to continue or --overwrite to start again"):
        list(run(plan()))
    list(run(plan(), resume=True))
    assert Path("kept.jsonl").read_bytes() == json_lines([CLEAN] * 200)


@pytest.mark.parametrize("command", ["score", "repair"])
def test_a_text_is_not_written_over_by_its_report(command: str) -> None:
    Path("a.txt").write_text(LOOPED)
    assert (
        garble(command, "a.txt", "-o", "a.txt", code=2).stderr
        == "garble: a.txt: exists; use --overwrite to replace it\n"
    )
    assert Path("a.txt").read_text() == LOOPED
    garble(command, "a.txt", "-o", "new.txt")
    garble(command, "a.txt", "-o", "new.txt", "--overwrite")


def test_a_model_is_not_trained_over_another_unasked() -> None:
    shutil.copytree(MODEL, "model")
    Path("labels.jsonl").write_bytes(b"")
    result = garble("train", "--data", "labels.jsonl", "--out", "model", code=2)
    assert result.stderr == "garble: model: contains a model; use --overwrite to replace it\n"
    assert (Path("model") / "scorecard.json").read_bytes() == (MODEL / "scorecard.json").read_bytes()


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", ["kept.jsonl.part", "kept.jsonl.resume", "errors.jsonl.part"])
def test_a_link_where_a_part_is_written_is_not_followed(name: str, link: Callable[..., None]) -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN]))
    Path("mine").write_text("mine")
    link("mine", name)
    command = ["in.jsonl", "-o", "kept.jsonl", "--errors", "errors.jsonl", "--overwrite"]
    result = garble_filter(*command, code=2)
    assert result.stderr.startswith(f"garble: {name}: ")
    assert result.stderr.count("\n") == 1
    assert Path("mine").read_text() == "mine"


def test_a_link_to_a_file_that_is_not_there_makes_none() -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN]))
    os.symlink("elsewhere", "kept.jsonl.part")
    garble_filter("in.jsonl", "-o", "kept.jsonl", code=2)
    assert not Path("elsewhere").exists()


@pytest.mark.parametrize(("command", "name"), [("score", "out.txt"), ("repair", "out.txt"), ("repair", "a.txt")])
def test_a_link_where_a_text_is_written_is_not_followed(command: str, name: str) -> None:
    Path("a.txt").write_text(LOOPED)
    Path("mine").write_text("mine")
    os.symlink("mine", f"{name}.{os.getpid()}.part")
    garble(command, "a.txt", *(["--in-place"] if name == "a.txt" else ["-o", name]), code=2)
    assert Path("mine").read_text() == "mine"
    assert Path("a.txt").read_text() == LOOPED


SLOW = """
import sys, time
from garble import scorer
from garble.cli import main
def slow(self, texts, markups=None):
    print("begun", flush=True, file=sys.stderr)
    time.sleep(60)
    yield
scorer.Scorer.score_many = slow
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_text_that_is_asked_to_end_leaves_nothing() -> None:
    Path("a.txt").write_text(LOOPED)
    command = [sys.executable, "-c", SLOW, "score", "a.txt", "-o", "out.txt"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while process.stderr.readline() != b"begun\n":
            assert process.poll() is None
        assert any(path.suffix == ".part" for path in Path().iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 130
    assert [path.name for path in Path().iterdir()] == ["a.txt"]


def test_a_field_of_the_records_own_is_not_replaced_by_a_note() -> None:
    line = json_lines([CLEAN], garble={"mine": 1})
    Path("in.jsonl").write_bytes(line)
    result = garble_filter("in.jsonl", "-o", "kept.jsonl", "--annotate", code=2)
    assert "already have 'garble', which the decision would replace; rename it first" in result.stderr
    assert not Path("kept.jsonl").exists()
    # Further down it is one record that has it.
    Path("in.jsonl").write_bytes(json_lines([CLEAN] * 200) + line)
    garble_filter("in.jsonl", "-o", "kept.jsonl", "--annotate", "--errors", "errors.jsonl")
    assert [(error["line"], error["record"].encode()) for error in errors()] == [(201, line)]
    assert errors()[0]["reason"] == "field 'garble': already in the record, and the decision would replace it"
    assert len(Path("kept.jsonl").read_bytes().splitlines()) == 200


def test_a_column_of_the_tables_own_is_not_doubled_by_a_note() -> None:
    Path("in.csv").write_text(f"text,garble_score\n{CLEAN},3\n")
    result = garble_filter("in.csv", "-o", "kept.csv", "--annotate", code=2)
    assert "already have 'garble_score'" in result.stderr
    garble_filter("in.csv", "-o", "kept.csv")


# Encodings


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("form", [".csv", ".jsonl", ".txt"])
def test_records_in_another_encoding_are_refused_by_its_name(encoding: str, form: str) -> None:
    Path(f"in{form}").write_bytes(f'text\n{{"text": "{CLEAN}"}}\n'.encode(encoding))
    result = garble_filter(f"in{form}", "-o", f"kept{form}", code=2)
    assert f"in{form}: {encoding.upper()}; records must be UTF-8. Convert with iconv" in result.stderr


def test_lines_that_end_in_a_carriage_return_alone_are_told_of() -> None:
    Path("in.csv").write_bytes(f"id,text\r1,{CLEAN}\r".encode())
    result = garble_filter("in.csv", "-o", "kept.csv", code=2)
    assert "in.csv: no header: line endings are CR only; convert them to LF or CRLF" in result.stderr


def test_an_encoding_may_be_named() -> None:
    text = "The café in Besançon closed. Pharmacies were were told to return the bottles.\n"
    Path("a.txt").write_bytes(text.encode("cp1252"))
    assert "not UTF-8" in garble("score", "a.txt", code=2).stderr
    found = json.loads(garble("score", "a.txt", "--encoding", "cp1252", "--format", "jsonl").stdout)
    assert found["sentences"][0]["text"].startswith("The café in Besançon")
    garble("repair", "--in-place", "--encoding", "cp1252", "a.txt")
    assert Path("a.txt").read_bytes() == text.replace("were were", "were").encode("cp1252")


@pytest.mark.parametrize("name", ["klingon", "rot13", "zip", "", "a\0b"])
def test_an_encoding_that_is_none_is_one_line(name: str) -> None:
    Path("a.txt").write_text(CLEAN)
    result = garble("score", "a.txt", "--encoding", name, code=2)
    assert result.stderr.startswith("garble: unknown encoding ")
    assert result.stderr.count("\n") == 1


def test_an_encoding_may_be_guessed() -> None:
    pytest.importorskip("charset_normalizer")
    text = "Город лежит на берегу реки, и каждый день туда приходят корабли с зерном и лесом.\n" * 20
    Path("a.txt").write_bytes(text.encode("cp1251"))
    found = json.loads(garble("score", "a.txt", "--encoding", "auto", "--format", "jsonl").stdout)
    assert found["sentences"][0]["text"].startswith("Город лежит")


def test_a_guess_without_its_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.io.find_spec", lambda name: None)
    result = garble("score", "a.txt", "--encoding", "auto", code=2)
    assert result.stderr == "garble: encoding auto requires pip install 'garble-text[encodings]'\n"


# Plain errors of the command


def test_an_empty_file_in_a_folder_is_told_of_and_scored_as_empty() -> None:
    Path("texts").mkdir()
    Path("texts/a.txt").write_text(CLEAN)
    Path("texts/b.txt").write_text("\n")
    result = garble("score", "texts", "--format", "jsonl")
    assert result.stderr == "garble: texts/b.txt: empty\n"
    assert [json.loads(line)["score"] for line in result.stdout.splitlines()][1] == 0
    garble("repair", "--in-place", "texts")
    assert Path("texts/b.txt").read_text() == "\n"
    # Named by itself it is a mistake.
    assert garble("score", "texts/b.txt", code=2).stderr == "garble: texts/b.txt: empty\n"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no /dev/zero")
def test_what_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.io.MAX_TEXT_BYTES", 1000)
    assert garble("score", "/dev/zero", code=2).stderr == "garble: /dev/zero: larger than 1,000 bytes\n"
    os.symlink("/dev/zero", "in.jsonl")
    assert garble_filter("in.jsonl", "-o", "k.jsonl", code=2).stderr == (
        "garble: in.jsonl: is a device; expected a file\n"
    )


def test_a_long_name_of_a_model_is_one_short_line() -> None:
    Path("a.txt").write_text(CLEAN)
    stderr = garble("score", "a.txt", "--model", "m" * 5000, code=2).stderr
    assert stderr.startswith("garble: unknown model 'mmm")
    assert (stderr.count("\n"), len(stderr) < 200) == (1, True)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell")
@pytest.mark.parametrize("arguments", ["score a.txt", "repair a.txt", "signals", "explain repetition"])
def test_a_closed_standard_output_is_one_line(arguments: str) -> None:
    Path("a.txt").write_text(LOOPED)
    command = f'"{sys.executable}" -c "from garble.cli import main; main()" {arguments} >&-'
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (2, "garble: standard output: closed\n")


JOURNALS = [
    b"nonsense", b"[]", b"3", b"null", b"{}", b'{"progress": 3, "settings": 4}', b"[" * 100_000, b"\xff\xfe",
    b'{"settings": {}, "progress": {"input": "x", "statistics": {"histogram": []}, "problems": {}}}',
    b'{"settings": [], "progress": {"statistics": {"histogram": 1}, "problems": 3}}',
]  # fmt: skip


@pytest.mark.parametrize("content", JOURNALS)
def test_a_journal_of_nonsense_is_one_line(content: bytes) -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN]))
    Path("kept.jsonl.resume").write_bytes(content)
    result = garble_filter("in.jsonl", "-o", "kept.jsonl", "--resume", code=2)
    assert result.stderr.startswith("garble: kept.jsonl.resume: ")
    assert result.stderr.count("\n") == 1


# CSV in linear time


def test_stray_quotes_in_every_line_cost_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    from garble.filtering.formats.tables import Csv

    lines, asked = 3_000, 0
    reader = Csv._reader

    def counted(self: Csv, given: Any) -> Any:
        nonlocal asked
        asked += 1
        return reader(self, given)

    monkeypatch.setattr(Csv, "_reader", counted)
    # Each line closes the quote before it, and opens one.
    data = b"id,text\n" + b'x","\n' * lines
    Path("in.csv").write_bytes(data)
    blocks = list(format_of("in.csv", Layout()).blocks("in.csv", 0, 1, False))
    assert b"".join(raw for block in blocks for raw in [block.head, *block.raw]) == data
    assert lines < asked < 3 * lines


def test_rows_that_a_quote_joins_are_found_behind_one_that_is_never_closed() -> None:
    Path("in.csv").write_text(f'text,n\n"{CLEAN}\n{CLEAN}",1\n{CLEAN},"open\n{CLEAN},2\n')
    garble_filter("in.csv", "-o", "kept.csv", "--errors", "errors.jsonl", "--threshold", "1")
    assert Path("kept.csv").read_text() == f'text,n\n"{CLEAN}\n{CLEAN}",1\n{CLEAN},2\n'
    assert [error["line"] for error in errors()] == [4]


# What held by hand


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_is_killed_ends_the_run_in_one_line() -> None:
    Path("in.jsonl").write_bytes(json_lines([CLEAN] * 2000))
    Path("run.py").write_text(WORKER_KILLED)
    command = [sys.executable, "run.py"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.stdout.strip() == "worker died, possibly out of memory; use fewer --workers"
    assert not Path("kept.jsonl").exists()


WORKER_KILLED = """
import multiprocessing, os, signal
from garble.filtering.formats.base import Layout
from garble.filtering.plan import Plan, find_sources
from garble.filtering.run import run
if __name__ == "__main__":
    try:
        plan = Plan(find_sources(["in.jsonl"]), "kept.jsonl", layout=Layout(block=2000), reader="off")
        for step in run(plan, workers=2):
            if step.progress.records:
                for child in multiprocessing.active_children():
                    os.kill(child.pid, signal.SIGKILL)
    except ValueError as error:
        print(error)
"""


def test_eight_threads_score_as_one(scorer: Scorer) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = [f"{CLEAN} {LOOPED} {n}" for n in range(40)]
    expected = list(scorer.score_many(texts))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: Scorer(reader="off").score(text), texts)) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_score_as_this_one(method: str) -> None:
    code = (
        "import multiprocessing, sys, warnings, garble\n"
        "if __name__ == '__main__':\n"
        "    garble.score('A quiet day.')\n"
        f"    with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
        f"        print(*[report.score for report in pool.map(garble.score, [{CLEAN!r}, {LOOPED!r}])])\n"
    )
    Path("run.py").write_text(code)
    result = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, check=False, timeout=120)
    expected = [str(Scorer("en-large").score(text).score) for text in (CLEAN, LOOPED)]
    assert result.stdout.split() == expected, result.stderr


OFFLINE = """
import socket, sys
def refuse(*arguments, **named):
    raise AssertionError("a connection was opened")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refuse
from garble.cli import main
main()
"""


@pytest.mark.parametrize("arguments", [["score", "a.txt", "--stats"], ["repair", "a.txt"], ["signals"]])
def test_nothing_needs_a_network_or_a_home(arguments: list[str]) -> None:
    Path("a.txt").write_text(f"{LOOPED}\n")
    home = Path("home")
    home.mkdir()
    home.chmod(0o500)
    environment = {**os.environ, "HOME": str(home.absolute()), "XDG_CACHE_HOME": str(home.absolute() / "cache")}
    command = [sys.executable, "-c", OFFLINE, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert list(home.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("arguments", ["score a.txt", "score a.txt --format html", "repair a.txt"])
def test_a_full_disk_is_one_line_for_a_text_too(arguments: str) -> None:
    Path("a.txt").write_text(LOOPED)
    command = f'"{sys.executable}" -c "from garble.cli import main; main()" {arguments} > /dev/full'
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    said = [line for line in result.stderr.splitlines() if "unresolved" not in line]
    assert (result.returncode, said) == (2, ["garble: standard output: no space left on device"])
