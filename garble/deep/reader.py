"""Reading with the network: ONNX in int8, on one thread, a sentence at a time.

The scale of a sentence's numbers in int8 is read off the sentence, so each is read alone: what stands beside it changes
nothing, and the same sentence gives the same verdict wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garble.batch import Batch, Floats, Mask, Opinion, offsets, spread
from garble.deep import words
from garble.model import Network

# Tokens read at once, their borders apart, and how far one window of a longer sentence begins after another.
WINDOW, _STEP = 64, 48
# Log-odds at which a word is as sure to be right as it matters: one in twenty.
_SURE = -3.0


class Reader:
    """A network, the tokenizer it spells words with, and what it usually says."""

    def __init__(self, session: Any, tokenizer: Any, usual: Floats) -> None:
        self.session, self.tokenizer, self.usual = session, tokenizer, usual

    def read(self, batch: Batch, asked: Mask) -> Opinion:
        """What the network makes of some of a batch's sentences; zeros of all others. asked: (sentences,)."""
        misplaced, mistranslated = np.zeros((2, len(batch.starts)))
        rank = np.zeros(len(batch))
        read = np.flatnonzero(asked & (np.diff(batch.tokens) > 0))
        firsts, lasts = batch.tokens[read], batch.tokens[read + 1]
        columns = words.columns(batch, spread(firsts, lasts), self.tokenizer)
        cut = offsets(lasts - firsts)
        # A sentence read before is not read again.
        known: dict[bytes, tuple[Floats, float]] = {}
        for i, first, last, begin, end in zip(read, firsts, lasts, cut[:-1], cut[1:], strict=True):
            seen = columns[begin:end]
            key = seen.tobytes()
            if key not in known:
                known[key] = self._sentence(seen)
            (misplaced[first:last], mistranslated[first:last]), rank[i] = known[key]
        return Opinion(misplaced, mistranslated, rank)

    def raw(self, columns: NDArray[np.uint16]) -> tuple[Floats, float]:
        """(2, tokens) log-odds as the network gives them, and the rank of the sentence."""
        verdict, ranks = np.zeros((2, len(columns))), []
        for (first, last), (begin, end) in _windows(len(columns)):
            window = np.zeros((1, last - first + 2, words.COLUMNS), np.int64)
            window[0, [0, -1], 0], window[0, [0, -1], -1] = words.BORDER, words.BORDER_SHAPE
            window[0, 1:-1] = columns[first:last]
            tokens, rank = self.session.run(None, {"columns": window})
            verdict[:, begin:end] = np.maximum(tokens[0, 1 + begin - first : 1 + end - first].T, _SURE)
            ranks.append(float(rank[0]))
        return verdict, max(ranks)

    def _sentence(self, columns: NDArray[np.uint16]) -> tuple[Floats, float]:
        verdict, rank = self.raw(columns)
        mean, deviation = self.usual.T
        return (verdict - mean[:2, None]) / deviation[:2, None], float((rank - mean[2]) / deviation[2])


def _windows(tokens: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """The windows of a sentence, and of each the part whose verdict counts: that which is nearest to its middle."""
    begin = 0
    for first in range(0, max(tokens - WINDOW, 0) + _STEP, _STEP):
        last = min(first + WINDOW, tokens)
        end = tokens if last == tokens else first + (WINDOW + _STEP) // 2
        yield (first, last), (begin, end)
        begin = end
        if last == tokens:
            return


def load(folder: Path, network: Network) -> Reader:
    """Read `network.onnx` and `tokenizer.json`.

    Raises ValueError, in one line, when the extra is not installed, or a file is missing or not the one that the
    scorecard was fitted with.
    """
    if not all(find_spec(name) for name in ("onnxruntime", "tokenizers")):
        raise ValueError(f'{folder.name} reads with a network, which needs: pip install "garble[deep]"')
    path = folder / "network.onnx"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    if (found := sha256(raw).hexdigest()) != network.sha256:
        raise ValueError(f"{path}: its checksum is {found[:12]}…, not {network.sha256[:12]}… as in scorecard.json")
    return Reader(session(raw), words.load(folder / "tokenizer.json"), np.array(network.usual))


def session(raw: bytes) -> Any:
    """A network ready to run, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    return onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
