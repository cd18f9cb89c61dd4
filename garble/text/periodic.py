"""Loops in any text: words, phrases, paragraphs, pieces of words and marks that come round again and again.

A loop is a stretch of tokens that repeats with one period: token i is the same as token i + period. Words, and
characters in scripts without spaces, are the tokens. Case and punctuation do not count, nor do numbers that only
number lines or tell the time, so a loop goes on across cues, bullets and list numbers. No language is assumed; one
short English list says which words are laughter and calls.

The maximal repetitions of a sequence are found by naming its n-grams for n = 1, 2, 4, ... (Karp, Miller and Rosenberg
1972, Rapid identification of repeated patterns): where every n-gram of a stretch stood `period` tokens before, the
stretch has that period. A primitive unit of n tokens or fewer does not occur inside its own repetition at any other
distance (Fine and Wilf 1965), so all repetitions of three turns and more are seen. Periods end at LONGEST tokens, so
the number of n-grams looked at is linear in the text. Kolpakov and Kucherov 1999 (Finding maximal repetitions in a
word in linear time) show that a text has no more than a linear number of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from garble.languages import ENGLISH
from garble.text.alphabet import (
    DIGIT,
    FOLD,
    IDEOGRAPH,
    KIND,
    LETTER,
    MARK,
    PUNCTUATION,
    SPACE,
    WORD,
    Codes,
    Hashes,
    encode,
    hash_runs,
    mix,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Tokens: a loop with a longer period is not looked for.
LONGEST = 1024
# Characters: the longest period within a word.
_LONGEST_IN_WORD = 64


@dataclass(frozen=True, slots=True)
class Loop:
    """One stretch that goes round in circles, `text[start:end]`; its first turn is `text[start:first_end]`.

    period: tokens of a turn; characters where the loop lies within a word or is a run of one mark.
    copies: how many turns there are, a last one that was cut off counted in part.
    """

    start: int
    end: int
    first_end: int
    period: int
    copies: float

    def moved(self, by: int) -> Loop:
        """The same so many characters further on."""
        return Loop(self.start + by, self.end + by, self.first_end + by, self.period, self.copies)


class Tokens(NamedTuple):
    """The words of a text as columns, without numbers that only count or tell the time.

    key: the same for the same word in any case. words: 1 each, of ideographs a half. letters: how many, of an ideograph
    two and a half, of numbers none. digits: those of numbers. At the end of each text stands one that is empty.
    """

    starts: Ints
    ends: Ints
    key: Hashes
    words: Floats
    letters: Floats
    digits: Floats


class Runs(NamedTuple):
    """Stretches of tokens [start, end) that repeat with a period."""

    starts: Ints
    ends: Ints
    periods: Ints

    def where(self, keep: Mask) -> Runs:
        """Some of them."""
        return Runs(self.starts[keep], self.ends[keep], self.periods[keep])


def loops(text: str) -> tuple[Loop, ...]:
    """The loops of `text`, in order; none lies within another."""
    return loops_of([text])[0]


def loops_of(texts: Sequence[str]) -> list[tuple[Loop, ...]]:
    """The loops of each text; many short ones take less time together."""
    windows = [_windows(text) for text in texts]
    if all(len(own) == 1 for own in windows):
        return [tuple(found) for found in _found(texts)]
    pieces = (text[begin:end] for text, own in zip(texts, windows, strict=True) for begin, end in own)
    each = (_found([piece])[0] for piece in pieces)
    return [tuple(_joined(loop.moved(begin) for begin, _ in own for loop in next(each))) for own in windows]


def _found(texts: Sequence[str]) -> list[list[Loop]]:
    whole = _BORDER.join(["", *texts, ""])
    codes = encode(whole)
    sizes = np.array([len(text) + len(_BORDER) for text in texts], np.int64)
    ends = np.cumsum(sizes)
    tokens = _bordered(_tokens(codes), ends)
    found = _apart(_in_tokens(whole, tokens) + _in_words(whole, codes, tokens) + _in_marks(whole, codes))
    begins = (ends - sizes + len(_BORDER)).tolist()
    owners = np.searchsorted(ends, [loop.start for loop in found], side="right").tolist()
    of_each: list[list[Loop]] = [[] for _ in texts]
    for loop, owner in zip(found, owners, strict=True):
        of_each[owner].append(loop.moved(-begins[owner]))
    return of_each


# Before, between and behind texts.
_BORDER = "\n\0\n"
# Characters of a window, and those that it shares with the next: what is longer than those is seen in both.
_WINDOW, _SHARED = 1 << 21, 1 << 17


def _windows(text: str) -> list[tuple[int, int]]:
    """The stretches of a text that are read one after another, so that memory does not grow with it."""
    step = _WINDOW - _SHARED
    begins = range(0, max(len(text) - _SHARED, 1), step)
    # A window begins with a line where it can.
    starts = [(begin and text.find("\n", begin, begin + _SHARED // 2) + 1) or begin for begin in begins]
    return [(start, min(begin + _WINDOW, len(text))) for start, begin in zip(starts, begins, strict=True)]


def _joined(found: Iterable[Loop]) -> Iterator[Loop]:
    """Loops of windows in order, those that two windows saw as one."""
    last: Loop | None = None
    for loop in found:
        if last and loop.end <= last.end:
            continue
        if last and loop.start < last.end and loop.period == last.period:
            more = (loop.end - last.end) * (loop.copies - 1) / (loop.end - loop.first_end)
            last = Loop(last.start, loop.end, last.first_end, loop.period, round(last.copies + more, 2))
            continue
        if last:
            yield last
        last = loop
    if last:
        yield last


def looped_share(loops: Sequence[Loop], size: int) -> float:
    """The share of a text of `size` characters that stands in loops beyond their first turn."""
    return sum(loop.end - loop.first_end for loop in loops) / size if size else 0.0


def _apart(found: list[Loop]) -> tuple[Loop, ...]:
    """Those that do not lie in another; where two overlap, the later one begins where the earlier ends."""
    kept: list[Loop] = []
    reached = 0
    for loop in sorted(found, key=lambda loop: (loop.start, -loop.end)):
        start, first_end = max(loop.start, reached), max(loop.first_end, reached)
        if start < loop.end and (start == loop.start or loop.end - start >= loop.first_end - loop.start):
            if start > loop.start:
                copies = round(loop.copies * (loop.end - start) / (loop.end - loop.start), 2)
                loop = Loop(start, loop.end, first_end, loop.period, copies)
            kept.append(loop)
            reached = loop.end
    return tuple(kept)


# Tokens.


def _tokens(codes: Codes) -> Tokens:
    edges = _cuts(codes)
    parts = [_words_in(codes[a:b], a) for a, b in pairwise(edges)]
    starts, ends, key, ideograph = (np.concatenate(column) for column in zip(*parts, strict=True))
    number = _numbers(codes, starts, ends)
    digits = np.zeros(len(starts))
    digits[number] = (ends - starts)[number]
    words = np.where(ideograph, 0.5, 1.0)
    # A word of Chinese has two characters, one of English five letters.
    letters = np.where(ideograph, 2.5, ends - starts)
    letters[number] = 0
    kept = np.ones(len(starts), bool)
    kept[number[_only_counts(codes, starts[number], ends[number])]] = False
    kept[_letters_of_items(codes, starts, ends)] = False
    return Tokens(starts[kept], ends[kept], key[kept], words[kept], letters[kept], digits[kept])


def _bordered(tokens: Tokens, borders: Ints) -> Tokens:
    """The tokens with an empty one, like no other, at each border."""
    at = np.searchsorted(tokens.starts, borders)
    keys = mix(np.arange(len(borders), dtype=np.uint64) + (np.uint64(1) << np.uint64(40)))
    return Tokens(
        np.insert(tokens.starts, at, borders),
        np.insert(tokens.ends, at, borders),
        np.insert(tokens.key, at, keys),
        *(np.insert(column, at, 0.0) for column in (tokens.words, tokens.letters, tokens.digits)),
    )


# Characters at a time: what is made of them stays in the processor's cache.
_PIECE, _NEAR = 1 << 17, 1 << 10


def _cuts(codes: Codes) -> list[int]:
    """Where to cut the text into pieces: before a space or an ideograph, so that no word is cut."""
    cuts = [0]
    while len(codes) - cuts[-1] > _PIECE:
        at = cuts[-1] + _PIECE
        while not len(edge := np.flatnonzero(_parts(codes[at : at + _NEAR]))) and at < len(codes):
            at += _NEAR
        if not len(edge):
            break
        cuts.append(at + int(edge[0]))
    return [*cuts, len(codes)]


def _parts(codes: Codes) -> Mask:
    kind = KIND[codes]
    return np.asarray((kind == SPACE) | (kind == IDEOGRAPH))


def _words_in(codes: Codes, at: int) -> tuple[Ints, Ints, Hashes, Mask]:
    """Start, end, key and whether it is an ideograph, of every word of a piece that begins at `at`."""
    n = len(codes)
    kind, folded = KIND[codes], FOLD[codes]
    word = (kind & WORD) != 0
    quotes = np.flatnonzero(folded == ord("'"))
    quotes = quotes[(quotes > 0) & (quotes < n - 1)]
    word[quotes[(kind[quotes - 1] & kind[quotes + 1] & LETTER) != 0]] = True
    ideograph = kind == IDEOGRAPH
    joins = np.zeros(n + 1, bool)
    joins[1:n] = word[1:] & (word[:-1] | (ideograph[:-1] & (kind[1:] == MARK)))
    filled = word | ideograph
    starts = np.flatnonzero(filled & ~joins[:n])
    ends = np.flatnonzero(filled & ~joins[1:]) + 1
    return starts + at, ends + at, _keys(folded, starts, ends), ideograph[starts]


def _numbers(codes: Codes, starts: Ints, ends: Ints) -> Ints:
    """The tokens that are digits and nothing else."""
    likely = np.flatnonzero((KIND[codes[starts]] == DIGIT) & (KIND[codes[ends - 1]] == DIGIT))
    if not len(likely):
        return likely
    # A number that a letter stands in (3rd2) begins and ends with a digit too.
    sizes = ends[likely] - starts[likely]
    begins = np.cumsum(sizes) - sizes
    inside = np.arange(int(sizes.sum())) + np.repeat(starts[likely] - begins, sizes)
    return np.asarray(likely[np.bitwise_or.reduceat(KIND[codes[inside]], begins) == DIGIT])


def _at(codes: Codes, places: Ints) -> Codes:
    """The code points at `places`; a line feed beyond the edges of the text."""
    inside = (places >= 0) & (places < len(codes))
    return np.asarray(np.where(inside, codes[np.where(inside, places, 0)], ord("\n")), np.uint32)


def _is_one_of(codes: Codes, signs: str) -> Mask:
    return np.asarray(np.logical_or.reduce([codes == ord(sign) for sign in signs]))


def _only_counts(codes: Codes, starts: Ints, ends: Ints) -> Mask:
    """Numbers that tell the time (00:01,500), number an item (12. or (12) or 12:), or stand alone on their line."""
    before, after = _at(codes, starts - 1), _at(codes, ends)
    earlier, later = _at(codes, starts - 2), _at(codes, ends + 1)
    # Numbers with one sign between them are a chain; it is a cue's time where it begins a line, a bracket or "--> ".
    chained = np.zeros(len(starts), bool)
    chained[1:] = (starts[1:] == ends[:-1] + 1) & _is_one_of(before[1:], ":.,")
    chain = np.cumsum(~chained)
    indented = (before == ord(" ")) & ((KIND[earlier] == SPACE) | (earlier == ord(">")))
    leads = ~chained & (_is_one_of(before, "\n\r[(<*") | indented)
    clock = np.isin(chain, chain[leads]) & np.isin(chain, chain[chained & (before == ord(":"))])
    opens = (KIND[before] == SPACE) | _is_one_of(before, "(_")
    item = opens & _is_one_of(after, ".):") & (KIND[later] == SPACE) & (ends - starts <= 4)
    alone = _is_one_of(before, "\n\r") & _is_one_of(after, "\n\r")
    return np.asarray(clock | item | alone)


def _letters_of_items(codes: Codes, starts: Ints, ends: Ints) -> Ints:
    """The tokens that are the letter of an item: a) or (b)."""
    likely = np.flatnonzero((_at(codes, ends) == ord(")")) & (ends - starts == 1))
    before, later = _at(codes, starts[likely] - 1), _at(codes, ends[likely] + 1)
    return np.asarray(likely[((KIND[before] == SPACE) | (before == ord("("))) & (KIND[later] == SPACE)])


# Characters of a word that are hashed one after another; longer words are few.
_SPELT = 16


def _keys(folded: Codes, starts: Ints, ends: Ints) -> Hashes:
    keys = np.zeros(len(starts), np.uint64)
    live, at, lengths = np.arange(len(starts)), starts, ends - starts
    for step in range(1, _SPELT + 1):
        keys[live] = keys[live] * _FACTOR + folded[at] + np.uint64(1)
        more = lengths > step
        live, at, lengths = live[more], at[more] + 1, lengths[more]
    keys = mix(keys)
    keys[live] = hash_runs(folded, starts[live], ends[live])
    return keys


# Repetitions.


def periodic(keys: Hashes, longest: int = LONGEST) -> Runs:
    """The stretches in which every key is the same as the one `period` before it, two turns or more.

    All of three turns and more with a period up to `longest` are there, and most of two.
    """
    # Blocks that a processor's cache holds. They share so much that what is short lies in one, and what is long is
    # seen in both.
    shared = 4 * longest
    step = max(_BLOCK, 4 * shared)
    found = [_shifted(_in_block(keys[at : at + step + shared], longest), at) for at in range(0, len(keys), step)]
    return _merged(Runs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))) if found else _NONE


_BLOCK = 1 << 16
_NONE = Runs(*(np.zeros(0, np.int64) for _ in range(3)))


def _shifted(runs: Runs, by: int) -> Runs:
    return Runs(runs.starts + by, runs.ends + by, runs.periods)


def _in_block(keys: Hashes, longest: int) -> Runs:
    found = [_NONE]
    count = len(keys)
    rolled, power = _rolled(keys)
    # How far the stretches that were found reach, by the places that lie in them.
    reach = np.zeros(count, np.int64)
    places, grams, size = np.arange(count), keys, 1
    while len(places) > 1:
        later, earlier = _returns(grams)
        lag = places[later] - places[earlier]
        near = lag <= longest
        later, earlier = later[near], earlier[near]
        lags = np.zeros(len(places), np.int64)
        lags[later] = lag[near]
        edge = np.ones(len(places) + 1, bool)
        edge[1:-1] = (lags[1:] != lags[:-1]) | (places[1:] != places[:-1] + 1)
        cuts = np.flatnonzero(edge)
        first, last, period = places[cuts[:-1]], places[cuts[1:] - 1], lags[cuts[:-1]]
        keep = (period > 0) & (last - first + size >= period)
        found.append(Runs(first[keep] - period[keep], last[keep] + size, period[keep]))
        if size >= longest:
            break
        lies = np.repeat(keep, np.diff(cuts))
        reach[places[lies]] = np.maximum(reach[places[lies]], np.repeat(last, np.diff(cuts))[lies] + size)
        held = np.flatnonzero(reach)
        room = reach[held] - held
        # The n-gram of twice the size comes again only where both its halves do ...
        again = np.zeros(count + 1, bool)
        again[places[later]] = again[places[earlier]] = True
        again[held[room >= size]] = True
        again[:-size] &= again[size:]
        again[-size:] = False
        # ... and tells nothing new where it lies within a stretch that was found.
        size *= 2
        again[held[room >= size]] = False
        places = np.flatnonzero(again)
        grams = _grams(rolled, power, places, size)
    return _grown(_merged(Runs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))), rolled, power)


def _rolled(keys: Hashes) -> tuple[Hashes, Hashes]:
    """Sums and powers of which every n-gram's hash can be made: (sums[i + n] - sums[i]) * power[i]."""
    factors = np.full(len(keys), _FACTOR, np.uint64)
    inverse = np.full(len(keys), pow(int(_FACTOR), -1, 1 << 64), np.uint64)
    factors[:1] = inverse[:1] = 1
    sums = np.zeros(len(keys) + 1, np.uint64)
    np.cumsum(keys * np.cumprod(inverse, dtype=np.uint64), out=sums[1:])
    return sums, np.cumprod(factors, dtype=np.uint64)


_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def _returns(grams: Hashes) -> tuple[Ints, Ints]:
    """The places that hold what an earlier place held, and the last such place."""
    # One sort of hash and place packed together is several times quicker than a stable argsort.
    low = (np.uint64(1) << np.uint64(len(grams).bit_length())) - np.uint64(1)
    packed = np.sort((grams & ~low) | np.arange(len(grams), dtype=np.uint64))
    same = np.flatnonzero((packed[1:] | low) == (packed[:-1] | low))
    order = (packed & low).astype(np.int64)
    return order[same + 1], order[same]


def _grams(rolled: Hashes, power: Hashes, places: Ints, size: int) -> Hashes:
    return mix((rolled[places + size] - rolled[places]) * power[places])


def _grown(runs: Runs, rolled: Hashes, power: Hashes) -> Runs:
    """The runs in full: an n-gram that was passed over may hide their first and last tokens."""
    count = len(power)
    starts, ends = runs.starts.copy(), runs.ends.copy()
    # How far the text goes on in the same way, power of two by power of two.
    for step in (1 << np.arange(count.bit_length())[::-1]).tolist():
        live = np.flatnonzero(starts >= step)
        place = starts[live] - step
        same = _grams(rolled, power, place, step) == _grams(rolled, power, place + runs.periods[live], step)
        starts[live[same]] -= step
        live = np.flatnonzero(ends + step <= count)
        place = ends[live]
        same = _grams(rolled, power, place, step) == _grams(rolled, power, place - runs.periods[live], step)
        ends[live[same]] += step
    return Runs(starts, ends, runs.periods)


def _merged(runs: Runs) -> Runs:
    """Runs of one period that share a turn are one."""
    order = np.lexsort((runs.starts, runs.periods))
    starts, ends, periods = (part[order] for part in runs)
    # The furthest end so far within each period: periods are kept apart by adding to all that belongs to one.
    apart = periods * (np.max(ends, initial=0) + 1)
    reached = np.maximum.accumulate(ends + apart) - apart
    heads = np.flatnonzero(np.append(True, (periods[1:] != periods[:-1]) | (starts[1:] > reached[:-1] - periods[1:])))
    if not len(starts):
        return runs
    return Runs(starts[heads], np.maximum.reduceat(ends, heads), periods[heads])


# Loops of words.


def _in_tokens(text: str, tokens: Tokens) -> list[Loop]:
    runs = periodic(tokens.key)
    words, letters, digits = (_of_turns(column, runs) for column in (tokens.words, tokens.letters, tokens.digits))
    copies = (runs.ends - runs.starts) / runs.periods
    # What no rule admits is sorted out first, all at once.
    fewest = _fewest(runs.periods, words, letters)
    likely = np.flatnonzero((copies >= fewest) & ((letters >= digits) | (runs.periods == 1)))
    likely = likely[np.lexsort((-runs.ends[likely], runs.starts[likely]))]
    columns = [column[likely].tolist() for column in (*runs, words, letters, fewest)]
    admitted = np.zeros(len(copies), bool)
    reached = 0
    for place, (first, last, period, *turn) in zip(likely.tolist(), zip(*columns, strict=True), strict=True):
        # What lies within a loop need not be asked.
        if last > reached and last - first >= period * _least(text, tokens, first, last, period, *turn):
            admitted[place] = True
            reached = last
    if not admitted.any():
        return []
    found = _bridged(runs, admitted, tokens)
    return [_loop(text, tokens, *run) for run in zip(*(part.tolist() for part in found), strict=True)]


def _of_turns(column: Floats, runs: Runs) -> Floats:
    """What the tokens of each run's first turn come to."""
    sums = np.concatenate([[0.0], np.cumsum(column)])
    return np.asarray(sums[runs.starts + runs.periods] - sums[runs.starts])


def _bridged(runs: Runs, admitted: Mask, tokens: Tokens) -> Runs:
    """The admitted runs, joined with those of the same turn that stand a spoilt copy before or after them."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(tokens.key, dtype=np.uint64)])
    # The same wherever in the turn a run begins.
    turn = mix(sums[runs.starts + runs.periods] - sums[runs.starts] + runs.periods.astype(np.uint64))
    # A word or two comes twice by chance.
    sure = admitted | (runs.periods > 2) | (runs.ends - runs.starts >= 3 * runs.periods)
    some = np.flatnonzero(sure & np.isin(turn, turn[admitted]))
    order = some[np.lexsort((runs.starts[some], turn[some]))]
    starts, ends, periods = runs.starts[order], runs.ends[order], runs.periods[order]
    text = np.cumsum(tokens.starts == tokens.ends)[starts]
    joined = (turn[order][1:] == turn[order][:-1]) & (text[1:] == text[:-1])
    joined &= starts[1:] - ends[:-1] <= _spoilt(periods[1:])
    heads = np.flatnonzero(np.append(True, ~joined))
    keep = np.logical_or.reduceat(admitted[order], heads)
    return Runs(starts[heads], np.maximum.reduceat(ends, heads), periods[heads]).where(keep)


def _spoilt(periods: Ints) -> Floats:
    """The most tokens that a spoilt copy may have."""
    return np.asarray(1.5 * periods + 4)


def _loop(text: str, tokens: Tokens, first: int, last: int, period: int) -> Loop:
    end = int(tokens.ends[last - 1])
    begin, cut = int(tokens.starts[last]), int(tokens.ends[last])
    # A text may end in the middle of a word of the loop.
    if begin < cut and int(tokens.starts[last + 1]) == int(tokens.ends[last + 1]):
        due = text[int(tokens.starts[last - period]) : int(tokens.ends[last - period])].lower()
        if due.startswith(text[begin:cut].lower()) and not text[cut : int(tokens.starts[last + 1])].strip():
            end = cut
    first_end = int(tokens.ends[first + period - 1])
    return Loop(int(tokens.starts[first]), end, first_end, period, round((last - first) / period, 2))


# The rules below were set on 350 million characters of text by people. What is left there was mostly pasted by its
# writer again and again.

# So often laughter and single letters must come.
_MANY = 16.0


def _fewest(periods: Ints, words: Floats, letters: Floats) -> Floats:
    """No run of fewer copies is a loop, whatever else is in it."""
    return np.select(
        [
            periods == 1,
            words <= 2,
            words <= 4,
            (words >= 16) & (letters >= 80),
            (words >= 5) & (letters >= 30),
        ],
        [
            np.select([letters == 0, letters <= 3], [4.0, 6.0], 5.0),
            np.where(letters <= 5, 7.0, 5.0),
            np.where(letters <= 5, 8.0, 4.0),
            2.5,
            3.0,
        ],
        4.0,
    )


# Of a turn no more characters than this are read.
_READ = 2000
_STOPS = re.compile(r"[.。．…]")
_ENDS = re.compile(r"[.!?。！？…:\"”»)\]♪]\s*\n")
# Signs of tables, blanks to fill in, formulas and paths: people write no prose in which every fourth word has one.
_SIGNS = re.compile(
    r"[\t\\{}=&☐□]|(?<!<)\|(?!>)| (?:[+%^<]|[<>!=]=|<<|\*\*|//) |_{3}|\.{4}|\[ ?\]|\d{4}-\d\d-\d\d|\s/\w|\w\[\d+\]:"
)
_SIGNS_A_WORD = 0.25
# Records of a log.
_RECORD = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d|\d+\.\d+\.\d+\.\d+|\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL)\b"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d+ +\d\d:\d\d"
)


def _least(
    text: str, tokens: Tokens, first: int, last: int, period: int, words: float, letters: float, least: float
) -> float:
    """How many copies make a loop of this turn; infinite for what people repeat on purpose."""
    if period == 1:
        return _least_of_word(text, tokens, first, last, letters)
    begin, next_turn = int(tokens.starts[first]), int(tokens.starts[first + period])
    turn = text[begin : min(next_turn, begin + _READ)]
    shown = min(first + 4 * period, last - 1)
    turns = text[begin : min(int(tokens.starts[shown]), begin + _READ)]
    if len(_SIGNS.findall(turns)) >= _SIGNS_A_WORD * words * (shown - first) / period or _RECORD.search(turns):
        return np.inf
    if not letters:
        return np.inf
    if words <= 4 and _is_marker(text, begin, int(tokens.ends[first + period - 1])):
        return min(least, 6.0)
    if words <= 4 and _is_sound(text, tokens, first, first + period):
        return _MANY
    if words <= 2 and letters <= 5 and not turn.replace(" ", "").isalpha():
        # Mm-hmm.
        least = 12.0
    stopped = bool(_STOPS.search(turn))
    if words == 2 == period and not stopped and tokens.letters[first : first + period].min() <= 3:
        # Over and over and over.
        least = max(least, 6.0)
    if words <= 4 and "!" in turn and not stopped:
        # Four more years!
        least *= 1.5
    if words <= 4 and "\n" in turn:
        # The response of a litany has its line.
        least = max(least, 5.0)
    if words <= 10 and "\n" in turn and not _ENDS.search(turn + "\n" * (turn[-1:] == "\n")):
        # Lines that do not end as sentences do are verse, chat or a list.
        least = max(least, 6.0)
    return least


def _least_of_word(text: str, tokens: Tokens, first: int, last: int, letters: float) -> float:
    begin, end = int(tokens.starts[first]), int(tokens.ends[first])
    word, shown = text[begin:end], min(last - first, 12)
    stretch = text[begin : int(tokens.ends[first + shown - 1])]
    if _is_marker(text, begin, end):
        return 6.0 if letters and word.isalpha() else 4.0
    if not letters or len(_SIGNS.findall(stretch)) >= shown - 1:
        return np.inf
    gaps = [
        text[a:b]
        for a, b in zip(
            tokens.ends[first : first + shown - 1].tolist(),
            tokens.starts[first + 1 : first + shown].tolist(),
            strict=True,
        )
    ]
    if all(_STOPS.search(gap) for gap in gaps):
        return 7.0 if letters > 3 else 8.0
    if letters == 1 or _is_sound(text, tokens, first, first + 1):
        return _MANY
    if letters <= 3:
        return 12.0
    if any("\n" in gap for gap in gaps):
        return 12.0
    if all(gap in (" ", "-") for gap in gaps):
        return 5.0 if letters >= 5 else 7.0
    return 10.0


def _is_marker(text: str, begin: int, end: int) -> bool:
    """What stands between brackets: [2], <unused32>, <|im_end|>."""
    return text[begin - 1] in "[<|" and text[end] in "]>|"


def _is_sound(text: str, tokens: Tokens, first: int, last: int) -> bool:
    """Laughter, cheering and calls."""
    sounds = ENGLISH.words("exclamations")
    edges = zip(tokens.starts[first:last].tolist(), tokens.ends[first:last].tolist(), strict=True)
    return all(text[a:b].lower() in sounds for a, b in edges)


# Loops of characters.


def _in_words(text: str, codes: Codes, tokens: Tokens) -> list[Loop]:
    """Pieces of a word that follow themselves: WhiteWhiteWhite."""
    long = np.flatnonzero((tokens.ends - tokens.starts >= _LONG_WORD) & (tokens.letters > 0))
    if not len(long):
        return []
    # The words end to end, each followed by a key of its own, so that nothing goes on across two.
    starts, ends = tokens.starts[long], tokens.ends[long]
    sizes = ends - starts + 1
    begins = np.cumsum(sizes) - sizes
    at = np.arange(int(sizes.sum())) + np.repeat(starts - begins, sizes)
    at = np.minimum(at, len(codes) - 1)
    keys = FOLD[codes[at]].astype(np.uint64)
    borders = begins + sizes - 1
    keys[borders] = np.arange(len(borders), dtype=np.uint64) + np.uint64(1 << 32)
    runs = periodic(mix(keys), _LONGEST_IN_WORD)
    copies = (runs.ends - runs.starts) / runs.periods
    least = np.where(runs.periods >= 5, 3, np.where(runs.periods == 4, 4, np.where(runs.periods > 1, 12, np.inf)))
    runs = runs.where((copies >= least) & (runs.ends - runs.starts >= _LONG_WORD))
    found = []
    for first, last, period in zip(*(part.tolist() for part in runs), strict=True):
        begin, end = int(at[first]), int(at[last - 1]) + 1
        piece = text[begin : begin + period]
        if piece.isalpha() and not set(piece) <= _BASES and len(set(piece.lower())) > 1:
            found.append(Loop(begin, end, begin + period, period, round((last - first) / period, 2)))
    return found


# Characters of the shortest word in which a loop is looked for.
_LONG_WORD = 15
# Of DNA and RNA.
_BASES = frozenset("ACGTUN")


def _in_marks(text: str, codes: Codes) -> list[Loop]:
    """The same letter or mark again and again: HHHHHHHH, !!!!!!!!, . . . . ."""
    found = []
    for begin, end in _streaks(codes[1:] == codes[:-1], _FEWEST_MARKS - 1, 1):
        if end - begin >= _least_of_mark(text, begin, end):
            found.append(Loop(begin, end, begin + 1, 1, float(end - begin)))
    for begin, end in _streaks(codes[2:] == codes[:-2], _FEWEST_SPACED - 1, 2):
        copies = (end - begin + 1) // 2
        if text[begin + 1 : end : 2].isspace() and copies >= _least_of_spaced(text, begin, end):
            found.append(Loop(begin, end, begin + 1, 1, float(copies)))
    return found


_FEWEST_MARKS, _FEWEST_SPACED = 7, 5
# Signs of which rulers, leaders, masks and pictures are made.
_RULERS = frozenset("()[]{}\"-–—―_=*.·•…~#+/\\|^<>:'`°─━═│┃█░▒▓■□●○◆◇★☆♦♪$\xad\x7f")


def _streaks(same: Mask, least: int, step: int) -> list[tuple[int, int]]:
    """Where `same` holds `least` times or more, every `step` places: the first character, one past the last."""
    reach = (least - 1) * step
    if len(same) <= reach:
        return []
    held = same[: len(same) - reach].copy()
    for back in range(1, least):
        held &= same[back * step : len(same) - reach + back * step]
    places = np.flatnonzero(held)
    if not len(places):
        return []
    found = []
    for lane in range(step):
        own = places[places % step == lane]
        if not len(own):
            continue
        cuts = np.flatnonzero(np.diff(own, prepend=-2 * step - 1) > step)
        lasts = np.append(cuts[1:], len(own)) - 1
        found += list(zip(own[cuts].tolist(), (own[lasts] + reach + step + 1).tolist(), strict=True))
    return found


def _least_of_mark(text: str, begin: int, end: int) -> float:
    sign = text[begin]
    before, after = text[max(begin - 1, 0) : begin], text[end : end + 1]
    if sign.isalpha():
        whole = not before.isalnum() and not after.isalnum()
        if sign in "xX" or KIND[ord(sign)] == IDEOGRAPH:
            return np.inf
        return (8 if sign.isupper() else 40) if whole else 60
    if sign.isspace() or sign.isdigit() or sign in _RULERS or not sign.isprintable():
        return np.inf
    # What stands by itself on a line, or after a word, is a remark; pictures always are.
    opens = before == " " or text.startswith(_BORDER, begin - len(_BORDER))
    return 7 if sign in "!?,;@%&" and opens else 30


def _least_of_spaced(text: str, begin: int, end: int) -> float:
    sign = text[begin]
    if KIND[ord(sign)] != PUNCTUATION:
        return np.inf
    if sign == ".":
        # In a table of contents a number follows.
        return np.inf if text[end:].lstrip(". ")[:1].isdigit() else 5
    return np.inf if sign in _RULERS else 12


# While a text is being written.


class LoopGuard:
    """Watches a text that comes in pieces, and says when its end goes round in circles.

    >>> guard = LoopGuard()
    >>> pieces = ["The pump is fixed now.", *[" It is not clear why it failed."] * 5]
    >>> [guard.feed(piece) is not None for piece in pieces]
    [False, False, False, False, True, True]

    It keeps the last MEMORY characters and asks `loops` about them whenever the text has grown by a sixteenth, and at
    the least by NEAR and at the most by FAR characters. So memory is constant, and so is the time a character, whatever
    the pieces. Where it asks, it answers what `loops` finds in what it remembers: the loop that reaches the end, if
    there is one. Offsets are characters of the whole text; a loop begins no earlier than what is remembered.
    """

    MEMORY, NEAR, FAR = 32_768, 16, 256

    def __init__(self) -> None:
        self._text = ""
        self._forgotten = 0
        self._asked = 0

    def feed(self, chunk: str) -> Loop | None:
        """Take in what was written next; the loop that the text now ends in, or None."""
        self._text += chunk
        spare = len(self._text) - self.MEMORY
        if spare > 0:
            self._text = self._text[spare:]
            self._forgotten += spare
        size = self._forgotten + len(self._text)
        if size - self._asked < min(max(size // 16, self.NEAR), self.FAR):
            return None
        self._asked = size
        return self.loop

    @property
    def loop(self) -> Loop | None:
        """The same, asked now: for the end of the text."""
        found = loops(self._text)
        if not found or any(char.isalnum() for char in self._text[found[-1].end :]):
            return None
        return found[-1].moved(self._forgotten)
