"""Every seed replayed: each garbled sentence is flagged and no other, but for the stated known failures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from garble.scorer import Scorer

FOLDER = Path(__file__).parent.parent / "seeds"
LINES = [line for path in sorted(FOLDER.glob("*.jsonl")) for line in path.read_text("utf-8").split("\n")]
SEEDS = [json.loads(line) for line in LINES if line]
KNOWN_FAILURES = {
    line.split("#")[0].strip() for line in (FOLDER / "known_failures.txt").read_text("utf-8").splitlines()
} - {""}


def replayed(seed: dict[str, Any]) -> Any:
    known = pytest.mark.xfail(raises=AssertionError, strict=True, reason="known")
    return pytest.param(seed, id=seed["id"], marks=[known] if seed["id"] in KNOWN_FAILURES else [])


@pytest.mark.parametrize("seed", [replayed(seed) for seed in SEEDS])
def test_the_garbled_sentences_are_flagged_and_no_others(seed: dict[str, Any], scorer: Scorer) -> None:
    sentences = scorer.score(seed["text"]).sentences
    flagged = [sentence.text for sentence in sentences if sentence.garbled]
    garbled = [s.text for s in sentences if any(a < s.end and b > s.start for a, b, _ in seed["spans"])]
    assert flagged == garbled


@pytest.mark.parametrize("above", ["", "Home\nNews\nSport\nContact\nLog in\nSearch\n\n"])
def test_an_article_with_two_garbled_sentences_is_garbled(above: str, scorer: Scorer) -> None:
    article = next(seed["text"] for seed in SEEDS if seed["id"] == "name-echo-09")
    report = scorer.score(above + article)
    assert report.garbled
    assert sum(sentence.garbled for sentence in report.sentences) == 2
    assert not scorer.score(article.replace("Haldane said last spring that he", "he")).garbled


def test_known_failures_are_seeds() -> None:
    assert {seed["id"] for seed in SEEDS} >= KNOWN_FAILURES


def test_ids_are_unique_and_spans_lie_in_their_text() -> None:
    assert len({seed["id"] for seed in SEEDS}) == len(SEEDS)
    assert all(0 <= a < b <= len(seed["text"]) for seed in SEEDS for a, b, _ in seed["spans"])


def test_seeds_are_many() -> None:
    clean = [seed for seed in SEEDS if not seed["spans"]]
    assert len(clean) >= 40
    assert len(SEEDS) - len(clean) >= 40
