"""A Parquet file filtered with Ray Data, and what was dropped by reason.

Needs the extra `ray`; run it with `python examples/ray_filter.py [IN OUT]`. Without paths it takes three
texts of its own.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
from ray.data import ActorPoolStrategy

from garble.integrations.ray import GarbleScorer

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
    actors = ActorPoolStrategy(min_size=1, max_size=8)
    data = ray.data.read_parquet(texts).map_batches(GarbleScorer, batch_format="pyarrow", compute=actors)
    scored = data.materialize()  # read twice below, scored once
    kept = scored.map_batches(
        lambda table: table.filter(pc.invert(garbled(table))).drop_columns("garble"), batch_format="pyarrow"
    )
    kept.write_parquet(out)
    dropped = scored.map_batches(lambda table: table.filter(garbled(table)), batch_format="pyarrow")
    return Counter(row["garble"]["reason"] for row in dropped.iter_rows())


def garbled(scored: pa.Table) -> pa.ChunkedArray:
    """(rows,) whether each is; one without a text is not."""
    return pc.fill_null(pc.struct_field(scored["garble"], "garbled"), False)


def main() -> None:
    """Filter the files named on the command line, or the texts above."""
    with TemporaryDirectory() as folder:
        pq.write_table(pa.table(TEXTS), Path(folder, "texts.parquet"))
        texts, out = sys.argv[1:] or (f"{folder}/texts.parquet", f"{folder}/kept")
        for reason, count in filtered(texts, out).items():
            print(f"dropped for {reason}: {count}")
        print("kept:", pq.read_table(out).num_rows)


if __name__ == "__main__":
    main()
