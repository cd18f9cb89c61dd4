"""What every signal measures on texts written for it: a line a text in cases/signals.jsonl.

⟦⟧ stand around what a signal marks. values: of each sentence the features, to two digits. Where a change is meant,
`python tests/test_signal_values.py` writes the file anew; read the difference.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MODEL

from garble.columns import lm
from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.signals import SIGNALS
from garble.text.periodic import loops_of
from garble.text.segmentation import segment

TABLE = Path(__file__).parent / "cases" / "signals.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in TABLE.read_text("utf-8").splitlines()]
BY_NAME = {signal.name: signal for signal in SIGNALS}


def measured(row: dict[str, Any], english: LanguageModel) -> dict[str, Any]:
    """The row as the code has it."""
    signal, text = BY_NAME[row["signal"]], re.sub("[⟦⟧]", "", row["text"])
    document = replace(segment(text, "text"), loops=loops_of([text])[0])
    batch = Batch.of([document], english)
    values = signal.values(batch)
    columns = np.stack(signal.columns(batch, values), axis=1)
    if signal.output == "marks":
        owner, found = signal.evidence(batch, values, np.flatnonzero(columns[:, 0]))
        sentence = np.flatnonzero(columns[:, 0])[owner]
        first = batch.char_offsets[sentence]
        for i, begin, end in zip(sentence[::-1], (found.starts - first)[::-1], (found.ends - first)[::-1], strict=True):
            begin, end = document.place(int(i), int(begin), int(end))
            text = f"{text[:begin]}⟦{text[begin:end]}⟧{text[end:]}"
    # 0.0 has no sign.
    return {"signal": signal.name, "text": text, "values": (columns.round(2) + 0.0).tolist()}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['signal']} {ascii(row['text'])[:40]}")
def test_a_signal_measures_what_the_table_says(row: dict[str, Any], english: LanguageModel) -> None:
    found = measured(row, english)
    assert found["text"] == row["text"]
    assert np.array(found["values"]) == pytest.approx(np.array(row["values"]), abs=0.0101)


def test_each_signal_has_texts_in_which_it_speaks_and_texts_in_which_it_does_not() -> None:
    for signal in SIGNALS:
        values = [np.max(row["values"]) for row in ROWS if row["signal"] == signal.name]
        assert max(values) > max(0, min(values)), signal.name


if __name__ == "__main__":
    model = lm.load(MODEL / "lm.npz")
    # What cannot be seen, or not be written, stays escaped.
    lines = "".join(json.dumps(measured(row, model)) + "\n" for row in ROWS)
    TABLE.write_text(lines.replace("\\u27e6", "⟦").replace("\\u27e7", "⟧"), "utf-8")
