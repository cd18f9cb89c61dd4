"""From a stream of words to an n-gram model: counting, smoothing, pruning, and classes of words.

Modified Kneser-Ney smoothing, interpolated (Chen and Goodman 1999), in both directions from the same counts: an
n-gram's prefix is the context when reading forwards, its suffix when reading backwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from garble.columns.lm import (
    ALPHABET,
    BORDER,
    FIRST_CONTENT,
    FIRST_WORD,
    Floats,
    Ints,
    NGrams,
    Table,
    letter_grams,
    ngram_keys,
    quantise,
)
from garble.text.alphabet import Codes, Hashes, mix


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """The distinct n-grams of one order: key, how often, and the (n-1)-grams they begin and end with."""

    keys: Hashes
    count: Ints
    prefix: Ints
    suffix: Ints
    opens: NDArray[np.bool_]
    closes: NDArray[np.bool_]


def count(stream: Ints, order: int, words: int) -> list[Counts]:
    """Count the n-grams of a stream with borders; `words` is one more than the largest word number."""
    none = np.zeros(words, np.int64)
    border = np.arange(words) == BORDER
    occurs = np.bincount(stream, minlength=words)
    tables = [Counts(mix(np.arange(words, dtype=np.uint64)), occurs, none, none, border, border)]
    index = stream
    for n, (begins, keys) in enumerate(ngram_keys(stream, order), start=2):
        distinct, first, which, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        at = begins[first]
        tables.append(
            Counts(
                distinct,
                counts,
                index[at],
                index[at + 1],
                stream[at] == BORDER,
                stream[at + n - 1] == BORDER,
            )
        )
        index = np.full(len(stream), -1)
        index[begins] = which
    return tables


def kneser_ney(tables: list[Counts], backward: bool = False) -> list[Floats]:
    """The probability of every counted n-gram's last word given the others (its first, when backward)."""
    probabilities: list[Floats] = []
    for n, table in enumerate(tables, start=1):
        context, shorter, edge = (
            (table.suffix, table.prefix, table.closes) if backward else (table.prefix, table.suffix, table.opens)
        )
        if n < len(tables):
            longer = tables[n].prefix if backward else tables[n].suffix
            # How many different words go before it; nothing does at a border, so there the plain count stands.
            adjusted = np.bincount(longer, minlength=len(table.keys))
            if n > 1:
                adjusted = np.where(edge, table.count, adjusted)
        else:
            adjusted = table.count
        discount = _discounts(adjusted)[np.minimum(adjusted, 3)]
        if n == 1:
            mass = np.array([adjusted.sum()])
            lower = np.full(len(adjusted), 1 / len(adjusted))
        else:
            mass = np.bincount(context, adjusted, minlength=len(tables[n - 2].keys))
            lower = probabilities[-1][shorter]
        held = np.bincount(context, discount, minlength=len(mass))
        mass = np.maximum(mass, 1)
        probabilities.append((adjusted - discount) / mass[context] + held[context] / mass[context] * lower)
    return probabilities


def _discounts(counts: Ints) -> Floats:
    """Discounts of counts 0, 1, 2, 3 and more (Chen and Goodman's estimate, kept within the count)."""
    seen = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(float)
    if not seen.all():
        return np.array([0, 0.5, 0.75, 0.9])
    y = seen[0] / (seen[0] + 2 * seen[1])
    k = np.arange(1, 4)
    return np.concatenate([[0], np.clip(k - (k + 1) * y * seen[1:] / seen[:3], 0.1, k - 0.05)])


def backoffs(
    tables: list[Counts], probabilities: list[Floats], kept: list[NDArray[np.bool_]], backward: bool = False
) -> list[Floats]:
    """The weight of each (n-1)-gram as a context, so that what it keeps and what it passes on sum to one."""
    weights = []
    for n in range(1, len(tables)):
        table, keep = tables[n], kept[n]
        context, shorter = (table.suffix, table.prefix) if backward else (table.prefix, table.suffix)
        size = len(tables[n - 1].keys)
        here = np.bincount(context[keep], probabilities[n][keep], minlength=size)
        below = np.bincount(context[keep], probabilities[n - 1][shorter[keep]], minlength=size)
        weights.append(np.maximum(1 - here, 1e-9) / np.maximum(1 - below, 1e-9))
    return weights


def build(stream: Ints, size: int, least: tuple[int, ...]) -> NGrams:
    """The n-grams of a stream with borders.

    size: one more than the largest number in it. least: for each order the smallest count that is kept; it must not
    fall, so that what an n-gram begins and ends with is kept too.
    """
    tables = count(stream, len(least), size)
    kept = [np.ones(size, bool), *(t.count >= c for t, c in zip(tables[1:], least[1:], strict=True))]
    columns: list[list[Floats]] = [[] for _ in tables]
    for backward in (False, True):
        for n, values in enumerate(kneser_ney(tables, backward)):
            columns[n].append(values)
    for backward in (False, True):
        probabilities = [values[backward] for values in columns]
        for n, values in enumerate(backoffs(tables, probabilities, kept, backward)):
            columns[n].append(values)
    unigrams, *longer = [quantise(-np.log2(np.stack(values, axis=1))) for values in columns]
    return NGrams(
        unigrams,
        tuple(Table.build(t.keys[k], q[k]) for t, q, k in zip(tables[1:], longer, kept[1:], strict=True)),
    )


def cluster(stream: Ints, size: int, classes: int, seed: int, rounds: int = 15) -> Ints:
    """(size,) a class for each number of a stream with borders: words that keep the same company.

    The numbers below FIRST_WORD are classes of their own. Each round puts every word into the class whose neighbours
    its own are likeliest from (hard information-theoretic clustering, Dhillon et al. 2003), from k-means on as a start.
    """
    from scipy.sparse import csr_matrix
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.preprocessing import normalize

    pairs = csr_matrix((np.ones(len(stream) - 1), (stream[:-1], stream[1:])), shape=(size, size))
    near = min(size, 500)
    company = np.hstack([pairs[:, :near].toarray(), pairs.T.tocsr()[:, :near].toarray()])
    sketch = normalize(np.sqrt(company))[FIRST_WORD:]
    weights = np.sqrt(np.bincount(stream, minlength=size)[FIRST_WORD:])
    means = MiniBatchKMeans(classes - FIRST_WORD, batch_size=8192, n_init=1, max_iter=30, random_state=seed)
    assigned = np.concatenate([np.arange(FIRST_WORD), FIRST_WORD + means.fit_predict(sketch, sample_weight=weights)])
    for _ in range(rounds):
        member = csr_matrix((np.ones(size), (np.arange(size), assigned)), shape=(size, classes))
        after, before = (pairs @ member).toarray(), (pairs.T @ member).toarray()
        links = member.T @ after
        likely_after = np.log((links + 0.1) / (links + 0.1).sum(1, keepdims=True))
        likely_before = np.log((links.T + 0.1) / (links.T + 0.1).sum(1, keepdims=True))
        fit = after @ likely_after.T + before @ likely_before.T
        assigned[FIRST_WORD:] = FIRST_WORD + fit[FIRST_WORD:, FIRST_WORD:].argmax(axis=1)
    return assigned


def associate(stream: Ints, size: int, dimensions: int, seed: int) -> NDArray[np.int8]:
    """(size, dimensions) vectors of length 127: words that are met near each other point the same way.

    Positive pointwise mutual information within eight content words of a sentence, reduced by a singular value
    decomposition (Levy et al. 2015). The border, unknown words and the most frequent words have the vector 0.
    """
    from scipy.sparse import csr_matrix
    from sklearn.utils.extmath import randomized_svd

    sentence = np.cumsum(stream == BORDER)[stream >= FIRST_CONTENT]
    words = stream[stream >= FIRST_CONTENT]
    met = csr_matrix((size, size))
    for gap in range(1, 9):
        near = np.flatnonzero(sentence[gap:] == sentence[:-gap])
        met += csr_matrix((np.full(len(near), gap**-0.5), (words[near], words[near + gap])), shape=(size, size))
    met = (met + met.T).tocoo()
    often = np.bincount(met.row, met.data, minlength=size)
    expected = often[met.row] * (often**0.75 / (often**0.75).sum())[met.col]
    information = np.log(met.data / expected)
    keep = (information > 0) & (met.data >= 1)
    linked = csr_matrix((information[keep], (met.row[keep], met.col[keep])), shape=(size, size))
    left, values, _ = randomized_svd(linked, dimensions, n_iter=3, random_state=seed)
    vectors = left * np.sqrt(values)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.round(127 * vectors / np.maximum(length, 1e-9)).astype(np.int8))


def letter_model(codes: Codes, starts: Ints, ends: Ints) -> Floats:
    """(29, 29, 29, 29) bits of a letter given the three before it, from words at [starts, ends), each counted once.

    Witten-Bell smoothing: a context passes on as much as it has had different letters.
    """
    grams = letter_grams(codes, starts, ends)[0]
    probability = np.full(ALPHABET, 1 / ALPHABET)
    for n in range(1, 5):
        size = (ALPHABET,) * n
        flat = np.ravel_multi_index(tuple(grams[:, 4 - n :].T), size)
        counts = np.bincount(flat, minlength=ALPHABET**n).reshape(size)
        kinds = (counts > 0).sum(-1, keepdims=True)
        lower = np.broadcast_to(probability, size)
        total = counts.sum(-1, keepdims=True) + kinds
        probability = np.where(total > 0, (counts + kinds * lower) / np.maximum(total, 1), lower)
    return np.asarray(-np.log2(probability))
