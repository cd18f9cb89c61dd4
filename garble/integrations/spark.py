"""Adapter for Apache Spark: a column of scores, and a filter.

    from garble.integrations.spark import annotate, keep

    keep(spark.read.parquet("corpus"), unit="passage").write.parquet("kept")
    annotate(spark.read.parquet("corpus")).where("garble.score >= 0.8").select("id", "garble.reason")

Needs the extra `spark`, also on the workers, and Java. Only the texts are sent to Python, in Arrow batches of
`spark.sql.execution.arrow.maxRecordsPerBatch` rows; each worker process loads the model once.
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

    scorer: the Scorer to use; default: one with `settings`, which are those of `garble.Scorer`, and `reader` "unsure".
    The path of a model must be valid on the workers, too. The fields are those of `garble.filtering.arrow.SCHEMA`, all
    null if the text is null; offsets are characters. For SQL: `spark.udf.register("garble", score_udf())`.
    Raises ValueError for an unknown threshold or model.
    """
    batch_scorer = scorer_of(scorer, settings, reader="unsure")

    def score(texts: pd.Series) -> pd.DataFrame:
        strings = pa.array(texts, pa.string(), from_pandas=True).to_pylist()
        return pd.DataFrame(rows_of(strings, batch_scorer), columns=SCHEMA.names)

    return _nondeterministic(score, from_arrow_schema(SCHEMA))


def annotate(
    df: DataFrame, column: str = "text", *, scorer: Scorer | None = None, **settings: Unpack[Settings]
) -> DataFrame:
    """Add the result of `score_udf` in the column "garble"; it is null if the text is null.

    column: name of the column of texts. scorer, settings: as in `score_udf`.
    Raises ValueError if there is not exactly one such column of strings, and as `score_udf` does.
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
    """The kept rows, with cuts removed from the texts; other columns are unchanged.

    column: as in `annotate`. unit, scorer, settings: as in `garble.filtering.Prefilter`. Rows with a null text are
    kept.
    Raises ValueError as `annotate` does, and for an unknown unit.
    """
    prefilter = Prefilter(unit=unit, scorer=scorer, **settings)

    def decide(texts: pd.Series) -> pd.DataFrame:
        decided = zip(texts, prefilter.decisions(texts), strict=True)
        return pd.DataFrame(
            [(decision.keep, decision.kept(text)) for text, decision in decided], columns=["keep", "text"]
        )

    texts = _texts(df, column)
    decision = _nondeterministic(decide, "keep boolean, text string")(coalesce(texts, lit("")))
    decided = df.withColumn(_DECISION, when(texts.isNotNull(), decision))
    kept = decided.where(coalesce(col(_DECISION)["keep"], lit(True)))
    return kept.withColumn(column, col(_DECISION)["text"]).drop(_DECISION)


def _nondeterministic(function: Callable[[pd.Series], pd.DataFrame], returns: object) -> Callable[..., Column]:
    """A nondeterministic UDF: the optimizer may run a deterministic one again for each use of its result."""
    make: Any = pandas_udf  # its stubs require an argument that is deprecated
    udf: Callable[..., Column] = make(function, returns).asNondeterministic()
    return udf


def _texts(df: DataFrame, column: str) -> Column:
    """The column of texts. Raises ValueError as `annotate` does."""
    if (count := df.columns.count(column)) != 1:
        names = ", ".join(df.columns) or "none"
        raise ValueError(f"{'more than one' if count else 'no'} column {column!r}; found: {names}")
    kind = df.schema[column].dataType
    if not isinstance(kind, StringType):
        raise ValueError(f"column {column!r} has type {kind.simpleString()}; expected strings")
    # Quoted, because a dot in a name would select a field of a struct.
    return df[f"`{column.replace('`', '``')}`"]
