"""The benchmark's own functions: a wrong ruler makes every figure wrong."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef, roc_auc_score

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

import damage
import peers
import quality

SENTENCE = "Yesterday the old ferryman Tobias Lindgren told two very curious visitors about the long winter of 1987."


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_resampling_draws_whole_clusters() -> None:
    weights = quality.resample(["a", "b", "a", "c"], count=50)
    assert weights.shape == (51, 4)
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 2]).all()
    # Three clusters are drawn each time.
    assert (weights[1:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert (weights == quality.resample(["a", "b", "a", "c"], count=50)).all()


def test_an_interval_narrows_with_more_clusters(rng: np.random.Generator) -> None:
    flags = rng.random(1000) < 0.3
    wide = quality.summary(quality.rate(flags, quality.resample([str(i // 100) for i in range(1000)])))
    narrow = quality.summary(quality.rate(flags, quality.resample([str(i) for i in range(1000)])))
    assert narrow["value"] == wide["value"] == pytest.approx(flags.mean())
    assert narrow["low"] < narrow["value"] < narrow["high"]
    assert narrow["high"] - narrow["low"] == pytest.approx(4 * np.sqrt(0.3 * 0.7 / 1000), rel=0.25)


def test_auroc_is_scikit_learns_with_weights_and_ties(rng: np.random.Generator) -> None:
    scores, positive = rng.integers(0, 12, 300).astype(float), rng.random(300) < 0.4
    weights = rng.integers(0, 4, (3, 300)).astype(np.float32)
    expected = [roc_auc_score(positive, scores, sample_weight=row) for row in weights]
    assert quality.auroc(scores, positive, weights) == pytest.approx(expected)


def test_auroc_without_negatives_is_not_a_number() -> None:
    assert np.isnan(quality.auroc(np.array([1.0, 2.0]), np.array([True, True]), np.ones((1, 2)))).all()


def test_pearson_is_numpys_on_what_was_drawn(rng: np.random.Generator) -> None:
    a = rng.normal(size=80)
    b = a + rng.normal(size=80)
    weights = quality.resample([str(i) for i in range(80)], count=1)
    drawn = np.repeat(np.arange(80), weights[1].astype(int))
    expected = [np.corrcoef(a, b)[0, 1], np.corrcoef(a[drawn], b[drawn])[0, 1]]
    assert quality.pearson(a, b, weights) == pytest.approx(expected)


def test_calibration_error(rng: np.random.Generator) -> None:
    p = rng.random(30_000)
    y = rng.random(30_000) < p
    ones = np.ones((1, len(p)))
    assert quality.calibration_error(p, y, ones)[0] < 0.015
    assert quality.calibration_error(np.full(100, 0.5), np.arange(100) < 80, np.ones((1, 100)))[0] > 0.25
    sure = np.array([0.0] * 50 + [1.0] * 50)
    assert quality.calibration_error(sure, sure == 0, np.ones((1, 100)), bins=2)[0] == pytest.approx(1)


def test_agreement_of_marks_is_scikit_learns(rng: np.random.Generator) -> None:
    texts = [quality.Tagged("", np.zeros((5, 2)), rng.random(5) < 0.4, str(i)) for i in range(40)]
    scores = [np.where(some.bad, 0.6, 0.4) + rng.normal(0, 0.2, 5) for some in texts]
    table = quality.counted(scores, texts, 0.5)
    bad, marked = np.concatenate([some.bad for some in texts]), np.concatenate(scores) > 0.5
    assert quality.mcc(table, np.ones((1, 40)))[0] == pytest.approx(matthews_corrcoef(bad, marked))
    assert quality.f1(table, np.ones((1, 40)))[0] == pytest.approx(f1_score(bad, marked))
    best = quality.best_limit(scores, texts, quality.mcc)
    assert (
        quality.mcc(quality.counted(scores, texts, best), np.ones((1, 40)))[0] >= matthews_corrcoef(bad, marked) - 0.02
    )


def test_the_limit_is_exceeded_by_no_more_than_its_share(rng: np.random.Generator) -> None:
    scores = rng.integers(0, 30, 1000).astype(float)
    assert (scores > quality.limit(scores)).mean() <= 0.01
    assert quality.limit(np.arange(1000.0)) == 989


def test_tokens_are_joined_as_people_print_them() -> None:
    given = """He did n't say " no , thanks " ( in 1990 ) , she 's sure ."""
    tokens = given.split()
    text, spans = quality.joined(tokens)
    assert text == """He didn't say "no, thanks" (in 1990), she's sure."""
    assert [text[start:end] for start, end in spans] == tokens


def test_a_sentence_is_planted_in_the_middle() -> None:
    host = " ".join(f"This is sentence number {n} of the clean text." for n in range(1, 6))
    text, (start, end) = quality.plant(host, SENTENCE)
    assert text[start:end] == SENTENCE
    assert text[:start] + text[end + 1 :] == host
    assert abs(start - len(host) / 2) < 60


def test_stitched_documents_have_twins_as_long() -> None:
    bad = [f"Bad number {n} " + "again " * (n % 3) for n in range(9)]
    sound = [f"Sound number {n} " + "and so " * (n % 3) + "on" * (n % 2) for n in range(60)]
    broken, twins = quality.stitch(bad, sound, 2, Random(1))
    assert len(broken) == len(twins) == quality.STITCHED
    assert [len(text.split()) for text in broken] == [len(text.split()) for text in twins]
    assert all("Bad" not in text for text in twins)


def test_a_document_is_garbled_when_a_tenth_of_its_prose_is() -> None:
    text = "This is a clean and sound sentence. " * 19 + "This one is the sentence flagged."
    sentences = quality.Sentences([quality.segment(text)], ["a"], lm=None)
    flags = np.arange(len(sentences.texts)) == 19
    assert quality.garbled_documents(sentences, flags).tolist() == [False]
    assert quality.garbled_documents(sentences, np.arange(20) >= 16).tolist() == [True]


@pytest.mark.parametrize("name", damage.MAKERS)
def test_every_damage_changes_the_sentence_and_is_the_same_from_the_same_seed(name: str) -> None:
    made = damage.MAKERS[name](SENTENCE, Random(3))
    assert made is not None
    assert made != SENTENCE
    assert made == damage.MAKERS[name](SENTENCE, Random(3))


def test_what_each_damage_does() -> None:
    words = SENTENCE.split()
    for seed in range(20):
        rng = Random(seed)
        twice = damage.word_twice(SENTENCE, rng).split()
        assert len(twice) == len(words) + 1
        assert any(a == b for a, b in pairwise(twice))
        assert len(damage.loop(SENTENCE, rng).split()) - len(words) in (11, 22, 33, 44)
        assert len(damage.phrase_twice(SENTENCE, rng).split()) - len(words) in (3, 4, 5)
        assert damage.name_twice(SENTENCE, rng).count("Tobias Lindgren") == 2
        assert sorted(damage.word_salad(SENTENCE, rng).lower()[:-1].split()) == sorted(SENTENCE.lower()[:-1].split())
        assert damage.word_salad(SENTENCE, rng).endswith(".")
        assert any(mark in damage.mojibake(SENTENCE, rng) for mark in "ÃÂâ")


def test_no_damage_where_there_is_nothing_to_damage() -> None:
    assert damage.name_twice("The Swedish ferry left in the morning, as ever.", Random(0)) is None
    assert damage.word_salad("Too few here.", Random(0)) is None
    assert damage.loop("No.", Random(0)) is None


def test_peers_that_are_installed_score_a_loop_higher() -> None:
    for name in ("zlib ratio", "datatrove Gopher repetition", "OpusFilter repetition"):
        peer = peers.PEERS[name]
        if peer.installed:
            assert peer.score("I want to go " * 30) > peer.score(SENTENCE)


def test_gophers_ratio_agrees_with_its_own_verdict() -> None:
    if not peers.PEERS["datatrove Gopher repetition"].installed:
        pytest.skip("needs datatrove and spacy")
    for text in (SENTENCE, "I want to go " * 30, "Short.", f"{SENTENCE}\n\n{SENTENCE}"):
        assert (peers.gopher_repetition(text) > 1) == peers.gopher_repetition_drops(text)


def test_the_tables_fill_the_page_and_leave_the_rest() -> None:
    found = {"loops auroc": {"value": 0.97, "low": 0.95, "high": 0.99}}
    rows = quality.systems_table({"loops auroc": quality.Figure("loops", 0.97)}, {"garble": found, "other": {}})
    assert rows.splitlines()[2:] == [
        "| garble | .970 (.950 to .990) |",
        "| other | not installed |",
        "| **to reach** | .97 |",
    ]
    page = quality.filled("Before.\n<!-- a -->\nold\n<!-- /a -->\nAfter.\n", {"a": rows})
    assert page == f"Before.\n<!-- a -->\n{rows}\n<!-- /a -->\nAfter.\n"
    assert quality.filled(page, {"a": rows}) == page
    with pytest.raises(ValueError, match="no <!-- b -->"):
        quality.filled(page, {"b": rows})


def test_the_page_has_a_place_for_every_table() -> None:
    page = quality.README.read_text(encoding="utf-8")
    for name in ("run", "goals", "catches", "made", "passages", "costs", "pairs", "words", "demetr", "ablation"):
        assert f"<!-- {name} -->" in page
        assert f"<!-- /{name} -->" in page
