"""garble within scikit-learn."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

from garble.integrations.sklearn import GarbleClassifier, GarbleFeatures
from garble.models.scorecard import sigmoid
from garble.scorer import Scorer
from garble.signals import FEATURES
from garble.text.segmentation import segment

ROOT = Path(__file__).parent.parent


def sentences_of(name: str, garbled: bool) -> list[str]:
    """The sentences of a file of seeds that its spans touch, or those that they leave alone."""
    found = []
    for line in (ROOT / "seeds" / name).read_text("utf-8").splitlines():
        seed = json.loads(line)
        for start, end in segment(seed["text"]).sentences.tolist():
            if any(a < end and b > start for a, b, _ in seed["spans"]) == garbled:
                found.append(seed["text"][start:end])
    return found


GARBLED = sentences_of("repetition.jsonl", garbled=True)
CLEAN = sentences_of("clean.jsonl", garbled=False)[: len(GARBLED)]
# Alternating, so that every part of the data has some of both.
TEXTS = [text for pair in zip(CLEAN, GARBLED, strict=True) for text in pair]
LABELS = np.tile([0, 1], len(CLEAN))
# Shuffled, because the seeds stand sorted by kind.
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


# scikit-learn's own checks know rows of numbers only, and pass over an estimator that says it takes none. So here a row
# is said in a sentence; what is checked then is parameters, clones, pickles, classes, shapes and the like.


def spoken(rows: Any) -> list[str]:
    """A sentence for each row, the more of a loop in it the larger the row's last number."""
    times = np.clip(10 + 5 * rows[:, -1], 0, 20).astype(int)
    return [f"The tide {'turned ' * number}at noon." for number in times.tolist()]


def of_rows(tags: Any) -> Any:
    tags.input_tags.two_d_array, tags.input_tags.string = True, False
    return tags


class FeaturesOfRows(GarbleFeatures):
    """GarbleFeatures for rows of numbers."""

    def fit(self, X: Any, y: Any = None) -> FeaturesOfRows:  # noqa: N803
        return super().fit(spoken(validate_data(self, X)), y)

    def transform(self, X: Any) -> Any:  # noqa: N803
        return super().transform(spoken(validate_data(self, X, reset=not hasattr(self, "n_features_in_"))))

    def __sklearn_tags__(self) -> Any:
        return of_rows(super().__sklearn_tags__())


class ClassifierOfRows(GarbleClassifier):
    """GarbleClassifier for rows of numbers."""

    def fit(self, X: Any, y: Any) -> ClassifierOfRows:  # noqa: N803
        return super().fit(spoken(validate_data(self, X)), y)

    def decision_function(self, X: Any) -> Any:  # noqa: N803
        return super().decision_function(spoken(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self) -> Any:
        return of_rows(super().__sklearn_tags__())


@parametrize_with_checks([FeaturesOfRows(), ClassifierOfRows()])
def test_scikit_learns_own_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", [GarbleFeatures(), GarbleClassifier()])
def test_they_say_that_they_take_strings_as_the_vectorizers_of_scikit_learn_do(estimator: Any) -> None:
    tags, usual = get_tags(estimator).input_tags, get_tags(CountVectorizer()).input_tags
    assert tags == usual


# The transformer.


def test_features_are_those_of_each_sentence() -> None:
    features = GarbleFeatures()
    x = features.fit_transform(TEXTS)
    assert x.shape == (len(TEXTS), len(FEATURES))
    assert x.dtype == np.float64
    assert np.isfinite(x).all()
    assert features.get_feature_names_out().tolist() == list(FEATURES)
    loops = x[:, FEATURES.index("repetition.loop")]
    assert loops[LABELS == 0].max() == 0 < loops[LABELS == 1].max()


def test_features_need_no_fit_and_any_iterable_will_do() -> None:
    x = GarbleFeatures().transform(TEXTS)
    for texts in (iter(TEXTS), tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, object)):
        assert (GarbleFeatures().transform(texts) == x).all()
    assert GarbleFeatures().transform([]).shape == (0, len(FEATURES))


def test_a_string_of_several_sentences_is_one_row() -> None:
    assert GarbleFeatures().transform(["It rained. It rained. It rained.", ""]).shape == (2, len(FEATURES))


def test_features_feed_another_classifier() -> None:
    pipeline = make_pipeline(GarbleFeatures(), StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.01, 1.0]}, scoring="roc_auc", cv=FOLDS)
    assert search.fit(TEXTS, LABELS).best_score_ > 0.8
    assert search.best_estimator_[:-1].get_feature_names_out().tolist() == list(FEATURES)


# The classifier.


@pytest.fixture(scope="module")
def fitted() -> GarbleClassifier:
    return GarbleClassifier().fit(TEXTS, LABELS)


def test_a_classifier_learns_what_is_garbled() -> None:
    assert cross_val_score(GarbleClassifier(), TEXTS, LABELS, scoring="roc_auc", cv=FOLDS).mean() > 0.8


def test_the_ways_to_ask_a_classifier_agree(fitted: GarbleClassifier) -> None:
    odds, shares = fitted.decision_function(TEXTS), fitted.predict_proba(TEXTS)
    assert odds.shape == (len(TEXTS),)
    assert shares.shape == (len(TEXTS), 2)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert shares[:, 1] == pytest.approx(sigmoid(odds))
    assert (fitted.predict(TEXTS) == (odds > 0)).all()
    assert fitted.score(TEXTS, LABELS) > 0.9


def test_a_classifier_can_be_searched_cloned_and_pickled(fitted: GarbleClassifier) -> None:
    models = ["en", ROOT / "models" / "en"]
    search = GridSearchCV(make_pipeline(GarbleClassifier()), {"garbleclassifier__model": models}, cv=2)
    assert (search.fit(TEXTS, LABELS).predict(TEXTS) == LABELS).mean() > 0.9
    again = clone(fitted).fit(TEXTS, LABELS)
    restored = pickle.loads(pickle.dumps(fitted))
    for other in (again, restored):
        assert (other.predict_proba(TEXTS) == fitted.predict_proba(TEXTS)).all()


def test_a_scorecard_so_learnt_is_a_model_of_garble(fitted: GarbleClassifier, tmp_path: Path) -> None:
    fitted.card_.save(tmp_path / "scorecard.json")
    (tmp_path / "lm.npz").write_bytes((ROOT / "models" / "en" / "lm.npz").read_bytes())
    scores = Scorer(tmp_path, threshold=0.5).score_sentences(TEXTS)
    assert scores == pytest.approx(fitted.predict_proba(TEXTS)[:, 1])


def test_pos_label_says_which_class_is_garbled(fitted: GarbleClassifier) -> None:
    names = np.where(LABELS == 1, "bad", "sound")
    named = GarbleClassifier(pos_label="bad").fit(TEXTS, names)
    assert named.classes_.tolist() == ["bad", "sound"]
    assert named.predict_proba(TEXTS) == pytest.approx(fitted.predict_proba(TEXTS)[:, ::-1])
    assert (named.predict(TEXTS) == np.where(fitted.predict(TEXTS) == 1, "bad", "sound")).all()
    with pytest.raises(ValueError, match="pos_label 'worse' is not one of the classes"):
        GarbleClassifier(pos_label="worse").fit(TEXTS, names)


# What they refuse.


@pytest.mark.parametrize(
    "ask",
    [
        GarbleFeatures().fit,
        GarbleFeatures().transform,
        lambda text: GarbleClassifier().fit(text, LABELS),
        lambda text: GarbleClassifier().fit(TEXTS, LABELS).predict(text),
    ],
)
def test_a_string_alone_is_no_iterable_of_sentences(ask: Callable[[str], Any]) -> None:
    with pytest.raises(ValueError, match="Iterable over sentences expected, string object received"):
        ask(TEXTS[0])


@pytest.mark.parametrize("stranger", [None, 3.5, b"bytes", ["nested"]])
def test_what_is_no_string_is_named(stranger: object) -> None:
    with pytest.raises(TypeError, match=f"sentence 1: expected a string, got {type(stranger).__name__}"):
        GarbleFeatures().transform([TEXTS[0], stranger])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("texts", "labels", "problem"),
    [
        (TEXTS, np.zeros(len(TEXTS)), "one class only"),
        (TEXTS, np.arange(len(TEXTS)) % 3, "Only binary classification is supported"),
        (TEXTS, LABELS[1:], "inconsistent numbers of samples"),
        ([], [], "one class only"),
    ],
)
def test_labels_that_teach_nothing_are_refused(texts: list[str], labels: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        GarbleClassifier().fit(texts, labels)


@pytest.mark.parametrize("estimator", [GarbleFeatures("xx"), GarbleClassifier("xx")])
def test_a_model_that_does_not_exist_is_said(estimator: Any) -> None:
    with pytest.raises(ValueError, match="unknown model 'xx'"):
        estimator.fit(TEXTS, LABELS)
