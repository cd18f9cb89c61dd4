"""Arrow record batches in, Arrow record batches out: what every other integration stands on.

Needs `pip install 'garble[arrow]'`.
"""

from __future__ import annotations

import pyarrow as pa

from garble.prefilter import annotation
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


def score_batch(batch: pa.RecordBatch | pa.Table, column: str = "text", scorer: Scorer | None = None) -> pa.RecordBatch:
    """What garble says of each text, in columns of `SCHEMA`, row for row.

    column: the name of the column of strings that holds the texts. scorer: by default `Scorer()`. Offsets are
    characters, as in `garble.Report`.
    Raises ValueError, in one line, when there is no such column or it holds no strings.
    """
    texts = texts_of(batch, column)
    reports = (scorer or Scorer()).score_many(text for text in texts if text is not None)
    nothing = dict.fromkeys(SCHEMA.names)
    rows = [nothing if text is None else annotation(next(reports)) for text in texts]
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def texts_of(batch: pa.RecordBatch | pa.Table, column: str) -> list[str | None]:
    """The texts in a column. Raises ValueError as `score_batch` does."""
    if column not in batch.schema.names:
        raise ValueError(f"no column {column!r} among {', '.join(batch.schema.names)}")
    kind = batch.schema.field(column).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise ValueError(f"column {column!r} holds {kind}, not strings")
    return batch.column(column).to_pylist()  # type: ignore[no-any-return]
