"""Settings from files and the environment, comments that exclude text, and baselines."""

from __future__ import annotations

import pytest

import garble
from garble.report import Report
from garble.text.layout import KINDS
from garble.text.segmentation import segment

LOOPED = "I want to to to to to to to go home to to to to to."
CLEAN = "The committee met on Tuesday and approved the budget for the coming year."


def ignored(text: str, markup: str) -> list[str]:
    document = segment(text, markup)
    kinds = [KINDS[kind] for kind in document.kind.tolist()]
    spans = document.sentences.tolist()
    return [text[start:end] for kind, (start, end) in zip(kinds, spans, strict=True) if kind == "ignored"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One.\n\n<!-- garble: ignore -->\nTwo. Three.\n\nFour.", ["Two.", "Three."]),
        ("One.\n\n<!--garble:ignore-->\n\nTwo.\n\nThree.", ["Two."]),
        ("One.\n\n<!-- garble: ignore --> Two.\n\nThree.", ["Two."]),
        ("One. <!-- garble: ignore --> Two.\n\nThree.", ["One.", "Two."]),
        ("<!-- garble: ignore -->\n# Heading\n\nOne.", ["Heading"]),
        ("- One item.\n<!-- garble: ignore -->\n- Another item.\n- A third.", ["Another item."]),
        ("> One.\n>\n> <!-- garble: ignore -->\n> Two.\n\nThree.", ["Two."]),
        (
            "One.\n<!-- garble: ignore-start -->\nTwo.\n\n- Three.\n<!-- garble: ignore-end -->\nFour.",
            ["Two.", "Three."],
        ),
        ("One. <!-- garble: ignore-start --> Two. <!-- garble: ignore-end --> Three.", ["Two."]),
        ("One.\n\n<!-- garble: ignore-start -->\nTwo.\n\nThree.", ["Two.", "Three."]),
        ("One.\n\n<!-- garble: ignore-end -->\nTwo.", []),
        ("One.\n\n<!-- garble: ignore -->", []),
        ("One.\n\n<!-- garble: ignored -->\nTwo.", []),
        ("```\n<!-- garble: ignore-start -->\n```\n\nOne.", []),
        ("Write `<!-- garble: ignore-start -->` above it.\n\nOne.", []),
    ],
)
def test_comments_in_markdown_exclude_sentences(text: str, found: list[str]) -> None:
    assert ignored(text, "markdown") == found
    assert ignored(text, "text") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<p>One.</p><!-- garble: ignore --><p>Two. Three.</p><p>Four.</p>", ["Two.", "Three."]),
        ("<p>One. <!-- garble: ignore --> Two.</p><p>Three.</p>", ["One.", "Two."]),
        ("<!-- garble: ignore-start --><li>One.</li><!-- garble: ignore-end --><p>Two.</p>", ["One."]),
    ],
)
def test_comments_in_html_exclude_sentences(text: str, found: list[str]) -> None:
    assert ignored(text, "html") == found


def flagged(report: Report) -> list[str]:
    return [sentence.text for sentence in report.sentences if sentence.garbled]


def test_ignored_sentences_do_not_count() -> None:
    text = f"{CLEAN}\n\n<!-- garble: ignore -->\n{LOOPED} {LOOPED}\n"
    report = garble.score(text, markup="markdown", model="en")
    assert (report.verdict, flagged(report)) == ("clean", [])
    assert report.notes == ("sentences ignored by comments: 2",)
    assert report.score == garble.score(CLEAN, markup="markdown", model="en").score
    assert garble.score(text, markup="text", model="en").garbled
    assert flagged(garble.score(text, markup="markdown", model="en", threshold=0)) == [CLEAN]


def test_ignored_sentences_are_not_repaired() -> None:
    text = f"{CLEAN}\n\n<!-- garble: ignore -->\n{LOOPED}\n\n{LOOPED}\n"
    repaired = garble.repair(text, markup="markdown", drop_unresolved=True).text
    assert repaired.startswith(f"{CLEAN}\n\n<!-- garble: ignore -->\n{LOOPED}\n")
    assert repaired.count(LOOPED) == 1
