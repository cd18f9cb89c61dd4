"""garble within Polars: a Series of texts in, a DataFrame of scores out.

Needs the extra `polars`.
"""

from __future__ import annotations

from typing import Unpack

import polars as pl

from garble.integrations.arrow import score_batch
from garble.scorer import Scorer, Settings


def score_series(texts: pl.Series, *, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> pl.DataFrame:
    """What garble says of each text: columns score, garbled, reason and passages, row for row.

    texts: of dtype String, Categorical or Enum; a null gives a row of nulls. scorer: the Scorer to use;
    else the settings are those of `garble.Scorer`, with `reader` "unsure" by default.
    The dtypes are those of `garble.filtering.arrow.SCHEMA`; offsets are characters. Beside their texts:
    `frame.hstack(score_series(frame["text"]))`, or as one column of structs:
    `frame.with_columns(garble=score_series(frame["text"]).to_struct())`.
    Raises ValueError, in one line, for what are no strings, and for a threshold or model that does not exist.
    """
    return pl.DataFrame(score_batch(texts.to_frame().to_arrow(), texts.name, scorer=scorer, **settings))
