"""Arrow record batches in, Arrow record batches out: what every other integration stands on.

Needs `pip install 'garble[arrow]'`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from garble.filtering import annotation
from garble.scorer import Scorer

# One row a document, in the order of the texts. A row is null where its text is.
SCHEMA = pa.schema(
    [
        pa.field("score", pa.float64()),
        pa.field("garbled", pa.bool_()),
        pa.field("reason", pa.string()),
        pa.field(
            "passages",
            pa.list_(
                pa.struct(
                    [
                        pa.field("start", pa.int64()),
                        pa.field("end", pa.int64()),
                        pa.field("score", pa.float64()),
                        pa.field("reason", pa.string()),
                    ]
                )
            ),
        ),
    ]
)
# What a column of texts may hold; one without any text at all has the type null.
_KINDS = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null


def score_batch(batch: pa.RecordBatch | pa.Table, column: str = "text", scorer: Scorer | None = None) -> pa.RecordBatch:
    """What garble says of each text, in columns of `SCHEMA`, row for row.

    column: the name of the column of strings that holds the texts, be they of any of Arrow's string types, as they
    are or dictionary-encoded. scorer: by default `Scorer(reader="unsure")`. Offsets are characters, as in
    `garble.Report`.
    Raises ValueError, in one line, when there is not one such column, or it holds no strings or strings that are not
    UTF-8.
    """
    rows = rows_of(texts_of(batch, column), scorer or Scorer(reader="unsure"))
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def rows_of(texts: Sequence[str | None], scorer: Scorer) -> list[dict[str, Any]]:
    """One row a text, with the fields of `SCHEMA`, all of them None where the text is."""
    reports = scorer.score_many(text for text in texts if text is not None)
    nothing = dict.fromkeys(SCHEMA.names)
    return [nothing if text is None else annotation(next(reports)) for text in texts]


def texts_of(batch: pa.RecordBatch | pa.Table, column: str) -> list[str | None]:
    """The texts in a column. Raises ValueError as `score_batch` does."""
    names = batch.schema.names
    if (count := names.count(column)) != 1:
        raise ValueError(f"{'more than one' if count else 'no'} column {column!r} among {', '.join(names) or 'none'}")
    strings = batch.column(column)
    kind = strings.type.value_type if pa.types.is_dictionary(strings.type) else strings.type
    if not any(holds(kind) for holds in _KINDS):
        raise ValueError(f"column {column!r} holds {strings.type}, not strings")
    # Readers take bytes for UTF-8 unseen; asked here, Arrow says which row is none.
    strings.validate(full=True)
    texts: list[str | None] = strings.to_pylist()
    return texts
