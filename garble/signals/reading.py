"""What a network says that has read the sentence: whether a word belongs where it stands.

The signals speak where a model brings a network (`garble.deep`) and has asked it; elsewhere they are 0.
"""

from __future__ import annotations

from garble.batch import Batch, Floats
from garble.signals.base import measures, weighs


@weighs("“{span}” does not belong where it stands", language="en")
def misplaced(batch: Batch) -> Floats:
    """How likely each word was put in the place of another, in standard deviations from clean text.

    Why it is garble: a word may go with its neighbours and yet make no sense in its sentence.
    Known false alarms: poetry, dialect, names and terms never met.
    Reference: Clark et al. 2020, ELECTRA.
    Garbled: The of to a market in is and bread for it was on sold people.
    Clean: The people of the village sold their bread at the market.
    """
    return batch.opinion.misplaced


@weighs("“{span}” is what a translator would correct", language="en")
def mistranslated(batch: Batch) -> Floats:
    """How likely a human corrector would touch each word of a translation, in standard deviations from clean text.

    Why it is garble: what correctors change most is what does not make sense to them.
    Known false alarms: names, figures, stiff official prose.
    Reference: word-level quality estimation, Specia et al. 2020 (WMT), without the source.
    Garbled: The horse was eaten by the minister in the knee of the law of the breads.
    Clean: The people of the village sold their bread at the market.
    """
    return batch.opinion.mistranslated


@measures("the sentence as a whole reads like a bad translation", language="en")
def ill_made(batch: Batch) -> Floats:
    """How far the sentence ranks below clean text as translations rank below their corrections, in deviations.

    Why it is garble: taught on what a translation and its correction differ in, not on what they say.
    Known false alarms: learners' English, lists, headlines.
    Reference: pairwise ranking of translations as in COMET-rank, Rei et al. 2020.
    Garbled: The horse was eaten by the minister in the knee of the law of the breads.
    Clean: The people of the village sold their bread at the market.
    """
    return batch.opinion.rank
