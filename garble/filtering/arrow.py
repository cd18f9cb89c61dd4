"""Texts in a column of Arrow, and the schema of what is noted of them.

Needs the extra `arrow`.
"""

from __future__ import annotations

import pyarrow as pa

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


def texts_of(batch: pa.RecordBatch | pa.Table, column: str) -> list[str | None]:
    """The texts in a column. Raises ValueError as `score_batch` does."""
    names = batch.schema.names
    if (count := names.count(column)) != 1:
        raise ValueError(f"{'more than one' if count else 'no'} column {column!r}; found: {', '.join(names) or 'none'}")
    strings = batch.column(column)
    kind = strings.type.value_type if pa.types.is_dictionary(strings.type) else strings.type
    if not any(holds(kind) for holds in _KINDS):
        raise ValueError(f"column {column!r} has type {strings.type}; expected strings")
    # Readers take bytes for UTF-8 unseen; asked here, Arrow says which row is none.
    strings.validate(full=True)
    texts: list[str | None] = strings.to_pylist()
    return texts
