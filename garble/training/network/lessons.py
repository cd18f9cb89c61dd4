"""Pairs as pieces, packed into one file that the trainer reads.

    python -m garble.training.network.lessons --work WORK --published mpnet/tokenizer.json

Reads WORK/contrasts.jsonl.xz, writes WORK/tokenizer.json, WORK/rows.npy (rows of the published vocabulary that are
used) and WORK/lessons.npz.xz. With --shipped models/en-large in place of --published, the network of that model is
taught further.
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from garble.network import pieces
from garble.training.network.vocabulary import pruned

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Pairs longer than this many pieces, borders included, are left out.
LONGEST = 80
# Kinds of pair: made damage, words guessed while training, machine translation of each language pair.
MADE, GUESS = 0, 1
PAIRS = ("et-en", "ro-en", "ru-en", "si-en")
# Pieces that are used less often stand for nothing that could be learnt.
_LEAST = 3
# How bad a sentence is by the share of its pieces that are wrong: 10 % is .45, 40 % is .91.
_SEVERITY = 6.0
# Direct assessment at which a translation is half bad, and how many points make it clearly better.
_HALF_BAD, _POINTS = 55.0, 12.0


@dataclass(frozen=True, eq=False)
class Lessons:
    """Pairs of sentences as pieces, without borders.

    ids: all sentences end to end, clean and damaged in turn. rows: (2 * pairs + 1,) where each begins.
    wrong: (len(ids),) which pieces are wrong. severity: (pairs,) how bad the damaged one is, 0 to 1.
    kind: (pairs,) MADE, GUESS, or 2 + the index into PAIRS.
    """

    ids: NDArray[np.uint16]
    rows: NDArray[np.int64]
    wrong: NDArray[np.bool_]
    severity: NDArray[np.float32]
    kind: NDArray[np.uint8]

    def save(self, path: Path) -> None:
        """Write the file that `load` reads."""
        out = io.BytesIO()
        np.savez(
            out,
            ids=self.ids,
            lengths=np.diff(self.rows).astype(np.uint8),
            wrong=np.packbits(self.wrong),
            severity=np.round(self.severity * 255).astype(np.uint8),
            kind=self.kind,
        )
        path.write_bytes(lzma.compress(out.getvalue(), preset=4))


def load(path: Path) -> Lessons:
    """Read what `Lessons.save` wrote."""
    with np.load(io.BytesIO(lzma.decompress(path.read_bytes())), allow_pickle=False) as file:
        ids, lengths = file["ids"], file["lengths"]
        return Lessons(
            ids,
            np.concatenate([[0], np.cumsum(lengths.astype(np.int64))]),
            np.unpackbits(file["wrong"], count=len(ids)).astype(bool),
            file["severity"].astype(np.float32) / 255,
            file["kind"],
        )


def wrong_pieces(clean: Sequence[int], damaged: Sequence[int]) -> NDArray[np.bool_]:
    """(damaged,) the pieces that the clean sentence does not have there, and the one that follows a gap."""
    from rapidfuzz.distance import Levenshtein

    wrong = np.zeros(len(damaged), bool)
    for edit in Levenshtein.opcodes(clean, damaged):
        if edit.tag == "delete":
            wrong[edit.dest_start : edit.dest_start + 1] = True
        elif edit.tag != "equal":
            wrong[edit.dest_start : edit.dest_end] = True
    return wrong


def tagged_pieces(places: Sequence[tuple[int, int]], spans: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """(pieces,) those that share a character with a span."""
    starts, ends = np.array(places, np.int64).reshape(-1, 2).T
    wrong = np.zeros(len(starts), bool)
    for first, last in spans:
        wrong |= (starts < last) & (ends > first)
    return wrong


def pack(path: Path, tokenizer: Tokenizer) -> Lessons:
    """The pairs of a file made by `contrasts`."""
    ids: list[NDArray[np.uint16]] = []
    wrong: list[NDArray[np.bool_]] = []
    severity: list[float] = []
    kind: list[int] = []
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for records in _some(lines, 10_000):
            sides = [pieces.encode([record[side] for record in records], tokenizer) for side in ("clean", "damaged")]
            for record, (clean, _), (damaged, places) in zip(records, *sides, strict=True):
                if not clean or max(len(clean), len(damaged)) > LONGEST - 2:
                    continue
                if record["kind"] == "mlqe":
                    marks = tagged_pieces(places, record["bad"])
                    bad = 1 / (1 + np.exp((record["da"] - _HALF_BAD) / _POINTS))
                    number = 2 + PAIRS.index(record["pair"])
                elif record["kind"] == "informal":
                    marks, bad, number = np.zeros(len(damaged), bool), 0.0, MADE
                else:
                    marks = wrong_pieces(clean, damaged)
                    if damaged and not marks.any():
                        continue
                    bad = 1 - np.exp(-_SEVERITY * marks.mean()) if damaged else 0.0
                    number = MADE if damaged else GUESS
                ids += [np.array(clean, np.uint16), np.array(damaged, np.uint16)]
                wrong += [np.zeros(len(clean), bool), marks]
                severity.append(float(bad))
                kind.append(number)
    rows = np.concatenate([[0], np.cumsum([len(some) for some in ids])])
    return Lessons(
        np.concatenate(ids), rows, np.concatenate(wrong), np.array(severity, np.float32), np.array(kind, np.uint8)
    )


def _some(lines: Iterable[str], count: int) -> Iterator[list[dict[str, Any]]]:
    block = []
    for line in lines:
        block.append(json.loads(line))
        if len(block) == count:
            yield block
            block = []
    if block:
        yield block


def main() -> None:
    """Pack the pairs of WORK."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--published", type=Path, help="the published encoder's tokenizer.json")
    start.add_argument("--shipped", type=Path, help="the folder of a model, whose tokenizer is used as it is")
    given = parser.parse_args()
    source = given.work / "contrasts.jsonl.xz"
    if given.shipped:
        tokenizer = pieces.load(given.shipped / "tokenizer.json")
    else:
        with lzma.open(source, "rt", encoding="utf-8") as lines:
            texts = (json.loads(line)["clean"] for line in lines)
            tokenizer, rows = pruned(given.published, texts, _LEAST)
        np.save(given.work / "rows.npy", rows)
    tokenizer.save(str(given.work / "tokenizer.json"))
    lessons = pack(source, tokenizer)
    lessons.save(given.work / "lessons.npz.xz")
    print(f"{tokenizer.get_vocab_size()} pieces, {len(lessons.kind)} pairs, {len(lessons.ids)} pieces of text")


if __name__ == "__main__":
    main()
