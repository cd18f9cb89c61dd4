"""What `import garble` offers, and that every way in takes the same arguments."""

from __future__ import annotations

import pytest

import garble
from garble import Prefilter, Report, Scorer, UsageError
from garble.report.findings import passages_of

# A slip in a stretch without stops.
LONG = (
    "He said that there was some rain over the harbour while the men mended their nets, and the wind came from the "
    "north, and the the tide turned before noon, and the pilot walked home along the wall because his boat was still "
    "in the yard, and the baker had sold all of his bread to the crews that came in from the islands, and the children "
    "played on the steps of the church until it was dark, and then we went to bed, and nobody spoke of the storm."
)
LOOP = "The tide turned. The boat came in to the quay to the quay to the quay to the quay. We went home."
FACE = [
    *("Finding", "GarbleError", "InputError", "Loop", "LoopGuard", "ModelError", "Prefilter", "Repair", "Report"),
    *("Scorer", "UsageError", "loops", "repair", "score"),
]


def test_the_public_names_are_these() -> None:
    assert sorted(garble.__all__) == FACE
    assert set(FACE) <= set(dir(garble))
    assert all(getattr(garble, name).__module__.startswith("garble") for name in FACE)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'garble' has no attribute 'scores'"):
        garble.scores  # noqa: B018


def test_score_and_repair_take_the_settings_of_a_scorer(scorer: Scorer) -> None:
    strict = garble.score(LOOP, model="en", threshold="strict", reader="off")
    assert strict.threshold == scorer.card.thresholds["strict"]
    assert garble.score(LOOP, scorer=scorer) == scorer.score(LOOP)
    assert garble.repair(LOOP, threshold=1.0).text == LOOP
    assert garble.repair(LOOP, scorer=scorer).text != LOOP


@pytest.mark.parametrize("make", [garble.score, garble.repair])
def test_a_scorer_and_settings_exclude_each_other(make: object, scorer: Scorer) -> None:
    with pytest.raises(UsageError, match="scorer: given together with threshold"):
        make("He came.", scorer=scorer, threshold="strict")  # type: ignore[operator]
    with pytest.raises(UsageError, match="scorer: given together with model, reader"):
        Prefilter(scorer=scorer, model="en", reader="off")


def test_reprs_are_short(scorer: Scorer) -> None:
    report = scorer.score(LOOP)
    assert (
        repr(report)
        == f"<Report 'garbled' score={report.score:.2f} threshold={report.threshold:.2f}, 1 of 3 sentences flagged>"
    )
    assert repr(scorer) == f"<Scorer {scorer.signature}>"
    assert repr(Prefilter(scorer=scorer)) == f"<Prefilter unit='document' {scorer.signature}>"
    assert repr(garble.repair("He came home.", scorer=scorer)) == "<Repair 0 edits, 0 sentences unresolved>"


def verdicts(report: Report) -> tuple[object, ...]:
    return report.score, report.garbled, report.threshold, [s.garbled for s in report.sentences], report.passages


@pytest.mark.parametrize("text", [LOOP, LONG])
@pytest.mark.parametrize("threshold", ["strict", "balanced", "loose", 0.0, 0.3, 1.0])
def test_a_report_at_another_threshold_is_as_if_scored_there(scorer: Scorer, threshold: str | float, text: str) -> None:
    report = scorer.score(text)
    again = Scorer(threshold=threshold, reader="off").score(text)
    moved = report.rethreshold(threshold)
    assert verdicts(moved) == verdicts(again)
    assert moved.signature == again.signature
    assert moved.rethreshold(report.threshold).passages == report.passages


@pytest.mark.parametrize("threshold", ["lax", -0.1, 2, float("nan"), None])
def test_a_report_has_no_threshold_of_another_name(scorer: Scorer, threshold: object) -> None:
    with pytest.raises(UsageError, match="unknown threshold"):
        scorer.score(LOOP).rethreshold(threshold)  # type: ignore[arg-type]


def test_passages_are_made_of_neighbouring_garbled_sentences(scorer: Scorer) -> None:
    report = scorer.score(LOOP)
    assert passages_of(LOOP, report.sentences) == report.passages
    assert [passage.text for passage in report.rethreshold(0.0).passages] == [LOOP]
    assert report.rethreshold(1.0).passages == ()
