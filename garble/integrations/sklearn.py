"""Adapter for scikit-learn: signals as a transformer, the scorecard as a classifier.

    from sklearn.pipeline import make_pipeline
    from garble.integrations.sklearn import GarbleClassifier, GarbleFeatures

    GarbleClassifier().fit(sentences, labels).predict(others)
    make_pipeline(GarbleFeatures(), RandomForestClassifier()).fit(sentences, labels)

Both take an iterable of strings, like the text vectorizers of scikit-learn. Each string is one English sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from garble.columns.arrays import Floats
from garble.models.scorecard import Scorecard, sigmoid
from garble.scorer import Scorer
from garble.signals import FEATURE_INDEX, FEATURES
from garble.text.segmentation import whole
from garble.training.examples import features_of
from garble.training.fitting import FITTED, fit_scorecard


class GarbleFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Transforms sentences to the features of garble's signals.

    model: name ("en") or folder of the model whose language model the signals use; its scorecard is not used. The
    transformer is stateless, so `transform` works without `fit`.
    """

    def __init__(self, model: str | Path = "en") -> None:
        self.model = model

    def fit(self, texts: Iterable[str], y: object = None) -> Self:
        """Only validate the parameters. Raises ValueError for a single string or an unknown model."""
        _string_list(texts)
        Scorer(self.model, reader="off")
        return self

    def transform(self, texts: Iterable[str]) -> Floats:
        """(sentences, features) in the order of `garble.signals.FEATURES`; each string is one sentence.

        Raises ValueError for a single string or an unknown model, TypeError for items that are not strings.
        """
        return _features(texts, self.model)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """(features,) names, such as "repetition.loop". input_features: not used, present by convention."""
        return np.array(FEATURES, dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Tags: the input is strings, and no fit is required."""
        tags = _string_input(super().__sklearn_tags__())
        tags.requires_fit = False
        return tags


class GarbleClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A scorecard that is fitted to labelled sentences.

    model: as in GarbleFeatures. pos_label: the class that means garbled; None for the last in sorted order, which is
    right for 0/1 and false/true. It matters, because a defect can only increase the score.

    After fit, classes_: (2,) the labels, and card_: the Scorecard, whose contributions explain a prediction.
    """

    classes_: NDArray[Any]
    card_: Scorecard

    def __init__(self, model: str | Path = "en", pos_label: Any = None) -> None:
        self.model = model
        self.pos_label = pos_label

    def fit(self, texts: Iterable[str], y: ArrayLike) -> Self:
        """Fit to strings, each one sentence, and (sentences,) labels of two classes.

        Raises ValueError for a single string, for labels that do not have two classes or another length, and for an
        unknown model or pos_label; TypeError for items that are not strings.
        """
        if y is None:
            raise ValueError("GarbleClassifier requires y to be passed, but the target y is None")
        sentences, labels = _string_list(texts), column_or_1d(y, warn=True)
        check_consistent_length(sentences, labels)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        if (kind := type_of_target(labels, input_name="y", raise_unknown=True)) != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only, {self.classes_.tolist()}; two are required")
        garbled = labels == self._garbled()
        x = _features(sentences, self.model)[:, : len(FITTED)]
        self.card_, _ = fit_scorecard(x, garbled, FITTED, np.median(x[~garbled], axis=0))
        return self

    def decision_function(self, texts: Iterable[str]) -> Floats:
        """(sentences,) log-odds of classes_[1]. Raises as `transform` of GarbleFeatures does."""
        check_is_fitted(self)
        # By name, because the classifier can be from a pickle of an older version.
        x = _features(texts, self.model)[:, [FEATURE_INDEX[name] for name in self.card_.features]]
        log_odds = self.card_.intercept + self.card_.contributions(x).sum(axis=1)
        return np.asarray(log_odds if self._garbled() == self.classes_[1] else -log_odds)

    def predict_proba(self, texts: Iterable[str]) -> Floats:
        """(sentences, 2) probabilities in the order of classes_. Raises as `transform` of GarbleFeatures does."""
        log_odds = self.decision_function(texts)
        return np.stack([sigmoid(-log_odds), sigmoid(log_odds)], axis=1)

    def predict(self, texts: Iterable[str]) -> NDArray[Any]:
        """(sentences,) the more probable class. Raises as `transform` of GarbleFeatures does."""
        log_odds = self.decision_function(texts)
        return np.asarray(self.classes_[(log_odds > 0).astype(int)])

    def _garbled(self) -> Any:
        """The class that means garbled."""
        if self.pos_label is None:
            return self.classes_[1]
        if self.pos_label not in self.classes_.tolist():
            raise ValueError(f"pos_label {self.pos_label!r} is not one of the classes {self.classes_.tolist()}")
        return self.pos_label

    def __sklearn_tags__(self) -> Any:
        """Tags: the input is strings, and the classifier is binary."""
        tags = _string_input(super().__sklearn_tags__())
        tags.classifier_tags.multi_class = False
        return tags


def _string_input(tags: Any) -> Any:
    """The tags of an estimator whose input is an iterable of strings."""
    tags.input_tags.string = True
    tags.input_tags.two_d_array = False
    return tags


def _string_list(texts: Iterable[str]) -> list[str]:
    """The strings as a list. Raises ValueError for a single string, TypeError for items that are not strings."""
    if isinstance(texts, str):
        raise ValueError("Iterable over sentences expected, string object received.")
    strings = list(texts)
    for number, text in enumerate(strings):
        if not isinstance(text, str):
            raise TypeError(f"sentence {number}: expected a string, got {type(text).__name__}")
    return strings


def _features(texts: Iterable[str], model: str | Path) -> Floats:
    """(sentences, features) with the language model of `model`; no rows without strings."""
    sentences = [whole(text) for text in _string_list(texts)]
    if not sentences:
        return np.zeros((0, len(FEATURES)))
    return features_of(sentences, Scorer(model, reader="off").lm)[0]
