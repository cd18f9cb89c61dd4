"""How likely the words and their order are, by the language model and by the reader."""

from __future__ import annotations

import numpy as np

from garble.columns.arrays import Floats, Mask, row_sums
from garble.columns.batch import Batch
from garble.columns.lm import FIRST_WORD, UNKNOWN
from garble.signals.base import marks, measures, weighs
from garble.text.alphabet import DIGIT

# Most frequent words, by id: the training text contains all their common bigrams.
_FREQUENT = 3000
# Bits per letter of a typical English word.
_TYPICAL_BITS = 3
# Share of function words below and above which a sentence is unusual, and least number of words for the latter.
_FEW, _MANY, _FEWEST_WORDS = 1 / 3, 0.6, 5


@weighs("unlikely word order: “{span}”", needs=("lm",), prose=True)
def word_order(batch: Batch) -> Floats:
    """How unlikely each word is between its neighbours on both sides, in standard deviations from clean text.

    What a word costs given the three before it and the three after it, beyond what it costs alone.

    Why it is garble: a word in its proper place is likely given the words before or after it; in word salad it is not.
    Known false alarms: poetry, titles, telegraphic style.
    Reference: SLOR, Pauls and Klein 2012, Lau et al. 2017; backward models, Duchateau et al. 2002.
    Garbled: Not worrying something spoiled loot younger sala leaf trap.
    Clean: They are not worried about what happens to the rest of the money.
    """
    return np.where(_is_prose(batch), batch.lm_scores.words, 0.0)


@weighs("broken syntax: “{span}”", needs=("lm",), prose=True)
def syntax(batch: Batch) -> Floats:
    """The same for word classes: how unlikely the order is, whatever the words.

    Why it is garble: most pairs of words are rare, pairs of word classes are not; rare class pairs are errors.
    Known false alarms: verse, lists, learners' English.
    Reference: Brown et al. 1992, class-based n-gram models; Gamon et al. 2005, MT evaluation without references.
    Garbled: Of the to a is in and that for it was on.
    Clean: The farmers of the valley have sold their last cows to a dealer.
    """
    return np.where(_is_prose(batch), batch.lm_scores.classes, 0.0)


@weighs("“{span}” has many rare words", needs=("lm",), prose=True)
def rarity(batch: Batch) -> Floats:
    """How rare each word is, in standard deviations from clean text.

    Why it is garble: bad translations have many damaged names and words of the wrong register.
    Known false alarms: specialist texts, names.
    Reference: unigram surprisal; frequency features of Specia et al. 2009.
    Garbled: Plostering hyderlated sentaavograms mucous liability.
    Clean: They said it was the end of the year.
    """
    return np.where(batch.is_code, 0.0, batch.lm_scores.rarity)


@marks("tokens", "“{span}” combines common words that do not occur together", needs=("lm",), prose=True)
def unseen_bigram(batch: Batch) -> Mask:
    """Pairs of frequent words that never occur side by side in ten million words.

    Why it is garble: phrase salad joins correct phrases in places where no text joins them.
    Known false alarms: question tags, quoted words, learners' English.
    Reference: Arase and Zhou 2013, Machine Translation Detection from Monolingual Web-Text.
    Garbled: The plan of the into was they agreed because been it.
    Clean: They agreed to the plan because it was good for all of them.
    """
    ids = batch.ids
    frequent = (ids >= FIRST_WORD) & (ids < _FREQUENT) & batch.is_word & ~batch.is_code
    seam = np.zeros(len(ids), bool)
    seam[1:] = batch.lm_scores.unseen[1:] & frequent[1:] & frequent[:-1] & (batch.sentence[1:] == batch.sentence[:-1])
    found = seam.copy()
    found[:-1] |= seam[1:]
    return found


@weighs("“{span}” is not spelt like an English word", needs=("lm",), prose=True)
def strange_spelling(batch: Batch) -> Floats:
    """Bits per letter, beyond three, of lower-case words that are not in the vocabulary; 0 for all others.

    Why it is garble: invented words, and subword pieces joined wrongly.
    Known false alarms: loan words, dialect spelling, usernames.
    Reference: Speer, wordfreq; character models as in monocleaner, Prompsit 2021.
    Garbled: The xqvzt rgyk bwlmp of the house.
    Clean: The rose garden of the house.
    """
    bits = np.zeros(len(batch.starts))
    if batch.lm is not None:
        unknown = np.flatnonzero((batch.ids == UNKNOWN) & ~batch.is_code)
        bits[unknown] = batch.lm.spelling(batch.codes, batch.starts[unknown], batch.ends[unknown]) - _TYPICAL_BITS
    return bits


@marks("tokens", "“{span}” is not a known word", needs=("lm",), prose=True)
def unknown_word(batch: Batch) -> Mask:
    """Lower-case words that are not in the vocabulary.

    Why it is garble: damaged and untranslated words are not in the vocabulary.
    Known false alarms: specialist terms, dialect, slips of the pen.
    Reference: out-of-vocabulary rate, Specia et al. 2009.
    Garbled: The sentaavogram was hyderlated in the plostering.
    Clean: The money was paid out in the morning.
    """
    return np.asarray((batch.ids == UNKNOWN) & ~batch.is_code)


@measures("the sentence has too few function words", needs=("function_words",), prose=True)
def few_function_words(batch: Batch) -> Floats:
    """How far the share of function words is below one third.

    Why it is garble: word lists and word salad have few function words.
    Known false alarms: headlines, lists, telegraphic notes.
    Reference: stop-word filter of Gopher, Rae et al. 2021.
    Garbled: Mountain summer bread running colour table window.
    Clean: In the summer there was bread on the table by the window.
    """
    return np.clip(_FEW - _function_share(batch), 0, None)


@measures("the sentence has too many function words", needs=("function_words",), prose=True)
def many_function_words(batch: Batch) -> Floats:
    """How far the share of function words is above three fifths.

    Why it is garble: decoders that lose the content continue with articles and prepositions.
    Known false alarms: short answers, "What is it that you do?".
    Reference: function-word density as in Arase and Zhou 2013.
    Garbled: It is the of which that it is to be in that of the.
    Clean: The river rose by two metres after the storm.
    """
    long = row_sums(batch.is_word, batch.token_offsets) >= _FEWEST_WORDS
    return np.where(long, np.clip(_function_share(batch) - _MANY, 0, None), 0)


# Predictions of the network; 0 without a network, and in sentences that it has not read.


@weighs("unlikely word here: “{span}”", needs=("network",), prose=True, peaks=True)
def unlikely_word(batch: Batch) -> Floats:
    """How likely each word is wrong in its sentence, in standard deviations from clean text.

    Why it is garble: translation systems choose words that fit their neighbours but not the sentence.
    Known false alarms: poetry, dialect, tasting notes, rare names and terms.
    Reference: Clark et al. 2020, ELECTRA; the damage is that of dictionaries and round trips.
    Garbled: The of to a market in is and bread for it was on sold people.
    Garbled: The plan was devoured by legal problems and beaten rebound by the choir.
    Clean: The people of the village sold their bread at the market.
    """
    return batch.predictions.unlikely


@weighs("reads like a wrong translation: “{span}”", needs=("network",), prose=True, peaks=True)
def mistranslated(batch: Batch) -> Floats:
    """How likely a post-editor is to change each word, in standard deviations from clean text.

    Why it is garble: post-editors change words that make no sense.
    Known false alarms: names, numbers, stiff official prose.
    Reference: word-level quality estimation, Specia et al. 2020 (WMT), without the source.
    Garbled: The horse was eaten by the minister in the knee of the law of the breads.
    Clean: The people of the village sold their bread at the market.
    """
    return batch.predictions.mistranslated


@measures("the sentence as a whole reads unnaturally", needs=("network",), prose=True)
def unnatural(batch: Batch) -> Floats:
    """How unnatural the whole sentence is, in standard deviations from clean text.

    Why it is garble: many small errors add up to a sentence that nobody would write.
    Known false alarms: learners' English, lists, headlines, poetry.
    Reference: naturalness graded without the source, Lau et al. 2020.
    Garbled: The horse was eaten by the minister in the knee of the law of the breads.
    Clean: The people of the village sold their bread at the market.
    """
    return batch.predictions.unnatural


def _is_prose(batch: Batch) -> Mask:
    """(tokens,) words outside code, and the marks of prose, which the language model can judge."""
    marks = np.isin(batch.codes[batch.starts], _MARKS) & (batch.length == 1)
    return np.asarray((batch.is_word | ((batch.char_kinds & DIGIT) != 0) | marks) & ~batch.is_code)


_MARKS = [ord(sign) for sign in ".,;:?!'\"()-–—“”‘’…"]


def _function_share(batch: Batch) -> Floats:
    small = batch.is_function_word
    return row_sums(small, batch.token_offsets) / np.maximum(row_sums(batch.is_word, batch.token_offsets), 1)
