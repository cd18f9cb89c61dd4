"""Damage done on purpose is damage, and the same damage every time."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from garble.training.corrupt import CORRUPTIONS, DOCUMENT_CORRUPTIONS, Corruption, corrupt

SENTENCES = [
    "The mayor of Lisbon, Ana Lopes, said on Monday that the city would build 1,200 flats by 2027.",
    "He told Radio Nova it was an honest mistake; the bank and savers have lost 45 million euros in May.",
    "“Nobody asked the people of the valley,” Ana Lopes said, “and they are tired of waiting for an answer.”",
    '"We are not afraid," she said.',
    "Rain fell.",
    "No.",
    "…",
]
DRAWS = range(60)


def name_of(corruption: object) -> str:
    return getattr(corruption, "__name__", "")


def check(corruption: Corruption) -> None:
    """It changes what it takes hold of, takes hold of something, and the draw alone decides how."""
    results = {(s, seed): corruption(s, Random(seed)) for s in SENTENCES for seed in DRAWS}
    assert any(results.values())
    for (sentence, seed), result in results.items():
        assert result is None or (isinstance(result, str) and result != sentence)
        assert corruption(sentence, Random(seed)) == result


@pytest.mark.parametrize(
    "corruption",
    list(CORRUPTIONS),
    ids=name_of,
)
def test_a_corruption_changes_the_sentence_or_says_none(corruption: Corruption) -> None:
    check(corruption)


@pytest.mark.parametrize(
    "corruption",
    DOCUMENT_CORRUPTIONS,
    ids=name_of,
)
def test_a_corruption_of_the_document_changes_the_sentence_or_says_none(corruption: Corruption) -> None:
    check(partial(corruption, before=["Ana Lopes was born in the valley and went to school there."]))


@pytest.mark.parametrize("corruption", DOCUMENT_CORRUPTIONS, ids=name_of)
def test_at_the_beginning_of_a_document_there_is_nothing_of_it_to_corrupt(corruption: Corruption) -> None:
    assert {corruption(s, Random(seed), before=[]) for s in SENTENCES for seed in DRAWS} == {None}


def test_corrupt_nearly_always_finds_something_to_damage() -> None:
    damaged = [corrupt(SENTENCES[0], Random(seed), SENTENCES[1:3]) != SENTENCES[0] for seed in range(300)]
    assert sum(damaged) > 290


def test_corrupt_does_the_same_damage_for_the_same_seed_and_other_damage_for_another() -> None:
    made = [[corrupt(SENTENCES[0], Random(seed), []) for seed in range(100)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 80
