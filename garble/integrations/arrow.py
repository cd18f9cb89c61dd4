"""Adapter for Arrow: score a column of a record batch. Other adapters use it.

Needs the extra `arrow`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import pyarrow as pa

from garble.filtering import annotation
from garble.filtering.arrow import SCHEMA, texts_of
from garble.scorer import Scorer, Settings, scorer_of


def score_batch(
    batch: pa.RecordBatch | pa.Table,
    column: str = "text",
    *,
    scorer: Scorer | None = None,
    **settings: Unpack[Settings],
) -> pa.RecordBatch:
    """The annotation of each text, as a record batch with the schema `SCHEMA` and the same number of rows.

    column: name of the column of texts, of any string type of Arrow, also dictionary-encoded. scorer: the Scorer to
    use; default: one with `settings`, which are those of `garble.Scorer`, and `reader` "unsure". Offsets are
    characters, as in `garble.Report`.
    Raises ValueError if there is not exactly one such column, or if it has no strings or invalid UTF-8.
    """
    rows = rows_of(texts_of(batch, column), scorer_of(scorer, settings, reader="unsure"))
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def rows_of(texts: Sequence[str | None], scorer: Scorer) -> list[dict[str, Any]]:
    """One row per text, with the fields of `SCHEMA`; all are None if the text is None."""
    reports = scorer.score_many(text for text in texts if text is not None)
    empty_row = dict.fromkeys(SCHEMA.names)
    return [empty_row if text is None else annotation(next(reports)) for text in texts]
