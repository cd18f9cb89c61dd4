"""Settings from files and the environment, comments that exclude text, and baselines."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
from conftest import Write, invoke

import garble
from garble.report import Report
from garble.scorer import Scorer
from garble.text.layout import KINDS
from garble.text.segmentation import segment

LOOPED = "I want to to to to to to to go home to to to to to."
CLEAN = "The committee met on Tuesday and approved the budget for the coming year."


def ignored(text: str, markup: str) -> list[str]:
    document = segment(text, markup)
    kinds = [KINDS[kind] for kind in document.kind.tolist()]
    spans = document.sentences.tolist()
    return [text[start:end] for kind, (start, end) in zip(kinds, spans, strict=True) if kind == "ignored"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One.\n\n<!-- garble: ignore -->\nTwo. Three.\n\nFour.", ["Two.", "Three."]),
        ("One.\n\n<!--garble:ignore-->\n\nTwo.\n\nThree.", ["Two."]),
        ("One.\n\n<!-- garble: ignore --> Two.\n\nThree.", ["Two."]),
        ("One. <!-- garble: ignore --> Two.\n\nThree.", ["One.", "Two."]),
        ("<!-- garble: ignore -->\n# Heading\n\nOne.", ["Heading"]),
        ("- One item.\n<!-- garble: ignore -->\n- Another item.\n- A third.", ["Another item."]),
        ("> One.\n>\n> <!-- garble: ignore -->\n> Two.\n\nThree.", ["Two."]),
        (
            "One.\n<!-- garble: ignore-start -->\nTwo.\n\n- Three.\n<!-- garble: ignore-end -->\nFour.",
            ["Two.", "Three."],
        ),
        ("One. <!-- garble: ignore-start --> Two. <!-- garble: ignore-end --> Three.", ["Two."]),
        ("One.\n\n<!-- garble: ignore-start -->\nTwo.\n\nThree.", ["Two.", "Three."]),
        ("One.\n\n<!-- garble: ignore-end -->\nTwo.", []),
        ("One.\n\n<!-- garble: ignore -->", []),
        ("One.\n\n<!-- garble: ignored -->\nTwo.", []),
        ("```\n<!-- garble: ignore-start -->\n```\n\nOne.", []),
        ("Write `<!-- garble: ignore-start -->` above it.\n\nOne.", []),
    ],
)
def test_comments_in_markdown_exclude_sentences(text: str, found: list[str]) -> None:
    assert ignored(text, "markdown") == found
    assert ignored(text, "text") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<p>One.</p><!-- garble: ignore --><p>Two. Three.</p><p>Four.</p>", ["Two.", "Three."]),
        ("<p>One. <!-- garble: ignore --> Two.</p><p>Three.</p>", ["One.", "Two."]),
        ("<!-- garble: ignore-start --><li>One.</li><!-- garble: ignore-end --><p>Two.</p>", ["One."]),
    ],
)
def test_comments_in_html_exclude_sentences(text: str, found: list[str]) -> None:
    assert ignored(text, "html") == found


def flagged(report: Report) -> list[str]:
    return [sentence.text for sentence in report.sentences if sentence.garbled]


def test_ignored_sentences_do_not_count() -> None:
    text = f"{CLEAN}\n\n<!-- garble: ignore -->\n{LOOPED} {LOOPED}\n"
    report = garble.score(text, markup="markdown", model="en")
    assert (report.verdict, flagged(report)) == ("clean", [])
    assert report.notes == ("sentences ignored by comments: 2",)
    assert report.score == garble.score(CLEAN, markup="markdown", model="en").score
    assert garble.score(text, markup="text", model="en").garbled
    assert flagged(garble.score(text, markup="markdown", model="en", threshold=0)) == [CLEAN]


def test_ignored_sentences_are_not_repaired() -> None:
    text = f"{CLEAN}\n\n<!-- garble: ignore -->\n{LOOPED}\n\n{LOOPED}\n"
    repaired = garble.repair(text, markup="markdown", drop_unresolved=True).text
    assert repaired.startswith(f"{CLEAN}\n\n<!-- garble: ignore -->\n{LOOPED}\n")
    assert repaired.count(LOOPED) == 1


def settings(*arguments: str, **environment: str) -> dict[str, tuple[Any, str]]:
    """What `garble config` prints: for each key the value and its source."""
    result = invoke("config", *arguments, **environment)
    assert (result.exit_code, result.stderr) == (0, "")
    values = tomllib.loads(result.stdout)
    return {
        key: (values[key], line.rpartition("  # ")[2])
        for key, line in zip(values, result.stdout.splitlines(), strict=True)
    }


def signatures(*arguments: str, stdin: str = "") -> dict[str, str]:
    """The settings that the reports of `garble score` name, by file."""
    result = invoke("score", "--format", "jsonl", *arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    reports = map(json.loads, result.stdout.splitlines())
    return {report["file"]: report["signature"].partition("|m:")[2] for report in reports}


FAST = 'model = "en"\nreader = "off"\n'


def test_without_files_the_defaults_hold(write: Write) -> None:
    assert settings() == {
        "model": ("en-large", "default"),
        "threshold": ("balanced", "default"),
        "without": ([], "default"),
        "reader": ("all", "default"),
        "language": ("auto", "default"),
        "markup": ("auto", "default"),
        "include": (["**"], "default"),
        "exclude": ([], "default"),
    }


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("garble.toml", 'threshold = "strict"', 1),
        ("garble.toml", '# A comment\n\n"threshold" = "strict"', 3),
        ("pyproject.toml", '[project]\nthreshold = "x"\n[tool.garble]\nmodel = "en"\nthreshold = "strict"', 5),
        ("pyproject.toml", '[tool]\ngarble = {threshold = "strict"}', None),
        ("pyproject.toml", 'tool.garble.threshold = "strict"', None),
    ],
)
def test_a_setting_has_the_line_of_its_file(write: Write, name: str, text: str, line: int | None) -> None:
    write(name, text)
    assert settings()["threshold"] == ("strict", f"{name}:{line}" if line else name)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"garble.toml": "a"}, "a"),
        ({"garble.toml": "a", "in/garble.toml": "b"}, "b"),
        ({"garble.toml": "a", "in/pyproject.toml": "b"}, "b"),
        ({"garble.toml": "a", "in/pyproject.toml": None}, "a"),
        ({"in/garble.toml": "a", "in/pyproject.toml": "b"}, "a"),
        ({"in/other/garble.toml": "a"}, "auto"),
        ({"in/garble.toml": ""}, "auto"),
        ({"garble.toml": "a", "in/garble.toml": ""}, "auto"),
    ],
)
def test_the_nearest_file_upwards_counts(write: Write, files: dict[str, str | None], found: str) -> None:
    """Values: the language that a file sets, "" for an empty file, None for a file without [tool.garble]."""
    write("in/a.txt", CLEAN)
    for name, language in files.items():
        key = f'language = "{language}"\n' if language else ""
        header = "" if name.endswith("garble.toml") else "[tool.black]\n" if language is None else "[tool.garble]\n"
        write(name, header + key)
    assert settings("in/a.txt")["language"][0] == found


def test_options_beat_the_environment_and_that_the_file(write: Write) -> None:
    write("garble.toml", 'threshold = "strict"\nwithout = ["fluency"]\nmodel = "en"')
    assert settings()["threshold"] == ("strict", "garble.toml:1")
    environment = {"GARBLE_THRESHOLD": ".5", "GARBLE_WITHOUT": "repetition coherence"}
    found = settings("--without", "characters", **environment)
    assert found["model"] == ("en", "garble.toml:3")
    assert found["threshold"] == (".5", "environment variable GARBLE_THRESHOLD")
    assert found["without"] == (["characters"], "command line")
    assert settings(**environment)["without"][0] == ["repetition", "coherence"]
    assert settings("--isolated", **environment)["model"] == ("en-large", "default")
    assert settings("--threshold", "balanced")["threshold"] == ("balanced", "command line")


@pytest.mark.parametrize(
    ("glob", "path", "found"),
    [
        ("a.md", "a.md", True),
        ("a.md", "docs/a.md", True),
        ("*.md", "docs/more/a.md", True),
        ("*.md", "a.txt", False),
        ("docs", "docs/more/a.md", True),
        ("docs/", "more/docs/a.md", True),
        ("./docs", "more/docs/a.md", False),
        ("docs/*", "docs/more/a.md", True),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/more/a.md", False),
        ("docs/*.md", "more/docs/a.md", False),
        ("docs/**/*.md", "docs/a.md", True),
        ("docs/**/*.md", "docs/more/and/a.md", True),
        ("**/docs/*.md", "more/docs/a.md", True),
        ("**", "docs/a.md", True),
        ("do?s/[ab].md", "docs/a.md", True),
        ("do?s/[ab].md", "docs/c.md", False),
        ("doc", "docs/a.md", False),
        ("docs/**", "docs/a.md", True),
        ("docs/**", "docs", False),
        (".", "docs/a.md", True),
        ("docs/a.md/b", "docs/a.md", False),
    ],
)
def test_globs(write: Write, glob: str, path: str, found: bool) -> None:
    write("garble.toml", f"[[overrides]]\npaths = [{json.dumps(glob)}]\nlanguage = 'de'")
    assert settings(write(path, CLEAN))["language"][0] == ("de" if found else "auto")


def test_each_file_is_scored_with_its_settings(write: Write) -> None:
    for name in ("a.md", "docs/b.md", "docs/legal/c.md", "other/d.md"):
        write(name, CLEAN)
    write("garble.toml", f"{FAST}[[overrides]]\npaths = ['docs']\nthreshold = 0.25\n[[overrides]]\npaths = ['legal']\n"
          "threshold = 'strict'\nwithout = ['coherence']\n")  # fmt: skip
    write("other/pyproject.toml", "[tool.garble]\nmodel = 'en'\nreader = 'off'\nlanguage = 'de'")
    name = signatures("a.md")["a.md"].partition("|")[0]
    assert signatures(".", "a.md") == {
        "a.md": f"{name}|t:balanced|r:off",
        "docs/b.md": f"{name}|t:0.25|r:off",
        "docs/legal/c.md": f"{name}|t:strict|w:coherence|r:off",
        "other/d.md": f"{name}|t:balanced|r:off|l:de",
    }
    assert signatures("docs", "--threshold", "loose")["docs/b.md"] == f"{name}|t:loose|r:off"
    assert signatures("-", stdin=CLEAN) == {"<stdin>": f"{name}|t:balanced|r:off"}


def test_config_names_the_file_for_all_texts(write: Write) -> None:
    write("garble.toml", "threshold = 'strict'")
    write("in/a.txt", CLEAN)
    other = write("other/settings.toml", f"{FAST}threshold = 'loose'\n[[overrides]]\npaths = ['../in']\nlanguage='de'")
    assert settings("in/a.txt", "--config", other)["threshold"] == ("loose", f"{other}:3")
    assert signatures("in/a.txt", "--config", other)["in/a.txt"].endswith("|t:loose|r:off|l:de")
    write("pyproject.toml", "[tool.black]")
    for arguments, message in [
        (["--config", "gone.toml"], "gone.toml: no such file"),
        (["--config", "pyproject.toml"], "pyproject.toml: no table [tool.garble]"),
        (["--config", other, "--isolated"], "--config and --isolated are mutually exclusive (see garble score --help)"),
    ]:
        result = invoke("score", "in/a.txt", *arguments)
        assert (result.exit_code, result.stderr) == (2, f"garble: {message}\n")


def test_files_in_folders_can_be_excluded(write: Write) -> None:
    for name in ("a.md", "b.txt", "docs/c.md", "docs/old/d.md", "vendor/e.md"):
        write(name, CLEAN)
    write("garble.toml", f"{FAST}include = ['*.md']\nexclude = ['vendor', 'docs/old/*']")
    assert list(signatures(".")) == ["a.md", "docs/c.md"]
    assert list(signatures("b.txt", "vendor/e.md", "docs")) == ["b.txt", "vendor/e.md", "docs/c.md"]
    for command in (["score"], ["repair", "--diff"]):
        result = invoke(*command, "vendor")
        message = "garble: all files are excluded by the configuration; see garble config\n"
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", message)


def test_paths_are_relative_to_the_file(write: Write) -> None:
    model = json.dumps(os.path.relpath(Path(__file__).parents[1] / "models" / "en", "in"))
    write("in/garble.toml", f'model = {model}\nreader = "off"\nthreshold = "calibrated.json"')
    write("in/a.txt", CLEAN)
    write("in/calibrated.json", "{}")
    result = invoke("score", "in/a.txt")
    assert result.exit_code == 2
    assert f"in{os.sep}calibrated.json: not a calibration" in result.stderr
    assert signatures("in/a.txt", "--threshold", "loose")["in/a.txt"].endswith("|t:loose|r:off")


def test_repair_filter_and_calibrate_read_the_settings(write: Write) -> None:
    write("garble.toml", f"{FAST}without = ['repetition']\n[[overrides]]\npaths = ['in']\nwithout = []")
    text = f"{CLEAN} Pharmacies were were told to return the bottles.\n"
    write("in/a.txt", text)
    write("b.txt", text)
    assert invoke("repair", "b.txt").stdout == text
    assert invoke("repair", "b.txt", "--isolated").stdout == text.replace("were were", "were")
    assert invoke("repair", "in/a.txt").stdout == text.replace("were were", "were")
    for arguments, disabled in [([], True), (["--isolated"], False)]:
        invoke("filter", "in/a.txt", "-o", "out.txt", "--overwrite", "--report", "counts.json", *arguments)
        signature = json.loads(Path("counts.json").read_text("utf-8"))["signature"]
        assert ("|w:repetition|r:off" in signature) is disabled
    invoke("calibrate", "b.txt", "--keep-rate", ".5", "--overwrite", "-o", "calibrated.json")
    conditions = json.loads(Path("calibrated.json").read_text("utf-8"))["conditions"]
    assert (conditions["without"], conditions["reader"]) == (["repetition"], "off")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("treshold = 'strict'", "unknown key 'treshold'; did you mean 'threshold'?"),
        (
            "zebra = 1",
            "unknown key 'zebra'; supported: model, threshold, without, reader, language, markup, include, exclude, "
            "overrides",
        ),
        ("threshold = true", "threshold: expected a string or a number, got a boolean"),
        ("threshold = 2024-01-01", "threshold: expected a string or a number, got a date or time"),
        ("model = 1", "model: expected a string, got a number"),
        ("language = ['en']", "language: expected a string, got an array"),
        ("without = 'fluency'", "without: expected an array of strings, got 'fluency'"),
        ("exclude = [1]", "exclude: expected an array of strings, got an array"),
        ("reader = 'some'", "reader: expected one of all, unsure, off, got 'some'"),
        ("reader = []", "reader: expected one of all, unsure, off, got an array"),
        ("overrides = 1", "overrides: expected an array of tables"),
        ("[[overrides]]\nreader = 'off'", "overrides: missing key 'paths'"),
        ("[[overrides]]\npath = ['a']", "unknown key 'path' in overrides; did you mean 'paths'?"),
        ("[[overrides]]\npaths = 'a'", "paths: expected an array of strings, got 'a'"),
        ("[[overrides]]\npaths = ['a']\nmodel = {}", "model: expected a string, got a table"),
        ("[[overrides]]\npaths = ['a']\nexclude = []", None),
        ("model = ", None),
        ("a = " + "[" * 100_000, None),
        ("a = " + "1" * 10_000, None),
    ],
)
@pytest.mark.parametrize("table", ["", "[tool.garble]\n"])
def test_a_wrong_file_is_one_line(write: Write, text: str, message: str | None, table: str) -> None:
    text = text.replace("[[", "[[tool.garble.") if table else text
    name = write("pyproject.toml" if table else "garble.toml", table + text)
    for command in (["score", "-"], ["repair", "-"], ["filter", "-", "-o", "-"], ["config"]):
        result = invoke(*command)
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"garble: {name}: ")
        assert message is None or line == f"garble: {name}: {message}"


def test_a_table_must_be_one(write: Write) -> None:
    write("pyproject.toml", "[tool]\ngarble = 1")
    assert invoke("config").stderr == "garble: pyproject.toml: tool.garble: expected a table, got a number\n"
    write("pyproject.toml", "tool = 1")
    assert settings()["model"] == ("en-large", "default")
    Path("garble.toml").write_bytes(b"model = '\xff'")
    assert invoke("config").stderr == "garble: garble.toml: not UTF-8\n"


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        ("threshold = 'tight'", {}, "garble.toml:3: unknown threshold 'tight'; "),
        ("threshold = 2", {}, "garble.toml:3: unknown threshold '2'; "),
        ("language = 'english'", {}, "garble.toml:3: no language 'english': "),
        ("without = ['loop']", {}, "garble.toml:3: unknown signal loop; "),
        ("", {"GARBLE_MODEL": "gone"}, "environment variable GARBLE_MODEL: unknown model 'gone'; "),
        ("", {"GARBLE_READER": "some"}, "Invalid value for '--reader' (env var: 'GARBLE_READER'): "),
    ],
)
def test_a_wrong_value_is_one_line_with_its_source(
    write: Write, text: str, environment: dict[str, str], message: str
) -> None:
    write("garble.toml", FAST + text)
    for command in (["score", "-"], ["filter", "-", "-o", "-"]):
        result = invoke(*command, **environment)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"garble: {message}")
        assert result.stderr.count("\n") == 1


def test_a_glob_takes_no_long_time(write: Write) -> None:
    write("garble.toml", f"[[overrides]]\npaths = ['{'**/a/' * 100}b']\nlanguage = 'de'")
    assert settings(write("a/" * 100 + "a.md", CLEAN))["language"][0] == "auto"


def test_the_example_of_the_documentation_holds(write: Write) -> None:
    page = (Path(__file__).parents[1] / "docs/configuration.md").read_text("utf-8")
    example = re.findall(r"```(?:toml)?\n(.*?)```", page, re.DOTALL)
    write("pyproject.toml", example[0])
    command, shown = example[1].split("\n", 1)
    write(command.split()[-1], CLEAN)
    assert invoke(*command.split()[2:]).stdout == shown


def test_config_wants_a_path_that_exists(write: Write) -> None:
    result = invoke("config", "gone")
    assert (result.exit_code, result.stderr) == (2, "garble: gone: no such file or folder\n")


OTHER = "We we we we we went went went went to the the the the the market market market."


def new_sentences(*arguments: str) -> dict[str, list[str]]:
    """The flagged sentences that `garble score` reports with the baseline, by file."""
    result = invoke("score", "--baseline", "known/base.json", "--format", "jsonl", *arguments)
    assert result.exit_code == 0, result.stderr
    reports = list(map(json.loads, result.stdout.splitlines()))
    return {report["file"]: [s["text"] for s in report["sentences"] if s["garbled"]] for report in reports}


@pytest.fixture
def baseline(write: Write) -> Write:
    """As `write`, with a baseline of a.txt and in/b.txt, which have one garbled sentence each."""
    write("garble.toml", FAST)
    write("a.txt", f"{CLEAN}\n\n{LOOPED}\n")
    write("in/b.txt", f"{LOOPED} {CLEAN}\n")
    Path("known").mkdir()
    result = invoke("score", "--write-baseline", "known/base.json", "a.txt", "in")
    assert (result.exit_code, result.stderr) == (0, "garble: known/base.json: 2 flagged sentences recorded\n")
    return write


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{CLEAN}\n\n{LOOPED}\n", []),
        (f"{LOOPED}\n\nAnother line was added.\n\n{CLEAN}\n", []),
        (f"{CLEAN} {LOOPED.replace(' go ', chr(10) + 'go ')}", []),
        (LOOPED, []),
        (CLEAN, []),
        (f"{CLEAN}\n\n{LOOPED}\n\n{OTHER}", [OTHER]),
        (f"{CLEAN}\n\n{LOOPED}\n\n{CLEAN}\n\n{LOOPED}\n", [LOOPED]),
        (f"{CLEAN}\n\n{LOOPED.replace('go', 'come')}\n", [LOOPED.replace("go", "come")]),
    ],
)
def test_a_baseline_leaves_only_new_sentences(baseline: Write, text: str, found: list[str]) -> None:
    baseline("a.txt", text)
    assert new_sentences("a.txt", "in") == {"a.txt": found, os.path.join("in", "b.txt"): []}
    result = invoke("score", "--exit-code", "--baseline", "known/base.json", "a.txt")
    assert result.exit_code == bool(found)
    assert ("a.txt: clean" in result.stdout) is not bool(found)
    assert f"{len(found)} of" in result.stdout


def test_a_baseline_is_of_files_relative_to_it(baseline: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline("c.txt", LOOPED)
    assert new_sentences("c.txt", os.path.abspath("a.txt")) == {"c.txt": [LOOPED], os.path.abspath("a.txt"): []}
    files = json.loads(Path("known/base.json").read_text("utf-8"))["files"]
    assert list(files) == ["../a.txt", "../in/b.txt"]
    monkeypatch.chdir("in")
    assert invoke("score", "--exit-code", "--baseline", "../known/base.json", "b.txt", "../a.txt").exit_code == 0


def test_known_and_ignored_sentences_are_counted(baseline: Write) -> None:
    baseline("c.md", f"{CLEAN}\n\n<!-- garble: ignore -->\n{LOOPED}\n")
    shown = invoke("score", "--baseline", "known/base.json", "a.txt", "in", "c.md").stdout
    assert "note: flagged sentences in the baseline: 1\n" in shown
    assert "note: sentences ignored by comments: 1\n" in shown
    assert "0 of 6 sentences flagged\n2 flagged sentences in the baseline\n1 sentence ignored by comments\n" in shown


def test_a_document_without_flagged_sentences_can_be_known(baseline: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def score_many(scorer: Scorer, texts: Iterator[str], markups: object = None) -> Iterator[Report]:
        yield from (Report(0.9, True, "en", 0.5, (), (), (), "", text=text) for text in texts)

    monkeypatch.setattr(Scorer, "score_many", score_many)
    baseline("c.txt", CLEAN)
    assert invoke("score", "--exit-code", "c.txt", "--baseline", "known/base.json").exit_code == 1
    invoke("score", "c.txt", "--write-baseline", "known/base.json", "--overwrite")
    result = invoke("score", "--exit-code", "c.txt", "--baseline", "known/base.json")
    assert (result.exit_code, "note: document in the baseline" in result.stdout) == (0, True)


def test_a_baseline_is_complete_if_the_output_is_not_read(write: Write) -> None:
    write("garble.toml", FAST)
    for number in range(100):
        write(f"in/{number}.txt", f"{CLEAN}\n\n{LOOPED}\n\n" * 5)
    arguments = ["score", "--format", "jsonl", "--write-baseline", "base.json", "in"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with Popen([sys.executable, "-m", "garble", *arguments], env=environment, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        message = process.stderr.read().decode()
    assert process.returncode == 0
    files = json.loads(Path("base.json").read_text("utf-8"))["files"].values()
    assert len(files) == 100
    recorded = sum(sum(file["sentences"].values()) for file in files)
    assert message == f"garble: base.json: {recorded} flagged sentences recorded\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "gone.json"], "gone.json: no such file"),
        (["--baseline", "a.txt"], "a.txt: not a baseline ("),
        (
            ["--baseline", "old.json"],
            'old.json: not a baseline (unsupported format "other"; expected garble-baseline/1)',
        ),
        (["--baseline", "wrong.json"], "wrong.json: not a baseline (a.txt: sentences: -1 is not between "),
        (["--write-baseline", "known/base.json"], "known/base.json: exists; use --overwrite to replace it"),
        (["--write-baseline", "-"], "--write-baseline must be a file; "),
        (["--baseline", "a", "--write-baseline", "b"], "--baseline and --write-baseline are mutually exclusive "),
    ],
)
def test_a_wrong_baseline_is_one_line(baseline: Write, arguments: list[str], message: str) -> None:
    baseline("old.json", '{"format": "other"}')
    files = {"a.txt": {"garbled": True, "sentences": {"0123456789abcdef": -1}}}
    baseline("wrong.json", json.dumps({"format": "garble-baseline/1", "files": files}))
    result = invoke("score", "a.txt", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"garble: {message}")
    assert result.stderr.count("\n") == 1
