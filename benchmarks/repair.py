"""What `garble.repair` mends, what it misses, and what it does to text that needs no mending.

    python -m benchmarks.repair --data DIR

DIR is the project's data folder. Writes results/repair.json and the tables of README.md.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from benchmarks import damage
from benchmarks.quality.material import clean_sentences, joined
from benchmarks.quality.statistics import SEED, resample, summary
from benchmarks.quality.tables import publish, table
from garble.repairs import Edit, repair
from garble.scorer import Scorer
from garble.text.layout import PROSE
from garble.text.segmentation import segment
from garble.training.data import Record, by_document, read_records

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "repair.json"
# By the digest of an edit and its surroundings, what a person who read it says of it: the texts are not kept here.
READ = HERE / "results" / "repair_read.json"
VERDICTS = ("slip", "wrong")

_WORKERS = 2
# Each kind of loop is made of so many sentences.
LOOPED = 500
# Half of fit/mlqe is told of.
TOLD = 0.5
# A correction that stands under more sentences than this is a note such as "Rejected".
NOTES = 5
# What says that something follows itself.
IN_A_ROW = {f"repetition.{name}" for name in ("loop", "phrase_twice", "doubled_word", "loop_in_word")}
# The panels of text by people.
PANELS = ("human", "panel2")
# Characters on both sides of an edit that its digest is taken of.
AROUND = 40


def loop(sentence: str, rng: Random) -> str | None:
    """Say one to five words three to twelve times."""
    return damage.repeated(sentence, rng, (1, 5), lambda: rng.randint(3, 12))


def name_loop(sentence: str, rng: Random) -> str | None:
    """Go round from a name to itself: "Ann Lee told us Ann Lee told us Ann Lee that it was late"."""
    made = damage.name_twice(sentence, rng)
    if made is None:
        return None
    # The name is said twice now, with what it goes round with between.
    found = re.search(r"(\b[A-Z][a-z]+(?: [A-Z][a-z]+){1,2}) ((?:[\w'’-]+ ){2,4})\1", made)
    if found is None:
        return None
    turn = f"{found[1]} {found[2]}"
    return f"{made[: found.start()]}{turn * rng.randint(2, 4)}{found[1]}{made[found.end() :]}"


MAKERS: dict[str, damage.Maker] = {
    "word said twice": damage.word_twice,
    "phrase said twice": damage.phrase_twice,
    "phrase looped 3 to 12 times": loop,
    "loop between names": name_loop,
    "name said again in its clause": damage.name_twice,
}


def distance(one: str, other: str) -> int:
    """Levenshtein's, in characters."""
    codes = np.array([ord(char) for char in other], np.int64)
    place = np.arange(len(other) + 1)
    row = place
    for count, char in enumerate(one, start=1):
        changed = np.minimum(row[1:] + 1, row[:-1] + (codes != ord(char)))
        # What is best on the left costs one more with every place to the right.
        row = np.minimum.accumulate(np.append(count, changed) - place) + place
    return int(row[-1])


class Made(NamedTuple):
    """A loop made of a clean sentence: whether the sentence came back, and distances to it before and after."""

    kind: str
    owner: str
    exact: bool
    changed: bool
    before: int
    after: int
    size: int


class Real(NamedTuple):
    """A real sentence that repeats: whether in a row, and distances to its correction before and after."""

    owner: str
    in_a_row: bool
    changed: bool
    before: int
    after: int
    size: int


class Human(NamedTuple):
    """A human document: how many sentences of prose it has, how many were changed, and digests of its edits."""

    kind: str
    owner: str
    sentences: int
    changed: int
    edits: tuple[tuple[str, str], ...]


@cache
def scorer() -> Scorer:
    """One a process."""
    return Scorer(reader="off")


def mended_loop(case: tuple[str, str, str, str]) -> Made:
    """What becomes of (kind, owner, clean sentence, loop made of it)."""
    kind, owner, clean, made = case
    mended = repair(made, scorer=scorer()).text
    after = distance(mended, clean)
    return Made(kind, owner, mended == clean, mended != made, distance(made, clean), after, len(clean))


def mended_translation(record: Record) -> Real | None:
    """What becomes of a machine translation; None where nothing repeats in it or it is not flagged."""
    report = scorer().score(record["text"])
    signals = {finding.signal for sentence in report.sentences for finding in sentence.findings}
    if not any(signal.startswith("repetition.") for signal in signals):
        return None
    mended = repair(record["text"], scorer=scorer()).text
    correction = joined(record["post_edit"].split())[0]
    return Real(
        record["doc"],
        bool(signals & IN_A_ROW),
        mended != record["text"],
        distance(record["text"], correction),
        distance(mended, correction),
        len(correction),
    )


def mended_document(record: Record) -> Human:
    """What becomes of a human text."""
    text = record["text"]
    edits = repair(text, scorer=scorer()).edits
    document = segment(text)
    prose = document.kind == PROSE
    # What is put in between two characters touches the sentence that holds both.
    touched = document.touched([(edit.start, max(edit.end, edit.start + 1)) for edit in edits])
    digests = tuple((edit.signal, digest(text, edit)) for edit in edits)
    return Human(record["kind"], str(record["doc"]), int(prose.sum()), int((touched & prose).sum()), digests)


def digest(text: str, edit: Edit) -> str:
    """A short name of an edit that hangs on the edit and on what stands around it."""
    around = text[max(0, edit.start - AROUND) : edit.start], edit.before, edit.after, text[edit.end : edit.end + AROUND]
    return sha256("\0".join(around).encode("utf-8", "replace")).hexdigest()[:12]


def loops(records: Sequence[Record], rng: Random) -> Iterator[tuple[str, str, str, str]]:
    """Kind, owner, clean sentence and the loop made of it."""
    clean = [(owner, " ".join(text.split())) for owner, text in clean_sentences(records, rng)]
    for kind, make in MAKERS.items():
        count = 0
        for owner, sentence in rng.sample(clean, len(clean)):
            made = make(sentence, rng)
            if made is not None and made != sentence and count < LOOPED:
                count += 1
                yield kind, owner, sentence, made


def corrected(records: Iterable[Record]) -> list[Record]:
    """Those whose correction is one, and no note."""
    kept = list(records)
    often = Counter(record["post_edit"] for record in kept)
    return [record for record in kept if often[record["post_edit"]] <= NOTES]


# The figures.


def ratio(above: Sequence[float], below: Sequence[float], owners: Sequence[str]) -> dict[str, float]:
    """The sum of one over the sum of the other, with its interval; the owners are resampled."""
    weights = resample(owners).astype(float)
    return summary((weights @ np.array(above, float)) / np.maximum(weights @ np.array(below, float), 1e-12))


def on_made(made: Sequence[Made]) -> dict[str, Any]:
    """Share mended to the letter, share left alone, and characters wrong before and after, a character of the truth."""
    owners, sizes, ones = [case.owner for case in made], [case.size for case in made], [1] * len(made)
    return {
        "sentences": len(made),
        "exact": ratio([case.exact for case in made], ones, owners),
        "untouched": ratio([not case.changed for case in made], ones, owners),
        "before": ratio([case.before for case in made], sizes, owners),
        "after": ratio([case.after for case in made], sizes, owners),
    }


def on_real(real: Sequence[Real]) -> dict[str, Any]:
    """Share closer to the correction, further from it, and left alone; and the distance, a character of it."""
    owners, sizes, ones = [case.owner for case in real], [case.size for case in real], [1] * len(real)
    return {
        "sentences": len(real),
        "closer": ratio([case.after < case.before for case in real], ones, owners),
        "further": ratio([case.after > case.before for case in real], ones, owners),
        "untouched": ratio([not case.changed for case in real], ones, owners),
        "before": ratio([case.before for case in real], sizes, owners),
        "after": ratio([case.after for case in real], sizes, owners),
    }


def on_human(human: Sequence[Human], read: Mapping[str, str]) -> dict[str, Any]:
    """Share of the sentences that were changed, and wrongly so, and the edits by what a reader says of them.

    An edit that nobody has read counts as wrong.
    """
    verdicts = Counter(read.get(name, "unread") for case in human for _, name in case.edits)
    changed, sentences = [case.changed for case in human], [case.sentences for case in human]
    wrong = [sum(read.get(name) != "slip" for _, name in case.edits) for case in human]
    owners = [case.owner for case in human]
    return {
        "sentences": sum(sentences),
        "changed": ratio(changed, sentences, owners),
        "wrong": ratio(wrong, sentences, owners),
        "edits": {verdict: verdicts[verdict] for verdict in (*VERDICTS, "unread")},
        "signals": dict(Counter(signal for case in human for signal, _ in case.edits).most_common()),
    }


def run(data: Path) -> dict[str, Any]:
    """Mend and measure."""
    begin = time.perf_counter()
    human, panel = (list(read_records(data / "dev" / f"{name}.jsonl.xz")) for name in PANELS)
    translations = {
        "fit/mlqe, the half not tuned on": by_document(list(read_records(data / "fit" / "mlqe.jsonl.xz")), TOLD)[1],
        "dev/mlqe": list(read_records(data / "dev" / "mlqe.jsonl.xz")),
    }
    read = json.loads(READ.read_text("utf-8"))
    with ProcessPoolExecutor(_WORKERS) as pool:
        made = list(pool.map(mended_loop, loops(human, Random(SEED)), chunksize=50))
        real = {
            name: [case for case in pool.map(mended_translation, corrected(records), chunksize=200) if case]
            for name, records in translations.items()
        }
        panels = [list(pool.map(mended_document, records, chunksize=20)) for records in (human, panel)]
    return {
        "date": date.today().isoformat(),
        "signature": scorer().signature,
        "seconds": round(time.perf_counter() - begin),
        "made": {
            **{kind: on_made([case for case in made if case.kind == kind]) for kind in MAKERS},
            "all": on_made(made),
        },
        "real": {
            f"{name}: {title}": on_real([case for case in cases if case.in_a_row or not only])
            for name, cases in real.items()
            for title, only in (("something follows itself", True), ("anything is said again", False))
        },
        **{name: by_kind(documents, read) for name, documents in zip(PANELS, panels, strict=True)},
    }


def by_kind(documents: Sequence[Human], read: Mapping[str, str]) -> dict[str, Any]:
    """The figures of each kind of human text, and of all."""
    kinds = {kind: [case for case in documents if case.kind == kind] for kind in sorted({c.kind for c in documents})}
    return {**{kind: on_human(cases, read) for kind, cases in kinds.items()}, "all": on_human(documents, read)}


# The tables.


def shown(figure: Mapping[str, float], digits: int = 1) -> str:
    """A share with its interval: "87.0 % (84.1 to 89.9 %)"."""
    value, low, high = (f"{100 * figure[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} % ({low} to {high} %)"


def rendered(results: Mapping[str, Any]) -> str:
    """What stands between the marks of README.md."""
    head = f"Measured on {results['date']} with `{results['signature']}` in {results['seconds']} s on two cores."
    made = [["loops made of clean sentences", "sentences", "mended exactly", "left alone", "error before", "after"]]
    for kind, found in results["made"].items():
        figures = (shown(found[name]) for name in ("exact", "untouched", "before", "after"))
        made.append([kind, str(found["sentences"]), *figures])
    made.append(["**to reach**", "", "80 %", "", "", ""])
    real = [["machine translation", "sentences", "closer", "further", "left alone", "distance before", "after"]]
    for kind, found in results["real"].items():
        figures = (shown(found[name]) for name in ("closer", "further", "untouched", "before", "after"))
        real.append([kind, str(found["sentences"]), *figures])
    real.append(["**to reach**", "", "60 %", "≤ 10 %", "", "", ""])
    head_row = ["sentences", "changed", "wrongly", *(f"edits: {verdict}" for verdict in (*VERDICTS, "unread"))]
    panels = []
    for name in PANELS:
        rows = [[f"human text, dev/{name}", *head_row]]
        for kind, found in results[name].items():
            shares = shown(found["changed"], 2), shown(found["wrong"], 3)
            rows.append([kind, str(found["sentences"]), *shares, *map(str, found["edits"].values())])
        rows.append(["**to reach**", "", "", "≤ 0.02 %", "", "", ""])
        panels.append(rows)
    return "\n\n".join([head, *map(table, (made, real, *panels))])


def main() -> None:
    """Measure, and write the results and the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    results = run(parser.parse_args().data)
    part = rendered(results)
    publish(RESULTS, results, {"repair": part})
    print(part)


if __name__ == "__main__":
    main()
