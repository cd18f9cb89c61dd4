"""Signals and models of other packages, found by their entry points."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result
from conftest import MODEL
from test_lm import model as tiny_model  # noqa: F401

from garble.cli import main
from garble.columns.lm import LanguageModel
from garble.errors import GarbleError, ModelError, UsageError
from garble.models import scorecard, store
from garble.scorer import Scorer
from garble.signals import NETWORK_FEATURES, extract, plugins, select_signals, signals_of
from garble.text.segmentation import segment

ROOT = Path(__file__).parent.parent
PLACEHOLDER = "The mayor of [insert city] opened the new bridge."
CLEAN = "The tide turned at noon."

SIGNALS = dedent('''
    """Signals that find one word each."""

    import numpy as np

    from garble.signals.base import Survey, marks, measures, weighs


    def _is(batch, word):
        words = zip(batch.starts.tolist(), batch.ends.tolist())
        return np.array([batch.text[start:end] == word for start, end in words], bool)


    def _shares(batch, word):
        return np.array([text.count(word) for text in batch.text.split("\\u2029")[: len(batch)]], float)


    @marks("tokens", "“{span}” is a zig")
    def zig(batch):
        """Zigs."""
        return _is(batch, "zig")


    @weighs("“{span}” is a zag", prose=True)
    def zag(batch):
        """Zags."""
        return 9.0 * _is(batch, "zag")


    @measures("zogs", survey=Survey(lambda batch: (_shares(batch, "zog"),), lambda shares: shares))
    def zog(batch, shares):
        """Zogs."""
        return shares


    @marks("tokens", "network", needs=("network",))
    def zug(batch):
        """Zugs."""
        return batch.predictions.unlikely > 2
''')


def install(
    folder: Path, name: str, files: Mapping[str, str], entries: Mapping[str, Mapping[str, str]], version: str = "1.0"
) -> Path:
    """An installed package, as pip leaves it: modules and metadata in a folder of the import path."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, "utf-8")
    metadata = folder / f"{name}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        line for group, items in entries.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in items.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def zigzag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installed package with three signals."""
    entries = {f"zigzag.{name}": f"zigs.zigzag:{name}" for name in ("zig", "zag", "zog")}
    files = {"zigs/__init__.py": "", "zigs/zigzag.py": SIGNALS}
    return install(tmp_path_factory.mktemp("zigs"), "zigs", files, {plugins.GROUP: entries})


@pytest.fixture
def with_zigzag(zigzag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(zigzag)
    signals_of.cache_clear()


def write_model(folder: Path, lm: LanguageModel, added: tuple[str, ...] = ()) -> Path:
    """The shipped scorecard, without its network, with more features that count 5 for each unit."""
    record = json.loads((MODEL / "scorecard.json").read_bytes())
    del record["files"], record["network"]
    record["features"] = [feature for feature in record["features"] if feature["name"] not in NETWORK_FEATURES]
    count = len(record["features"][0]["knots"])
    steps = [float(step) for step in range(count)]
    record["features"] += [{"name": name, "knots": steps, "weights": [5 * step for step in steps]} for name in added]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scorecard.json").write_text(json.dumps(record))
    lm.save(folder / "lm.npz")
    return folder


FEATURES = ("zigzag.zig", "zigzag.zag.level", "zigzag.zag.worst", "zigzag.zog")


# Signals.


@pytest.mark.usefixtures("with_zigzag")
@pytest.mark.parametrize(("word", "evidence"), [("zig", "zig"), ("zag", "zag"), ("zog", "The zog turned at noon.")])
def test_a_signal_of_a_plugin_is_in_the_findings(
    word: str,
    evidence: str,
    tmp_path: Path,
    tiny_model: LanguageModel,  # noqa: F811
) -> None:
    scorer = Scorer(write_model(tmp_path / "model", tiny_model, FEATURES), threshold=0.0)
    text = f"The {word} turned at noon."
    findings = [finding for finding in scorer.score(text).sentences[0].findings if finding.signal.startswith("zigzag")]
    assert [finding.signal for finding in findings] == [f"zigzag.{word}"]
    assert text[findings[0].start : findings[0].end] == evidence
    assert findings[0].reason == {"zig": "“zig” is a zig", "zag": "“zag” is a zag", "zog": "zogs"}[word]
    assert findings[0].contribution > 0


@pytest.mark.usefixtures("with_zigzag")
def test_a_signal_of_a_plugin_can_be_disabled(tmp_path: Path, tiny_model: LanguageModel) -> None:  # noqa: F811
    folder = write_model(tmp_path / "model", tiny_model, FEATURES)
    assert Scorer(folder, without=["zigzag.zag"]).card.features[-2:] == ("zigzag.zig", "zigzag.zog")
    plain = Scorer(write_model(tmp_path / "plain", tiny_model), threshold=0.5)
    without = Scorer(folder, without=["zigzag"], threshold=0.5)
    text = f"The zig zag zog turned at noon. {CLEAN}"
    assert [s.score for s in without.score(text).sentences] == [s.score for s in plain.score(text).sentences]
    assert without.score(text).notes == ("signals disabled: zigzag; threshold guarantees do not apply",)


@pytest.mark.usefixtures("with_zigzag")
def test_a_signal_for_prose_is_off_in_headings(tmp_path: Path, tiny_model: LanguageModel) -> None:  # noqa: F811
    scorer = Scorer(write_model(tmp_path / "model", tiny_model, FEATURES), threshold=0.0, markup="markdown")
    found = {f.signal for s in scorer.score("# The zig zag\n\nIt is a day.\n").sentences for f in s.findings}
    assert "zigzag.zig" in found
    assert "zigzag.zag" not in found


@pytest.mark.usefixtures("with_zigzag")
def test_a_signal_of_a_plugin_changes_no_shipped_feature(english: LanguageModel) -> None:
    from garble.columns.batch import Batch
    from garble.signals import SIGNALS as SHIPPED

    batch = Batch.of([segment(f"The zig turned. {PLACEHOLDER}")], english)
    both = extract(batch, signals=(*SHIPPED, *plugins.installed()))
    assert (both.features == extract(batch).features).all()
    assert both.column("zigzag.zig").tolist() == [0.25, 0.0]


def test_a_missing_signal_is_named_in_one_line(tmp_path: Path, tiny_model: LanguageModel) -> None:  # noqa: F811
    folder = write_model(tmp_path / "model", tiny_model, ("zigzag.zeg",))
    with pytest.raises(ModelError) as caught:
        Scorer(folder)
    assert str(caught.value) == f"{folder}: requires signals that are not installed: zigzag.zeg"


@pytest.mark.usefixtures("with_zigzag")
def test_a_statistic_that_a_signal_lacks_is_named(tmp_path: Path, tiny_model: LanguageModel) -> None:  # noqa: F811
    folder = write_model(tmp_path / "model", tiny_model, ("zigzag.zig", "zigzag.zig.level"))
    with pytest.raises(ModelError, match=r"requires signals that are not installed: zigzag\.zig\.level$"):
        Scorer(folder)


def test_the_signature_depends_on_the_version_of_the_plugin(
    tmp_path: Path,
    tiny_model: LanguageModel,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {"zigs/__init__.py": "", "zigs/zigzag.py": SIGNALS}
    signatures = set()
    for version in ("1.0", "1.1", "1.1"):
        with monkeypatch.context() as patch:
            site = tmp_path / f"{version}-{len(signatures)}"
            patch.syspath_prepend(
                install(site, "zigs", files, {plugins.GROUP: {"zigzag.zig": "zigs.zigzag:zig"}}, version)
            )
            store._load.cache_clear()
            signatures.add(Scorer(write_model(tmp_path / "model", tiny_model, ("zigzag.zig",))).signature)
    assert len(signatures) == 2


@pytest.mark.parametrize(
    ("entry", "value", "problem"),
    [
        ("a.zig", "nowhere:zig", "nowhere:zig cannot be imported (ModuleNotFoundError: No module named 'nowhere')"),
        ("a.zig", "zigs.zigzag:none", "AttributeError: module 'zigs.zigzag' has no attribute 'none'"),
        ("a.zig", "zigs.zigzag:np", "zigs.zigzag:np is not a signal; use the decorators of garble.signals.base"),
        ("a.zig", "zigs.zigzag:zig", "the entry point must have the name of the signal, zigzag.zig"),
        ("zigzag.zug", "zigs.zigzag:zug", "signals of plugins cannot use the network"),
    ],
)
@pytest.mark.usefixtures("with_zigzag")
def test_a_broken_plugin_is_named_in_one_line(
    entry: str, value: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, "broken", {}, {plugins.GROUP: {entry: value}}))
    with pytest.raises(UsageError) as caught:
        plugins.named([entry])
    assert str(caught.value).startswith(f"plugin broken 1.0: {entry}: ")
    assert problem in str(caught.value)
    # Plugins that are not asked for are not imported.
    assert [signal.name for signal in plugins.named(["zigzag.zag"])] == ["zigzag.zag"]
    result = run("signals", "--plugins")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("with_zigzag")
def test_a_name_in_two_packages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, "again", {}, {plugins.GROUP: {"zigzag.zig": "zigs.zigzag:zig"}}))
    with pytest.raises(
        UsageError, match=r"^signal zigzag.zig is in several packages: (zigs|again) 1.0, (zigs|again) 1.0$"
    ):
        plugins.named(["zigzag"])


# The list of signals.


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.usefixtures("with_zigzag")
def test_signals_lists_plugins_only_when_asked() -> None:
    assert "zigzag" not in run("signals").stdout
    listed = json.loads(run("signals", "--plugins", "--format", "json").stdout)
    assert [row["name"] for row in listed[-3:]] == ["zigzag.zag", "zigzag.zig", "zigzag.zog"]
    assert {row["preview"] for row in listed[-3:]} == {False}
    assert run("signals", "zigzag").stdout.splitlines()[1].split() == ["zigzag.zag", "weighs", "Zags."]
    assert run("explain", "zigzag.zig").stdout == "zigzag.zig (marks tokens; language-independent)\n\nZigs.\n"
    assert run("signals", "zigzag.zeg").stderr == "garble: unknown signal 'zigzag.zeg'; run garble signals for a list\n"
    assert run("signals", "--cost", "--plugins").exit_code == 2


@pytest.mark.usefixtures("with_zigzag")
def test_signals_of_plugins_are_selected_by_name_and_family() -> None:
    assert [signal.name for signal in select_signals(["zigzag.zig", "repetition.loop"])] == [
        "repetition.loop",
        "zigzag.zig",
    ]
    assert len(select_signals(["zigzag"])) == 3
    with pytest.raises(UsageError, match=r"unknown signal zigzag\.zeg;"):
        select_signals(["zigzag.zig", "zigzag.zeg"])


# Models.


def test_a_model_of_a_plugin_is_found_by_name(
    tmp_path: Path,
    tiny_model: LanguageModel,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = install(tmp_path / "site", "tinies", {"tinies/__init__.py": ""}, {store.GROUP: {"tiny": "tinies.tiny"}})
    folder = write_model(site / "tinies" / "tiny", tiny_model)
    with pytest.raises(ModelError, match="unknown model 'tiny'; expected an included model, one of a plugin, or"):
        Scorer("tiny")
    monkeypatch.syspath_prepend(site)
    assert Path(store.folder_of("tiny")) == folder
    assert Scorer("tiny").signature == Scorer(folder).signature
    text = f"{CLEAN} It is is a day."
    assert Scorer("tiny").score(text) == Scorer(folder).score(text)
    # The files are checked like those of any model.
    card = scorecard.load(folder / "scorecard.json").sealed(folder)
    card.save(folder / "scorecard.json")
    assert Scorer("tiny").card.files
    (folder / "lm.npz").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="SHA-256"):
        Scorer("tiny")


def test_included_models_and_paths_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, "shadow", {}, {store.GROUP: {"en": "nowhere", "mine": "nowhere"}}))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "scorecard.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert store.folder_of("en").samefile(MODEL)
    assert store.folder_of("mine") == Path("mine")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("nowhere", "model 'tiny': nowhere is not a package folder with a scorecard.json"),
        ("nowhere.tiny", "model 'tiny': nowhere.tiny cannot be imported (No module named 'nowhere')"),
        ("json", "model 'tiny': json is not a package folder with a scorecard.json"),
    ],
)
def test_a_model_that_is_not_there_is_named_in_one_line(
    value: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, "tinies", {}, {store.GROUP: {"tiny": value}}))
    with pytest.raises(GarbleError) as caught:
        Scorer("tiny")
    assert str(caught.value) == problem


# The example, installed by pip and used from other processes.


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that examples/plugin is installed in."""
    pytest.importorskip("hatchling", reason="builds the example")
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(ROOT / "examples" / "plugin", folder / "source")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    target = ["--target", str(folder / "site"), str(folder / "source")]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *target], check=True)
    return folder / "site"


def python(*arguments: str, path: Path | None = None, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python with garble, and `path`, on its import path."""
    paths = [str(ROOT), *([str(path)] if path else []), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], input=text, capture_output=True, encoding="utf-8", env=environment
    )


@pytest.fixture(scope="module")
def trained(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt the weight of the example's signal from sentences with and without placeholders."""
    records = []
    for line in (ROOT / "seeds" / "clean.jsonl").read_text("utf-8").splitlines()[:40]:
        seed = json.loads(line)
        for number, sentence in enumerate(segment(seed["text"]).slices()):
            words = sentence.split()
            damaged = " ".join([*words[:2], "[insert name]", *words[2:]])
            records.append({"text": damaged if number % 2 else sentence, "label": number % 2, "doc": seed["id"]})
    folder = tmp_path_factory.mktemp("trained")
    (folder / "labels.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    options = ["--data", str(folder / "labels.jsonl"), "--out", str(folder / "model"), "--signals", "template"]
    done = python("garble", "train", *options, path=example)
    assert done.returncode == 0, done.stderr
    return folder / "model"


def test_the_tests_of_the_example_pass(example: Path) -> None:
    done = python("pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "examples" / "plugin"), path=example)
    assert done.returncode == 0, done.stdout


def test_a_model_trained_with_the_example_reports_its_signal(example: Path, trained: Path) -> None:
    assert "template.placeholder" in scorecard.load(trained / "scorecard.json").features
    score = ["garble", "score", "--model", str(trained), "--format", "json", "-"]
    done = python(*score, path=example, text=f"{CLEAN} {PLACEHOLDER}")
    clean, garbled = json.loads(done.stdout)[0]["sentences"]
    assert (clean["garbled"], garbled["garbled"]) == (False, True)
    finding = garbled["findings"][0]
    assert finding["signal"] == "template.placeholder"
    assert finding["reason"] == "“[insert city]” is a placeholder that was not filled in"
    shown = python("garble", "score", "--model", str(trained), "-", path=example, text=PLACEHOLDER)
    assert "template.placeholder: “[insert city]” is a placeholder" in shown.stdout


def test_without_the_example_the_model_names_what_is_missing(trained: Path) -> None:
    done = python("garble", "score", "--model", str(trained), "-", text=CLEAN)
    assert done.returncode == 2
    assert done.stderr == f"garble: {trained}: requires signals that are not installed: template.placeholder\n"


def test_signals_are_trained_on_records_only(trained: Path) -> None:
    arguments = ["train", "--data", str(trained), "--out", str(trained / "out"), "--signals", "template"]
    assert "--signals requires your own records as --data" in run(*arguments).stderr


def test_importing_garble_looks_for_no_plugins() -> None:
    code = "import sys, garble; print('importlib.metadata' in sys.modules or 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "False\n"


def test_the_signal_in_the_docs_is_that_of_the_example() -> None:
    first_block = (ROOT / "docs" / "plugins.md").read_text("utf-8").split("```python\n")[1].split("```")[0]
    heading, *lines = first_block.splitlines()
    path = ROOT / "examples" / "plugin" / heading.removeprefix("# ")
    assert set(lines) <= set(path.read_text("utf-8").splitlines())
