"""Arrow record batches in, Arrow record batches out: what every other integration stands on.

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
    """What garble says of each text, in columns of `SCHEMA`, row for row.

    column: the name of the column of strings that holds the texts, be they of any of Arrow's string types, as they
    are or dictionary-encoded. scorer: the Scorer to use; else the settings are those of
    `garble.Scorer`, with `reader` "unsure" by default. Offsets are characters, as in
    `garble.Report`.
    Raises ValueError, in one line, when there is not one such column, or it holds no strings or strings that are not
    UTF-8.
    """
    rows = rows_of(texts_of(batch, column), scorer_of(scorer, settings, reader="unsure"))
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def rows_of(texts: Sequence[str | None], scorer: Scorer) -> list[dict[str, Any]]:
    """One row a text, with the fields of `SCHEMA`, all of them None where the text is."""
    reports = scorer.score_many(text for text in texts if text is not None)
    nothing = dict.fromkeys(SCHEMA.names)
    return [nothing if text is None else annotation(next(reports)) for text in texts]
