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

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, chain, groupby, islice, repeat, zip_longest
from operator import itemgetter
from typing import Any

from garble.errors import checked_text
from garble.repairs.base import Change, Mender, Site, in_place
from garble.repairs.edits import Edit, apply, composed, difference, piece, trimmed, undo
from garble.repairs.law import SURFACE, holds, in_order
from garble.repairs.names import respell
from garble.repairs.repetition import clause_once, name_once, piece_once, sentence_once, turn_once, with_gap
from garble.repairs.surface import (
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
from garble.repairs.untouched import Untouched
from garble.report import SCHEMA, Report
from garble.report.findings import ScoredSentence
from garble.scorer import Scorer
from garble.text import markups

__all__ = ["MENDERS", "SURFACE", "Edit", "Repair", "apply", "difference", "repair", "undo"]

# Edits of one sentence that may be made together.
Candidate = tuple[Edit, ...]

# What answers a finding. The other signals find what cannot be mended without guessing.
MENDERS: dict[str, Mender] = {
    "repetition.loop": turn_once,
    "repetition.phrase_twice": turn_once,
    "repetition.doubled_word": turn_once,
    "repetition.clause_echo": clause_once,
    "repetition.name_echo": name_once,
    "repetition.loop_in_word": piece_once,
    "repetition.sentence_again": sentence_once,
    "characters.mojibake": read_again,
    "characters.misread_sign": read_again,
    "characters.stray_control": in_place(uncover),
    "characters.fused_digits": in_place(part_digits),
    "artifacts.leftover_markup": unescape,
    "artifacts.spaced_punctuation": in_place(close_up),
    "artifacts.doubled_punctuation": in_place(one_mark),
    "artifacts.glued_words": part_words,
    "artifacts.missing_space": in_place(part_sentences),
    "artifacts.broken_quote": close_quote,
    "coherence.name_drift": respell,
}

# The signal named by an edit that leaves out a sentence against which no signal stands out.
OVERALL = "overall"
# Characters of a document that are scored with a sentence, for the signals that look around.
_AROUND = 10_000
# Signals that are mended in English alone: elsewhere "die die" is sound and a space goes before "?".
_ENGLISH = frozenset(
    {"repetition.doubled_word", "repetition.name_echo", "artifacts.spaced_punctuation", "artifacts.glued_words"}
)
# So many single changes of a sentence are tried.
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

    def __repr__(self) -> str:
        return f"<Repair {len(self.edits)} edits, {len(self.unresolved)} sentences unresolved>"

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers, as docs/wire-schema.md has them."""
        plain = asdict(self)
        plain["edits"] = list(plain["edits"])
        plain["unresolved"] = [{**s, "findings": list(s["findings"])} for s in plain["unresolved"]]
        return {"schema": SCHEMA, **plain}


def repair(
    text: str, *, scorer: Scorer | None = None, drop_unresolved: bool = False, markup: str | None = None
) -> Repair:
    """Mend the garbled sentences of a text; a text with none comes back as it is, for the price of one scoring.

    scorer: what says what is garbled, by default the English model at the balanced threshold. drop_unresolved: leave
    out the sentences that cannot be mended; that is an edit too. markup: what the text is read as, else what the scorer
    reads all as. Only prose is edited, not what stands around it or between its words. An edit is made only where it
    lowers the score of its sentence, and stays made though the sentence be garbled still. What an edit takes out still
    stands beside its place, as `garble.repairs.law` has it. To repair what was repaired changes nothing more.
    """
    scorer = scorer or Scorer(reader="off")
    markup = markup or scorer.markup
    # What the text is taken for must not change with the edits, nor be another for a part of it.
    markup = markups.guess(checked_text(text)) if markup == "auto" else markup
    report = scorer.score(text, markup)
    edits: tuple[Edit, ...] = ()
    mended = text
    is_cut = False
    while any(sentence.garbled for sentence in report.sentences):
        made = _mends(mended, report, scorer, markup)
        if not is_cut and not holds(text, composed(text, edits, made)):
            made = ()
        again = scorer.score(apply(mended, made), markup) if made else report
        # What is garbled must become less with every round, so the rounds come to an end.
        if _trouble(again) >= _trouble(report):
            if not drop_unresolved:
                break
            made, is_cut = _cuts(mended, report, markup), True
            if not made:
                break
            again = scorer.score(apply(mended, made), markup)
        edits, mended, report = composed(text, edits, made), apply(mended, made), again
    return Repair(mended, edits, tuple(sentence for sentence in report.sentences if sentence.garbled))


def _trouble(report: Report) -> float:
    return sum(sentence.score for sentence in report.sentences if sentence.garbled)


def _cuts(text: str, report: Report, markup: str) -> tuple[Edit, ...]:
    """The edits that leave out the garbled passages, each under the signal that says most against it.

    Of a passage that is not all prose its sentences of prose are left out.
    """
    made = []
    starts = [sentence.start for sentence in report.sentences]
    beside = Untouched(text, markup).beside
    for passage in report.passages:
        inside = report.sentences[bisect_left(starts, passage.start) : bisect_left(starts, passage.end)]
        for some in [[s] for s in inside] if beside.hold(passage.start, passage.end) else [inside]:
            start, end = with_gap(text, some[0].start, some[-1].end)
            findings = [finding for sentence in some for finding in sentence.findings]
            loudest = max(findings, key=lambda finding: finding.contribution, default=None)
            if not beside.hold(start, end):
                made.append(Edit(start, end, text[start:end], "", loudest.signal if loudest else OVERALL))
    return _apart(made)


def _mends(text: str, report: Report, scorer: Scorer, markup: str) -> tuple[Edit, ...]:
    """The best edits of every garbled sentence that has any, as far as the law allows."""
    blocks = _blocks(text, report.sentences)
    shared: dict[object, object] = {Untouched: Untouched(text, markup)}
    menders = {name: mend for name, mend in MENDERS.items() if report.language == "en" or name not in _ENGLISH}
    best = (_best(text, block, start, end, scorer, markup, menders, shared) for block, start, end in blocks)
    return in_order(text, _apart(chain.from_iterable(best)))


def _blocks(text: str, sentences: Sequence[ScoredSentence]) -> Iterator[tuple[Sequence[ScoredSentence], int, int]]:
    """Runs of neighbouring sentences, and where each begins and ends with the gaps around it."""
    first = 0
    for after, sentence in enumerate(sentences, start=1):
        is_last = after == len(sentences)
        if is_last or sentence.end - sentences[first].start >= _AROUND:
            start, end = sentences[first - 1].end if first else 0, len(text) if is_last else sentences[after].start
            yield sentences[first:after], start, end
            first = after


def _best(
    text: str,
    block: Sequence[ScoredSentence],
    start: int,
    end: int,
    scorer: Scorer,
    markup: str,
    menders: Mapping[str, Mender],
    shared: dict[object, object],
) -> Iterator[Edit]:
    """Of each garbled sentence of a block the candidate under which it scores best; of equals the smallest.

    All sentences are tried at once: in one variant of the block the first candidate of each, in the next the second.
    """
    garbled = [sentence for sentence in block if sentence.garbled]
    untouched: Sequence[Candidate] = [() for _ in garbled]
    candidates = (_candidates(text, sentence, menders, shared) for sentence in garbled)
    variants = [untouched, *zip_longest(*candidates, fillvalue=())]
    if len(variants) == 1:
        return
    edits = [_apart(chain(*variant)) for variant in variants]
    reports = scorer.score_many((piece(text, start, end, made) for made in edits), repeat(markup))
    ranks: list[list[tuple[float, int, Candidate]]] = [[] for _ in garbled]
    for variant, made, report in zip(variants, edits, reports, strict=True):
        found, scores = set(made), _Scores(report, made, start)
        for rank, sentence, candidate in zip(ranks, garbled, variant, strict=True):
            if (candidate or variant is untouched) and found.issuperset(candidate):
                size = sum(len(edit.before) + len(edit.after) for edit in candidate)
                rank.append((scores.worst(sentence, candidate), size, candidate))
    for rank in ranks:
        yield from min(rank, key=itemgetter(0, 1))[2]


class _Scores:
    """The scores of a block that begins at `start`, after the edits `made`."""

    def __init__(self, report: Report, made: Candidate, start: int) -> None:
        self._sentences = report.sentences
        self._starts = [sentence.start for sentence in report.sentences]
        self._ends = [sentence.end for sentence in report.sentences]
        self._edited = [edit.end for edit in made]
        self._grown = [0, *accumulate(len(edit.after) - len(edit.before) for edit in made)]
        self._start = start

    def worst(self, sentence: ScoredSentence, own: Candidate) -> float:
        """The worst score of what a sentence has become by its own edits."""
        first = self._moved(min([sentence.start, *(edit.start for edit in own)]))
        last = self._moved(max([sentence.end, *(edit.end for edit in own)]))
        met = self._sentences[bisect_right(self._ends, first) : bisect_left(self._starts, last)]
        return max((other.score for other in met), default=0.0)

    def _moved(self, place: int) -> int:
        return place - self._start + self._grown[bisect_right(self._edited, place)]


def _candidates(
    text: str, sentence: ScoredSentence, menders: Mapping[str, Mender], shared: dict[object, object]
) -> list[Candidate]:
    """What might mend a sentence: of each signal the likeliest change of all its findings, and every change alone."""
    known: dict[Change, Edit] = {}
    together: list[list[Edit]] = []
    site = Site(text, sentence.start, sentence.end, shared)
    for signal, findings in groupby(sentence.findings, lambda finding: finding.signal):
        likeliest: dict[Change, None] = {}
        for finding in findings:
            changes = list(menders[signal](site, finding)) if signal in menders else []
            for change in changes:
                # Many findings may ask for the same change.
                if change not in known:
                    start, end, after = change
                    known[change] = trimmed(Edit(start, end, text[start:end], after, signal))
            allowed = (change for change in changes if _is_allowed(site, known[change]))
            likeliest |= dict.fromkeys(islice(allowed, 1))
        together.append([known[change] for change in likeliest])
    alone = dict.fromkeys(edit for edit in known.values() if _is_allowed(site, edit))
    several = [_apart(sorted(edits, key=lambda edit: edit.start)) for edits in together if len(edits) > 1]
    # Where so much is wrong no single change tells, and trying each would take too long.
    single = [(edit,) for edit in alone] if len(alone) <= _MOST else []
    return [*several, *single]


def _is_allowed(site: Site, edit: Edit) -> bool:
    """Whether an edit changes anything and reaches into nothing but prose, or an entity to write it as a character."""
    untouched = site.once_a_text(Untouched)
    if edit.before == edit.after or untouched.beside.hold(edit.start, edit.end):
        return False
    is_entity = edit.signal == "artifacts.leftover_markup"
    is_free = is_entity or not untouched.entities.hold(edit.start - 1, edit.end + 1)
    return is_free and not untouched.code.hold(edit.start, edit.end)


def _apart(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits, in order, without those that reach into one before."""
    kept: list[Edit] = []
    for edit in edits:
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
    return tuple(kept)
