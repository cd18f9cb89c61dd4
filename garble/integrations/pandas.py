"""Adapter for pandas: score a Series of texts.

Needs the extra `pandas`.
"""

from __future__ import annotations

from typing import Unpack

import pandas as pd

from garble.integrations.arrow import rows_of
from garble.scorer import Scorer, Settings, scorer_of

# Nullable dtypes. Passages are plain lists, because pandas cannot read its own Parquet files with Arrow lists.
_DTYPES = {"score": "Float64", "garbled": "boolean", "reason": "string", "passages": "object"}


def score_series(texts: pd.Series, *, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> pd.DataFrame:
    """Score each text: a DataFrame of score, garbled, reason and passages, with the index of the texts.

    texts: strings of any dtype; a missing one gives a row of NA. scorer: the Scorer to use; default: one with
    `settings`, which are those of `garble.Scorer`, and `reader` "unsure". passages has lists of dicts with start, end,
    score and reason; offsets are characters. To add the columns to a frame with any index:
    `pd.concat([frame, score_series(frame["text"])], axis=1)`.
    Raises ValueError for values that are not strings, and for an unknown threshold or model.
    """
    rows = rows_of(_strings(texts), scorer_of(scorer, settings, reader="unsure"))
    return pd.DataFrame(rows, texts.index, list(_DTYPES)).astype(_DTYPES)


def _strings(texts: pd.Series) -> list[str | None]:
    """The texts, None for a missing one. Without Arrow, which does not accept lone surrogates."""
    strings: list[str | None] = []
    for row, (label, text) in enumerate(texts.items()):
        missing = pd.api.types.is_scalar(text) and pd.isna(text)
        if not (missing or isinstance(text, str)):
            raise ValueError(f"row {row} (index {label!r}): expected a string, got {type(text).__name__}")
        strings.append(None if missing else text)
    return strings
