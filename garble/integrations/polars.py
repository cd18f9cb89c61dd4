"""garble within Polars: a Series of texts in, a DataFrame of scores out.

Needs the extra `polars`.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from garble.calibration import Threshold
from garble.integrations.arrow import score_batch
from garble.scorer import Scorer


def score_series(texts: pl.Series, threshold: Threshold = "balanced", model: str | Path = "en") -> pl.DataFrame:
    """What garble says of each text: columns score, garbled, reason and passages, row for row.

    texts: of dtype String, Categorical or Enum; a null gives a row of nulls. threshold, model: as in `garble.Scorer`.
    The dtypes are those of `garble.filtering.arrow.SCHEMA`; offsets are characters. Beside their texts:
    `frame.hstack(score_series(frame["text"]))`, or as one column of structs:
    `frame.with_columns(garble=score_series(frame["text"]).to_struct())`.
    Raises ValueError, in one line, for what are no strings, and for a threshold or model that does not exist.
    """
    return pl.DataFrame(score_batch(texts.to_frame().to_arrow(), texts.name, Scorer(model, threshold, reader="unsure")))
