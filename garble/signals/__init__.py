"""The signals, and the matrix that a batch gives under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from garble.batch import Batch, Floats
from garble.signals import artifacts, characters, coherence, fluency, repetition
from garble.signals.base import Signal, Values

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
    artifacts.leftover_markup,
    artifacts.untranslated,
    artifacts.carried_abbreviation,
    artifacts.spaced_punctuation,
    artifacts.doubled_punctuation,
    artifacts.glued_words,
    artifacts.missing_space,
    artifacts.broken_quote,
    artifacts.malformed_number,
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
)

FEATURES: tuple[str, ...] = tuple(name for signal in SIGNALS for name in signal.features)


@dataclass(frozen=True, slots=True, eq=False)
class Extraction:
    """What the signals gave for a batch.

    features: (sentences, len(FEATURES)). values: by signal, the array its function returned, for the evidence.
    """

    features: Floats
    values: dict[str, Values]


def extract(batch: Batch) -> Extraction:
    """Every signal over the whole batch, each computed once."""
    values = {signal.name: signal.function(batch) for signal in SIGNALS}
    columns = [column for signal in SIGNALS for column in signal.columns(batch, values[signal.name])]
    return Extraction(np.stack(columns, axis=1), values)
