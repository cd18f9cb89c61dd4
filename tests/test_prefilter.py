"""What stays of a document, why not, and how it is counted."""

from __future__ import annotations

import doctest

import pytest
from conftest import ANY_TEXT, documents
from hypothesis import given
from hypothesis import strategies as st

from garble.errors import UsageError
from garble.filtering import decisions as prefilter
from garble.filtering.decisions import (
    UNITS,
    Cut,
    Decision,
    OtherLanguages,
    Prefilter,
    Statistics,
    Unit,
    annotation,
    decision,
    passages,
)
from garble.report import Report
from garble.report.findings import Finding, Passage, ScoredSentence
from garble.report.reasons import BINS, OVERALL, reason
from garble.scorer import Scorer
from garble.signals import ALL_SIGNALS

CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
LOOPED = "I want to to to to to to to go home."
OTHER = "He left early to see his mother in the village."
MIXED = f"{CLEAN}\n\n{LOOPED} {OTHER}\n"


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(prefilter).failed == 0


def test_a_document_is_dropped_whole() -> None:
    kept, dropped = Prefilter().decide([CLEAN, LOOPED])
    assert (kept.keep, kept.reason, kept.cuts) == (True, "", ())
    assert (dropped.keep, dropped.reason) == (False, "repetition.loop")
    assert dropped.kept(LOOPED) == ""
    assert kept.kept(CLEAN) == CLEAN


@pytest.mark.parametrize("unit", ["passage", "sentence"])
def test_what_is_garbled_is_cut_out_and_the_rest_stays(unit: Unit) -> None:
    found = Prefilter(unit=unit).decide([MIXED])[0]
    assert found.keep
    assert found.reason == "repetition.loop"
    assert found.kept(MIXED) == f"{CLEAN}\n\n{OTHER}\n"


@pytest.mark.parametrize("unit", UNITS)
def test_a_document_without_a_sound_sentence_is_dropped(unit: Unit) -> None:
    text = f"# Homeward\n\n{LOOPED} {LOOPED}\n"
    found = Prefilter(unit=unit).decide([text])[0]
    assert not found.keep
    # The mark of the heading is no part of any sentence.
    assert not found.kept(text).strip("# \n")


def test_neighbours_are_one_passage_and_two_sentences() -> None:
    text = f"{CLEAN} {LOOPED} {LOOPED} {OTHER}"
    by_unit = {unit: Prefilter(unit=unit).decide([text])[0] for unit in UNITS}
    assert [len(by_unit[unit].cuts) for unit in ("passage", "sentence")] == [1, 2]
    assert by_unit["passage"].kept(text) == by_unit["sentence"].kept(text) == f"{CLEAN} {OTHER}"


def test_reasons_are_signals_or_overall(unsure: Scorer) -> None:
    names = {signal.name for signal in ALL_SIGNALS} | {OVERALL}
    for report in unsure.score_many(documents(60)):
        for unit in UNITS:
            found = decision(report, unit)
            assert (found.reason in names) == bool(found.cuts)
            assert {cut.reason for cut in found.cuts} <= names


@given(st.lists(ANY_TEXT, max_size=3).map("".join), st.sampled_from(UNITS), st.sampled_from([0.0, 0.01, 0.3, 0.9]))
def test_nothing_but_cuts_and_white_space_is_lost(text: str, unit: Unit, threshold: float) -> None:
    found = Prefilter(threshold=threshold, unit=unit).decide([text])[0]
    edges = [0, *(edge for cut in found.cuts for edge in (cut.start, cut.end)), len(text)]
    outside = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    assert "".join(found.kept(text).split()) == "".join("".join(outside).split())
    assert found.keep or len(found.cuts) == 1
    if not found.cuts:
        assert found.kept(text) == text


def test_a_text_keeps_the_longer_break_where_two_meet_and_its_own_ends() -> None:
    text = f"  {LOOPED}\n{CLEAN} {LOOPED}\n\n{OTHER} {LOOPED} "
    assert Prefilter(unit="sentence").decide([text])[0].kept(text) == f"  {CLEAN}\n\n{OTHER} "


def test_an_annotation_says_where_and_why() -> None:
    found = annotation(Prefilter().decide([MIXED])[0].report)
    assert set(found) == {"score", "garbled", "reason", "passages"}
    (passage,) = found["passages"]
    assert MIXED[passage["start"] : passage["end"]] == LOOPED
    assert passage["reason"] == "repetition.loop"


@pytest.mark.parametrize("unit", UNITS)
def test_statistics_add_up(unit: Unit) -> None:
    texts = documents(60)
    decisions = Prefilter(unit=unit, reader="off").decide(texts)
    whole, halves = Statistics(), [Statistics(), Statistics()]
    for number, (text, found) in enumerate(zip(texts, decisions, strict=True)):
        whole.add(found, len(text))
        halves[number % 2].add(found, len(text))
    halves[0].merge(halves[1])
    assert halves[0].to_dict() == whole.to_dict() == Statistics.of_dict(whole.to_dict()).to_dict()
    counts = whole.to_dict()
    assert counts["documents"] == counts["kept"] + counts["dropped"] == 60 == sum(counts["histogram"])
    assert counts["characters"] == sum(map(len, texts))
    assert sum(count for name, count in counts.items() if name.startswith("dropped_")) == sum(
        len(found.cuts) for found in decisions
    )
    assert len(counts["histogram"]) == BINS


def sentence(start: int, score: float, *findings: tuple[str, float], kind: str = "prose") -> ScoredSentence:
    """A sentence of nine characters, garbled from .5 on."""
    found = tuple(Finding(signal, start, start + 9, 1.0, added, "") for signal, added in findings)
    return ScoredSentence(start, start + 9, "x" * 9, score, score >= 0.5, kind, found)


def reported(score: float, *sentences: ScoredSentence, passages: tuple[Passage, ...] = ()) -> Report:
    return Report(score, score >= 0.5, "en", 0.5, sentences, passages, (), "")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], OVERALL),
        ([[]], OVERALL),
        ([[("a.x", 0.3)]], "a.x"),
        # Sums decide, over all findings and all sentences.
        ([[("a.x", 2.0), ("a.y", 1.5), ("a.y", 1.0)]], "a.y"),
        ([[("a.x", 2.0)], [("a.y", 1.5)], [("a.y", 1.0)]], "a.y"),
        ([[("a.x", 2.0), ("a.y", 2.0)]], "a.x"),
        # What a network doubts goes behind a cause of 1 or more, and no other.
        ([[("fluency.unnatural", 5.0), ("a.x", 1.0)]], "a.x"),
        ([[("fluency.unnatural", 5.0), ("a.x", 0.5), ("a.x", 0.5)]], "a.x"),
        ([[("fluency.unnatural", 5.0), ("a.x", 0.99)]], "fluency.unnatural"),
        ([[("fluency.unlikely_word", 5.0), ("fluency.mistranslated", 6.0)]], "fluency.mistranslated"),
        ([[("fluency.unnatural", 0.5), ("a.x", 0.75)]], "a.x"),
        ([[("fluency.unnatural", 5.0), ("a.x", 1.0), ("a.y", 3.0)]], "a.y"),
        # Exact evidence names the defect, if it suffices; what its family measures of it counts for it.
        ([[("repetition.loop", 1.5), ("repetition.repeated_word", 4.0)]], "repetition.loop"),
        ([[("repetition.loop", 0.9), ("repetition.repeated_word", 4.0)]], "repetition.repeated_word"),
        ([[("repetition.loop", 1.5), ("repetition.repeated_word", 2.0), ("fluency.x", 3.0)]], "repetition.loop"),
        ([[("repetition.loop", 1.5), ("repetition.repeated_word", 2.0), ("fluency.x", 4.0)]], "fluency.x"),
        ([[("repetition.loop", 1.5), ("repetition.doubled_word", 2.0)]], "repetition.doubled_word"),
    ],
)
def test_the_reason_is_the_signal_that_adds_most(findings: list[list[tuple[str, float]]], expected: str) -> None:
    assert reason([sentence(10 * i, 0.9, *some) for i, some in enumerate(findings)]) == expected


A, B = ("a.x", 2.0), ("b.y", 3.0)
# Three sentences of prose, the second and third garbled, and a garbled heading before them.
ROWS = (sentence(0, 0.7, A, kind="heading"), sentence(10, 0.1), sentence(20, 0.6, A), sentence(30, 0.8, B))
RUNS = (Passage(0, 9, "", 0.7), Passage(20, 39, "", 0.8))


@pytest.mark.parametrize(
    ("unit", "score", "rows", "keep", "cuts"),
    [
        ("document", 0.49, ROWS, True, []),
        ("document", 0.5, ROWS, False, [Cut(0, 39, 0.5, "a.x")]),
        ("passage", 0.9, ROWS, True, [Cut(0, 9, 0.7, "a.x"), Cut(20, 39, 0.8, "b.y")]),
        (
            "sentence",
            0.9,
            ROWS,
            True,
            [Cut(0, 9, 0.7, "a.x"), Cut(20, 29, 0.6, "a.x"), Cut(30, 39, 0.8, "b.y")],
        ),
        # Without a sound sentence of prose all goes, whatever the headings are.
        ("passage", 0.3, ROWS[2:], False, [Cut(20, 39, 0.3, "b.y")]),
        ("sentence", 0.3, ROWS[2:], False, [Cut(20, 39, 0.3, "b.y")]),
        ("sentence", 0.3, (*ROWS[2:], sentence(40, 0.1, kind="heading")), False, [Cut(20, 49, 0.3, "b.y")]),
        ("document", 0.3, ROWS[2:], True, []),
        # Of what is no prose nothing can be said to be left.
        ("sentence", 0.0, ROWS[:1], True, [Cut(0, 9, 0.7, "a.x")]),
        ("document", 0.9, (), False, [Cut(0, 0, 0.9, "overall")]),
        ("sentence", 0.9, (), True, []),
        ("passage", 0.1, ROWS[1:2], True, []),
    ],
)
def test_what_is_decided(
    unit: Unit, score: float, rows: tuple[ScoredSentence, ...], keep: bool, cuts: list[Cut]
) -> None:
    runs = tuple(run for run in RUNS if any(run.start <= row.start < run.end for row in rows))
    found = decision(reported(score, *rows, passages=runs), unit)
    assert (found.keep, found.cuts, found.score) == (keep, tuple(cuts), score)
    # That of the worst cut.
    assert found.reason == max(cuts, key=lambda cut: cut.score, default=Cut(0, 0, 0, "")).reason


def test_the_document_is_the_default_unit() -> None:
    assert Prefilter().unit == "document"
    assert decision(reported(0.1, *ROWS, passages=RUNS)).cuts == ()


def test_each_passage_has_the_reason_of_its_own_sentences() -> None:
    rows = [sentence(10 * i, 0.9, (f"a.{i}", 1.0 + i)) for i in range(5)]
    runs = (Passage(0, 19, "", 0.9), Passage(20, 29, "", 0.9), Passage(30, 49, "", 0.9))
    assert [cut.reason for cut in passages(reported(0.9, *rows, passages=runs))] == ["a.1", "a.2", "a.4"]
    assert passages(reported(0.9, *rows)) == ()


def test_an_annotation_names_a_reason_where_the_document_is_garbled() -> None:
    kept, dropped = (annotation(reported(score, *ROWS, passages=RUNS)) for score in (0.49, 0.5))
    assert (kept["score"], kept["garbled"], kept["reason"]) == (0.49, False, "")
    assert (dropped["score"], dropped["garbled"], dropped["reason"]) == (0.5, True, "a.x")
    run = {"start": 20, "end": 39, "score": 0.8, "reason": "b.y"}
    assert kept["passages"] == dropped["passages"] == [{"start": 0, "end": 9, "score": 0.7, "reason": "a.x"}, run]


def test_statistics_count_what_became_of_documents() -> None:
    found = Statistics()
    for unit, score in (("document", 0.1), ("document", 1.0), ("sentence", 0.55), ("sentence", 0.0)):
        found.add(decision(reported(score, *(ROWS if score else ()), passages=RUNS), unit), 40)  # type: ignore[arg-type]
    histogram = [0] * BINS
    for place in (2, 19, 11, 0):
        histogram[place] += 1
    assert found.to_dict() == {
        "documents": 4,
        "sentences": 12,
        "characters": 160,
        "kept": 3,
        "dropped": 1,
        "cut": 1,
        "dropped_a.x": 3,
        "dropped_b.y": 1,
        "language_en": 4,
        "language_en_dropped": 1,
        "histogram": histogram,
    }
    assert Statistics().to_dict()["histogram"] == [0] * BINS == [0] * 20


@pytest.mark.parametrize(
    ("text", "cuts", "kept"),
    [
        ("One. Two. Six.", [], "One. Two. Six."),
        ("One. Two. Six.", [(5, 9)], "One. Six."),
        ("One. Two. Six.", [(0, 4)], "Two. Six."),
        ("One. Two. Six.", [(10, 14)], "One. Two."),
        ("One. Two. Six.", [(0, 14)], ""),
        ("One. Two. Six.", [(0, 4), (10, 14)], "Two."),
        # Of two breaks the one with more lines stays, else the longer.
        ("One.\n\nTwo. Six.", [(6, 10)], "One.\n\nSix."),
        ("One. Two.\n\nSix.", [(5, 9)], "One.\n\nSix."),
        ("One.  Two. Six.", [(6, 10)], "One.  Six."),
        ("One.\nTwo.   Six.", [(5, 9)], "One.\nSix."),
        ("One.\n\nTwo. Six.\nEnd.", [(6, 10), (11, 15)], "One.\n\nEnd."),
        # The ends stay as they are.
        (" One. Two.\n", [(1, 5)], " Two.\n"),
        (" One. Two.\n", [(6, 10)], " One.\n"),
        ("\n\n One. Two. \n ", [(3, 7)], "\n\n Two. \n "),
    ],
)
def test_what_is_kept_of_a_text(text: str, cuts: list[tuple[int, int]], kept: str) -> None:
    found = Decision(True, "", 0.0, tuple(Cut(start, end, 0.9, "x") for start, end in cuts), reported(0.0))
    assert found.kept(text) == kept


def test_a_unit_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown unit 'page'; supported: document, passage, sentence"):
        Prefilter(unit="page")  # type: ignore[arg-type]


# Other languages than the model's.

GERMAN = "Die Arbeiten, die die Verwaltung plant, beginnen im März. Der Stadtrat hat lange darauf gewartet."
GERMAN_LOOPED = f"{GERMAN} {'Das Geld fehlt in den Schulen. ' * 8}"
IN_ENGLISH = "The mayor said that the bridge would be closed, and that it would be opened again in May."


@pytest.mark.parametrize(
    ("other_languages", "kept", "reasons"),
    [
        ("score", [True, True, False, True], ["", "", "repetition.looped", ""]),
        ("keep", [True, True, True, True], ["", "", "", ""]),
        ("drop", [True, False, False, True], ["", "language", "language", ""]),
    ],
)
def test_what_becomes_of_documents_in_other_languages(
    other_languages: OtherLanguages, kept: list[bool], reasons: list[str]
) -> None:
    judge = Prefilter(reader="off", other_languages=other_languages)
    found = judge.decide([IN_ENGLISH, GERMAN, GERMAN_LOOPED, "1, 2, 3"])
    assert [decision.keep for decision in found] == kept
    assert [decision.reason for decision in found] == reasons


def test_other_languages_are_scored_unless_said_otherwise() -> None:
    texts = [IN_ENGLISH, GERMAN, GERMAN_LOOPED]
    usual, scored = Prefilter(reader="off"), Prefilter(reader="off", other_languages="score")
    assert usual.decide(texts) == scored.decide(texts)


def test_a_choice_for_other_languages_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="other_languages"):
        Prefilter(reader="off", other_languages="ask")  # type: ignore[arg-type]


def test_a_text_in_the_language_that_is_given_is_in_no_other() -> None:
    [decision] = Prefilter(reader="off", language="en", other_languages="drop").decide([GERMAN])
    assert decision.reason != "language"


def test_statistics_count_documents_by_language() -> None:
    statistics = Statistics()
    for text in (IN_ENGLISH, GERMAN, GERMAN_LOOPED):
        [decision] = Prefilter(reader="off").decide([text])
        statistics.add(decision, len(text))
    counts = {name: n for name, n in statistics.to_dict().items() if name.startswith("language_")}
    assert counts == {"language_de": 2, "language_de_dropped": 1, "language_en": 1}
