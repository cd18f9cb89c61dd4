"""Adapter for Hugging Face datasets: functions for `map` and `filter`.

    from garble.integrations.datasets import Annotate, Cut, Keep

    data.filter(Keep(), batched=True, num_proc=8)  # the documents that are not garbled
    data.map(Cut(), batched=True, num_proc=8)  # the documents without their garbled passages
    data.map(Annotate(), batched=True, num_proc=8)  # all documents, with scores in new columns

Needs the extra `datasets`. All take the name of the column of texts and the settings of `garble.Scorer`; work on a
Dataset, a DatasetDict and streamed datasets; and keep rows whose text is None. They can be pickled, and datasets reuses
cached results until garble, the threshold or the model changes. They raise ValueError for an unknown threshold or
model, for a column that does not exist or has no strings, and without `batched=True`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Unpack

from garble.filtering import Decision, Prefilter, Unit, annotation
from garble.scorer import Scorer, Settings, scorer_of

# One batch: a list of values for each column.
Batch = Mapping[str, list[Any]]


class _TextFunction:
    """Base class of functions on a column of texts.

    scorer: the Scorer to use; default: one with `settings`, which are those of `garble.Scorer`, and `reader` "unsure".
    signature: that of the scorer, so that the fingerprint of cached results depends on it.
    """

    def __init__(self, column: str = "text", *, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> None:
        self.column = column
        self.scorer = scorer_of(scorer, settings, reader="unsure")
        self.signature = self.scorer.signature

    def __eq__(self, other: object) -> bool:
        """Whether both are the same function of the same column, with scorers of the same signature."""
        return type(self) is type(other) and isinstance(other, _TextFunction) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str]:
        return self.column, self.signature

    def _decisions(self, batch: Batch, unit: Unit = "document") -> list[Decision | None]:
        """The decision for each text; None if the text is None."""
        texts = self._texts(batch)
        decisions = Prefilter(unit=unit, scorer=self.scorer).decisions(text for text in texts if text is not None)
        return [None if text is None else next(decisions) for text in texts]

    def _texts(self, batch: Batch) -> list[str | None]:
        # With a format, the batch can be a table, which has its own error for a missing column.
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


class Annotate(_TextFunction):
    """For `map`: adds the columns garble_score, garble_garbled, garble_reason and garble_passages.

    They are the fields of `garble.filtering.annotation`, with the passages as JSON, because datasets infers the type of
    a column from the first batch, where lists can be empty. All are null if the text is null.
    """

    def __call__(self, batch: Batch) -> dict[str, list[Any]]:
        """The new columns of a batch."""
        annotations = [decision and annotation(decision.report) for decision in self._decisions(batch)]
        rows = [fields and {**fields, "passages": json.dumps(fields["passages"])} for fields in annotations]
        names = ("score", "garbled", "reason", "passages")
        return {f"garble_{name}": [row and row[name] for row in rows] for name in names}


class Keep(_TextFunction):
    """For `filter`: keeps the documents that are not garbled."""

    def __call__(self, batch: Batch) -> list[bool]:
        """Whether to keep each document of a batch."""
        return [decision is None or decision.keep for decision in self._decisions(batch)]


class Cut(_TextFunction):
    """For `map`: cuts garbled passages, and drops documents without a clean sentence of prose."""

    def __call__(self, batch: Batch) -> dict[str, list[Any]]:
        """All columns of a batch, with the kept rows."""
        decisions = self._decisions(batch, "passage")
        kept_rows = [number for number, decision in enumerate(decisions) if decision is None or decision.keep]
        texts = zip(batch[self.column], decisions, strict=True)
        columns = {**batch, self.column: [decision.kept(text) if decision else text for text, decision in texts]}
        return {name: [values[number] for number in kept_rows] for name, values in columns.items()}
