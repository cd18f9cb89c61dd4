"""What several tests use: the shipped model, and texts as unkind as texts get."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from garble import lm
from garble.scorer import Scorer

settings.register_profile("garble", deadline=None)
settings.load_profile("garble")

MODEL = Path(__file__).parent.parent / "models" / "en"

# Pieces at which splitters stumble, to be strung together at random.
_PIECES = [
    "\n", "\r", "\r\n", "\n\n", "\t", " ", "  ", "\v", "\f", "\x1c", "\x85", "\xa0", "\u2028", "\u2029",
    ".", "!", "?", ",", "…", "...", "–", "—", "-", "•", "'", "’", '"', "“", "”", "(", ")", "- ", "1. ", "a) ",
    "\u200b", "\ufeff", "\u3000", "\u0301", "\ud800", "\udfff", "\0", "😀", "👩\u200d🌾", "漢字", "。",
    "U.S.", "No. 5", "vs.", "n't", "don't", "'s", "1,000.50", "Hello", "world", "The", "said", "I", "ไทย",
]  # fmt: skip

ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.lists(st.sampled_from(_PIECES), max_size=25).map("".join),
)


@pytest.fixture(scope="session")
def english() -> lm.LanguageModel:
    return lm.load(MODEL / "lm.npz")


@pytest.fixture(scope="session")
def scorer() -> Scorer:
    return Scorer()
