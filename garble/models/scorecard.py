"""The scorecard: an interpretable additive model.

The log-odds are an intercept plus `np.interp(x, knots, weights)` of each feature, so they are exactly the sum of their
contributions. Scoring does not need scikit-learn. The model is stored as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garble.errors import ModelError
from garble.models import fields
from garble.models.fields import HIGHEST, json_object, listed, matching, number, numbers, shown

Floats = NDArray[np.float64]

FORMAT = "garble-scorecard/1"
# Files of a model besides its scorecard; all are optional.
FILES = ("lm.npz", "network.npz", "network.onnx", "tokenizer.json")

# Scores of 0 and 1 are moved this far inwards, so that their log-odds are finite.
_LEAST_PROBABILITY = 1e-6
# Limits of a scorecard file: bytes, features, and knots per feature.
_LARGEST, _MOST_FEATURES, _MOST_KNOTS = 4 << 20, 1000, 1000
# The name is part of signatures, which use "|" as separator, and of attribute names. Features are called
# family.signal[.statistic].
_NAME = re.compile(r"[A-Za-z0-9._+-]{0,100}")
_FEATURE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){0,3}")
_LANGUAGE = re.compile(r"[a-z]{2,8}")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
# Fields of `NetworkSettings` with another name in the file.
_FILE_NAMES = {"normalisation": "usual"}


# Points (x, y) of an increasing piecewise linear function.
Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Pooling:
    """Pools the sentences of a document, for documents in which few sentences stand out.

    lowest, highest: log-odds of sentences are clipped to these, so that one loop does not decide, and plain sentences
    do not outweigh others. mean, deviation: of the clipped log-odds of human sentences. style: standard deviation of
    the mean between human documents. slope, offset: of the log-odds that the document is garbled, as a linear function
    of `excess`. scale: from these log-odds to those shown, as in `Scorecard.documents`.
    """

    lowest: float
    highest: float
    mean: float
    deviation: float
    style: float
    slope: float
    offset: float
    scale: Pairs = ()

    def clipped(self, odds: Floats) -> Floats:
        """(sentences,) clipped log-odds."""
        return np.clip(odds, self.lowest, self.highest)

    def excess(self, scores: Floats) -> float:
        """Mean log-odds, standardised by the distribution of human documents of the same length."""
        return float(self.excess_of(self.clipped(clipped_logit(scores)).mean(), np.array(len(scores))))

    def excess_of(self, means: Floats, counts: Floats) -> Floats:
        """`excess` from means of clipped log-odds and numbers of sentences."""
        return np.asarray((means - self.mean) / self._error(counts))

    def odds_of(self, means: Floats, counts: Floats) -> Floats:
        """Log-odds of documents, from means of clipped log-odds and numbers of sentences."""
        return scaled(self.slope * self.excess_of(means, counts) + self.offset, self.scale)

    def mean_at(self, score: float, counts: Floats) -> Floats:
        """Mean of the clipped log-odds of documents with this score and these numbers of sentences."""
        odds = unscaled(clipped_logit(np.asarray(score)), self.scale)
        return np.asarray(self.mean + (odds - self.offset) / self.slope * self._error(counts))

    def _error(self, counts: Floats) -> Floats:
        return np.asarray(np.sqrt(self.deviation**2 / np.maximum(counts, 1) + self.style**2))

    def score(self, scores: Floats) -> float:
        """Score of a document, 0..1, from those of its sentences."""
        mean = self.clipped(clipped_logit(scores)).mean()
        return float(sigmoid(self.odds_of(mean, np.array(len(scores)))))


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Settings of a scorecard for its network.

    base: name of the model whose language model is used; empty for its own. normalisation: mean and standard deviation
    of the three outputs of the network on clean text, which standardise its predictions. weights, intercept: the joint
    log-odds of a sentence are intercept + contributions of the network + weights[family] * those of the family's other
    signals; 1 for a family that is not listed. sentences: from joint log-odds to those shown, so that a read sentence
    reaches each threshold as rarely as one that is not. unsure: `Pooling.excess` from which a document is read.
    pooling, documents: as in `Scorecard`, for documents that the network has read.
    """

    base: str
    normalisation: tuple[tuple[float, float], ...]
    weights: Mapping[str, float] = field(default_factory=dict)
    intercept: float = 0.0
    sentences: Pairs = ()
    unsure: float = 0.0
    pooling: Pooling | None = None
    documents: Pairs = ()


@dataclass(frozen=True, slots=True, eq=False)
class Scorecard:
    """An additive model from features to a score.

    knots, weights: (features, knots per feature). thresholds: by name, the score from which a sentence is garbled.
    Weights are relative to a typical clean sentence, and those of network features to a sentence that was not read. So
    a disabled signal contributes 0.
    scale: from log-odds to those shown, so that a threshold is the same score in all models. Empty for the identity.
    documents: from the log-odds that a share of a document's sentences reach to those of its score. It is chosen so
    that few documents reach each threshold, too. Empty for the identity.
    files: SHA-256 of the other files of the model, by name; see `check_files`.
    """

    name: str
    language: str
    features: tuple[str, ...]
    intercept: float
    knots: Floats
    weights: Floats
    thresholds: dict[str, float]
    pooling: Pooling | None = None
    network: NetworkSettings | None = None
    scale: Pairs = ()
    documents: Pairs = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def contributions(self, x: Floats) -> Floats:
        """(sentences, features) contributions to the log-odds. x: features, same shape."""
        contributions = np.empty((len(x), len(self.features)))
        for j in range(len(self.features)):
            contributions[:, j] = np.interp(x[:, j], self.knots[j], self.weights[j])
        return contributions

    def predict(self, x: Floats) -> Floats:
        """(sentences,) scores in 0..1, 1 = garbled. x: (sentences, features)."""
        return sigmoid(scaled(self.intercept + self.contributions(x).sum(axis=1), self.scale))

    def without(self, features: Collection[str]) -> Scorecard:
        """A copy without these features."""
        kept = [place for place, name in enumerate(self.features) if name not in features]
        names = tuple(self.features[place] for place in kept)
        return replace(self, features=names, knots=self.knots[kept], weights=self.weights[kept])

    def sealed(self, folder: Path) -> Scorecard:
        """A copy with the digests of the model files in this folder."""
        files = {name: digest(folder / name) for name in FILES if (folder / name).is_file()}
        return replace(self, files=files)

    def save(self, path: Path) -> None:
        """Write the file that `load` reads."""
        record: dict[str, Any] = {
            "format": FORMAT,
            "name": self.name,
            "language": self.language,
            "thresholds": self.thresholds,
            "pooling": asdict(self.pooling) if self.pooling else None,
            "intercept": self.intercept,
            "features": [
                {"name": name, "knots": knots, "weights": weights}
                for name, knots, weights in zip(self.features, self.knots.tolist(), self.weights.tolist(), strict=True)
            ],
        }
        if self.scale:
            record["scale"] = self.scale
        if self.documents:
            record["documents"] = self.documents
        if self.network:
            record["network"] = {_FILE_NAMES.get(name, name): x for name, x in asdict(self.network).items()}
        if self.files:
            record["files"] = dict(self.files)
        # One feature per line, so that a diff shows which features changed.
        features = ",\n".join("  " + json.dumps(feature) for feature in record.pop("features"))
        head = json.dumps(record, indent=1).removesuffix("\n}")
        path.write_text(f'{head},\n "features": [\n{features}\n ]\n}}\n', encoding="utf-8")


def load(path: Path) -> Scorecard:
    """Read a scorecard. Raises ModelError, with the path and the field, if the file is invalid."""
    try:
        return _scorecard(json_object(path, _LARGEST))
    except fields.ERRORS as error:
        raise ModelError(f"{path}: not a scorecard ({fields.problem(error)})") from error


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    hasher = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def check_files(folder: Path, card: Scorecard) -> None:
    """Raises ModelError for a model file that is missing or has another digest than the scorecard lists."""
    for name, expected in card.files.items():
        try:
            actual = digest(folder / name)
        except OSError as error:
            raise ModelError(f"{folder / name}: {(error.strerror or str(error)).lower()}") from error
        if actual != expected:
            problem = f"SHA-256 is {actual[:12]}…, but scorecard.json lists {expected[:12]}…"
            raise ModelError(f"{folder / name}: {problem}")


def digest_of(folder: Path) -> str:
    """A digest of all model files in a folder."""
    names = [name for name in ("scorecard.json", *FILES) if (folder / name).is_file()]
    return sha256("".join(f"{name} {digest(folder / name)}\n" for name in names).encode()).hexdigest()


def _scorecard(record: dict[str, Any]) -> Scorecard:
    if record["format"] != FORMAT:
        raise ValueError(f"unsupported format {shown(record['format'])}; expected {FORMAT}")
    features = listed(record["features"], "features", _MOST_FEATURES)
    if not all(isinstance(feature, dict) for feature in features):
        raise ValueError("features: each needs a name, knots and weights")
    names = tuple(matching(feature["name"], _FEATURE, f"features[{i}].name") for i, feature in enumerate(features))
    if len(set(names)) < len(names):
        raise ValueError("features: duplicate name")
    knots, weights = (
        [numbers(feature[key], f"{name}: {key}", _MOST_KNOTS) for feature, name in zip(features, names, strict=True)]
        for key in ("knots", "weights")
    )
    for name, xs, ys in zip(names, knots, weights, strict=True):
        if len(xs) != len(knots[0]) or len(ys) != len(xs) or any(b <= a for a, b in pairwise(xs)):
            raise ValueError(f"{name}: each feature needs the same number of rising knots, and a weight for each")
    thresholds = record["thresholds"].items()
    files = record.get("files", {}).items()
    return Scorecard(
        name=matching(record["name"], _NAME, "name"),
        language=matching(record["language"], _LANGUAGE, "language"),
        features=names,
        intercept=number(record["intercept"], "intercept"),
        knots=np.array(knots),
        weights=np.array(weights),
        thresholds={matching(n, _NAME, "thresholds"): number(x, f"thresholds.{n}", 0, 1) for n, x in thresholds},
        pooling=_pooling(record["pooling"]) if record.get("pooling") is not None else None,
        network=_network(record["network"]) if "network" in record else None,
        scale=_pairs(record.get("scale", []), "scale"),
        documents=_pairs(record.get("documents", []), "documents"),
        files={matching(n, _FILE, "files"): matching(x, fields.SHA256, f"files.{n}") for n, x in files},
    )


def _pooling(record: dict[str, Any]) -> Pooling:
    # Divisors must be positive.
    least = {"deviation": 1e-9, "style": 0.0, "slope": 1e-9}
    scale = _pairs(record.get("scale", []), "pooling.scale")
    unchecked = asdict(Pooling(**{**record, "scale": scale}))
    del unchecked["scale"]
    numbers_of = {k: number(x, f"pooling.{k}", least.get(k, -HIGHEST)) for k, x in unchecked.items()}
    return Pooling(**numbers_of, scale=scale)


def _network(record: dict[str, Any]) -> NetworkSettings:
    usual = [numbers(pair, "network.usual", _MOST_KNOTS) for pair in listed(record["usual"], "network.usual", 3)]
    if [len(pair) for pair in usual] != [2, 2, 2] or any(deviation <= 0 for _, deviation in usual):
        raise ValueError("network.usual: expected three pairs of a mean and a positive deviation")
    if record["base"]:
        matching(record["base"], _NAME, "network.base")
    return NetworkSettings(
        base=record["base"],
        normalisation=tuple((mean, deviation) for mean, deviation in usual),
        weights={
            matching(n, _FEATURE, "network.weights"): number(x, f"network.weights.{n}", 0)
            for n, x in record["weights"].items()
        },
        intercept=number(record["intercept"], "network.intercept"),
        sentences=_pairs(record.get("sentences", []), "network.sentences"),
        unsure=number(record["unsure"], "network.unsure"),
        pooling=_pooling(record["pooling"]) if record.get("pooling") is not None else None,
        documents=_pairs(record.get("documents", []), "network.documents"),
    )


def _pairs(value: Any, what: str) -> Pairs:
    pairs = [numbers(pair, what, 2) for pair in listed(value, what, _MOST_KNOTS, least=0)]
    if any(len(pair) != 2 for pair in pairs) or any(c <= a or d <= b for (a, b), (c, d) in pairwise(pairs)):
        raise ValueError(f"{what}: not pairs of numbers that both rise")
    return tuple((x, y) for x, y in pairs)


def scaled(odds: Floats, scale: Pairs) -> Floats:
    """Log-odds on a scale. Outside of it they are shifted like its ends. Empty for the identity."""
    if not scale:
        return np.asarray(odds)
    raw, shown_at = np.array(scale).T
    beyond = np.minimum(odds - raw[0], 0) + np.maximum(odds - raw[-1], 0)
    return np.asarray(np.interp(odds, raw, shown_at) + beyond)


def unscaled(odds: Floats, scale: Pairs) -> Floats:
    """The inverse of `scaled`."""
    return scaled(odds, tuple((y, x) for x, y in scale))


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def logit(p: Floats) -> Floats:
    """The inverse of `sigmoid`."""
    return np.asarray(np.log(p) - np.log1p(-p))


def clipped_logit(p: Floats) -> Floats:
    """`logit` of probabilities that may be 0 or 1; the result is finite."""
    return logit(np.clip(p, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY))
