"""The signals, and the matrix that a batch gives under them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from garble.columns.arrays import Floats
from garble.columns.batch import Batch, Opinion
from garble.errors import UsageError
from garble.signals import artifacts, characters, coherence, fluency, repetition
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
    # Weighed by rule, after all that are fitted.
    repetition.looped,
)
# These speak only where a model brings a network that has read the text.
READING: tuple[Signal, ...] = (fluency.unlikely_word, fluency.mistranslated, fluency.unnatural)
# All of them, family by family.
_FAMILIES = dict.fromkeys(signal.family for signal in SIGNALS)
EVERY = tuple(signal for family in _FAMILIES for signal in SIGNALS + READING if signal.family == family)

FEATURES: tuple[str, ...] = tuple(name for signal in SIGNALS for name in signal.features)
FEATURES_READ: tuple[str, ...] = tuple(name for signal in READING for name in signal.features)
# The column of each feature.
PLACES = {name: place for place, name in enumerate(FEATURES + FEATURES_READ)}


@dataclass(frozen=True, slots=True, eq=False)
class Extraction:
    """What the signals gave for a batch.

    features: (sentences, len(FEATURES)), those of READING after them once they are heard.
    values: by signal, the array its function returned, for the evidence.
    """

    features: Floats
    values: dict[str, Values]


def chosen(names: Collection[str]) -> tuple[Signal, ...]:
    """The signals of these names, and all of the families of these names. Raises UsageError for a name of neither."""
    if strange := set(names).difference(*((signal.name, signal.family) for signal in EVERY)):
        raise UsageError(f"unknown signal {', '.join(sorted(strange))}; run garble signals for a list")
    return tuple(signal for signal in EVERY if not {signal.name, signal.family}.isdisjoint(names))


def extract(
    batch: Batch, verdicts: Mapping[str, Values] | None = None, signals: Sequence[Signal] = SIGNALS
) -> Extraction:
    """The signals over the whole batch, each computed once; the features of those that are not asked are 0.

    verdicts: what `judge` found, by signal, where the batch holds a part of a document.
    """
    values = {signal.name: signal.values(batch, (verdicts or {}).get(signal.name)) for signal in signals}
    features = np.zeros((len(batch), len(FEATURES)))
    for signal in signals:
        for name, column in zip(signal.features, signal.columns(batch, values[signal.name]), strict=True):
            features[:, PLACES[name]] = column
    return Extraction(features, values)


def heard(extraction: Extraction, batch: Batch, opinion: Opinion | None) -> Extraction:
    """What was extracted from a batch, and what READING makes of a network's opinion; zeros where there is none."""
    batch = replace(batch, read=opinion)
    values = {signal.name: signal.values(batch) for signal in READING}
    columns = [column for signal in READING for column in signal.columns(batch, values[signal.name])]
    features = np.column_stack([extraction.features[:, : len(FEATURES)], *columns])
    return Extraction(features, extraction.values | values)


def ask(batch: Batch, signals: Sequence[Signal] = SIGNALS) -> dict[str, Columns]:
    """By signal with a survey, the columns it gives of one batch."""
    return {signal.name: signal.survey.ask(batch) for signal in signals if signal.survey}


def judge(answers: Sequence[Mapping[str, Columns]]) -> list[dict[str, Values]]:
    """A batch, by signal with a survey, the verdict on its rows; from what `ask` gave of all parts of a document."""
    found: list[dict[str, Values]] = [{} for _ in answers]
    for signal in SIGNALS:
        if signal.survey and signal.name in answers[0]:
            parts = [answer[signal.name] for answer in answers]
            verdict = signal.survey.judge(*(np.concatenate(column) for column in zip(*parts, strict=True)))
            cuts = np.cumsum([len(part[0]) for part in parts])[:-1]
            for one, rows in zip(found, np.split(verdict, cuts), strict=True):
                one[signal.name] = rows
    return found
