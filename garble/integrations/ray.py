"""garble within Ray Data: what `map_batches` calls on a batch.

    from ray.data import ActorPoolStrategy
    from garble.integrations.ray import GarbleFilter, GarbleScorer

    actors = {"batch_format": "pyarrow", "compute": ActorPoolStrategy(min_size=1, max_size=8)}
    data.map_batches(GarbleFilter, fn_constructor_kwargs={"unit": "passage"}, **actors)  # what is not garbled
    data.map_batches(GarbleScorer, **actors)  # everything, with scores in a new column

Needs the extra `ray`, on the workers too. A model is loaded once an actor. An actor takes a CPU, and where
actors hold all of them Ray waits forever for one to read with; so let the pool begin small.
"""

from __future__ import annotations

from typing import Unpack

import pyarrow as pa

from garble.filtering import Prefilter, Unit
from garble.filtering.arrow import SCHEMA, texts_of
from garble.integrations.arrow import score_batch
from garble.scorer import Scorer, Settings, scorer_of


class GarbleScorer:
    """Adds the column "garble": structs of score, garbled, reason and passages; null where the text is.

    column: the name of the column of strings that holds the texts. scorer: the Scorer to use; else the settings are
    those of `garble.Scorer`, with `reader` "unsure" by default. A model's path must hold on the workers too. The fields
    are those of `garble.filtering.arrow.SCHEMA`; offsets are characters. Raises ValueError, in one line, for a
    threshold or model that does not exist, and when called for what is no table, or without one such column of strings.
    """

    def __init__(self, column: str = "text", *, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> None:
        self.column = column
        self.scorer = scorer_of(scorer, settings, reader="unsure")

    def __call__(self, batch: pa.Table) -> pa.Table:
        """A batch with the new column; an older one of that name goes."""
        scored = score_batch(_table(batch), self.column, scorer=self.scorer)
        missing = scored.column("score").is_null()
        found = pa.StructArray.from_arrays(scored.columns, fields=list(SCHEMA), mask=missing)
        others = [name for name in batch.column_names if name != "garble"]
        return batch.select(others).append_column("garble", found)


class GarbleFilter:
    """Drops garbled documents or, by unit, cuts the garbled passages or sentences out of them.

    column: as in `GarbleScorer`. unit, scorer, settings: as in `garble.filtering.Prefilter`. A row without a text
    stays, and so do all other columns.
    Raises ValueError, in one line, as `GarbleScorer` does, and for a unit that does not exist.
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
        """The rows of a batch that stay, and of their texts what stays."""
        texts = texts_of(_table(batch), self.column)
        decisions = self.prefilter.decisions(text for text in texts if text is not None)
        decided = [(text, None if text is None else next(decisions)) for text in texts]
        stays = [decision is None or decision.keep for _, decision in decided]
        kept = [text if text is None or decision is None else decision.kept(text) for text, decision in decided]
        place = batch.column_names.index(self.column)
        field = batch.schema.field(place)
        return batch.set_column(place, field, pa.array(kept, field.type)).filter(pa.array(stays, pa.bool_()))


def _table(batch: object) -> pa.Table:
    """The batch, which is a table only where that was asked for. Raises ValueError for any other."""
    if not isinstance(batch, pa.Table):
        raise ValueError(f'expected Arrow tables, got {type(batch).__name__}; use batch_format="pyarrow"')
    return batch
