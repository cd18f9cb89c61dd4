"""The network's weights as they ship, and as they run.

`network.npz` holds each matrix as `NAME.weight.bits`, uint8 (outputs, blocks, BLOCK / 2), two numbers of 4 bits a byte,
the first in the low half, and `NAME.weight.scale`, float16 (outputs, blocks): a weight is (bits - 8) * scale. To run, a
matrix becomes integers of 7 bits with one step an output, as the network was taught with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# At run time a weight is an integer of 7 bits: two products with an unsigned byte then fit 16 bits, which processors
# without VNNI need.
LARGEST_WEIGHT = 63
_LEAST = np.float32(1e-8)

Arrays = dict[str, NDArray[Any]]


def unpacked(arrays: Arrays) -> Arrays:
    """What the graph asks for, by name: NAME.weight int8 (inputs, outputs) and NAME.step float32 (outputs,)."""
    found: Arrays = {}
    for key in arrays:
        name = key.removesuffix(".weight.bits")
        if name == key:
            continue
        bits, scale = arrays[key], arrays[f"{name}.weight.scale"]
        if name == "pieces":
            # Vectors of pieces are unpacked by the graph, as few are read at once.
            found["pieces.bits"], found["pieces.scale"] = bits, scale
        else:
            found[f"{name}.weight"], found[f"{name}.step"] = integers(bits, scale)
    return found


def integers(bits: NDArray[np.uint8], scale: NDArray[np.float16]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A matrix as int8 (inputs, outputs), and the step of each output."""
    both = np.empty((*bits.shape, 2), np.float32)
    both[..., 0], both[..., 1] = bits & 15, bits >> 4
    both -= 8
    both *= scale.astype(np.float32)[..., None, None]
    weight = both.reshape(len(bits), -1)
    step = np.maximum(np.maximum(weight.max(axis=1), -weight.min(axis=1)), _LEAST) / np.float32(LARGEST_WEIGHT)
    weight /= step[:, None]
    np.rint(weight, out=weight)
    return np.ascontiguousarray(weight.astype(np.int8).T), step
