"""How the network sees a token: a few pieces of its spelling, and its capitals.

The pieces are those of a byte-pair encoding of words in lower case, every digit a 0; their vectors add up to the
word's, so that a sentence is as long for the network as it is for everyone else, and a verdict falls on a token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from garble.alphabet import DIGIT, KIND
from garble.batch import Batch

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ints = NDArray[np.int64]

# Columns of a token: so many pieces, then its shape.
PIECES = 4
COLUMNS = PIECES + 1
# Pieces that no word has: nothing (a vector of zeros), the border of a sentence, a character never met.
NOTHING, BORDER, OTHER = range(3)
_SPECIAL = ("<nothing>", "<border>", "<other>")
# The shape of a token: no capitals, the first letter one, more of them; and that of a border.
SHAPES = 4
BORDER_SHAPE = 3
# Goes before a piece within a word. Letters rarer than so many others are OTHER.
_WITHIN, _ALPHABET = "##", 200
# Longer words are names of chemicals, or noise.
_LETTERS = 24


def learn(lines: Sequence[str], size: int) -> Tokenizer:
    """A byte-pair encoding of `size` pieces, from lines of words in lower case with a space between any two."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL[OTHER], continuing_subword_prefix=_WITHIN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    counts = Counter(chain.from_iterable(lines))
    letters = sorted((char for char in counts if char != " "), key=lambda char: (-counts[char], char))[:_ALPHABET]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        # Letters within a word are numbered here, or the trainer numbers them as it happens to meet them.
        special_tokens=[*_SPECIAL, *(f"{_WITHIN}{letter}" for letter in letters)],
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        continuing_subword_prefix=_WITHIN,
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def load(path: Path) -> Tokenizer:
    """Read a tokenizer. Raises ValueError, with the path, when the file is none."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    # tokenizers raises Exception itself.
    except Exception as error:
        raise ValueError(f"{path}: not a tokenizer ({error})") from error


def forms(batch: Batch, tokens: Ints) -> list[str]:
    """What is spelt of some tokens: lower case, digits as 0, no more than the first letters."""
    codes = np.where(KIND[batch.codes] == DIGIT, ord("0"), batch.folded).astype("<u4")
    ends = np.minimum(batch.ends[tokens], batch.starts[tokens] + _LETTERS)
    pieces = (codes[start:end].tobytes() for start, end in zip(batch.starts[tokens], ends, strict=True))
    return [piece.decode("utf-32-le", "replace") for piece in pieces]


def shapes(batch: Batch) -> NDArray[np.uint8]:
    """(tokens,) how each is written: 0 without capitals, 1 with one at its beginning, 2 with more."""
    return batch.is_capital.astype(np.uint8) + batch.is_spelt_out


def spell(texts: list[str], tokenizer: Any) -> NDArray[np.uint16]:
    """(texts, PIECES) the first pieces of each word."""
    spelt = np.zeros((len(texts), PIECES), np.uint16)
    for row, encoded in zip(spelt, tokenizer.encode_batch(texts), strict=True):
        pieces = encoded.ids[:PIECES]
        row[: len(pieces)] = pieces
    return spelt


def columns(batch: Batch, tokens: Ints, tokenizer: Any) -> NDArray[np.uint16]:
    """(tokens, COLUMNS) what the network sees of some of a batch's tokens."""
    _, first, again = np.unique(batch.form[tokens], return_index=True, return_inverse=True)
    spelt = spell(forms(batch, tokens[first]), tokenizer)
    return np.concatenate([spelt[again], shapes(batch)[tokens, None]], axis=1, dtype=np.uint16)
