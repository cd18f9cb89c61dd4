"""The reader: what it says of a sentence is its own, whatever the company; how a model brings one; how it is taught."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import ANY_TEXT, MODEL
from hypothesis import given, settings
from hypothesis import strategies as st
from test_signals import COMPANY, EDGES, check

from garble import lm, model, train
from garble.batch import Batch, Opinion
from garble.cli import main
from garble.deep import reader as reading
from garble.deep import words
from garble.model import sigmoid
from garble.scorer import Scorer
from garble.signals import FEATURES, FEATURES_READ, PLACES, READING, extract, heard
from garble.signals.base import Signal
from garble.text import Document, segment, whole

pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

each_signal = pytest.mark.parametrize("signal", READING, ids=[signal.name for signal in READING])
DEEP = MODEL.parent / "en-deep"
EXAMPLES = [text for signal in READING for name in ("Garbled", "Clean") for text in signal.sections[name]]
LONG = " ".join(["The farmers of the valley have sold their last cows to a dealer from the coast,"] * 12)


class Scripted:
    """Stands in for a network: everything is as wrong as the sentence is long."""

    def run(self, outputs: None, columns: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Log-odds, and a rank, that depend on every column of the window."""
        seen = columns["columns"]
        assert seen.shape[1] <= reading.WINDOW + 2
        assert (seen[0, [0, -1], 0] == words.BORDER).all()
        odds = np.stack([seen.sum(-1), seen.sum(-1) * 2], -1) / 1000 + seen.sum() / 1e6
        return odds.astype(np.float32), np.array([odds.sum()], np.float32)


@pytest.fixture(scope="module")
def tokenizer() -> object:
    return words.learn(["the farmers of the valley have sold their last cows to a dealer"] * 3 + COMPANY, 200)


@pytest.fixture(scope="module")
def scripted(tokenizer: object) -> reading.Reader:
    return reading.Reader(Scripted(), tokenizer, np.array([[0.0, 1.0]] * 3))


@pytest.fixture(scope="module")
def shipped() -> Scorer:
    return Scorer("en-deep", read="all")


def read(reader: reading.Reader, documents: list[Document]) -> Opinion:
    batch = Batch.of(documents)
    return reader.read(batch, np.ones(len(batch), bool))


# Words, and where their verdicts go.


def test_a_word_is_spelt_in_lower_case_with_zeros_for_digits_and_its_capitals_apart(tokenizer: object) -> None:
    columns = words.columns(Batch.of([whole("the cows Cows COWS 12 47")]), np.arange(1, 6), tokenizer)
    assert (columns[0, :-1] == columns[1, :-1]).all()
    assert (columns[0, :-1] == columns[2, :-1]).all()
    assert (columns[3] == columns[4]).all()
    assert columns[:, -1].tolist() == [0, 1, 2, 0, 0]


def test_a_long_sentence_is_read_in_windows_and_every_token_has_its_verdict(scripted: reading.Reader) -> None:
    opinion = read(scripted, [whole(LONG)])
    assert len(opinion.misplaced) > 2 * reading.WINDOW
    assert (opinion.misplaced > 0).all()
    assert (opinion.mistranslated > opinion.misplaced).all()


def test_only_what_is_asked_for_is_read(scripted: reading.Reader) -> None:
    batch = Batch.of([whole("The cows were sold."), whole("It rained.")])
    opinion = scripted.read(batch, np.array([False, True]))
    assert opinion.rank[0] == 0 < opinion.rank[1]
    assert ((opinion.misplaced > 0) == (batch.sentence == 1)).all()


@settings(max_examples=40)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_any_texts_are_read_alone_as_in_company(texts: list[str], scripted: reading.Reader) -> None:
    documents = [segment(text) for text in texts]
    together = read(scripted, documents)
    alone = [read(scripted, [document]) for document in documents]
    for column, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert (column == np.concatenate(parts)).all()


@pytest.mark.parametrize("text", EDGES.values(), ids=EDGES)
def test_no_text_upsets_the_reader_or_its_signals(text: str, scripted: reading.Reader) -> None:
    documents = [whole(text[:5000]), whole("It is a day."), whole("")]
    batch = Batch.of(documents)
    opinion = scripted.read(batch, np.ones(3, bool))
    assert all(np.isfinite(column).all() for column in opinion)
    for signal in READING:
        check(signal, Batch.of(documents))
        extraction = heard(extract(batch), batch, opinion)
        assert np.isfinite(extraction.features).all()
        assert extraction.values[signal.name].shape == opinion[READING.index(signal)].shape


# The signals.


@each_signal
def test_a_reading_signal_explains_itself(signal: Signal) -> None:
    assert f"garble.signals.{signal.name}" == f"{signal.function.__module__}.{signal.function.__name__}"
    assert {"Why it is garble", "Known false alarms", "Reference", "Garbled", "Clean"} == set(signal.sections)
    assert signal.language == "en"


@each_signal
def test_without_a_network_a_reading_signal_is_silent(signal: Signal, english: lm.LanguageModel) -> None:
    batch = Batch.of([segment(text) for text in EXAMPLES], english)
    assert not signal.values(batch).any()


def test_what_is_heard_stands_after_the_plain_features(scripted: reading.Reader, english: lm.LanguageModel) -> None:
    batch = Batch.of([whole("The cows were sold."), whole("It rained.")], english)
    plain = extract(batch)
    both = heard(plain, batch, scripted.read(batch, np.ones(2, bool)))
    assert both.features.shape == (2, len(FEATURES) + len(FEATURES_READ))
    assert (both.features[:, : len(FEATURES)] == plain.features).all()
    assert (both.features[:, len(FEATURES) :] != 0).any(axis=0).all()


# A model with a network.


def test_unsure_reads_the_band_and_all_reads_everything() -> None:
    texts = [*COMPANY, *EXAMPLES, LONG]
    without, unsure, every = (
        Scorer(*given).score_sentences(texts) for given in (("en",), (DEEP,), (DEEP, "balanced", (), "all"))
    )
    asked = without >= model.load(DEEP / "scorecard.json").network.unsure
    assert 0 < asked.sum() < len(texts)
    assert unsure == pytest.approx(np.where(asked, every, without), abs=1e-12)
    assert (every != without).all()


def test_the_same_score_alone_as_in_company(shipped: Scorer) -> None:
    texts = [*COMPANY, *EXAMPLES, LONG]
    together = shipped.score_sentences(texts)
    assert together.tolist() == [shipped.score_sentences([text])[0] for text in texts]
    assert together[::-1].tolist() == shipped.score_sentences(texts[::-1]).tolist()


def test_a_report_names_what_the_network_saw_and_how_it_was_asked() -> None:
    report = Scorer(DEEP, threshold=0.0, read="all").score(" ".join(EXAMPLES))
    assert report.signature.endswith("|m:en-deep-1|t:0.0|r:all")
    found = [finding for sentence in report.sentences for finding in sentence.findings]
    assert {finding.signal for finding in found} & {signal.name for signal in READING}


def test_a_model_without_a_network_ignores_how_it_would_be_asked() -> None:
    texts = [*COMPANY, *EXAMPLES]
    assert (Scorer(read="all").score_sentences(texts) == Scorer().score_sentences(texts)).all()


def test_a_way_to_read_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^no way to read 'some': unsure, or all$"):
        Scorer(read="some")


def test_another_network_than_the_scorecards_is_refused(tmp_path: Path) -> None:
    shutil.copytree(DEEP, tmp_path / "model")
    with (tmp_path / "model" / "network.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ValueError, match=r"^\S+network.onnx: its checksum is"):
        Scorer(tmp_path / "model")


def test_a_network_that_is_not_there_is_named(tmp_path: Path) -> None:
    shutil.copy(DEEP / "scorecard.json", tmp_path / "scorecard.json")
    with pytest.raises(ValueError, match=r"^\S+network.onnx: No such file or directory$"):
        Scorer(tmp_path)


def test_without_the_extra_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'needs: pip install "garble\[deep\]"$'):
        reading.load(DEEP, model.load(DEEP / "scorecard.json").network)


def test_a_scorecard_with_a_network_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    card = model.load(DEEP / "scorecard.json")
    card.save(tmp_path / "scorecard.json")
    assert model.load(tmp_path / "scorecard.json").network == card.network


def test_a_network_is_not_fitted_to_labels_of_ones_own(tmp_path: Path) -> None:
    data = tmp_path / "labels.jsonl"
    data.write_text("", encoding="utf-8")
    result = CliRunner().invoke(main, ["train", "--data", str(data), "--network", str(DEEP), "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr.startswith("garble: --network needs the folder with the data of the English model")


def test_the_command_line_says_how_the_network_is_asked() -> None:
    told = []
    for read in ("unsure", "all"):
        given = ["score", "--model", str(DEEP), "--read", read, "--format", "json", "-"]
        told.append(json.loads(CliRunner().invoke(main, given, input=COMPANY[0]).stdout)[0])
    assert [report["signature"].rpartition("|")[2] for report in told] == ["r:unsure", "r:all"]


def test_a_scorecard_is_extended_for_what_it_is_unsure_of_and_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    card = model.load(MODEL / "scorecard.json")
    x = np.zeros((1200, len(FEATURES) + len(FEATURES_READ)))
    y = rng.random(1200) < 0.3
    x[::2, PLACES["repetition.compressibility"]] = 0.5
    sure = train.first_odds(card, x[1:2])[0]
    x[:, len(FEATURES)] = rng.normal(size=1200) + 2 * y
    # Of what it is sure of nothing is learnt, though that says the contrary.
    x[1::2, len(FEATURES)] -= 6 * y[1::2]
    x[:, len(FEATURES) + 1 :] = rng.normal(size=(1200, len(FEATURES_READ) - 1))
    pairs = (x[::2][y[::2]][:50], x[::2][~y[::2]][:50])
    more = train.extended(card, x, y, FEATURES_READ, pairs, float(sigmoid(sure)) + 1e-9)
    assert (more.features, more.intercept) == (card.features + FEATURES_READ, card.intercept)
    assert (more.weights[: len(card.features)] == card.weights).all()
    asked = x[::2]
    parts = more.contributions(
        np.concatenate([asked[:, [PLACES[name] for name in card.features]], asked[:, -5:]], axis=1)
    )
    told, noise = parts[:, len(card.features)], parts[:, len(card.features) + 1 :]
    assert told[y[::2]].mean() > told[~y[::2]].mean() + 1
    assert np.abs(noise[y[::2]].mean(axis=0) - noise[~y[::2]].mean(axis=0)).max() < 0.5


# The model that ships.


@each_signal
def test_the_shipped_network_tells_garbled_examples_from_clean_ones(signal: Signal, shipped: Scorer) -> None:
    def strongest(kind: str) -> list[float]:
        batch = Batch.of([whole(text) for text in signal.sections[kind]], shipped.lm)
        opinion = shipped.reader.read(batch, np.ones(len(batch), bool))
        features = heard(extract(batch), batch, opinion).features
        return features[:, PLACES[signal.features[0]]].tolist()

    assert min(strongest("Garbled")) > max(strongest("Clean"))


def test_what_the_shipped_scorecard_says_without_its_network_is_what_en_says(shipped: Scorer) -> None:
    plain, deep = model.load(MODEL / "scorecard.json"), shipped.card
    assert deep.features == plain.features + FEATURES_READ
    assert deep.intercept == plain.intercept
    assert (deep.knots[: len(plain.features)] == plain.knots).all()
    assert (deep.weights[: len(plain.features)] == plain.weights).all()


def test_what_ships_is_small() -> None:
    sizes = {path: path.stat().st_size for path in MODEL.parent.rglob("*") if path.is_file()}
    assert sum(size for path, size in sizes.items() if path.parent.name == "en-deep") < 15e6
    assert sum(sizes.values()) < 30e6


def test_the_shipped_network_was_taught_to_see_salad(shipped: Scorer) -> None:
    salad = "Which of the had seen he door been morning the closed not."
    assert shipped.score_sentences([salad])[0] > shipped.threshold
