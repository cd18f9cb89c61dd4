"""garble within pandas: a Series of texts in, a DataFrame of scores out.

Needs the extra `pandas`.
"""

from __future__ import annotations

from typing import Unpack

import pandas as pd

from garble.integrations.arrow import rows_of
from garble.scorer import Scorer, Settings, scorer_of

# Nullable all; passages are plain lists, for pandas cannot read back from Parquet what it writes of Arrow's.
_DTYPES = {"score": "Float64", "garbled": "boolean", "reason": "string", "passages": "object"}


def score_series(texts: pd.Series, *, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> pd.DataFrame:
    """What garble says of each text: columns score, garbled, reason and passages, with the index of the texts.

    texts: strings of any dtype; a missing one gives a row of NA. scorer: the Scorer to use; else the settings are
    those of `garble.Scorer`, with `reader` "unsure" by default. passages
    holds lists of dicts with start, end, score and reason; offsets are characters. Beside their texts, whatever the
    index: `pd.concat([frame, score_series(frame["text"])], axis=1)`.
    Raises ValueError, in one line, for what is no string, and for a threshold or model that does not exist.
    """
    rows = rows_of(_strings(texts), scorer_of(scorer, settings, reader="unsure"))
    return pd.DataFrame(rows, texts.index, list(_DTYPES)).astype(_DTYPES)


def _strings(texts: pd.Series) -> list[str | None]:
    """The texts, None for a missing one. Not by way of Arrow, which takes no lone surrogates."""
    found: list[str | None] = []
    for row, (label, text) in enumerate(texts.items()):
        missing = pd.api.types.is_scalar(text) and pd.isna(text)
        if not (missing or isinstance(text, str)):
            raise ValueError(f"row {row} (index {label!r}): expected a string, got {type(text).__name__}")
        found.append(None if missing else text)
    return found
