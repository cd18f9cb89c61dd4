"""garble within Apache Spark: a column of scores, and a filter.

    from garble.integrations.spark import annotate, keep

    keep(spark.read.parquet("corpus"), unit="passage").write.parquet("kept")
    annotate(spark.read.parquet("corpus")).where("garble.score > 0.5").select("id", "garble.reason")

Needs the extra `spark`, on the workers too, and Java. Only the texts travel to Python, in Arrow batches of
`spark.sql.execution.arrow.maxRecordsPerBatch` rows; a model is loaded once a worker process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql.functions import coalesce, col, lit, when
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StringType

from garble.filtering import Prefilter, Unit
from garble.filtering.arrow import SCHEMA
from garble.integrations.arrow import rows_of
from garble.scorer import Scorer, Settings, scorer_of

_DECISION = "__garble_decision"


def score_udf(*, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> Callable[..., Column]:
    """A pandas UDF from a column of strings to structs of score, garbled, reason and passages.

    scorer: the Scorer to use; else the settings are those of `garble.Scorer`, with `reader` "unsure" by default. A
    model's path must hold on the workers too. The fields are those of
    `garble.filtering.arrow.SCHEMA`, all null where the text is null; offsets are characters. For SQL:
    `spark.udf.register("garble", score_udf())`.
    Raises ValueError, in one line, for a threshold or model that does not exist.
    """
    chosen = scorer_of(scorer, settings, reader="unsure")

    def score(texts: pd.Series) -> pd.DataFrame:
        listed = pa.array(texts, pa.string(), from_pandas=True).to_pylist()
        return pd.DataFrame(rows_of(listed, chosen), columns=SCHEMA.names)

    return _once(score, from_arrow_schema(SCHEMA))


def annotate(
    df: DataFrame, column: str = "text", *, scorer: Scorer | None = None, **settings: Unpack[Settings]
) -> DataFrame:
    """All rows, with what `score_udf` gives in the column "garble"; that is null where the text is.

    column: the name of the column of strings that holds the texts. scorer, settings: as in `score_udf`.
    Raises ValueError, in one line, when there is not one such column or it holds no strings, and as `score_udf` does.
    """
    texts = _texts(df, column)
    return df.withColumn("garble", when(texts.isNotNull(), score_udf(scorer=scorer, **settings)(texts)))


def keep(
    df: DataFrame,
    column: str = "text",
    *,
    unit: Unit = "document",
    scorer: Scorer | None = None,
    **settings: Unpack[Settings],
) -> DataFrame:
    """The rows that stay, and of their texts what stays; all other columns as they were.

    column: as in `annotate`. unit, scorer, settings: as in `garble.filtering.Prefilter`. A row without a text stays.
    Raises ValueError, in one line, as `annotate` does, and for a unit that does not exist.
    """
    prefilter = Prefilter(unit=unit, scorer=scorer, **settings)

    def decide(texts: pd.Series) -> pd.DataFrame:
        decided = zip(texts, prefilter.decisions(texts), strict=True)
        return pd.DataFrame([(one.keep, one.kept(text)) for text, one in decided], columns=["keep", "text"])

    texts = _texts(df, column)
    decision = _once(decide, "keep boolean, text string")(coalesce(texts, lit("")))
    decided = df.withColumn(_DECISION, when(texts.isNotNull(), decision))
    stays = decided.where(coalesce(col(_DECISION)["keep"], lit(True)))
    return stays.withColumn(column, col(_DECISION)["text"]).drop(_DECISION)


def _once(function: Callable[[pd.Series], pd.DataFrame], returns: object) -> Callable[..., Column]:
    """A UDF that the optimizer does not run again for each use of its result, as it may do with a deterministic one."""
    make: Any = pandas_udf  # whose stubs insist on an argument that it warns of
    udf: Callable[..., Column] = make(function, returns).asNondeterministic()
    return udf


def _texts(df: DataFrame, column: str) -> Column:
    """The column of texts. Raises ValueError as `annotate` does."""
    if (count := df.columns.count(column)) != 1:
        among = ", ".join(df.columns) or "none"
        raise ValueError(f"{'more than one' if count else 'no'} column {column!r}; found: {among}")
    kind = df.schema[column].dataType
    if not isinstance(kind, StringType):
        raise ValueError(f"column {column!r} has type {kind.simpleString()}; expected strings")
    # Quoted, since a dot in a name would mean a field of a struct.
    return df[f"`{column.replace('`', '``')}`"]
