"""Measure the cost of each signal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.signals import SIGNALS, extract
from garble.text.segmentation import segment

# Copies of the signals' examples in one batch, and number of measurements, whose median is taken.
_COPIES, _MEASUREMENTS = 10, 5


class Cost(NamedTuple):
    """name: a signal, or a step before the signals, in parentheses. microseconds: per sentence."""

    name: str
    microseconds: float


def costs(lm: LanguageModel, texts: Sequence[str] = ()) -> list[Cost]:
    """CPU time of each signal and of the steps before them, in descending order.

    texts: scored in one batch; default: the clean and garbled examples in the docstrings of the signals. Work that
    several signals share is a part of its own, so that the parts add up to the total.
    """
    examples = [text for signal in SIGNALS for kind in ("Clean", "Garbled") for text in signal.sections[kind]]
    rounds = [_round(texts or examples * _COPIES, lm) for _ in range(_MEASUREMENTS)]
    parts = [Cost(name, median(times[name] for times in rounds)) for name in rounds[0]]
    return sorted(parts, key=lambda part: -part.microseconds)


def _round(texts: Sequence[str], lm: LanguageModel) -> dict[str, float]:
    started = time.process_time()
    documents = [segment(text) for text in texts]
    segmented = time.process_time()
    batch = Batch.of(documents, lm)
    tokenized = time.process_time()
    _ = batch.lm_scores
    looked_up = time.process_time()
    extract(batch)
    timestamps = [time.process_time()]
    durations = []
    # All shared results are cached by now.
    for signal in SIGNALS:
        signal.columns(batch, signal.values(batch))
        timestamps.append(time.process_time())
        durations.append(timestamps[-1] - timestamps[-2])
    seconds = {
        "(sentence segmentation)": segmented - started,
        "(tokenization)": tokenized - segmented,
        "(language model)": looked_up - tokenized,
        "(shared by signals)": max(0.0, timestamps[0] - looked_up - sum(durations)),
        **dict(zip((signal.name for signal in SIGNALS), durations, strict=True)),
    }
    return {name: 1e6 * duration / len(batch) for name, duration in seconds.items()}
