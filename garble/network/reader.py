"""Reading with the network: integer arithmetic on one thread, each sentence as if it stood alone.

Inputs are rounded to bytes of fixed ranges, so what is read beside a sentence changes nothing; sentences of one length
are read together because that is faster.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from garble.columns.arrays import Floats, Ints, Mask
from garble.columns.batch import Batch, Predictions
from garble.errors import ModelError
from garble.models import scorecard
from garble.models.scorecard import Scorecard
from garble.network import pieces, weights

# Pieces read at once, and how far one window of a longer sentence begins after another.
WINDOW, _STEP = 120, 90
# Sentences of one length that are read together.
_TOGETHER = 16
# Log-odds below which a word is as likely as it matters: one in fifty.
_SURE = -4.0


class Reader:
    """A network, its tokenizer, and what it usually says. usual: (3, 2) mean and deviation on clean text."""

    def __init__(self, session: Any, tokenizer: Any, usual: Floats) -> None:
        self.session, self.tokenizer, self.usual = session, tokenizer, usual

    def predict(self, batch: Batch, asked: Mask) -> Predictions:
        """The network's verdicts on some of a batch's sentences; zeros for all others. asked: (sentences,)."""
        found = np.zeros((2, len(batch.starts)))
        unnatural = np.zeros(len(batch))
        chosen = np.flatnonzero(asked & (np.diff(batch.token_offsets) > 0))
        spans = zip(batch.char_offsets[chosen].tolist(), (batch.char_offsets[chosen + 1] - 1).tolist(), strict=True)
        texts = [batch.text[start:end] for start, end in spans]
        found_in = self.verdicts(batch, chosen, texts)
        for sentence, (token, verdicts, whole) in zip(chosen.tolist(), found_in, strict=True):
            # A word is as wrong as the worst of its pieces.
            first, last = batch.token_offsets[sentence], batch.token_offsets[sentence + 1]
            if len(token):
                for head, (mean, deviation) in enumerate(self.usual[:2].tolist()):
                    worst = np.full(last - first, _SURE)
                    np.maximum.at(worst, token, verdicts[:, head])
                    found[head, first:last] = (worst - mean) / deviation
                unnatural[sentence] = (whole - self.usual[2, 0]) / self.usual[2, 1]
        return Predictions(found[0], found[1], unnatural)

    def verdicts(self, batch: Batch, chosen: Ints, texts: Sequence[str]) -> list[tuple[Ints, Floats, float]]:
        """For each text: the token of its sentence that each piece stands in, (pieces, 2) log-odds, those of it all."""
        encoded = pieces.encode(texts, self.tokenizer)
        odds, wholes = self.raw([ids for ids, _ in encoded])
        found = []
        for sentence, (_, places), verdicts, whole in zip(chosen.tolist(), encoded, odds, wholes, strict=True):
            starts = (
                batch.starts[batch.token_offsets[sentence] : batch.token_offsets[sentence + 1]]
                - batch.char_offsets[sentence]
            )
            at = np.array([place[0] for place in places], np.int64)
            found.append((np.maximum(np.searchsorted(starts, at, side="right") - 1, 0), verdicts, whole))
        return found

    def raw(self, sentences: Sequence[Sequence[int]]) -> tuple[list[Floats], Floats]:
        """For each sentence (pieces, 2) log-odds as the network gives them, and (sentences,) those of the whole."""
        windows = [(i, begin, end) for i, ids in enumerate(sentences) for begin, end in _windows(len(ids))]
        odds = [np.full((len(ids), 2), -np.inf) for ids in sentences]
        wholes = np.full(len(sentences), -np.inf)
        windows.sort(key=lambda window: window[2] - window[1])
        at = 0
        while at < len(windows):
            length = windows[at][2] - windows[at][1]
            some = [window for window in windows[at : at + _TOGETHER] if window[2] - window[1] == length]
            given = np.empty((len(some), length + 2), np.int64)
            given[:, 0], given[:, -1] = pieces.BEGIN, pieces.END
            given[:, 1:-1] = [sentences[i][begin:end] for i, begin, end in some]
            wrong, whole = self.session.run(None, {"pieces": given})
            for row, (i, begin, end) in enumerate(some):
                # Where windows overlap the worse verdict counts.
                odds[i][begin:end] = np.maximum(odds[i][begin:end], wrong[row, 1:-1])
                # Its last bits depend on how many rows were read together.
                wholes[i] = max(wholes[i], round(float(whole[row]), 3))
            at += len(some)
        return odds, wholes


def _windows(length: int) -> list[tuple[int, int]]:
    """Overlapping windows that cover a sentence of so many pieces."""
    if length <= WINDOW:
        return [(0, length)] if length else []
    last = length - WINDOW
    return [(begin, begin + WINDOW) for begin in [*range(0, last, _STEP), last]]


FILES = ("network.onnx", "network.npz", "tokenizer.json")


def load(folder: Path, card: Scorecard) -> Reader:
    """Read `network.onnx`, `network.npz` and `tokenizer.json`; `model.check_files` has compared their digests.

    Raises ModelError, in one line, when a file is missing or is none.
    """
    assert card.network is not None
    raw = {}
    for name in FILES:
        try:
            raw[name] = (folder / name).read_bytes()
        except OSError as error:
            raise ModelError(f"{folder / name}: {(error.strerror or str(error)).lower()}") from error
    tokenizer = pieces.load(folder / "tokenizer.json")
    try:
        found = session(raw["network.onnx"], raw["network.npz"])
    # onnxruntime has exceptions of its own for each of its ten ways to fail.
    except Exception as error:
        problem = " ".join(str(error).split())[:200]
        raise ModelError(f"{folder}: network.onnx and network.npz are not a valid network ({problem})") from error
    return Reader(found, tokenizer, np.array(card.network.usual))


def session(graph: bytes, packed: bytes) -> Any:
    """A network ready to run, on one thread."""
    # Nothing is written to the home folder, and nothing is sent: onnxruntime asks this before it is imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    with np.load(BytesIO(packed), allow_pickle=False) as arrays:
        given = weights.unpacked({name: arrays[name] for name in arrays.files})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in given.values()]
    options.add_external_initializers(list(given), values)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=4)
def cached(folder: Path, state: tuple[object, ...]) -> Reader:
    """The network of a model. Only who reads with it waits for it."""
    return load(folder, scorecard.load(folder / "scorecard.json"))
