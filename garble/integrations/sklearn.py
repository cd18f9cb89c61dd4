"""garble within scikit-learn: signals as a transformer, the scorecard as a classifier.

    from sklearn.pipeline import make_pipeline
    from garble.integrations.sklearn import GarbleClassifier, GarbleFeatures

    GarbleClassifier().fit(sentences, labels).predict(others)
    make_pipeline(GarbleFeatures(), RandomForestClassifier()).fit(sentences, labels)

Both take an iterable of strings, each as one English sentence, as scikit-learn's own text vectorizers do.
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
    """Sentences to the figures that garble's signals give for them.

    model: a name ("en") or the path of a model's folder, whose language model the signals read; its scorecard is not
    used. There is nothing to learn, so `transform` works without `fit`.
    """

    def __init__(self, model: str | Path = "en") -> None:
        self.model = model

    def fit(self, texts: Iterable[str], y: object = None) -> Self:
        """Learn nothing. Raises ValueError where `transform` would for a lone string or a model that is not there."""
        _listed(texts)
        Scorer(self.model, reader="off")
        return self

    def transform(self, texts: Iterable[str]) -> Floats:
        """(sentences, features) of each string, taken as one sentence, in the order of `garble.signals.FEATURES`.

        Raises ValueError for a lone string and for a model that is not there, TypeError for what is no string.
        """
        return _features(texts, self.model)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """(features,) the names, such as "repetition.loop". input_features: not used, there by convention."""
        return np.array(FEATURES, dtype=object)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn must know: it takes strings and needs no fit."""
        tags = _of_strings(super().__sklearn_tags__())
        tags.requires_fit = False
        return tags


class GarbleClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A scorecard learnt from labelled sentences.

    model: as in GarbleFeatures. pos_label: the class that means garbled; None for the one that sorts last, which is
    right for 0/1 and false/true. It matters, because the mark of a defect never counts as a sign of clean text.

    After fit, classes_: (2,) the labels, and card_: the Scorecard, whose contributions say why.
    """

    classes_: NDArray[Any]
    card_: Scorecard

    def __init__(self, model: str | Path = "en", pos_label: Any = None) -> None:
        self.model = model
        self.pos_label = pos_label

    def fit(self, texts: Iterable[str], y: ArrayLike) -> Self:
        """Learn from strings, each one sentence, and (sentences,) labels of two classes.

        Raises ValueError for a lone string, for labels that are not of two classes or not as many as the strings, and
        for a model or pos_label that is not there; TypeError for what is no string.
        """
        if y is None:
            raise ValueError("GarbleClassifier requires y to be passed, but the target y is None")
        sentences, labels = _listed(texts), column_or_1d(y, warn=True)
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
        # By name: a classifier may come out of a pickle that an older garble made.
        x = _features(texts, self.model)[:, [FEATURE_INDEX[name] for name in self.card_.features]]
        odds = self.card_.intercept + self.card_.contributions(x).sum(axis=1)
        return np.asarray(odds if self._garbled() == self.classes_[1] else -odds)

    def predict_proba(self, texts: Iterable[str]) -> Floats:
        """(sentences, 2) probabilities in the order of classes_. Raises as `transform` of GarbleFeatures does."""
        odds = self.decision_function(texts)
        return np.stack([sigmoid(-odds), sigmoid(odds)], axis=1)

    def predict(self, texts: Iterable[str]) -> NDArray[Any]:
        """(sentences,) the likelier class. Raises as `transform` of GarbleFeatures does."""
        odds = self.decision_function(texts)
        return np.asarray(self.classes_[(odds > 0).astype(int)])

    def _garbled(self) -> Any:
        """The class that means garbled."""
        if self.pos_label is None:
            return self.classes_[1]
        if self.pos_label not in self.classes_.tolist():
            raise ValueError(f"pos_label {self.pos_label!r} is not one of the classes {self.classes_.tolist()}")
        return self.pos_label

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn must know: it takes strings and tells two classes apart."""
        tags = _of_strings(super().__sklearn_tags__())
        tags.classifier_tags.multi_class = False
        return tags


def _of_strings(tags: Any) -> Any:
    """The tags of an estimator whose input is an iterable of strings."""
    tags.input_tags.string = True
    tags.input_tags.two_d_array = False
    return tags


def _listed(texts: Iterable[str]) -> list[str]:
    """Raises ValueError for a lone string, whose characters would pass for sentences, and TypeError for no strings."""
    if isinstance(texts, str):
        raise ValueError("Iterable over sentences expected, string object received.")
    listed = list(texts)
    for number, text in enumerate(listed):
        if not isinstance(text, str):
            raise TypeError(f"sentence {number}: expected a string, got {type(text).__name__}")
    return listed


def _features(texts: Iterable[str], model: str | Path) -> Floats:
    """(sentences, features) under the language model of `model`; no strings, no rows."""
    sentences = [whole(text) for text in _listed(texts)]
    if not sentences:
        return np.zeros((0, len(FEATURES)))
    return features_of(sentences, Scorer(model, reader="off").lm)[0]
