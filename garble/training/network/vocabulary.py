"""A smaller vocabulary from a published one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from garble.network.pieces import SPECIAL, UNKNOWN, load

if TYPE_CHECKING:
    from tokenizers import Tokenizer


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
        if counts[row] >= least or (piece.isascii() and len(piece.removeprefix("##")) == 1) or piece == UNKNOWN
    }
    rows = [vocabulary[piece] for piece in SPECIAL]
    rows += sorted(row for piece, row in kept.items() if piece not in SPECIAL)
    names = {row: piece for piece, row in vocabulary.items()}
    tokenizer = Tokenizer(models.WordPiece({names[row]: number for number, row in enumerate(rows)}, unk_token=UNKNOWN))
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
