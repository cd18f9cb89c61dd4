"""The targets of the fuzzer hold for some inputs, and see a fault where there is one."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))
import targets

INPUTS = [b"", b"\0", b"\1", *(random.Random(n).randbytes(n * 5) for n in range(1, 12))]


@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_target_holds(name: str) -> None:
    for data in INPUTS:
        targets.TARGETS[name](data)


def test_the_texts_of_the_fuzzer_hold_all_its_pieces() -> None:
    text = targets.text_of(bytes([1, *(byte for i in range(len(targets.PIECES)) for byte in (i, 1))]))
    assert text == "".join(targets.PIECES)


def test_a_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.models.scorecard.Scorecard.predict", lambda card, x: x.sum(axis=1) * float("nan"))
    with pytest.raises(AssertionError):
        targets.models(b"")
