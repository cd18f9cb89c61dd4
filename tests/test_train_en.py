"""The project's own training, on data of the same layout and a thousandth of the size."""

from __future__ import annotations

import json
import lzma
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from conftest import documents

from garble.models import scorecard
from garble.models.scorecard import NetworkSettings, Scorecard, logit, scaled, sigmoid
from garble.scorer import Scorer
from garble.signals import FEATURE_INDEX, FEATURES
from garble.text.segmentation import segment
from garble.training import examples, language_model, panels, pooling, train
from garble.training.corrupt import corrupt
from garble.training.fitting import BY_HAND, extended
from garble.verdict import SEVERAL


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts of the seeds in the files that training reads; every other sentence of mlqe is damaged."""
    folder = tmp_path_factory.mktemp("data")
    rng = Random(0)
    texts = documents(140)
    for name in ("press", "fiction"):
        write(folder / "lm" / f"{name}.jsonl.xz", [{"text": text, "doc": f"{name}{i}"} for i, text in enumerate(texts)])
    write(folder / "fit" / "human.jsonl.xz", [{"text": t, "kind": "news", "doc": f"n{i}"} for i, t in enumerate(texts)])
    for name in ("human", "panel2"):
        kind = {"human": "news", "panel2": "poetry"}[name]
        rows = [{"text": t, "kind": kind, "doc": f"{kind}{i}", "lang": "en"} for i, t in enumerate(texts[:70])]
        write(folder / "dev" / f"{name}.jsonl.xz", rows)
    sentences = [s for text in texts[:40] for s in segment(text).slices()]
    pairs = []
    for i, sentence in enumerate(sentences):
        bad = corrupt(sentence, rng, sentences[i - 1 : i]) if i % 2 else sentence
        pairs.append(
            {
                "text": bad,
                "tokenised": bad,
                "post_edit": sentence,
                "da": 10 if i % 2 else 90,
                "hter": 0.5 if i % 2 else 0.0,
                "lp": ("ro-en", "et-en")[i % 4 < 2],
                "doc": f"d{i}",
            }
        )
    write(folder / "fit" / "mlqe.jsonl.xz", pairs)
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A model learnt from that, and what was logged."""
    log: list[str] = []
    out = tmp_path_factory.mktemp("trained") / "model"
    with pytest.MonkeyPatch.context() as patched:
        # To part words into more classes takes longer.
        patched.setattr(language_model, "_CLASSES", 32)
        train.train_en(data, out, 0, log.append)
    return out, log


def test_the_model_is_whole_and_sealed(trained: tuple[Path, list[str]]) -> None:
    out, log = trained
    assert sorted(path.name for path in out.iterdir()) == ["lm.npz", "scorecard.json"]
    card = scorecard.load(out / "scorecard.json")
    scorecard.check_files(out, card)
    assert card.files.keys() == {"lm.npz"}
    assert (card.name, card.features) == ("en-2", FEATURES)
    assert set(card.thresholds) == set(panels.COSTS)
    assert [line.split()[0] for line in log] == [
        "counting",
        log[1].split()[0],
        "fitting",
        "thresholds",
        "news,",
        "poetry,",
    ]


def test_a_language_model_is_reused(data: Path, trained: tuple[Path, list[str]], tmp_path: Path) -> None:
    train.train_en(data, tmp_path, 0, lambda line: None, trained[0] / "lm.npz")
    for name in ("lm.npz", "scorecard.json"):
        assert (tmp_path / name).read_bytes() == (trained[0] / name).read_bytes()


def test_the_model_tells_loops_from_the_same_sentences_without(trained: tuple[Path, list[str]]) -> None:
    clean = segment(documents(1)[0]).slices()
    looped = [f"{sentence[:-1]} to to to to to to." for sentence in clean]
    scorer = Scorer(trained[0])
    assert (scorer.score_sentences(looped) > scorer.score_sentences(clean) + 0.2).all()


def test_thresholds_flag_the_shares_of_the_panel_that_they_may(data: Path, trained: tuple[Path, list[str]]) -> None:
    scorer = Scorer(trained[0], without=BY_HAND)
    scores = panels.panel_scores(scorer, panels.panel_of(data))
    thresholds = scorer.card.thresholds
    assert thresholds["loose"] < thresholds["balanced"] <= thresholds["strict"]
    for name, cost in panels.COSTS.items():
        assert (np.concatenate(list(scores.values())) >= thresholds[name]).mean() <= cost
    # News are too few to tell a thousandth.
    for name in ("balanced", "loose"):
        assert (scores["news"] >= thresholds[name]).mean() <= panels.COSTS[name]


def test_a_near_copy_of_a_text_is_not_in_the_panel_again(tmp_path: Path) -> None:
    one, other = documents(2)
    half = " ".join([*one.split()[: len(one.split()) // 3], *other.split()])
    texts = [one, f"{one} The end.", other, one.upper(), half]
    for name, kind in (("human", "news"), ("panel2", "poetry")):
        write(tmp_path / "dev" / f"{name}.jsonl.xz", [{"text": text, "kind": kind, "lang": "en"} for text in texts])
    kept = [(record["kind"], record["text"]) for record in panels.panel_of(tmp_path)]
    # A copy in another kind counts there.
    assert kept == [(kind, text) for kind in ("news", "poetry") for text in (one, other, one.upper())]


def test_learners_sentences_that_need_rewriting_set_no_threshold(tmp_path: Path) -> None:
    one, other, third = documents(3)
    records = [
        {"text": one, "kind": "learner sentence", "source": "jfleg.dev"},
        {"text": other, "kind": "learner sentence", "source": "gug"},
        {"text": third, "kind": "news"},
    ]
    write(tmp_path / "dev" / "human.jsonl.xz", records)
    write(tmp_path / "dev" / "panel2.jsonl.xz", [])
    assert [record["text"] for record in panels.panel_of(tmp_path)] == [other, third]


def test_only_documents_that_are_scaled_set_the_scale(trained: tuple[Path, list[str]]) -> None:
    sentences = segment(documents(1)[0]).slices()[:SEVERAL]
    records = [{"text": " ".join(sentences[:n]), "kind": "news"} for n in (1, SEVERAL - 1, SEVERAL)]
    scorer = Scorer(trained[0])
    assert scorer.card.pooling is not None
    for scores in panels.document_scores(scorer, scorer.card.pooling, records):
        assert len(scores["news"]) == 1


def test_pooling_is_fitted_on_documents_of_people_and_on_bad_translations(
    data: Path, trained: tuple[Path, list[str]]
) -> None:
    card = scorecard.load(trained[0] / "scorecard.json")
    found = card.pooling
    assert found is not None
    again = pooling.fit_pooling(Scorer(trained[0], threshold=1.0), data, Random(0), examples.CHARACTERS_A_KIND, 0.02)
    assert replace(found, scale=()) == again
    human = pooling.prose_scores(Scorer(trained[0]), examples.human_texts(data, Random(0)))
    odds = logit(np.concatenate([scores for scores in human if len(scores) >= 4]))
    balanced = float(logit(np.array(panels.LEVELS["balanced"])))
    assert (found.lowest, found.highest) == pytest.approx((float(np.quantile(odds, 0.02)), balanced))
    odds = np.clip(odds, found.lowest, found.highest)
    assert (found.mean, found.deviation) == pytest.approx((odds.mean(), odds.std()))
    assert found.slope > 0
    assert found.score(sigmoid(np.full(10, 4.0))) > 0.5 > found.score(sigmoid(np.full(10, found.mean)))


def test_only_documents_of_four_sentences_and_bad_translations_are_pooled(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Human documents of log-odds -3, -4 and -1, of which -4 is cut off; what is translated badly has 0.
    human = [sigmoid(np.full(n, odds)) for n, odds in ((3, 9.0), (4, -3.0), (4, -4.0), (4, -1.0))]
    monkeypatch.setattr(pooling, "prose_scores", lambda scorer, texts: human)

    class Constant:
        card = Scorecard("x", "en", (), 0.0, np.zeros((0, 2)), np.zeros((0, 2)), {"balanced": 0.5})

        def score_sentences(self, texts: list[str]) -> np.ndarray:
            return sigmoid(np.full(len(texts), 0.0))

    found = pooling.fit_pooling(Constant(), data, Random(0), 1000, 0.5)  # type: ignore[arg-type]
    assert (found.lowest, found.highest) == pytest.approx((-3.0, 0.0))
    assert (found.mean, found.deviation) == pytest.approx((-7 / 3, np.sqrt(8) / 3))
    # The variance of the means less what chance gives means of four.
    assert found.style == pytest.approx(np.sqrt(8 / 9 * (1 - 1 / 4)))


@pytest.mark.parametrize(
    ("scores", "count", "expected"),
    [
        (np.arange(100) / 100, 0, 0.9901),
        (np.arange(100) / 100, 1, 0.9801),
        (np.arange(100) / 100, 5, 0.9401),
        (np.arange(1000) / 1000, 1, 0.9981),
    ],
)
def test_a_threshold_lies_just_above_the_scores_that_may_not_reach_it(
    scores: np.ndarray, count: int, expected: float
) -> None:
    found = panels._reached_by(scores, count)
    assert found == pytest.approx(expected)
    assert (scores >= found).sum() <= count


def test_a_network_costs_what_exact_evidence_leaves_of_each_kind() -> None:
    rng = np.random.default_rng(0)
    size = {"news": 5000, "law": 5000, "court": 5000, "few": 20}
    alone = {kind: sigmoid(rng.normal(-3, 1.5, count)) for kind, count in size.items()}
    joint = {kind: rng.normal(-5, 3, count) for kind, count in size.items()}
    unread = {kind: rng.random(count) < 0.1 for kind, count in size.items()}
    # Of the law, exact evidence flags twice what it may: a fifth of that may be added.
    exact = {kind: np.arange(count) < (100 if kind == "law" else 0) for kind, count in size.items()}
    # Too few to measure a share, and as unusual as they may be.
    joint["few"] += 20
    together = {
        kind: np.select(
            [exact[kind], unread[kind]], [0.9, alone[kind] + 1e-12], sigmoid(scaled(joint[kind], panels.SQUEEZED))
        )
        for kind in size
    }
    scale = panels.sentence_scale(alone, together)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(scale))
    assert scale[0] == pytest.approx((-5, -5), abs=0.1)
    for (raw, shown), name in zip(scale[1:], ("loose", "balanced", "strict"), strict=True):
        assert sigmoid(np.array(shown)) == pytest.approx(panels.LEVELS[name], abs=1e-4)
        for kind in ("news", "law", "court"):
            by_network = (joint[kind] >= raw) & ~unread[kind] & ~exact[kind]
            flagged = exact[kind].mean() if panels.LEVELS[name] <= 0.9 else 0.0
            flagged += (unread[kind] & ~exact[kind] & (alone[kind] >= panels.LEVELS[name])).mean()
            may = panels.COSTS[name]
            assert by_network.mean() <= max(may - flagged, 0.2 * may) + 1e-9
    reached = [
        ((joint[kind] >= scale[2][0]) & ~unread[kind] & ~exact[kind]).mean() for kind in ("news", "law", "court")
    ]
    assert max(reached) > 0.15 * panels.COSTS["balanced"]


def test_a_network_is_weighed_on_what_the_scorecard_does_not_flag() -> None:
    rng = np.random.default_rng(0)
    names = ("repetition.loop", "fluency.rarity.level")
    ramp = np.tile(np.linspace(0, 10, 7), (2, 1))
    card = Scorecard("x", "en", names, -2.0, ramp, ramp, {"balanced": 0.5}, network=NetworkSettings("", ()))
    x = np.zeros((4000, len(FEATURE_INDEX)))
    garbled = rng.random(4000) < 0.3
    doubt, loop = FEATURE_INDEX["fluency.unnatural"], FEATURE_INDEX["repetition.loop"]
    x[:, doubt] = np.where(garbled, rng.normal(2, 1, 4000), rng.normal(-1, 1, 4000))
    # Rare words stand in clean sentences here: that is not to count for a sentence.
    x[:, FEATURE_INDEX["fluency.rarity.level"]] = rng.random(4000) * np.where(garbled, 0.5, 1.5)
    # Loops are flagged; the network knows nothing of them.
    x[:500, loop], garbled[:500], x[:500, doubt] = 8.0, True, -2.0
    pairs = x[:10] + np.eye(len(FEATURE_INDEX))[doubt], x[:10]
    found = extended(card, x, garbled, ("fluency.unnatural",), pairs)
    assert found.network is not None
    assert set(found.network.weights) == {"repetition", "fluency"}
    assert found.network.weights["fluency"] == 0
    # What is doubted more never counts less, and 0 counts as nothing.
    assert (np.diff(found.weights[-1]) >= 0).all()
    assert np.interp(0, found.knots[-1], found.weights[-1]) == pytest.approx(0)
    odds = found.network.intercept + np.interp(x[500:, doubt], found.knots[-1], found.weights[-1])
    assert ((odds > 0) == garbled[500:]).mean() > 0.9


def test_shares_are_measured_at_thresholds_read_off_the_other_half() -> None:
    low, high = {"news": np.arange(100) / 200}, {"news": 0.5 + np.arange(100) / 200}
    found = panels.cross_fitted([low, high], "news")
    # All of the higher half reach the thresholds of the lower, and none of the lower those of the higher.
    assert found == dict.fromkeys(panels.COSTS, 0.5)


def test_texts_are_thinned_by_kind() -> None:
    texts = [("b", "xxxx"), ("a", "yy"), ("b", "zzz"), ("a", "w" * 9), ("b", "v"), ("c", "u" * 20)]
    assert examples.thinned(texts, 6) == ["yy", "xxxx", "v", "u" * 20]


def test_a_folder_is_replaced_when_all_is_written(tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "a").write_text("old")
    with suppress(OSError), train.written_whole(out) as part:
        (part / "a").write_text("new")
        raise OSError("disk full")
    assert [path.read_text() for path in out.iterdir()] == ["old"]
    with train.written_whole(out) as part:
        (part / "a").write_text("new")
        assert (out / "a").read_text() == "old"
    assert [path.read_text() for path in out.iterdir()] == ["new"]
