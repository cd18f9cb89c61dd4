"""How well the language model foretells text it has not read, beside nltk's Kneser-Ney on a small corpus.

    python -m benchmarks.language_model --data DIR

DIR is the project's data folder. Prints perplexities, a word, unknown words and sentence ends included.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from garble.columns import lm
from garble.columns.batch import Batch
from garble.text.segmentation import segment
from garble.training import estimation
from garble.training.data import read_records

RESULTS = Path(__file__).parent / "results" / "language_model.json"
MODEL = Path(__file__).parent.parent / "models" / "en" / "lm.npz"
# Sentences of the small corpus that nltk and this package are both trained on, and tested on.
TRAINED, TESTED = 1500, 150


def perplexity(bits: np.ndarray) -> float:
    """Two to the mean of the bits."""
    return float(2 ** bits.mean())


def unseen(data: Path) -> dict[str, dict[str, float]]:
    """By kind of text in dev/human: perplexity of words forwards and backwards, and of classes forwards."""
    model = lm.load(MODEL)
    kinds: dict[str, list[str]] = {}
    for record in read_records(data / "dev" / "human.jsonl.xz"):
        kinds.setdefault(record["kind"], []).append(record["text"])
    found = {}
    for kind, texts in sorted(kinds.items()):
        batch = Batch.of([segment(text) for text in texts[:400]], model)
        words = model.words.surprisal(batch.ids, batch.token_offsets)
        classes = model.classes.surprisal(model.class_of[batch.ids].astype(np.int64), batch.token_offsets)
        found[kind] = {
            "tokens": len(batch.ids),
            "unknown": float(np.isin(batch.ids, (lm.UNKNOWN, lm.UNKNOWN_CAPITAL, lm.UNKNOWN_OTHER)).mean()),
            "forward": perplexity(np.concatenate([words.forward, words.closing])),
            "backward": perplexity(np.concatenate([words.backward, words.opening])),
            "classes": perplexity(np.concatenate([classes.forward, classes.closing])),
        }
    return found


def beside_nltk(data: Path) -> dict[str, float]:
    """Trigram perplexity of both on the same sentences, words seen twice as the vocabulary, the rest as <UNK>."""
    from nltk.lm import KneserNeyInterpolated, Vocabulary
    from nltk.lm.preprocessing import pad_both_ends, padded_everygram_pipeline
    from nltk.util import ngrams

    texts = (record["text"] for record in read_records(data / "lm" / "web.jsonl.xz"))
    sentences: list[list[str]] = []
    while len(sentences) < TRAINED + TESTED:
        batch = Batch.of([segment(next(texts))])
        cuts = batch.token_offsets.tolist()
        for first, last in pairwise(cuts):
            if last - first > 2:
                sentences.append([batch.pieces(i, i + 1).lower() for i in range(first, last)])
    train, test = sentences[:TRAINED], sentences[TRAINED : TRAINED + TESTED]
    vocabulary = Vocabulary((word for sentence in train for word in sentence), unk_cutoff=2)
    train, test = ([list(vocabulary.lookup(s)) for s in part] for part in (train, test))

    begin = time.perf_counter()
    grams, flat = padded_everygram_pipeline(3, train)
    theirs = KneserNeyInterpolated(3, vocabulary=Vocabulary(flat, unk_cutoff=1))
    theirs.fit(grams)
    scored = [theirs.logscore(g[-1], g[:-1]) for s in test for g in list(ngrams(pad_both_ends(s, n=3), 3))[:-1]]
    their_seconds = time.perf_counter() - begin

    begin = time.perf_counter()
    numbers = {word: i for i, word in enumerate(sorted({w for s in train for w in s}), start=lm.FIRST_WORD)}
    ids, rows = _ids(train, numbers)
    model = estimation.build(lm.with_borders(ids, rows)[0], lm.FIRST_WORD + len(numbers), (1, 1, 1))
    ids, rows = _ids(test, numbers)
    bits = model.surprisal(ids, rows)
    our_seconds = time.perf_counter() - begin
    return {
        "sentences": TRAINED,
        "vocabulary": len(numbers),
        "garble": perplexity(np.concatenate([bits.forward, bits.closing])),
        "nltk": perplexity(-np.array(scored)),
        "garble seconds": our_seconds,
        "nltk seconds": their_seconds,
    }


def _ids(sentences: list[list[str]], numbers: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array([numbers[word] for sentence in sentences for word in sentence])
    return ids, np.concatenate([[0], np.cumsum([len(sentence) for sentence in sentences])])


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    of_unseen = unseen(data)
    results = {"unseen": of_unseen, "beside nltk": beside_nltk(data)}
    for kind, figures in of_unseen.items():
        print(f"{kind:22}", "  ".join(f"{name} {value:.3g}" for name, value in figures.items()))
    print(results["beside nltk"])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
