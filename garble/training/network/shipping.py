"""The network written down for readers: weights in 4 bits, and the ONNX graph that reads with them.

    python -m garble.training.network.shipping --work WORK --name large --out DIR

Writes network.onnx, network.npz and tokenizer.json, from what the stage `--name` of `training` left in WORK. `packed`
turns a taught network into plain arrays; `graph_of` makes the graph, which names the weights that `weights` unpacks to
integers of 7 bits. Inputs of each map are rounded to a byte of a fixed range, so a sentence's verdict does not depend
on what is read beside it, and all products are of integers, the same on every processor.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garble.network.weights import floats
from garble.training.network.encoder import BLOCK, Network, block_scale, buckets, of_weights

Arrays = dict[str, NDArray[Any]]

_OPSET = 18


def packed(network: Network) -> Arrays:
    """All that a reader needs of a network, as arrays: 4-bit weights, half-precision scales, the rest in float32."""
    import torch

    found: Arrays = {}
    own = {name: tensor.detach().float().cpu() for name, tensor in network.state_dict().items()}
    rounds = {f"{name}.weight" for name, module in network.named_modules() if module in set(network.linears())}
    for name, tensor in own.items():
        if name in rounds or name == "pieces.weight":
            blocks = tensor.view(tensor.shape[0], -1, BLOCK)
            scale = block_scale(blocks)
            stored = (torch.round(blocks / scale).clamp(-8, 7) + 8).to(torch.uint8).numpy()
            found[f"{name}.bits"] = stored[..., 0::2] | (stored[..., 1::2] << 4)
            found[f"{name}.scale"] = scale[..., 0].half().numpy()
        elif name != "relative.weight":
            found[name] = tensor.numpy().astype(np.float32)
    length = len(own["positions.weight"])
    apart = torch.arange(1 - length, length)
    found["nearness"] = own["relative.weight"][buckets(apart)].T.contiguous().numpy()
    found["shape"] = np.array([len(network.layers), network.shape.heads])
    return found


class _Graph:
    """An ONNX graph as it grows."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.known: dict[bytes, str] = {}

    def outside(self, name: str, kind: Any, shape: tuple[int, ...]) -> str:
        """The name of a constant that is given when the graph is loaded."""
        from onnx import TensorProto, helper

        found = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(np.dtype(kind)), dims=shape)
        found.data_location = TensorProto.EXTERNAL
        found.external_data.add(key="location", value="network.npz")
        self.constants.append(found)
        return name

    def constant(self, value: NDArray[Any]) -> str:
        """The name of a constant, one for equal ones."""
        from onnx import numpy_helper

        key = repr((value.dtype, value.shape)).encode() + value.tobytes()
        if key not in self.known:
            self.known[key] = f"c{len(self.known)}"
            self.constants.append(numpy_helper.from_array(value, self.known[key]))
        return self.known[key]

    def add(self, kind: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        """The name of the output of a new node."""
        from onnx import helper

        output = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output


def _linear(graph: _Graph, arrays: Arrays, name: str, byte: tuple[str, str, str]) -> str:
    """A map of bytes. byte: the input as bytes, its scale, its zero."""
    outputs, blocks, half = arrays[f"{name}.weight.bits"].shape
    weight = graph.outside(f"{name}.weight", np.int8, (2 * blocks * half, outputs))
    step = graph.outside(f"{name}.step", np.float32, (outputs,))
    data, by, zero = byte
    nothing = graph.constant(np.zeros(outputs, np.int8))
    return graph.add("MatMulIntegerToFloat", data, weight, by, step, zero, nothing,
                     graph.constant(arrays[f"{name}.bias"]), domain="com.microsoft")  # fmt: skip


def _byte(graph: _Graph, arrays: Arrays, name: str, x: str) -> tuple[str, str, str]:
    """What comes into a map, as bytes of its fixed range."""
    low, high = float(arrays[f"{name}.low"]), float(arrays[f"{name}.high"])
    step = np.float32((np.float32(high) - np.float32(low)) / np.float32(255))
    by = graph.constant(np.array(step, np.float32))
    zero = graph.constant(np.array(np.clip(np.round(-np.float32(low) / step), 0, 255), np.uint8))
    return graph.add("QuantizeLinear", x, by, zero), by, zero


def graph_of(arrays: Arrays) -> bytes:
    """The network as an ONNX graph without its large weights.

    In: pieces (sentences, pieces) of int64 with borders, all of one length. Out: wrong (sentences, pieces, HEADS) and
    sentence (sentences,), log-odds.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    layers, heads = arrays["shape"].tolist()
    bits, scale = arrays["pieces.weight.bits"], arrays["pieces.weight.scale"]
    width = 2 * bits.shape[1] * bits.shape[2]
    own_bits, own_scale = (
        graph.add("Gather", graph.outside(f"pieces.{name}", some.dtype, some.shape), "pieces", axis=0)
        for name, some in (("bits", bits), ("scale", scale))
    )
    size = graph.add("Concat", graph.add("Shape", "pieces"), graph.constant(np.array([width])), axis=0)
    words = _gathered(graph, own_bits, own_scale, size)
    length = graph.add("Squeeze", graph.add("Shape", "pieces", start=1, end=2))
    place = graph.add("Range", graph.constant(np.array(0)), length, graph.constant(np.array(1)))
    where = graph.add("Gather", graph.constant(arrays["positions.weight"]), place, axis=0)
    x = _normalised(graph, arrays, "begin", graph.add("Add", words, where))
    rows, columns = (graph.add("Unsqueeze", place, graph.constant(np.array([axis]))) for axis in (1, 0))
    last = graph.constant(np.array(len(arrays["positions.weight"]) - 1))
    apart = graph.add("Add", graph.add("Sub", columns, rows), last)
    near = graph.add("Gather", graph.constant(arrays["nearness"].astype(np.float32)), apart, axis=1)
    near = graph.add("Unsqueeze", near, graph.constant(np.array([0])))
    for layer in range(layers):
        name = f"layers.{layer}"
        byte = _byte(graph, arrays, f"{name}.query", x)
        query, key, value = (_linear(graph, arrays, f"{name}.{part}", byte) for part in ("query", "key", "value"))
        seen = graph.add("MultiHeadAttention", query, key, value, "", "", near, domain="com.microsoft", num_heads=heads)
        x = _added(graph, arrays, f"{name}.after_mix", _mapped(graph, arrays, f"{name}.mix", seen), x)
        inner = graph.add("Gelu", _mapped(graph, arrays, f"{name}.widen", x), domain="com.microsoft")
        x = _added(graph, arrays, f"{name}.after_narrow", _mapped(graph, arrays, f"{name}.narrow", inner), x)
    head = graph.add("MatMul", x, graph.constant(arrays["wrong.weight"].T.copy()))
    graph.add("Add", head, graph.constant(arrays["wrong.bias"]), name="wrong")
    mean = graph.add("ReduceMean", x, graph.constant(np.array([1])), keepdims=0)
    first = graph.add("Gather", x, graph.constant(np.array(0)), axis=1)
    both = graph.add("Concat", first, mean, axis=-1)
    weight, bias = (graph.constant(arrays[f"sentence.{part}"]) for part in ("weight", "bias"))
    odds = graph.add("Gemm", both, weight, bias, transB=1)
    graph.add("Squeeze", odds, graph.constant(np.array([1])), name="sentence")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "reader",
            [helper.make_tensor_value_info("pieces", TensorProto.INT64, ["sentences", "length"])],
            [
                helper.make_tensor_value_info("wrong", TensorProto.FLOAT, ["sentences", "length", 2]),
                helper.make_tensor_value_info("sentence", TensorProto.FLOAT, ["sentences"]),
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid("com.microsoft", 1)],
        ir_version=9,
        producer_name="garble",
    )
    raw: bytes = model.SerializeToString()
    return raw


def _gathered(graph: _Graph, bits: str, scale: str, size: str) -> str:
    """Vectors of the pieces of a sentence, unpacked."""
    low = graph.add("BitwiseAnd", bits, graph.constant(np.array(15, np.uint8)))
    high = graph.add("BitShift", bits, graph.constant(np.array(4, np.uint8)), direction="RIGHT")
    last = graph.constant(np.array([-1]))
    both = graph.add("Concat", *(graph.add("Unsqueeze", half, last) for half in (low, high)), axis=-1)
    shape = graph.add("Shape", scale)
    blocks = graph.add("Reshape", both, graph.add("Concat", shape, graph.constant(np.array([BLOCK])), axis=0))
    signed = graph.add("Sub", graph.add("Cast", blocks, to=1), graph.constant(np.array(8, np.float32)))
    each = graph.add("Unsqueeze", graph.add("Cast", scale, to=1), last)
    return graph.add("Reshape", graph.add("Mul", signed, each), size)


def _mapped(graph: _Graph, arrays: Arrays, name: str, x: str) -> str:
    return _linear(graph, arrays, name, _byte(graph, arrays, name, x))


def _normalised(graph: _Graph, arrays: Arrays, name: str, x: str) -> str:
    gain, shift = (graph.constant(arrays[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.add("LayerNormalization", x, gain, shift, axis=-1, epsilon=1e-5)


def _added(graph: _Graph, arrays: Arrays, name: str, x: str, before: str) -> str:
    gain, shift = (graph.constant(arrays[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.add("SkipLayerNormalization", x, before, gain, shift, domain="com.microsoft", epsilon=1e-5)


def restored(folder: Path) -> Network:
    """The network of a model, to be taught further; the inverse of `ship`. folder: with network.onnx, network.npz."""
    import onnx
    import torch
    from onnx import numpy_helper

    graph = onnx.load(folder / "network.onnx", load_external_data=False).graph
    inside = {c.name: numpy_helper.to_array(c) for c in graph.initializer if c.data_location != c.EXTERNAL}
    found: Arrays = {}
    # Norms and heads are known by their kind of node, as constants of a graph have no names that speak.
    norms: list[tuple[NDArray[Any], ...]] = []
    for node in graph.node:
        given = [inside.get(name) for name in node.input]
        if node.op_type == "MatMulIntegerToFloat":
            name = node.input[1].removesuffix(".weight")
            step, zero = float(inside[node.input[2]]), float(inside[node.input[4]])
            found[f"{name}.bias"] = inside[node.input[6]]
            found[f"{name}.low"], found[f"{name}.high"] = np.array(-zero * step), np.array((255 - zero) * step)
        elif node.op_type in ("LayerNormalization", "SkipLayerNormalization"):
            norms.append(tuple(inside[name] for name in node.input[-2:]))
        elif node.op_type == "Gather" and given[0] is not None:
            found["positions.weight" if given[0].ndim == 2 and not _axis(node) else "nearness"] = given[0]
        elif node.op_type == "MatMul":
            found["wrong.weight"] = inside[node.input[1]].T
        elif node.op_type == "Add" and node.output[0] == "wrong":
            found["wrong.bias"] = inside[node.input[1]]
        elif node.op_type == "Gemm":
            found["sentence.weight"], found["sentence.bias"] = inside[node.input[1]], inside[node.input[2]]
    names = [f"layers.{at // 2}.after_{('mix', 'narrow')[at % 2]}" for at in range(len(norms) - 1)]
    for name, (gain, shift) in zip(["begin", *names], norms, strict=True):
        found[f"{name}.weight"], found[f"{name}.bias"] = gain, shift
    with np.load(folder / "network.npz", allow_pickle=False) as file:
        for key in file.files:
            if (name := key.removesuffix(".bits")) != key:
                found[name] = floats(file[key], file[f"{name}.scale"])
    nearness = found.pop("nearness")
    apart = torch.arange(1 - len(found["positions.weight"]), len(found["positions.weight"]))
    relative = np.zeros((int(buckets(apart).max()) + 1, len(nearness)), np.float32)
    relative[buckets(apart).numpy()] = nearness.T
    found["relative.weight"] = relative
    return of_weights({name: torch.from_numpy(np.array(x, np.float32, order="C")) for name, x in found.items()})


def _axis(node: Any) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)


def ship(work: Path, name: str, out: Path) -> None:
    """Write the files of a model that hold a taught network. name: the stage of `training`."""
    from safetensors.torch import load_file

    arrays = packed(of_weights(load_file(work / f"{name}.safetensors")))
    out.mkdir(parents=True, exist_ok=True)
    (out / "network.onnx").write_bytes(graph_of(arrays))
    # The graph holds the rest.
    stored: dict[str, Any] = {key: value for key, value in arrays.items() if key.endswith((".bits", ".scale"))}
    np.savez(out / "network.npz", **stored)
    shutil.copyfile(work / "tokenizer.json", out / "tokenizer.json")


def main() -> None:
    """Write a network down for readers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", required=True, help="a stage: large, small, or one of a fold")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    ship(given.work, given.name, given.out)


if __name__ == "__main__":
    main()
