"""Repetition, mended: a loop goes round once, and what is said twice is said once."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import accumulate

from garble.languages import ENGLISH
from garble.repairs.base import Change, Site
from garble.repairs.law import REACH
from garble.repairs.untouched import is_prose, is_word
from garble.report.findings import Finding

# "In-fighting" is not "in" again, nor "AT&T" a second "at".
_TOKEN = re.compile(r"\w+(?:['’&/-]\w+)*|[^\w\s]")
_PIECE_AGAIN = re.compile(r"([^\W\d_]{3,8}?)\1+", re.IGNORECASE)
_BULLET = re.compile(r"[\s>|]*(?:[-*+•‣▪◦·–—]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)])\s*")
_BLANK_LINE = re.compile(r"\n\s*\n")
# What may stand before a word in its chunk without being part of a name or a code.
_OPENS, _CLOSES = "\"'“‘(«„—–", ".,;:!?\"'”’)»…—–"
# A sequence of these is no word.
_BASES = frozenset("acgtun")
# A token is compared with so many of its like, so far before it: loops turn close by.
_RECENT, _LONGEST_TURN = 8, 100
# With fewer words than this beside its loop a sentence says nothing, and what it was to say nobody can know ...
_FEWEST_BESIDE = 2
# ... unless a phrase has gone round so often that it is what was said.
_OFTEN = 4
# A content word that people say two to four times over in so short a sentence they say on purpose.
_SHORT, _SHORTLY = 6, 4
_CRIES = frozenset("!?")
_STOPS = frozenset(".!?")
_BREAKS_OFF = frozenset(".-–—…")
# Words of which two may follow each other in a sound sentence: "I told you you may", "we do do that".
_TWO_IN_A_ROW = frozenset(["do", "what", "that", "you", "it", "there"])
# "The room he came in in May", but not "the rise in in May".
_PARTICLES, _DETERMINERS = (
    frozenset(["in", "on"]),
    frozenset(["a", "an", "the", "his", "her", "its", "their", "this", "of"]),
)
# "All there was was sand", but not "the town was was small".
_BE = frozenset(["is", "was", "are"])
_BEFORE_BE = frozenset(["all", "what", "that", "who", "there", "it", "is", "was"])
# Words around a doubled one in which it stands again where it is a chant.
_CHANT = 4
# Between turns of one word these say that it goes on: "he listened, and listened, and listened".
_GOES_ON = frozenset(["and", "or"])


def turn_once(site: Site, finding: Finding) -> Iterator[Change]:
    """Leave one turn of a loop that lies within the finding."""
    changes = site.once(_turns)
    for change in changes[bisect_left(changes, (finding.start + 1,)) :]:
        if change.start >= finding.end:
            break
        if change.end <= finding.end:
            yield change


def name_once(site: Site, finding: Finding) -> Iterator[Change]:
    """Leave out a name that the sentence has said, or with it all that came round to it again."""
    tokens, starts = site.once(_tokens)
    first, last = bisect_left(starts, finding.start), bisect_left(starts, finding.end)
    said, name = tokens[max(0, first - _LONGEST_TURN) : first], tokens[first:last]
    again = SequenceMatcher(None, _words(said), _words(name), autojunk=False).find_longest_match()
    if again.size > 1:
        before, *left_out = tokens[first + again.b - 1 :][: again.size + 1]
        start, end = left_out[0].start(), left_out[-1].end()
        nearby = site.text[max(site.start, start - REACH) : min(site.end, end + REACH)]
        is_loop = nearby.count(site.text[start:end]) > 2
        # "The" or "Ann's" before the name would be left without a noun; names with a number are mostly terms.
        is_owner = before.group().endswith(("'s", "’s"))
        is_firm = site.text[end : end + 2] == " &"
        has_number = any(token.group().isdigit() for token in left_out)
        if not (is_loop or is_owner or is_firm or has_number) and _is_content(before.group()):
            yield Change(before.end(), end, "")
    changes = site.once(_turns)
    place = bisect_left(changes, (finding.start,))
    yield from (change for change in changes[max(0, place - _LONGEST_TURN) : place] if finding.end <= change.end)


def clause_once(site: Site, finding: Finding) -> Iterator[Change]:
    """Leave out the second opening of a clause that is one without it: "he said that she, he said that she"."""
    text = site.text
    before = text[max(site.start, finding.start - REACH) : finding.start]
    opening = text[finding.start : finding.end].lower()
    is_said = re.search(rf"(?<!\w){re.escape(opening)}(?!\w)", before.lower())
    if is_said and opening.split()[-1] in ENGLISH.words("conjunctions"):
        yield Change(finding.start - (len(before) - len(before.rstrip())), finding.end, "")


def sentence_once(site: Site, finding: Finding) -> Iterator[Change]:
    """Leave out a sentence, or several, that stand just before, word for word.

    What comes again further off is a form or a refrain, and an item of a list stays with its number.
    """
    text, start = site.text, site.start
    size = site.end - start
    before = text.rfind(text[start : site.end], max(0, start - REACH - size), start)
    if before < 0 or (before and text[before - 1].isalnum()):
        return
    block = text[before:start]
    body = block.rstrip()
    is_apart = _BLANK_LINE.search(block) or _BULLET.fullmatch(text, text.rfind("\n", 0, start) + 1, start)
    if text.startswith(body, start) and not is_apart:
        yield Change(before + len(body), start + len(body), "")


def piece_once(site: Site, finding: Finding) -> Iterator[Change]:
    """Leave one turn of a piece of three letters or more that follows itself in a word, where the word is no code.

    Two letters of the word stand beside the loop, or each turn has a capital: "walkinginging" and "WhiteWhiteWhite",
    but not "foofoofoo".
    """
    loop = _PIECE_AGAIN.search(site.text, finding.start, finding.end)
    start, end = site.chunk(finding.start)
    word = site.text[start:end].strip(_OPENS + _CLOSES)
    if loop is None or not word.isalpha() or not is_word(word) or set(word) <= _BASES:
        return
    # "Bwahahaha".
    if len(set(loop[1].lower())) < 3:
        return
    turns = len(loop.group()) // len(loop[1])
    is_part = word[1:].islower() and len(word) - len(loop.group()) >= 2
    if is_part or (len(loop[1]) > 3 and word == loop[1].title() * turns):
        yield Change(loop.end(1), loop.end(), "")


def with_gap(text: str, start: int, end: int) -> tuple[int, int]:
    """The place of a sentence and of one of the gaps beside it: the lesser break, so that a paragraph's end stays."""
    before, after = start, end
    while before > 0 and text[before - 1].isspace():
        before -= 1
    while after < len(text) and text[after].isspace():
        after += 1
    leads = before > 0 and (after == len(text) or text.count("\n", before, start) <= text.count("\n", end, after))
    return (before, end) if leads else (start, after)


def _tokens(site: Site) -> tuple[list[re.Match[str]], list[int]]:
    tokens = list(_TOKEN.finditer(site.text, site.start, site.end))
    return tokens, [token.start() for token in tokens]


def _turns(site: Site) -> list[Change]:
    """What may be left out of each loop of the sentence, the gap before it included, in order.

    All whole turns but the first; or with them a last turn that is broken off; or with them the one word or mark that
    links the turns ("once, once, once").
    """
    tokens, _ = site.once(_tokens)
    words = _words(tokens)
    spoken = [0, *accumulate(map(_is_word, words))]
    found = []
    for first, lag, size in _echoes(words):
        again, end, whole = first + lag, first + lag + size, size // lag * lag
        turn, turns = words[first:again], 1 + size // lag
        beside = spoken[first] + spoken[-1] - spoken[end]
        is_said = sum(map(_is_word, turn)) > 1 and turns >= _OFTEN
        if (beside < _FEWEST_BESIDE and not is_said) or _is_emphasis(turn, turns, beside):
            continue
        if lag == 1 and (not _is_whole(site, tokens[first]) or (turns == 2 and _is_sound(words, first))):
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
    edges = ((tokens[first - 1].end(), tokens[last - 1].end()) for first, last in found)
    return sorted(Change(*edge, "") for edge in edges if is_prose(site.text, *edge))


def _is_sound(words: Sequence[str], first: int) -> bool:
    """Whether a word may well be said twice there: by what stands around, or as a chant ("wibble, wibble wibble")."""
    word, after = words[first].lower(), first + 2
    before = [other.lower() for other in words[max(0, first - _CHANT) : first]]
    if word in _TWO_IN_A_ROW:
        return True
    if word in _PARTICLES:
        return words[first - 1].islower() and _DETERMINERS.isdisjoint(before[-3:-1])
    if word in _BE:
        return not _BEFORE_BE.isdisjoint(before)
    is_parted = first > 0 and after < len(words) and not _is_word(words[first - 1]) and not _is_word(words[after])
    return _is_content(word) and (is_parted or word in before or word in words[after : after + _CHANT])


def _is_whole(site: Site, token: re.Match[str]) -> bool:
    """Whether a word is all of its chunk, quotation marks and brackets apart: "[-name" and "tune"rolling" are more."""
    start, end = site.chunk(token.start())
    return site.text[start:end].lstrip(_OPENS).startswith(token.group()) and not site.text[start:end].startswith('"')


def _is_emphasis(turn: Sequence[str], turns: int, beside: int) -> bool:
    """Whether people say such a thing again on purpose: "Let me go! Let me go!", "no, no, no", "more and more and"."""
    if not _CRIES.isdisjoint(turn):
        return True
    said = [word for word in turn if _is_word(word)]
    if len(said) == 1:
        # A stammer, "if-- if-- if--", or a call.
        if said[0].lower() in ENGLISH.words("exclamations") or (len(turn) > 1 and not _BREAKS_OFF.isdisjoint(turn)):
            return True
        if turns <= _SHORTLY and beside < _SHORT and _is_content(said[0]):
            return True
    if len(said) == 2 and turns <= _SHORTLY and len(turn) > 2 and not _GOES_ON.isdisjoint(said):
        return True
    if len(turn) == 1:
        # Titles and slogans are: "Tora Tora Tora".
        return turns == 3 and turn[0].istitle()
    # "He's dead, he's dead": a mark parts the turns.
    if not (_is_word(turn[0]) and _is_word(turn[-1])):
        return turns <= (3 if len(turn) == 2 else 2)
    return len(turn) == 2 and turns <= 2 and not ENGLISH.words("links").isdisjoint(turn)


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
    return _is_word(word) and word.lower() not in ENGLISH.words("function_words")
