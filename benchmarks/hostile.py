"""How time and memory grow with the size of hostile texts.

    python -m benchmarks.hostile            # 100 kB and 400 kB of each shape, some minutes
    python -m benchmarks.hostile --small    # 25 kB and 100 kB, as in CI; prints what grew more than 6-fold

Each shape is scored, repaired, shown as a page and filtered, each in a process of its own: its CPU seconds and the
memory that it took beyond what it began with. For four times the text, four times of both is linear. What takes less
than a tenth of a second and 16 MB is too little to tell, and what takes longer than the limit is stopped. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from garble import repair
from garble.filtering.plan import Plan, Source
from garble.filtering.run import run
from garble.report.page import render
from garble.scorer import Scorer

CLEAN = "The committee met on Tuesday and approved the budget for the coming year. "
LOOPED = "I want to to to to to to to go home. "
# Below these a measurement is noise.
LEAST_SECONDS, LEAST_MEGABYTES = 0.1, 16.0
# For four times the text.
FOLD, SUSPICIOUS = 4, 6.0

Shape = Callable[[int], str]


def repeated(piece: str) -> Shape:
    """The piece over and over, to a number of characters."""
    return lambda size: (piece * (size // len(piece) + 1))[:size]


def varied(make: Callable[[random.Random], str]) -> Shape:
    """Pieces made at random, the same for the same size."""

    def shape(size: int) -> str:
        rng, parts, length = random.Random(0), [], 0
        while length < size:
            parts.append(make(rng))
            length += len(parts[-1])
        return "".join(parts)[:size]

    return shape


def around(first: str, middle: str, last: str) -> Shape:
    """The middle over and over between two pieces."""
    return lambda size: first + repeated(middle)(max(size - len(first) - len(last), 1)) + last


def letters(rng: random.Random, least: int, most: int, alphabet: str = "abcdefghijklmnopqrstuvwxyz") -> str:
    """A word of random letters."""
    return "".join(rng.choices(alphabet, k=rng.randint(least, most)))


def thue_morse(size: int) -> str:
    """Two words in an order in which nothing follows itself three times, and everything nearly."""
    return "".join("yes " if i.bit_count() % 2 else "no " for i in range(size // 3 + 1))[:size]


SMALL = ["the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "was", "on", "are", "as", "with", "they"]

SHAPES: dict[str, Shape] = {
    "a letter a line": repeated("a\n"),
    "a word": repeated("no "),
    "emphasis and links of Markdown": repeated("**a** and [b](c)\n"),
    "images of Markdown": repeated("![a](b) **c**\n"),
    "one long word": repeated("a"),
    "two letters": repeated("ab"),
    "a code": repeated("ATAT "),
    "bytes in hexadecimal": repeated("0x00 "),
    "hidden characters": repeated("\u202e"),
    "hidden characters in a word": around("a", "\u202e", "a"),
    "letters and hidden characters": repeated("a\u200b"),
    "soft hyphens": repeated("a\u00ad"),
    "opening quotation marks": repeated("“"),
    "opening quotation marks and words": repeated("“a "),
    "closing quotation marks": repeated("”"),
    "straight quotation marks": repeated('"'),
    "speeches": repeated("“Go,” he said. "),
    "apostrophes": repeated("'"),
    "guillemets": repeated("«a "),
    "brackets opened": repeated("("),
    "brackets nested": lambda size: "(" * (size // 2) + ")" * (size // 2),
    "stops": repeated("."),
    "stops with spaces": repeated(". "),
    "marks": repeated("?!"),
    "abbreviations": repeated("U.S."),
    "initials": repeated("A. "),
    "small abbreviations": repeated("e.g. "),
    "numbers of a list": repeated("1. "),
    "digits": repeated("1234567890"),
    "thousands": repeated("1,000.50 "),
    "ideographs": repeated("漢字仮名交"),
    "ideographs with stops": repeated("漢字です。"),
    "Thai": repeated("ไทย"),
    "emoji": repeated("👩\u200d🌾"),
    "accents": repeated("e\u0301"),
    "accents on one letter": around("e", "\u0301", ""),
    "surrogates": repeated("\ud800"),
    "replacement characters": repeated("\ufffd"),
    "mojibake": repeated("cafÃ© "),
    "misread signs": repeated("Â£6 "),
    "null characters": repeated("\0"),
    "spaces": around("a", " ", "b"),
    "blank lines": around("a", "\n", "b"),
    "carriage returns": repeated("a\r"),
    "no-break spaces before stops": repeated("K\u00a0. "),
    "a looped sentence": repeated(LOOPED),
    "a loop in one sentence": around("He said ", "that he would ", "go."),
    "looped and clean in turn": repeated(LOOPED + CLEAN),
    "one clean sentence": repeated(CLEAN),
    "doubled words": repeated("the the cat cat sat sat "),
    "nothing thrice": thue_morse,
    "words in no order": varied(lambda rng: " ".join(rng.choices(SMALL, k=12)).capitalize() + ". "),
    "words that are none": varied(lambda rng: letters(rng, 4, 9) + " "),
    "names that are none": varied(lambda rng: "Mr " + letters(rng, 8, 12).capitalize() + " spoke. "),
    "long names alike": varied(lambda rng: "Ab" + "x" * 4000 + letters(rng, 1, 2, "xy") + " spoke. "),
    "a name misspelt": varied(lambda rng: f"Keir {rng.choice(['Starmer', 'Starmer', 'Starrer', 'Stamer'])} left. "),
    "a name in a clause": repeated("Keir Starmer Keir Starmer "),
    "two alphabets": repeated("gоvernment "),
    "German": repeated("Das Wetter war gestern sehr schön, und wir gingen an den Strand. "),
    "tags": repeated("<b>"),
    "tags and text": repeated("<p>It rained.</p>\n"),
    "tags opened": repeated("<"),
    "entities": repeated("&amp;"),
    "headings": repeated("# Today\n\n"),
    "bullets": repeated("- milk\n"),
    "a table": repeated("| a | b |\n"),
    "fences": repeated("```\n"),
    "addresses": repeated("http://a.b/c?d=e "),
    "one long address": around("http://a.b/", "c/", ""),
    "mail addresses": repeated("a@b.c "),
    "hyphens": repeated("a-b-"),
    "slashes": repeated("a/"),
    "verse": repeated("And all the boats came home,\n"),
    "wrapped lines": varied(lambda rng: " ".join(rng.choices(SMALL, k=14))[:60] + "\n"),
    "subtitles": varied(lambda rng: f"{rng.randint(1, 99)}\n00:00:01,000 --> 00:00:02,000\nIt rained.\n\n"),
    "anything": varied(lambda rng: chr(rng.choice([rng.randrange(32, 0x3000), rng.randrange(32, 127)]))),
}


class Taken(NamedTuple):
    """CPU seconds, and megabytes beyond what the process began with; None where it was stopped."""

    seconds: float
    megabytes: float


def score(text: str, scorer: Scorer) -> None:
    """Score a text."""
    scorer.score(text)


def mend(text: str, scorer: Scorer) -> None:
    """Repair a text."""
    repair(text)


def view(text: str, scorer: Scorer) -> None:
    """Show a text as a page."""
    render([scorer.score(text)], texts=[text])


def sieve(text: str, scorer: Scorer) -> None:
    """Filter a file of one record, which is kept with a note."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.jsonl")
        source.write_bytes(json.dumps({"text": text}).encode() + b"\n")
        plan = Plan((Source(str(source), "in.jsonl"),), str(Path(folder, "out.jsonl")), form="annotated")
        for _ in run(plan):
            pass


WORKS = {"score": score, "repair": mend, "view": view, "filter": sieve}


def measured(work: Callable[[str, Scorer], None], text: str, scorer: Scorer, limit: int) -> Taken | str:
    """What the work takes in a process of its own, or in a word why there is no telling."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            os.close(reading)
            # What is written to /dev/null of a panic's trace is no part of the table.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            signal.setitimer(signal.ITIMER_PROF, limit)
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            before, begun = status("VmRSS"), time.process_time()
            work(text, scorer)
            taken = time.process_time() - begun, (status("VmHWM") - before) / 1024
            os.write(writing, json.dumps(taken).encode())
            os._exit(0)
        os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return Taken(*json.loads(said))
    return f"more than {limit} s" if code == -signal.SIGPROF else "failed"


def status(name: str) -> int:
    """A figure of this process, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def growth(few: float, many: float, least: float) -> float:
    """How many times as much; what is too little to tell counts as that little."""
    return max(many, least) / max(few, least / FOLD)


def rows(size: int, names: list[str], works: list[str], limit: int) -> Iterator[tuple[str, str, list[Taken | str]]]:
    """For each shape and work what it takes at the size, and at four times the size."""
    scorer = Scorer(reader="off")
    for warm_up in WORKS.values():
        warm_up(CLEAN + LOOPED, scorer)
    for name in names:
        texts = [SHAPES[name](size), SHAPES[name](FOLD * size)]
        for work in works:
            yield name, work, [measured(WORKS[work], text, scorer, limit) for text in texts]


def told(name: str, work: str, found: list[Taken | str]) -> tuple[str, bool]:
    """A line of the table, and whether it is suspicious."""
    few, many = found
    if isinstance(few, str) or isinstance(many, str):
        return f"{name:34} {work:7} {few if isinstance(few, str) else many}", True
    time_, memory = growth(few[0], many[0], LEAST_SECONDS), growth(few[1], many[1], LEAST_MEGABYTES)
    line = (
        f"{name:34} {work:7} {few.seconds:7.2f} {many.seconds:7.2f} s {time_:5.1f}-fold "
        f"{few.megabytes:6.0f} {many.megabytes:6.0f} MB {memory:5.1f}-fold"
    )
    return line, max(time_, memory) > SUSPICIOUS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="25 kB and 100 kB, and only what grew more than 6-fold")
    parser.add_argument("--shape", action="append", choices=SHAPES, help="these shapes alone")
    parser.add_argument("--work", action="append", choices=WORKS, help="these works alone")
    parser.add_argument("--limit", type=int, help="CPU seconds after which a work is stopped")
    options = parser.parse_args()
    size, limit = (25_000, 10) if options.small else (100_000, 60)
    names, works = options.shape or list(SHAPES), options.work or list(WORKS)
    begun, suspicious = time.monotonic(), []
    for row in rows(size, names, works, options.limit or limit):
        line, is_suspicious = told(*row)
        suspicious += [line] * is_suspicious
        if not options.small:
            print(line, flush=True)
    total = len(names) * len(works)
    print(f"{total} measurements of {size:,} and {FOLD * size:,} characters in {time.monotonic() - begun:.0f} s;")
    print(f"{len(suspicious)} grew more than {SUSPICIOUS:.0f}-fold, failed, or were stopped:")
    print(*suspicious, sep="\n")


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("benchmarks/hostile.py needs Linux")
    main()
