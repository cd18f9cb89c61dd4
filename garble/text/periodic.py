"""Loops in any text: repeated words, phrases, paragraphs, parts of words and punctuation marks.

A loop is a run of tokens with a period: token i equals token i + period. Tokens are words, and characters in scripts
without spaces. Case and punctuation are ignored, and so are numbers of items and times, so a loop may span cues,
bullets and list items. The method is language-independent, except for an English list of laughter and calls.

Maximal repetitions of a sequence are found by naming its n-grams for n = 1, 2, 4, ... (Karp, Miller and Rosenberg 1972,
Rapid identification of repeated patterns): if every n-gram of a run also occurs `period` tokens before, the run has
this period. A primitive unit of up to n tokens does not occur inside its own repetition at any other distance (Fine and
Wilf 1965), so all repetitions with at least three copies are found. Periods are limited to LONGEST tokens, so the
number of n-grams is linear in the length of the text. Kolpakov and Kucherov 1999 (Finding maximal repetitions in a word
in linear time) show that the number of maximal repetitions is linear, too.
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

# Longest period of a loop, in tokens.
LONGEST = 1024
# Longest period of a loop inside a word, in characters.
_LONGEST_IN_WORD = 64


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop, `text[start:end]`. Its first copy is `text[start:first_end]`.

    period: length of a copy in tokens; in characters if the loop is inside a word or consists of one mark.
    copies: number of copies; an incomplete last copy counts in part.
    """

    start: int
    end: int
    first_end: int
    period: int
    copies: float

    def moved(self, by: int) -> Loop:
        """The loop, shifted by a number of characters."""
        return Loop(self.start + by, self.end + by, self.first_end + by, self.period, self.copies)


class Tokens(NamedTuple):
    """Tokens as columns, without numbers of items and times.

    key: hash of the word in lower case. words: 1 per word, 0.5 per ideograph. letters: number of letters, 2.5 per
    ideograph, 0 for numbers. digits: number of digits of numbers. Each text ends with an empty token.
    """

    starts: Ints
    ends: Ints
    key: Hashes
    words: Floats
    letters: Floats
    digits: Floats


class Runs(NamedTuple):
    """Runs of tokens [start, end) with a period."""

    starts: Ints
    ends: Ints
    periods: Ints

    def where(self, keep: Mask) -> Runs:
        """The runs selected by a mask."""
        return Runs(self.starts[keep], self.ends[keep], self.periods[keep])


def loops(text: str) -> tuple[Loop, ...]:
    """The loops of `text`, in order, not nested."""
    return loops_of([text])[0]


def loops_of(texts: Sequence[str]) -> list[tuple[Loop, ...]]:
    """The loops of each text. Faster than one call per text if texts are short."""
    windows = [_windows(text) for text in texts]
    if all(len(of_text) == 1 for of_text in windows):
        return [tuple(found_loops) for found_loops in _loops_of_window(texts)]
    pieces = (text[begin:end] for text, of_text in zip(texts, windows, strict=True) for begin, end in of_text)
    loops = (_loops_of_window([piece])[0] for piece in pieces)
    return [tuple(_joined(loop.moved(begin) for begin, _ in of_text for loop in next(loops))) for of_text in windows]


def _loops_of_window(texts: Sequence[str]) -> list[list[Loop]]:
    whole = _BORDER.join(["", *texts, ""])
    codes = encode(whole)
    sizes = np.array([len(text) + len(_BORDER) for text in texts], np.int64)
    ends = np.cumsum(sizes)
    tokens = _bordered(_tokens(codes), ends)
    found_loops = _non_overlapping(
        _in_tokens(whole, tokens) + _in_words(whole, codes, tokens) + _in_marks(whole, codes)
    )
    begins = (ends - sizes + len(_BORDER)).tolist()
    owners = np.searchsorted(ends, [loop.start for loop in found_loops], side="right").tolist()
    of_each: list[list[Loop]] = [[] for _ in texts]
    for loop, owner in zip(found_loops, owners, strict=True):
        of_each[owner].append(loop.moved(-begins[owner]))
    return of_each


# Before, between and after texts.
_BORDER = "\n\0\n"
# Length of a window and of its overlap with the next, in characters. Longer loops are found in both windows.
_WINDOW, _SHARED = 1 << 21, 1 << 17


def _windows(text: str) -> list[tuple[int, int]]:
    """Windows [start, end) of a long text, which limit memory."""
    step = _WINDOW - _SHARED
    begins = range(0, max(len(text) - _SHARED, 1), step)
    # Windows begin at a line if possible.
    starts = [(begin and text.find("\n", begin, begin + _SHARED // 2) + 1) or begin for begin in begins]
    return [(start, min(begin + _WINDOW, len(text))) for start, begin in zip(starts, begins, strict=True)]


def _joined(loops: Iterable[Loop]) -> Iterator[Loop]:
    """Loops of all windows, in order; loops found in two windows are joined."""
    last: Loop | None = None
    for loop in loops:
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
    """Share of a text of `size` characters that is inside loops, without their first copy."""
    return sum(loop.end - loop.first_end for loop in loops) / size if size else 0.0


def _non_overlapping(loops: list[Loop]) -> tuple[Loop, ...]:
    """Remove nested loops. If two loops overlap, the second begins at the end of the first."""
    kept: list[Loop] = []
    reached = 0
    for loop in sorted(loops, key=lambda loop: (loop.start, -loop.end)):
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
    # A Chinese word has two characters on average, an English word five letters.
    letters = np.where(ideograph, 2.5, ends - starts)
    letters[number] = 0
    kept = np.ones(len(starts), bool)
    kept[number[_is_numbering(codes, starts[number], ends[number])]] = False
    kept[_letters_of_items(codes, starts, ends)] = False
    return Tokens(starts[kept], ends[kept], key[kept], words[kept], letters[kept], digits[kept])


def _bordered(tokens: Tokens, borders: Ints) -> Tokens:
    """Insert an empty token with a unique key at each border."""
    at = np.searchsorted(tokens.starts, borders)
    keys = mix(np.arange(len(borders), dtype=np.uint64) + (np.uint64(1) << np.uint64(40)))
    return Tokens(
        np.insert(tokens.starts, at, borders),
        np.insert(tokens.ends, at, borders),
        np.insert(tokens.key, at, keys),
        *(np.insert(column, at, 0.0) for column in (tokens.words, tokens.letters, tokens.digits)),
    )


# Characters per piece, so that temporary arrays fit into the processor cache; and step of the search for its end.
_PIECE, _NEAR = 1 << 17, 1 << 10


def _cuts(codes: Codes) -> list[int]:
    """Offsets that divide the text into pieces, before a space or an ideograph, so that no word is split."""
    cuts = [0]
    while len(codes) - cuts[-1] > _PIECE:
        at = cuts[-1] + _PIECE
        while not len(edge := np.flatnonzero(_is_boundary(codes[at : at + _NEAR]))) and at < len(codes):
            at += _NEAR
        if not len(edge):
            break
        cuts.append(at + int(edge[0]))
    return [*cuts, len(codes)]


def _is_boundary(codes: Codes) -> Mask:
    kind = KIND[codes]
    return np.asarray((kind == SPACE) | (kind == IDEOGRAPH))


def _words_in(codes: Codes, at: int) -> tuple[Ints, Ints, Hashes, Mask]:
    """(words,) start, end, key, and whether it is an ideograph. at: offset of the piece."""
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
    """Indices of tokens that consist of digits."""
    likely = np.flatnonzero((KIND[codes[starts]] == DIGIT) & (KIND[codes[ends - 1]] == DIGIT))
    if not len(likely):
        return likely
    # Tokens with inner letters (3rd2) also begin and end with a digit.
    sizes = ends[likely] - starts[likely]
    begins = np.cumsum(sizes) - sizes
    inside = np.arange(int(sizes.sum())) + np.repeat(starts[likely] - begins, sizes)
    return np.asarray(likely[np.bitwise_or.reduceat(KIND[codes[inside]], begins) == DIGIT])


def _at(codes: Codes, places: Ints) -> Codes:
    """Code points at `places`; a line feed outside the text."""
    inside = (places >= 0) & (places < len(codes))
    return np.asarray(np.where(inside, codes[np.where(inside, places, 0)], ord("\n")), np.uint32)


def _is_one_of(codes: Codes, signs: str) -> Mask:
    return np.asarray(np.logical_or.reduce([codes == ord(sign) for sign in signs]))


def _is_numbering(codes: Codes, starts: Ints, ends: Ints) -> Mask:
    """Numbers that are times (00:01,500) or item numbers (12. or (12) or 12:), or alone on a line."""
    before, after = _at(codes, starts - 1), _at(codes, ends)
    earlier, later = _at(codes, starts - 2), _at(codes, ends + 1)
    # Numbers with one mark between them form a chain. It is a time after a line end, a bracket or "--> ".
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
    """Indices of tokens that are the letter of an item: a) or (b)."""
    likely = np.flatnonzero((_at(codes, ends) == ord(")")) & (ends - starts == 1))
    before, later = _at(codes, starts[likely] - 1), _at(codes, ends[likely] + 1)
    return np.asarray(likely[((KIND[before] == SPACE) | (before == ord("("))) & (KIND[later] == SPACE)])


# Length of words up to which hashes are computed letter by letter; few words are longer.
_HASHED_LETTERS = 16


def _keys(folded: Codes, starts: Ints, ends: Ints) -> Hashes:
    keys = np.zeros(len(starts), np.uint64)
    live, at, lengths = np.arange(len(starts)), starts, ends - starts
    for step in range(1, _HASHED_LETTERS + 1):
        keys[live] = keys[live] * _FACTOR + folded[at] + np.uint64(1)
        more = lengths > step
        live, at, lengths = live[more], at[more] + 1, lengths[more]
    keys = mix(keys)
    keys[live] = hash_runs(folded, starts[live], ends[live])
    return keys


# Repetitions.


def periodic(keys: Hashes, longest: int = LONGEST) -> Runs:
    """Runs in which each key equals the key `period` before it, with at least two copies.

    Finds all runs with at least three copies and a period up to `longest`, and most runs with two copies.
    """
    # Blocks fit into the processor cache. They overlap: short runs lie in one block, long runs are found in both.
    shared = 4 * longest
    step = max(_BLOCK, 4 * shared)
    parts = [_shifted(_in_block(keys[at : at + step + shared], longest), at) for at in range(0, len(keys), step)]
    return _merged(Runs(*(np.concatenate(parts) for parts in zip(*parts, strict=True)))) if parts else _NONE


_BLOCK = 1 << 16
_NONE = Runs(*(np.zeros(0, np.int64) for _ in range(3)))


def _shifted(runs: Runs, by: int) -> Runs:
    return Runs(runs.starts + by, runs.ends + by, runs.periods)


def _in_block(keys: Hashes, longest: int) -> Runs:
    blocks = [_NONE]
    count = len(keys)
    rolled, power = _rolled(keys)
    # For each place inside a run, the end of the run.
    reach = np.zeros(count, np.int64)
    places, grams, size = np.arange(count), keys, 1
    while len(places) > 1:
        later, earlier = _repeats(grams)
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
        blocks.append(Runs(first[keep] - period[keep], last[keep] + size, period[keep]))
        if size >= longest:
            break
        lies = np.repeat(keep, np.diff(cuts))
        reach[places[lies]] = np.maximum(reach[places[lies]], np.repeat(last, np.diff(cuts))[lies] + size)
        reached_places = np.flatnonzero(reach)
        room = reach[reached_places] - reached_places
        # An n-gram of twice the size can repeat only if both halves do ...
        again = np.zeros(count + 1, bool)
        again[places[later]] = again[places[earlier]] = True
        again[reached_places[room >= size]] = True
        again[:-size] &= again[size:]
        again[-size:] = False
        # ... and adds nothing if it lies inside a known run.
        size *= 2
        again[reached_places[room >= size]] = False
        places = np.flatnonzero(again)
        grams = _grams(rolled, power, places, size)
    return _extended(_merged(Runs(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))), rolled, power)


def _rolled(keys: Hashes) -> tuple[Hashes, Hashes]:
    """Sums and powers for rolling hashes: that of an n-gram is (sums[i + n] - sums[i]) * power[i]."""
    factors = np.full(len(keys), _FACTOR, np.uint64)
    inverse = np.full(len(keys), pow(int(_FACTOR), -1, 1 << 64), np.uint64)
    factors[:1] = inverse[:1] = 1
    sums = np.zeros(len(keys) + 1, np.uint64)
    np.cumsum(keys * np.cumprod(inverse, dtype=np.uint64), out=sums[1:])
    return sums, np.cumprod(factors, dtype=np.uint64)


_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def _repeats(grams: Hashes) -> tuple[Ints, Ints]:
    """Indices of n-grams that occurred before, and of their previous occurrence."""
    # Sorting hash and index packed into one integer is several times faster than a stable argsort.
    low = (np.uint64(1) << np.uint64(len(grams).bit_length())) - np.uint64(1)
    packed = np.sort((grams & ~low) | np.arange(len(grams), dtype=np.uint64))
    same = np.flatnonzero((packed[1:] | low) == (packed[:-1] | low))
    order = (packed & low).astype(np.int64)
    return order[same + 1], order[same]


def _grams(rolled: Hashes, power: Hashes, places: Ints, size: int) -> Hashes:
    return mix((rolled[places + size] - rolled[places]) * power[places])


def _extended(runs: Runs, rolled: Hashes, power: Hashes) -> Runs:
    """Extend runs to their full length; skipped n-grams may have hidden their first and last tokens."""
    count = len(power)
    starts, ends = runs.starts.copy(), runs.ends.copy()
    # Binary search for the length of the extension.
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
    """Join runs of the same period that overlap by at least one copy."""
    order = np.lexsort((runs.starts, runs.periods))
    starts, ends, periods = (part[order] for part in runs)
    # Running maximum of the ends within each period; an offset per period separates them.
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
    # First remove runs that no rule accepts, with array operations.
    fewest = _fewest(runs.periods, words, letters)
    likely = np.flatnonzero((copies >= fewest) & ((letters >= digits) | (runs.periods == 1)))
    likely = likely[np.lexsort((-runs.ends[likely], runs.starts[likely]))]
    columns = [column[likely].tolist() for column in (*runs, words, letters, fewest)]
    admitted = np.zeros(len(copies), bool)
    reached = 0
    for place, (first, last, period, *turn) in zip(likely.tolist(), zip(*columns, strict=True), strict=True):
        # Runs inside a loop are skipped.
        if last > reached and last - first >= period * _least(text, tokens, first, last, period, *turn):
            admitted[place] = True
            reached = last
    if not admitted.any():
        return []
    bridged = _bridged(runs, admitted, tokens)
    return [_loop(text, tokens, *run) for run in zip(*(part.tolist() for part in bridged), strict=True)]


def _of_turns(column: Floats, runs: Runs) -> Floats:
    """(runs,) sum of a column over the first copy."""
    sums = np.concatenate([[0.0], np.cumsum(column)])
    return np.asarray(sums[runs.starts + runs.periods] - sums[runs.starts])


def _bridged(runs: Runs, admitted: Mask, tokens: Tokens) -> Runs:
    """Admitted runs, joined with runs of the same copy that are separated by a damaged copy."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(tokens.key, dtype=np.uint64)])
    # Does not depend on where in the copy a run begins.
    turn = mix(sums[runs.starts + runs.periods] - sums[runs.starts] + runs.periods.astype(np.uint64))
    # Repetitions of one or two words may be chance.
    is_candidate = admitted | (runs.periods > 2) | (runs.ends - runs.starts >= 3 * runs.periods)
    candidates = np.flatnonzero(is_candidate & np.isin(turn, turn[admitted]))
    order = candidates[np.lexsort((runs.starts[candidates], turn[candidates]))]
    starts, ends, periods = runs.starts[order], runs.ends[order], runs.periods[order]
    text_number = np.cumsum(tokens.starts == tokens.ends)[starts]
    is_joined = (turn[order][1:] == turn[order][:-1]) & (text_number[1:] == text_number[:-1])
    is_joined &= starts[1:] - ends[:-1] <= _longest_gap(periods[1:])
    heads = np.flatnonzero(np.append(True, ~is_joined))
    keep = np.logical_or.reduceat(admitted[order], heads)
    return Runs(starts[heads], np.maximum.reduceat(ends, heads), periods[heads]).where(keep)


def _longest_gap(periods: Ints) -> Floats:
    """Most tokens of a damaged copy."""
    return np.asarray(1.5 * periods + 4)


def _loop(text: str, tokens: Tokens, first: int, last: int, period: int) -> Loop:
    end = int(tokens.ends[last - 1])
    begin, cut = int(tokens.starts[last]), int(tokens.ends[last])
    # A text may end inside a word of the loop.
    if begin < cut and int(tokens.starts[last + 1]) == int(tokens.ends[last + 1]):
        due = text[int(tokens.starts[last - period]) : int(tokens.ends[last - period])].lower()
        if due.startswith(text[begin:cut].lower()) and not text[cut : int(tokens.starts[last + 1])].strip():
            end = cut
    first_end = int(tokens.ends[first + period - 1])
    return Loop(int(tokens.starts[first]), end, first_end, period, round((last - first) / period, 2))


# The following rules were set on 350 million characters of human text. Most of the loops that they still find there
# were pasted by the author.

# Copies from which laughter and single letters are a loop.
_MANY_COPIES = 16.0


def _fewest(periods: Ints, words: Floats, letters: Floats) -> Floats:
    """(runs,) necessary number of copies. The longer the copy, the fewer copies are needed."""
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


# Characters of a copy that the rules look at.
_LONGEST_TURN = 2000
_STOPS = re.compile(r"[.。．…]")
_ENDS = re.compile(r"[.!?。！？…:\"”»)\]♪]\s*\n")
# Marks of tables, forms, formulas and paths. In prose, fewer than one in four words has one.
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
    """Number of copies that make a loop; infinite for text that people repeat on purpose."""
    if period == 1:
        return _least_of_word(text, tokens, first, last, letters)
    begin, next_turn = int(tokens.starts[first]), int(tokens.starts[first + period])
    turn = text[begin : min(next_turn, begin + _LONGEST_TURN)]
    seen = min(first + 4 * period, last - 1)
    turns = text[begin : min(int(tokens.starts[seen]), begin + _LONGEST_TURN)]
    if len(_SIGNS.findall(turns)) >= _SIGNS_A_WORD * words * (seen - first) / period or _RECORD.search(turns):
        return np.inf
    if not letters:
        return np.inf
    if words <= 4 and _is_marker(text, begin, int(tokens.ends[first + period - 1])):
        return min(least, 6.0)
    if words <= 4 and _is_sound(text, tokens, first, first + period):
        return _MANY_COPIES
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
        # The response of a litany is a line.
        least = max(least, 5.0)
    if words <= 10 and "\n" in turn and not _ENDS.search(turn + "\n" * (turn[-1:] == "\n")):
        # Lines without punctuation at the end are verse, chat or a list.
        least = max(least, 6.0)
    return least


def _least_of_word(text: str, tokens: Tokens, first: int, last: int, letters: float) -> float:
    begin, end = int(tokens.starts[first]), int(tokens.ends[first])
    word, seen = text[begin:end], min(last - first, 12)
    stretch = text[begin : int(tokens.ends[first + seen - 1])]
    if _is_marker(text, begin, end):
        return 6.0 if letters and word.isalpha() else 4.0
    if not letters or len(_SIGNS.findall(stretch)) >= seen - 1:
        return np.inf
    gaps = [
        text[a:b]
        for a, b in zip(
            tokens.ends[first : first + seen - 1].tolist(),
            tokens.starts[first + 1 : first + seen].tolist(),
            strict=True,
        )
    ]
    if all(_STOPS.search(gap) for gap in gaps):
        return 7.0 if letters > 3 else 8.0
    if letters == 1 or _is_sound(text, tokens, first, first + 1):
        return _MANY_COPIES
    if letters <= 3:
        return 12.0
    if any("\n" in gap for gap in gaps):
        return 12.0
    if all(gap in (" ", "-") for gap in gaps):
        return 5.0 if letters >= 5 else 7.0
    return 10.0


def _is_marker(text: str, begin: int, end: int) -> bool:
    """Whether the span is in brackets: [2], <unused32>, <|im_end|>."""
    return text[begin - 1] in "[<|" and text[end] in "]>|"


def _is_sound(text: str, tokens: Tokens, first: int, last: int) -> bool:
    """Whether all tokens are laughter, cheering or calls."""
    sounds = ENGLISH.words("exclamations")
    edges = zip(tokens.starts[first:last].tolist(), tokens.ends[first:last].tolist(), strict=True)
    return all(text[a:b].lower() in sounds for a, b in edges)


# Loops of characters.


def _in_words(text: str, codes: Codes, tokens: Tokens) -> list[Loop]:
    """Loops inside a word: WhiteWhiteWhite."""
    long = np.flatnonzero((tokens.ends - tokens.starts >= _LONG_WORD) & (tokens.letters > 0))
    if not len(long):
        return []
    # Concatenated words, each followed by a unique key, so that no run spans two words.
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
    loops = []
    for first, last, period in zip(*(part.tolist() for part in runs), strict=True):
        begin, end = int(at[first]), int(at[last - 1]) + 1
        piece = text[begin : begin + period]
        if piece.isalpha() and not set(piece) <= _BASES and len(set(piece.lower())) > 1:
            loops.append(Loop(begin, end, begin + period, period, round((last - first) / period, 2)))
    return loops


# Least length of a word with a loop, in characters.
_LONG_WORD = 15
# Letters of DNA and RNA.
_BASES = frozenset("ACGTUN")


def _in_marks(text: str, codes: Codes) -> list[Loop]:
    """Repeated letters or marks: HHHHHHHH, !!!!!!!!, . . . . ."""
    loops = []
    for begin, end in _streaks(codes[1:] == codes[:-1], _FEWEST_MARKS - 1, 1):
        if end - begin >= _least_of_mark(text, begin, end):
            loops.append(Loop(begin, end, begin + 1, 1, float(end - begin)))
    for begin, end in _streaks(codes[2:] == codes[:-2], _FEWEST_SPACED - 1, 2):
        copies = (end - begin + 1) // 2
        if text[begin + 1 : end : 2].isspace() and copies >= _least_of_spaced(text, begin, end):
            loops.append(Loop(begin, end, begin + 1, 1, float(copies)))
    return loops


# Least copies of a mark, and of a mark with spaces between.
_FEWEST_MARKS, _FEWEST_SPACED = 7, 5
# Characters of rulers, leaders, masks and ASCII art.
_RULERS = frozenset("()[]{}\"-–—―_=*.·•…~#+/\\|^<>:'`°─━═│┃█░▒▓■□●○◆◇★☆♦♪$\xad\x7f")


def _streaks(same: Mask, least: int, step: int) -> list[tuple[int, int]]:
    """Spans in which `same` is true at least `least` times, in steps of `step`."""
    reach = (least - 1) * step
    if len(same) <= reach:
        return []
    is_held = same[: len(same) - reach].copy()
    for back in range(1, least):
        is_held &= same[back * step : len(same) - reach + back * step]
    places = np.flatnonzero(is_held)
    if not len(places):
        return []
    spans = []
    for lane in range(step):
        of_lane = places[places % step == lane]
        if not len(of_lane):
            continue
        cuts = np.flatnonzero(np.diff(of_lane, prepend=-2 * step - 1) > step)
        lasts = np.append(cuts[1:], len(of_lane)) - 1
        spans += list(zip(of_lane[cuts].tolist(), (of_lane[lasts] + reach + step + 1).tolist(), strict=True))
    return spans


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
    # After a space or at the beginning of a text, few copies suffice; elsewhere people write long runs.
    opens = before == " " or text.startswith(_BORDER, begin - len(_BORDER))
    return 7 if sign in "!?,;@%&" and opens else 60


def _least_of_spaced(text: str, begin: int, end: int) -> float:
    sign = text[begin]
    if KIND[ord(sign)] != PUNCTUATION:
        return np.inf
    if sign == ".":
        # In a table of contents, a number follows.
        return np.inf if text[end:].lstrip(". ")[:1].isdigit() else 5
    return np.inf if sign in _RULERS else 12


# Loops during generation.


class LoopGuard:
    """Checks a text while it is generated, and reports when it ends in a loop.

    >>> guard = LoopGuard()
    >>> pieces = ["The pump is fixed now.", *[" It is not clear why it failed."] * 5]
    >>> [guard.feed(piece) is not None for piece in pieces]
    [False, False, False, False, True, True]

    It stores the last MEMORY characters and calls `loops` on them whenever the text has grown by a sixteenth, but at
    least by NEAR and at most by FAR characters. So memory and time per character are constant, whatever the size of
    chunks. The result is the loop that reaches the end of the text, if any. Offsets refer to the whole text; a loop
    begins no earlier than the stored characters.
    """

    MEMORY, NEAR, FAR = 32_768, 16, 256

    def __init__(self) -> None:
        self._text = ""
        self._dropped = 0
        self._checked = 0

    def feed(self, chunk: str) -> Loop | None:
        """Append a chunk. Returns the loop at the end of the text, or None; also None if no check was due."""
        self._text += chunk
        spare = len(self._text) - self.MEMORY
        if spare > 0:
            self._text = self._text[spare:]
            self._dropped += spare
        size = self._dropped + len(self._text)
        if size - self._checked < min(max(size // 16, self.NEAR), self.FAR):
            return None
        self._checked = size
        return self.loop

    @property
    def loop(self) -> Loop | None:
        """The loop at the end of the text, or None; checked now."""
        found_loops = loops(self._text)
        if not found_loops or any(char.isalnum() for char in self._text[found_loops[-1].end :]):
            return None
        return found_loops[-1].moved(self._dropped)
