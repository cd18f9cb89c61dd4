"""Translations in a table, scored, and the garbled ones shown: in pandas, and the same in Polars.

Needs the extras `pandas` and `polars`; run it with `python examples/dataframes.py`.
"""

from __future__ import annotations

import pandas as pd
import polars as pl

from garble.integrations import pandas as garble_pandas
from garble.integrations import polars as garble_polars

COLUMNS = {
    "id": ["ferry", "bakery", "museum", "weather"],
    "text": [
        "The last ferry leaves at nine, and the island is quiet after that.",
        "The bakery sells bread and bread and bread and bread and bread and bread.",
        None,
        "Tomorrow wind the from coast strong the blow will towards of mountains.",
    ],
}


def in_pandas() -> pd.DataFrame:
    """The garbled rows, with their scores."""
    frame = pd.DataFrame(COLUMNS)
    scored = pd.concat([frame, garble_pandas.score_series(frame["text"])], axis=1)
    return scored[scored["garbled"]].sort_values("score", ascending=False)


def in_polars() -> pl.DataFrame:
    """The same."""
    frame = pl.DataFrame(COLUMNS)
    scored = frame.hstack(garble_polars.score_series(frame["text"]))
    return scored.filter("garbled").sort("score", descending=True)


if __name__ == "__main__":
    print(in_pandas()[["id", "score", "reason"]].to_string(index=False))
    print(in_polars().select("id", "score", "reason"))
