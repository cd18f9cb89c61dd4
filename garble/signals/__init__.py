"""All signals, and the feature matrix of a batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from garble.columns.arrays import Floats
from garble.columns.batch import Batch, Predictions
from garble.errors import UsageError
from garble.signals import artifacts, characters, coherence, fluency, plugins, repetition
from garble.signals.base import Columns, Signal, Values

SIGNALS: tuple[Signal, ...] = (
    repetition.loop,
    repetition.phrase_twice,
    repetition.doubled_word,
    repetition.varied_loop,
    repetition.repeated_bigram,
    repetition.repeated_fourgram,
    repetition.clause_echo,
    repetition.joined_to_itself,
    repetition.repeated_word,
    repetition.name_echo,
    repetition.short_name_echo,
    repetition.loop_in_word,
    repetition.compressibility,
    repetition.sentence_again,
    characters.mojibake,
    characters.misread_sign,
    characters.replacement,
    characters.stray_control,
    characters.mixed_script,
    characters.fused_digits,
    characters.random_typing,
    artifacts.leftover_markup,
    artifacts.untranslated,
    artifacts.carried_abbreviation,
    artifacts.spaced_punctuation,
    artifacts.doubled_punctuation,
    artifacts.glued_words,
    artifacts.missing_space,
    artifacts.broken_quote,
    artifacts.malformed_number,
    artifacts.split_words,
    artifacts.letter_shapes,
    fluency.word_order,
    fluency.syntax,
    fluency.rarity,
    fluency.unseen_bigram,
    fluency.strange_spelling,
    fluency.unknown_word,
    fluency.few_function_words,
    fluency.many_function_words,
    coherence.agreement,
    coherence.wrong_article,
    coherence.dangling,
    coherence.cut_off,
    coherence.name_drift,
    coherence.company,
    coherence.off_topic,
    # Last, because their weights are set by hand and not fitted.
    repetition.looped,
    repetition.begins_again,
)
# Signals that need predictions of the network.
NETWORK_SIGNALS: tuple[Signal, ...] = (fluency.unlikely_word, fluency.mistranslated, fluency.unnatural)
# Exact repeats, broken characters, sentences that break off, and what only the document shows. The network sees less of
# them than these signals do.
EXACT_SIGNALS: tuple[Signal, ...] = (
    repetition.loop,
    repetition.phrase_twice,
    repetition.doubled_word,
    repetition.name_echo,
    repetition.short_name_echo,
    repetition.loop_in_word,
    repetition.sentence_again,
    repetition.looped,
    repetition.begins_again,
    coherence.dangling,
    coherence.name_drift,
    *(s for s in SIGNALS if s.family in {"characters", "artifacts"} and s is not artifacts.untranslated),
)
# In the order of the families.
_FAMILIES = dict.fromkeys(signal.family for signal in SIGNALS)
ALL_SIGNALS = tuple(signal for family in _FAMILIES for signal in SIGNALS + NETWORK_SIGNALS if signal.family == family)

FEATURES: tuple[str, ...] = tuple(name for signal in SIGNALS for name in signal.features)
NETWORK_FEATURES: tuple[str, ...] = tuple(name for signal in NETWORK_SIGNALS for name in signal.features)
# Column of each feature.
FEATURE_INDEX = {name: place for place, name in enumerate(FEATURES + NETWORK_FEATURES)}


@dataclass(frozen=True, slots=True, eq=False)
class Extraction:
    """Outputs of the signals for a batch.

    features: (sentences, len(FEATURES)); after `with_predictions` also the columns of NETWORK_FEATURES.
    values: for each signal the output of its function, from which the evidence is computed.
    plugins: (sentences,) of each feature of the signals of plugins.
    """

    features: Floats
    values: dict[str, Values]
    plugins: Mapping[str, Floats] = field(default_factory=dict)

    def column(self, name: str) -> Floats:
        """(sentences,) one feature."""
        return self.plugins[name] if name in self.plugins else self.features[:, FEATURE_INDEX[name]]

    def columns(self, names: Sequence[str]) -> Floats:
        """(sentences, names) features by name."""
        columns = np.empty((len(self.features), len(names)))
        for place, name in enumerate(names):
            columns[:, place] = self.column(name)
        return columns


def select_signals(names: Collection[str]) -> tuple[Signal, ...]:
    """The signals with these names or in families with these names. Raises UsageError for an unknown name.

    Names that no shipped signal or family has are looked up in the installed plugins.
    """
    unknown = set(names).difference(*((signal.name, signal.family) for signal in ALL_SIGNALS))
    added = plugins.named(unknown) if unknown else ()
    if unknown := unknown.difference(*((signal.name, signal.family) for signal in added)):
        raise UsageError(f"unknown signal {', '.join(sorted(unknown))}; run garble signals for a list")
    return (*(signal for signal in ALL_SIGNALS if not {signal.name, signal.family}.isdisjoint(names)), *added)


# Scorers of several processes and threads ask for the features of the same few scorecards.
@lru_cache(maxsize=32)
def signals_of(features: tuple[str, ...]) -> tuple[Signal, ...]:
    """The signals with any of these features: shipped ones, then those of plugins."""
    shipped = tuple(signal for signal in ALL_SIGNALS if not set(signal.features).isdisjoint(features))
    others = set(features).difference(FEATURE_INDEX)
    return shipped + plugins.with_features(others) if others else shipped


def extract(
    batch: Batch, resolved: Mapping[str, Values] | None = None, signals: Sequence[Signal] = SIGNALS
) -> Extraction:
    """Compute signals on a batch. Features of signals not in `signals` are 0.

    resolved: values of `resolve` by signal; required if the batch contains only a part of a document.
    """
    values = {signal.name: signal.values(batch, (resolved or {}).get(signal.name)) for signal in signals}
    features = np.zeros((len(batch), len(FEATURES)))
    of_plugins: dict[str, Floats] = {}
    for signal in signals:
        for name, column in zip(signal.features, signal.columns(batch, values[signal.name]), strict=True):
            if name in FEATURE_INDEX:
                features[:, FEATURE_INDEX[name]] = column
            else:
                of_plugins[name] = column
    return Extraction(features, values, of_plugins)


def with_predictions(extraction: Extraction, batch: Batch, predictions: Predictions | None) -> Extraction:
    """Add the values and features of NETWORK_SIGNALS; zeros without predictions."""
    batch = replace(batch, predicted=predictions)
    values = {signal.name: signal.values(batch) for signal in NETWORK_SIGNALS}
    columns = [column for signal in NETWORK_SIGNALS for column in signal.columns(batch, values[signal.name])]
    features = np.column_stack([extraction.features[:, : len(FEATURES)], *columns])
    return replace(extraction, features=features, values=extraction.values | values)


def collect(batch: Batch, signals: Sequence[Signal] = SIGNALS) -> dict[str, Columns]:
    """The survey columns of one batch, by signal."""
    return {signal.name: signal.survey.collect(batch) for signal in signals if signal.survey}


def resolve(surveys: Sequence[Mapping[str, Columns]], signals: Sequence[Signal] = SIGNALS) -> list[dict[str, Values]]:
    """For each batch the values of `Survey.resolve` for its rows, by signal.

    surveys: the output of `collect` for each batch. The batches contain their documents completely.
    """
    resolved: list[dict[str, Values]] = [{} for _ in surveys]
    for signal in signals:
        if signal.survey:
            parts = [survey[signal.name] for survey in surveys]
            values = signal.survey.resolve(*(np.concatenate(column) for column in zip(*parts, strict=True)))
            borders = np.cumsum([len(part[0]) for part in parts])[:-1]
            for of_batch, rows in zip(resolved, np.split(values, borders), strict=True):
                of_batch[signal.name] = rows
    return resolved
