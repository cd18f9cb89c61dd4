"""Adapter for Ray Data: classes for `map_batches`.

    from ray.data import ActorPoolStrategy
    from garble.integrations.ray import GarbleFilter, GarbleScorer

    actors = {"batch_format": "pyarrow", "compute": ActorPoolStrategy(min_size=1, max_size=8)}
    data.map_batches(GarbleFilter, fn_constructor_kwargs={"unit": "passage"}, **actors)  # without garbled passages
    data.map_batches(GarbleScorer, **actors)  # all rows, with scores in a new column

Needs the extra `ray`, also on the workers. Each actor loads the model once. An actor needs a CPU, and if actors take
all CPUs, Ray waits forever for one to read the data; so use a pool with a small min_size.
"""

from __future__ import annotations

from typing import Unpack

import pyarrow as pa

from garble.filtering import Prefilter, Unit
from garble.filtering.arrow import SCHEMA, texts_of
from garble.integrations.arrow import score_batch
from garble.scorer import Scorer, Settings, scorer_of


class GarbleScorer:
    """Adds the column "garble": structs of score, garbled, reason and passages; null if the text is null.

    column: name of the column of texts. scorer: the Scorer to use; default: one with `settings`, which are those of
    `garble.Scorer`, and `reader` "unsure". The path of a model must be valid on the workers, too. The fields are those
    of `garble.filtering.arrow.SCHEMA`; offsets are characters. Raises ValueError for an unknown threshold or model, for
    batches that are not Arrow tables, and if there is not exactly one such column of strings.
    """

    def __init__(self, column: str = "text", *, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> None:
        self.column = column
        self.scorer = scorer_of(scorer, settings, reader="unsure")

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The batch with the new column; an existing one of that name is replaced."""
        scored = score_batch(_table(batch), self.column, scorer=self.scorer)
        missing = scored.column("score").is_null()
        structs = pa.StructArray.from_arrays(scored.columns, fields=list(SCHEMA), mask=missing)
        others = [name for name in batch.column_names if name != "garble"]
        return batch.select(others).append_column("garble", structs)


class GarbleFilter:
    """Drops garbled documents or, by unit, cuts garbled passages or sentences.

    column: as in `GarbleScorer`. unit, scorer, settings: as in `garble.filtering.Prefilter`. Rows with a null text and
    all other columns are kept.
    Raises ValueError as `GarbleScorer` does, and for an unknown unit.
    """

    def __init__(
        self,
        column: str = "text",
        *,
        unit: Unit = "document",
        scorer: Scorer | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        self.column = column
        self.prefilter = Prefilter(unit=unit, scorer=scorer, **settings)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The kept rows of a batch, with cuts removed from the texts."""
        texts = texts_of(_table(batch), self.column)
        decisions = self.prefilter.decisions(text for text in texts if text is not None)
        decided = [(text, None if text is None else next(decisions)) for text in texts]
        is_kept = [decision is None or decision.keep for _, decision in decided]
        kept = [text if text is None or decision is None else decision.kept(text) for text, decision in decided]
        index = batch.column_names.index(self.column)
        field = batch.schema.field(index)
        return batch.set_column(index, field, pa.array(kept, field.type)).filter(pa.array(is_kept, pa.bool_()))


def _table(batch: object) -> pa.Table:
    """The batch as a table. Raises ValueError for other batch formats."""
    if not isinstance(batch, pa.Table):
        raise ValueError(f'expected Arrow tables, got {type(batch).__name__}; use batch_format="pyarrow"')
    return batch
