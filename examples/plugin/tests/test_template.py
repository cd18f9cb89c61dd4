"""Tests of the signal."""

from __future__ import annotations

import pytest
from garble_example.template import placeholder

from garble.testing import check_signal, feature_columns
from garble.text.segmentation import whole


def test_placeholder_keeps_the_contract_of_signals() -> None:
    check_signal(placeholder)


@pytest.mark.parametrize(
    ("text", "share"), [("[insert x]", 10 / 11), ("In [Your Town].", 11 / 16), ("[inserted x]", 0), ("[1]", 0), ("", 0)]
)
def test_placeholder_marks_the_brackets_and_what_is_in_them(text: str, share: float) -> None:
    assert feature_columns(placeholder, [whole(text)], None) == pytest.approx(share)
