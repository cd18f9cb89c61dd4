"""The language model against a slow one made of dictionaries, against NLTK's, and against its own file."""

from __future__ import annotations

import math
import pickle
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple
from itertools import accumulate
from pathlib import Path
from random import Random

import numpy as np
import pytest

from garble.columns import lm
from garble.columns.arrays import offsets
from garble.text.alphabet import encode, mix
from garble.training import estimation

Gram = tuple[int, ...]

ORDER, WORDS = 4, 40
LEAST = (1, 2, 2, 3)
# Half of an eighth of a bit, and what floating point adds.
ROUNDING = 1 / 16 + 1e-9


def corpus(seed: int, sentences: int) -> list[Gram]:
    """Sentences of words that are rarer the larger their number; each likes to be followed by its double."""
    rng = Random(seed)
    weights = list(accumulate(1 / (rank + 1) for rank in range(lm.FIRST_WORD, WORDS)))
    words = range(lm.FIRST_WORD, WORDS)
    made = []
    for _ in range(sentences):
        sentence = rng.choices(words, cum_weights=weights, k=rng.randint(0, 9))
        for place in range(1, len(sentence)):
            if rng.random() < 0.7:
                sentence[place] = lm.FIRST_WORD + (2 * sentence[place - 1] + rng.randint(0, 2)) % (
                    WORDS - lm.FIRST_WORD
                )
        made.append(tuple(sentence))
    return made


TEXT, UNREAD = corpus(0, 400), corpus(1, 100)


def rows(sentences: list[Gram]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([word for s in sentences for word in s], np.int64), offsets([len(s) for s in sentences])


def stream(sentences: list[Gram]) -> np.ndarray:
    return lm.with_borders(*rows(sentences))[0]


def grams(tables: list[estimation.Counts], backward: bool = False) -> list[list[Gram]]:
    """The n-grams of each table, spelt out in reading direction."""
    spelt: list[list[Gram]] = [[(word,) for word in range(WORDS)]]
    for table in tables[1:]:
        pairs = zip(table.prefix.tolist(), table.suffix.tolist(), strict=True)
        spelt.append([(*spelt[-1][prefix], spelt[-1][suffix][-1]) for prefix, suffix in pairs])
    return [[gram[::-1] for gram in some] for some in spelt] if backward else spelt


class Slow:
    """Interpolated modified Kneser-Ney as the textbook has it, for n-grams that read forwards."""

    def __init__(self, sentences: Iterable[Gram]) -> None:
        plain: Counter[Gram] = Counter()
        for padded in ((lm.BORDER, *sentence, lm.BORDER) for sentence in sentences):
            for n in range(2, ORDER + 1):
                plain.update(padded[start : start + n] for start in range(len(padded) - n + 1))
        self.counts = Counter(gram[1:] for gram in plain)
        # The longest n-grams, and those at a sentence's beginning, which nothing precedes, count plainly.
        self.counts |= {gram: n for gram, n in plain.items() if len(gram) == ORDER or gram[0] == lm.BORDER}
        self.discounts = {n: self._discounts(n) for n in range(1, ORDER + 1)}
        self.after: dict[Gram, dict[int, int]] = {}
        for gram, times in self.counts.items():
            self.after.setdefault(gram[:-1], {})[gram[-1]] = times

    def _discounts(self, n: int) -> list[float]:
        ones, twos, threes, fours = (
            sum(times == k for gram, times in self.counts.items() if len(gram) == n) for k in (1, 2, 3, 4)
        )
        if not ones * twos * threes * fours:
            return [0, 0.5, 0.75, 0.9]
        y = ones / (ones + 2 * twos)
        raw = [1 - 2 * y * twos / ones, 2 - 3 * y * threes / twos, 3 - 4 * y * fours / threes]
        return [0, *(min(max(d, 0.1), k - 0.05) for k, d in enumerate(raw, start=1))]

    def probability(self, word: int, context: Gram) -> float:
        times = self.after.get(context)
        lower = self.probability(word, context[1:]) if context else 1 / WORDS
        if times is None:
            return lower
        discount, mass = self.discounts[len(context) + 1], sum(times.values())
        own = max(times.get(word, 0) - discount[min(times.get(word, 0), 3)], 0)
        return (own + sum(discount[min(t, 3)] for t in times.values()) * lower) / mass


class BackingOff:
    """What a reader of n-grams and back-off weights makes of a word, dictionary by dictionary."""

    def __init__(self, least: tuple[int, ...], backward: bool) -> None:
        tables = estimation.count(stream(TEXT), ORDER, WORDS)
        kept = [np.ones(WORDS, bool), *(t.count >= c for t, c in zip(tables[1:], least[1:], strict=True))]
        values = estimation.kneser_ney(tables, backward)
        weights = estimation.backoffs(tables, values, kept, backward)
        spelt = grams(tables, backward)
        self.probabilities = {
            gram: p
            for some, keep, column in zip(spelt, kept, values, strict=True)
            for gram, hold, p in zip(some, keep, column.tolist(), strict=True)
            if hold
        }
        self.weights = {
            gram: weight
            for some, column in zip(spelt, weights, strict=False)
            for gram, weight in zip(some, column.tolist(), strict=True)
        }
        self.contexts = [(), *(gram[:-1] for gram in self.probabilities if len(gram) > 1)]

    def probability(self, word: int, context: Gram) -> float:
        if (*context, word) in self.probabilities:
            return self.probabilities[*context, word]
        weight = self.weights[context] if context in self.probabilities else 1.0
        return weight * self.probability(word, context[1:])

    def steps(self, word: int, context: Gram) -> int:
        """How many figures are added up for a word: what is found, and a weight for each known context."""
        if (*context, word) in self.probabilities:
            return 1
        return (context in self.probabilities) + self.steps(word, context[1:])


@pytest.mark.parametrize("backward", [False, True])
def test_probabilities_are_those_of_the_textbook(backward: bool) -> None:
    tables = estimation.count(stream(TEXT), ORDER, WORDS)
    slow = Slow(sentence[::-1] if backward else sentence for sentence in TEXT)
    for some, values in zip(grams(tables, backward), estimation.kneser_ney(tables, backward), strict=True):
        expected = [slow.probability(gram[-1], gram[:-1]) for gram in some]
        assert values == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("least", [(1, 1, 1, 1), LEAST])
def test_probabilities_after_every_context_sum_to_one(least: tuple[int, ...], backward: bool) -> None:
    reader = BackingOff(least, backward)
    for context in reader.contexts:
        assert sum(reader.probability(word, context) for word in range(WORDS)) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("backward", [False, True])
def test_without_pruning_backing_off_interpolates(backward: bool) -> None:
    reader = BackingOff((1, 1, 1, 1), backward)
    slow = Slow(sentence[::-1] if backward else sentence for sentence in TEXT)
    for context in reader.contexts[:: max(1, len(reader.contexts) // 200)]:
        for word in range(WORDS):
            assert reader.probability(word, context) == pytest.approx(slow.probability(word, context), abs=1e-9)


def contexts(sentence: Gram) -> list[Gram]:
    """What stands before each word of a sentence and before its end, as far as the model looks."""
    padded = (lm.BORDER, *sentence)
    return [padded[max(0, place - ORDER + 1) : place] for place in range(1, len(padded) + 1)]


@pytest.mark.parametrize("least", [(1, 1, 1, 1), LEAST])
def test_surprisal_is_what_backing_off_gives_but_for_the_rounding(least: tuple[int, ...]) -> None:
    found = estimation.build(stream(TEXT), WORDS, least).surprisal(*rows(UNREAD))
    forward, backward = BackingOff(least, False), BackingOff(least, True)
    token = 0
    for number, sentence in enumerate(UNREAD):
        ahead = [*found.forward[token : token + len(sentence)], found.closing[number]]
        behind = [*found.backward[token : token + len(sentence)][::-1], found.opening[number]]
        for reader, words, bits in ((forward, sentence, ahead), (backward, sentence[::-1], behind)):
            for word, context, bit in zip((*words, lm.BORDER), contexts(words), bits, strict=True):
                expected = -math.log2(reader.probability(word, context))
                assert bit == pytest.approx(expected, abs=reader.steps(word, context) * ROUNDING)
        token += len(sentence)


def test_a_pair_is_unseen_when_the_model_holds_no_such_pair() -> None:
    ids, edges = rows(UNREAD)
    held = {pair for s in TEXT for pair in zip((lm.BORDER, *s), s, strict=False)}
    expected = [pair not in held for s in UNREAD for pair in zip((lm.BORDER, *s), s, strict=False)]
    assert estimation.build(stream(TEXT), WORDS, (1, 1, 1)).surprisal(ids, edges).unseen.tolist() == expected


def test_a_sentence_reads_alone_as_it_does_in_company() -> None:
    model = estimation.build(stream(TEXT), WORDS, LEAST)
    together = model.surprisal(*rows(UNREAD))
    alone = [model.surprisal(*rows([sentence])) for sentence in UNREAD]
    for name in together._fields:
        assert (getattr(together, name) == np.concatenate([getattr(one, name) for one in alone])).all()


# NLTK has one fixed discount, this three for each order, estimated: so the figures can only be close, and the
# estimate should not be the worse of the two.
def test_perplexity_is_close_to_that_of_nltk() -> None:
    nltk = pytest.importorskip("nltk.lm")
    from nltk.lm.preprocessing import padded_everygram_pipeline

    ngrams, vocabulary = padded_everygram_pipeline(3, [list(map(str, sentence)) for sentence in TEXT])
    theirs = nltk.KneserNeyInterpolated(3, discount=0.75)
    theirs.fit(ngrams, vocabulary)
    slow_bits = []
    for sentence in UNREAD[:25]:
        padded = ["<s>", "<s>", *map(str, sentence), "</s>"]
        slow_bits += [-theirs.logscore(padded[i], padded[i - 2 : i]) for i in range(2, len(padded))]
    found = estimation.build(stream(TEXT), WORDS, (1, 1, 1)).surprisal(*rows(UNREAD[:25]))
    ours = np.concatenate([found.forward, found.closing])
    assert len(ours) == len(slow_bits)
    assert 0.9 < 2 ** (ours.mean() - np.mean(slow_bits)) < 1.01


# Tables.


def test_a_table_finds_every_key_and_hardly_any_other() -> None:
    keys = mix(np.arange(40_000, dtype=np.uint64))
    held, absent = keys[:20_000], keys[20_000:]
    values = np.arange(20_000) % 251
    table = lm.Table.build(held, values.astype(np.uint8))
    assert (table.values[table.find(held)] == values).mean() > 0.9999
    assert (table.find(absent) >= 0).mean() < 0.001
    assert len(table.prints) < 1.2 * len(held)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 100])
def test_small_tables_find_every_key(size: int) -> None:
    keys = mix(np.arange(size, dtype=np.uint64))
    table = lm.Table.build(keys, np.arange(size))
    assert table.values[table.find(keys)].tolist() == list(range(size))


# The file.


@pytest.fixture(scope="module")
def model() -> lm.LanguageModel:
    letters = encode("abcab")
    return lm.LanguageModel(
        lm.Table.build(mix(np.arange(WORDS, dtype=np.uint64)), np.arange(WORDS, dtype=np.int32)),
        np.minimum(np.arange(WORDS), 9).astype(np.uint8),
        estimation.build(stream(TEXT), WORDS, LEAST),
        estimation.build(np.minimum(stream(TEXT), 9), 10, (1, 1, 2)),
        lm.quantise(estimation.letter_model(letters, np.array([0, 3]), np.array([3, 5]))),
        np.tile(np.arange(5, dtype=np.int8), (WORDS, 1)),
        np.tile([0.5, 2.0], (4, 1)),
    )


def test_a_model_reads_after_loading_as_before(model: lm.LanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "lm.npz")
    loaded = lm.load(tmp_path / "lm.npz")
    for before, after in zip(model.score(*rows(UNREAD)), loaded.score(*rows(UNREAD)), strict=True):
        assert (before == after).all()
    letters = encode("abcxyz"), np.array([0, 2]), np.array([2, 6])
    assert (model.spelling(*letters) == loaded.spelling(*letters)).all()
    assert all(map(np.array_equal, astuple(model.vocabulary), astuple(loaded.vocabulary)))


def test_a_model_is_the_same_bytes_whenever_it_is_saved(
    model: lm.LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.save(tmp_path / "one.npz")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    lm.load(tmp_path / "one.npz").save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_the_file_holds_no_pickles(model: lm.LanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "lm.npz")
    with np.load(tmp_path / "lm.npz", allow_pickle=False) as file:
        assert file.files[0] == "format"
        assert all(file[name].dtype != object for name in file.files)


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("a pickle was opened",)


def foreign_file(kind: str, path: Path) -> None:
    """Write something that is no language model."""
    if kind == "text":
        path.write_text("hello")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Bomb()))
    elif kind == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "half a model":
        whole = (Path(__file__).parent.parent / "models/en/lm.npz").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "pickle inside":
        np.savez(path, format=np.array(lm.FORMAT), **{"vocabulary.prints": np.array([Bomb()], object)})
    elif kind == "another format":
        np.savez(path, format=np.array("garble-lm/0"))
    elif kind == "other arrays":
        np.savez(path, a=np.zeros(3))


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "half a model",
        "another format",
        "other arrays",
        "text",
        "empty",
        "array",
        "pickle",
        "pickle inside",
    ],
)
def test_a_file_that_is_no_language_model_is_named_in_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.npz"
    foreign_file(kind, path)
    with pytest.raises(ValueError, match=r"wrong\.npz") as caught:
        lm.load(path)
    assert len(str(caught.value).splitlines()) == 1
