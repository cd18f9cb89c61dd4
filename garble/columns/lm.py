"""The n-gram language model, which scores a batch in both directions.

The surprisal of a word is -log2 of its probability, in bits. `garble.training.estimation` trains the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray

from garble.columns.packets import blocks
from garble.errors import ModelError
from garble.text.alphabet import FOLD, Codes, Hashes, chain, mix

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

FORMAT = "garble-lm/1"
Arrays = Mapping[str, NDArray[np.generic]]
# Limits of a model file: bytes, arrays, and order of the n-grams.
_LARGEST, _MOST_ARRAYS, _HIGHEST_ORDER = 4 << 30, 100, 9

# Ids below FIRST_WORD: the sentence border, and unknown words by shape.
BORDER, UNKNOWN, UNKNOWN_CAPITAL, UNKNOWN_OTHER = range(4)
FIRST_WORD = 4
# First id that has a word vector for `company`; more frequent words occur next to all words.
FIRST_CONTENT = 150

# A byte stores -4 to 27.9 bits in steps of 1/8. Back-off weights may exceed 1 after pruning, so bits may be negative.
_STEPS, _LOWEST = 8, -4.0
# Largest vocabulary for which the slots of all pairs are precomputed: for classes, but not for words.
_FEW = 256
_BITS = np.arange(256) / _STEPS + _LOWEST

# Tokens per block, so that temporary arrays fit into the processor cache.
_BLOCK = 8000

# Shorter vectors are rounding errors.
_LEAST_LENGTH = 1e-6
# Largest component of a word vector, as int8.
_VECTOR_SCALE = 127

# a-z, the apostrophe, every other letter, and the edge of the word.
ALPHABET = 29
_APOSTROPHE, _OTHER_LETTER, _EDGE = 26, 27, 28


class Surprisal(NamedTuple):
    """Bits: (tokens,) forward, backward; (sentences,) opening, closing. unseen: (tokens,) bigram not in the model."""

    forward: Floats
    backward: Floats
    opening: Floats
    closing: Floats
    unseen: NDArray[np.bool_]


class LMScores(NamedTuple):
    """Scores of the language model for a batch.

    words, classes, rarity, company: (tokens,) in standard deviations from the mean on clean text. words, classes: how
    unlikely the word, or its class, is between its neighbours. rarity: how rare the word is. company: how unrelated it
    is to the other words of its sentence. unseen: (tokens,) the bigram with the word before is not in the model.
    edges: (sentences,) bits of the beginning or end of the sentence, whichever is less likely.
    """

    words: Floats
    classes: Floats
    rarity: Floats
    company: Floats
    unseen: NDArray[np.bool_]
    edges: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A hash table with vectorised lookup: each key is in one of three slots (cuckoo hashing).

    prints: (slots,) 16-bit fingerprint of the key in the slot, 0 for an empty slot. values: (slots, columns).
    A key that is not in the table is found with probability 3 / 65,535.
    """

    prints: NDArray[np.uint16]
    values: NDArray[np.generic]

    @classmethod
    def build(cls, keys: Hashes, values: NDArray[np.generic], load: float = 0.85) -> Table:
        """A table of distinct `keys`. load: share of slots to fill; the limit of three-choice tables is about 0.9."""
        size = max(4, int(len(keys) / load) + 1)
        slots = np.stack([_slot(keys, choice, size) for choice in range(3)])
        holder = np.full(size, -1)
        choice = np.zeros(len(keys), np.int64)
        homeless = np.arange(len(keys))
        # All keys without a slot are inserted at once. An evicted key is inserted into its next slot in the next round.
        while len(homeless):
            wanted = slots[choice[homeless], homeless]
            evicted = holder[wanted]
            holder[wanted] = homeless
            losers = homeless[holder[wanted] != homeless]
            evicted = np.unique(evicted[evicted >= 0])
            homeless = np.union1d(losers, evicted)
            choice[homeless] = (choice[homeless] + 1) % 3
        held = holder >= 0
        prints = np.zeros(size, np.uint16)
        prints[held] = _fingerprint(keys[holder[held]])
        laid = np.zeros((size, *values.shape[1:]), values.dtype)
        laid[held] = values[holder[held]]
        return cls(prints, laid)

    def find(self, keys: Hashes) -> Ints:
        """The slot of each key, or -1."""
        slots = np.full(len(keys), -1)
        prints = _fingerprint(keys)
        left = np.arange(len(keys))
        # The last choice first; only keys not found there are looked up in the others.
        for choice in (2, 1, 0):
            slot = _slot(keys, choice, len(self.prints))
            same = np.take(self.prints, slot) == prints
            # Indices, because selection with an irregular mask takes twice as long.
            hit, missed = np.flatnonzero(same), np.flatnonzero(~same)
            slots[left[hit]] = slot[hit]
            left, keys, prints = left[missed], keys[missed], prints[missed]
        return slots


def _slot(keys: Hashes, choice: int, size: int) -> Ints:
    spread = mix(keys + np.uint64(choice)) >> np.uint64(32)
    return ((spread * np.uint64(size)) >> np.uint64(32)).astype(np.int64)


def _fingerprint(keys: Hashes) -> NDArray[np.uint16]:
    # numpy divides by a constant faster than it computes remainders.
    return (keys - keys // np.uint64(65535) * np.uint64(65535) + np.uint64(1)).astype(np.uint16)


def _steps(table: NDArray[np.generic], rows: Ints) -> NDArray[np.int32]:
    """Rows of a byte table as integers in 1/8 bit, whose sums are exact."""
    return np.take(table, rows, axis=0).astype(np.int32) + round(_LOWEST * _STEPS)


@dataclass(frozen=True, slots=True, eq=False)
class NGrams:
    """n-grams of ids, with surprisal and back-off weights in both directions; see `load` for the arrays.

    pairs: (ids, ids) slot of every bigram, or -1; None for large vocabularies.
    """

    unigrams: Bytes
    longer: tuple[Table, ...]
    pairs: Ints | None = None

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.longer) + 1

    def unigram(self, ids: Ints) -> Floats:
        """(tokens,) unigram surprisal in bits."""
        return np.asarray(_BITS[self.unigrams[ids, 0]])

    def surprisal(self, ids: Ints, rows: Ints) -> Surprisal:
        """Surprisal in both directions. ids: (tokens,). rows: offsets of the sentences."""
        stream, places = with_borders(ids, rows)
        before, after = np.arange(len(rows) - 1) + rows[:-1], np.arange(len(rows) - 1) + rows[1:] + 1
        forward, backward, unseen = self._back_off(stream)
        return Surprisal(forward[places], backward[places], backward[before], forward[after], unseen[places])

    def _back_off(self, stream: Ints) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Forward and backward surprisal of ids with borders, by back-off.

        The longest n-gram in the model gives the surprisal; each longer one adds the back-off weight of its context.
        """
        single = _steps(self.unigrams, stream)
        forward, backward = single[:, 0].copy(), single[:, 1].copy()
        # Back-off weights of the (n-1)-gram that begins at each place, as left and as right context.
        left, right = single[:, 2], single[:, 3]
        inner, symbols = stream != BORDER, stream.astype(np.uint64)
        unseen = np.zeros(len(stream), bool)
        begins, keys = np.arange(len(stream)), mix(symbols)
        for n, table in enumerate(self.longer, start=2):
            # An n-gram can be in the model only if both of its (n-1)-grams are, and it has no border inside.
            worth = begins[1:] == begins[:-1] + 1
            if n > 2:
                worth &= inner[begins[1:] + n - 3]
            able = np.flatnonzero(worth)
            begins, keys = begins[able], keys[able]
            keys = chain(keys, symbols[begins + n - 1])
            slots = table.find(keys) if n > 2 or self.pairs is None else self.pairs[stream[begins], stream[begins + 1]]
            hit = np.flatnonzero(slots >= 0)
            begins, keys, steps = begins[hit], keys[hit], _steps(table.values, slots[hit])
            # Add back-off weights everywhere, then replace the sum where the n-gram was found.
            reach = max(0, len(stream) - n + 1)
            forward[n - 1 :] += left[:reach]
            backward[:reach] += right[1 : reach + 1]
            forward[begins + n - 1], backward[begins] = steps[:, 0], steps[:, 1]
            if n == 2:
                unseen[1:] = True
                unseen[begins + 1] = False
            if n < self.order:
                left, right = np.zeros((2, len(stream)), np.int32)
                left[begins], right[begins] = steps[:, 2], steps[:, 3]
        return forward / _STEPS, backward / _STEPS, unseen

    def arrays(self, name: str) -> dict[str, NDArray[np.generic]]:
        """The arrays that `load` reads, with prefix `name`."""
        arrays: dict[str, NDArray[np.generic]] = {f"{name}.1": self.unigrams}
        for n, table in enumerate(self.longer, start=2):
            arrays[f"{name}.{n}.prints"], arrays[f"{name}.{n}.values"] = table.prints, table.values
        return arrays


@dataclass(frozen=True, slots=True, eq=False)
class LanguageModel:
    """n-grams of words and of word classes, a letter model and word vectors; see `load`."""

    vocabulary: Table
    class_of: Bytes
    words: NGrams
    classes: NGrams
    letters: Bytes
    vectors: NDArray[np.int8]
    normalisation: Floats

    def lookup(self, form: Hashes, is_capital: NDArray[np.bool_], is_word: NDArray[np.bool_]) -> Ints:
        """(tokens,) word ids in order of frequency; unknown words by shape."""
        return lookup(self.vocabulary, form, is_capital, is_word)

    def score(self, ids: Ints, rows: Ints) -> LMScores:
        """Scores of a batch. ids: (tokens,). rows: offsets of the sentences."""
        gains, unseen, edges = self.gains(ids, rows)
        words, classes, rarity, company = (gains - self.normalisation[:, :1]) / self.normalisation[:, 1:]
        return LMScores(words, classes, rarity, np.nan_to_num(company), unseen, edges)

    def gains(self, ids: Ints, rows: Ints) -> tuple[Floats, NDArray[np.bool_], Floats]:
        """(4, tokens) values to standardise, (tokens,) unseen bigrams, (sentences,) bits of the less likely edge.

        The rows: surprisal of the word in both directions minus twice its unigram surprisal, mostly negative; the same
        for its class; unigram surprisal of the word; negative cosine of its vector with the sum of the other vectors of
        the sentence, NaN for words without a vector.
        """
        measures, unseen, edges = np.empty((4, len(ids))), np.empty(len(ids), bool), np.empty(len(rows) - 1)
        for first, last in blocks(rows, _BLOCK):
            tokens = slice(int(rows[first]), int(rows[last]))
            of_block = self._gains(ids[tokens], rows[first : last + 1] - rows[first])
            measures[:, tokens], unseen[tokens], edges[first:last] = of_block
        return measures, unseen, edges

    def _gains(self, ids: Ints, rows: Ints) -> tuple[Floats, NDArray[np.bool_], Floats]:
        class_ids = self.class_of[ids].astype(np.int64)
        words, classes = self.words.surprisal(ids, rows), self.classes.surprisal(class_ids, rows)
        alone, class_alone = self.words.unigram(ids), self.classes.unigram(class_ids)
        order = words.forward + words.backward - 2 * alone
        syntax = classes.forward + classes.backward - 2 * class_alone
        company = _company(np.take(self.vectors, ids, axis=0), ids >= FIRST_CONTENT, rows)
        return np.stack([order, syntax, alone, company]), words.unseen, np.maximum(words.opening, words.closing)

    def spelling(self, codes: Codes, starts: Ints, ends: Ints) -> Floats:
        """(words,) mean bits per letter of the words codes[start:end], by the letter model."""
        grams, word = letter_grams(codes, starts, ends)
        return np.bincount(word, _BITS[self.letters[tuple(grams.T)]], minlength=len(starts)) / (ends - starts + 1)

    def save(self, path: Path) -> None:
        """Write the file that `load` reads. Equal models give equal bytes."""
        arrays = {
            "format": np.array(FORMAT),
            "vocabulary.prints": self.vocabulary.prints,
            "vocabulary.values": self.vocabulary.values,
            "class_of": self.class_of,
            "letters": self.letters,
            "vectors": self.vectors,
            "usual": self.normalisation,
            **self.words.arrays("words"),
            **self.classes.arrays("classes"),
        }
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)


def _company(vectors: NDArray[np.int8], content: NDArray[np.bool_], rows: Ints) -> Floats:
    """(words,) negative cosine of the vector of each content word with the sum of the others in its row, else NaN."""
    units = vectors / _VECTOR_SCALE
    filled = np.flatnonzero(np.diff(rows))
    together = np.zeros((len(rows) - 1, units.shape[1]))
    if len(filled):
        together[filled] = np.add.reduceat(units, rows[filled], axis=0)
    words = np.flatnonzero(content)
    own = np.take(units, words, axis=0)
    others = np.take(together, np.searchsorted(rows, words, side="right") - 1, axis=0)
    others -= own
    length = np.linalg.norm(others, axis=1) * np.linalg.norm(own, axis=1)
    others *= own
    inner = others.sum(axis=1)
    company = np.full(len(units), np.nan)
    # Vectors have a length of about 1; much shorter sums are rounding errors.
    company[words] = np.where(length > _LEAST_LENGTH, -inner / np.maximum(length, _LEAST_LENGTH), np.nan)
    return company


def load(path: Path) -> LanguageModel:
    """Read a language model.

    The file is an uncompressed `.npz` without pickles. `format` is the string "garble-lm/1". Surprisals and back-off
    weights are bytes, b standing for b / 8 - 4 bits. Tables are three-choice cuckoo tables, `prints` the uint16
    fingerprints (0 = empty) and `values` a row a slot:

        vocabulary.prints, .values  the hash of a lower-case word, its digits as 0, to the word's number
        words.1                     (words, 4) bytes: surprisal forwards, backwards, back-off forwards, backwards
        words.2.prints, .values ... the n-grams of each order; the same four columns, the longest order the first two
        class_of                    (words,) the class of each word
        classes.1 ...               the same over classes
        letters                     (29, 29, 29, 29) bytes: surprisal of a letter after three others
        vectors                     (words, dimensions) int8: words met near each other point the same way
        usual                       (4, 2) mean and standard deviation, on clean text, of what `gains` returns

    Word numbers: 0 the sentence border, 1 to 3 unknown words (in lower case, capitalised, without letters), from 4 on
    the vocabulary by falling frequency; these four are classes of their own, of the same numbers. An n-gram's key
    begins as mix(its first number) and takes in each further number w by key = mix(3 * key + w); `alphabet.mix` is
    splitmix64's finaliser.
    Worked example: "The cat" is read as 0 the cat 0; if (0, the) is found among the 2-grams with bytes [48, 60, ...],
    "the" costs 48 / 8 - 4 = 2 bits at the beginning of a sentence.

    Raises ModelError, with the path and the array, for an invalid file.
    """
    try:
        arrays = _arrays(path)
        if (version := str(_array(arrays, "format", "U", ()))) != FORMAT:
            raise ValueError(f"unsupported format {version[:40]}; expected {FORMAT}")
        return _language_model(arrays)
    # zipfile and the header parser of numpy raise many kinds of exceptions on invalid files.
    except Exception as error:
        problem = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{path}: not a language model ({problem})") from error


def _language_model(arrays: Arrays) -> LanguageModel:
    words, classes = _ngrams(arrays, "words"), _ngrams(arrays, "classes")
    count = len(words.unigrams)
    if count < FIRST_WORD or not FIRST_WORD <= len(classes.unigrams) <= _FEW:
        raise ValueError(f"words.1, classes.1: {count} words in {len(classes.unigrams)} classes")
    vocabulary = _table(arrays, "vocabulary", "i", ())
    class_of = _array(arrays, "class_of", "u1", (count,))
    vectors = _array(arrays, "vectors", "i1", (count, None))
    usual = _array(arrays, "usual", "f8", (4, 2)).astype(np.float64, copy=False)
    if vocabulary.values.min() < 0 or vocabulary.values.max() >= count:
        raise ValueError("vocabulary.values: word number out of range")
    if class_of.max() >= len(classes.unigrams):
        raise ValueError("class_of: class number out of range")
    if not np.isfinite(usual).all() or (usual[:, 1] <= 0).any():
        raise ValueError("usual: invalid mean or deviation")
    letters = _array(arrays, "letters", "u1", (ALPHABET,) * 4)
    return LanguageModel(
        vocabulary,
        class_of.astype(np.uint8, copy=False),
        words,
        classes,
        letters.astype(np.uint8, copy=False),
        vectors.astype(np.int8, copy=False),
        usual,
    )


def _ngrams(arrays: Arrays, name: str) -> NGrams:
    order = 1 + sum(key.startswith(f"{name}.") and key.endswith(".prints") for key in arrays)
    if not 2 <= order <= _HIGHEST_ORDER:
        raise ValueError(f"{name}: unsupported n-gram order {order}")
    unigrams = _array(arrays, f"{name}.1", "u1", (None, 4)).astype(np.uint8, copy=False)
    # The longest n-grams are never a context, so they have no back-off weights.
    longer = tuple(_table(arrays, f"{name}.{n}", "u1", (2 if n == order else 4,)) for n in range(2, order + 1))
    return NGrams(unigrams, longer, _pairs(longer[0], len(unigrams)) if len(unigrams) <= _FEW else None)


def _table(arrays: Arrays, name: str, kind: str, columns: tuple[int, ...]) -> Table:
    prints = _array(arrays, f"{name}.prints", "u2", (None,)).astype(np.uint16, copy=False)
    return Table(prints, _array(arrays, f"{name}.values", kind, (len(prints), *columns)))


def _array(arrays: Arrays, name: str, kind: str, shape: tuple[int | None, ...]) -> NDArray[np.generic]:
    """The array of this name. kind: prefix of its dtype, such as "u1". shape: None for any positive size.

    Raises ValueError, with the name, if it is missing or has another dtype or shape.
    """
    if name not in arrays:
        raise ValueError(f"missing array {name}")
    array = arrays[name]
    if not array.dtype.str[1:].startswith(kind) or array.dtype.byteorder == ">":
        raise ValueError(f"{name}: dtype {array.dtype.str}; expected {kind}")
    if array.ndim != len(shape) or any(a != (b or max(a, 1)) for a, b in zip(array.shape, shape, strict=True)):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name}: shape {array.shape}; expected ({expected})")
    return array


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of an uncompressed .npz. Uses no more memory than the size of the file."""
    with path.open("rb") as raw, ZipFile(raw) as file:
        if (size := path.stat().st_size) > _LARGEST:
            raise ValueError(f"larger than {_LARGEST:,} bytes")
        members = file.infolist()
        if len(members) > _MOST_ARRAYS or len({member.filename for member in members}) < len(members):
            raise ValueError("too many arrays, or a duplicate array")
        for member in members:
            if member.compress_type != ZIP_STORED or member.file_size != member.compress_size or member.flag_bits & 1:
                raise ValueError(f"{member.filename}: compressed or encrypted")
            if member.file_size > size:
                raise ValueError(f"{member.filename}: larger than the file")
        return {member.filename.removesuffix(".npy"): _npy(member.filename, file.read(member)) for member in members}


def _npy(name: str, raw: bytes) -> NDArray[np.generic]:
    stream = BytesIO(raw)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name}: not version 1.0 of .npy")
    shape, is_fortran, kind = np.lib.format.read_array_header_1_0(stream)
    if kind.hasobject or is_fortran or min(shape, default=0) < 0:
        raise ValueError(f"{name}: unsupported dtype or memory order")
    body = memoryview(raw)[stream.tell() :]
    if math.prod(shape) * kind.itemsize != len(body):
        raise ValueError(f"{name}: size of {len(body)} bytes does not match its header")
    return np.frombuffer(body, kind).reshape(shape)


def _pairs(table: Table, count: int) -> Ints:
    """(count, count) slot of every pair of ids, or -1."""
    number = np.arange(count, dtype=np.uint64)
    return table.find(chain(mix(number)[:, None], number).ravel()).reshape(count, count)


def lookup(vocabulary: Table, form: Hashes, is_capital: NDArray[np.bool_], is_word: NDArray[np.bool_]) -> Ints:
    """Word ids of tokens; unknown words by shape."""
    slots = vocabulary.find(form)
    unknown = np.where(is_word, np.where(is_capital, UNKNOWN_CAPITAL, UNKNOWN), UNKNOWN_OTHER)
    return np.where(slots >= 0, vocabulary.values[slots], unknown).astype(np.int64)


def with_borders(ids: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Ids with a border before, between and after sentences, and the index of each token in them."""
    places = np.arange(len(ids)) + 1 + np.repeat(np.arange(len(rows) - 1), np.diff(rows))
    stream = np.full(len(ids) + len(rows), BORDER, np.int64)
    stream[places] = ids
    return stream, places


def ngram_keys(stream: Ints, order: int) -> list[tuple[Ints, Hashes]]:
    """For n = 2 to `order`: start indices of n-grams without inner borders, and their keys."""
    inner = stream != BORDER
    begins, keys = np.arange(len(stream)), mix(stream.astype(np.uint64))
    ngrams = []
    for n in range(2, order + 1):
        fits = begins + n <= len(stream)
        if n > 2:
            fits[fits] = inner[begins[fits] + n - 2]
        begins, keys = begins[fits], keys[fits]
        keys = chain(keys, stream[begins + n - 1].astype(np.uint64))
        ngrams.append((begins, keys))
    return ngrams


def quantise(bits: Floats) -> Bytes:
    """Bits as bytes; see `load`."""
    return np.clip(np.round((bits - _LOWEST) * _STEPS), 0, 255).astype(np.uint8)


def letter_grams(codes: Codes, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """(letters, 4) letter 4-grams, including word edges, and (letters,) index of the word."""
    sizes = ends - starts + 1
    word = np.repeat(np.arange(len(starts)), sizes)
    place = np.arange(len(word)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    grams = np.empty((len(word), 4), np.int64)
    for column in range(4):
        back = 3 - column
        inside = (place >= back) & (place - back < ends[word] - starts[word])
        letter = FOLD[codes[np.where(inside, starts[word] + place - back, 0)]].astype(np.int64)
        other = np.where(letter == ord("'"), _APOSTROPHE, _OTHER_LETTER)
        code = np.where((letter >= ord("a")) & (letter <= ord("z")), letter - ord("a"), other)
        grams[:, column] = np.where(inside, code, _EDGE)
    return grams, word
