"""garble within Hugging Face datasets: what `map` and `filter` call on a batch.

    from garble.integrations.datasets import Annotate, Cut, Keep

    data.filter(Keep(), batched=True, num_proc=8)  # the documents that are not garbled
    data.map(Cut(), batched=True, num_proc=8)  # the documents without their garbled passages
    data.map(Annotate(), batched=True, num_proc=8)  # all documents, with scores in new columns

Needs the extra `datasets`. Each takes the name of the column with the texts, and the settings of `garble.Scorer`; each
works on a Dataset, a DatasetDict, and one that is streamed; each lets a missing text, None, pass. They are data alone,
so they pickle, and datasets finds its cached results again until garble, the threshold or the model changes. Raise
ValueError, in one line, for a threshold or model that does not exist, and when called for a column that is not there or
holds no strings, or without `batched=True`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Unpack

from garble.filtering import Decision, Prefilter, Unit, annotation
from garble.scorer import Scorer, Settings, scorer_of

# One batch: a list of values for each column.
Batch = Mapping[str, list[Any]]


class _OnTexts:
    """What is done to the texts in a column.

    scorer: the Scorer to use; else the settings are those of `garble.Scorer`, with `reader` "unsure" by default.
    signature: the scorer's, so that it is part of what datasets names a cached result by.
    """

    def __init__(
        self, column: str = "text", *, scorer: Scorer | None = None, **settings: Unpack[Settings]
    ) -> None:
        self.column = column
        self.scorer = scorer_of(scorer, settings, reader="unsure")
        self.signature = self.scorer.signature

    def _decisions(self, batch: Batch, unit: Unit = "document") -> list[Decision | None]:
        """What becomes of each text; None where there is none."""
        texts = self._texts(batch)
        decisions = Prefilter(unit=unit, scorer=self.scorer).decisions(text for text in texts if text is not None)
        return [None if text is None else next(decisions) for text in texts]

    def _texts(self, batch: Batch) -> list[str | None]:
        # With a format a batch may be a table, which has its own way to say that a column is not there.
        if isinstance(batch, Mapping) and self.column not in batch:
            raise ValueError(f"no column {self.column!r}; found: {', '.join(batch)}")
        texts = batch[self.column]
        if not isinstance(texts, list):
            kind = type(texts).__name__
            raise ValueError(f"column {self.column!r}: expected a list, got {kind}; use batched=True and no format")
        for text in texts:
            if not isinstance(text, str | None):
                raise ValueError(f"column {self.column!r}: expected strings, got {type(text).__name__}")
        return texts


class Annotate(_OnTexts):
    """For `map`: adds the columns garble_score, garble_garbled, garble_reason and garble_passages.

    They are the fields of `garble.filtering.annotation`, the passages as JSON: datasets takes a column's type from the
    first batch, and lists that happen to be empty there have none. All are null where the text is.
    """

    def __call__(self, batch: Batch) -> dict[str, list[Any]]:
        """The new columns of a batch."""
        found = [decision and annotation(decision.report) for decision in self._decisions(batch)]
        rows = [one and {**one, "passages": json.dumps(one["passages"])} for one in found]
        names = ("score", "garbled", "reason", "passages")
        return {f"garble_{name}": [row and row[name] for row in rows] for name in names}


class Keep(_OnTexts):
    """For `filter`: keeps the documents that are not garbled."""

    def __call__(self, batch: Batch) -> list[bool]:
        """Of each document of a batch, whether it stays."""
        return [decision is None or decision.keep for decision in self._decisions(batch)]


class Cut(_OnTexts):
    """For `map`: cuts garbled passages out of the texts, and leaves documents without a sound sentence away."""

    def __call__(self, batch: Batch) -> dict[str, list[Any]]:
        """All columns of a batch, of the rows that stay."""
        decisions = self._decisions(batch, "passage")
        stay = [number for number, decision in enumerate(decisions) if decision is None or decision.keep]
        texts = zip(batch[self.column], decisions, strict=True)
        columns = {**batch, self.column: [decision.kept(text) if decision else text for text, decision in texts]}
        return {name: [values[number] for number in stay] for name, values in columns.items()}
