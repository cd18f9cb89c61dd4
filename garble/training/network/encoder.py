"""The reader's network: an encoder in the shape of MPNet, with two verdicts a piece and one a sentence.

Weights start from a published encoder (see docs/reader.md); a student takes some of its layers. While the network is
taught for shipping, its weights and activations are rounded as they are at run time (quantisation-aware training,
Jacob et al. 2018), so that what ships is what was taught.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from garble.network.weights import LARGEST_WEIGHT

# Weights of so many inputs share a scale in 4 bits.
BLOCK = 64
# Relative positions as in T5 and MPNet: so many buckets, beyond this distance all alike.
_BUCKETS, _FAR = 32, 128
# MPNet numbers positions from here on.
_FIRST_POSITION = 2
# Heads of a piece: damaged, and what a corrector would change. One more of the sentence.
HEADS = 2


@dataclass(frozen=True, slots=True)
class Shape:
    """Pieces in the vocabulary, numbers a piece, layers, attention heads a layer, units within a layer."""

    pieces: int
    width: int = 768
    layers: int = 12
    heads: int = 12
    inner: int = 3072


def rounded_weight(weight: Tensor) -> Tensor:
    """A weight (outputs, inputs) in 4 bits a block, as it is stored, then in 7 bits an output, as it is used."""
    blocks = weight.view(weight.shape[0], -1, BLOCK)
    scale = block_scale(blocks)
    stored = (torch.round(blocks / scale).clamp(-8, 7) * scale).view_as(weight)
    used = stored.abs().amax(1, keepdim=True).clamp(min=1e-8) / LARGEST_WEIGHT
    return torch.round(stored / used) * used


def block_scale(blocks: Tensor) -> Tensor:
    """The scale of each block in half precision: its largest number, whatever its sign, becomes -8."""
    largest = blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True))
    scale = (largest / -8).half().float()
    return torch.where(scale == 0, torch.ones_like(scale), scale)


class Linear(nn.Linear):
    """A linear map that can round its weight, and what comes in to a byte of a fixed range."""

    low: Tensor
    high: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.rounds = self.observes = False
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(..., outputs) from (..., inputs)."""
        if self.observes:
            self.low.copy_(torch.minimum(self.low, x.detach().amin().float()))
            self.high.copy_(torch.maximum(self.high, x.detach().amax().float()))
        if not self.rounds:
            return super().forward(x)
        weight = self.weight + (rounded_weight(self.weight) - self.weight).detach()
        return functional.linear(self.byte(x), weight, self.bias)

    def scale_and_zero(self) -> tuple[Tensor, Tensor]:
        """What one step of a byte is worth, and the byte that means 0."""
        scale = (self.high - self.low) / 255
        return scale, torch.round(-self.low / scale)

    def byte(self, x: Tensor) -> Tensor:
        """The input as bytes can hold it; gradients pass where it is within range."""
        scale, zero = self.scale_and_zero()
        inside = x.float().clamp(-zero * scale, (255 - zero) * scale)
        return (inside + (torch.round(inside / scale) * scale - inside).detach()).to(x.dtype)


class Embedding(nn.Embedding):
    """Vectors of pieces that can be rounded to 4 bits a block."""

    rounds = False

    def forward(self, pieces: Tensor) -> Tensor:
        """(..., width) from (...)."""
        found = super().forward(pieces)
        if not self.rounds:
            return found
        blocks = found.view(*found.shape[:-1], -1, BLOCK)
        scale = block_scale(blocks)
        stored = (torch.round(blocks / scale).clamp(-8, 7) * scale).view_as(found)
        return found + (stored - found).detach()


class Layer(nn.Module):
    """Attention, then two linear maps with a bend between; each adds to what came in, and is normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query, self.key, self.value, self.mix = (Linear(shape.width, shape.width) for _ in range(4))
        self.widen, self.narrow = Linear(shape.width, shape.inner), Linear(shape.inner, shape.width)
        self.after_mix, self.after_narrow = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(rows, pieces, width) from the same; bias: what is added to each head's attention."""
        rows, length, width = x.shape
        query, key, value = (
            of(x).view(rows, length, self.heads, width // self.heads).transpose(1, 2)
            for of in (self.query, self.key, self.value)
        )
        seen = functional.scaled_dot_product_attention(query, key, value, bias.to(query.dtype))
        x = self.after_mix(x + self.mix(seen.transpose(1, 2).reshape(rows, length, width)))
        inner: Tensor = self.after_narrow(x + self.narrow(functional.gelu(self.widen(x))))
        return inner


class Network(nn.Module):
    """Pieces in, log-odds out."""

    def __init__(self, shape: Shape, positions: int = 130) -> None:
        super().__init__()
        self.shape = shape
        self.pieces = Embedding(shape.pieces, shape.width)
        self.positions = nn.Embedding(positions, shape.width)
        self.relative = nn.Embedding(_BUCKETS, shape.heads)
        self.begin = nn.LayerNorm(shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.wrong = nn.Linear(shape.width, HEADS)
        self.sentence = nn.Linear(2 * shape.width, 1)

    def forward(self, pieces: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, pieces, HEADS) log-odds that a piece is wrong, and (rows,) that the sentence is.

        pieces: (rows, pieces), borders included. there: (rows, pieces) False where a row has ended.
        """
        return self.verdicts(self.states(pieces, there)[-1], there)

    def verdicts(self, x: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` returns, from the last of `states`."""
        mean = (x * there[..., None]).sum(1) / there.sum(1, keepdim=True)
        return self.wrong(x), self.sentence(torch.cat([x[:, 0], mean], -1))[:, 0]

    def states(self, pieces: Tensor, there: Tensor) -> list[Tensor]:
        """(rows, pieces, width) after the embedding and after each layer."""
        length = pieces.shape[1]
        place = torch.arange(length, device=pieces.device)
        x = self.begin(self.pieces(pieces) + self.positions(place))
        bias = self.relative(buckets(place[None, :] - place[:, None])).permute(2, 0, 1)[None]
        bias = bias.masked_fill(~there[:, None, None, :], -1e4)
        found = [x]
        for layer in self.layers:
            found.append(layer(found[-1], bias))
        return found

    def linears(self) -> list[Linear]:
        """All maps that are rounded."""
        return [module for module in self.modules() if isinstance(module, Linear)]

    def observe(self, on: bool) -> None:
        """Whether the range of each map's input is read off what comes in."""
        for linear in self.linears():
            linear.observes = on
            if on:
                linear.low.zero_()
                linear.high.zero_()

    def round(self, on: bool) -> None:
        """Whether weights and inputs are rounded as at run time."""
        self.pieces.rounds = on
        for linear in self.linears():
            linear.rounds = on


def buckets(apart: Tensor) -> Tensor:
    """The bucket of each distance (key minus query): near ones have their own, far ones share."""
    half, exact = _BUCKETS // 2, _BUCKETS // 4
    away = apart.abs()
    far = exact + (torch.log(away.float().clamp(min=1) / exact) / math.log(_FAR / exact) * (half - exact)).long()
    return (apart > 0).long() * half + torch.where(away < exact, away, far.clamp(max=half - 1))


# Names in a published MPNet, without the layer's number, and where they go.
_LAYER_NAMES = {
    "attention.attn.q": "query",
    "attention.attn.k": "key",
    "attention.attn.v": "value",
    "attention.attn.o": "mix",
    "attention.LayerNorm": "after_mix",
    "intermediate.dense": "widen",
    "output.dense": "narrow",
    "output.LayerNorm": "after_narrow",
}


def from_mpnet(weights: dict[str, Tensor], kept: Tensor, positions: int = 130) -> Network:
    """A network with the weights of a published MPNet. kept: (pieces,) the rows of its vocabulary that are used."""
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    words = weights["embeddings.word_embeddings.weight"][kept]
    heads = weights["encoder.relative_attention_bias.weight"].shape[1]
    inner = len(weights["encoder.layer.0.intermediate.dense.weight"])
    network = Network(Shape(len(kept), words.shape[1], layers, heads, inner), positions)
    end = _FIRST_POSITION + positions
    found = {
        "pieces.weight": words,
        "positions.weight": weights["embeddings.position_embeddings.weight"][_FIRST_POSITION:end],
        "relative.weight": weights["encoder.relative_attention_bias.weight"],
        "begin.weight": weights["embeddings.LayerNorm.weight"],
        "begin.bias": weights["embeddings.LayerNorm.bias"],
    }
    for layer in range(layers):
        for theirs, ours in _LAYER_NAMES.items():
            for part in ("weight", "bias"):
                found[f"layers.{layer}.{ours}.{part}"] = weights[f"encoder.layer.{layer}.{theirs}.{part}"]
    network.load_state_dict(found, strict=False)
    return network


def of_weights(weights: dict[str, Tensor]) -> Network:
    """The network whose `state_dict` this is."""
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    pieces, width = weights["pieces.weight"].shape
    heads, inner = weights["relative.weight"].shape[1], len(weights["layers.0.widen.weight"])
    network = Network(Shape(pieces, width, layers, heads, inner), len(weights["positions.weight"]))
    network.load_state_dict(weights)
    return network


def student_of(teacher: Network, layers: Sequence[int]) -> Network:
    """Some layers of a teacher."""
    shape = replace(teacher.shape, layers=len(layers))
    student = Network(shape, teacher.positions.num_embeddings)
    own = teacher.state_dict()
    found = {name: weight for name, weight in own.items() if not name.startswith("layers.")}
    for place, layer in enumerate(layers):
        for name, weight in own.items():
            if name.startswith(f"layers.{layer}."):
                found[f"layers.{place}.{name.split('.', 2)[2]}"] = weight
    student.load_state_dict(found)
    student.to(teacher.pieces.weight.device)
    return student
