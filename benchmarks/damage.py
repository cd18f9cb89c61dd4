"""Damage done to clean sentences on purpose, written for the benchmark alone.

It knows nothing of `garble.training.corrupt`, from which the scorecard learns: no damage measured was trained on. Each
maker takes a sentence and a random generator and gives the damaged sentence, or None where it finds nothing to damage.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

Maker = Callable[[str, Random], str | None]

_LOOPS = 12
_LAST_STOP = re.compile(r"[.!?]+[\"'”’)]*$")
_NAME = re.compile(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+){1,2}\b")
# Capitals at the head of a sentence that begin no name.
_NO_NAME = {
    *("A", "An", "And", "As", "At", "But", "By", "For", "From", "He", "Her", "His", "If", "In", "It", "Its", "My"),
    *("No", "Of", "On", "Or", "Our", "She", "So", "That", "The", "Their", "These", "They", "This", "To", "We", "When"),
    *("While", "With", "After", "Although", "Before", "Both", "Former", "Last", "Meanwhile", "Since", "Then", "Under"),
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "New"),
}
_CURLED = (("--", "—"), (" - ", " – "), ("'", "’"))
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
_ACCENTED = dict(zip("aeioucn", "áéíóúçñ", strict=True))


def word_twice(sentence: str, rng: Random) -> str | None:
    """Say one word twice: "the man who who came"."""
    words = sentence.split()
    places = [i for i, word in enumerate(words) if word.isalpha()]
    if not places:
        return None
    at = rng.choice(places)
    return " ".join([*words[: at + 1], words[at].lower() if at == 0 else words[at], *words[at + 1 :]])


def phrase_twice(sentence: str, rng: Random) -> str | None:
    """Say three to five words twice."""
    return repeated(sentence, rng, (3, 5), lambda: 2)


def loop(sentence: str, rng: Random) -> str | None:
    """Say one to four words twelve times."""
    return repeated(sentence, rng, (1, 4), lambda: _LOOPS)


def repeated(sentence: str, rng: Random, sizes: tuple[int, int], times: Callable[[], int]) -> str | None:
    """Say some words so many times; sizes: how many words at the least and at the most."""
    words = sentence.split()
    size = rng.randint(*sizes)
    if len(words) <= size + 1:
        return None
    at = rng.randrange(len(words) - size)
    return " ".join([*words[:at], *words[at : at + size] * times(), *words[at + size :]])


def name_twice(sentence: str, rng: Random) -> str | None:
    """Say a full name again in the same clause: "Ann Lee told Ann Lee that it was late"."""
    for found in _NAME.finditer(sentence):
        after = sentence[found.end() :].split()
        gap = rng.randint(2, 4)
        said = after[:gap]
        free = len(after) > gap and all(re.fullmatch(r"[\w'’-]+", word) for word in said)
        if found[0].split()[0] not in _NO_NAME and free and sentence[found.end()] == " ":
            return " ".join([sentence[: found.end()], *said, found[0], *after[gap:]])
    return None


def word_salad(sentence: str, rng: Random) -> str | None:
    """Put all words into a random order; the capital at the head and the stop at the end stay where they belong."""
    stop = _LAST_STOP.search(sentence)
    words = (sentence[: stop.start()] if stop else sentence).split()
    if len(words) < 4:
        return None
    if not words[0].startswith("I"):
        words[0] = words[0][0].lower() + words[0][1:]
    mixed = words[:]
    while mixed == words:
        rng.shuffle(mixed)
    mixed[0] = mixed[0][0].upper() + mixed[0][1:]
    mixed[-1] = mixed[-1].rstrip(",;:") or mixed[-1]
    return " ".join(mixed) + (stop[0] if stop else "")


def mojibake(sentence: str, rng: Random) -> str | None:
    """Read the sentence's UTF-8 as Windows-1252, once its quotes and dashes are curled or a letter has an accent."""
    for plain, curled in _CURLED:
        sentence = sentence.replace(plain, curled)
    sentence = re.sub(r'(?<!\S)"', "“", sentence).replace('"', "”")
    if sentence.isascii():
        places = [i for i, char in enumerate(sentence) if char in _ACCENTED]
        if not places:
            return None
        at = rng.choice(places)
        sentence = sentence[:at] + _ACCENTED[sentence[at]] + sentence[at + 1 :]
    # Five bytes mean nothing in Windows-1252; programs then show the control character of Latin-1.
    pieces = (bytes([byte]) for byte in sentence.encode("utf-8", "replace"))
    return "".join(piece.decode("latin-1" if piece in _UNDEFINED else "cp1252") for piece in pieces)


MAKERS: dict[str, Maker] = {
    "word x2": word_twice,
    "phrase x2": phrase_twice,
    "loop x12": loop,
    "name twice": name_twice,
    "word salad": word_salad,
    "mojibake": mojibake,
}
