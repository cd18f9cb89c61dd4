"""The scorecard: an additive model that people can read.

Each feature gives `np.interp(x, knots, weights)`, the sum goes through a sigmoid. So a score splits exactly into what
each feature gave, needs no scikit-learn to compute, and is kept as JSON.
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
# The files of a model that are read beside its scorecard, where they are there.
FILES = ("lm.npz", "network.npz", "network.onnx", "tokenizer.json")

# Limits of a scorecard: bytes of the file, features, and knots a feature.
_LARGEST, _MOST_FEATURES, _MOST_KNOTS = 4 << 20, 1000, 1000
# The name goes into signatures, which "|" divides, and into attribute names; a feature is family.signal[.statistic].
_NAME = re.compile(r"[A-Za-z0-9._+-]{0,100}")
_FEATURE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){0,3}")
_LANGUAGE = re.compile(r"[a-z]{2,8}")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pooling:
    """What the sentences of a document come to together, when few of them say much alone.

    mean, deviation: of the log-odds of human sentences; style: deviation of their mean between human documents.
    slope, offset: from the deviations by which a document's mean exceeds theirs to its log-odds of being garbled.
    """

    mean: float
    deviation: float
    style: float
    slope: float
    offset: float

    def excess(self, scores: Floats) -> float:
        """The mean log-odds in deviations of human documents of this length: a long clean one is no more suspicious."""
        return float(self.excess_of(logit(np.clip(scores, 1e-6, 1 - 1e-6)).mean(), np.array(len(scores))))

    def excess_of(self, means: Floats, counts: Floats) -> Floats:
        """The same from mean log-odds and numbers of sentences."""
        return np.asarray((means - self.mean) / self._error(counts))

    def mean_at(self, score: float, counts: Floats) -> Floats:
        """The mean log-odds at which documents of so many sentences have this score."""
        excess = (logit(np.clip(score, 1e-6, 1 - 1e-6)) - self.offset) / self.slope
        return np.asarray(self.mean + excess * self._error(counts))

    def _error(self, counts: Floats) -> Floats:
        return np.asarray(np.sqrt(self.deviation**2 / np.maximum(counts, 1) + self.style**2))

    def score(self, scores: Floats) -> float:
        """The document's score in 0..1 from those of its sentences."""
        return float(sigmoid(np.array(self.slope * self.excess(scores) + self.offset)))


# Points of a rising function, each a number and its value.
Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The network that a scorecard's reading signals come from.

    base: the model whose language model is used; empty for the model's own. usual: mean and deviation of the network's
    three verdicts on clean text. scale, intercept: of a sentence that is read, what the log-odds of all other signals
    are multiplied by, and what is added. unsure: see `Pooling.excess`; from there on a document is worth reading.
    pooling, documents: as in `Scorecard`, of documents that are read.
    """

    base: str
    usual: tuple[tuple[float, float], ...]
    scale: float = 1.0
    intercept: float = 0.0
    unsure: float = 0.0
    pooling: Pooling | None = None
    documents: Pairs = ()


@dataclass(frozen=True, slots=True, eq=False)
class Scorecard:
    """knots, weights: (features, knots a feature). thresholds: by name, the score from which a sentence is garbled.

    A weight is what a feature adds to the log-odds beyond what it gives on a typical clean sentence, or, where it comes
    from a network, beyond what the score is without that; so a signal that does not speak adds nothing.
    documents: from the log-odds that a document's sentences come to, to those of its score; so each threshold flags few
    documents too. Empty where they are the same.
    files: by name, the SHA-256 of the model's other files; `check_files` compares them.
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
    documents: Pairs = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def contributions(self, x: Floats) -> Floats:
        """(sentences, features) what each feature adds to the log-odds. x: the same shape."""
        found = np.empty((len(x), len(self.features)))
        for j in range(len(self.features)):
            found[:, j] = np.interp(x[:, j], self.knots[j], self.weights[j])
        return found

    def predict(self, x: Floats) -> Floats:
        """(sentences,) scores in 0..1, 1 = garbled. x: (sentences, features)."""
        return sigmoid(self.intercept + self.contributions(x).sum(axis=1))

    def without(self, features: Collection[str]) -> Scorecard:
        """The scorecard to which these features add nothing."""
        kept = [place for place, name in enumerate(self.features) if name not in features]
        names = tuple(self.features[place] for place in kept)
        return replace(self, features=names, knots=self.knots[kept], weights=self.weights[kept])

    def sealed(self, folder: Path) -> Scorecard:
        """The scorecard with the digests of the files of a model that lie in this folder now."""
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
        if self.documents:
            record["documents"] = self.documents
        if self.network:
            record["network"] = asdict(self.network)
        if self.files:
            record["files"] = dict(self.files)
        # One feature a line: a diff then shows which ones a new training changed.
        features = ",\n".join("  " + json.dumps(feature) for feature in record.pop("features"))
        head = json.dumps(record, indent=1).removesuffix("\n}")
        path.write_text(f'{head},\n "features": [\n{features}\n ]\n}}\n', encoding="utf-8")


def load(path: Path) -> Scorecard:
    """Read a scorecard. Raises ModelError, with the path and the field, when the file is none."""
    try:
        return _scorecard(json_object(path, _LARGEST))
    except fields.ERRORS as error:
        raise ModelError(f"{path}: not a scorecard ({fields.problem(error)})") from error


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    found = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def check_files(folder: Path, card: Scorecard) -> None:
    """Raises ModelError for a file of the model that is missing or not the one that the scorecard names."""
    for name, expected in card.files.items():
        try:
            found = digest(folder / name)
        except OSError as error:
            raise ModelError(f"{folder / name}: {(error.strerror or str(error)).lower()}") from error
        if found != expected:
            problem = f"SHA-256 is {found[:12]}…, but scorecard.json lists {expected[:12]}…"
            raise ModelError(f"{folder / name}: {problem}")


def digest_of(folder: Path) -> str:
    """A digest of all files of the model in a folder: it changes when any of them does."""
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
        documents=_pairs(record.get("documents", []), "documents"),
        files={matching(n, _FILE, "files"): matching(x, _SHA256, f"files.{n}") for n, x in files},
    )


def _pooling(record: dict[str, Any]) -> Pooling:
    # An error of 0 or less would divide by nothing.
    lowest = {"deviation": 1e-9, "style": 0.0}
    found = Pooling(**record)
    return Pooling(**{k: number(x, f"pooling.{k}", lowest.get(k, -HIGHEST)) for k, x in asdict(found).items()})


def _network(record: dict[str, Any]) -> NetworkSettings:
    usual = [numbers(pair, "network.usual", _MOST_KNOTS) for pair in listed(record["usual"], "network.usual", 3)]
    if [len(pair) for pair in usual] != [2, 2, 2] or any(deviation <= 0 for _, deviation in usual):
        raise ValueError("network.usual: expected three pairs of a mean and a positive deviation")
    if record["base"]:
        matching(record["base"], _NAME, "network.base")
    return NetworkSettings(
        base=record["base"],
        usual=tuple((mean, deviation) for mean, deviation in usual),
        scale=number(record["scale"], "network.scale", 0),
        intercept=number(record["intercept"], "network.intercept"),
        unsure=number(record["unsure"], "network.unsure"),
        pooling=_pooling(record["pooling"]) if record.get("pooling") is not None else None,
        documents=_pairs(record.get("documents", []), "network.documents"),
    )


def _pairs(value: Any, what: str) -> Pairs:
    pairs = [numbers(pair, what, 2) for pair in listed(value, what, _MOST_KNOTS, least=0)]
    if any(len(pair) != 2 for pair in pairs) or any(c <= a or d <= b for (a, b), (c, d) in pairwise(pairs)):
        raise ValueError(f"{what}: not pairs of numbers that both rise")
    return tuple((x, y) for x, y in pairs)


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def logit(p: Floats) -> Floats:
    """The inverse of `sigmoid`."""
    return np.asarray(np.log(p) - np.log1p(-p))
