"""How a scorecard, a network and a document are weighed together, in numbers; and what a finding says of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from random import Random
from typing import Any

import numpy as np
import pytest

import garble
from garble import scorer
from garble.columns.batch import Batch, Predictions
from garble.columns.lm import LanguageModel
from garble.errors import InputError
from garble.languages import ENGLISH
from garble.models.scorecard import NetworkSettings, Pooling, Scorecard, logit, sigmoid
from garble.scorer import _ScoredBatch, _SentenceScores, _Setup
from garble.signals import FEATURE_INDEX, FEATURES, Extraction, repetition
from garble.text.layout import HEADING, PROSE
from garble.text.segmentation import segment, whole

# The balanced threshold lies at log-odds of 0, and both features weigh what they measure.
LOOP, DOUBT = "repetition.loop", "fluency.unnatural"
RAMP = np.array([[-20.0, 20.0]] * 2)
POOLING = Pooling(lowest=-14.0, highest=0.0, mean=0.0, deviation=2.0, style=0.0, slope=1.0, offset=0.0)


def card(
    weight: float = 1.0, intercept: float = 0.0, unsure: float = 0.0, pooling: Pooling | None = POOLING
) -> Scorecard:
    network = NetworkSettings("", ((0.0, 1.0),) * 3, {"repetition": weight}, intercept, (), unsure, pooling)
    return Scorecard("x", "en", (LOOP, DOUBT), 0.0, RAMP, RAMP, {"balanced": 0.5}, POOLING, network)


class Script:
    """Stands in for a network that finds sentences as bad as it is told."""

    def __init__(self, doubts: list[float]) -> None:
        self.doubts, self.asked = np.array(doubts), []

    def predict(self, batch: Batch, asked: np.ndarray) -> Predictions:
        self.asked.append(np.flatnonzero(asked).tolist())
        none = np.zeros(len(batch.starts))
        return Predictions(none, none, np.where(asked, self.doubts, 0.0))


def batch_of(*sizes: int) -> Batch:
    """Documents of so many sentences, all different and in no loop."""
    rng = Random(0)

    def sentence() -> str:
        return " ".join("".join(rng.choices("abdeghilmnorstu", k=rng.randint(5, 8))) for _ in range(5)) + "."

    return Batch.of([segment(" ".join(sentence().capitalize() for _ in range(size))) for size in sizes])


def extraction_of(plain: list[float]) -> Extraction:
    features = np.zeros((len(plain), len(FEATURES)))
    features[:, FEATURE_INDEX[LOOP]] = plain
    return Extraction(features, {})


def weigh(
    plain: list[float],
    doubts: list[float],
    reader: str = "all",
    by: Scorecard | None = None,
    threshold: float = 0.5,
    **more: Any,
) -> tuple[_SentenceScores, Script]:
    batch = more.get("batch") or batch_of(len(plain))
    silent = more.get("silent", np.zeros((len(plain), 2), bool))
    script = Script(doubts)
    setup = _Setup(by or card(), (), None, script, reader, threshold)  # type: ignore[arg-type]
    return scorer._sentence_scores(batch, extraction_of(plain), silent, setup), script


@pytest.mark.parametrize(
    ("plain", "doubt", "weight", "intercept", "odds", "parts"),
    [
        # Both together.
        (-1.0, 2.0, 1.0, 0.0, 1.0, (-1.0, 2.0)),
        (-1.0, 1.0, 2.0, -0.5, -1.5, (-2.0, 1.0)),
        (-1.0, -3.0, 1.0, -9.0, -13.0, (-1.0, -3.0)),
        (-1.0, 1.0, 0.5, -9.0, -8.5, (-0.5, 1.0)),
        # What the scorecard alone flags counts; the network takes back 1 at most.
        (2.0, 1.0, 1.0, 0.0, 2.0, (2.0, 0.0)),
        (2.0, 0.0, 1.0, 5.0, 2.0, (2.0, 0.0)),
        (2.0, -0.5, 1.0, -1.0, 1.5, (2.0, -0.5)),
        (2.0, -1.0, 1.0, -1.0, 1.0, (2.0, -1.0)),
        (2.0, -3.0, 1.0, 0.0, 1.0, (2.0, -1.0)),
        (5.0, -20.0, 1.0, 0.0, 4.0, (5.0, -1.0)),
        (2.0, 1.0, 1.0, -5.0, 2.0, (2.0, 0.0)),
        # Or no longer flags with that taken back.
        (0.5, -1.0, 1.0, -9.0, -9.5, (0.5, -1.0)),
    ],
)
def test_what_a_sentence_comes_to_that_a_network_has_read(
    plain: float, doubt: float, weight: float, intercept: float, odds: float, parts: tuple[float, float]
) -> None:
    found, _ = weigh([plain], [doubt], by=card(weight, intercept))
    assert logit(found.scores) == pytest.approx([odds])
    assert found.contributions[0] == pytest.approx(parts)
    # Exact evidence has no joint score.
    assert found.is_joint.tolist() == [plain < 2.0]


@pytest.mark.parametrize(
    ("exact", "inexact", "doubt", "odds"),
    [
        # Without exact evidence the joint model decides.
        (0.0, 4.0, -3.0, -3.0),
        (1.0, 9.0, -4.0, -1.0),
        (0.9, 0.9, -0.5, -1.6),
        (3.5, -0.7, -3.0, -3.6),
        # With it the scorecard does; other signals help it by 1 at most, and the network takes back 1 at most.
        (2.5, 9.0, -0.5, 9.0),
        (1.6, 7.0, -0.5, 6.1),
        (3.5, 0.0, -3.0, 0.5),
        (1.2, 0.9, 5.0, 0.1),
    ],
)
def test_only_exact_evidence_counts_whatever_a_network_has_read(
    exact: float, inexact: float, doubt: float, odds: float
) -> None:
    names = ("repetition.phrase_twice", "repetition.repeated_word", DOUBT)
    network = NetworkSettings("", ((0.0, 1.0),) * 3, {"repetition": 0.5}, -2.0)
    by = Scorecard("x", "en", names, -2.0, RAMP[[0, 0, 0]], RAMP[[0, 0, 0]], {"balanced": 0.5}, None, network)
    features = np.zeros((1, len(FEATURES)))
    features[0, [FEATURE_INDEX[name] for name in names[:2]]] = exact, inexact
    setup = _Setup(by, (), None, Script([doubt]), "all", 0.5)  # type: ignore[arg-type]
    found = scorer._sentence_scores(batch_of(1), Extraction(features, {}), np.zeros((1, 3), bool), setup)
    assert logit(found.scores) == pytest.approx([odds])


@pytest.mark.parametrize(("loop", "odds"), [(0.0, -4.0), (0.1, 2.1)])
def test_in_a_loop_all_repetition_is_exact(loop: float, odds: float) -> None:
    names = ("repetition.loop", "repetition.repeated_word", DOUBT)
    network = NetworkSettings("", ((0.0, 1.0),) * 3, {"repetition": 0.5}, -2.0)
    by = Scorecard("x", "en", names, -2.0, RAMP[[0, 0, 0]], RAMP[[0, 0, 0]], {"balanced": 0.5}, None, network)
    features = np.zeros((1, len(FEATURES)))
    features[0, [FEATURE_INDEX[name] for name in names[:2]]] = loop, 5.0
    setup = _Setup(by, (), None, Script([-4.5]), "all", 0.5)  # type: ignore[arg-type]
    found = scorer._sentence_scores(batch_of(1), Extraction(features, {}), np.zeros((1, 3), bool), setup)
    assert logit(found.scores) == pytest.approx([odds])


def test_what_a_network_has_read_is_shown_on_a_scale() -> None:
    shown = replace(card(), network=replace(card().network, sentences=((-4.0, -2.0), (2.0, 0.0), (3.0, 4.0))))
    found, _ = weigh([-1.0] * 4, [-5.0, 0.0, 3.5, 6.0], by=shown)
    assert logit(found.scores) == pytest.approx([-4.0, -1.0, 2.0, 6.0])
    # The scorecard's own log-odds are on another.
    found, _ = weigh([1.0], [-0.5], by=shown)
    assert logit(found.scores) == pytest.approx([0.5])


SCALE = ((-4.0, -2.0), (2.0, 0.0), (3.0, 4.0))


@pytest.mark.parametrize(
    ("plain", "doubt", "odds"),
    [
        # Flagged as shown, so that the network takes 1 at most.
        (4.0, -3.0, 4.0),
        (2.5, 0.0, 2.0),
        # Flagged before the scale, but not on it: joint log-odds decide.
        (1.0, 0.0, 1.0),
        (1.0, -3.0, -2.0),
    ],
)
def test_what_a_scorecard_finds_is_shown_on_a_scale(plain: float, doubt: float, odds: float) -> None:
    found, _ = weigh([plain], [doubt], by=replace(card(), scale=SCALE))
    assert logit(found.scores) == pytest.approx([odds])


def test_sentences_that_are_not_read_are_shown_on_the_scale_of_the_scorecard() -> None:
    shown = replace(card(), scale=SCALE)
    silent = np.array([[False, True]] * 3)
    expected = [-4.0, -1.0, 5.0]
    found, _ = weigh([-6.0, -1.0, 4.0], [9.0] * 3, by=shown, silent=silent)
    assert logit(found.scores) == pytest.approx(expected)
    off = replace(shown.without([DOUBT]), network=None)
    found, _ = weigh([-6.0, -1.0, 4.0], [9.0] * 3, by=off, silent=np.zeros((3, 1), bool))
    assert logit(found.scores) == pytest.approx(expected)
    assert logit(off.predict(np.array([[-6.0], [-1.0], [4.0]]))) == pytest.approx(expected)


def test_sentences_of_code_or_in_another_script_are_not_read() -> None:
    document = segment(
        "Set `a_b`, `c_d` or `e_f` in `g_h`. The names of the files are read from `max_size`.\n\n"
        "构造配对偏好样本的映射器，通过生成一个被拒绝的回答及其原因。\n\nМост закрыт до конца июня.\n\n"
        "The word 桥 means a bridge in the old town.\n\nPlease set `a_b` first.",
        "markdown",
    )
    found, script = weigh([-1.0] * 6, [9.0] * 6, batch=Batch.of([document]))
    assert script.asked == [[1, 4]]
    # Of the last one a quarter is code.
    assert found.is_joint.tolist() == [False, True, False, False, True, False]


def test_sentences_that_are_mostly_loops_are_not_read() -> None:
    text = (
        f"It is late, and we must leave. {'We go home and ' * 20}sleep. Then we eat, drink, eat, drink and talk of it."
    )
    found, script = weigh([-1.0] * 3, [9.0] * 3, batch=Batch.of([segment(text)]))
    assert script.asked == [[0, 2]]
    assert found.is_joint.tolist() == [True, False, True]
    assert logit(found.scores) == pytest.approx([8.0, -1.0, 8.0])


def test_what_is_silent_is_not_read_and_adds_nothing() -> None:
    silent = np.array([[False, True], [True, False], [True, True], [False, False]])
    found, script = weigh([-1.0] * 4, [9.0] * 4, by=replace(card(), thresholds={"balanced": 0.6}), silent=silent)
    assert script.asked == [[1, 3]]
    assert found.is_joint.tolist() == [False, True, False, True]
    assert found.contributions == pytest.approx(np.array([[-1.0, 0], [0, 9], [0, 0], [-1, 9]]))
    assert logit(found.scores) == pytest.approx([-1.0, 9.0, 0.0, 8.0])


def test_without_a_network_the_scorecard_scores_alone() -> None:
    plain = extraction_of([-1.0, 2.0])
    alone = card().without([DOUBT])
    for setup in (
        _Setup(alone, (), None, None, "off", 0.5),
        _Setup(replace(alone, network=None), (), None, None, "all", 0.5),
    ):  # type: ignore[arg-type]
        found = scorer._sentence_scores(batch_of(2), plain, np.zeros((2, 1), bool), setup)
        assert logit(found.scores) == pytest.approx([-1.0, 2.0])
        assert not found.is_joint.any()


# Which sentences are read.


def test_a_document_is_read_in_growing_samples_what_is_flagged_first() -> None:
    flagged = {30, 7, 19}
    plain = [1.0 if i in flagged else -1.0 for i in range(40)]
    # Garbled throughout, so that all of it is read: 8 sentences, then 8 more, 16, and the rest.
    found, script = weigh(plain, [5.0] * 40, "unsure")
    assert [len(some) for some in script.asked] == [8, 8, 16, 8]
    assert flagged < set(script.asked[0])
    assert sorted(chain.from_iterable(script.asked)) == list(range(40))
    assert np.flatnonzero(~found.is_joint).tolist() == sorted(flagged)
    # The others by chance, but always the same.
    assert script.asked[0] != sorted(flagged | set(range(5)))
    assert weigh(plain, [5.0] * 40, "unsure")[1].asked == script.asked


def test_reading_stops_when_a_document_is_surely_clean() -> None:
    found, script = weigh([1.0] + [-1.0] * 39, [-9.0] * 40, "unsure")
    assert [len(some) for some in script.asked] == [8]
    assert found.is_joint.sum() == 7
    # With no way to pool nothing is sure.
    _, script = weigh([1.0] + [-1.0] * 39, [-9.0] * 40, "unsure", card(pooling=None))
    assert sum(map(len, script.asked)) == 40


@pytest.mark.parametrize(
    ("plain", "unsure", "is_read"),
    [
        # A flagged sentence.
        ([-9.0, -9.0, 0.0, -9.0], 9.0, True),
        ([-9.0, -9.0, -0.1, -9.0], 9.0, False),
        # The mean of four, in deviations of 1.
        ([-1.0] * 4, -1.0, True),
        ([-1.0] * 4, -0.99, False),
        ([-3.0, -1.0, -1.0, -1.0], -1.5, True),
        # The mean of sixteen, in deviations of a half.
        ([-1.0] * 16, -2.0, True),
        ([-1.0] * 16, -1.99, False),
    ],
)
def test_a_document_is_worth_reading_where_the_scorecard_is_unsure_of_it(
    plain: list[float], unsure: float, is_read: bool
) -> None:
    _, script = weigh(plain, [0.0] * len(plain), "unsure", card(unsure=unsure))
    assert bool(script.asked) == is_read


def test_one_document_in_fifty_is_read_whatever_the_scorecard_says() -> None:
    batch = batch_of(*[1] * 2000)
    _, script = weigh([-9.0] * 2000, [0.0] * 2000, "unsure", card(unsure=99.0), batch=batch)
    assert 20 <= sum(map(len, script.asked)) <= 60


def test_sentences_that_are_silent_do_not_make_a_document_worth_reading() -> None:
    silent = np.array([[False, True]] * 2 + [[False, False]] * 4)
    _, script = weigh([5.0] * 2 + [-1.0] * 4, [0.0] * 6, "unsure", card(unsure=-1.0), silent=silent)
    assert script.asked == [[2, 3, 4, 5]]
    _, script = weigh([5.0] * 2 + [-1.0] * 4, [0.0] * 6, "unsure", card(unsure=-0.9), silent=silent)
    assert script.asked == []


@pytest.mark.parametrize(
    ("odds", "read", "size", "threshold", "is_clean"),
    [
        # 2.6 standard errors of four out of eight, of a deviation of 2: 1.8385 below 0.
        (-1.84, 4, 8, 0.5, True),
        (-1.83, 4, 8, 0.5, False),
        # Of four out of four there is no error.
        (-0.01, 4, 4, 0.5, True),
        (0.01, 4, 4, 0.5, False),
        # Of one out of sixteen: 5.035 below.
        (-5.04, 1, 16, 0.5, True),
        (-5.03, 1, 16, 0.5, False),
        # A document of sixteen has a score of .8808, which is an excess of 2, at a mean of 1.
        (0.99, 16, 16, float(sigmoid(np.array(2.0))), True),
        (1.01, 16, 16, float(sigmoid(np.array(2.0))), False),
        (-9.0, 0, 4, 0.5, False),
    ],
)
def test_a_document_is_surely_clean_when_its_sample_lies_so_far_below(
    odds: float, read: int, size: int, threshold: float, is_clean: bool
) -> None:
    mask = np.arange(size) < read
    # Five lower, as log-odds above 0 count as 0.
    scores = sigmoid(np.where(mask, odds - 5, 5.0))
    weighed = _SentenceScores(extraction_of([0.0] * size), np.zeros((size, 2)), scores, mask)
    lower = card(pooling=replace(POOLING, mean=-5.0))
    setup = _Setup(lower, (), None, None, "unsure", threshold)  # type: ignore[arg-type]
    assert scorer._surely_clean(batch_of(size), weighed, np.ones(size, bool), setup).tolist() == [is_clean]


# What a document adds to its sentences.


@pytest.mark.parametrize(
    ("odds", "offset", "added"),
    [
        ([0.0] * 4, 1.0, 1.0),
        ([0.0] * 4, 9.0, 2.5),
        ([0.0] * 4, -1.0, 0.0),
        # Fewer than four sentences make no such document.
        ([0.0] * 3, 2.0, 0.0),
        # Means of sentences that are sound, as 0 counts what is garbled.
        ([5.0, 5.0, -2.0, -2.0], 2.0, 1.0),
        ([-1.0] * 4, 2.0, 1.0),
        ([-2.0] * 4, 2.0, 0.0),
    ],
)
def test_a_document_raises_its_sentences(odds: list[float], offset: float, added: float) -> None:
    size = len(odds)
    weighed = _SentenceScores(extraction_of(odds), np.zeros((size, 2)), sigmoid(np.array(odds)), np.ones(size, bool))
    pooled = card(pooling=replace(POOLING, offset=offset))
    scores, raised = scorer._in_context(batch_of(size), weighed, np.full(size, PROSE), pooled)
    assert raised == pytest.approx(np.full(size, added))
    assert logit(scores) == pytest.approx(np.array(odds) + added)


def test_what_comes_twice_makes_no_other_sentence_of_a_document_suspect() -> None:
    paragraph = (
        "Tell us in a few lines how the glaze on this bowl was mixed and fired. Firing brings the blue out of most "
        "grey clays of the coast. You would wonder how even clumsy beginners pull tall vases from wet lumps. "
        "Such bowls do as a present or as a dish for soup, and so quick to rinse."
    )
    report = garble.score(f"{paragraph}\n\n{paragraph}\n\nNo letters about this have come in so far.")
    flagged = [number for number, sentence in enumerate(report.sentences) if sentence.garbled]
    assert (len(report.sentences), flagged) == (9, [4, 5, 7])
    assert not report.garbled


def test_a_document_raises_its_sentences_by_what_it_exceeds_the_balanced_threshold_by() -> None:
    weighed = _SentenceScores(extraction_of([0.0] * 4), np.zeros((4, 2)), sigmoid(np.zeros(4)), np.ones(4, bool))
    at = float(sigmoid(np.array(0.75)))
    pooled = replace(card(pooling=replace(POOLING, offset=2.0)), thresholds={"balanced": at})
    scores, raised = scorer._in_context(batch_of(4), weighed, np.full(4, PROSE), pooled)
    assert raised == pytest.approx([1.25] * 4)
    assert logit(scores) == pytest.approx([1.25] * 4)


def test_a_document_raises_what_was_read_of_its_prose_alone() -> None:
    read = np.array([True] * 5 + [False])
    kinds = np.array([HEADING] + [PROSE] * 5)
    weighed = _SentenceScores(extraction_of([0.0] * 6), np.zeros((6, 2)), sigmoid(np.zeros(6)), read)
    pooled = card(pooling=replace(POOLING, offset=2.0))
    scores, raised = scorer._in_context(batch_of(6), weighed, kinds, pooled)
    assert raised[:5].tolist() == [0.0, 2.0, 2.0, 2.0, 2.0]
    assert np.isnan(raised[5])
    assert logit(scores) == pytest.approx([0, 2, 2, 2, 2, 0])
    for other in (card(pooling=None), replace(pooled, network=None)):
        scores, raised = scorer._in_context(batch_of(6), weighed, kinds, other)
        assert scores is weighed.scores
        assert raised[:5].tolist() == [0.0] * 5


def test_documents_raise_their_own_sentences() -> None:
    odds = [0.0] * 4 + [-5.0] * 4
    weighed = _SentenceScores(extraction_of(odds), np.zeros((8, 2)), sigmoid(np.array(odds)), np.ones(8, bool))
    pooled = card(pooling=replace(POOLING, offset=1.0))
    _, raised = scorer._in_context(batch_of(4, 4), weighed, np.full(8, PROSE), pooled)
    assert raised.tolist() == [1.0] * 4 + [0.0] * 4


def test_a_document_that_is_mostly_verse_raises_nothing() -> None:
    stanza = "I saw the {} go by, And heard the gulls again, And all the sea was grey."
    prose = (
        "It is late in the day now. We go home by the road that we know. " * 2
        + "Who sings there so late? I cannot say."
    )
    verse = [stanza.format(name) for name in ("ships", "boats", "sails")]
    batch = Batch.of([segment("\n\n".join([*verse, prose])), segment("\n\n".join([verse[0], prose]))])
    size = len(batch)
    is_read = batch.kind == PROSE
    weighed = _SentenceScores(extraction_of([0.0] * size), np.zeros((size, 2)), sigmoid(np.zeros(size)), is_read)
    _, raised = scorer._in_context(batch, weighed, batch.kind, card(pooling=replace(POOLING, offset=1.0)))
    assert raised[batch.kind == PROSE].tolist() == [0.0] * 6 + [1.0] * 6


# What is said of a sentence.


def found_in(text: str, contributions: list[float], marks: str) -> list[tuple[str, str, float, float]]:
    """Signal, place, value and contribution of what is found in a sentence. marks: an x for each token marked."""
    document = whole(text)
    batch = Batch.of([document])
    values = {LOOP: np.array([mark == "x" for mark in marks]), DOUBT: np.zeros(1)}
    features = np.zeros((1, len(FEATURE_INDEX)))
    features[0, FEATURE_INDEX[LOOP]], features[0, FEATURE_INDEX[DOUBT]] = 0.25, 7.0
    scored = _ScoredBatch(
        [document], batch, Extraction(features, values), np.array([contributions]), np.ones(1), np.zeros(1)
    )
    (findings,) = scorer._findings(scored, card(), np.array([0])).values()
    return [(f.signal, text[f.start : f.end], f.value, f.contribution) for f in findings]


@pytest.mark.parametrize(
    ("contributions", "marks", "expected"),
    [
        ([1.0, 0.0], "xx..", [(LOOP, "aa bb", 0.25, 1.0)]),
        # Shared out over the runs by their characters.
        ([1.6, 0.0], "x.x.", [(LOOP, "aa", 0.25, 0.8), (LOOP, "cc", 0.25, 0.8)]),
        ([1.6, 0.0], "xx.x", [(LOOP, "aa bb", 0.25, 1.0), (LOOP, "ddd", 0.25, 0.6)]),
        # The strongest signal first.
        ([1.0, 2.0], "x...", [(DOUBT, "aa bb cc ddd", 7.0, 2.0), (LOOP, "aa", 0.25, 1.0)]),
        ([2.0, 2.0], "x...", [(LOOP, "aa", 0.25, 2.0), (DOUBT, "aa bb cc ddd", 7.0, 2.0)]),
        # A quarter of a unit is worth telling.
        ([0.25, 0.25], "x...", [(LOOP, "aa", 0.25, 0.25), (DOUBT, "aa bb cc ddd", 7.0, 0.25)]),
        ([0.24, -3.0], "x...", []),
    ],
)
def test_findings_share_out_what_a_signal_added(
    contributions: list[float], marks: str, expected: list[tuple[str, str, float, float]]
) -> None:
    found = found_in("aa bb cc ddd", contributions, marks)
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    assert [row[3] for row in found] == pytest.approx([row[3] for row in expected])


@pytest.mark.parametrize(
    ("span", "quoted"),
    [
        ("to to  to\nto", "to to to to"),
        ("x" * 60, "x" * 60),
        ("x" * 61, f"{'x' * 30} … {'x' * 30}"),
        (f"{'x' * 29} {'y' * 40} {'z' * 29}", f"{'x' * 29} … {'z' * 29}"),
    ],
)
def test_a_reason_quotes_sixty_characters(span: str, quoted: str) -> None:
    assert scorer._reason(repetition.loop, span) == repetition.loop.reason.replace("{span}", quoted)


def test_words_are_counted_by_document(english: LanguageModel) -> None:
    batch = Batch.of([segment("The xqzt, of rain. It fell."), segment(""), segment("Snow 12!")], english)
    assert scorer._words(batch).tolist() == [[6, 5, 3, 2, 0], [0] * 5, [1, 1, 0, 0, 0]]


@pytest.mark.parametrize(("lines", "sentences", "said"), [(4, 9, "more than 3 lines"), (3, 2, "3 sentences; limit 2")])
def test_a_text_of_more_lines_or_sentences_than_memory_is_promised_for_is_refused(
    lines: int, sentences: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scorer, "_MOST_LINES", 3)
    monkeypatch.setattr(scorer, "MOST_SENTENCES", sentences)
    text = "\n\n".join(f"He went {i}." for i in range(lines))
    with pytest.raises(InputError, match=said):
        scorer._checked_document(text, "text", ENGLISH)
    # Blank lines are no lines, and as many as are promised pass.
    assert len(scorer._checked_document("\n\n\n\n\nHe went.\n\nShe went.\n\n\n\n", "text", ENGLISH).sentences) == 2
