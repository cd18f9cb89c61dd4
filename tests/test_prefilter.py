"""What stays of a document, why not, and how it is counted."""

from __future__ import annotations

import doctest

import pytest
from conftest import ANY_TEXT, documents
from hypothesis import given
from hypothesis import strategies as st

from garble.filtering import decisions as prefilter
from garble.filtering.decisions import UNITS, Prefilter, Statistics, Unit, annotation, decision
from garble.report import Report
from garble.report.reasons import BINS, OVERALL
from garble.signals import EVERY

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


def test_reasons_are_signals_or_overall(reports: list[Report]) -> None:
    names = {signal.name for signal in EVERY} | {OVERALL}
    for report in reports:
        for unit in UNITS:
            found = decision(report, unit)
            assert (found.reason in names) == bool(found.cuts)
            assert {cut.reason for cut in found.cuts} <= names


@given(st.lists(ANY_TEXT, max_size=3).map("".join), st.sampled_from(UNITS), st.sampled_from([0.0, 0.01, 0.3, 0.9]))
def test_nothing_but_cuts_and_white_space_is_lost(text: str, unit: Unit, threshold: float) -> None:
    found = Prefilter(threshold, unit).decide([text])[0]
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
    decisions = Prefilter(unit=unit).decide(texts)
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


def test_a_unit_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no unit 'page': document, passage, sentence"):
        Prefilter(unit="page")  # type: ignore[arg-type]
