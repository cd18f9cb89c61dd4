"""Adapter for Polars: score a Series of texts.

Needs the extra `polars`.
"""

from __future__ import annotations

from typing import Unpack

import polars as pl

from garble.integrations.arrow import score_batch
from garble.scorer import Scorer, Settings


def score_series(texts: pl.Series, *, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> pl.DataFrame:
    """Score each text: a DataFrame of score, garbled, reason and passages, with the same number of rows.

    texts: of dtype String, Categorical or Enum; a null gives a row of nulls. scorer: the Scorer to use; default: one
    with `settings`, which are those of `garble.Scorer`, and `reader` "unsure".
    The dtypes are those of `garble.filtering.arrow.SCHEMA`; offsets are characters. To add the columns to a frame:
    `frame.hstack(score_series(frame["text"]))`, or as one column of structs:
    `frame.with_columns(garble=score_series(frame["text"]).to_struct())`.
    Raises ValueError for other dtypes, and for an unknown threshold or model.
    """
    return pl.DataFrame(score_batch(texts.to_frame().to_arrow(), texts.name, scorer=scorer, **settings))
