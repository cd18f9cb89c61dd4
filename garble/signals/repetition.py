"""Repetition by decoders that get stuck: words, clauses, names or letters."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection

import numpy as np

from garble.columns import lists
from garble.columns.arrays import Floats, Ints, Mask, cover, offsets, recurs, row_sums, runs, spread, streaks
from garble.columns.batch import BORDER, Batch
from garble.signals.base import Columns, Survey, marks, measures
from garble.text.alphabet import DIGIT, KIND, LETTER, Hashes, hash_runs
from garble.text.layout import HEADING, LIST


def _periodic(batch: Batch, n: int) -> tuple[Ints, Ints, Ints]:
    """Stretches in which every n-gram stood `period` tokens before: first token, tokens that repeat, period."""
    begins, before = batch.repeated_ngrams[n]
    lag = np.zeros(len(batch.starts), np.int64)
    lag[begins] = begins - before
    edge = np.ones(len(lag) + 1, bool)
    edge[1:-1] = (lag[1:] != lag[:-1]) | (batch.sentence[1:] != batch.sentence[:-1])
    cuts = np.flatnonzero(edge)
    starts, ends = cuts[:-1], cuts[1:]
    live = lag[starts] > 0
    return starts[live], ends[live] - starts[live] + n - 1, lag[starts[live]]


def _turns(batch: Batch, least: float, most: float = np.inf) -> tuple[Ints, Ints, Ints]:
    """Phrases that follow themselves `least` to `most` times more: first token, one past the last, period."""
    if not len(batch.starts):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Single words see every period whose words differ; three together see those that hold a word twice.
    pairs = zip(_periodic(batch, 1), _periodic(batch, 3), strict=True)
    starts, repeats, period = (np.concatenate(pair) for pair in pairs)
    again = repeats / period
    keep = (again >= least) & (again < most)
    firsts, lasts, period = starts[keep] - period[keep], starts[keep] + repeats[keep], period[keep]
    worded = batch.is_word.copy()
    inside = spread(firsts, lasts)
    worded[inside] &= ~_is_code(batch, inside)
    count = offsets(worded)
    keep_worded = count[lasts] > count[firsts]
    return firsts[keep_worded], lasts[keep_worded], period[keep_worded]


def _is_code(batch: Batch, tokens: Ints) -> Mask:
    """Which of the tokens are code, hold a digit, or are joined to what is beside them as those of "FF:FF:FF" are."""
    starts, ends = batch.starts[tokens], batch.ends[tokens]
    before, after = batch.beside(starts, -1), batch.beside(ends, 0)
    filled = LETTER | DIGIT
    leads = np.isin(after, _JOINTS) & ((KIND[batch.beside(ends, 1)] & filled) != 0)
    follows = np.isin(before, _JOINTS) & ((KIND[batch.beside(starts, -2)] & filled) != 0)
    return np.asarray(leads | follows | ((batch.char_kinds[tokens] & DIGIT) != 0) | batch.is_code[tokens])


_JOINTS = [ord(sign) for sign in ":/_\\"]


def _is_exclamation(batch: Batch) -> Mask:
    """(tokens,) laughter, sounds and calls."""
    return lists.isin(batch.word_hash, batch.hashes("exclamations"))


@marks("characters", "“{span}” is part of a loop")
def looped(batch: Batch) -> Mask:
    """Characters in a loop of the document beyond its first copy, as found by `garble.loops`.

    Why it is garble: decoders repeat a word, a sentence or a paragraph, in any layout.
    Known false alarms: pasted text, slogans repeated many times.
    Reference: Raunak et al. 2021, oscillatory hallucinations; Kolpakov and Kucherov 1999, maximal repetitions.
    Garbled: Thank you. Thank you. Thank you. Thank you. Thank you. Thank you. Thank you. Thank you. Thank you.
    Clean: Thank you. Thank you very much.
    """
    return batch.looped


@marks("tokens", "“{span}” repeats in a loop")
def loop(batch: Batch) -> Mask:
    """Tokens of a phrase repeated three or more times in a row.

    Why it is garble: after a phrase, a decoder often finds the same phrase most likely; people do not write that way.
    Known false alarms: refrains, laughter, chants.
    Reference: Raunak et al. 2021, The Curious Case of Hallucinations in Neural Machine Translation.
    Garbled: I want to to to to go home.
    Garbled: The mouth of the mouth of the mouth of the river is wide.
    Clean: He had had enough.
    Clean: Ha ha ha, said the boy.
    Clean: It answers at FF:FF:FF:FF:FF:FF with 0x00 0x00 0x00 0x00.
    """
    firsts, lasts, period = _turns(batch, 2)
    words, content, marked = _said_in_a_turn(batch, firsts, period)
    copies = (lasts - firsts) / period
    # Speakers start again ("it's, it's, it's") and insist ("talk, talk, talk"), with a mark after every turn.
    fine = marked & (((content == 0) & (copies < 5)) | ((words == 1) & (copies < 4)))
    fine |= _each_word(batch, _is_exclamation(batch), firsts, period)
    # Where laughter is not listed, a short word must go on for longer.
    fine |= (period <= batch.language.short_word) & (copies < batch.language.loop_turns)
    return batch.token_mask(firsts[~fine], lasts[~fine])


def _said_in_a_turn(batch: Batch, firsts: Ints, period: Ints) -> tuple[Floats, Floats, Mask]:
    """Words and content words of phrases that come round again, and whether a mark parts their turns."""
    rows = offsets(period)
    inside = spread(firsts, firsts + period)
    masks = batch.is_word[inside], batch.is_content[inside], _parts_turns(batch, inside)
    words, content, marks = (row_sums(mask, rows) for mask in masks)
    return words, content, np.asarray(marks > 0)


def _each_word(batch: Batch, wanted: Mask, firsts: Ints, period: Ints) -> Mask:
    """(phrases,) those of which every word is wanted."""
    others = offsets(batch.is_word & ~wanted)
    return np.asarray(others[firsts + period] == others[firsts])


@marks("tokens", "“{span}” repeats a phrase", needs=("doubles", "links"))
def phrase_twice(batch: Batch) -> Mask:
    """Tokens of a phrase of two or more words that occurs twice in a row.

    Why it is garble: the shortest loop, or the remainder of a longer one.
    Known false alarms: "on and on and on", counting out, poems.
    Reference: Guerreiro et al. 2023, Looking for a Needle in a Haystack.
    Garbled: She went to the market to the market on Monday.
    Clean: The rain went on and on and on.
    Clean: Cease, cease, cried the crowd.
    """
    firsts, lasts, period = _turns(batch, 1, 2)
    words, _, _ = _said_in_a_turn(batch, firsts, period)
    linked = lists.isin(batch.word_hash[np.minimum(firsts + 1, len(batch.word_hash) - 1)], batch.hashes("links"))
    # A word or two and a mark, twice, are emphasis; a word and "and" an idiom.
    keep = ((words > 2) | ((words == period) & (period > 1))) & ~((period == 2) & linked)
    keep &= ~_starts_over(batch, firsts, firsts + period)
    return batch.token_mask(firsts[keep], lasts[keep])


def _starts_over(batch: Batch, firsts: Ints, lasts: Ints) -> Mask:
    """(phrases,) what speakers begin with, break off and say again: "I don't, I don't tell it often".

    A pronoun, little else, and a mark.
    """
    starts_over = _subject_first(batch, firsts)
    candidates = np.flatnonzero(starts_over)
    rows = offsets(lasts[candidates] - firsts[candidates])
    inside = spread(firsts[candidates], lasts[candidates])
    masks = batch.is_word[inside], batch.is_content[inside], _parts_turns(batch, inside)
    words, content, marks = (row_sums(mask, rows) for mask in masks)
    starts_over[candidates] = (marks > 0) & (content <= 1) & (words <= _FALSE_START)
    return starts_over


def _subject_first(batch: Batch, firsts: Ints) -> Mask:
    """(phrases,) those whose first word, after a comma or dash, is a pronoun or opens a clause."""
    opens = np.minimum(firsts + _parts_turns(batch, firsts), len(batch.word_hash) - 1)
    return np.asarray(lists.isin(batch.word_hash[opens], batch.hashes("subjects")))


# Words of the longest phrase that a speaker starts with twice.
_FALSE_START = 5
# Least words of a sentence's opening that never come again by chance.
_LONG_OPENING = 5


def _parts_turns(batch: Batch, tokens: Ints) -> Mask:
    sign = batch.codes[batch.starts[tokens]]
    wide = np.isin(sign, [ord("-"), ord(".")]) & (batch.length[tokens] > 1)
    return np.asarray(np.isin(sign, [ord(mark) for mark in ",;–—…!?"]) | wide)


@marks("tokens", "“{span}” doubles a word", needs=("doubles",))
def doubled_word(batch: Batch) -> Mask:
    """A word followed by itself, once.

    Why it is garble: 26 times as frequent in very bad machine translation as in good machine translation.
    Known false alarms: had had, that that, very very, place names (Walla Walla), slips of the pen.
    Reference: DEMETR, Karpinska et al. 2022, perturbations 1 and 2.
    Garbled: The current liability liability layer is thin.
    Garbled: The minister told Mr Mr Okello that the UK UK roads are safe.
    Clean: He knew that that was wrong, and had had enough of it.
    """
    firsts, lasts, period = _turns(batch, 1, 2)
    keep = period == 1
    firsts, lasts = firsts[keep], lasts[keep]
    fine = lists.isin(batch.word_hash[firsts], batch.hashes("doubles")) | _is_exclamation(batch)[firsts]
    # Two capitals inside a sentence are mostly a name, but not "Mr Mr", nor "the CEO CEO of" among small letters.
    named = batch.is_capital[firsts] & batch.is_capital[lasts - 1]
    fine |= named & ~(lists.isin(batch.word_hash[firsts], batch.hashes("titles")) | _is_acronym(batch, firsts, lasts))
    # An option and its value: "-auth_level level".
    fine |= batch.is_code[firsts] | batch.is_code[lasts - 1]
    # A letter and its capital are two names ("gw Gw", "And and Or"), and columns lie far apart.
    fine |= (batch.is_capital[firsts] != batch.is_capital[lasts - 1]) & ~batch.is_first_word[firsts]
    fine |= batch.starts[lasts - 1] - batch.ends[firsts] > 2
    # "do do-it-yourself work", "once I deliver it it's sent", "what it was was football".
    after = batch.beside(batch.ends[lasts - 1], 0)
    fine |= (after == ord("-")) | (batch.beside(batch.starts[firsts], -1) == ord("-"))
    fine |= (after == ord("'")) | (after == ord("’"))
    fine |= lists.isin(batch.word_hash[firsts], batch.hashes("verbs_after_what")) & _follows_what(batch, firsts)
    # "Come here now now, my brother", "hint hint".
    ends = ~batch.is_word[np.minimum(lasts, len(batch.word_hash) - 1)] | np.isin(lasts, batch.token_offsets)
    fine |= ends & lists.isin(batch.word_hash[firsts], batch.hashes("doubled_last"))
    return batch.token_mask(firsts[~fine], lasts[~fine])


def _is_acronym(batch: Batch, firsts: Ints, lasts: Ints) -> Mask:
    """Doubled words in capitals between words that are not. firsts, lasts: first token, and the one after the last."""
    last = len(batch.starts) - 1
    before, after = np.maximum(firsts - 1, 0), np.minimum(lasts, last)
    inside = (batch.sentence[before] == batch.sentence[firsts]) & (batch.sentence[after] == batch.sentence[firsts])
    small = batch.is_word & ~batch.is_spelt_out
    return np.asarray(
        batch.is_spelt_out[firsts] & batch.is_spelt_out[lasts - 1] & inside & small[before] & small[after]
        & (before < firsts) & (after >= lasts)
    )  # fmt: skip


def _follows_what(batch: Batch, tokens: Ints) -> Mask:
    """Tokens shortly after a word that makes a clause a subject: "what it was", "all it is"."""
    asks = lists.isin(batch.word_hash, batch.hashes("what"))
    count = offsets(asks)
    earliest = np.maximum(tokens - _CLEFT, batch.token_offsets[batch.sentence[tokens]])
    return np.asarray(count[np.maximum(tokens - 1, earliest)] > count[earliest])


# Tokens of such a clause.
_CLEFT = 8


@marks("tokens", "“{span}” repeats the same words")
def varied_loop(batch: Batch) -> Mask:
    """Tokens where most nearby words occurred shortly before in the sentence.

    Why it is garble: loops drift; two fifths of real ones never repeat four words exactly.
    Known false alarms: parallel lists, definitions, legal enumerations.
    Reference: Guerreiro et al. 2023.
    Garbled: The term is one month after the adoption of the term, which is one month after adoption of the term.
    Clean: The term ends one month after the court has heard both sides.
    Clean: "Day" has the meaning given in the annex, and "Week" has the meaning given in the annex.
    """
    begins, before = batch.repeated_ngrams[1]
    near = np.zeros(len(batch.starts))
    close = begins - before <= _REACH
    worded = batch.is_word[begins] & close
    worded[worded] = ~_is_code(batch, begins[worded])
    near[begins[worded]] = 1
    starts, repeats, lag = _periodic(batch, 4)
    parallel = _parallel(batch, starts, lag)
    near[cover(starts[parallel], (starts + repeats)[parallel], len(near))] = 0
    reach = offsets(near)
    size = offsets(batch.is_word)
    place = np.arange(len(near))
    ends = np.minimum(place + _STRETCH, batch.token_offsets[batch.sentence + 1])
    words, again = size[ends] - size[place], reach[ends] - reach[place]
    dense = (words >= _STRETCH // 2) & (again >= 0.75 * words)
    return batch.token_mask(place[dense], ends[dense])


# A word that comes back after more tokens than this is not part of a loop ...
_REACH = 16
# ... and a stretch shorter than this is too short to tell.
_STRETCH = 10


@marks("tokens", "“{span}” occurs more than once in the sentence", needs=("function_words",))
def repeated_bigram(batch: Batch) -> Mask:
    """Words of a pair that comes again within six tokens, neither of them a function word; of a name, within three.

    Why it is garble: writers do not name the same thing in full twice in a sentence.
    Known false alarms: definitions, sport results, long sentences.
    Reference: rep-n, Welleck et al. 2020, Neural Text Generation with Unlikelihood Training.
    Garbled: The white gold mine sells the white gold to other mines.
    Clean: The white gold mine sells what it digs to other firms.
    """
    begins, before = batch.repeated_ngrams[2]
    content = batch.is_content
    named = batch.is_capital[begins] & batch.is_capital[begins + 1]
    keep = content[begins] & content[begins + 1] & (begins - before <= np.where(named, 3, _NEAR_PAIR))
    firsts = np.concatenate([begins[keep], before[keep]])
    return batch.token_mask(firsts, firsts + 2)


# Tokens from a pair of words to the same pair, in a sentence that has lost its way. People come back to a thing later.
_NEAR_PAIR = 6


@marks("tokens", "“{span}” occurs more than once in the sentence", needs=("spaced", "function_words", "subjects"))
def repeated_fourgram(batch: Batch) -> Mask:
    """Tokens of four or more, nearly all of them words, that come again a few tokens on.

    Why it is garble: 35 times as frequent in very bad machine translation as in good.
    Known false alarms: parallel clauses, anaphora in speeches, results and prices.
    Reference: rep-n, Welleck et al. 2020.
    Garbled: The wheat is taken out of the field and the wheat is taken out of the barn.
    Clean: The wheat is taken out of the field and into the barn.
    Clean: Knead, rest, knead, rest, and sing na na na na, na na na na.
    """
    starts, size, lag = _periodic(batch, 4)
    content = batch.is_content
    is_spoken = batch.is_word & ~batch.is_code & ~_is_exclamation(batch)
    counts = (offsets(mask) for mask in (is_spoken, content, content & batch.is_capital))
    words, content_words, named = (count[starts + size] - count[starts] for count in counts)
    gap = lag - size
    again = (gap <= 1) & ~_starts_over(batch, starts, starts + size)
    # Writers come back to a name, or later to a thing; speakers begin clause after clause alike ("we shall fight").
    far = np.where(content_words > 1, 8, np.where(_subject_first(batch, starts), 0, 4 * content_words))
    near = (gap > 1) & (gap <= far) & (named < content_words) & ~_parallel(batch, starts, lag)
    keep = (4 * words >= 3 * size) & (again | near)
    firsts = np.concatenate([starts[keep], (starts - lag)[keep]])
    return batch.token_mask(firsts, firsts + np.tile(size[keep], 2))


def _parallel(batch: Batch, starts: Ints, lag: Ints) -> Mask:
    """What is said of one quoted term and then of another: `"A" refers to the rules, and "B" refers to the rules`."""

    def closes(tokens: Ints) -> Mask:
        quote = np.isin(batch.codes[batch.starts[tokens]], [ord(sign) for sign in '"”’»'])
        return np.asarray(quote & (batch.starts[tokens] == batch.ends[tokens - 1]) & (tokens > 0))

    return np.asarray(closes(starts) & closes(starts - lag))


@marks("tokens", "“{span}” repeats the start of its clause", needs=("function_words", "conjunctions"))
def clause_echo(batch: Batch) -> Mask:
    """Tokens of two clauses that begin with the same four words: near each other, or the start of the sentence again.

    Why it is garble: a decoder that loses its position starts the clause again after the comma.
    Known false alarms: anaphora in speeches, prices and results.
    Reference: Lee et al. 2018, Hallucinations in Neural Machine Translation.
    Garbled: Mr Moyo said last week that in the north, Mr Moyo said last week that he would go.
    Garbled: Ms Byrne said last week that the towns on the border with Mali, Ms Byrne said last week that she won.
    Garbled: The old lighthouse stands at the end of the pier of the town the old lighthouse stands and ships pass.
    Clean: Mr Moyo said last week that in the north, where he grew up, he would not go.
    Clean: He held five per cent of the shares, and his son six per cent of the shares.
    """
    starts, size, lag, _ = _repeated_clauses(batch)
    opens = _breaks(batch) | batch.is_first_word
    opens[1:] |= opens[:-1]
    near = opens[starts] & opens[starts - lag] & (lag - size <= _NEAR)
    keep = near | _begins_again(batch, starts, lag)
    firsts = np.concatenate([starts[keep], (starts - lag)[keep]])
    return batch.token_mask(firsts, firsts + np.tile(size[keep], 2))


@marks("tokens", "the sentence begins again: “{span}”", needs=("function_words", "conjunctions", "subjects"))
def begins_again(batch: Batch) -> Mask:
    """Tokens of the first words of a sentence, five or more, where they come again after a comma or in a clause.

    Why it is garble: a decoder that loses its position starts the sentence again. People do so when they speak, but
    then mostly with a pronoun.
    Known false alarms: definitions of terms, refrains.
    Reference: Lee et al. 2018, Hallucinations in Neural Machine Translation.
    Garbled: Mr Moyo said last week that in the north, Mr Moyo said last week that he would go.
    Garbled: The old lighthouse stands at the end of the pier of the town the old lighthouse stands at last.
    Clean: Mr Moyo said last week that in the north, where he grew up, he would not go.
    Clean: We do a lot of hours before we see anyone, we do a lot of training.
    Clean: The old lighthouse stands at the pier, and the old lighthouse stands there still.
    """
    starts, size, lag, words = _repeated_clauses(batch)
    opening = lists.isin(batch.word_hash[starts], batch.hashes("subjects"))
    keep = _begins_again(batch, starts, lag) & (words >= _LONG_OPENING) & ~opening
    return batch.token_mask(starts[keep], (starts + size)[keep])


def _repeated_clauses(batch: Batch) -> tuple[Ints, Ints, Ints, Ints]:
    """First tokens of word sequences that come again and are clauses, their sizes, distances, and numbers of words."""
    starts, size, lag = _periodic(batch, 4)
    masks = (batch.is_word & ~batch.is_code, batch.is_content, batch.is_content & ~batch.is_capital)
    words, content, lower = (count[starts + size] - count[starts] for count in map(offsets, masks))
    # A name alone is no clause.
    keep = (content >= 2) & (lower >= 1) & (4 * words >= 3 * size) & ~_parallel(batch, starts, lag)
    return starts[keep], size[keep], lag[keep], words[keep]


def _begins_again(batch: Batch, starts: Ints, lag: Ints) -> Mask:
    """Which repeats are the start of the sentence once more, after a comma or in the middle of a clause.

    After a conjunction it is a parallel clause; after a filler such as "um" or the rest of a word, a speaker corrects
    themselves.
    """
    before = starts - 1
    after_word = batch.is_content[before] & (batch.length[before] > 2)
    after_comma = batch.codes[batch.starts[before]] == ord(",")
    return np.asarray(batch.is_first_word[starts - lag] & (after_word | after_comma))


@marks(
    "tokens",
    "“{span}” joins a thing to itself",
    needs=("function_words", "and_or", "between_joined", "said_and_said_again"),
)
def joined_to_itself(batch: Batch) -> Mask:
    """The same content word on both sides of "and" or "or", with or without an article.

    Why it is garble: two words of the source were translated by the same word.
    Known false alarms: more and more, hours and hours, better and better, face to face.
    Reference: the catalogue of Guerreiro et al. 2023.
    Garbled: Everything is flexible in design and design.
    Garbled: Do you need to opt out or to opt out of transport?
    Clean: It got better and better for hours and hours, again and again.
    """
    begins, before = batch.repeated_ngrams[1]
    content = batch.is_content
    linked = offsets(lists.isin(batch.word_hash, batch.hashes("and_or")))
    # Between the two stand the conjunction, a comma, articles and prepositions alone.
    comma = batch.codes[batch.starts] == ord(",")
    others = offsets(~(lists.isin(batch.word_hash, batch.hashes("between_joined")) | comma))
    joined = (linked[begins] > linked[before + 1]) & (others[begins] == others[before + 1])
    idiom = lists.isin(batch.word_hash[begins], batch.hashes("said_and_said_again")) | _goes_on(batch, begins)
    # "rail and rail safety" joins two things, and "this notice and a notice that ..." too; so does what a comma parts.
    after = np.minimum(begins + 1, batch.token_offsets[batch.sentence[begins] + 1] - 1)
    goes_on = batch.is_word[after] & (after > begins)
    commas = offsets(comma)
    unlike = batch.word_hash[begins - 1] != batch.word_hash[np.maximum(before - 1, 0)]
    parted = (commas[begins] > commas[before + 1]) | batch.is_function_word[begins - 1] & unlike
    direct = begins - before == 2
    other = goes_on & (content[after] & direct | ~direct & parted & ~_same_after(batch, before, begins))
    # "China Construction Bank and Bank of China", "Adventure and Adventure 02".
    longer = batch.is_capital[before - 1] & (before > batch.token_offsets[batch.sentence[before]])
    longer |= (batch.word_hash[after] == lists.hash_words(["of"])[0]) | ((batch.char_kinds[after] & DIGIT) != 0)
    # "Licence A or Licence A".
    longer |= batch.is_capital[after] & (batch.length[after] == 1)
    other |= _hyphened(batch, begins) | (batch.is_capital[before] & batch.is_capital[begins] & longer)
    keep = joined & content[begins] & ~(idiom & (begins - before <= 3)) & ~other
    return batch.token_mask(before[keep], begins[keep] + 1)


def _same_after(batch: Batch, before: Ints, begins: Ints) -> Mask:
    """Whether the same word follows both: "opt out or to opt out"."""
    after = np.minimum(begins + 1, len(batch.word_hash) - 1)
    return np.asarray(
        (batch.word_hash[before + 1] == batch.word_hash[after]) & (batch.sentence[after] == batch.sentence[begins])
    )


def _hyphened(batch: Batch, tokens: Ints) -> Mask:
    """Which of the tokens are parts of a compound with a hyphen."""
    before, after = batch.beside(batch.starts[tokens], -1), batch.beside(batch.ends[tokens], 0)
    return np.asarray((before == ord("-")) | (after == ord("-")))


def _goes_on(batch: Batch, tokens: Ints) -> Mask:
    """Words in -er, -ed and -ing: better and better, worked and worked, ringing and ringing."""
    ends = batch.ends[tokens]
    last = [batch.folded[np.maximum(ends - back, 0)] for back in (3, 2, 1)]

    def spelt(ending: str) -> Mask:
        letters = zip(last[-len(ending) :], ending, strict=True)
        return np.asarray(np.logical_and.reduce([letter == ord(char) for letter, char in letters]))

    return spelt("er") | spelt("ed") | spelt("ing")


@marks("tokens", "“{span}” occurs many times in the sentence", needs=("function_words",))
def repeated_word(batch: Batch) -> Mask:
    """Content words that stood in the sentence shortly before.

    Why it is garble: writers use a pronoun or nothing; a broken decoder repeats the word.
    Known false alarms: definitions, lists of results, long sentences.
    Reference: rep-n with n = 1, Welleck et al. 2020.
    Garbled: The function is then applied to the function of the function.
    Clean: The function is then applied to each of its own parts.
    Clean: Bravo, bravo, bravo!
    """
    begins, before = batch.repeated_ngrams[1]
    begins = begins[begins - before < _STRETCH]
    mask = np.zeros(len(batch.starts), bool)
    mask[begins] = (batch.is_content & ~_is_exclamation(batch))[begins]
    return mask


# What is needed to tell names from other words.
_OF_NAMES = ("names_capitalised", "function_words", "conjunctions", "indefinite", "determiners")


@marks("tokens", "“{span}” occurs on both sides of the clause", needs=_OF_NAMES)
def name_echo(batch: Batch) -> Mask:
    """A full name that occurs twice in one clause, without punctuation or a conjunction between.

    Why it is garble: who did it and to whom it was done are told apart by name; broken decoders put one name in both
    places.
    Known false alarms: a firm and its founder, a title and its subject.
    Reference: Guerreiro et al. 2023, repetitions that no n-gram count sees.
    Garbled: Anna Rossi told state radio Anna Rossi that all was well.
    Garbled: The Ariane 5 launches the Ariane 5 launcher.
    Clean: Anna Rossi told state radio that she and Marco Rossi were well.
    """
    return _echoed_names(batch, 2, 99)


@marks("tokens", "“{span}” occurs on both sides of the clause", needs=_OF_NAMES)
def short_name_echo(batch: Batch) -> Mask:
    """The same for names of one word.

    Why it is garble: as for full names, but people sometimes do this, too.
    Known false alarms: a place and its people, possessives, namesakes.
    Reference: Guerreiro et al. 2023.
    Garbled: Then Rossi told state radio Rossi that all was well.
    Clean: Then Rossi told state radio that she and Marco were well.
    """
    return _echoed_names(batch, 1, 1)


def _echoed_names(batch: Batch, least: int, most: int) -> Mask:
    """Names of `least` to `most` tokens that come twice in a clause, the second time perhaps in part."""
    named = _names(batch)
    names = runs(named, batch.token_offsets)
    clause = np.cumsum(_breaks(batch) | batch.is_first_word, dtype=np.int64)
    heads = np.flatnonzero(named)
    before = recurs(batch.word_hash[heads], clause[heads])
    again = heads[before >= 0]
    owner = np.searchsorted(names.starts, again, side="right") - 1
    first = np.searchsorted(names.starts, heads[before[before >= 0]], side="right") - 1
    firsts, lasts = [], []
    nouns = batch.is_content & ~batch.is_capital
    # Few names come again at all, so each is looked at by itself.
    for one, other in {*zip(first.tolist(), owner.tolist(), strict=True)}:
        spans = [(int(names.starts[k]), int(names.ends[k])) for k in (one, other)]
        short, long = sorted((batch.word_hash[a:b].tolist() for a, b in spans), key=len)
        close = one != other and spans[1][0] - spans[0][1] <= _NEAR
        # "Baden-Baden" is one name.
        close = close and batch.text[batch.ends[spans[0][1] - 1] : batch.starts[spans[1][0]]] != "-"
        close = close and not _are_two(batch, nouns, spans)
        if close and least <= len(short) <= most and (len(short) > 1 or len(long) == 1) and _within(short, long):
            firsts += [a for a, _ in spans]
            lasts += [b for _, b in spans]
    return batch.token_mask(np.array(firsts, np.int64), np.array(lasts, np.int64))


def _are_two(batch: Batch, nouns: Mask, spans: list[tuple[int, int]]) -> bool:
    """Whether two mentions of a name are of two things: "a Modified Version", "Strauss the Elder", "DNA samples"."""
    (_, first_end), (second, second_end) = spans
    before = {batch.pieces(start - 1, start).lower() for start, _ in spans if start}
    if before & batch.language.words("indefinite") and before <= batch.language.words("determiners"):
        return True
    if second_end + 1 >= batch.token_offsets[batch.sentence[second] + 1]:
        return False
    told_apart = bool(batch.is_function_word[first_end]) and batch.word_hash[first_end] == batch.word_hash[second_end]
    if told_apart and batch.is_capital[first_end + 1] and batch.is_capital[second_end + 1]:
        return bool(batch.word_hash[first_end + 1] != batch.word_hash[second_end + 1])
    if second_end - second > 1:
        return False
    # One word, then a noun or a hyphen: it says what kind of thing.
    after = batch.text[batch.ends[second_end - 1] : batch.ends[second_end - 1] + 1]
    stops = batch.text[batch.starts[second_end]] == "." and bool(batch.is_capital[second_end + 1])
    return after == "-" or stops or bool(nouns[second_end])


def _within(short: list[int], long: list[int]) -> bool:
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))


# Tokens between two mentions of a name: a long clause may well come back to its subject.
_NEAR = 8


def _names(batch: Batch) -> Mask:
    """Capitalised words that are no function words, and the numbers that follow them."""
    named = batch.is_capital & (batch.length > 1) & ~batch.is_function_word & ~batch.is_code
    number = (batch.char_kinds & (DIGIT | LETTER)) == DIGIT
    named[1:] |= number[1:] & named[:-1] & (batch.sentence[1:] == batch.sentence[:-1])
    return named


def _breaks(batch: Batch) -> Mask:
    """Tokens that begin a new clause: punctuation other than hyphens and full stops, and conjunctions."""
    signs = np.isin(batch.codes[batch.starts], [ord(sign) for sign in ',;:()[]"“”„«»–—/|!?…&'])
    return signs | lists.isin(batch.word_hash, batch.hashes("conjunctions"))


@marks("characters", "“{span}” repeats inside a word")
def loop_in_word(batch: Batch) -> Mask:
    """Letters of a word in which a piece of two or more letters occurs three times in a row.

    Why it is garble: decoders that work on subword pieces get stuck on a piece.
    Known false alarms: laughter (hahaha), sound words, chemical names. Codes are let pass: words with a digit, hashes
    and sequences of bases.
    Reference: Guerreiro et al. 2023.
    Garbled: It was a WhiteWhiteWhite house.
    Clean: Mississippi has bananas, hahaha.
    Clean: The probe ATATATATATAT has the key c0ffeec0ffeec0ffee.
    """
    letters, sounds = batch.folded, batch.language.words("exclamations")
    firsts, lasts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for period in range(2, 9):
        # Only words long enough to hold the piece three times are worth a look.
        words = np.flatnonzero((batch.length >= 3 * period) & batch.is_word)
        places = spread(batch.starts[words] + period, batch.ends[words])
        same = places[letters[places] == letters[places - period]]
        turns = streaks(same)
        thrice = turns.lengths >= 2 * period
        begins, ends = turns.starts[thrice] - period, turns.ends[thrice]
        token = np.searchsorted(batch.starts, begins, side="right") - 1
        edges = zip(batch.starts[token].tolist(), batch.ends[token].tolist(), begins.tolist(), strict=True)
        stuck = np.array(
            [
                _is_stuck(batch.text[begin : begin + period], sounds) and not _CODE.fullmatch(batch.text, start, end)
                for start, end, begin in edges
            ],
            bool,
        )
        firsts.append(begins[stuck])
        lasts.append(ends[stuck])
    return batch.char_mask(np.concatenate(firsts), np.concatenate(lasts))


# A word with a digit, a sequence of bases, a hash or key in hexadecimal.
_CODE = re.compile(r"\w*\d\w*|[ACGTUN]+|[0-9a-fA-F]{8,}")


def _is_stuck(piece: str, sounds: Collection[str]) -> bool:
    """Whether a repeated piece is more than a drawn-out letter, laughter or the like."""
    doubled = piece.lower() * 2
    same = (sound for sound in sounds if len(sound) == len(piece))
    # Wherever in a sound the repetition was caught, the sound stands in two turns of it.
    return len(set(piece.lower())) > 1 and not any(sound in doubled for sound in same)


@measures("the sentence is repetitive", needs=("compression",))
def compressibility(batch: Batch) -> Floats:
    """How much better the sentence compresses than clean ones of its length: 0 for those, 1 for no new content.

    Why it is garble: all repetition compresses well, whatever its form.
    Known false alarms: tables, lists of similar items, very long sentences.
    Reference: Whisper's compression-ratio rule, Radford et al. 2022; corrected for length here.
    Garbled: The BIP is the BIP of the BIP, which is the BIP that the BIP is after the BIP of the BIP.
    Clean: The gross domestic product grew by two per cent in the year after the reform was passed.
    """
    if batch.language.compression is None:
        return np.zeros(len(batch))
    packed_at_one, growth = batch.language.compression
    pieces = _IN_A_ROW.sub(r"\1", batch.text).split(BORDER)[:-1]
    long = np.array([len(piece) >= _SHORT for piece in pieces], bool)
    sentences = [piece.encode("utf-8", "replace") for piece in pieces if len(piece) >= _SHORT]
    raw = np.array([len(sentence) for sentence in sentences], float)
    packed = np.array([len(zlib.compress(sentence, 6, -15)) for sentence in sentences], float)
    expected = np.minimum(packed_at_one * np.maximum(raw, 1) ** growth, raw + 2)
    values = np.zeros(len(batch))
    values[long] = np.clip(1 - packed / expected, 0, 1)
    return values


# Rules, leaders and the gaps of columns say nothing, so a sign or space counts once.
_IN_A_ROW = re.compile(r"([^\w\u2029])\1+")
# Of fewer characters the packed size says nothing.
_SHORT = 40


def _sentence_keys(batch: Batch) -> Columns:
    """(sentences,) the key of what each says, its words, its document and paragraph; one without tokens has key 0."""
    filled = np.flatnonzero(np.diff(batch.token_offsets))
    key = np.zeros(len(batch), np.uint64)
    key[filled] = hash_runs(batch.word_hash, batch.token_offsets[filled], batch.token_offsets[filled + 1])
    size = row_sums(batch.is_word, batch.token_offsets)
    # Headings and short items say the same under each other.
    size[(batch.kind == HEADING) | ((batch.kind == LIST) & (size < _LONG_SENTENCE))] = 0
    return key, size, batch.document, batch.paragraph


def _is_repeated(keys: Hashes, sizes: Floats, documents: Ints, paragraphs: Ints) -> Mask:
    """(sentences,) those that stand in the text already."""
    mask = np.zeros(len(keys), bool)
    filled = np.flatnonzero(keys)
    key, size, document = keys[filled], sizes[filled], documents[filled]
    before = recurs(key, document)
    # What comes again far off is a quotation or a form, and so is what a heading or an item parts.
    apart = filled - filled[before]
    paragraphs_apart = paragraphs[filled] - paragraphs[filled[before]]
    # In manuals, what is said of one function is said of the next.
    least = np.select([paragraphs_apart <= 1, paragraphs_apart == 2], [_LONG_SENTENCE, 2 * _LONG_SENTENCE], np.inf)
    long = (before >= 0) & (apart <= 4) & (size >= least)
    same = np.zeros(len(filled) + 1, bool)
    same[1:-1] = (key[1:] == key[:-1]) & (document[1:] == document[:-1])
    thrice = runs(same[1:], np.array([0, len(filled)]))
    keep = thrice.lengths >= 2
    running = cover(thrice.starts[keep], thrice.ends[keep] + 1, len(filled)) & (size >= 3)
    mask[filled[long | running]] = True
    return mask


# Words of a sentence that nobody writes twice by chance.
_LONG_SENTENCE = 8


@marks("tokens", "this sentence already occurs in the text", survey=Survey(_sentence_keys, _is_repeated))
def sentence_again(batch: Batch, again: Mask) -> Mask:
    """A sentence of eight or more words that occurred up to four sentences before; a shorter one three times in a row.

    Why it is garble: decoders repeat sentences, and pages are extracted twice.
    Known false alarms: refrains, liturgies, forms, intended repetition of quotations.
    Reference: Gopher's duplicate-line rules, Rae et al. 2021.
    Garbled: The ferry left at dawn with nine men. It was cold. The ferry left at dawn with nine men.
    Garbled: He was not there. He was not there. He was not there.
    Clean: The ferry left at dawn with nine men. It was cold. The ferry came back with eight. No. No. No.
    """
    return batch.token_mask(batch.token_offsets[:-1][again], batch.token_offsets[1:][again])
