"""The scorecard: an additive model that people can read.

Each feature gives `np.interp(x, knots, weights)`, the sum goes through a sigmoid. So a score splits exactly into what
each feature gave, needs no scikit-learn to compute, and is kept as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FORMAT = "garble-scorecard/1"


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
        error = np.sqrt(self.deviation**2 / len(scores) + self.style**2)
        return float((logit(np.clip(scores, 1e-6, 1 - 1e-6)).mean() - self.mean) / error)

    def score(self, scores: Floats) -> float:
        """The document's score in 0..1 from those of its sentences."""
        return float(sigmoid(np.array(self.slope * self.excess(scores) + self.offset)))


@dataclass(frozen=True, slots=True)
class Network:
    """The network that a scorecard's reading signals come from.

    base: the model whose language model is used. sha256: of network.onnx. unsure: the score without the network
    from which it is asked. usual: mean and deviation of its three verdicts on clean text.
    """

    base: str
    sha256: str
    unsure: float
    usual: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scorecard:
    """knots, weights: (features, knots a feature). thresholds: by name, the score from which a sentence is garbled.

    A weight is what a feature adds to the log-odds beyond what it gives on a typical clean sentence, or, where it comes
    from a network, beyond what the score is without that; so a signal that does not speak adds nothing.
    """

    name: str
    language: str
    features: tuple[str, ...]
    intercept: float
    knots: Floats
    weights: Floats
    thresholds: dict[str, float]
    pooling: Pooling | None = None
    network: Network | None = None

    def contributions(self, x: Floats) -> Floats:
        """(sentences, features) what each feature adds to the log-odds. x: the same shape."""
        parts = [np.interp(x[:, j], self.knots[j], self.weights[j]) for j in range(len(self.features))]
        return np.stack(parts, axis=1)

    def predict(self, x: Floats) -> Floats:
        """(sentences,) scores in 0..1, 1 = garbled. x: (sentences, features)."""
        return sigmoid(self.intercept + self.contributions(x).sum(axis=1))

    def without(self, features: Collection[str]) -> Scorecard:
        """The scorecard to which these features add nothing."""
        kept = [place for place, name in enumerate(self.features) if name not in features]
        names = tuple(self.features[place] for place in kept)
        return replace(self, features=names, knots=self.knots[kept], weights=self.weights[kept])

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
        if self.network:
            record["network"] = asdict(self.network)
        # One feature a line: a diff then shows which ones a new training changed.
        features = ",\n".join("  " + json.dumps(feature) for feature in record.pop("features"))
        head = json.dumps(record, indent=1).removesuffix("\n}")
        path.write_text(f'{head},\n "features": [\n{features}\n ]\n}}\n', encoding="utf-8")


def load(path: Path) -> Scorecard:
    """Read a scorecard. Raises ValueError, with the path, when the file is none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']}, not {FORMAT}")
        features = record["features"]
        knots = np.array([feature["knots"] for feature in features], float)
        weights = np.array([feature["weights"] for feature in features], float)
        if knots.shape != weights.shape or knots.ndim != 2 or not (np.diff(knots) > 0).all():
            raise ValueError("each feature needs rising knots and a weight for each")
        names = tuple(feature["name"] for feature in features)
        pooling = Pooling(**record["pooling"]) if record.get("pooling") else None
        network = _network(**record["network"]) if "network" in record else None
        thresholds = {str(name): float(score) for name, score in record["thresholds"].items()}
        return Scorecard(
            name=record["name"],
            language=record["language"],
            features=names,
            intercept=float(record["intercept"]),
            knots=knots,
            weights=weights,
            thresholds=thresholds,
            pooling=pooling,
            network=network,
        )
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: not a scorecard ({error})") from error


def _network(base: str, sha256: str, unsure: float, usual: Sequence[Sequence[float]]) -> Network:
    return Network(base, sha256, float(unsure), tuple((mean, deviation) for mean, deviation in usual))


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def logit(p: Floats) -> Floats:
    """The inverse of `sigmoid`."""
    return np.asarray(np.log(p) - np.log1p(-p))
