"""The reader: what it says of a sentence is its own, whatever the company; a model reads as much as it is told to."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ANY_TEXT, MODEL, SEEDS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from garble import scorer
from garble.columns import lm
from garble.columns.batch import Batch, Predictions
from garble.errors import ModelError, UsageError
from garble.models import scorecard as model
from garble.models.scorecard import NetworkSettings, Pooling
from garble.network import pieces, weights
from garble.network import reader as reading
from garble.scorer import Scorer
from garble.signals import FEATURE_INDEX, FEATURES, NETWORK_FEATURES, NETWORK_SIGNALS, extract, with_predictions
from garble.signals.base import Signal
from garble.testing import COMPANY, EDGES, check_batch
from garble.text.segmentation import Document, segment, whole

each_signal = pytest.mark.parametrize("signal", NETWORK_SIGNALS, ids=[signal.name for signal in NETWORK_SIGNALS])
EXAMPLES = [text for signal in NETWORK_SIGNALS for name in ("Garbled", "Clean") for text in signal.sections[name]]
LONG = " ".join(["The farmers of the valley have sold their last cows to a dealer from the coast,"] * 30)
CLEAN = [
    "The farmers of the valley sold their last cows to a dealer from the coast.",
    "He told the council that the bridge would be closed until the end of June.",
    "Nobody in the village knew why the old school had been sold.",
    "She opened the window and listened to the rain for a while.",
    "The price of bread has gone up twice since the beginning of the year.",
    "They walked along the canal and did not say much.",
    "The museum shows letters that the painter wrote to his brother.",
    "After the match the players thanked those who had come in spite of the snow.",
    "The report was published in March and answers most of these questions.",
    "A doctor from the town visits the island on the first Monday of the month.",
]
ODD = [
    "The farmers of the valley retailed their last cheese to a stroke from the side.",
    "He told the cheese that the bridge would be locked until the finish of June.",
    "Nobody in the cheese knew why the old school had been sold of the foot.",
    "She opened the window and overheard to the cheese for a while of rain.",
]


def clean_sentences() -> list[str]:
    """Those of the clean seeds."""
    texts = [json.loads(line)["text"] for line in (SEEDS / "clean.jsonl").read_text(encoding="utf-8").splitlines()]
    return [sentence for text in texts for sentence in segment(text).slices() if len(sentence.split()) > 7]


SOUND = clean_sentences()
CHEESY = [" ".join([*sentence.split()[:3], "cheese", *sentence.split()[4:]]) for sentence in SOUND]


class Scripted:
    """Stands in for a network: a cheese is wrong, and so is a sentence that has any."""

    def __init__(self, cheese: int) -> None:
        self.cheese, self.seen = cheese, 0

    def run(self, outputs: None, given: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Log-odds that hang on the pieces of a row and their places alone."""
        rows = given["pieces"]
        self.seen += len(rows)
        assert 3 <= rows.shape[1] <= reading.WINDOW + 2
        assert (rows[:, 0] == pieces.BEGIN).all()
        assert (rows[:, -1] == pieces.END).all()
        wrong = np.where(rows == self.cheese, 6.0, rows / 1e4 + np.arange(rows.shape[1]) / 1e5 - 3)
        odds = np.stack([wrong, wrong + 1], -1).astype(np.float32)
        return odds, odds[..., 0].max(1)


def spelling() -> Tokenizer:
    """Every word but a few is spelt letter by letter."""
    letters = [mark + chr(code) for mark in ("", "##") for code in range(33, 127) if not chr(code).isupper()]
    listed = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "the", "cow", "##s", "cheese", "far", "##mer", *letters]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(listed))}
    found = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    found.normalizer = normalizers.BertNormalizer(lowercase=True)
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return found


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return spelling()


@pytest.fixture
def scripted(tokenizer: Tokenizer) -> reading.Reader:
    return reading.Reader(Scripted(tokenizer.token_to_id("cheese")), tokenizer, np.array([[0.0, 1.0]] * 3))


def predict(reader: reading.Reader, documents: list[Document]) -> Predictions:
    batch = Batch.of(documents)
    return reader.predict(batch, np.ones(len(batch), bool))


# Pieces.


@given(text=ANY_TEXT)
def test_pieces_stand_for_characters_of_the_text(text: str) -> None:
    ((ids, places),) = pieces.encode([text], spelling())
    assert len(ids) == len(places)
    assert all(0 <= start < end <= len(text) for start, end in places)
    starts = [start for start, _ in places]
    assert starts == sorted(starts)


def test_half_a_surrogate_pair_takes_its_place_and_moves_nothing(tokenizer: Tokenizer) -> None:
    ((ids, places),) = pieces.encode(["The \ud800 Cows, farmer"], tokenizer)
    found = [tokenizer.id_to_token(i) for i in ids]
    assert found[-5:] == ["cow", "##s", ",", "far", "##mer"]
    assert places[-5:] == [(6, 9), (9, 10), (10, 11), (12, 15), (15, 18)]


def test_texts_are_encoded_alone_as_in_company(tokenizer: Tokenizer) -> None:
    texts = [*COMPANY, "", LONG]
    assert pieces.encode(texts, tokenizer) == [pieces.encode([text], tokenizer)[0] for text in texts]


def test_what_is_no_tokenizer_is_refused_in_one_line(tmp_path: Path) -> None:
    for raw in (b"", b"{}", b"[1, 2]", b'{"model": {"type":\n "WordPiece"}}', b"\xff\xfe"):
        (tmp_path / "tokenizer.json").write_bytes(raw)
        with pytest.raises(ModelError, match=r"^\S+tokenizer\.json: not a tokenizer \(.*\)$"):
            pieces.load(tmp_path / "tokenizer.json")


# Weights.

halves = arrays.arrays(
    np.float16, (3, 4), elements=st.floats(-100, 100, width=16, allow_subnormal=True), fill=st.nothing()
)
bytes_ = arrays.arrays(np.uint8, (3, 4, 8), elements=st.integers(0, 255), fill=st.nothing())


@given(bits=bytes_, scale=halves)
def test_integers_are_the_nearest_that_the_step_of_their_output_allows(bits: np.ndarray, scale: np.ndarray) -> None:
    whole, step = weights.integers(bits, scale)
    assert (whole.shape, whole.dtype, step.shape) == ((4 * 16, 3), np.int8, (3,))
    exact = np.array([
        [(part - 8) * float(scale[row, block]) for block in range(4) for byte in bits[row, block].tolist()
         for part in (byte & 15, byte >> 4)]
        for row in range(3)
    ])  # fmt: skip
    apart = np.abs(exact - whole.T * step[:, None].astype(np.float64))
    assert (apart <= step[:, None] * 0.5001).all()
    assert np.abs(whole).max() <= weights.LARGEST_WEIGHT
    for row in range(3):
        if np.abs(exact[row]).max() > 1e-3:
            assert np.abs(whole[:, row]).max() == weights.LARGEST_WEIGHT


def test_two_products_with_a_byte_fit_what_processors_without_vnni_add_in() -> None:
    # They add pairs of products of an unsigned and a signed byte in 16 bits, and saturate beyond.
    assert np.iinfo(np.int16).max >= 2 * 255 * weights.LARGEST_WEIGHT


def test_what_is_stored_goes_to_the_names_that_the_graph_asks_for() -> None:
    bits, scale = np.full((2, 1, 32), 0x9F, np.uint8), np.ones((2, 1), np.float16)
    stored = {f"{name}.weight.{part}": value for name in ("pieces", "layers.0.mix")
              for part, value in (("bits", bits), ("scale", scale))}  # fmt: skip
    found = weights.unpacked(stored)
    assert set(found) == {"pieces.bits", "pieces.scale", "layers.0.mix.weight", "layers.0.mix.step"}
    # The low half comes first: 15 stands for 7, 9 for 1.
    assert found["layers.0.mix.weight"][:, 0].tolist() == [63, 9] * 32
    assert found["layers.0.mix.step"] == pytest.approx([7 / 63] * 2)


# Words, and where their verdicts go.


@given(length=st.integers(0, 2000))
def test_windows_cover_every_piece_and_overlap(length: int) -> None:
    windows = reading._windows(length)
    covered = np.zeros(length, int)
    for begin, end in windows:
        assert 0 < end - begin <= reading.WINDOW
        covered[begin:end] += 1
    assert (covered > 0).all()
    assert all(later[0] < earlier[1] for earlier, later in pairwise(windows))


def test_a_long_sentence_is_read_in_windows_and_the_worse_verdict_counts(scripted: reading.Reader) -> None:
    ids = list(range(20, 120)) * 4
    ids[-1] = scripted.session.cheese
    (odds,), (whole,) = scripted.raw([ids])
    assert scripted.session.seen > 1
    assert np.isfinite(odds).all()
    # Each piece's verdict grows with its place in a window, so the worst one is that of the first window that has it.
    windows = reading._windows(len(ids))
    place = np.array([max(i - begin for begin, end in windows if begin <= i < end) + 1 for i in range(len(ids) - 1)])
    assert odds[:-1, 0] == pytest.approx(np.array(ids[:-1]) / 1e4 + place / 1e5 - 3, abs=1e-6)
    assert odds[-1].tolist() == [6, 7]
    assert whole == 6


def test_a_word_is_as_wrong_as_the_worst_of_its_pieces(scripted: reading.Reader, tokenizer: Tokenizer) -> None:
    scripted.session.cheese = tokenizer.token_to_id("##s")
    scripted.normalisation = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 0.5]])
    predictions = predict(scripted, [whole("The cows, Cow farmer said")])
    wrong = predictions.unlikely > 0
    # "said" is spelt, and its first letter is another piece than a last one.
    assert wrong.tolist() == [False, True, False, False, False, False]
    assert predictions.unlikely[1] == (6 - 1) / 2
    assert predictions.mistranslated[1] == (7 - 3) / 4
    assert predictions.unnatural.tolist() == [(6 - 5) / 0.5]


def test_only_what_is_asked_for_is_read(scripted: reading.Reader) -> None:
    batch = Batch.of([whole("The cheese was sold."), whole("The cheese rained.")])
    predictions = scripted.predict(batch, np.array([False, True]))
    assert scripted.session.seen == 1
    assert predictions.unnatural.tolist() == [0, 6]
    assert (predictions.unlikely[batch.sentence == 0] == 0).all()
    assert predictions.unlikely[batch.sentence == 1].max() == 6


@settings(max_examples=40)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_any_texts_are_read_alone_as_in_company(texts: list[str]) -> None:
    tokenizer = spelling()
    reader = reading.Reader(Scripted(tokenizer.token_to_id("cheese")), tokenizer, np.array([[0.0, 1.0]] * 3))
    documents = [segment(text) for text in texts]
    together = predict(reader, documents)
    alone = [predict(reader, [document]) for document in documents]
    for column, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert (column == np.concatenate(parts)).all()


@pytest.mark.parametrize("text", EDGES.values(), ids=EDGES)
def test_no_text_upsets_the_reader_or_its_signals(text: str, scripted: reading.Reader) -> None:
    documents = [whole(text[:5000]), whole("It is a day."), whole("")]
    batch = Batch.of(documents)
    predictions = scripted.predict(batch, np.ones(3, bool))
    assert all(np.isfinite(column).all() for column in predictions)
    for signal in NETWORK_SIGNALS:
        check_batch(signal, replace(batch, predicted=predictions))


# The signals.


@each_signal
def test_a_reading_signal_explains_itself(signal: Signal) -> None:
    assert f"garble.signals.{signal.name}" == f"{signal.function.__module__}.{signal.function.__name__}"
    assert {"Why it is garble", "Known false alarms", "Reference", "Garbled", "Clean"} == set(signal.sections)
    assert signal.needs == ("network",)


@each_signal
def test_without_a_network_a_reading_signal_is_silent(signal: Signal, english: lm.LanguageModel) -> None:
    batch = Batch.of([segment(text) for text in EXAMPLES], english)
    assert not signal.values(batch).any()


def test_features_of_predictions_follow_the_other_features(scripted: reading.Reader, english: lm.LanguageModel) -> None:
    batch = Batch.of([whole("The cheese was sold."), whole("It rained cheese.")], english)
    plain = extract(batch)
    both = with_predictions(plain, batch, scripted.predict(batch, np.ones(2, bool)))
    assert both.features.shape == (2, len(FEATURES) + len(NETWORK_FEATURES))
    assert (both.features[:, : len(FEATURES)] == plain.features).all()
    assert (both.features[:, len(FEATURES) :] != 0).any(axis=0).all()


# A model with a network: here one whose network is scripted.

POOLING = Pooling(lowest=-14.0, highest=0.0, mean=-2.1, deviation=0.8, style=0.4, slope=0.9, offset=-3.7)
Made = Callable[..., Scorer]


@pytest.fixture
def made(tmp_path: Path, scripted: reading.Reader, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Scorers of a model that has the scorecard of `en`, and the scripted network on top."""
    card = model.load(MODEL / "scorecard.json").without(NETWORK_FEATURES)
    knots, size = card.knots.shape[1], len(NETWORK_FEATURES)
    more = replace(
        card,
        name="scripted",
        features=card.features + NETWORK_FEATURES,
        knots=np.concatenate([card.knots, np.tile(np.linspace(-1, 9, knots), (size, 1))]),
        weights=np.concatenate([card.weights, np.tile(np.linspace(-0.2, 2.2, knots), (size, 1))]),
        files={},
    )
    monkeypatch.setattr(scorer, "_network", lambda loaded: scripted)

    def make(reader: str, unsure: float = 0.0, pooling: Pooling | None = POOLING, threshold: float = 0.65) -> Scorer:
        network = NetworkSettings("en", ((0.0, 1.0),) * 3, {}, card.intercept, unsure=unsure, pooling=pooling)
        replace(more, network=network, pooling=POOLING).save(tmp_path / "scorecard.json")
        return Scorer(tmp_path, threshold=threshold, reader=reader)

    return make


def plain_scores(texts: list[str]) -> list[float]:
    """What the scorecard of `en` alone says."""
    return Scorer("en", reader="off").score_sentences(texts).tolist()


def test_off_is_the_scorecard_alone(made: Made, scripted: reading.Reader) -> None:
    assert made("off").score_sentences([*CLEAN, *ODD]).tolist() == plain_scores([*CLEAN, *ODD])
    assert scripted.session.seen == 0


def test_all_reads_every_sentence_of_prose_in_its_language(made: Made, scripted: reading.Reader) -> None:
    every = made("all")
    scores = every.score_sentences([*CLEAN, *ODD])
    assert scripted.session.seen == len(CLEAN) + len(ODD)
    assert (scores != plain_scores([*CLEAN, *ODD])).all()
    assert min(scores[len(CLEAN) :]) > every.threshold > max(scores[: len(CLEAN)])
    scripted.session.seen = 0
    every.score("Der Minister sagte am Montag, dass die Stadt die Rechnung nicht mehr bezahlen kann.")
    assert scripted.session.seen == 0


def test_unsure_reads_what_all_reads_where_every_document_is_worth_it(made: Made) -> None:
    texts = [" ".join([*CLEAN, odd]) for odd in ODD] + [" ".join(CLEAN * 3)]
    unsure, every = (made(reader, unsure=-1e6, pooling=None).score_many(texts) for reader in ("unsure", "all"))
    for one, other in zip(unsure, every, strict=True):
        assert one.score == other.score
        assert [s.score for s in one.sentences] == [s.score for s in other.sentences]


def test_unsure_leaves_alone_what_the_scorecard_finds_sound_but_for_a_few(made: Made, scripted: reading.Reader) -> None:
    texts = [f"{text} It was {year}." for text in CLEAN for year in range(1900, 1950)]
    scores = [report.score for report in made("unsure", unsure=1e6).score_many(texts)]
    sentences = scripted.session.seen
    off = [report.score for report in made("off").score_many(texts)]
    differ = sum(one != other for one, other in zip(scores, off, strict=True))
    # One in fifty of five hundred, of two sentences each.
    assert 2 <= differ <= 30
    assert sentences == 2 * differ


def test_unsure_stops_where_more_would_not_change_the_verdict(made: Made, scripted: reading.Reader) -> None:
    report = made("unsure", unsure=-1e6).score(" ".join(SOUND))
    assert not report.garbled
    assert 8 <= scripted.session.seen < len(report.sentences) / 2
    scripted.session.seen = 0
    report = made("unsure", unsure=-1e6).score(" ".join(CHEESY))
    assert report.garbled
    # Long ones in several windows.
    assert scripted.session.seen >= len(report.sentences)


def test_unsure_says_of_a_document_the_same_in_any_company(made: Made) -> None:
    texts = [" ".join([*CLEAN, *ODD * i]) for i in range(4)] + ["", CLEAN[0]]
    unsure = made("unsure")
    together = list(unsure.score_many(texts))
    assert together == list(unsure.score_many(texts))
    assert together == [unsure.score(text) for text in texts]
    assert together[::-1] == list(unsure.score_many(texts[::-1]))


def test_unsure_agrees_with_all_on_what_is_clearly_clean_or_garbled(made: Made) -> None:
    texts = [" ".join(SOUND), " ".join(CHEESY), " ".join(CLEAN), " ".join(ODD)]
    found = [[report.garbled for report in made(reader, -1e6).score_many(texts)] for reader in ("unsure", "all")]
    assert found == [[False, True, False, True]] * 2


def test_evidence_is_the_word_that_the_network_doubts(made: Made) -> None:
    (sentence,) = made("all").score(ODD[0]).sentences
    finding = next(finding for finding in sentence.findings if finding.signal == "fluency.unlikely_word")
    assert finding.reason == "unlikely word here: “cheese”"
    assert ODD[0][finding.start : finding.end] == "cheese"
    assert finding.contribution > 0


def test_the_signature_says_how_much_is_read(made: Made) -> None:
    assert [made(reader).signature.rpartition("|")[2] for reader in scorer.READERS] == ["r:all", "r:unsure", "r:off"]


def test_a_reader_that_there_is_not_is_refused(made: Made) -> None:
    with pytest.raises(UsageError, match=r"^unknown reader 'some'; supported: all, unsure, off$"):
        made("some")


def test_reading_signals_can_be_left_out(made: Made, tmp_path: Path) -> None:
    made("all")
    names = [signal.name for signal in NETWORK_SIGNALS]
    silent = Scorer(tmp_path, reader="all", without=names)
    assert silent.score_sentences(ODD).tolist() == plain_scores(ODD)


# What is no network.


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A model whose network's files are what a test makes them."""
    card = model.load(MODEL / "scorecard.json").without(NETWORK_FEATURES)
    card = replace(card, network=NetworkSettings("en", ((0.0, 1.0),) * 3), files={})
    card.save(tmp_path / "scorecard.json")
    spelling().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "network.onnx").write_bytes(b"no graph")
    np.savez(tmp_path / "network.npz", nothing=np.zeros(1))
    return tmp_path


@pytest.mark.parametrize("name", reading.FILES)
def test_a_file_that_is_not_there_is_named(name: str, broken: Path) -> None:
    (broken / name).unlink()
    with pytest.raises(ModelError, match=rf"^\S+{name}: no such file or directory$"):
        Scorer(broken)


def refusal(folder: Path) -> str:
    """The one line that says why a model is refused."""
    with pytest.raises(ModelError) as caught:
        Scorer(folder)
    (line,) = str(caught.value).splitlines()
    assert folder.name in line
    return line


def test_what_is_no_graph_is_refused(broken: Path) -> None:
    assert "network.onnx and network.npz are not a valid network" in refusal(broken)


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04 and so on", b"\x93NUMPY\x01\x00 no array"])
def test_what_holds_no_weights_is_refused(raw: bytes, broken: Path) -> None:
    (broken / "network.npz").write_bytes(raw)
    assert "network.onnx and network.npz are not a valid network" in refusal(broken)


def test_a_tokenizer_of_nonsense_is_refused(broken: Path) -> None:
    (broken / "tokenizer.json").write_text('{"cheese": 1}', encoding="utf-8")
    assert "tokenizer.json: not a tokenizer" in refusal(broken)


def test_a_file_of_another_network_is_refused(broken: Path) -> None:
    model.load(broken / "scorecard.json").sealed(broken).save(broken / "scorecard.json")
    with (broken / "network.npz").open("ab") as file:
        file.write(b"\0")
    assert "network.npz: SHA-256 is" in refusal(broken)


def test_a_network_that_is_off_is_not_asked_for(broken: Path) -> None:
    assert Scorer(broken, reader="off").score_sentences(CLEAN).tolist() == plain_scores(CLEAN)


def test_a_scorecard_with_a_network_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    card = model.load(MODEL / "scorecard.json")
    network = NetworkSettings(
        "en", ((0.5, 2.0), (1.0, 1.0), (0.0, 3.0)), {"fluency": 0.9}, -1.5, ((0.0, 1.0),), 1.25, POOLING
    )
    replace(card, network=network).save(tmp_path / "scorecard.json")
    assert model.load(tmp_path / "scorecard.json").network == network


# The model that ships.


@pytest.fixture(scope="module")
def shipped() -> Scorer:
    return Scorer("en")


def network_of(shipped: Scorer) -> reading.Reader:
    assert shipped.network is not None
    return shipped.network


def test_translated_articles_are_garbled_where_a_reader_marks_them(shipped: Scorer) -> None:
    lines = (SEEDS / "articles" / "translated.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [json.loads(line) for line in lines]
    reports = list(shipped.score_many(article["text"] for article in articles))
    # benchmarks/README.md says how many of the twenty are found; the others are below the threshold.
    assert sum(report.garbled for report in reports) >= 8
    flagged = [
        any(sentence.start < end and start < sentence.end for start, end, _ in article["marks"])
        for article, report in zip(articles, reports, strict=True)
        for sentence in report.sentences
        if sentence.garbled
    ]
    assert len(flagged) >= 50
    assert np.mean(flagged) > 0.9


@each_signal
def test_shipped_network_tells_garbled_examples_from_clean_ones(signal: Signal, shipped: Scorer) -> None:
    def strongest(kind: str) -> list[float]:
        batch = Batch.of([whole(text) for text in signal.sections[kind]], shipped.lm)
        predictions = network_of(shipped).predict(batch, np.ones(len(batch), bool))
        features = with_predictions(extract(batch), batch, predictions).features
        return features[:, FEATURE_INDEX[signal.features[0]]].tolist()

    assert min(strongest("Garbled")) > max(strongest("Clean"))


def test_shipped_network_reads_a_sentence_alone_as_in_company(shipped: Scorer) -> None:
    reader = network_of(shipped)
    texts = [*CLEAN, *ODD, *COMPANY, *EXAMPLES, LONG]
    ids = [ids for ids, _ in pieces.encode(texts, reader.tokenizer)]
    # Of one length, so that all are read at once.
    ids += [some[:12] for some in ids if len(some) >= 12]
    odds, wholes = reader.raw(ids)
    for some, verdicts, one in zip(ids, odds, wholes.tolist(), strict=True):
        (alone,), (own,) = reader.raw([some])
        assert alone.tolist() == verdicts.tolist()
        # What is said of the whole is reckoned in float32, in which one row may be rounded otherwise than several.
        assert own == pytest.approx(one, abs=2e-6)


@settings(max_examples=15)
@given(texts=st.lists(st.sampled_from([*CLEAN, *ODD, *COMPANY]), min_size=1, max_size=20), data=st.data())
def test_shipped_model_scores_alone_as_in_company(texts: list[str], data: st.DataObject) -> None:
    scorer = Scorer("en")
    one = data.draw(st.integers(0, len(texts) - 1))
    alone = scorer.score_sentences([texts[one]])[0]
    assert scorer.score_sentences(texts)[one] == pytest.approx(alone, abs=1e-6)


WORDS = {
    "fluency.unlikely_word": "unlikely word here: “{}”",
    "fluency.mistranslated": "reads like a wrong translation: “{}”",
}


def test_shipped_model_names_a_word_that_does_not_fit(shipped: Scorer) -> None:
    text = "The plan was devoured by legal problems and beaten rebound by the choir of the minister in his last knee."
    report = Scorer("en", threshold=0.0).score(text)
    found = [finding for finding in report.sentences[0].findings if finding.signal in WORDS]
    assert found
    for finding in found:
        span = text[finding.start : finding.end]
        assert finding.reason == WORDS[finding.signal].format(span)
        assert 1 <= len(span.split()) <= 5
    assert any(word in text[f.start : f.end] for f in found for word in ("devoured", "rebound", "choir", "knee"))


def test_shipped_model_without_reading_is_its_scorecard(shipped: Scorer) -> None:
    off = Scorer("en", reader="off")
    assert off.network is None
    assert off.card.features == tuple(name for name in shipped.card.features if name not in NETWORK_FEATURES)
    assert set(NETWORK_FEATURES) <= set(shipped.card.features)


@pytest.mark.parametrize("reader", ["all", "unsure"])
def test_shipped_model_tells_a_garbled_document_from_a_clean_one(reader: str) -> None:
    scorer = Scorer("en", reader=reader)
    salad = [
        "Which of the had seen he door been morning the closed not.",
        "Of to a market in is and bread sold people for.",
    ]
    clean, garbled = " ".join(CLEAN), " ".join(salad * 4)
    found = list(scorer.score_many([clean, garbled]))
    assert [report.garbled for report in found] == [False, True]
    assert [report.score for report in found] == pytest.approx(
        [scorer.score(text).score for text in (clean, garbled)], abs=1e-6
    )


def test_shipped_model_travels_with_its_reader(shipped: Scorer) -> None:
    unsure = Scorer("en", reader="unsure")
    other = pickle.loads(pickle.dumps(unsure))
    assert (other.reader, other.signature) == ("unsure", unsure.signature)
    assert other.score(" ".join(ODD)) == unsure.score(" ".join(ODD))
    # The model is not copied, and its files are read once.
    assert len(pickle.dumps(shipped)) < 1000
    assert pickle.loads(pickle.dumps(shipped)).network is shipped.network


@pytest.mark.parametrize("name", ["en", "en-large"])
def test_shipped_folder_holds_what_its_scorecard_names(name: str) -> None:
    folder = MODEL.parent / name
    card = model.load(folder / "scorecard.json")
    assert card.network is not None
    assert set(reading.FILES) <= set(card.files)
    assert card.files == card.sealed(folder).files


def test_shipped_models_are_small() -> None:
    sizes: dict[str, int] = {}
    for path in MODEL.parent.rglob("*"):
        if path.is_file():
            sizes[path.parent.name] = sizes.get(path.parent.name, 0) + path.stat().st_size
    assert sizes["en"] < 50e6
    assert sizes["en-large"] < 60e6


def test_shipped_graph_refuses_weights_of_another_network(tmp_path: Path) -> None:
    record: dict[str, Any] = json.loads((MODEL / "scorecard.json").read_bytes())
    record.pop("files")
    (tmp_path / "scorecard.json").write_text(json.dumps(record), encoding="utf-8")
    for name in ("lm.npz", "network.onnx", "tokenizer.json"):
        (tmp_path / name).symlink_to(MODEL / name)
    np.savez(tmp_path / "network.npz", **{"pieces.weight.bits": np.zeros((2, 1, 32), np.uint8),
                                          "pieces.weight.scale": np.zeros((2, 1), np.float16)})  # fmt: skip
    assert "network.onnx and network.npz are not a valid network" in refusal(tmp_path)
