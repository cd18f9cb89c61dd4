"""What garble knows of a language: a folder each, with `language.toml` and word lists, `NAME.txt`.

A list has one entry a line, in lower case; `#` begins a comment. English is what the shipped models know. Of other
languages there is little: enough that signals which need none of it, or only that, are right in them.

>>> german = load("de")
>>> german.name, german.has("doubles"), german.has("function_words")
('German', True, False)
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

# Lists that serve where a language has none of its own stand in this folder; it is also the language of texts in none.
UNDETERMINED = "und"


@dataclass(frozen=True, eq=False)
class Language:
    """One language: facts, patterns and word lists.

    code: ISO 639-1, or "und". name: in English. segmenter: the code by which sentencex cuts it.
    spaced: whether spaces part its words. latin: whether it is written in Latin letters.
    names_capitalised: whether an inner capital marks a name, and nothing else. clitics: words of one letter or two that
    follow an apostrophe and are tokens of their own. quotes: its quotation marks, where each
    of them opens or closes as in English; empty if not known. close_marks: marks with no space before them.
    loop_turns: so many times a short word follows itself in a loop; fewer turns may be right. short_word: tokens of
    such a word. compression: deflated bytes of a clean sentence of n bytes are about a * n ** b. patterns: by name.
    lists: names of the lists that the folder holds.
    """

    code: str
    name: str
    segmenter: str
    spaced: bool = True
    latin: bool = True
    names_capitalised: bool = False
    clitics: tuple[str, ...] = ()
    quotes: str = ""
    close_marks: str = ",."
    loop_turns: int = 5
    short_word: int = 1
    compression: tuple[float, float] | None = None
    patterns: dict[str, re.Pattern[str]] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()

    @property
    def knowledge(self) -> frozenset[str]:
        """What a signal may need and this language has: names of lists and patterns, and those of `FACTS`."""
        return self.lists | self.patterns.keys() | {fact for fact in FACTS if getattr(self, fact)}

    def has(self, need: str) -> bool:
        """Whether the language has this list, pattern or fact."""
        return need in self.knowledge

    @cache  # noqa: B019  languages are few and are never dropped
    def words(self, name: str) -> frozenset[str]:
        """The entries of a list, or of the list for all languages where this one has none; empty without either."""
        folder = self.code if name in self.lists else UNDETERMINED
        path = files(__name__).joinpath(folder, f"{name}.txt")
        if not path.is_file():
            return frozenset()
        entries = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
        return frozenset(entry for entry in entries if entry)


# Facts of a language that a signal may need, by the names of their fields.
FACTS = ("spaced", "names_capitalised", "quotes", "compression")


@cache
def load(code: str) -> Language:
    """The language of this code; one of which nothing is known where garble has no folder for it."""
    folder = files(__name__).joinpath(code)
    if code not in codes():
        return Language(code, code, code)
    facts = tomllib.loads(folder.joinpath("language.toml").read_text(encoding="utf-8"))
    facts |= {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
    facts["patterns"] = {name: re.compile(pattern) for name, pattern in facts.get("patterns", {}).items()}
    lists = frozenset(path.name.removesuffix(".txt") for path in folder.iterdir() if path.name.endswith(".txt"))
    return Language(code, lists=lists, **facts)


@cache
def codes() -> tuple[str, ...]:
    """The codes of the languages that have a folder, in order, without "und"."""
    found = _folders()
    return tuple(sorted(found - {UNDETERMINED}))


def _folders() -> set[str]:
    return {folder.name for folder in files(__name__).iterdir() if folder.joinpath("language.toml").is_file()}


ENGLISH = load("en")
