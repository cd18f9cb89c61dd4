"""Words are told apart by a hash that depends on nothing but the word."""

from __future__ import annotations

from itertools import product

import numpy as np
from conftest import ANY_TEXT
from hypothesis import given
from hypothesis import strategies as st

from garble.columns.batch import Batch
from garble.columns.lists import hash_words
from garble.text.alphabet import encode, hash_runs, mix
from garble.text.segmentation import whole

WORDS = st.lists(st.text("abc", min_size=1, max_size=6), min_size=1, max_size=8)


@given(ANY_TEXT)
def test_encode_gives_the_code_points_of_any_text(text: str) -> None:
    assert encode(text).tolist() == [ord(char) for char in text]


@given(WORDS, WORDS)
def test_a_word_hashes_alike_wherever_it_stands(words: list[str], others: list[str]) -> None:
    alone = np.concatenate([hash_words([word]) for word in words])
    assert (hash_words([*others, *words])[len(others) :] == alone).all()
    assert (hash_words([*words, *others])[: len(words)] == alone).all()
    assert (Batch.of([whole("  ".join(words))]).word_hash == alone).all()


def test_different_words_hash_differently() -> None:
    words = ["".join(letters) for size in range(1, 6) for letters in product("abcdeé", repeat=size)]
    words += ["a" * size for size in range(6, 500)]
    assert len(set(hash_words(words).tolist())) == len(words)


def test_values_between_the_runs_change_no_hash() -> None:
    spaced = hash_runs(encode("ab  cd "), np.array([0, 4]), np.array([2, 6]))
    assert (spaced == hash_words(["ab", "cd"])).all()


def test_mix_maps_different_values_to_different_ones_and_flips_half_of_the_bits() -> None:
    values = np.arange(10_000, dtype=np.uint64)
    mixed = mix(values)
    assert len(np.unique(mixed)) == len(values)
    flipped = np.bitwise_count(mixed[::2] ^ mixed[1::2])
    assert 31 < flipped.mean() < 33
