"""The pieces of words that the network reads: WordPiece over lower case, as published encoders use it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from garble.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Numbers of the border before and after a sentence, and of padding; the same in every vocabulary.
BEGIN, PADDING, END = 0, 1, 2
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
_UNKNOWN = "[UNK]"
# Half of a surrogate pair has no UTF-8, which tokenizers works on.
_LONE = re.compile("[\ud800-\udfff]")


def load(path: Path) -> Tokenizer:
    """Read a tokenizer. Raises ModelError, in one line with the path, when the file is none."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    # tokenizers raises Exception itself.
    except Exception as error:
        raise ModelError(f"{path}: not a tokenizer ({' '.join(str(error).split())})") from error


def encode(texts: Sequence[str], tokenizer: Tokenizer) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """For each text its pieces, without borders, and the characters each piece stands for."""
    readable = [_LONE.sub("\ufffd", text) for text in texts]
    return [(found.ids, found.offsets) for found in tokenizer.encode_batch(readable, add_special_tokens=False)]


def pruned(published: Path, texts: Iterable[str], least: int) -> tuple[Tokenizer, NDArray[np.int64]]:
    """A published tokenizer with only the pieces that `texts` use `least` times or more, and which rows those are."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary: dict[str, int] = json.loads(published.read_text(encoding="utf-8"))["model"]["vocab"]
    full = load(published)
    full.no_padding()
    full.no_truncation()
    counts = np.zeros(len(vocabulary), np.int64)
    for some in _blocks(texts, 20_000):
        for found in full.encode_batch(some, add_special_tokens=False):
            np.add.at(counts, found.ids, 1)
    # Single characters stay, so that any word can be spelt.
    kept = {
        piece: row
        for piece, row in vocabulary.items()
        if counts[row] >= least or (piece.isascii() and len(piece.removeprefix("##")) == 1) or piece == _UNKNOWN
    }
    rows = [vocabulary[piece] for piece in _SPECIAL]
    rows += sorted(row for piece, row in kept.items() if piece not in _SPECIAL)
    names = {row: piece for piece, row in vocabulary.items()}
    tokenizer = Tokenizer(models.WordPiece({names[row]: number for number, row in enumerate(rows)}, unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer, np.array(rows)


def _blocks(texts: Iterable[str], size: int) -> Iterable[list[str]]:
    block: list[str] = []
    for text in texts:
        block.append(text)
        if len(block) == size:
            yield block
            block = []
    yield block
