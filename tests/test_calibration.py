"""A calibrated threshold keeps its promise, and its file is data that anyone may have written."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import MODEL, documents
from hypothesis import given
from hypothesis import strategies as st

from garble import calibration
from garble.calibration import Calibration, Conditions, Guarantee, Rate, Sample
from garble.cli import main
from garble.errors import GarbleError, InputError, UsageError
from garble.filtering import Prefilter
from garble.filtering.formats.base import Layout
from garble.filtering.plan import Plan, find_sources
from garble.filtering.run import run
from garble.report import Report
from garble.report.findings import Finding, ScoredSentence
from garble.scorer import Scorer

CONDITIONS = Conditions("0.1.0", "en-2", "0" * 64, "off", "auto", "auto", ())


def sample_of(documents: list[list[float]]) -> Sample:
    """Each document its sentences' scores; its own is the highest."""
    return Sample(
        documents=np.array([max(scores) for scores in documents]),
        scores=np.concatenate([np.array(scores, float) for scores in documents]),
        document=np.repeat(np.arange(len(documents)), [len(scores) for scores in documents]),
        kind=np.full(sum(map(len, documents)), "prose"),
        signals={},
        empty=0,
    )


def threshold_of(documents: list[list[float]], keep_rate: float, unit: Any, guarantee: Any = "marginal") -> float:
    """Infinite where too many score 1."""
    try:
        return calibration.calibrate(sample_of(documents), CONDITIONS, keep_rate, unit, guarantee).threshold
    except UsageError as error:
        if "score 1" not in str(error):
            raise
        return np.inf


def loss(document: list[float], threshold: float, unit: str) -> float:
    flags = [score >= threshold for score in document]
    return float(any(flags)) if unit == "document" else sum(flags) / len(flags)


# Few different scores, so that ties are the rule.
SCORES = st.lists(st.integers(0, 6).map(lambda n: n / 6), min_size=1, max_size=5)


@given(st.data())
@pytest.mark.parametrize("unit", calibration.UNITS)
def test_each_document_left_out_in_turn_the_others_keep_the_promise(unit: str, data: st.DataObject) -> None:
    # Exchangeable documents are any order of these: the mean over all of them is the guarantee, to the letter.
    keep_rate = data.draw(st.sampled_from([0.5, 0.8, 0.9]))
    least = calibration.needed(keep_rate, "marginal", 0.95)
    sample = data.draw(st.lists(SCORES, min_size=least + 1, max_size=least + 8))
    losses = [
        loss(left_out, threshold_of(sample[:i] + sample[i + 1 :], keep_rate, unit), unit)
        for i, left_out in enumerate(sample)
    ]
    assert np.mean(losses) <= 1 - keep_rate + 1e-9


@given(st.lists(SCORES, min_size=4, max_size=40))
@pytest.mark.parametrize("unit", calibration.UNITS)
def test_no_lower_threshold_keeps_the_promise(unit: str, sample: list[list[float]]) -> None:
    threshold = threshold_of(sample, 0.8, unit)
    if np.isinf(threshold):
        return
    worse = sum(loss(document, threshold - 1e-5, unit) for document in sample)
    assert (worse + 1) / (len(sample) + 1) > 0.2


@pytest.mark.parametrize(("count", "keep_rate"), [(59, 0.95), (300, 0.97)])
@pytest.mark.parametrize("unit", calibration.UNITS)
def test_a_high_probability_promise_is_broken_as_seldom_as_it_says(unit: str, count: int, keep_rate: float) -> None:
    rng = np.random.default_rng(1)
    broken = 0
    for _ in range(1000):
        # Uniform scores: a threshold t flags 1 - t of the sentences, and of documents of one sentence.
        scores = rng.random((count, 1 if unit == "document" else 3))
        threshold = threshold_of(scores.tolist(), keep_rate, unit, "high-probability")
        broken += 1 - min(threshold, 1) > 1 - keep_rate
    # Documents of one sentence come near to the one in twenty that is allowed.
    assert broken <= 70
    assert unit == "sentence" or broken >= 15


@pytest.mark.parametrize(
    ("keep_rate", "guarantee", "documents"),
    [
        (0.9, "marginal", 9),
        (0.95, "marginal", 19),
        (0.99, "marginal", 99),
        (0.999, "marginal", 999),
        # Wilks 1941.
        (0.95, "high-probability", 59),
        (0.99, "high-probability", 299),
    ],
)
@pytest.mark.parametrize("unit", calibration.UNITS)
def test_a_sample_that_is_too_small_is_said_with_what_is_needed(
    unit: Any, keep_rate: float, guarantee: Guarantee, documents: int
) -> None:
    sample = sample_of([[0.2, 0.3]] * (documents - 1))
    with pytest.raises(UsageError, match=f"requires at least {documents} documents; the sample has {documents - 1}$"):
        calibration.calibrate(sample, CONDITIONS, keep_rate, unit, guarantee)
    made = calibration.calibrate(sample_of([[0.2, 0.3]] * documents), CONDITIONS, keep_rate, unit, guarantee)
    assert made.threshold == 0.300001
    assert made.flagged == 0


def test_the_bound_beside_a_marginal_promise() -> None:
    rng = np.random.default_rng(2)
    bounds, rates = [], []
    for _ in range(1000):
        made = calibration.calibrate(sample_of(rng.random((100, 1)).tolist()), CONDITIONS, 0.97)
        bounds.append(made.at_most)
        rates.append(1 - made.threshold)
    # Two of a hundred lie above it: the upper bound of Clopper and Pearson.
    assert bounds[0] == pytest.approx(0.06162, abs=1e-5)
    assert 0.93 < np.mean(np.array(rates) <= bounds) < 0.97


@pytest.mark.parametrize(
    ("flagged", "total", "expected"),
    [
        # Documents: Clopper and Pearson.
        ([0] * 10, [1] * 10, (0, 0, 0.3085)),
        ([1] * 5 + [0] * 5, [1] * 10, (0.5, 0.1871, 0.8129)),
        ([1] * 10, [1] * 10, (1, 0.6915, 1)),
        # Nothing flagged in ten documents: so many are sure, however many sentences they have.
        ([0] * 10, [100] * 10, (0, 0, 0.3085)),
        ([0, 0], [0, 0], (0, 0, 1)),
    ],
)
def test_a_rate_has_the_interval_of_its_documents(
    flagged: list[int], total: list[int], expected: tuple[float, float, float]
) -> None:
    assert calibration.rate(np.array(flagged), np.array(total)) == pytest.approx(expected, abs=2e-3)


def test_sentences_that_are_all_flagged_in_one_document_count_as_one() -> None:
    clustered = calibration.rate(np.array([100] + [0] * 9), np.array([100] * 10))
    assert clustered == pytest.approx(calibration.rate(np.array([1] + [0] * 9), np.ones(10, int)), abs=0.03)


def test_an_interval_covers_the_rate_of_clustered_sentences() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        total = rng.integers(5, 60, 200)
        found = calibration.rate(rng.binomial(total, rng.beta(0.1, 1.9, 200)), total)
        covered += found.low <= 0.05 <= found.high
    assert covered >= 0.92 * 400


def report(score: float, *sentences: tuple[float, str, tuple[str, ...]]) -> Report:
    said = tuple(
        ScoredSentence(0, 1, "x", found, True, kind, tuple(Finding(name, 0, 1, 1.0, 1.0, "") for name in names))
        for found, kind, names in sentences
    )
    return Report(score, False, "en", 0.5, said, (), (), "")


def test_the_table_counts_documents_sentences_kinds_and_signals() -> None:
    sample = Sample.of(
        [
            report(0.9, (0.9, "prose", ("a.one", "a.two", "a.two")), (0.1, "prose", ()), (0.0, "code", ())),
            report(0.0, (0.6, "list", ("a.two",)), (0.2, "prose", ())),
            report(0.0, (0.0, "table", ())),
        ]
    )
    assert sample.empty == 1
    rows = calibration.flag_rates(sample, [0.8, 0.5])
    assert [(row.group, row.name, row.total, [rate.share for rate in row.rates]) for row in rows] == [
        ("documents", "documents", 2, [0.5, 0.5]),
        ("sentences", "sentences", 4, [0.25, 0.5]),
        ("kind", "prose", 3, [1 / 3, 1 / 3]),
        ("kind", "list", 1, [0, 1]),
        ("signal", "a.two", 4, [0.25, 0.5]),
        ("signal", "a.one", 4, [0.25, 0.25]),
    ]
    assert all(isinstance(rate, Rate) and rate.low <= rate.share <= rate.high for row in rows for rate in row.rates)


# Files.


def made(**changed: Any) -> Calibration:
    plain = {
        "threshold": 0.75, "unit": "document", "keep_rate": 0.99, "guarantee": "marginal", "confidence": 0.95,
        "documents": 99, "sentences": 990, "flagged": 0.0, "at_most": 0.03, "conditions": CONDITIONS,
    }  # fmt: skip
    return Calibration(**{**plain, **changed})


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    one = made(conditions=CONDITIONS._replace(without=("repetition", "fluency.rarity")))
    one.save(tmp_path / "one.json")
    assert calibration.load(tmp_path / "one.json") == one


HUGE = 10**400
MALFORMED = [
    ("format", "garble-scorecard/1", 'unsupported format "garble-scorecard/1"; expected garble-calibration/1'),
    ("threshold", float("nan"), "NaN is not a number"),
    ("threshold", None, "threshold: null is not a number"),
    ("threshold", True, "threshold: true is not a number"),
    ("threshold", 1.5, "threshold: 1.5 is not between 0 and 1"),
    ("threshold", HUGE, "threshold: a huge number is not between 0 and 1"),
    ("keep_rate", "0.99", 'keep_rate: "0.99" is not a number'),
    ("confidence", [], r"confidence: \[\] is not a number"),
    ("flagged", -1, "flagged: -1 is not between 0 and 1"),
    ("at_most", {}, r"at_most: {} is not a number"),
    ("documents", 0, "documents: 0 is not between 1 and"),
    ("documents", 1.5, "documents: 1.5 is not a whole number"),
    ("sentences", HUGE, "sentences: a huge number is not between 1 and"),
    ("unit", "passage", 'unit: "passage" is not one of document, sentence'),
    ("unit", [], r"unit: \[\] is not one of document, sentence"),
    ("guarantee", None, "guarantee: null is not one of marginal, high-probability"),
    ("conditions", None, "conditions: null is not an object"),
    ("conditions", {}, "missing field 'without'"),
    ("conditions.digest", "0" * 63, "conditions.digest: .* does not match"),
    ("conditions.model", "a|b", r'conditions.model: "a\|b" does not match'),
    ("conditions.reader", 1, "conditions.reader: 1 does not match"),
    ("conditions.garble", "0.1\n", "conditions.garble: .* does not match"),
    ("conditions.without", "repetition", "conditions.without: expected a list"),
    ("conditions.without", ["a"] * 1001, "conditions.without: expected a list of 0 to 1000 items"),
    ("conditions.without", [None], "conditions.without: null does not match"),
]


@pytest.mark.parametrize(("field", "value", "said"), MALFORMED, ids=lambda value: str(value)[:20])
def test_a_file_with_a_wrong_field_is_refused_in_one_line(field: str, value: Any, said: str, tmp_path: Path) -> None:
    record = json.loads(made().to_json())
    *parents, last = field.split(".")
    place = record
    for key in parents:
        place = place[key]
    place[last] = value
    (tmp_path / "bad.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=said) as error:
        Scorer(threshold=tmp_path / "bad.json", reader="off")
    assert str(error.value).startswith(f"{tmp_path / 'bad.json'}: not a calibration (")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "field", [*json.loads(made().to_json()), *(f"conditions.{name}" for name in Conditions._fields)]
)
def test_a_file_without_a_field_is_refused(field: str, tmp_path: Path) -> None:
    record = json.loads(made().to_json())
    *parents, last = field.split(".")
    del (record[parents[0]] if parents else record)[last]
    (tmp_path / "bad.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=rf"not a calibration \(missing field '{last}'\)"):
        calibration.load(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not a calibration"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe{}", "not a calibration"),
        (b"[" * 50_000, "not a calibration"),
        (b" " * 70_000, "larger than 65,536 bytes"),
    ],
)
def test_a_file_that_is_none_is_refused(raw: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(raw)
    with pytest.raises(InputError, match=said):
        Scorer(threshold=str(tmp_path / "bad.txt"), reader="off")


def test_a_file_changed_in_any_byte_is_refused_or_a_calibration(tmp_path: Path) -> None:
    rng, raw, path = np.random.default_rng(4), made().to_json().encode(), tmp_path / "changed.json"
    lines = []
    for _ in range(500):
        place = rng.integers(len(raw))
        path.write_bytes(raw[:place] + bytes([rng.integers(256)]) + raw[place + 1 :])
        try:
            assert 0 <= calibration.load(path).threshold <= 1
        except InputError as error:
            lines.append(str(error))
    assert len(lines) > 100
    assert all(len(line.splitlines()) == 1 for line in lines)


def test_a_file_that_is_missing_is_said() -> None:
    with pytest.raises(InputError, match=r"^gone\.json: no such file$"):
        Scorer(threshold="gone.json")


# Scoring.


@pytest.fixture(scope="module")
def here() -> Conditions:
    """The conditions of the scorecard of the shipped model."""
    return Scorer(reader="off").conditions


@pytest.mark.parametrize("as_given", [str, Path, calibration.load])
def test_a_scorer_takes_the_threshold_of_a_file(as_given: Any, here: Conditions, tmp_path: Path) -> None:
    made(conditions=here).save(tmp_path / "own.json")
    scorer = Scorer(threshold=as_given(tmp_path / "own.json"), reader="off")
    assert (scorer.threshold, scorer.notes) == (0.75, ())
    assert "|t:calibrated-0.75|" in scorer.score("He came home.").signature
    # It travels without the file.
    (tmp_path / "own.json").unlink()
    again = pickle.loads(pickle.dumps(scorer))
    assert (again.threshold, again.signature, again.calibration) == (0.75, scorer.signature, scorer.calibration)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"digest": "f" * 64, "model": "mine"}, r"calibrated for model mine \(ffffffff\), not en-\d+ \(\w{8}\)$"),
        ({"reader": "unsure"}, "calibrated with reader unsure, not off"),
        ({"markup": "none"}, "calibrated with markup none, not auto"),
        ({"language": "de"}, "calibrated with language de, not auto"),
        ({"without": ("fluency", "repetition.loop")}, "calibrated with without fluency, repetition.loop, not nothing"),
    ],
)
def test_a_threshold_of_other_conditions_is_refused(
    changed: dict[str, Any], said: str, here: Conditions, tmp_path: Path
) -> None:
    other = made(conditions=here._replace(**changed))
    other.save(tmp_path / "own.json")
    for threshold, name in ((other, "threshold"), (tmp_path / "own.json", str(tmp_path / "own.json"))):
        with pytest.raises(UsageError, match=said) as error:
            Scorer(threshold=threshold, reader="off")
        assert str(error.value).startswith(f"{name}: ")


def test_a_threshold_of_another_version_is_noted_in_the_report(here: Conditions) -> None:
    scorer = Scorer(threshold=made(conditions=here._replace(garble="0.0.9")), reader="off")
    (note,) = scorer.score("He came home.").notes
    assert note.startswith("threshold calibrated with garble 0.0.9")


@pytest.mark.parametrize("unit", ["document", "sentence", "passage"])
@pytest.mark.parametrize("calibrated", calibration.UNITS)
def test_a_prefilter_refuses_a_threshold_of_another_unit(unit: Any, calibrated: Any, here: Conditions) -> None:
    threshold = made(unit=calibrated, conditions=here)
    if (unit == "document") == (calibrated == "document"):
        assert Prefilter(threshold=threshold, unit=unit, reader="off").scorer.threshold == 0.75
    else:
        with pytest.raises(UsageError, match=f"threshold: calibrated for the unit {calibrated}, not {unit}"):
            Prefilter(threshold=threshold, unit=unit, reader="off")


def test_what_is_flagged_from_elsewhere_scores_alike() -> None:
    scorer = Scorer(reader="off")
    other = pickle.loads(pickle.dumps(scorer.flagging_from(0.1)))
    text = "He came home. He came came came in. The tide the tide the tide turned."
    usual, lower = scorer.score(text), other.score(text)
    assert [s.score for s in lower.sentences] == [s.score for s in usual.sentences]
    assert (lower.threshold, scorer.threshold) == (0.1, Scorer(reader="off").threshold)
    assert "|t:0.1" in lower.signature
    assert all(s.garbled == (s.score >= 0.1) for s in lower.sentences)


def test_with_a_calibrated_threshold_the_network_reads_as_the_balanced_one_has_it(here: Conditions) -> None:
    scorer = Scorer(reader="unsure")
    calibrated = Scorer(threshold=made(threshold=0.999, conditions=scorer.conditions), reader="unsure")
    texts = documents(6)
    found = [[s.score for s in report.sentences] for report in calibrated.score_many(texts)]
    assert found == [[s.score for s in report.sentences] for report in scorer.score_many(texts)]


@pytest.mark.engines
@pytest.mark.parametrize("library", ["pandas", "polars", "datasets", "datatrove"])
def test_the_adapters_take_a_calibrated_threshold(library: str, tmp_path: Path) -> None:
    module = pytest.importorskip(library)
    conditions = Scorer(reader="unsure").conditions
    # Everything is garbled from 0 on, nothing at 1.
    for threshold, is_garbled in ((0.0, True), (1.0, False)):
        path = tmp_path / f"{library}.json"
        made(threshold=threshold, conditions=conditions).save(path)
        if library in ("pandas", "polars"):
            from importlib import import_module

            adapter = import_module(f"garble.integrations.{library}")
            found = adapter.score_series(module.Series(["He came home."]), threshold=path)["garbled"].to_list()[0]
        elif library == "datasets":
            from garble.integrations.datasets import Keep

            (found,) = (not keep for keep in Keep(threshold=str(path))({"text": ["He came home."]}))
        else:
            from datatrove.data import Document

            from garble.integrations.datatrove import GarbleFilter

            (kept,) = GarbleFilter(threshold=path).filter_batch([Document("He came home.", "1")])
            found = kept is not True
        assert bool(found) == is_garbled


# The command.


def garble(*arguments: str, stdin: str = "") -> Result:
    result = CliRunner().invoke(main, arguments, input=stdin, env={"COLUMNS": "80"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of 120 documents."""
    monkeypatch.chdir(tmp_path)
    lines = (json.dumps({"body": text, "id": str(i)}) for i, text in enumerate(documents(120, seed=5)))
    Path("good.jsonl").write_text("\n".join(lines))
    return "good.jsonl"


def kept(threshold: str, *more: str) -> int:
    result = garble("filter", "good.jsonl", "--field", "body", "--threshold", threshold, "-o", "out.jsonl",
                    "--reader", "off", "--overwrite", *more)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    return len(Path("out.jsonl").read_text().splitlines())


def test_the_command_writes_a_threshold_that_filter_keeps_the_sample_by(good: str) -> None:
    result = garble("calibrate", good, "--field", "body", "--keep-rate", ".95", "--reader", "off", "-o", "own.json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "documents (120)" in result.stdout
    assert "prose (" in result.stdout
    assert "repetition.loop " in result.stdout
    assert "marginal guarantee: on average at least 95 % of documents are kept; with 95 % confidence" in result.stdout
    assert "…" not in result.stdout
    written = calibration.load(Path("own.json"))
    assert written.documents == 120
    assert 114 <= kept("own.json") == round(120 * (1 - written.flagged))
    usual = ["filter", good, "--field", "body", "--threshold", "own.json", "-o", "x.jsonl", "--reader", "off"]
    for other in (["--unit", "sentence"], ["--without", "repetition"]):
        result = garble(*usual, *other)
        assert (result.exit_code, ": calibrated " in result.stderr) == (2, True)
        assert not list(Path().glob("x.jsonl*"))


def test_the_threshold_serves_score_and_repair(good: str) -> None:
    arguments = ["calibrate", good, "--field", "body", "--keep-rate", ".9", "--unit", "sentence", "--reader", "off"]
    assert garble(*arguments, "-o", "own.json").exit_code == 0
    text = Path("a.txt")
    text.write_text("He came home. The tide the tide the tide the tide the tide turned.")
    scored = garble("score", "a.txt", "--model", "en", "--reader", "off", "--threshold", "own.json", "--format", "json")
    assert json.loads(scored.stdout)[0]["threshold"] == calibration.load(Path("own.json")).threshold
    assert garble("repair", "a.txt", "--threshold", "own.json").stdout == "He came home. The tide turned."
    refused = garble("score", "a.txt", "--threshold", "own.json")
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (2, 1)
    # What is there is replaced only when that is asked for.
    assert garble(*arguments, "-o", "own.json").stderr == "garble: own.json: exists; use --overwrite to replace it\n"


def test_a_small_sample_is_shown_and_refused(good: str) -> None:
    result = garble("calibrate", good, "--field", "body", "--keep-rate", ".999", "--reader", "off", "-o", "own.json")
    assert result.exit_code == 2
    assert "documents (120)" in result.stdout
    assert result.stderr == (
        "garble: a keep rate of 0.999 with a marginal guarantee requires at least 999 documents; the sample has 120\n"
    )
    assert not list(Path().glob("own.json*"))


def test_what_cannot_be_read_is_said_and_the_rest_is_used(good: str) -> None:
    lines = Path(good).read_text()
    Path(good).write_text(f'{lines}\n{{"body": 3}}\n{{"body": "|a|b|\\n|--|--|\\n|1|2|\\n|3|4|"}}\n')
    result = garble("calibrate", good, "--field", "body", "--keep-rate", ".9", "--reader", "off")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "garble: good.jsonl:121: field 'body' is a number, not a string",
        "garble: 1 document skipped: nothing in them is scored",
    ]
    assert "calibrated on 120 documents" in result.stdout
    for wrong in (["gone.jsonl"], [good], [good, "--field", "body", "-o", "-"], [good, "--keep-rate", "1"]):
        result = garble("calibrate", *wrong)
        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)


def test_whole_files_and_standard_input_are_samples_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good").mkdir()
    texts = documents(12, seed=7)
    for i, text in enumerate(texts):
        Path(f"good/{i:02}.md").write_text(text)
    options = ["--keep-rate", ".9", "--reader", "off"]
    files = garble("calibrate", "good", "--whole-files", *options, "--markup", "markdown")
    records = "\n".join(json.dumps({"text": text}) for text in texts)
    stream = garble("calibrate", "-", *options, "--markup", "markdown", stdin=records)
    assert files.stdout == stream.stdout
    assert "calibrated on 12 documents" in files.stdout


def test_a_plan_with_a_calibration_runs_and_goes_on(good: str, here: Conditions) -> None:
    made(conditions=here).save(Path("own.json"))
    counts = set()
    for threshold in (Path("own.json"), made(conditions=here), "own.json"):
        plan = Plan(find_sources([good]), "out.jsonl", layout=Layout("body"), threshold=threshold, reader="off")
        *_, last = run(plan, overwrite=True)
        counts.add(last.progress.statistics.counts["kept"])
    assert len(counts) == 1


def test_the_shipped_scorecard_is_what_conditions_name(here: Conditions) -> None:
    assert here.model == json.loads((MODEL / "scorecard.json").read_bytes())["name"]
    with pytest.raises(GarbleError):
        Scorer("en-large", threshold=made(conditions=here), reader="off")
