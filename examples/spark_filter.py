"""A Parquet file filtered with Apache Spark, and what was dropped by reason.

Needs the extra `spark` and Java; run it with `python examples/spark_filter.py [IN OUT]`. Without paths it
takes three texts of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql.functions import coalesce, lit

from garble.integrations.spark import annotate

TEXTS = {
    "id": ["ferry", "bakery", "weather"],
    "text": [
        "The last ferry leaves at nine, and the island is quiet after that.",
        "The bakery sells bread and bread and bread and bread and bread and bread.",
        "Tomorrow wind the from coast strong the blow will towards of mountains.",
    ],
}


def filtered(texts: str, out: str) -> dict[str, int]:
    """Write the documents that are not garbled; how many others there were, by reason."""
    spark = SparkSession.builder.getOrCreate()
    scored = annotate(spark.read.parquet(texts)).cache()  # read twice below, scored once
    garbled = coalesce(scored["garble.garbled"], lit(False))
    scored.where(~garbled).drop("garble").write.parquet(out)
    return {row["reason"]: row["count"] for row in scored.where(garbled).groupBy("garble.reason").count().collect()}


def main() -> None:
    """Filter the files named on the command line, or the texts above."""
    # Workers on this machine are to be of the Python that has garble.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with TemporaryDirectory() as folder:
        pq.write_table(pa.table(TEXTS), Path(folder, "texts.parquet"))
        texts, out = sys.argv[1:] or (f"{folder}/texts.parquet", f"{folder}/kept")
        for reason, count in filtered(texts, out).items():
            print(f"dropped for {reason}: {count}")
        print("kept:", pq.read_table(out).num_rows)


if __name__ == "__main__":
    main()
