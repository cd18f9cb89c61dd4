"""Subword pieces: WordPiece on lower-case text, as in published encoders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from garble.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Ids of the pieces around a sentence, and of padding; the same in every vocabulary.
BEGIN, PADDING, END = 0, 1, 2
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
UNKNOWN = "[UNK]"
# Lone surrogates cannot be encoded in UTF-8, which tokenizers requires.
_LONE = re.compile("[\ud800-\udfff]")


def load(path: Path) -> Tokenizer:
    """Read a tokenizer. Raises ModelError, in one line with the path, for an invalid file."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    # tokenizers raises plain Exception.
    except Exception as error:
        raise ModelError(f"{path}: not a tokenizer ({' '.join(str(error).split())})") from error


def encode(texts: Sequence[str], tokenizer: Tokenizer) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """For each text its piece ids, without borders, and the (start, end) characters of each piece."""
    readable = [_LONE.sub("\ufffd", text) for text in texts]
    return [(encoding.ids, encoding.offsets) for encoding in tokenizer.encode_batch(readable, add_special_tokens=False)]
