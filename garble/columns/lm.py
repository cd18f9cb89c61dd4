"""The n-gram language model: a whole batch looked up at a time, in both directions.

A word's surprisal is in bits, -log2 of its probability. `garble.training.estimation` makes the model.
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
# Limits of a model's file: bytes, arrays, and the order of its n-grams.
_LARGEST, _MOST_ARRAYS, _HIGHEST_ORDER = 4 << 30, 100, 9

# Word numbers below FIRST_WORD: the sentence border, and words not in the vocabulary, by their shape.
BORDER, UNKNOWN, UNKNOWN_CAPITAL, UNKNOWN_OTHER = range(4)
FIRST_WORD = 4
# Words more frequent than this go with everything.
FIRST_CONTENT = 150

# Eighths of a bit from -4 to 27.9 fit a byte; a back-off weight may exceed 1 after pruning, hence the -4.
_STEPS, _LOWEST = 8, -4.0
# Numbers of which all pairs are looked up beforehand: classes are that few, words are not.
_FEW = 256
_BITS = np.arange(256) / _STEPS + _LOWEST

# Words read at a time: as many as the processor's cache holds with all that is reckoned about them.
_BLOCK = 8000

# a-z, the apostrophe, every other letter, and the edge of the word.
ALPHABET = 29
_APOSTROPHE, _OTHER_LETTER, _EDGE = 26, 27, 28


class Surprisal(NamedTuple):
    """Bits: (tokens,) forward and backward, (sentences,) of the beginning and the end, (tokens,) unseen pairs."""

    forward: Floats
    backward: Floats
    opening: Floats
    closing: Floats
    unseen: NDArray[np.bool_]


class LMScores(NamedTuple):
    """How strange a batch's text is.

    words, classes: (tokens,) how badly each word, and its class, goes with its neighbours on both sides; rarity: how
    rare the word is; company: how little it has to do with the sentence's other words; all in standard deviations from
    clean text. unseen: (tokens,) the word was never seen after the one before. edges: (sentences,) bits of the
    beginning or the end, whichever is less likely.
    """

    words: Floats
    classes: Floats
    rarity: Floats
    company: Floats
    unseen: NDArray[np.bool_]
    edges: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A hash table read by array arithmetic: each key lies in one of three slots (cuckoo hashing).

    prints: (slots,) a 16-bit fingerprint of the key that lies there, 0 where none does.
    values: (slots, columns).
    A key that was never put in is found with probability 3 / 65,535.
    """

    prints: NDArray[np.uint16]
    values: NDArray[np.generic]

    @classmethod
    def build(cls, keys: Hashes, values: NDArray[np.generic], load: float = 0.85) -> Table:
        """A table of distinct `keys`; of three-choice tables up to nine tenths can be filled."""
        size = max(4, int(len(keys) / load) + 1)
        slots = np.stack([_slot(keys, choice, size) for choice in range(3)])
        holder = np.full(size, -1)
        choice = np.zeros(len(keys), np.int64)
        homeless = np.arange(len(keys))
        # All homeless keys move in at once, whoever lay there moves on to its next slot, until all have a home.
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
        """The slot each key lies in, or -1."""
        found = np.full(len(keys), -1)
        prints = _fingerprint(keys)
        left = np.arange(len(keys))
        # The last choice speaks first, and only keys not found there ask on.
        for choice in (2, 1, 0):
            slot = _slot(keys, choice, len(self.prints))
            same = np.take(self.prints, slot) == prints
            # By number: to take by a mask that no branch predictor sees through takes twice as long.
            hit, missed = np.flatnonzero(same), np.flatnonzero(~same)
            found[left[hit]] = slot[hit]
            left, keys, prints = left[missed], keys[missed], prints[missed]
        return found


def _slot(keys: Hashes, choice: int, size: int) -> Ints:
    spread = mix(keys + np.uint64(choice)) >> np.uint64(32)
    return ((spread * np.uint64(size)) >> np.uint64(32)).astype(np.int64)


def _fingerprint(keys: Hashes) -> NDArray[np.uint16]:
    # Division by a constant is quick where the remainder of one is not.
    return (keys - keys // np.uint64(65535) * np.uint64(65535) + np.uint64(1)).astype(np.uint16)


def _steps(table: NDArray[np.generic], rows: Ints) -> NDArray[np.int32]:
    """Rows of a table of bytes in eighths of a bit, which add up without rounding."""
    return np.take(table, rows, axis=0).astype(np.int32) + round(_LOWEST * _STEPS)


@dataclass(frozen=True, slots=True, eq=False)
class NGrams:
    """n-grams over numbers, with what they weigh in both directions; see `load` for what the arrays hold.

    pairs: (numbers, numbers) the slot of every 2-gram, or -1, where the numbers are few enough to have that at hand.
    """

    unigrams: Bytes
    longer: tuple[Table, ...]
    pairs: Ints | None = None

    @property
    def order(self) -> int:
        """The longest n-gram."""
        return len(self.longer) + 1

    def unigram(self, ids: Ints) -> Floats:
        """(tokens,) bits of each with nothing known around it."""
        return np.asarray(_BITS[self.unigrams[ids, 0]])

    def surprisal(self, ids: Ints, rows: Ints) -> Surprisal:
        """Bits of every token of a batch, both ways. ids: (tokens,); rows: offsets of the sentences."""
        stream, places = with_borders(ids, rows)
        before, after = np.arange(len(rows) - 1) + rows[:-1], np.arange(len(rows) - 1) + rows[1:] + 1
        forward, backward, unseen = self._read(stream)
        return Surprisal(forward[places], backward[places], backward[before], forward[after], unseen[places])

    def _read(self, stream: Ints) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Surprisal of every word of a stream with borders, forwards and backwards, by backing off.

        A found n-gram overrides what the shorter ones gave; one not found adds its context's back-off weight.
        """
        single = _steps(self.unigrams, stream)
        forward, backward = single[:, 0].copy(), single[:, 1].copy()
        # Back-off weights of the (n-1)-gram that begins at each place, as context on its left and on its right.
        left, right = single[:, 2], single[:, 3]
        inner, symbols = stream != BORDER, stream.astype(np.uint64)
        unseen = np.zeros(len(stream), bool)
        begins, keys = np.arange(len(stream)), mix(symbols)
        for n, table in enumerate(self.longer, start=2):
            # An n-gram can be known only where both the (n-1)-grams in it are, and no border stands inside.
            worth = begins[1:] == begins[:-1] + 1
            if n > 2:
                worth &= inner[begins[1:] + n - 3]
            able = np.flatnonzero(worth)
            begins, keys = begins[able], keys[able]
            keys = chain(keys, symbols[begins + n - 1])
            slots = table.find(keys) if n > 2 or self.pairs is None else self.pairs[stream[begins], stream[begins + 1]]
            hit = np.flatnonzero(slots >= 0)
            begins, keys, steps = begins[hit], keys[hit], _steps(table.values, slots[hit])
            # Every place backs off; where the n-gram was found the sum is then replaced.
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
        """What `load` reads back under `name`."""
        arrays: dict[str, NDArray[np.generic]] = {f"{name}.1": self.unigrams}
        for n, table in enumerate(self.longer, start=2):
            arrays[f"{name}.{n}.prints"], arrays[f"{name}.{n}.values"] = table.prints, table.values
        return arrays


@dataclass(frozen=True, slots=True, eq=False)
class LanguageModel:
    """Words and their n-grams, their classes and those n-grams, and how words are spelt; see `load`."""

    vocabulary: Table
    class_of: Bytes
    words: NGrams
    classes: NGrams
    letters: Bytes
    vectors: NDArray[np.int8]
    usual: Floats

    def lookup(self, form: Hashes, is_capital: NDArray[np.bool_], is_word: NDArray[np.bool_]) -> Ints:
        """(tokens,) word numbers, the lower the more frequent; unknown words by their shape."""
        return lookup(self.vocabulary, form, is_capital, is_word)

    def score(self, ids: Ints, rows: Ints) -> LMScores:
        """What the model makes of every token of a batch, as `LMScores` has it."""
        gains, unseen, edges = self.gains(ids, rows)
        words, classes, rarity, company = (gains - self.usual[:, :1]) / self.usual[:, 1:]
        return LMScores(words, classes, rarity, np.nan_to_num(company), unseen, edges)

    def gains(self, ids: Ints, rows: Ints) -> tuple[Floats, NDArray[np.bool_], Floats]:
        """(4, tokens) measures, (tokens,) unseen pairs, (sentences,) bits of the less likely of beginning and end.

        The measures are bits, for words and for classes: what a token costs given its neighbours, on both sides, beyond
        what it costs alone (so mostly less than 0); bits of what the word costs alone; and the cosine, negated, of the
        word's vector with those of the sentence's other words, NaN where there is none.
        """
        measures, unseen, edges = np.empty((4, len(ids))), np.empty(len(ids), bool), np.empty(len(rows) - 1)
        for first, last in blocks(rows, _BLOCK):
            some = slice(int(rows[first]), int(rows[last]))
            found = self._gains(ids[some], rows[first : last + 1] - rows[first])
            measures[:, some], unseen[some], edges[first:last] = found
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
        """(words,) mean bits a letter of the words at [starts, ends) of `codes`, by the letter model."""
        grams, word = letter_grams(codes, starts, ends)
        return np.bincount(word, _BITS[self.letters[tuple(grams.T)]], minlength=len(starts)) / (ends - starts + 1)

    def save(self, path: Path) -> None:
        """Write the file that `load` reads: plain arrays, uncompressed, the same bytes for the same model."""
        arrays = {
            "format": np.array(FORMAT),
            "vocabulary.prints": self.vocabulary.prints,
            "vocabulary.values": self.vocabulary.values,
            "class_of": self.class_of,
            "letters": self.letters,
            "vectors": self.vectors,
            "usual": self.usual,
            **self.words.arrays("words"),
            **self.classes.arrays("classes"),
        }
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)


def _company(vectors: NDArray[np.int8], content: NDArray[np.bool_], rows: Ints) -> Floats:
    """(words,) the cosine, negated, of each content word's vector with the sum of its row's others, else NaN."""
    units = vectors / 127
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
    # A vector is about 1 long: anything much shorter is what rounding leaves.
    company[words] = np.where(length > 1e-6, -inner / np.maximum(length, 1e-6), np.nan)
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

    Raises ModelError, with the path and the array, when the file is no such model.
    """
    try:
        arrays = _arrays(path)
        if (found := str(_array(arrays, "format", "U", ()))) != FORMAT:
            raise ValueError(f"unsupported format {found[:40]}; expected {FORMAT}")
        return _language_model(arrays)
    # zipfile and numpy's header parser raise whatever the bytes happen to suggest.
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
    # The longest are no context of others, so they have no back-off weights.
    longer = tuple(_table(arrays, f"{name}.{n}", "u1", (2 if n == order else 4,)) for n in range(2, order + 1))
    return NGrams(unigrams, longer, _pairs(longer[0], len(unigrams)) if len(unigrams) <= _FEW else None)


def _table(arrays: Arrays, name: str, kind: str, columns: tuple[int, ...]) -> Table:
    prints = _array(arrays, f"{name}.prints", "u2", (None,)).astype(np.uint16, copy=False)
    return Table(prints, _array(arrays, f"{name}.values", kind, (len(prints), *columns)))


def _array(arrays: Arrays, name: str, kind: str, shape: tuple[int | None, ...]) -> NDArray[np.generic]:
    """The array of this name. kind: how its type must begin, such as "u1"; shape: None for any size but 0.

    Raises ValueError, with the name, for one that is missing or of another kind or shape.
    """
    if name not in arrays:
        raise ValueError(f"missing array {name}")
    found = arrays[name]
    if not found.dtype.str[1:].startswith(kind) or found.dtype.byteorder == ">":
        raise ValueError(f"{name}: dtype {found.dtype.str}; expected {kind}")
    if found.ndim != len(shape) or any(a != (b or max(a, 1)) for a, b in zip(found.shape, shape, strict=True)):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name}: shape {found.shape}; expected ({expected})")
    return found


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of an uncompressed .npz. No more memory is asked for than the file has bytes."""
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
    """(count, count) the slot of every pair of numbers, or -1."""
    number = np.arange(count, dtype=np.uint64)
    return table.find(chain(mix(number)[:, None], number).ravel()).reshape(count, count)


def lookup(vocabulary: Table, form: Hashes, is_capital: NDArray[np.bool_], is_word: NDArray[np.bool_]) -> Ints:
    """Word numbers of tokens; unknown words by their shape."""
    slots = vocabulary.find(form)
    unknown = np.where(is_word, np.where(is_capital, UNKNOWN_CAPITAL, UNKNOWN), UNKNOWN_OTHER)
    return np.where(slots >= 0, vocabulary.values[slots], unknown).astype(np.int64)


def with_borders(ids: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """The sentences with a border before, between and after them, and where each token went."""
    places = np.arange(len(ids)) + 1 + np.repeat(np.arange(len(rows) - 1), np.diff(rows))
    stream = np.full(len(ids) + len(rows), BORDER, np.int64)
    stream[places] = ids
    return stream, places


def ngram_keys(stream: Ints, order: int) -> list[tuple[Ints, Hashes]]:
    """For n = 2 to `order`: where the n-grams with no border inside begin, and their keys."""
    inner = stream != BORDER
    begins, keys = np.arange(len(stream)), mix(stream.astype(np.uint64))
    found = []
    for n in range(2, order + 1):
        fits = begins + n <= len(stream)
        if n > 2:
            fits[fits] = inner[begins[fits] + n - 2]
        begins, keys = begins[fits], keys[fits]
        keys = chain(keys, stream[begins + n - 1].astype(np.uint64))
        found.append((begins, keys))
    return found


def quantise(bits: Floats) -> Bytes:
    """Bits as bytes; see `load`."""
    return np.clip(np.round((bits - _LOWEST) * _STEPS), 0, 255).astype(np.uint8)


def letter_grams(codes: Codes, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """(letters, 4) each letter after the three before it, edges included, and the word each belongs to."""
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
