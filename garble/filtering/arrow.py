"""Reading texts from an Arrow column, and the schema of the annotations.

Needs the extra `arrow`.
"""

from __future__ import annotations

import pyarrow as pa

# One row per document, in the order of the texts. The row of a null text is null.
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
# As SCHEMA, for records with several texts.
_NAMED = [pa.field("field", pa.string())]
SCHEMA_OF_TEXTS = pa.schema(
    [
        *[SCHEMA.field(i) for i in range(3)],
        pa.field("passages", pa.list_(pa.struct([*_NAMED, *SCHEMA.field("passages").type.value_type]))),
        pa.field("texts", pa.list_(pa.struct([*_NAMED, *[SCHEMA.field(i) for i in range(3)]]))),
    ]
)
# Types of a column of texts; a column without any text has the type null.
_IS_TEXT = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null


def texts_of(batch: pa.RecordBatch | pa.Table, column: str) -> list[str | None]:
    """The texts in a column. Raises ValueError as `score_batch` does."""
    names = batch.schema.names
    if (count := names.count(column)) != 1:
        raise ValueError(f"{'more than one' if count else 'no'} column {column!r}; found: {', '.join(names) or 'none'}")
    strings = batch.column(column)
    kind = strings.type.value_type if pa.types.is_dictionary(strings.type) else strings.type
    if not any(is_type(kind) for is_type in _IS_TEXT):
        raise ValueError(f"column {column!r} has type {strings.type}; expected strings")
    # Readers do not validate UTF-8; here Arrow reports the row that is invalid.
    strings.validate(full=True)
    texts: list[str | None] = strings.to_pylist()
    return texts
