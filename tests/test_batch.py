"""Columns give what a loop over their rows would give."""

from __future__ import annotations

import re
from itertools import count, islice

import numpy as np
from conftest import ANY_TEXT
from hypothesis import given
from hypothesis import strategies as st

from garble.columns.arrays import (
    Floats,
    Ints,
    cover,
    offsets,
    recurs,
    row_means,
    row_sums,
    runs,
    spread,
    streaks,
    worst_stretch,
)
from garble.columns.batch import Batch
from garble.columns.packets import packets
from garble.text.segmentation import segment, whole

# Eighths add up without rounding, so that sums can be compared exactly.
EIGHTHS = st.integers(-40, 40).map(lambda n: n / 8)
ROWS = st.lists(st.lists(EIGHTHS, max_size=6), max_size=8)
MASKS = st.lists(st.lists(st.booleans(), max_size=6), max_size=8)


def columns(rows: list[list[float]]) -> tuple[Floats, Ints]:
    return np.array([value for row in rows for value in row], np.float64), offsets([len(row) for row in rows])


@given(ROWS)
def test_row_sums_and_means(rows: list[list[float]]) -> None:
    values, edges = columns(rows)
    assert row_sums(values, edges).tolist() == [sum(row) for row in rows]
    assert row_means(values, edges).tolist() == [sum(row) / max(len(row), 1) for row in rows]


@given(ROWS)
def test_the_worst_stretch_has_the_largest_sum_of_all(rows: list[list[float]]) -> None:
    values, edges = columns(rows)
    totals, begins, ends = worst_stretch(values, edges)
    for number, row in enumerate(rows):
        best = max((sum(row[a:b]) for b in range(len(row) + 1) for a in range(b)), default=0)
        begin, end = begins[number] - edges[number], ends[number] - edges[number]
        assert totals[number] == best
        assert 0 <= begin <= end <= len(row)
        assert sum(row[begin:end]) == best
        assert not row or begin < end


def test_the_worst_stretch_of_a_row_is_the_same_beside_thousands() -> None:
    # Tenths, so that many stretches have the same sum but for rounding.
    values, edges = np.random.default_rng(0).integers(-9, 9, 100_000) / 10, offsets([20] * 5_000)
    totals, begins, ends = worst_stretch(values, edges)
    alone = [worst_stretch(values[first : first + 20], np.array([0, 20])) for first in edges[:-1]]
    assert totals.tolist() == [total[0] for total, _, _ in alone]
    assert (begins - edges[:-1]).tolist() == [begin[0] for _, begin, _ in alone]
    assert (ends - edges[:-1]).tolist() == [end[0] for _, _, end in alone]


@given(MASKS)
def test_runs_hold_what_is_marked_and_end_with_their_row(rows: list[list[bool]]) -> None:
    mask, edges = columns(rows)
    found = runs(mask.astype(bool), edges)
    expected = []
    for first, row in zip(edges.tolist(), rows, strict=False):
        starts = [i for i, on in enumerate(row) if on and not (i and row[i - 1])]
        ends = [i + 1 for i, on in enumerate(row) if on and not (i + 1 < len(row) and row[i + 1])]
        expected += [(first + start, first + end) for start, end in zip(starts, ends, strict=True)]
    assert list(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == expected
    assert found.lengths.sum() == mask.sum()


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted), max_size=6))
def test_cover_marks_what_any_run_holds(spans: list[list[int]]) -> None:
    edges = np.array(spans, np.int64).reshape(-1, 2)
    expected = [any(a <= i < b for a, b in spans) for i in range(20)]
    assert cover(edges[:, 0], edges[:, 1], 20).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted), max_size=6))
def test_spread_lists_the_elements_of_each_run(spans: list[list[int]]) -> None:
    edges = np.array(spans, np.int64).reshape(-1, 2)
    assert spread(edges[:, 0], edges[:, 1]).tolist() == [i for a, b in spans for i in range(a, b)]


@given(st.sets(st.integers(0, 30)).map(sorted))
def test_streaks_are_the_runs_of_a_mask_of_the_same_places(places: list[int]) -> None:
    mask = np.isin(np.arange(31), places)
    found, expected = streaks(np.array(places, np.int64)), runs(mask, np.array([0, 31]))
    assert found.starts.tolist() == expected.starts.tolist()
    assert found.ends.tolist() == expected.ends.tolist()


@given(st.text("ab1 ", max_size=30))
def test_matches_sought_where_they_can_begin_are_those_of_the_whole_text(text: str) -> None:
    batch, pattern = Batch.of([whole(text)]), re.compile("1+a?|1*b1")
    begins = np.flatnonzero(np.isin(batch.codes, [ord("1"), ord("b")]))
    found = [match.span() for match in batch.matches(pattern, begins)]
    assert found == [match.span() for match in pattern.finditer(batch.text)]


@given(st.lists(st.integers(0, 5)), st.integers(1, 10))
def test_packets_hold_all_in_order_and_stop_at_their_limit(items: list[int], limit: int) -> None:
    found = list(packets(items, limit, lambda item: item))
    assert [item for packet in found for item in packet] == items
    assert all(packet and sum(packet[:-1]) < limit for packet in found)
    assert all(sum(packet) >= limit for packet in found[:-1])


def test_packets_read_no_further_than_they_must() -> None:
    assert list(islice(packets(count(1), 3, lambda item: item), 3)) == [[1, 2], [3], [4]]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=30))
def test_recurs_finds_the_last_equal_key_of_the_group(pairs: list[tuple[int, int]]) -> None:
    keys, groups = np.array(pairs, np.uint64).reshape(-1, 2).T
    expected = [max((j for j in range(i) if pairs[j] == pairs[i]), default=-1) for i in range(len(pairs))]
    assert recurs(keys, groups.astype(np.int64)).tolist() == expected


WORDY = st.lists(st.lists(st.sampled_from(["a", "B", "b", "cd", "."]), max_size=8).map(" ".join), max_size=5)


@given(WORDY, st.integers(1, 4))
def test_ngrams_stay_inside_their_sentence_and_are_alike_when_their_words_are(texts: list[str], n: int) -> None:
    batch = Batch.of([whole(text) for text in texts])
    words = [batch.pieces(i, i + 1).lower() for i in range(len(batch.starts))]
    begins, hashes = batch.ngrams(n)
    assert begins.tolist() == [i for i in range(len(words) - n + 1) if batch.sentence[i] == batch.sentence[i + n - 1]]
    grams = [tuple(words[i : i + n]) for i in begins]
    assert len(set(grams)) == len(set(hashes.tolist())) == len(set(zip(grams, hashes.tolist(), strict=True)))


@given(st.lists(ANY_TEXT, max_size=4))
def test_sentences_alone_are_documents_of_one_sentence(texts: list[str]) -> None:
    quick, slow = Batch.alone(texts), Batch.of([whole(text) for text in texts])
    assert all(np.array_equal(getattr(quick, name), getattr(slow, name)) for name in Batch.__dataclass_fields__)


@given(st.lists(ANY_TEXT, max_size=4))
def test_a_batch_holds_the_sentences_of_its_documents_in_order(texts: list[str]) -> None:
    documents = [segment(text) for text in texts]
    batch = Batch.of(documents)
    held = [
        batch.text[a : b - 1]
        for a, b in zip(batch.char_offsets.tolist(), batch.char_offsets[1:].tolist(), strict=False)
    ]
    # A paragraph separator inside a sentence is held as a line feed.
    assert held == [piece.replace("\u2029", "\n") for document in documents for piece in document.slices()]
    assert len(batch) == len(held) == batch.document_offsets[-1]
    assert np.bincount(batch.document, minlength=len(texts)).tolist() == [len(d.sentences) for d in documents]
    inside = (batch.char_offsets[batch.sentence] <= batch.starts) & (
        batch.ends < batch.char_offsets[batch.sentence + 1]
    )
    assert inside.all()


def test_forms_forget_case_and_digits_and_words_only_case() -> None:
    one, two, three = (Batch.of([whole(text)]) for text in ("In 1914 it", "in 2024 It", "in 1914 it"))
    assert (one.form_hash == two.form_hash).all()
    assert (one.word_hash == two.word_hash).tolist() == [True, False, True]
    assert (one.word_hash == three.word_hash).all()


def test_the_first_word_is_found_behind_quotation_marks() -> None:
    batch = Batch.of([whole('"“ He said.'), whole("..."), whole("She did.")])
    assert [batch.pieces(i, i + 1) for i in np.flatnonzero(batch.is_first_word)] == ["He", "She"]


def test_placeholders_of_a_sentence_are_different_words() -> None:
    batch = Batch.of([segment("# Keys\n\nPut `a_b` before `c_d`, and put it there.\n\nSo `e_f` is it.\n", "markdown")])
    its = [i for i, start in enumerate(batch.starts.tolist()) if batch.text[start : batch.ends[i]] == "it"]
    assert len(its) == 5
    hashes, forms = batch.word_hash[its].tolist(), batch.form_hash[its].tolist()
    # The language model reads them as the word; that word itself is one word in both sentences.
    assert len(set(forms)) == 1
    assert hashes[2] == hashes[4] == forms[0]
    assert len(set(hashes)) == 4
