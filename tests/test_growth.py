"""Work that grows no faster than the text, counted in calls rather than in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from garble import repair
from garble.columns.batch import Batch
from garble.filtering import decisions as prefilter
from garble.filtering.decisions import annotation, passages
from garble.report import Report
from garble.report.findings import Finding, Passage, ScoredSentence
from garble.scorer import Scorer
from garble.signals import characters, coherence
from garble.text.layout import Run, runs_between

LOOPED, CLEAN = "I want to to to to to to go home.", "The committee met on Tuesday."


def test_a_word_is_looked_up_once_however_many_hidden_characters_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    letters = characters._letters

    def counted(batch: Batch, tokens: Any, scripts: Sequence[int]) -> Any:
        asked.append(len(batch.inside(tokens)))
        return letters(batch, tokens, scripts)

    monkeypatch.setattr(characters, "_letters", counted)
    text = "\u202e" * 3000 + "a" + "\u202e" * 3000
    found = characters.stray_control.values(Batch.alone([text]))
    assert sum(asked) <= 2 * len(text)
    # The first and the last character stand at the word's edge.
    assert found.sum() == 5998


def levenshtein(one: str, other: str) -> int:
    """The textbook's."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        above, row = row, [i]
        for j, b in enumerate(other, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


@given(st.text("abs", max_size=9), st.text("abs", max_size=9))
def test_names_are_near_as_the_textbook_has_it(one: str, other: str) -> None:
    assert coherence._is_near(one, other) == (levenshtein(one.removesuffix("s"), other.removesuffix("s")) <= 2)


def test_two_long_names_are_compared_along_the_diagonal() -> None:
    compared = 0

    class Letter(str):
        def __ne__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__ne__(self, other)

        __hash__ = str.__hash__

    class Name(str):
        def removesuffix(self, suffix: str, /) -> Any:
            return self

        def __iter__(self) -> Any:
            return map(Letter, str.__iter__(self))

        def __getitem__(self, key: Any) -> Any:
            return Letter(str.__getitem__(self, key))

    assert coherence._is_near(Name("x" * 1000), Name("x" * 999 + "y"))
    assert 0 < compared <= 5 * 1000


def report(runs: Sequence[bool]) -> Report:
    """A report with a garbled sentence wherever one is asked for."""
    finding = Finding("repetition.loop", 0, 1, 1.0, 2.0, "")
    sentences = tuple(
        ScoredSentence(10 * i, 10 * i + 9, "x" * 9, 0.9, garbled, "prose", (finding,) * garbled)
        for i, garbled in enumerate(runs)
    )
    edges = np.flatnonzero(np.diff(np.array([False, *runs, False], int)))
    found = tuple(Passage(10 * a, 10 * b - 1, "", 0.9) for a, b in edges.reshape(-1, 2).tolist())
    return Report(0.9, True, "en", 0.5, sentences, found, (), "")


def test_each_sentence_is_looked_at_for_its_own_passage_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(sentences: Sequence[ScoredSentence]) -> str:
        seen.append(len(sentences))
        return "x"

    monkeypatch.setattr(prefilter, "reason", counted)
    passages(report([True, True, False] * 100))
    assert seen == [2] * 100


@given(st.lists(st.booleans(), max_size=12))
def test_the_reason_of_a_passage_is_that_of_its_sentences(runs: list[bool]) -> None:
    assert [cut.reason for cut in passages(report(runs))] == ["repetition.loop"] * len(report(runs).passages)


def test_an_annotation_of_many_passages_has_them_all(corpus: list[str], scorer: Scorer) -> None:
    # The sound sentences between them differ, or all of it would be one loop.
    sentences = {s.text: s for report in scorer.score_many(corpus) for s in report.sentences}
    sound = [text for text, s in sentences.items() if s.kind == "prose" and s.score < 0.2 and text[-1] == "."][:200]
    found = annotation(scorer.score(" ".join(f"{LOOPED} {text}" for text in sound)))
    assert len(sound) == 200
    # A sound sentence between two loops may be taken for a part of them.
    assert 190 <= len(found["passages"]) <= 200
    assert found["passages"][0]["reason"] == "repetition.loop"


def test_a_line_is_cut_by_its_own_marks_alone() -> None:
    looked_at = 0

    class Counted(list[Run]):
        def __getitem__(self, index: Any) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(index)

    marks = Counted((at, at + 2, "") for at in range(0, 40_000, 4))
    runs = [list(runs_between(start, start + 8, marks)) for start in range(0, 40_000, 8)]
    assert runs[1] == [(10, 12, None), (14, 16, None)]
    assert looked_at < len(runs) * 25


@pytest.mark.parametrize(("piece", "left"), [("U.S.", 4), ("漢字仮名交", 100_000)])
def test_a_loop_without_stops_is_repaired_in_as_many_scorings_however_long_it_is(
    piece: str, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Scorer(reader="off")
    texts: list[str] = []
    score = Scorer.score

    def counted(scorer: Scorer, text: str, *rest: Any) -> Report:
        texts.append(text)
        return score(scorer, text, *rest)

    monkeypatch.setattr(Scorer, "score", counted)
    counts = []
    for size in (200_000, 400_000):
        texts.clear()
        assert len(repair(piece * (size // len(piece)), scorer=plain).text) == left
        counts.append(len(texts))
    assert counts[0] == counts[1]
