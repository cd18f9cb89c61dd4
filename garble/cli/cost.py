"""What each signal costs, measured on the spot."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.signals import SIGNALS, extract
from garble.text.segmentation import segment

# The signals' own examples are read so many times over, in one batch, and each measurement is taken so often.
_COPIES, _TIMES = 10, 5


class Cost(NamedTuple):
    """name: of a signal, or in brackets what goes before them. microseconds: a sentence."""

    name: str
    microseconds: float


def costs(knows: LanguageModel, texts: Sequence[str] = ()) -> list[Cost]:
    """Processor time of each signal and of what goes before them, the dearest first.

    texts: what is read, in one batch; by default the examples of the signals' docstrings, clean and garbled. What a
    batch works out once for several signals stands apart from them, so that the parts add up to what all of it costs.
    """
    examples = [text for signal in SIGNALS for kind in ("Clean", "Garbled") for text in signal.sections[kind]]
    rounds = [_round(texts or examples * _COPIES, knows) for _ in range(_TIMES)]
    parts = [Cost(name, median(one[name] for one in rounds)) for name in rounds[0]]
    return sorted(parts, key=lambda part: -part.microseconds)


def _round(texts: Sequence[str], knows: LanguageModel) -> dict[str, float]:
    begun = time.process_time()
    documents = [segment(text) for text in texts]
    segmented = time.process_time()
    batch = Batch.of(documents, knows)
    tokenized = time.process_time()
    _ = batch.lm_scores
    read = time.process_time()
    extract(batch)
    moments = [time.process_time()]
    apart = []
    # All that they share is there by now.
    for signal in SIGNALS:
        signal.columns(batch, signal.values(batch))
        moments.append(time.process_time())
        apart.append(moments[-1] - moments[-2])
    seconds = {
        "(sentence segmentation)": segmented - begun,
        "(tokenization)": tokenized - segmented,
        "(language model)": read - tokenized,
        "(shared by signals)": max(0.0, moments[0] - read - sum(apart)),
        **dict(zip((signal.name for signal in SIGNALS), apart, strict=True)),
    }
    return {name: 1e6 * taken / len(batch) for name, taken in seconds.items()}
