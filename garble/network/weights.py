"""Weights of the network: from 4 bits in the file to 7 bits at run time.

`network.npz` contains each matrix as `NAME.weight.bits`, uint8 (outputs, blocks, BLOCK / 2), two numbers of 4 bits per
byte, the first in the low half, and `NAME.weight.scale`, float16 (outputs, blocks). A weight is (bits - 8) * scale. At
run time, a matrix is converted to integers of 7 bits with one step per output, as in training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Largest integer of 7 bits. The sum of two products with an unsigned byte then fits into 16 bits, which processors
# without VNNI require.
LARGEST_WEIGHT = 63
# Lower limit for the largest weight of an output, which is a divisor.
_LEAST = np.float32(1e-8)

Arrays = dict[str, NDArray[Any]]


def unpacked(arrays: Arrays) -> Arrays:
    """Initializers of the graph: NAME.weight int8 (inputs, outputs) and NAME.step float32 (outputs,)."""
    initializers: Arrays = {}
    for key in arrays:
        name = key.removesuffix(".weight.bits")
        if name == key:
            continue
        bits, scale = arrays[key], arrays[f"{name}.weight.scale"]
        if name == "pieces":
            # The graph itself unpacks piece embeddings, because a batch needs only few of them.
            initializers["pieces.bits"], initializers["pieces.scale"] = bits, scale
        else:
            initializers[f"{name}.weight"], initializers[f"{name}.step"] = integers(bits, scale)
    return initializers


def floats(bits: NDArray[np.uint8], scale: NDArray[np.float16]) -> NDArray[np.float32]:
    """A stored matrix, (outputs, inputs)."""
    both = np.empty((*bits.shape, 2), np.float32)
    both[..., 0], both[..., 1] = bits & 15, bits >> 4
    both -= 8
    both *= scale.astype(np.float32)[..., None, None]
    return both.reshape(len(bits), -1)


def integers(bits: NDArray[np.uint8], scale: NDArray[np.float16]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Convert a matrix to int8 (inputs, outputs), with the step of each output."""
    weight = floats(bits, scale)
    step = np.maximum(np.maximum(weight.max(axis=1), -weight.min(axis=1)), _LEAST) / np.float32(LARGEST_WEIGHT)
    weight /= step[:, None]
    np.rint(weight, out=weight)
    return np.ascontiguousarray(weight.astype(np.int8).T), step
