"""Repetition, mended: a loop goes round once, and what is said twice is said once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate

from garble import lexicon
from garble.mending.base import Change
from garble.report import Finding, ScoredSentence

# "In-fighting" is not "in" again, nor "AT&T" a second "at".
_TOKEN = re.compile(r"\w+(?:['’&/-]\w+)*|[^\w\s]")
_PIECE_AGAIN = re.compile(r"([^\W\d_]{2,8}?)\1+", re.IGNORECASE)
# A token is compared with so many of its like, so far before it: loops turn close by.
_RECENT, _LONGEST_TURN = 8, 100
# With fewer words than this beside its loop a sentence says nothing, and what it was to say nobody can know.
_FEWEST_BESIDE = 2
_CRIES = frozenset("!?")
_STOPS = frozenset(".!?")


def turn_once(text: str, sentence: ScoredSentence, finding: Finding) -> Iterator[Change]:
    """Leave one turn of a loop that lies within the finding."""
    return (change for change in _turns(sentence) if finding.start < change.start and change.end <= finding.end)


def name_once(text: str, sentence: ScoredSentence, finding: Finding) -> Iterator[Change]:
    """Leave out a name that the sentence has said, or with it all that came round to it again."""
    tokens = [token for token in _TOKEN.finditer(text, sentence.start, sentence.end) if token.start() < finding.end]
    said = [token for token in tokens if token.end() <= finding.start]
    name = tokens[len(said) :]
    again = SequenceMatcher(None, _words(said), _words(name), autojunk=False).find_longest_match()
    if again.size > 1:
        before, *left_out = tokens[len(said) + again.b - 1 :][: again.size + 1]
        is_loop = sentence.text.count(text[left_out[0].start() : left_out[-1].end()]) > 2
        # "The" or "of" before the name would be left without a noun.
        if not is_loop and _is_content(before.group()):
            yield Change(before.end(), left_out[-1].end(), "")
    yield from (change for change in _turns(sentence) if change.start < finding.start and finding.end <= change.end)


def clause_once(text: str, sentence: ScoredSentence, finding: Finding) -> Iterator[Change]:
    """Leave out the second opening of a clause that is one without it: "he said that she, he said that she"."""
    before = text[sentence.start : finding.start]
    opening = text[finding.start : finding.end].lower()
    if opening in before.lower() and opening.split()[-1] in lexicon.words("conjunctions"):
        yield Change(sentence.start + len(before.rstrip()), finding.end, "")


def sentence_once(text: str, sentence: ScoredSentence, finding: Finding) -> Iterator[Change]:
    """Leave out the whole sentence."""
    yield Change(*with_gap(text, sentence.start, sentence.end), "")


def piece_once(span: str) -> Iterator[str]:
    """A word in which no piece follows itself."""
    yield _PIECE_AGAIN.sub(r"\1", span)


def with_gap(text: str, start: int, end: int) -> tuple[int, int]:
    """The place of a sentence and of one of the gaps beside it: the lesser break, so that a paragraph's end stays."""
    before, after = len(text[:start].rstrip()), len(text) - len(text[end:].lstrip())
    leads = before > 0 and (after == len(text) or text.count("\n", before, start) <= text.count("\n", end, after))
    return (before, end) if leads else (start, after)


@lru_cache(maxsize=64)
def _turns(sentence: ScoredSentence) -> list[Change]:
    """What may be left out of each loop of the sentence, the gap before it included.

    All whole turns but the first; or with them a last turn that is broken off; or with them the one word or mark that
    links the turns ("once, once, once").
    """
    tokens = list(_TOKEN.finditer(sentence.text))
    words = _words(tokens)
    spoken = [0, *accumulate(map(_is_word, words))]
    found = []
    for first, lag, size in _echoes(words):
        again, end, whole = first + lag, first + lag + size, size // lag * lag
        beside = spoken[first] + spoken[-1] - spoken[end]
        if beside < _FEWEST_BESIDE or _is_emphasis(words[first:again], 1 + size // lag):
            continue
        if whole:
            found.append((again, again + whole))
        if whole and any(map(_is_content, words[again + whole : end])):
            found.append((again, end))
        # What is parted by one word alone goes round on purpose: "day by day".
        if whole < size and lag + whole > 2:
            kept, link = words[first : end - whole - lag], words[first + size - whole : again]
            lost = [word for word in link if word not in kept]
            if len(lost) <= 1 and not any(_is_content(word) or word in _STOPS for word in lost):
                found.append((end - whole - lag, end))
    at = sentence.start
    return [Change(at + tokens[first - 1].end(), at + tokens[last - 1].end(), "") for first, last in found]


def _is_emphasis(turn: Sequence[str], turns: int) -> bool:
    """Whether people say such a thing again on purpose: "Let me go! Let me go!", "no, no, no", "more and more and"."""
    if not _CRIES.isdisjoint(turn):
        return True
    if len(turn) == 1:
        # Titles and slogans are: "Tora Tora Tora".
        return turns == 3 and turn[0].istitle()
    # "He's dead, he's dead": a mark parts the turns.
    if not (_is_word(turn[0]) and _is_word(turn[-1])):
        return turns <= (3 if len(turn) == 2 else 2)
    return len(turn) == 2 and turns <= 2 and not lexicon.words("links").isdisjoint(turn)


def _echoes(words: list[str]) -> Iterator[tuple[int, int, int]]:
    """Where words come back in the same order: the first of them, how far on they do, and how many they are.

    What goes round in a loop comes back after one turn; that it comes back after two is passed over.
    """
    places = defaultdict[str, list[int]](list)
    for place, word in enumerate(words):
        for first in places[word][-_RECENT:]:
            if place - first > _LONGEST_TURN or (first and words[first - 1] == words[place - 1]):
                continue
            size = 1
            while place + size < len(words) and words[first + size] == words[place + size]:
                size += 1
            if any(map(_is_word, words[first : first + size])) and not _is_loop(words[first:place]):
                yield first, place - first, size
        places[word].append(place)


def _is_loop(words: list[str]) -> bool:
    size = len(words)
    return any(size % turn == 0 and words == words[:turn] * (size // turn) for turn in range(1, size // 2 + 1))


def _words(tokens: Sequence[re.Match[str]]) -> list[str]:
    """The words as they are written, the first without its capital where it comes back without."""
    words = [token.group() for token in tokens]
    return [words[0].lower(), *words[1:]] if words and words[0].lower() in words[1:] else words


def _is_word(word: str) -> bool:
    return word[0].isalnum()


def _is_content(word: str) -> bool:
    return _is_word(word) and word.lower() not in lexicon.words("function_words")
