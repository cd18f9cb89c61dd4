"""Pairs of a clean sentence and the same sentence damaged, as translators damage them.

    python -m garble.training.network.contrasts --data DATA --work WORK --minutes 45

Needs the Debian packages of docs/reader.md (Apertium and FreeDict) and the extra `train-deep`. WORK gets `clean.tsv`
(kind, sentence), `trips.tsv` (number of the clean sentence, languages, round trip) and `contrasts.jsonl.xz`. Each step
continues where the last run stopped. The pairs are for training only and are never shipped.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import re
import subprocess
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

from garble.languages import ENGLISH
from garble.text.segmentation import segment
from garble.training.corrupt import corrupt
from garble.training.data import clean_texts, post_edited

Table = dict[str, list[str]]
Log = Callable[[str], None]

# Sentences of so many words are used, of each file of lm/ so many at most.
_SHORTEST, _LONGEST, _MOST = 5, 60, 45_000
# Round trips: the pair of Apertium modes by language, and how often each is used.
_TRIPS = {
    "spa": ("eng-spa", "spa-eng", 0.30),
    "cat": ("eng-cat", "cat-eng", 0.25),
    "glg": ("en-gl", "gl-en", 0.20),
    "epo": ("en-eo", "eo-en", 0.15),
    "hbs": ("eng-hbs", "hbs-eng", 0.10),
}
# This share makes a second trip, which damages more.
_SECOND_TRIP = 0.2
_TRIP_BLOCK = 300
_DICTIONARIES = Path("/usr/share/dictd")
_SOURCES = ("deu", "hun", "jpn", "fra", "nld", "spa", "por", "swe", "ita", "tur")
# A headword with more English words than this is a list, not a translation.
_MOST_SENSES = 12
# This share of the round trips is damaged further, so that there are worse ones, too.
_DAMAGED_TRIPS = 0.15
# Share of the pairs in which both sides also get the slips that people make: they are no damage.
_SLIPS = 0.15
# Share of the pairs whose other side is no worse: the same sentence as people say it, or jot it down.
_INFORMAL = 0.08
_WORD = re.compile(r"[A-Za-z]+(?:['’][a-z]+)?")
_PREPOSITIONS = [
    "in", "on", "at", "of", "for", "to", "from", "with", "by",
    "about", "into", "over", "under", "after", "before", "between", "through", "during",
]  # fmt: skip
_FILLERS = ["um", "uh", "er", "you know,", "I mean,", "well,", "like,", "sort of"]
_SPOKEN = {
    "going to": "gonna", "want to": "wanna", "got to": "gotta", "kind of": "kinda", "them": "'em", "you": "ya",
    "because": "'cause", "isn't": "ain't", "is not": "ain't", "and": "an'", "of": "o'", "for": "fer", "old": "ole",
}  # fmt: skip
_LEFT_OUT = re.compile(r"\b(?:the|an?|is|are|was|were|has|have|had) ", re.IGNORECASE)
_FIRST_PERSON = re.compile(r"^(?:I|We|It|They|He|She|There|This) (?:is |are |was |were |has |have |had )?")
_CONTRACTION = re.compile(r" (n't|'(?:s|re|ve|ll|d|m)\b)", re.I)
_ENTITY = {"&apos;": "'", "&quot;": '"', "&amp;": "&", "&#91;": "[", "&#93;": "]", "&lt;": "<", "&gt;": ">", "@-@": "-"}


# Clean sentences.


def clean_sentences(data: Path, rng: Random) -> list[tuple[str, str]]:
    """Kind and text of distinct sentences of lm/, in random order; not of documents held out for the scorecard."""
    kinds: dict[str, list[str]] = defaultdict(list)
    seen: set[int] = set()
    for kind, text in clean_texts(data):
        # Large files are thinned, so that memory stays bounded.
        if len(kinds[kind]) > 4 * _MOST and rng.random() < 0.5:
            continue
        for piece in segment(text).slices():
            sentence = " ".join(piece.split())
            key = zlib.crc32(sentence.encode())
            if _SHORTEST <= sentence.count(" ") + 1 <= _LONGEST and len(sentence) <= 400 and key not in seen:
                seen.add(key)
                kinds[kind].append(sentence)
    found = []
    for kind in sorted(kinds):
        rng.shuffle(kinds[kind])
        found += [(kind, sentence) for sentence in kinds[kind][:_MOST]]
    rng.shuffle(found)
    return found


# Round trips.


def translated(texts: Sequence[str], mode: str) -> list[str] | None:
    """Each text through one Apertium mode; None where blocks were lost, as then no text has its own translation."""
    done = subprocess.run(
        ["apertium", "-u", mode], input="\n\n".join(texts) + "\n", capture_output=True, text=True, errors="replace"
    )
    out = [" ".join(block.split()) for block in re.split(r"\n\s*\n", done.stdout.strip())]
    return out if len(out) == len(texts) else None


def round_trip(texts: Sequence[str], languages: Sequence[str]) -> list[str] | None:
    """Each text into these languages and back, one after the other."""
    now: list[str] | None = list(texts)
    for mode in (mode for language in languages for mode in _TRIPS[language][:2]):
        now = now and translated(now, mode)
    return now


def make_trips(clean: Sequence[str], out: Path, minutes: float, rng: Random, log: Log) -> None:
    """Append round trips to `out` until the time is over or every sentence has one."""
    names, weights = list(_TRIPS), [trip[2] for trip in _TRIPS.values()]
    done = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    last = int(done[-1].split("\t", 1)[0]) if done else -1
    deadline = time.monotonic() + 60 * minutes
    with out.open("a", encoding="utf-8") as lines:
        for first in range(last + 1, len(clean), _TRIP_BLOCK):
            if time.monotonic() > deadline:
                break
            languages = rng.choices(names, weights)
            if rng.random() < _SECOND_TRIP:
                languages.append(rng.choice(names[:4]))
            some = clean[first : first + _TRIP_BLOCK]
            back = round_trip(some, languages)
            if back is None:
                log(f"round trip {'+'.join(languages)}: lost a block at sentence {first}")
                continue
            for number, text in enumerate(back, start=first):
                lines.write(f"{number}\t{'+'.join(languages)}\t{text}\n")


# Co-translations: English words that translate one foreign headword.


def senses(dictionary: str) -> Iterator[list[str]]:
    """The single English words that each headword of a FreeDict text is translated by."""
    words: list[str] = []
    for line in dictionary.splitlines():
        if line and not line[0].isspace() and "/" in line:
            if words:
                yield words
            words = []
            continue
        plain = re.sub(r"\[[^]]*\]|<[^>]*>|\([^)]*\)|\{[^}]*\}|^\s*\d+\.", " ", line)
        if ":" in plain:
            continue
        for sense in re.split(r"[,;|/]", plain):
            word = re.sub(r"^(?:to|a|an|the) ", "", sense.strip().lower())
            if re.fullmatch(r"[a-z]{3,}", word):
                words.append(word)
    if words:
        yield words


def co_translations(folder: Path = _DICTIONARIES) -> dict[str, Counter[str]]:
    """By English word the words that share a foreign headword with it, and how often."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for source in _SOURCES:
        with gzip.open(folder / f"freedict-{source}-eng.dict.dz", "rt", encoding="utf-8", errors="replace") as file:
            for words in senses(file.read()):
                distinct = list(dict.fromkeys(words))
                if len(distinct) <= _MOST_SENSES:
                    for one, other in combinations(distinct, 2):
                        if one[:4] != other[:4]:
                            table[one][other] += 1
                            table[other][one] += 1
    return table


class Substitutes:
    """For a word of a text the forms of other words that a dictionary might have put in its place."""

    def __init__(self, table: dict[str, Counter[str]], known: set[str]) -> None:
        self.table, self.known = table, known
        self.of = cache(self._of)

    def _of(self, word: str) -> tuple[list[str], list[float]]:
        """Forms and their weights, the root of how often they share a headword; inflected as the word is."""
        from lemminflect import getAllInflections, getAllLemmas, getInflection

        weights: dict[str, float] = {}
        for part, lemmas in getAllLemmas(word).items():
            for lemma in lemmas:
                if lemma not in self.table or part not in ("NOUN", "VERB", "ADJ", "ADV"):
                    continue
                tags = [tag for tag, forms in getAllInflections(lemma, part).items() if word in forms]
                for other, count in self.table[lemma].items():
                    if part not in getAllLemmas(other):
                        continue
                    for form in dict.fromkeys(form for tag in tags for form in getInflection(other, tag)[:1]):
                        if form in self.known and form != word:
                            weights[form] = max(weights.get(form, 0.0), count**0.5)
        return list(weights), list(weights.values())


def substitute(sentence: str, rng: Random, substitutes: Substitutes) -> str | None:
    """One to six content words replaced by words that translate the same foreign word."""
    small = ENGLISH.words("function_words")
    places = [
        word
        for word in _WORD.finditer(sentence)
        if word.group().lower() not in small and (word.group()[0].islower() or word.start() == 0)
    ]
    places = [word for word in places if substitutes.of(word.group().lower())[0]]
    if not places:
        return None
    count = min(len(places), 1 + int(rng.expovariate(0.6)), 6)
    for word in sorted(rng.sample(places, count), key=lambda word: -word.start()):
        forms, weights = substitutes.of(word.group().lower())
        form = rng.choices(forms, weights)[0]
        if word.group()[0].isupper():
            form = form.capitalize()
        sentence = sentence[: word.start()] + form + sentence[word.end() :]
    return sentence


# Other damage.


def _move_word(words: list[str], rng: Random) -> None:
    if len(words) > 5:
        at = rng.randrange(len(words) - 1)
        word = words.pop(at)
        words.insert(max(0, min(len(words) - 1, at + rng.choice([-5, -4, -3, -2, 2, 3, 4, 5]))), word)


def _move_phrase(words: list[str], rng: Random) -> None:
    size = rng.randint(2, 4)
    if len(words) > 2 * size + 2:
        at = rng.randrange(len(words) - size)
        phrase = words[at : at + size]
        del words[at : at + size]
        to = max(0, min(len(words) - 1, at + rng.choice([-8, -6, -4, -3, -2, 2, 3, 4, 6, 8])))
        words[to:to] = phrase


def _lose_word(words: list[str], rng: Random) -> None:
    if len(words) > 5:
        words.pop(rng.randrange(len(words) - 1))


def _wrong_preposition(words: list[str], rng: Random) -> None:
    places = [i for i, word in enumerate(words) if word in _PREPOSITIONS]
    if places:
        words[rng.choice(places)] = rng.choice(_PREPOSITIONS)


def _wrong_form(words: list[str], rng: Random) -> None:
    from lemminflect import getAllInflections, getAllLemmas

    places = [i for i, word in enumerate(words) if word.isalpha() and word.islower() and len(word) > 3]
    rng.shuffle(places)
    for place in places[:5]:
        lemmas = getAllLemmas(words[place])
        forms = {
            form
            for part, some in lemmas.items()
            if part in ("NOUN", "VERB")
            for forms in getAllInflections(some[0], part).values()
            for form in forms[:1]
        } - {words[place]}
        if forms:
            words[place] = rng.choice(sorted(forms))
            return


def _stray_word(words: list[str], rng: Random) -> None:
    words.insert(rng.randrange(len(words)), rng.choice(sorted(ENGLISH.words("function_words"))))


_SMALL_DAMAGE = (_move_word, _move_phrase, _lose_word, _wrong_preposition, _wrong_form, _stray_word)


def small_damage(sentence: str, rng: Random) -> str:
    """One to four of: a word or a phrase moved, a word lost, of a wrong form, a stray or a wrong small word."""
    words = sentence.split()
    for _ in range(1 + int(rng.expovariate(0.8))):
        rng.choice(_SMALL_DAMAGE)(words, rng)
    return " ".join(words)


def slips(sentence: str, rng: Random) -> str:
    """What people type: a letter wrong, a comma or an apostrophe left out, no capitals."""
    for _ in range(rng.randint(1, 3)):
        kind = rng.randrange(4)
        words = [word for word in _WORD.finditer(sentence) if len(word.group()) > 4 and word.group()[0].islower()]
        if kind == 0:
            sentence = sentence.replace(",", "", 1)
        elif kind == 1:
            sentence = re.sub("['’](?=[a-z])", "", sentence, count=1)
        elif kind == 2 and rng.random() < 0.3:
            sentence = sentence.lower()
        elif words:
            word = rng.choice(words)
            at = rng.randint(word.start() + 1, word.end() - 2)
            twice = rng.random() < 0.3
            swapped = sentence[at + 1] + sentence[at]
            sentence = sentence[:at] + (sentence[at] * 2 if twice else swapped) + sentence[at + 2 - twice :]
    return sentence


def _with_fillers(sentence: str, rng: Random) -> str:
    words = sentence.split()
    for _ in range(rng.randint(1, 2)):
        words.insert(rng.randrange(len(words)), rng.choice(_FILLERS))
    return " ".join(words)


def _started_again(sentence: str, rng: Random) -> str:
    words = sentence.split()
    first = words[: rng.randint(1, 2)]
    return " ".join([*first[:-1], first[-1].rstrip(",") + rng.choice([",", ",", " --", "..."]), *words])


def _as_spoken(sentence: str, rng: Random) -> str:
    for word, sound in rng.sample(sorted(_SPOKEN.items()), 8):
        sentence = re.sub(rf"\b{word}\b", sound, sentence)
    return re.sub(r"(?<=[a-z]{2}in)g\b", "'", sentence)


def _jotted_down(sentence: str, rng: Random) -> str:
    short = _LEFT_OUT.sub("", _FIRST_PERSON.sub("", sentence))
    return short[:1].upper() + short[1:]


def _unpunctuated(sentence: str, rng: Random) -> str:
    return re.sub(r"[,.;:!?\"“”]", "", sentence).lower()


def _fragment(sentence: str, rng: Random) -> str:
    clauses = re.split(r"(?<=[,;:]) ", sentence)
    return rng.choice(clauses).rstrip(",;:")


_INFORMALITIES = (_with_fillers, _started_again, _as_spoken, _jotted_down, _unpunctuated, _fragment)


def informal(sentence: str, rng: Random) -> str:
    """The sentence as people say it, or jot it down: fillers, false starts, dialect, notes, no marks, a fragment."""
    return rng.choice(_INFORMALITIES)(sentence, rng)


# Corrected machine translation.


def plain(tokenised: str) -> str:
    """A text that was cut into tokens, contractions joined and entities decoded: both sides of a pair look alike."""
    for entity, char in _ENTITY.items():
        tokenised = tokenised.replace(entity, char)
    return _CONTRACTION.sub(r"\1", tokenised)


def corrected(data: Path) -> Iterator[dict[str, Any]]:
    """Machine translations beside their corrections, with the words tagged BAD; the half for the network."""
    for record in post_edited(data)[0]:
        damaged = record["tokenised"]
        # Marks survive the rules of `plain` as they hold no character that those touch.
        marked = list(damaged)
        for start, end in sorted(record["bad"], reverse=True):
            marked[start:end] = ["\ue000", *marked[start:end], "\ue001"]
        text = plain("".join(marked))
        out = ""
        spans: list[list[int]] = []
        for piece in re.split("([\ue000\ue001])", text):
            if piece == "\ue000":
                spans.append([len(out), len(out)])
            elif piece == "\ue001":
                spans[-1][1] = len(out)
            else:
                out += piece
        yield {
            "kind": "mlqe",
            "pair": record["lp"],
            "clean": plain(record["post_edit"]),
            "damaged": out,
            "bad": spans,
            "da": record["da"],
            "hter": record["hter"],
        }


# All of it.


def contrasts(
    clean: Sequence[str], trips: dict[int, str], substitutes: Substitutes, rng: Random
) -> Iterator[dict[str, Any]]:
    """A damaged twin of each clean sentence: its round trip where there is one, else made damage.

    Some get an informal twin, which is no worse.
    """
    for number, sentence in enumerate(clean):
        if rng.random() < _INFORMAL:
            if (spoken := informal(sentence, rng)) != sentence:
                yield {"kind": "informal", "clean": sentence, "damaged": spoken}
            continue
        draw = rng.random()
        damaged, kind = trips.get(number), "trip"
        if damaged is not None and draw < 0.12:
            # A dictionary's wrong word in a translated sentence.
            damaged = substitute(damaged, rng, substitutes) or damaged
        elif damaged is not None and draw < 0.12 + _DAMAGED_TRIPS:
            damaged = small_damage(damaged, rng)
        if damaged is None or damaged == sentence:
            if draw < 0.5:
                damaged, kind = substitute(sentence, rng, substitutes), "swap"
            elif draw < 0.68:
                damaged, kind = corrupt(sentence, rng, [sentence]), "corrupt"
            elif draw < 0.82:
                damaged, kind = small_damage(sentence, rng), "small"
            else:
                # Damaged while training, by a network that guesses words.
                damaged, kind = sentence, "guess"
        if damaged is None or (damaged == sentence and kind != "guess"):
            continue
        if rng.random() < _SLIPS:
            seed = rng.random()
            sentence = slips(sentence, Random(seed))
            damaged = slips(damaged, Random(seed))
        yield {"kind": kind, "clean": sentence, "damaged": damaged if kind != "guess" else ""}


def main() -> None:
    """Make all pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45.0, help="time for round trips")
    parser.add_argument("--pairs", type=int, default=1_000_000, help="the most pairs, of the first sentences")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    listed, trip_file = given.work / "clean.tsv", given.work / "trips.tsv"
    if not listed.exists():
        rows = (f"{kind}\t{text}\n" for kind, text in clean_sentences(given.data, Random(given.seed)))
        listed.write_text("".join(rows), encoding="utf-8")
    clean = [line.split("\t", 1)[1] for line in listed.read_text(encoding="utf-8").split("\n") if line]
    make_trips(clean, trip_file, given.minutes, Random(given.seed), print)
    trips = {}
    for line in trip_file.read_text(encoding="utf-8").split("\n"):
        if line:
            number, _, text = line.split("\t", 2)
            trips[int(number)] = re.sub(r"[*#@](?=\w)", "", text)
    known = {word for sentence in clean for word in sentence.lower().split()}
    made = contrasts(clean[: given.pairs], trips, Substitutes(co_translations(), known), Random(given.seed))
    count: Counter[str] = Counter()
    with lzma.open(given.work / "contrasts.jsonl.xz", "wt", encoding="utf-8", preset=1) as out:
        for pair in [*corrected(given.data), *made]:
            count[pair["kind"]] += 1
            out.write(json.dumps(pair, ensure_ascii=False) + "\n")
    print(dict(count))


if __name__ == "__main__":
    main()
