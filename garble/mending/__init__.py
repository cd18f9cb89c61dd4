"""Mends what a report finds, where it can be mended; what cannot is left as it is and listed.

>>> text = "Pharmacies were were told to return the bottles."
>>> mended = repair(text)
>>> mended.text
'Pharmacies were told to return the bottles.'
>>> mended.edits
(Edit(start=15, end=20, before=' were', after='', signal='repetition.doubled_word'),)
>>> undo(mended.text, mended.edits) == text
True
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, groupby, zip_longest
from operator import itemgetter
from typing import Any

from garble.mending.base import Mender, in_place
from garble.mending.edits import Edit, apply, composed, difference, piece, undo
from garble.mending.names import respell
from garble.mending.repetition import clause_once, name_once, piece_once, sentence_once, turn_once, with_gap
from garble.mending.surface import (
    close_quote,
    close_up,
    one_mark,
    part_digits,
    part_sentences,
    part_words,
    read_again,
    uncover,
    unescape,
)
from garble.report import SCHEMA, Report, ScoredSentence
from garble.scorer import Scorer

__all__ = ["MENDERS", "Edit", "Repair", "apply", "difference", "repair", "undo"]

# Edits of one sentence that may be made together.
Candidate = tuple[Edit, ...]

# What answers a finding. The other signals find what cannot be mended without guessing.
MENDERS: dict[str, Mender] = {
    "repetition.loop": turn_once,
    "repetition.phrase_twice": turn_once,
    "repetition.doubled_word": turn_once,
    "repetition.clause_echo": clause_once,
    "repetition.name_echo": name_once,
    "repetition.loop_in_word": in_place(piece_once),
    "repetition.sentence_again": sentence_once,
    "characters.mojibake": read_again,
    "characters.misread_sign": read_again,
    "characters.stray_control": in_place(uncover),
    "characters.fused_digits": in_place(part_digits),
    "artifacts.leftover_markup": in_place(unescape),
    "artifacts.spaced_punctuation": in_place(close_up),
    "artifacts.doubled_punctuation": in_place(one_mark),
    "artifacts.glued_words": in_place(part_words),
    "artifacts.missing_space": in_place(part_sentences),
    "artifacts.broken_quote": close_quote,
    "coherence.name_drift": respell,
}

# The signal named by an edit that leaves out a sentence against which no signal stands out.
OVERALL = "overall"
# Characters of a document that are scored with a sentence, for the signals that look around.
_AROUND = 10_000
# A change within one of these would break it.
_ADDRESS = re.compile(r"\S*(?:://|www\.|\w@\w)\S*")
# So many ways to mend a sentence are tried.
_MOST = 64


@dataclass(frozen=True, slots=True)
class Repair:
    """A text as far as it could be mended.

    text: the mended text. edits: what was changed, in order, in characters of the text that was given; `undo(text,
    edits)` gives that back. unresolved: the sentences that are garbled still, in characters of `text`.
    """

    text: str
    edits: tuple[Edit, ...]
    unresolved: tuple[ScoredSentence, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers, as docs/wire-schema.md has them."""
        plain = asdict(self)
        plain["edits"] = list(plain["edits"])
        plain["unresolved"] = [{**s, "findings": list(s["findings"])} for s in plain["unresolved"]]
        return {"schema": SCHEMA, **plain}


def repair(text: str, scorer: Scorer | None = None, drop_unresolved: bool = False) -> Repair:
    """Mend the garbled sentences of a text; a text with none comes back as it is, for the price of one scoring.

    scorer: what says what is garbled, by default the English model at the balanced threshold. drop_unresolved: leave
    out the sentences that cannot be mended; that is an edit too. An edit is made only where it lowers the score of its
    sentence, and stays made though the sentence be garbled still. To repair what was repaired changes nothing more.
    """
    scorer = scorer or Scorer(reader="off")
    report = scorer.score(text)
    edits: tuple[Edit, ...] = ()
    mended = text
    while any(sentence.garbled for sentence in report.sentences):
        made = _mends(mended, report, scorer)
        again = scorer.score(apply(mended, made)) if made else report
        # What is garbled must become less with every round, so the rounds come to an end.
        if _trouble(again) >= _trouble(report):
            if not drop_unresolved:
                break
            made = _cuts(mended, report)
            again = scorer.score(apply(mended, made))
        edits, mended, report = composed(text, edits, made), apply(mended, made), again
    return Repair(mended, edits, tuple(sentence for sentence in report.sentences if sentence.garbled))


def _trouble(report: Report) -> float:
    return sum(sentence.score for sentence in report.sentences if sentence.garbled)


def _cuts(text: str, report: Report) -> tuple[Edit, ...]:
    """The edits that leave out the garbled passages, each under the signal that says most against it."""
    made = []
    for passage in report.passages:
        inside = (s for s in report.sentences if passage.start <= s.start < passage.end)
        findings = [finding for sentence in inside for finding in sentence.findings]
        loudest = max(findings, key=lambda finding: finding.contribution, default=None)
        start, end = with_gap(text, passage.start, passage.end)
        made.append(Edit(start, end, text[start:end], "", loudest.signal if loudest else OVERALL))
    return tuple(made)


def _mends(text: str, report: Report, scorer: Scorer) -> tuple[Edit, ...]:
    """The best edits of every garbled sentence that has any."""
    blocks = _blocks(text, report.sentences)
    return _apart(edit for block, start, end in blocks for edit in _best(text, block, start, end, scorer))


def _blocks(text: str, sentences: Sequence[ScoredSentence]) -> Iterator[tuple[Sequence[ScoredSentence], int, int]]:
    """Runs of neighbouring sentences, and where each begins and ends with the gaps around it."""
    first = 0
    for after, sentence in enumerate(sentences, start=1):
        is_last = after == len(sentences)
        if is_last or sentence.end - sentences[first].start >= _AROUND:
            start, end = sentences[first - 1].end if first else 0, len(text) if is_last else sentences[after].start
            yield sentences[first:after], start, end
            first = after


def _best(text: str, block: Sequence[ScoredSentence], start: int, end: int, scorer: Scorer) -> Iterator[Edit]:
    """Of each garbled sentence of a block the candidate under which it scores best; of equals the smallest.

    All sentences are tried at once: in one variant of the block the first candidate of each, in the next the second.
    """
    garbled = [sentence for sentence in block if sentence.garbled]
    untouched: Sequence[Candidate] = [() for _ in garbled]
    variants = [untouched, *zip_longest(*(_candidates(text, sentence) for sentence in garbled), fillvalue=())]
    if len(variants) == 1:
        return
    edits = [_apart(chain(*variant)) for variant in variants]
    reports = scorer.score_many(piece(text, start, end, made) for made in edits)
    ranks: list[list[tuple[float, int, Candidate]]] = [[] for _ in garbled]
    for variant, made, report in zip(variants, edits, reports, strict=True):
        for rank, sentence, candidate in zip(ranks, garbled, variant, strict=True):
            if (candidate or variant is untouched) and set(candidate) <= set(made):
                size = sum(len(edit.before) + len(edit.after) for edit in candidate)
                rank.append((_score(report, sentence, candidate, made, start), size, candidate))
    for rank in ranks:
        yield from min(rank, key=itemgetter(0, 1))[2]


def _score(report: Report, sentence: ScoredSentence, own: Candidate, made: Candidate, start: int) -> float:
    """The worst score of what a sentence has become by its `own` edits, in a block from `start` on with all `made`."""

    def moved(place: int) -> int:
        return place - start + sum(len(edit.after) - len(edit.before) for edit in made if edit.end <= place)

    first = moved(min([sentence.start, *(edit.start for edit in own)]))
    last = moved(max([sentence.end, *(edit.end for edit in own)]))
    return max((other.score for other in report.sentences if other.start < last and first < other.end), default=0.0)


def _candidates(text: str, sentence: ScoredSentence) -> list[Candidate]:
    """What might mend a sentence: of each signal the likeliest change of all its findings, and every change alone."""
    alone: dict[tuple[int, int, str], Edit] = {}
    together: list[list[Edit]] = []
    addresses = [match.span() for match in _ADDRESS.finditer(text, sentence.start, sentence.end)]
    for signal, findings in groupby(sentence.findings, lambda finding: finding.signal):
        together.append([])
        for finding in findings:
            changes = MENDERS[signal](text, sentence, finding) if signal in MENDERS else ()
            edits = [Edit(start, end, text[start:end], after, signal) for start, end, after in changes]
            edits = [edit for edit in edits if edit.before != edit.after and not _within(edit, addresses)]
            together[-1] += edits[:1]
            alone |= {(edit.start, edit.end, edit.after): edit for edit in edits}
    several = [_apart(sorted(edits, key=lambda edit: edit.start)) for edits in together if len(edits) > 1]
    return [*several, *((edit,) for edit in alone.values())][:_MOST]


def _within(edit: Edit, places: Iterable[tuple[int, int]]) -> bool:
    return any(start <= edit.start and edit.end <= end for start, end in places)


def _apart(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits, in order, without those that reach into one before."""
    kept: list[Edit] = []
    for edit in edits:
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
    return tuple(kept)
