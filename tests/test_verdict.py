"""What a document comes to: its score from those of its sentences, at every edge of the rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from garble.columns.batch import Batch
from garble.languages import load
from garble.models.scorecard import NetworkSettings, Pooling, Scorecard, logit, sigmoid
from garble.report.findings import ScoredSentence, passages_of
from garble.text.layout import KINDS
from garble.text.periodic import Loop
from garble.text.segmentation import segment
from garble.training.panels import COSTS_OF_DOCUMENTS, document_scales
from garble.verdict import disabled, document_score, effective_kinds, looped_prose, split_fragments

BAD, SOUND = 0.9, 0.2
UNREAD = float("nan")
# The excess of n sentences of log-odds m is (4 + m) * sqrt(n / 4), and the score of a document of excess 0 sigmoid(-2).
POOLING = Pooling(lowest=-14.0, highest=0.0, mean=-4.0, deviation=2.0, style=0.0, slope=1.0, offset=-2.0)
NETWORK = NetworkSettings("en", ((0.0, 1.0),) * 3, pooling=POOLING)


def card(pooling: Pooling | None = None, network: NetworkSettings | None = None) -> Scorecard:
    """A scorecard that has nothing but thresholds and ways to pool."""
    none = np.zeros((0, 2))
    return Scorecard("x", "en", (), 0.0, none, none, {"loose": 0.4, "balanced": 0.5}, pooling, network)


def sentences(rows: Sequence[tuple[int, float] | tuple[int, float, str]]) -> list[ScoredSentence]:
    """Sentences of so many characters, with these scores and kinds."""
    return [ScoredSentence(7, 7 + size, "x" * size, score, False, *(kind or ["prose"])) for size, score, *kind in rows]


def score(rows: Sequence[tuple[int, float] | tuple[int, float, str]], looped: float = 0.0) -> float:
    return document_score(sentences(rows), card(), [UNREAD] * len(rows), looped)


@pytest.mark.parametrize(
    ("bad", "sound", "expected"),
    [
        # A tenth of the prose.
        (2, 18, BAD),
        (2, 19, SOUND),
        (3, 27, BAD),
        (2, 28, SOUND),
        (3, 28, SOUND),
        (10, 90, BAD),
        (9, 91, SOUND),
        # Half of the prose where there are three sentences or fewer; two sentences where there are more.
        (1, 0, BAD),
        (1, 1, BAD),
        (1, 2, SOUND),
        (2, 1, BAD),
        (1, 3, SOUND),
        (2, 2, BAD),
        (1, 9, SOUND),
        (2, 8, BAD),
        (0, 4, SOUND),
    ],
)
def test_a_document_is_as_garbled_as_the_worst_tenth_of_its_prose(bad: int, sound: int, expected: float) -> None:
    assert score([(10, SOUND)] * sound + [(10, BAD)] * bad) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Characters count, not sentences.
        ([(50, BAD), (50, 0.8), (900, SOUND), (10, SOUND)], SOUND),
        ([(51, BAD), (51, 0.8), (900, SOUND), (10, SOUND)], 0.8),
        ([(500, BAD), (10, 0.8), (10, 0.7), (10, 0.6)], 0.8),
        ([(10, BAD), (10, 0.8), (10, 0.7), (210, SOUND)], 0.7),
        # Of three sentences or fewer half.
        ([(49, BAD), (51, SOUND)], SOUND),
        ([(50, BAD), (50, SOUND)], BAD),
        ([(30, BAD), (20, 0.8), (50, SOUND)], 0.8),
        # What is no prose neither counts nor makes a document longer.
        ([(10, BAD, "heading"), (10, SOUND)], SOUND),
        ([(10, BAD), *[(100, 0.0, "heading")] * 9], BAD),
        ([(10, BAD, "heading")], 0.0),
        ([(10, BAD, "boilerplate"), (10, BAD, "table")], 0.0),
        ([], 0.0),
    ],
)
def test_the_worst_tenth_is_counted_in_characters_of_prose(
    rows: list[tuple[int, float] | tuple[int, float, str]], expected: float
) -> None:
    assert score(rows) == expected


@pytest.mark.parametrize(
    ("looped", "expected"), [(0.05, 0.0), (0.1, 0.0), (0.15, 0.4995), (0.19, 0.8991), (0.2, 0.999), (1.0, 0.999)]
)
def test_a_document_of_which_a_fifth_is_loops_is_garbled(looped: float, expected: float) -> None:
    assert score([(10, 0.3, "heading")], looped) == pytest.approx(expected)
    assert score([(10, 0.3)], looped) == pytest.approx(max(expected, 0.3))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Log-odds of -1 in all of n sentences: an excess of (4 - 1) * sqrt(n / 4).
        ([-1.0] * 4, 3 - 2),
        ([-1.0] * 16, 6 - 2),
        ([-2.0] * 64, 8 - 2),
        ([-2.0, -2.0, 0.0, 0.0], 3 - 2),
        # One that is certain counts no more than one that is even.
        ([-4.0, -4.0, -4.0, 9.0], 1 - 2),
        # Fewer than four are not pooled: the worst decides.
        ([1.0] * 3, 1.0),
        ([-1.0] * 3, -1.0),
    ],
)
def test_sentences_are_pooled_from_four_on(rows: list[float], expected: float) -> None:
    said = sentences([(10, float(sigmoid(np.array(odds)))) for odds in rows])
    # A threshold that nothing reaches leaves the worst sentences out.
    strict = Scorecard("x", "en", (), 0.0, np.zeros((0, 2)), np.zeros((0, 2)), {"loose": 1.0}, POOLING)
    assert logit(np.array(document_score(said, strict, [UNREAD] * len(rows)))) == pytest.approx(expected)


@pytest.mark.parametrize(("worst", "expected"), [(0.39, None), (0.4, 0.4), (0.41, 0.41), (0.9, 0.9)])
def test_worst_sentences_below_the_loose_threshold_say_nothing_of_a_pooled_document(
    worst: float, expected: float | None
) -> None:
    said = sentences([(10, worst), (10, worst), (10, 0.0001), (10, 0.0001)])
    pooled = POOLING.score(np.array([s.score for s in said]))
    assert pooled < 0.15
    assert document_score(said, card(POOLING), [UNREAD] * 4) == pytest.approx(pooled if expected is None else expected)


def test_loops_and_pooled_sentences_count_whichever_says_more() -> None:
    said = sentences([(10, 0.1)] * 6)
    pooled = POOLING.score(np.full(6, 0.1))
    assert 0.5 < pooled < 0.6
    assert document_score(said, card(POOLING), [UNREAD] * 6, 0.0) == pytest.approx(pooled)
    assert document_score(said, card(POOLING), [UNREAD] * 6, 0.2) == 0.999


@pytest.mark.parametrize(("verse", "is_pooled"), [(59, True), (60, True), (61, False)])
def test_the_prose_of_a_text_that_is_mostly_verse_is_not_pooled(verse: int, is_pooled: bool) -> None:
    said = sentences([*[(10, 0.1)] * 6, (verse, 0.1, "verse")])
    pooled = POOLING.score(np.full(6, 0.1))
    found = document_score(said, card(POOLING), [UNREAD] * 7)
    assert found == pytest.approx(pooled if is_pooled else 0.1)
    # Two bad sentences in it count as ever.
    said = sentences([*[(10, 0.9)] * 2, *[(10, 0.1)] * 4, (verse, 0.1, "verse")])
    assert document_score(said, card(POOLING), [UNREAD] * 7) == pytest.approx(0.9)


def test_of_a_document_that_was_read_those_sentences_are_pooled_without_what_the_document_added() -> None:
    raw = np.array([-3.0, -3.0, -2.0, -2.0])
    said = sentences([(10, s) for s in sigmoid(raw + 1.0).tolist()] + [(10, 0.45)] * 4)
    got = document_score(said, card(POOLING, NETWORK), [1.0] * 4 + [UNREAD] * 4)
    # The worst tenth is below the loose threshold with nothing added, but for sentences that were not read.
    assert POOLING.score(sigmoid(raw)) == pytest.approx(sigmoid(np.array(-0.5)))
    assert got == pytest.approx(0.45)
    assert document_score(said[:4], card(POOLING, NETWORK), [1.0] * 4) == pytest.approx(sigmoid(np.array(-0.5)))


def test_a_network_pools_in_its_own_way() -> None:
    own = NetworkSettings("en", ((0.0, 1.0),) * 3, pooling=Pooling(-14.0, 0.0, 0.0, 2.0, 0.0, 1.0, 3.0))
    said = sentences([(10, 0.5)] * 4)
    assert document_score(said, card(POOLING, own), [0.0] * 4) == pytest.approx(sigmoid(np.array(3.0)))
    assert document_score(said, card(None, own), [UNREAD] * 4) == 0.5


@pytest.mark.parametrize(
    ("pooling", "odds", "excess"),
    [
        (Pooling(-14.0, 0.0, -2.0, 2.0, 0.0, 1.0, 0.0), [-1.0] * 4, 1.0),
        (Pooling(-14.0, 0.0, -3.0, 2.0, 0.0, 1.0, 0.0), [-1.0] * 4, 2.0),
        (Pooling(-14.0, 0.0, -5.0, 3.0, 4.0, 1.0, 0.0), [0.0], 1.0),
        (Pooling(-14.0, 0.0, -5.0, 3.0, 4.0, 1.0, 0.0), [0.0] * 4, 5 / np.hypot(1.5, 4)),
        # Beyond either end all are alike.
        (Pooling(-3.0, 1.0, -2.0, 3.0, 0.0, 1.0, 0.0), [-5.0, 5.0, 0.0, 0.5], 13 / 12),
        (Pooling(-14.0, 0.0, -5.0, 3.0, 4.0, 1.0, 0.0), [30.0], 1.0),
        (Pooling(-14.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0), [-30.0], -np.log(1e6 - 1)),
    ],
)
def test_the_excess_of_a_document_is_in_deviations_of_human_ones(
    pooling: Pooling, odds: list[float], excess: float
) -> None:
    assert pooling.excess(sigmoid(np.array(odds))) == pytest.approx(excess, abs=1e-6)
    # The mean at which documents of so many sentences have the score that this excess gives.
    for scale in ((), ((-1.0, 0.0), (4.0, 1.0))):
        scaled = replace(pooling, scale=scale)
        score = scaled.score(sigmoid(np.array(odds)))
        clipped = np.clip(odds, pooling.lowest, pooling.highest)
        if abs(odds[0]) < 10:
            assert scaled.mean_at(score, np.array([len(odds)])) == pytest.approx(clipped.mean())


def test_pooling_multiplies_and_adds() -> None:
    pooling = Pooling(-14.0, 0.0, 0.0, 2.0, 0.0, 3.0, -1.0)
    assert pooling.score(sigmoid(np.array([-1.0] * 4))) == pytest.approx(sigmoid(np.array(-4.0)))
    assert pooling.mean_at(float(sigmoid(np.array(2.0))), np.array([4, 16])) == pytest.approx([1.0, 0.5])
    assert pooling.excess_of(np.array([1.0]), np.array([0])) == pytest.approx([0.5])
    # Scores of 0 and 1 have log-odds all the same.
    assert pooling.mean_at(1.0, np.array([4])) == pytest.approx([(np.log(1e6 - 1) + 1) / 3])
    assert pooling.mean_at(0.0, np.array([4])) == pytest.approx([(1 - np.log(1e6 - 1)) / 3])


@pytest.mark.parametrize(
    ("odds", "expected"),
    [(1.0, 0.0), (2.0, 1.5), (3.0, 3.0), (1.5, 0.75), (0.0, -1.0), (4.0, 4.0)],
)
def test_the_scale_of_documents_applies_to_their_sentences_and_not_to_loops(odds: float, expected: float) -> None:
    scaled = replace(card(), documents=((1.0, 0.0), (3.0, 3.0)))
    said = sentences([(10, float(sigmoid(np.array(odds))))] * 4)
    got = document_score(said, scaled, [UNREAD] * 4)
    assert logit(np.array(got)) == pytest.approx(expected, abs=1e-6)
    assert document_score(said, scaled, [UNREAD] * 4, 0.2) == pytest.approx(max(0.999, got))
    # Documents of few sentences are not scaled.
    assert document_score(said[:3], scaled, [UNREAD] * 3) == pytest.approx(said[0].score)


def test_documents_that_a_network_has_read_have_a_scale_of_their_own() -> None:
    scaled = replace(card(network=replace(NETWORK, pooling=None, documents=((1.0, 3.0),))), documents=((1.0, 0.0),))
    said = sentences([(10, float(sigmoid(np.array(1.0))))] * 4)
    assert logit(np.array(document_score(said, scaled, [0.0] * 4))) == pytest.approx(3.0)
    assert logit(np.array(document_score(said, scaled, [UNREAD] * 4))) == pytest.approx(0.0)


def test_pooled_documents_have_a_scale_of_their_own() -> None:
    pooling = replace(POOLING, scale=((-1.0, 0.0), (1.0, 5.0)))
    said = sentences([(10, float(sigmoid(np.array(-2.0))))] * 4)
    # An excess of 2, log-odds of 0.
    assert logit(np.array(document_score(said, card(pooling), [UNREAD] * 4))) == pytest.approx(2.5)
    assert pooling.odds_of(np.array([-2.0, -1.0, 0.0, -4.0]), np.array([4] * 4)) == pytest.approx([2.5, 5.0, 6.0, -1.0])


THRESHOLDS = {"strict": 0.95, "balanced": 0.7, "loose": 0.3}


@pytest.mark.parametrize("for_worst", [0.5, 1.0])
def test_the_scales_of_documents_keep_what_each_threshold_may_cost(for_worst: float) -> None:
    rng = np.random.default_rng(0)
    sizes = {"news": 4000, "law": 1000, "few": 20}
    worst = {kind: rng.uniform(0, 0.9, size) for kind, size in sizes.items()} | {"few": np.full(20, 0.2)}
    pooled = {kind: rng.uniform(0, 0.99, size) for kind, size in sizes.items()} | {"few": np.full(20, 0.999)}
    pooled["few"][1:] = 0.1
    scales = document_scales(worst, pooled, THRESHOLDS, for_worst)
    for scale in scales:
        assert [round(float(sigmoid(np.array(shown))), 3) for _, shown in scale] == [0.3, 0.7, 0.95]
        assert all(a < b for (a, _), (b, _) in pairwise(scale))
    for at, name in enumerate(("loose", "balanced", "strict")):
        by_worst, by_all = (sigmoid(np.array(scale[at][0])) for scale in scales)
        assert by_worst >= THRESHOLDS[name]
        reached = {kind: (worst[kind] >= by_worst) | (pooled[kind] >= by_all) for kind in worst}
        assert 0 < np.concatenate(list(reached.values())).mean() <= COSTS_OF_DOCUMENTS[name]
        assert reached["law"].mean() <= max(COSTS_OF_DOCUMENTS[name], 1 / 1000)
        by_worst_only = np.concatenate([worst[kind] >= by_worst for kind in worst]).mean()
        assert by_worst_only <= for_worst * COSTS_OF_DOCUMENTS[name] + 1 / 5020


def test_the_worst_sentences_are_not_scaled_up_but_pooling_is() -> None:
    low = {"news": np.full(4000, 0.1)}
    documents, scale = document_scales(low, low, THRESHOLDS, 0.5)
    assert [raw - shown for raw, shown in documents] == pytest.approx([0, 0.01, 0.02])
    assert sigmoid(np.array([raw for raw, _ in scale])) == pytest.approx([0.1] * 3, abs=0.003)


def test_without_a_loose_threshold_the_worst_sentences_always_count() -> None:
    plain = Scorecard("x", "en", (), 0.0, np.zeros((0, 2)), np.zeros((0, 2)), {}, POOLING)
    said = sentences([(10, 0.3), (10, 0.3), (10, 0.001), (10, 0.001)])
    assert document_score(said, plain, [UNREAD] * 4) == pytest.approx(0.3)


# Which parts of a document are scored, and by which signals.

PAGE = """\
# The bridge

It was built in 1932.

- rain
- The rain fell on it.

| a | b |
|---|---|
| 1 | 2 |
"""


def test_items_that_are_no_sentences_are_scored_apart_and_tables_not_at_all() -> None:
    document = segment(PAGE, "markdown")
    kinds = [KINDS[kind] for kind in document.kind.tolist()]
    together, apart = (part.slices() for part in split_fragments(document))
    by_text = {
        text: (kind, text in together, text in apart) for text, kind in zip(document.slices(), kinds, strict=True)
    }
    assert by_text["The bridge"] == ("heading", True, False)
    assert by_text["It was built in 1932."] == ("prose", True, False)
    assert by_text["rain"] == ("list", False, True)
    assert by_text["The rain fell on it."] == ("list", True, False)
    assert {row for row in by_text.values() if row[0] == "table"} == {("table", False, False)}
    assert split_fragments(segment("", "text"))[0].slices() == []


def test_items_that_are_sentences_are_read_as_prose() -> None:
    document = segment(PAGE, "markdown")
    read = dict(
        zip(document.slices(), (KINDS[kind] for kind in effective_kinds(Batch.of([document])).tolist()), strict=True)
    )
    assert (read["rain"], read["The rain fell on it."], read["The bridge"]) == ("list", "prose", "heading")
    # The kinds of the batch stay as they are.
    batch = Batch.of([document])
    effective_kinds(batch)
    assert batch.kind.tolist() == document.kind.tolist()


@pytest.mark.parametrize(
    ("text", "markup", "loops", "share"),
    [
        ("It was cold. We left.", "text", [], 0.0),
        # Beyond the first turn, of the characters of sentences.
        ("It was cold. We left.", "text", [(7, 12, 10)], 2 / 20),
        ("It was cold. We left.", "text", [(0, 12, 3), (13, 21, 16)], 14 / 20),
        ("# It was cold\n\nWe left it.", "markdown", [(2, 13, 2), (15, 20, 17)], 3 / 11),
        ("# It was cold", "markdown", [(2, 13, 2)], 0.0),
        # Items count where they are sentences, and subtitles always.
        ("- cold\n- We left it.", "markdown", [(2, 6, 2), (9, 14, 9)], 5 / 11),
        ("1\n00:00:01,000 --> 00:00:02,000\nto to\n", "srt", [(32, 37, 34)], 3 / 5),
    ],
)
def test_the_share_of_prose_that_stands_in_loops(
    text: str, markup: str, loops: list[tuple[int, int, int]], share: float
) -> None:
    found = tuple(Loop(start, end, first_end, 1, 4.0) for start, end, first_end in loops)
    assert looped_prose(replace(segment(text, markup), loops=found)) == pytest.approx(share)


def test_passages_are_runs_of_garbled_sentences() -> None:
    text = "abcdefghijklmnopqrstuvwxyz"
    flags = [False, True, True, False, True, False, True]
    said = [
        ScoredSentence(3 * i, 3 * i + 2, text[3 * i : 3 * i + 2], i / 10, flag, "prose") for i, flag in enumerate(flags)
    ]
    found = [(p.start, p.end, p.text, p.score) for p in passages_of(text, said)]
    assert found == [(3, 8, "defgh", 0.2), (12, 14, "mn", 0.4), (18, 20, "st", 0.6)]
    assert passages_of(text, said[:1]) == passages_of(text, []) == ()
    assert [(p.start, p.end) for p in passages_of(text, said[1:3])] == [(3, 8)]


def test_what_does_not_speak() -> None:
    names = ("repetition.loop", "characters.mojibake", "fluency.rarity.level")
    kinds = np.array([KINDS.index(kind) for kind in ("prose", "heading", "list", "cue", "verse", "prose")])
    ramp = np.tile([0.0, 1.0], (3, 1))
    plain = Scorecard("x", "en", names, 0.0, ramp, ramp, {})
    # All but prose is asked of no signal that knows the language, and verse may say things again.
    expected = [[0, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 0]]
    assert disabled(plain, kinds, load("en")).tolist() == np.array(expected, bool).tolist()
    # In another language what needs the language model is silent everywhere.
    assert disabled(plain, kinds, load("de")).tolist() == [[row[0], 0, 1] for row in expected]
