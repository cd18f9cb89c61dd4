"""Repair of repetition: keep the first copy of loops and of repeated words, clauses and sentences."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import accumulate

from garble.languages import ENGLISH
from garble.repairs.base import Change, Site
from garble.repairs.protected import is_prose, is_word
from garble.repairs.rules import REACH
from garble.report.findings import Finding
from garble.text.periodic import loops

# One token each: "in-fighting" does not repeat "in", nor "AT&T" "at".
_TOKEN = re.compile(r"\w+(?:['’&/-]\w+)*|[^\w\s]")
_REPEATED_PIECE = re.compile(r"([^\W\d_]{3,8}?)\1+", re.IGNORECASE)
_BULLET = re.compile(r"[\s>|]*(?:[-*+•‣▪◦·–—]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)])\s*")
_BLANK_LINE = re.compile(r"\n\s*\n")
# Punctuation around a word in its chunk; any other character makes it part of a name or a code.
_OPENS, _CLOSES = "\"'“‘(«„—–", ".,;:!?\"'”’)»…—–"
# Letters of nucleotide sequences, which are not words.
_BASES = frozenset("acgtun")
# A token is compared with this many earlier equal tokens, within this distance, so that the time stays linear.
_MAX_EARLIER, _MAX_PERIOD = 8, 100
# With fewer words outside its loop, a sentence has no content to restore ...
_MIN_WORDS_OUTSIDE = 2
# ... unless a phrase has this many copies: then the phrase is the content.
_MIN_COPIES_OF_PHRASE = 4
# With fewer words outside, up to this many copies of a content word are deliberate.
_SHORT_SENTENCE, _FEW_COPIES = 6, 4
_EMPHATIC = frozenset("!?")
_STOPS = frozenset(".!?")
_INTERRUPTIONS = frozenset(".-–—…")
# Fewer copies of sentences can be a refrain.
_MIN_COPIES_OF_SENTENCES = 4
# Signs after the last word of a turn.
_SIGNS_AFTER = re.compile(r"[^\w\s]{1,9}")
_LABEL_ENDS = frozenset(":])>|-–—*•")
# Words that may be doubled in a correct sentence: "I told you you may", "we do do that".
_LEGAL_DOUBLES = frozenset(["do", "what", "that", "you", "it", "there"])
# "The room he came in in May", but not "the rise in in May".
_PARTICLES, _DETERMINERS = (
    frozenset(["in", "on"]),
    frozenset(["a", "an", "the", "his", "her", "its", "their", "this", "of"]),
)
# "All there was was sand", but not "the town was was small".
_BE = frozenset(["is", "was", "are"])
_BEFORE_BE = frozenset(["all", "what", "that", "who", "there", "it", "is", "was"])
# A doubled word that occurs again within this many words is a chant.
_CHANT_WINDOW = 4
# Between copies of one word, these mean that an action continues: "he listened, and listened, and listened".
_CONTINUATIONS = frozenset(["and", "or"])
# More copies of a name nearby are a loop, which `keep_first_copy` repairs.
_MAX_COPIES_OF_NAME = 2
# A piece of fewer different letters is laughter: "Bwahahaha".
_MIN_DIFFERENT_LETTERS = 3
# A word with fewer letters outside the repeated piece may be a name: "foofoofoo".
_MIN_LETTERS_OUTSIDE = 2
# A repeated piece with a capital and at least this many letters is a word.
_MIN_LETTERS_OF_WORD = 4
# Titles and slogans repeat a word three times: "Tora Tora Tora".
_COPIES_OF_SLOGAN = 3


def keep_first_copy(site: Site, finding: Finding) -> Iterator[Change]:
    """Keep the first copy of each loop inside the finding."""
    changes = site.cached(_loop_changes)
    for change in changes[bisect_left(changes, (finding.start + 1,)) :]:
        if change.start >= finding.end:
            break
        if change.end <= finding.end:
            yield change


def remove_repeated_name(site: Site, finding: Finding) -> Iterator[Change]:
    """Remove a name that the sentence already has, with the words before it that are repeated too."""
    tokens, starts = site.cached(_tokens)
    first, last = bisect_left(starts, finding.start), bisect_left(starts, finding.end)
    before_name, name = tokens[max(0, first - _MAX_PERIOD) : first], tokens[first:last]
    match = SequenceMatcher(None, _words(before_name), _words(name), autojunk=False).find_longest_match()
    if match.size > 1:
        before, *removed = tokens[first + match.b - 1 :][: match.size + 1]
        start, end = removed[0].start(), removed[-1].end()
        nearby = site.text[max(site.start, start - REACH) : min(site.end, end + REACH)]
        is_loop = nearby.count(site.text[start:end]) > _MAX_COPIES_OF_NAME
        # Removing the name would leave "the" or "Ann's" without a noun. Names with a number are mostly terms.
        has_possessive = before.group().endswith(("'s", "’s"))
        is_company = site.text[end : end + 2] == " &"
        has_number = any(token.group().isdigit() for token in removed)
        if not (is_loop or has_possessive or is_company or has_number) and _is_content(before.group()):
            yield Change(before.end(), end, "")
    changes = site.cached(_loop_changes)
    index = bisect_left(changes, (finding.start,))
    yield from (change for change in changes[max(0, index - _MAX_PERIOD) : index] if finding.end <= change.end)


def remove_second_opening(site: Site, finding: Finding) -> Iterator[Change]:
    """Remove the second opening of a clause: "he said that she, he said that she"."""
    text = site.text
    before = text[max(site.start, finding.start - REACH) : finding.start]
    opening = text[finding.start : finding.end].lower()
    is_repeated = re.search(rf"(?<!\w){re.escape(opening)}(?!\w)", before.lower())
    if is_repeated and opening.split()[-1] in ENGLISH.words("conjunctions"):
        yield Change(finding.start - (len(before) - len(before.rstrip())), finding.end, "")


def remove_repeated_sentence(site: Site, finding: Finding) -> Iterator[Change]:
    """Remove sentences that repeat the text directly before them, word for word.

    Text that is repeated further away can be a form or a refrain. List items are kept.
    """
    text, start = site.text, site.start
    size = site.end - start
    before = text.rfind(text[start : site.end], max(0, start - REACH - size), start)
    if before < 0 or (before and text[before - 1].isalnum()):
        return
    block = text[before:start]
    body = block.rstrip()
    is_separate = _BLANK_LINE.search(block) or _BULLET.fullmatch(text, text.rfind("\n", 0, start) + 1, start)
    if text.startswith(body, start) and not is_separate:
        yield Change(before + len(body), start + len(body), "")


def remove_copies(site: Site, finding: Finding) -> Iterator[Change]:
    """Remove a sentence of a loop that goes over sentences, unless it is in the first copy or has a label.

    The first copy must have the same characters: "Same as a + b." is no copy of "Same as a & b.". A label, such as a
    time, a speaker or a number, would be left alone on its line. Loops inside a sentence keep their first copy as those
    of `keep_first_copy` do.
    """
    found = site.cached_for_text(loops)
    index = bisect_right(found, site.start, key=lambda loop: loop.start) - 1
    loop = found[index] if index >= 0 else None
    if loop is None or loop.first_end > site.start:
        yield from keep_first_copy(site, finding)
        return
    text, start = site.text, site.start
    before = len(text[max(0, start - REACH) : start].rstrip()) + max(0, start - REACH)
    line = text.rfind("\n", 0, start) + 1
    has_label = before > line and (text[before - 1] in _LABEL_ENDS or _BULLET.fullmatch(text, line, start))
    is_inside = not any(map(str.isalnum, text[loop.end : site.end]))
    if not is_inside or loop.copies < _MIN_COPIES_OF_SENTENCES or has_label:
        return
    # A turn ends at its last word; the signs after it belong to it.
    marks = _SIGNS_AFTER.match(text, loop.first_end)
    turn_end = marks.end() if marks else loop.first_end
    copied, turn = ("".join(text[a:b].split()).casefold() for a, b in ((start, site.end), (loop.start, turn_end)))
    # A sentence without stops can be many copies.
    if turn and copied in turn * (len(copied) // len(turn) + 2):
        yield Change(before, site.end, "")


def keep_first_piece(site: Site, finding: Finding) -> Iterator[Change]:
    """Keep the first copy of a piece of three or more letters that is repeated inside a word.

    The word has two letters outside the loop ("walkinginging"), or each copy has a capital ("WhiteWhiteWhite"), but not
    "foofoofoo". Codes are left alone.
    """
    loop = _REPEATED_PIECE.search(site.text, finding.start, finding.end)
    start, end = site.chunk(finding.start)
    word = site.text[start:end].strip(_OPENS + _CLOSES)
    if loop is None or not word.isalpha() or not is_word(word) or set(word) <= _BASES:
        return
    if len(set(loop[1].lower())) < _MIN_DIFFERENT_LETTERS:
        return
    copies = len(loop.group()) // len(loop[1])
    is_part = word[1:].islower() and len(word) - len(loop.group()) >= _MIN_LETTERS_OUTSIDE
    if is_part or (len(loop[1]) >= _MIN_LETTERS_OF_WORD and word == loop[1].title() * copies):
        yield Change(loop.end(1), loop.end(), "")


def with_whitespace(text: str, start: int, end: int) -> tuple[int, int]:
    """The span of a sentence with the whitespace on one side: the smaller break, so that paragraph ends stay."""
    before, after = start, end
    while before > 0 and text[before - 1].isspace():
        before -= 1
    while after < len(text) and text[after].isspace():
        after += 1
    if before > 0 and (after == len(text) or text.count("\n", before, start) <= text.count("\n", end, after)):
        return before, end
    return start, after


def _tokens(site: Site) -> tuple[list[re.Match[str]], list[int]]:
    tokens = list(_TOKEN.finditer(site.text, site.start, site.end))
    return tokens, [token.start() for token in tokens]


def _loop_changes(site: Site) -> list[Change]:
    """Removals for each loop of the sentence, including the whitespace before them, in order.

    All whole copies but the first; or these and an incomplete last copy; or these and the one word or punctuation mark
    that joins the copies ("once, once, once").
    """
    tokens, _ = site.cached(_tokens)
    words = _words(tokens)
    word_counts = [0, *accumulate(map(_is_word, words))]
    spans = []
    for first, period, size in _repeats(words):
        second, end, whole = first + period, first + period + size, size // period * period
        copy, copies = words[first:second], 1 + size // period
        words_outside = word_counts[first] + word_counts[-1] - word_counts[end]
        has_own_content = sum(map(_is_word, copy)) > 1 and copies >= _MIN_COPIES_OF_PHRASE
        if (words_outside < _MIN_WORDS_OUTSIDE and not has_own_content) or _is_emphasis(copy, copies, words_outside):
            continue
        is_double = period == 1 and copies == 2
        if (period == 1 and not _is_whole_chunk(site, tokens[first])) or (is_double and _is_legal_double(words, first)):
            continue
        if whole:
            spans.append((second, second + whole))
        if whole and any(map(_is_content, words[second + whole : end])):
            spans.append((second, end))
        # A word repeated after one other word is deliberate: "day by day".
        if whole < size and period + whole > 2:
            kept, link = words[first : end - whole - period], words[first + size - whole : second]
            lost = [word for word in link if word not in kept]
            if len(lost) <= 1 and not any(_is_content(word) or word in _STOPS for word in lost):
                spans.append((end - whole - period, end))
    spans_in_text = ((tokens[first - 1].end(), tokens[last - 1].end()) for first, last in spans)
    return sorted(Change(*span, "") for span in spans_in_text if is_prose(site.text, *span))


def _is_legal_double(words: Sequence[str], first: int) -> bool:
    """Whether a doubled word can be correct, by its context, or is a chant ("wibble, wibble wibble")."""
    word, after = words[first].lower(), first + 2
    before = [other.lower() for other in words[max(0, first - _CHANT_WINDOW) : first]]
    if word in _LEGAL_DOUBLES:
        return True
    if word in _PARTICLES:
        return words[first - 1].islower() and _DETERMINERS.isdisjoint(before[-3:-1])
    if word in _BE:
        return not _BEFORE_BE.isdisjoint(before)
    is_isolated = first > 0 and after < len(words) and not _is_word(words[first - 1]) and not _is_word(words[after])
    return _is_content(word) and (is_isolated or word in before or word in words[after : after + _CHANT_WINDOW])


def _is_whole_chunk(site: Site, token: re.Match[str]) -> bool:
    """Whether a word is its whole chunk, apart from quotes and brackets; not in "[-name" and "tune"rolling"."""
    start, end = site.chunk(token.start())
    return site.text[start:end].lstrip(_OPENS).startswith(token.group()) and not site.text[start:end].startswith('"')


def _is_emphasis(copy: Sequence[str], copies: int, words_outside: int) -> bool:
    """Whether a repetition can be deliberate: "Let me go! Let me go!", "no, no, no", "more and more and"."""
    if not _EMPHATIC.isdisjoint(copy):
        return True
    words = [word for word in copy if _is_word(word)]
    if len(words) == 1:
        # A stammer, "if-- if-- if--", or a call.
        is_stammer = len(copy) > 1 and not _INTERRUPTIONS.isdisjoint(copy)
        if is_stammer or words[0].lower() in ENGLISH.words("exclamations"):
            return True
        if copies <= _FEW_COPIES and words_outside < _SHORT_SENTENCE and _is_content(words[0]):
            return True
    if len(words) == 2 and copies <= _FEW_COPIES and len(copy) > 2 and not _CONTINUATIONS.isdisjoint(words):
        return True
    if len(copy) == 1:
        return copies == _COPIES_OF_SLOGAN and copy[0].istitle()
    # "He's dead, he's dead": punctuation separates the copies.
    if not (_is_word(copy[0]) and _is_word(copy[-1])):
        return copies <= (3 if len(copy) == 2 else 2)
    return len(copy) == 2 and copies <= 2 and not ENGLISH.words("links").isdisjoint(copy)


def _repeats(words: list[str]) -> Iterator[tuple[int, int, int]]:
    """Repeated sequences of words: (index of the first word, distance to the repetition, number of words).

    For loops the distance is one period; multiples of the period are skipped.
    """
    positions = defaultdict[str, list[int]](list)
    for index, word in enumerate(words):
        for first in positions[word][-_MAX_EARLIER:]:
            if index - first > _MAX_PERIOD or (first and words[first - 1] == words[index - 1]):
                continue
            size = 1
            while index + size < len(words) and words[first + size] == words[index + size]:
                size += 1
            if any(map(_is_word, words[first : first + size])) and not _is_loop(words[first:index]):
                yield first, index - first, size
        positions[word].append(index)


def _is_loop(words: list[str]) -> bool:
    size = len(words)
    return any(size % copy == 0 and words == words[:copy] * (size // copy) for copy in range(1, size // 2 + 1))


def _words(tokens: Sequence[re.Match[str]]) -> list[str]:
    """The words as written; the first in lower case if it occurs again in lower case."""
    words = [token.group() for token in tokens]
    return [words[0].lower(), *words[1:]] if words and words[0].lower() in words[1:] else words


def _is_word(word: str) -> bool:
    return word[0].isalnum()


def _is_content(word: str) -> bool:
    return _is_word(word) and word.lower() not in ENGLISH.words("function_words")
