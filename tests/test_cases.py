"""Short texts, each with why a sentence of it is garbled or none is, replayed at the balanced threshold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from garble.scorer import Scorer

FOLDER = Path(__file__).parent / "cases"
# in_the_wild: garble as it is met; synthetic: damage by definition; negative: honest text that looks odd.
PASSING = ("in_the_wild", "synthetic", "negative")


def read(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def cases(*names: str) -> pytest.MarkDecorator:
    held = [pytest.param(case, id=f"{name}: {case['why']}") for name in names for case in read(name)]
    return pytest.mark.parametrize("case", held)


def check(case: dict[str, Any], scorer: Scorer) -> None:
    scores = {sentence.text: sentence.score for sentence in scorer.score(case["text"]).sentences}
    assert (max(scores.values()) >= scorer.threshold) == case["garbled"], scores


@cases(*PASSING)
def test_cases(case: dict[str, Any], scorer: Scorer) -> None:
    check(case, scorer)


@pytest.mark.xfail(raises=AssertionError, strict=True, reason="known")
@cases("known_failures")
def test_known_failures(case: dict[str, Any], scorer: Scorer) -> None:
    check(case, scorer)


@pytest.mark.parametrize("name", [*PASSING, "known_failures"])
def test_each_case_stands_once_and_says_why(name: str) -> None:
    held = read(name)
    assert all(set(case) == {"text", "garbled", "why"} and case["why"] for case in held)
    assert len({case["text"] for case in held}) == len(held)
