"""A dataset scored, what of it is dropped, and what stays.

Needs the extra `datasets`; run it with `python examples/datasets_filter.py [FILE.jsonl]`. Without a file it
takes three texts of its own.
"""

from __future__ import annotations

import sys

from datasets import Dataset

from garble.integrations.datasets import Annotate

TEXTS = {
    "id": ["ferry", "bakery", "weather"],
    "text": [
        "The last ferry leaves at nine, and the island is quiet after that.",
        "The bakery sells bread and bread and bread and bread and bread and bread.",
        "Tomorrow wind the from coast strong the blow will towards of mountains.",
    ],
}


def main() -> None:
    """Say of each dropped document why, and of the others how many there are."""
    data = Dataset.from_json(sys.argv[1]) if len(sys.argv) > 1 else Dataset.from_dict(TEXTS)
    marked = data.map(Annotate(), batched=True)
    for row in marked.filter(lambda garbled: garbled, input_columns="garble_garbled"):
        print(f"{row['text'][:40]!r}: dropped for {row['garble_reason']}, score {row['garble_score']:.2f}")
    print("kept:", len(marked.filter(lambda garbled: not garbled, input_columns="garble_garbled")))


if __name__ == "__main__":
    main()
