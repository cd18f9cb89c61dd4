"""The network: a bidirectional transformer over words, with two verdicts on each and one on the sentence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from garble.deep.words import COLUMNS, PIECES, SHAPES

# Classes of words that the language model has, at the most.
CLASSES = 256
# Words further apart than this are equally far.
_FAR = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a network is: pieces of spelling it knows, numbers a word, layers, heads a layer."""

    pieces: int
    width: int
    layers: int
    heads: int


class _Layer(nn.Module):
    """Attention, then two linear maps; what comes in is normalised, what comes out is added."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.before, self.between = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.ask = nn.Linear(shape.width, 3 * shape.width)
        self.answer = nn.Linear(shape.width, shape.width)
        self.widen = nn.Linear(shape.width, 4 * shape.width)
        self.narrow = nn.Linear(4 * shape.width, shape.width)
        self.nearness = nn.Embedding(2 * _FAR + 1, shape.heads)

    def forward(self, x: Tensor, apart: Tensor, there: Tensor | None) -> Tensor:
        rows, length, width = x.shape
        asked = self.ask(self.before(x)).view(rows, length, 3, self.heads, width // self.heads)
        query, key, value = asked.permute(2, 0, 3, 1, 4)
        nearness = self.nearness(apart).permute(2, 0, 1)
        if there is not None:
            nearness = nearness.masked_fill(~there[:, None, None, :], -1e4)
        weights = torch.softmax(query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5 + nearness, -1)
        x = x + self.answer((weights @ value).transpose(1, 2).reshape(rows, length, width))
        return x + self.narrow(functional.relu(self.widen(self.between(x))))


class Network(nn.Module):
    """Words in, log-odds out.

    columns: (sentences, tokens, COLUMNS) as `words.columns` has them, a border before and after each sentence.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.spelling = nn.Embedding(shape.pieces, shape.width, padding_idx=0)
        self.shapes = nn.Embedding(SHAPES, shape.width)
        self.beside = nn.Linear(3 * shape.width, shape.width)
        self.begin, self.end = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.layers = nn.ModuleList(_Layer(shape) for _ in range(shape.layers))
        self.tokens = nn.Linear(shape.width, 2)
        self.sentence = nn.Linear(shape.width, 1)
        # Asked of the trunk only: which class of words stood here before.
        self.before = nn.Linear(shape.width, CLASSES)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=0.02)
                if name.endswith(("answer.weight", "narrow.weight")):
                    weight.data /= (2 * shape.layers) ** 0.5
        # To look at the word before and the word after is what is learnt first, and slowly if it has to be found.
        place = torch.arange(-_FAR, _FAR + 1.0)
        for layer in self.layers:
            for head, at in enumerate((1, -1)):
                layer.nearness.weight.data[:, head] = -(place - at).abs()

    def forward(self, columns: Tensor, there: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(sentences, tokens, 2) log-odds that a word is misplaced, and mistranslated; (sentences,) a rank.

        there: (sentences, tokens) false where a shorter sentence has ended.
        """
        x = self.states(columns, there)
        return self.tokens(x), self.rank(x, there)

    def rank(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        """(sentences,) how bad each is, from its `states`; it means something beside another's only."""
        mean = x.mean(1) if there is None else (x * there[..., None]).sum(1) / there.sum(1, keepdim=True)
        rank: Tensor = self.sentence(mean)[:, 0]
        return rank

    def states(self, columns: Tensor, there: Tensor | None = None) -> Tensor:
        """(sentences, tokens, width) what the layers have made of each token."""
        x = self.spelling(columns[..., :PIECES]).sum(-2) + self.shapes(columns[..., COLUMNS - 1])
        place = torch.arange(columns.shape[1], device=columns.device)
        apart = (place[:, None] - place[None, :]).clamp(-_FAR, _FAR) + _FAR
        x = self.begin(x)
        before, after = functional.pad(x[:, :-1], (0, 0, 1, 0)), functional.pad(x[:, 1:], (0, 0, 0, 1))
        x = x + self.beside(torch.cat([before, x, after], -1))
        for layer in self.layers:
            x = layer(x, apart, there)
        out: Tensor = self.end(x)
        return out
