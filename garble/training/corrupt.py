"""Garbling on purpose: clean sentences damaged as decoders and pipelines damage them, to learn from.

A corruption is a function (sentence, rng) -> garbled sentence, or None where it finds nothing to take hold of.
It is for training only: benchmarks make damage of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from garble.languages import ENGLISH

Corruption = Callable[[str, Random], str | None]
DocumentCorruption = Callable[[str, Random, list[str]], str | None]

# Share of the corruptions that need the document around the sentence.
_OF_THE_DOCUMENT = 0.1

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_NAME = re.compile(r"(?:^|(?<=\s))[A-Z]\w+(?: [A-Z]\w+)*")


def _words(sentence: str) -> list[re.Match[str]]:
    return list(_WORD.finditer(sentence))


def _phrase(sentence: str, rng: Random, least: int, most: int) -> tuple[int, int] | None:
    """Where some `least` to `most` neighbouring words stand, with no punctuation among them."""
    words = _words(sentence)
    size = rng.randint(least, most)
    places = [
        (words[i].start(), words[i + size - 1].end())
        for i in range(len(words) - size + 1)
        if not re.search(r"[^\w\s'’-]", sentence[words[i].start() : words[i + size - 1].end()])
    ]
    return rng.choice(places) if places else None


def loop(sentence: str, rng: Random) -> str | None:
    """A phrase three to twelve times over."""
    place = _phrase(sentence, rng, 1, 6)
    if place is None:
        return None
    joint = rng.choice([" ", " ", " ", ", ", " and ", "-"])
    phrase = sentence[slice(*place)]
    return sentence[: place[0]] + joint.join([phrase] * rng.randint(3, 12)) + sentence[place[1] :]


def varied_loop(sentence: str, rng: Random) -> str | None:
    """A phrase over and over, a word of it changed or dropped each time."""
    place = _phrase(sentence, rng, 3, 6)
    if place is None:
        return None
    phrase = sentence[slice(*place)].split()
    turns = []
    for _ in range(rng.randint(3, 6)):
        turn = list(phrase)
        where = rng.randrange(len(turn))
        turn[where : where + 1] = rng.choice([[], [turn[where], rng.choice(["of", "the", "and", "in", "which"])]])
        turns.append(" ".join(turn))
    return sentence[: place[0]] + " ".join(turns) + sentence[place[1] :]


def double_word(sentence: str, rng: Random) -> str | None:
    """One word twice."""
    words = [word for word in _words(sentence) if word.group().lower() not in ENGLISH.words("doubles")]
    if not words:
        return None
    word = rng.choice(words)
    return f"{sentence[: word.end()]} {word.group()}{sentence[word.end() :]}"


def say_twice(sentence: str, rng: Random) -> str | None:
    """A phrase of two to six words twice."""
    place = _phrase(sentence, rng, 2, 6)
    return place and f"{sentence[: place[1]]} {sentence[slice(*place)]}{sentence[place[1] :]}"


def echo_clause(sentence: str, rng: Random) -> str | None:
    """The beginning of the sentence again in its middle."""
    words = _words(sentence)
    if len(words) < 10:
        return None
    size, at = rng.randint(4, 7), rng.randint(8, len(words) - 1)
    start = sentence[words[0].start() : words[size - 1].end()]
    return sentence[: words[at - 1].end()] + rng.choice([", ", " "]) + start + sentence[words[at - 1].end() :]


def join_to_itself(sentence: str, rng: Random) -> str | None:
    """One word in both places around "and" or "or"."""
    joints = list(re.finditer(r"(\w{3,}) (and|or) (\w{3,})", sentence))
    joints = [m for m in joints if not ENGLISH.words("function_words") & {m.group(1).lower(), m.group(3).lower()}]
    if not joints:
        return None
    joint = rng.choice(joints)
    return f"{sentence[: joint.end(2)]} {joint.group(1)}{sentence[joint.end() :]}"


def repeat_noun(sentence: str, rng: Random) -> str | None:
    """One content word of the sentence in the place of another."""
    words = [
        w for w in _words(sentence) if len(w.group()) > 3 and w.group().lower() not in ENGLISH.words("function_words")
    ]
    if len(words) < 3:
        return None
    one, other = sorted(rng.sample(words, 2), key=lambda word: word.start())
    return sentence[: other.start()] + one.group() + sentence[other.end() :]


def echo_name(sentence: str, rng: Random) -> str | None:
    """A name of the sentence once more, a few words on, in place of a word or beside it."""
    small = ENGLISH.words("function_words")
    names = [name for name in _NAME.finditer(sentence) if not small.issuperset(name.group().lower().split())]
    if not names:
        return None
    # Full names first: they are what decoders put in both places.
    name = max(names, key=lambda name: (" " in name.group(), rng.random()))
    after = [word for word in _words(sentence) if word.start() > name.end()][1:5]
    if not after:
        return None
    at = rng.choice(after)
    return sentence[: at.start()] + name.group() + sentence[at.end() if rng.random() < 0.5 else at.start() - 1 :]


def loop_in_word(sentence: str, rng: Random) -> str | None:
    """A piece of a word over and over."""
    words = [word for word in _words(sentence) if len(word.group()) > 3]
    if not words:
        return None
    word = rng.choice(words)
    cut = rng.randint(2, min(6, len(word.group())))
    return (
        sentence[: word.start()]
        + word.group()[:cut] * rng.randint(3, 6)
        + sentence[word.end() - (len(word.group()) - cut) :]
    )


def shuffle(sentence: str, rng: Random) -> str | None:
    """Word salad: all words in another order."""
    words = sentence.rstrip(".!?").split()
    if len(words) < 5:
        return None
    rng.shuffle(words)
    return " ".join(words) + sentence[len(sentence.rstrip(".!?")) :]


def shuffle_some(sentence: str, rng: Random) -> str | None:
    """Five to eight neighbouring words in another order."""
    words = sentence.split()
    if len(words) < 9:
        return None
    size = rng.randint(5, 8)
    at = rng.randint(0, len(words) - size)
    some = words[at : at + size]
    rng.shuffle(some)
    return " ".join([*words[:at], *some, *words[at + size :]])


def shuffle_phrases(sentence: str, rng: Random) -> str | None:
    """Phrase salad: pieces of two to four words in another order."""
    words = sentence.rstrip(".!?").split()
    pieces = []
    while words:
        size = rng.randint(2, 4)
        pieces.append(words[:size])
        words = words[size:]
    if len(pieces) < 4:
        return None
    rng.shuffle(pieces)
    return " ".join(word for piece in pieces for word in piece) + sentence[len(sentence.rstrip(".!?")) :]


def drop_words(sentence: str, rng: Random) -> str | None:
    """Half of the function words left out."""
    small = ENGLISH.words("function_words")
    words = sentence.split()
    kept = [word for word in words if word.lower() not in small or rng.random() < 0.4]
    return " ".join(kept) if len(words) - len(kept) >= 3 else None


def swap_small_words(sentence: str, rng: Random) -> str | None:
    """Three function words or more replaced by others."""
    small = sorted(ENGLISH.words("function_words"))
    words = sentence.split()
    places = [i for i, word in enumerate(words) if word in ENGLISH.words("function_words")]
    if len(places) < 3:
        return None
    for place in rng.sample(places, max(3, len(places) // 2)):
        words[place] = rng.choice(small)
    return " ".join(words)


def misread(sentence: str, rng: Random) -> str | None:
    """Mojibake: quotation marks or accented letters read in the wrong encoding."""
    accents = str.maketrans("aeiouncAEO", "àéíöüñçÄÉÖ")
    dressed = re.sub(r"['\"]", lambda m: rng.choice("’“”"), sentence)
    places = [m.start() for m in re.finditer(r"[aeiounc]", dressed)]
    if not places:
        return None
    for place in rng.sample(places, min(len(places), rng.randint(1, 4))):
        dressed = dressed[:place] + dressed[place].translate(accents) + dressed[place + 1 :]
    return "".join(char if char.isascii() else char.encode().decode("cp1252", "replace") for char in dressed)


def lose_character(sentence: str, rng: Random) -> str | None:
    """Replacement characters for one to three letters."""
    if not sentence:
        return None
    chars = list(sentence)
    for _ in range(rng.randint(1, 3)):
        chars[rng.randrange(len(chars))] = "\N{REPLACEMENT CHARACTER}"
    return "".join(chars)


def hide_character(sentence: str, rng: Random) -> str | None:
    """Zero-width or control characters inside words."""
    inside = [m.start() + 1 for m in re.finditer(r"[a-z][a-z]", sentence)]
    if not inside:
        return None
    for place in sorted(rng.sample(inside, min(len(inside), rng.randint(1, 4))), reverse=True):
        sentence = sentence[:place] + rng.choice("\u200b\u200e\ufeff\x07\x02") + sentence[place:]
    return sentence


def mix_script(sentence: str, rng: Random) -> str | None:
    """Look-alike letters of another alphabet, or a stray ideograph."""
    alike = dict(zip("aeopcxyTHKMBAO", "аеорсхуТНКМВАО", strict=True))
    places = [i for i, char in enumerate(sentence) if char in alike]
    if not places or rng.random() < 0.3:
        ends = [word.end() for word in _words(sentence)]
        at = rng.choice(ends) if ends else 0
        return sentence[:at] + rng.choice("的赢国人し年") + sentence[at:]
    place = rng.choice(places)
    return sentence[:place] + alike[sentence[place]] + sentence[place + 1 :]


def leave_markup(sentence: str, rng: Random) -> str | None:
    """Placeholders, tags and entities."""
    words = _words(sentence)
    if not words:
        return None
    word = rng.choice(words)
    whole, cut = word.group(), max(1, len(word.group()) // 2)
    pieces = f"{whole[:cut]}@@ {whole[cut:]}"
    left = ["<unk>", pieces, f"{whole} &amp;", f"<br>{whole}", f"▁{whole}", f"&quot;{whole}&quot;", f"<b>{whole}</b>"]
    return sentence[: word.start()] + rng.choice(left) + sentence[word.end() :]


def leave_source(sentence: str, rng: Random) -> str | None:
    """A run of foreign words where English ones stood."""
    place = _phrase(sentence, rng, 2, 6)
    foreign = sorted(ENGLISH.words("foreign_function_words"))
    return place and sentence[: place[0]] + " ".join(rng.sample(foreign, rng.randint(4, 8))) + sentence[place[1] :]


def carry_abbreviation(sentence: str, rng: Random) -> str | None:
    """German abbreviations, whole or half translated."""
    words = _words(sentence)
    if len(words) < 4:
        return None
    at = rng.choice(words[2:-1]).start()
    return (
        sentence[:at]
        + rng.choice(["such as: B. ", "z. B. ", "z.B. ", "d. h. ", "u. a. ", "for example: B. "])
        + sentence[at:]
    )


def space_marks(sentence: str, rng: Random) -> str | None:
    """Spaces before punctuation."""
    spaced, count = re.subn(r"(?<=\w)([,;:!?])(?=\s)", r" \1", sentence)
    return spaced if count else None


def double_marks(sentence: str, rng: Random) -> str | None:
    """A comma or colon twice."""
    places = [m.end() for m in re.finditer(r"(?<=\w)[,;:](?=\s)", sentence)]
    if not places:
        return None
    at = rng.choice(places)
    return sentence[:at] + sentence[at - 1] + sentence[at:]


def glue(sentence: str, rng: Random) -> str | None:
    """A space lost between two words, the second with a capital or the first in capitals."""
    words = [word for word in _words(sentence)[:-1] if len(word.group()) > 3]
    if not words:
        return None
    word = rng.choice(words)
    rest = sentence[word.end() :].lstrip()
    if rng.random() < 0.3:
        return sentence[: word.start()] + word.group().upper() + rest
    glued = sentence[: word.end()] + rest[:1].upper() + rest[1:]
    return glued if glued != sentence else None


def fuse_digits(sentence: str, rng: Random) -> str | None:
    """A number run together with a word."""
    places = list(re.finditer(r"(?<=[a-z]) (?=\d{2,})|(?<=\d\d) (?=[a-z]{2,})", sentence))
    if not places:
        return None
    at = rng.choice(places).start()
    return sentence[:at] + sentence[at + 1 :]


def break_number(sentence: str, rng: Random) -> str | None:
    """Points and commas in the wrong places of a number."""
    numbers = list(re.finditer(r"\d{2,}[\d.,]*\d|\d{3,}", sentence))
    if not numbers:
        return None
    number = rng.choice(numbers)
    head, some = number.group()[:2], [str(rng.randint(1, 99)) for _ in range(3)]
    wrong = rng.choice(["{},{}.{}", "{}.{},{}.{}", "{}.{}00,{}.{}", "{},{}.{},{}"]).format(head, *some)
    return sentence[: number.start()] + wrong + sentence[number.end() :]


def swap_article(sentence: str, rng: Random) -> str | None:
    """One indefinite article for the other."""
    places = list(re.finditer(r"(?<=\s)an? (?=[a-z])", sentence))
    if not places:
        return None
    place = rng.choice(places)
    return sentence[: place.start()] + ("an " if place.group() == "a " else "a ") + sentence[place.end() :]


def break_agreement(sentence: str, rng: Random) -> str | None:
    """A verb of the wrong number beside a pronoun or noun."""
    wrong = {"is": "are", "are": "is", "was": "were", "were": "was", "has": "have", "have": "has", "does": "do"}
    places = list(
        re.finditer(r"\b(?:he|she|it|they|we|you|people|these|those) (is|are|was|were|has|have|does)\b", sentence, re.I)
    )
    if not places:
        return None
    place = rng.choice(places)
    return sentence[: place.start(1)] + wrong[place.group(1).lower()] + sentence[place.end(1) :]


def cut_short(sentence: str, rng: Random) -> str | None:
    """The sentence ends on a function word."""
    words = _words(sentence)
    last = [word for word in words[4:-2] if word.group() in ENGLISH.words("never_last")]
    return sentence[: rng.choice(last).end()] + "." if last else None


# How often each is made, against the others. What learners do too is made seldom: alone it must not condemn.
CORRUPTIONS: dict[Corruption, float] = {
    loop: 2, varied_loop: 2, double_word: 1.5, say_twice: 1, echo_clause: 2, echo_name: 3, join_to_itself: 2,
    repeat_noun: 0.5, loop_in_word: 1,
    shuffle: 3, shuffle_some: 1, shuffle_phrases: 1, drop_words: 1, swap_small_words: 1,
    misread: 1, lose_character: 0.5, hide_character: 0.5, mix_script: 0.5,
    leave_markup: 1, leave_source: 1, carry_abbreviation: 0.5, space_marks: 1, double_marks: 0.5, glue: 1,
    fuse_digits: 1, break_number: 1, swap_article: 0.2, break_agreement: 0.2, cut_short: 0.5,
}  # fmt: skip


def say_again(sentence: str, rng: Random, before: list[str]) -> str | None:
    """One of the last sentences before in place of this one."""
    long = [other for other in before[-3:] if len(other.split()) > 7]
    return rng.choice(long) if long else None


def respell_name(sentence: str, rng: Random, before: list[str]) -> str | None:
    """A long name that the document has had already, a letter of it changed."""
    text = " ".join(before)
    places = [m for m in re.finditer(r"(?<=\s)[A-Z]\w{4,}", sentence) if m.group() in text]
    if not places:
        return None
    at = rng.randint(places[0].end() - 4, places[0].end() - 2)
    return sentence[:at] + rng.choice("aeiourstlnmk".replace(sentence[at], "")) + sentence[at + 1 :]


def lose_quote(sentence: str, rng: Random, before: list[str]) -> str | None:
    """One of two quotation marks left out, in the middle of a document."""
    places = [m.start() for m in re.finditer(r'["“”]', sentence)]
    if len(places) != 2 or not before:
        return None
    at = rng.choice(places)
    return sentence[:at] + sentence[at + 1 :]


DOCUMENT_CORRUPTIONS: tuple[DocumentCorruption, ...] = (say_again, respell_name, lose_quote)


def corrupt(sentence: str, rng: Random, before: list[str]) -> str:
    """The sentence after the first of a few corruptions that takes hold of it; unchanged when none does.

    before: the sentences of the document so far.
    """
    if rng.random() < _OF_THE_DOCUMENT:
        garbled = rng.choice(DOCUMENT_CORRUPTIONS)(sentence, rng, before)
        if garbled and garbled != sentence:
            return garbled
    tried = (make(sentence, rng) for make in rng.choices(list(CORRUPTIONS), list(CORRUPTIONS.values()), k=5))
    return next((garbled for garbled in tried if garbled and garbled != sentence), sentence)


def split_words(sentence: str, rng: Random) -> str | None:
    """A third of the longer words cut in two by a space, as text extraction does."""
    words = [word for word in _words(sentence) if len(word.group()) > 4]
    if not words:
        return None
    for word in sorted(rng.sample(words, -(-len(words) // 3)), key=lambda word: -word.start()):
        at = rng.randint(word.start() + 2, word.end() - 2)
        sentence = f"{sentence[:at]} {sentence[at:]}"
    return sentence


def run_together(sentence: str, rng: Random) -> str | None:
    """Three to six neighbouring words without their spaces."""
    place = _phrase(sentence, rng, 3, 6)
    return place and sentence[: place[0]] + sentence[slice(*place)].replace(" ", "") + sentence[place[1] :]


def misread_letters(sentence: str, rng: Random) -> str | None:
    """Letters taken for others of much the same shape, as a reader of scanned pages does."""
    shapes = [entry.split() for entry in sorted(ENGLISH.words("letter_shapes"))]
    places = [(m.start(), seen, meant) for seen, meant in shapes for m in re.finditer(meant, sentence)]
    if len(places) < 3:
        return None
    last = len(sentence) + 1
    for at, seen, meant in sorted(rng.sample(places, max(3, len(places) // 12)), reverse=True):
        if at + len(meant) <= last:
            sentence, last = sentence[:at] + seen + sentence[at + len(meant) :], at
    return sentence


def type_at_random(sentence: str, rng: Random) -> str | None:
    """Two to five words typed at random in place of some, or of all."""
    typed = " ".join(
        "".join(rng.choices("asdfghjklqwertyuiopzxcvbnm", k=rng.randint(4, 9))) for _ in range(rng.randint(2, 5))
    )
    place = _phrase(sentence, rng, 2, 4)
    if place is None or rng.random() < 0.2:
        return typed
    return sentence[: place[0]] + typed + sentence[place[1] :]


def leave_remnant(sentence: str, rng: Random) -> str | None:
    """Tokens of decoders and chat models, placeholders and escapes in place of a word or beside it."""
    words = _words(sentence)
    if not words:
        return None
    word = rng.choice(words)
    left = [
        "<|im_end|>",
        "<extra_id_0>",
        "<unused7>",
        "⁇",
        "{{name}}",
        "${user}",
        "__PH_1__",
        "% 1 $ s",
        "{0 }",
        "[INST]",
    ]
    beside = [f"{word.group()} {rng.choice(left)}", rng.choice(left), f"{word.group()}Ġ", f"{word.group()}\\u2019s"]
    return sentence[: word.start()] + rng.choice(beside) + sentence[word.end() :]


CORRUPTIONS.update({split_words: 0.7, run_together: 0.7, misread_letters: 0.7, type_at_random: 0.5, leave_remnant: 0.5})
