"""The pieces of words that the network reads: WordPiece over lower case, as published encoders use it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from garble.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Numbers of the border before and after a sentence, and of padding; the same in every vocabulary.
BEGIN, PADDING, END = 0, 1, 2
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
UNKNOWN = "[UNK]"
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
