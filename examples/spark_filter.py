"""A folder of Parquet partitions filtered with Apache Spark; the dropped documents are kept, with their reason.

Needs the extra `spark` and Java; run it with `python examples/spark_filter.py [IN OUT DROPPED]`, three folders. IN is
partitioned by the column `source`, as are the others. Without folders it takes three texts of its own.
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
    "source": ["islands", "town", "town"],
    "text": [
        "The last ferry leaves at nine, and the island is quiet after that.",
        "The bakery sells bread and bread and bread and bread and bread and bread.",
        "Tomorrow wind the from coast strong the blow will towards of mountains.",
    ],
}


def filtered(texts: str, kept: str, dropped: str) -> dict[str, int]:
    """Write each document into one of two folders; how many were dropped, by reason.

    Dropped documents have the column `garble`, with score, reason and passages.
    """
    spark = SparkSession.builder.getOrCreate()
    scored = annotate(spark.read.parquet(texts)).cache()  # read three times below, scored once
    garbled = coalesce(scored["garble.garbled"], lit(False))
    scored.where(~garbled).drop("garble").write.partitionBy("source").parquet(kept)
    scored.where(garbled).write.partitionBy("source").parquet(dropped)
    return {row["reason"]: row["count"] for row in scored.where(garbled).groupBy("garble.reason").count().collect()}


def main() -> None:
    """Filter the folders named on the command line, or the texts above."""
    # Workers on this machine are to be of the Python that has garble.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with TemporaryDirectory() as folder:
        pq.write_to_dataset(pa.table(TEXTS), Path(folder, "texts"), partition_cols=["source"])
        texts, kept, dropped = sys.argv[1:] or (f"{folder}/{name}" for name in ("texts", "kept", "dropped"))
        for reason, count in filtered(texts, kept, dropped).items():
            print(f"dropped for {reason}: {count}")
        for name, path in (("kept", kept), ("dropped", dropped)):
            parts = sorted(part.name for part in Path(path).glob("source=*"))
            print(f"{name}: {pq.read_table(path).num_rows} in {', '.join(parts)}")


if __name__ == "__main__":
    main()
