"""The network written down for readers: ONNX, its weights in int8."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from garble.deep.network import Network
from garble.deep.words import COLUMNS

_OPSET = 17


def onnx_of(network: Network) -> bytes:
    """The network in int8. In: columns (sentences, tokens, COLUMNS) of int64; out: tokens (..., 2) and rank."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    example = torch.zeros((1, 12, COLUMNS), dtype=torch.int64)
    with TemporaryDirectory() as name, warnings.catch_warnings():
        # What is exported is a fixed graph: the exporter that is going away is the one that needs nothing more.
        warnings.simplefilter("ignore")
        exact, small = Path(name) / "exact.onnx", Path(name) / "small.onnx"
        torch.onnx.export(
            network.cpu().train(False),
            (example,),
            str(exact),
            input_names=["columns"],
            output_names=["tokens", "rank"],
            dynamic_axes={"columns": {1: "tokens"}, "tokens": {1: "tokens"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        quantize_dynamic(
            exact, small, op_types_to_quantize=["MatMul", "Gather"], per_channel=True, weight_type=QuantType.QInt8
        )
        return small.read_bytes()
