"""What people see of garble: its output, its complaints, its exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from conftest import Write
from conftest import invoke as garble
from hypothesis import given
from hypothesis import strategies as st

import garble as library
from garble import scorer as scoring
from garble.cli.readability import readability
from garble.cli.terminal import segments, visible
from garble.models import scorecard
from garble.models.store import folder_of
from garble.report import Report
from garble.report.findings import Finding, Passage, ScoredSentence
from garble.signals import ALL_SIGNALS, SIGNALS
from garble.training import train as training

LOOPED = "I want to to to to to to to go home to to to to to."
CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
ROOT = Path(__file__).parents[1]
CONTROLS = set("\x1b\x9b\u202e\u2066\x07\x7f")

TextWithSpans = tuple[str, list[tuple[int, int]]]


def garble_process(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from garble.cli import main; main()", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **options.pop("env", {})}
    return subprocess.Popen(command, env=environment, **options)


def test_help_says_which_end_of_the_scale_is_bad() -> None:
    for arguments in (["--help"], ["score", "--help"], []):
        result = garble(*arguments)
        assert result.exit_code == 0
        assert "Scores run from 0 to 1, and 1 means garbled." in result.stdout


def test_help_imports_nothing_slow() -> None:
    code = "import sys, garble.cli; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=-1, check=True, text=True)
    assert not {"numpy", "rich", "textstat", "sklearn", "garble.scorer"} & set(done.stdout.split())


def test_version() -> None:
    assert garble("--version").stdout.startswith("garble 0.")


def test_text_shows_where_and_why(write: Write) -> None:
    result = garble("score", write("a.txt", f"{CLEAN}\n\nHe agreed. {LOOPED}\n"), COLUMNS="200")
    assert result.exit_code == 0
    assert "a.txt:3:12: " in result.stdout
    assert "a.txt:1:" not in result.stdout
    assert "«" in result.stdout
    assert any(line.strip().startswith("repetition.") and "(+" in line for line in result.stdout.splitlines())


def test_findings_come_strongest_signal_first(write: Write) -> None:
    name = write("a.txt", f"{CLEAN}\n\n{LOOPED}")
    (report,) = json.loads(garble("score", "--format", "json", name).stdout)
    (sentence,) = (sentence for sentence in report["sentences"] if sentence["garbled"])
    runs = groupby(sentence["findings"], lambda finding: finding["signal"])
    added = [(signal, sum(finding["contribution"] for finding in run)) for signal, run in runs]
    assert len(added) == len(dict(added)) > 1
    assert added == sorted(added, key=lambda pair: -pair[1])


@pytest.mark.parametrize(
    ("signals", "last"),
    [(4, "s4: why (+2.00)"), (5, "s5: why (+1.00)"), (6, "and 1 weaker signal"), (8, "and 3 weaker signals")],
)
def test_text_tells_of_the_five_strongest_signals(
    write: Write, monkeypatch: pytest.MonkeyPatch, signals: int, last: str
) -> None:
    def score_many(scorer: scoring.Scorer, texts: Iterator[str], markups: object = None) -> Iterator[Report]:
        (text,) = texts
        found = (Finding(f"s{n}", 2 * n, 2 * n + 1, 1.0, 6.0 - n, "why") for n in range(1, signals + 1))
        sentence = ScoredSentence(0, len(text), text, 0.9, True, "prose", tuple(found))
        yield Report(0.9, True, "en", 0.5, (sentence,), (), (), "")

    monkeypatch.setattr(scoring.Scorer, "score_many", score_many)
    lines = garble("score", write("a.txt", "abcdefghijklmnopqrstuvwxyz")).stdout.split("\n")
    assert lines[-3:] == [f"    {last}", "", ""]
    assert lines[3].count("«") == min(signals, 5)


def test_text_calls_clean_clean(write: Write) -> None:
    lines = garble("score", write("a.txt", CLEAN)).stdout.splitlines()
    assert lines[0].startswith("✓ a.txt: clean · score 0.")
    assert "0 of 1 sentence flagged" in lines[0]
    assert "language en" in lines[0]


def test_all_shows_clean_sentences_too(write: Write) -> None:
    shown = garble("score", "--all", write("a.txt", f"{CLEAN}\n\n{LOOPED}")).stdout
    assert "a.txt:1:1: 0." in shown
    assert "approved the budget" in shown
    places = [line for line in shown.splitlines() if line.startswith("a.txt:")]
    assert [line.endswith(" flagged") for line in places] == [False, True]


def test_markup_in_a_text_is_text(write: Write) -> None:
    name = write("a.txt", "The [bold]bold[/bold] tag and [/] are markup.")
    shown = garble("score", "--all", "--threshold", "1", name).stdout
    assert "[bold]bold[/bold] tag and [/]" in shown


@pytest.mark.parametrize("form", ["text", "json", "jsonl"])
def test_nothing_in_a_text_reaches_the_terminal_raw(write: Write, form: str) -> None:
    name = write("a.txt", f"{CLEAN} It was \x1b[31mred{''.join(CONTROLS)}. {LOOPED}")
    assert not CONTROLS & set(garble("score", "--all", "--format", form, name).stdout)


@given(st.text(st.characters()))
def test_visible_is_safe_and_as_long(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    assert visible(shown) == shown
    assert not CONTROLS & set(shown)
    assert shown.encode().decode() == shown


@st.composite
def texts_with_spans(draw: st.DrawFn, longest: int) -> TextWithSpans:
    text = draw(st.text("ab ", min_size=1)) * draw(st.integers(1, longest))
    edge = st.integers(0, len(text))
    return text, draw(st.lists(st.tuples(edge, edge).map(lambda ends: (min(ends), max(ends))), max_size=4))


@given(texts_with_spans(longest=1))
def test_segments_cut_the_text_where_evidence_begins_and_ends(case: TextWithSpans) -> None:
    text, spans = case
    pieces = list(segments(text, spans))
    assert "".join(piece for piece, _ in pieces) == text
    marked = [evidence for piece, evidence in pieces for _ in piece]
    assert marked == [any(start <= place < end for start, end in spans) for place in range(len(text))]


@given(texts_with_spans(longest=500))
def test_segments_of_a_long_text_are_short(case: TextWithSpans) -> None:
    text, spans = case
    shown = "".join(piece for piece, _ in segments(text, spans))
    assert len(shown) < 2000
    assert all(part in text for part in shown.split("…"))


def test_a_long_sentence_is_shown_around_its_evidence(write: Write) -> None:
    words = ", and then we went to the station, the market and the harbour of the city" * 60
    shown = garble("score", "--threshold", "0", write("a.txt", f"We met at noon{words}{LOOPED}")).stdout
    assert "…" in shown
    assert len(shown) < 4000


@pytest.mark.parametrize("columns", [40, 100])
def test_width_is_respected(write: Write, columns: int) -> None:
    result = garble("score", "--all", write("a.txt", f"{CLEAN * 3} {LOOPED}"), COLUMNS=str(columns))
    sentences = [line for line in result.stdout.splitlines() if line.startswith("    ")]
    assert columns / 2 < max(map(len, sentences)) <= columns


def test_json_and_jsonl_hold_the_reports(write: Write) -> None:
    texts = {"b.txt": f"{CLEAN} é 😀 {LOOPED}", "a.txt": CLEAN}
    names = [write(name, text) for name, text in texts.items()]
    array = garble("score", "--format", "json", *names).stdout
    lines = garble("score", "--format", "jsonl", *names).stdout.splitlines()
    assert json.loads(array) == [json.loads(line) for line in lines]
    assert "😀" in array
    for line, name in zip(lines, names, strict=True):
        record = json.loads(line)
        assert record["file"] == name
        assert 0 <= record["score"] <= 1
        for sentence in record["sentences"]:
            assert texts[name][sentence["start"] : sentence["end"]] == sentence["text"]
    flagged = [any(sentence["garbled"] for sentence in json.loads(line)["sentences"]) for line in lines]
    assert flagged == [True, False]


def test_json_of_nothing_is_an_empty_array(write: Write) -> None:
    result = garble("score", "--format", "json", write("a.txt", ""))
    assert json.loads(result.stdout) == []


def test_csv_has_a_row_a_sentence(write: Write) -> None:
    text = f'She said "yes", twice.\n{CLEAN}\n\n{LOOPED}'
    rows = list(csv.DictReader(io.StringIO(garble("score", "--format", "csv", write("a.txt", text)).stdout)))
    assert [row["garbled"] for row in rows][-1] == "True"
    assert "repetition." in rows[-1]["signals"]
    for row in rows:
        assert text[int(row["start"]) : int(row["end"])] == row["text"]


def test_stats_are_added_on_demand(write: Write) -> None:
    name = write("a.txt", CLEAN)
    assert json.loads(garble("score", "--format", "jsonl", "--stats", name).stdout)["stats"]["words"] == 13
    assert "stats" not in json.loads(garble("score", "--format", "jsonl", name).stdout)
    assert "readability: words 13, sentences 1, ari " in garble("score", "--stats", name).stdout


def test_standard_input_is_a_file_too() -> None:
    result = garble("score", "-", stdin=b"\xef\xbb\xbf" + LOOPED.encode())
    assert "<stdin>:1:1: " in result.stdout


def test_a_bad_file_is_one_line_and_stops_nothing(write: Write) -> None:
    Path(write("bad.txt", "")).write_bytes(b"\xff")
    result = garble("score", "gone.txt", write("a.txt", LOOPED), "bad.txt", write("b.txt", CLEAN))
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "garble: gone.txt: no such file",
        "garble: bad.txt: not UTF-8: byte 0xff at offset 0 (line 1)",
    ]
    assert "a.txt:1:1: " in result.stdout
    assert "b.txt: clean" in result.stdout
    assert "\n2 files could not be read\n" in result.stdout


def test_many_files_end_in_a_summary(write: Write) -> None:
    write("texts/a.txt", LOOPED)
    write("texts/b.md", CLEAN)
    write("texts/c.txt", f"{CLEAN}\n\n{LOOPED}")
    shown = garble("score", "texts").stdout
    reports = [json.loads(line) for line in garble("score", "--format", "jsonl", "texts").stdout.splitlines()]
    garbled = [report["garbled"] for report in reports]
    passages = [bool(report["passages"]) for report in reports]
    assert passages == [True, False, True]
    assert (
        f"3 documents: {sum(garbled)} garbled, {sum(passages) - sum(garbled)} with garbled passages, 1 clean"
    ) in shown
    assert "2 of 4 sentences flagged\n" in shown
    assert "flagged sentences by signal:\n" in shown


@pytest.mark.parametrize(
    ("garbled", "passages", "words"),
    [(True, 1, "garbled"), (False, 1, "passages garbled"), (False, 0, "clean")],
)
def test_verdict(garbled: bool, passages: int, words: str) -> None:
    found = (Passage(0, 4, "to to", 0.9),) * passages
    assert Report(0.5, garbled, "en", 0.6, (), found, (), "").verdict == words


@pytest.mark.parametrize(("text", "code"), [(LOOPED, 1), (CLEAN, 0)])
def test_exit_code_on_demand(write: Write, text: str, code: int) -> None:
    name = write("a.txt", text)
    assert garble("score", name).exit_code == 0
    assert garble("score", "--exit-code", name).exit_code == code
    assert garble("score", "--exit-code", name, "gone.txt").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["score"],
        ["score", "--nonsense", "a.txt"],
        ["score", "--format", "cvs", "a.txt"],
        ["score", "--threshold", "tight", "a.txt"],
        ["score", "--threshold", "nan", "a.txt"],
        ["score", "--model", "no/such/model", "a.txt"],
        ["score", "--format", "csv", "--stats", "a.txt"],
        ["score", "-o", "no/such/folder/out.txt", "a.txt"],
        ["score", "-o", "a.txt/out.txt", "a.txt"],
        ["score", "-o", "o" * 300, "a.txt"],
        ["score", "-o", ".", "a.txt"],
        ["train", "--data", "no/such/folder", "--out", "model"],
    ],
)
def test_wrong_usage_is_one_line(write: Write, arguments: list[str]) -> None:
    write("a.txt", CLEAN)
    result = garble(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("garble: ")


def test_the_threshold_may_be_a_number(write: Write) -> None:
    name = write("a.txt", CLEAN)
    assert "0 of 1 sentence flagged" in garble("score", "--threshold", "1", name).stdout
    assert "1 of 1 sentence flagged" in garble("score", "--threshold", "0", name).stdout


def test_output_goes_to_a_file(write: Write) -> None:
    result = garble("score", "--format", "json", "-o", "out.json", write("a.txt", LOOPED))
    assert result.stdout == ""
    assert json.loads(Path("out.json").read_text("utf-8"))[0]["file"] == "a.txt"
    assert sorted(os.listdir()) == ["a.txt", "out.json"]


def test_a_run_that_fails_leaves_the_old_output(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(scorer: scoring.Scorer, texts: Iterator[str], markups: object = None) -> Iterator[Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring.Scorer, "score_many", fail)
    result = garble("score", "--format", "csv", "--overwrite", "-o", write("out.txt", "old"), write("a.txt", LOOPED))
    assert result.exit_code == 130
    assert Path("out.txt").read_text() == "old"
    assert sorted(os.listdir()) == ["a.txt", "out.txt"]


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv"])
def test_any_encoding_of_standard_output_will_do(write: Write, form: str) -> None:
    name = write("a.txt", f"é 😀 {LOOPED}")
    environment = {"PYTHONIOENCODING": "ascii"}
    with garble_process("score", "--format", form, name, stdout=-1, env=environment) as process:
        output = process.communicate()[0].decode("ascii")
    assert process.returncode == 0
    if form == "json":
        assert "é 😀" in json.loads(output)[0]["sentences"][0]["text"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are Unicode")
@pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv"])
def test_a_file_name_need_not_be_unicode(write: Write, form: str) -> None:
    name = write(os.fsdecode(b"a\xff.txt"), CLEAN)
    result = garble("score", "--format", form, name)
    assert result.exit_code == 0
    if form == "jsonl":
        assert json.loads(result.stdout)["file"] == name


def test_a_reader_may_stop_reading(write: Write) -> None:
    for number in range(300):
        write(f"texts/{number}.txt", f"{CLEAN}\n" * 10)
    with garble_process("score", "--reader", "off", "--format", "jsonl", "texts", stdout=-1, stderr=-1) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False)])
def test_color_is_for_terminals_and_can_be_refused(write: Write, no_color: str, colored: bool) -> None:
    import pty

    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm-256color", "NO_COLOR": no_color, "COLUMNS": "80"}
    with garble_process("score", write("a.txt", LOOPED), stdout=theirs, env=environment):
        os.close(theirs)
        shown = _read_all(ours)
    assert (b"\x1b[" in shown) is colored
    assert ("«".encode() in shown) is not colored


def _read_all(terminal: int) -> bytes:
    chunks = []
    # Linux raises an error where the other side has closed a pseudo-terminal.
    try:
        while chunk := os.read(terminal, 65536):
            chunks.append(chunk)
    except OSError:
        pass
    os.close(terminal)
    return b"".join(chunks)


def test_signals_lists_them_all() -> None:
    listed = json.loads(garble("signals", "--format", "json").stdout)
    assert [signal["name"] for signal in listed] == [signal.name for signal in ALL_SIGNALS]
    table = garble("signals").stdout
    assert all(signal.name in table for signal in ALL_SIGNALS)


def test_signals_lists_the_named_ones() -> None:
    listed = json.loads(garble("signals", "coherence", "repetition.loop", "--format", "json").stdout)
    assert {signal["family"] for signal in listed} == {"repetition", "coherence"}
    assert [signal["name"] for signal in listed if signal["family"] == "repetition"] == ["repetition.loop"]
    unknown = garble("signals", "repetition.lop")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "repetition.lop" in unknown.stderr
    assert garble("signals", "repetition", "--cost").exit_code == 2


@pytest.mark.parametrize("family", dict.fromkeys(signal.family for signal in ALL_SIGNALS))
def test_the_page_of_a_family_is_up_to_date(family: str) -> None:
    pages = ROOT / "docs/signals"
    assert garble("signals", family, "--format", "markdown").stdout == (pages / f"{family}.md").read_text("utf-8")
    assert f"[{family}]({family}.md)" in (pages / "README.md").read_text("utf-8")


def test_a_signal_that_no_shipped_model_weighs_is_marked_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    def marked() -> list[str]:
        listed = json.loads(garble("signals", "--format", "json").stdout)
        return [signal["name"] for signal in listed if signal["preview"]]

    cards = [scorecard.load(folder_of(model) / "scorecard.json") for model in ("en", "en-large")]
    weighed = {name for card in cards for name in card.features}
    assert marked() == [signal.name for signal in ALL_SIGNALS if weighed.isdisjoint(signal.features)]
    without = cards[0].without(["repetition.loop", "fluency.syntax.level"])
    monkeypatch.setattr(scorecard, "load", lambda path: without)
    weighed = set(without.features)
    assert "repetition.loop" in marked()
    assert marked() == [signal.name for signal in ALL_SIGNALS if weighed.isdisjoint(signal.features)]
    assert "preview:" in garble("signals").stdout
    nature = "(marks tokens; language-independent; preview)"
    assert nature in garble("signals", "repetition.loop", "--format", "markdown").stdout
    assert garble("explain", "repetition.loop").stdout.startswith(f"repetition.loop {nature}")


def test_signals_cost_tells_what_each_takes() -> None:
    listed = json.loads(garble("signals", "--cost", "--format", "json").stdout)
    assert {signal.name for signal in SIGNALS} < {cost["name"] for cost in listed}
    took = [cost["microseconds"] for cost in listed]
    assert took == sorted(took, reverse=True)
    assert sum(took) > 0
    table = garble("signals", "--cost").stdout
    assert all(signal.name in table for signal in SIGNALS)


def test_a_signal_that_is_left_out_says_nothing_and_is_told_of() -> None:
    looped = b"I want to to to to to to to go home."
    (line,) = garble("score", "-", "--format", "jsonl", "--without", "repetition", stdin=looped).stdout.splitlines()
    report = json.loads(line)
    found = {finding["signal"] for sentence in report["sentences"] for finding in sentence["findings"]}
    assert not any(name.startswith("repetition.") for name in found)
    assert report["signature"].endswith("|w:repetition|r:all")
    alone = [
        ("score", "-", "--format", "jsonl", "--reader", "off", *more) for more in ((), ("--without", "repetition"))
    ]
    whole, less = (json.loads(garble(*arguments, stdin=looped).stdout)["score"] for arguments in alone)
    assert less < whole
    assert report["notes"][0].startswith("signals disabled: repetition; threshold guarantees")


@pytest.mark.parametrize("command", [("score",), ("repair",), ("filter", "-o", "-")])
def test_a_signal_that_is_none_is_refused(command: tuple[str, ...]) -> None:
    result = garble(*command, "-", "--without", "repetition.lop", stdin=b"")
    assert result.exit_code == 2
    assert result.stderr == "garble: unknown signal repetition.lop; run garble signals for a list\n"


def test_explain_prints_the_docstring() -> None:
    for signal in ALL_SIGNALS:
        shown = garble("explain", signal.name).stdout
        assert signal.name in shown
        assert signal.doc in shown


def test_explain_takes_a_family() -> None:
    shown = garble("explain", "repetition").stdout
    assert all((signal.doc in shown) == (signal.family == "repetition") for signal in ALL_SIGNALS)


@pytest.mark.parametrize("name", ["repetition.lop", "loop", "lop"])
def test_explain_guesses_what_was_meant(name: str) -> None:
    result = garble("explain", name)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"garble: unknown signal '{name}'; did you mean repetition.loop")


def test_train_hands_on_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train_en(data: Path, out: Path, seed: int, log: Callable[[str], None], lm: Path | None) -> None:
        log(f"{data.name} {out.name} {seed}")

    monkeypatch.setattr(training, "train_en", train_en)
    result = garble("train", "--data", str(tmp_path), "--out", str(tmp_path / "model"), "--seed", "7")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"{tmp_path.name} model 7\n")


def test_train_says_what_is_wrong_with_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train_en(data: Path, out: Path, seed: int, log: Callable[[str], None], lm: Path | None) -> None:
        raise ValueError("a.jsonl:3: not JSON")

    monkeypatch.setattr(training, "train_en", train_en)
    result = garble("train", "--data", str(tmp_path), "--out", str(tmp_path))
    assert (result.exit_code, result.stderr) == (2, "garble: a.jsonl:3: not JSON\n")


def test_python_m_garble_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "garble", "--version"], stdout=-1, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, f"garble {library.__version__}\n")


def test_readability_needs_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    import nltk  # type: ignore[import-untyped]

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("readability must not download")

    monkeypatch.setattr(nltk, "download", refuse)
    figures = readability(f"{CLEAN} The extraordinary circumstances weren't foreseeable.")
    assert figures.keys() == {"words", "sentences", "ari", "coleman_liau", "lix", "rix"}
    assert (figures["words"], figures["sentences"]) == (18, 2)


@pytest.mark.parametrize("text", ["", " \n", "...", "😀", "\ud800"])
def test_readability_of_no_words_is_their_count(text: str) -> None:
    assert readability(text) == {"words": 0, "sentences": 0}


def test_readability_leaves_scripts_without_spaces_alone() -> None:
    assert readability("委员会星期二开会。通过了明年的预算。") == {}


def test_the_examples_of_the_readme_are_flagged() -> None:
    rows = re.findall(r"^\| \w+ \| .* \| (.*\*\*.*) \|$", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert len(rows) == 5
    for example in rows:
        words = example.replace("**", "")
        assert library.score(words).garbled, words


def test_the_wire_schema_is_that_of_a_report() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs/wire-schema.md").read_text("utf-8"), re.S)
    described = json.loads(example)
    text = " ".join(sentence["text"] for sentence in described["sentences"])
    assert _shape(described) == _shape(library.score(text).to_dict())


def _shape(value: Any) -> Any:
    """The names and types of a JSON value, whatever its figures; of an array's items all that occur."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        shapes = [_shape(item) for item in value]
        return [shape for number, shape in enumerate(shapes) if shape not in shapes[:number]]
    return type(value)


def test_html_is_one_page_of_all_inputs(write: Write) -> None:
    names = [write("one.txt", LOOPED), write("two & three.txt", f"{CLEAN}\n")]
    page = garble("score", "--format", "html", *names).stdout
    assert page.startswith("<!doctype html>")
    assert "one.txt" in page
    assert "two &amp; three.txt" in page
    garble("score", "--format", "html", "-o", "page.html", names[0])
    assert LOOPED.split()[0] in Path("page.html").read_text("utf-8")
    refused = garble("score", "--format", "html", "--stats", names[0])
    assert (refused.exit_code, "--stats is not supported with --format html" in refused.stderr) == (2, True)
