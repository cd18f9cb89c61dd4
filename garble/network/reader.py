"""Inference with the network, in integer arithmetic on one thread.

Inputs are quantised to bytes of fixed ranges, so a prediction does not depend on other sentences of the batch.
Sentences of equal length are processed together, which is faster.
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

# Window length for long sentences, and distance between the starts of windows, in subword pieces.
WINDOW, _STEP = 120, 90
# Windows of equal length per call of the network.
_BATCH_SIZE = 16
# Lower limit of the log-odds that a word is wrong. Differences below a probability of one in fifty do not matter.
_LOWEST_ODDS = -4.0


class Reader:
    """A network and its tokenizer. normalisation: (3, 2) mean and standard deviation of its outputs on clean text."""

    def __init__(self, session: Any, tokenizer: Any, normalisation: Floats) -> None:
        self.session, self.tokenizer, self.normalisation = session, tokenizer, normalisation

    def predict(self, batch: Batch, selected: Mask) -> Predictions:
        """Predictions for the selected sentences; zeros for all others. selected: (sentences,)."""
        of_tokens = np.zeros((2, len(batch.starts)))
        unnatural = np.zeros(len(batch))
        chosen = np.flatnonzero(selected & (np.diff(batch.token_offsets) > 0))
        spans = zip(batch.char_offsets[chosen].tolist(), (batch.char_offsets[chosen + 1] - 1).tolist(), strict=True)
        texts = [batch.text[start:end] for start, end in spans]
        outputs = self.piece_odds(batch, chosen, texts)
        for sentence, (token, odds, whole) in zip(chosen.tolist(), outputs, strict=True):
            # The value of a word is the highest of its pieces.
            first, last = batch.token_offsets[sentence], batch.token_offsets[sentence + 1]
            if len(token):
                for head, (mean, deviation) in enumerate(self.normalisation[:2].tolist()):
                    worst = np.full(last - first, _LOWEST_ODDS)
                    np.maximum.at(worst, token, odds[:, head])
                    of_tokens[head, first:last] = (worst - mean) / deviation
                unnatural[sentence] = (whole - self.normalisation[2, 0]) / self.normalisation[2, 1]
        return Predictions(of_tokens[0], of_tokens[1], unnatural)

    def piece_odds(self, batch: Batch, chosen: Ints, texts: Sequence[str]) -> list[tuple[Ints, Floats, float]]:
        """For each text: (pieces,) token of each piece, (pieces, 2) log-odds, and the log-odds of the sentence."""
        encoded = pieces.encode(texts, self.tokenizer)
        odds, wholes = self.raw([ids for ids, _ in encoded])
        outputs = []
        for sentence, (_, places), of_pieces, whole in zip(chosen.tolist(), encoded, odds, wholes, strict=True):
            starts = (
                batch.starts[batch.token_offsets[sentence] : batch.token_offsets[sentence + 1]]
                - batch.char_offsets[sentence]
            )
            at = np.array([place[0] for place in places], np.int64)
            outputs.append((np.maximum(np.searchsorted(starts, at, side="right") - 1, 0), of_pieces, whole))
        return outputs

    def raw(self, sentences: Sequence[Sequence[int]]) -> tuple[list[Floats], Floats]:
        """Raw outputs: for each sentence (pieces, 2) log-odds, and (sentences,) log-odds of the whole."""
        windows = [(i, begin, end) for i, ids in enumerate(sentences) for begin, end in _windows(len(ids))]
        odds = [np.full((len(ids), 2), -np.inf) for ids in sentences]
        wholes = np.full(len(sentences), -np.inf)
        windows.sort(key=lambda window: window[2] - window[1])
        at = 0
        while at < len(windows):
            length = windows[at][2] - windows[at][1]
            group = [window for window in windows[at : at + _BATCH_SIZE] if window[2] - window[1] == length]
            given = np.empty((len(group), length + 2), np.int64)
            given[:, 0], given[:, -1] = pieces.BEGIN, pieces.END
            given[:, 1:-1] = [sentences[i][begin:end] for i, begin, end in group]
            wrong, whole = self.session.run(None, {"pieces": given})
            for row, (i, begin, end) in enumerate(group):
                # In overlapping windows the higher value counts.
                odds[i][begin:end] = np.maximum(odds[i][begin:end], wrong[row, 1:-1])
                # Rounded, because the last bits depend on the batch size.
                wholes[i] = max(wholes[i], round(float(whole[row]), 3))
            at += len(group)
        return odds, wholes


def _windows(length: int) -> list[tuple[int, int]]:
    """Overlapping windows that cover a sentence. length: in pieces."""
    if length <= WINDOW:
        return [(0, length)] if length else []
    last = length - WINDOW
    return [(begin, begin + WINDOW) for begin in [*range(0, last, _STEP), last]]


FILES = ("network.onnx", "network.npz", "tokenizer.json")


def load(folder: Path, card: Scorecard) -> Reader:
    """Read `network.onnx`, `network.npz` and `tokenizer.json`. Their digests were checked by `scorecard.check_files`.

    Raises ModelError, in one line, for a missing or invalid file.
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
        network = session(raw["network.onnx"], raw["network.npz"])
    # onnxruntime has many exception classes of its own.
    except Exception as error:
        problem = " ".join(str(error).split())[:200]
        raise ModelError(f"{folder}: network.onnx and network.npz are not a valid network ({problem})") from error
    return Reader(network, tokenizer, np.array(card.network.normalisation))


def session(graph: bytes, packed: bytes) -> Any:
    """An inference session on one thread."""
    # Must be set before the import: onnxruntime would write to the home folder and send data.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    with np.load(BytesIO(packed), allow_pickle=False) as arrays:
        initializers = weights.unpacked({name: arrays[name] for name in arrays.files})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in initializers.values()]
    options.add_external_initializers(list(initializers), values)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=4)
def cached(folder: Path, state: tuple[object, ...]) -> Reader:
    """The network of a model, cached until its files change."""
    return load(folder, scorecard.load(folder / "scorecard.json"))
