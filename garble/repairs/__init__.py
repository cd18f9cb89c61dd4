"""Repairs garbled sentences where that is possible, and lists the others.

>>> text = "Pharmacies were were told to return the bottles."
>>> repaired = repair(text)
>>> repaired.text
'Pharmacies were told to return the bottles.'
>>> repaired.edits
(Edit(start=15, end=20, before=' were', after='', signal='repetition.doubled_word'),)
>>> undo(repaired.text, repaired.edits) == text
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
from garble.repairs.base import Change, Fixer, Site, in_place
from garble.repairs.edits import Edit, apply, composed, difference, piece, trimmed, undo
from garble.repairs.names import most_frequent_spelling
from garble.repairs.protected import Protected
from garble.repairs.repetition import (
    keep_first_copy,
    keep_first_piece,
    remove_copies,
    remove_repeated_name,
    remove_repeated_sentence,
    remove_second_opening,
    with_whitespace,
)
from garble.repairs.rules import SURFACE, holds, in_order
from garble.repairs.surface import (
    close_quote,
    keep_one_mark,
    redecode,
    remove_invisible,
    remove_spaces,
    separate_digits,
    separate_sentences,
    separate_words,
    unescape,
)
from garble.report import SCHEMA, Report
from garble.report.findings import ScoredSentence
from garble.scorer import Scorer
from garble.text import markups

__all__ = ["FIXERS", "SURFACE", "Edit", "Repair", "apply", "difference", "repair", "undo"]

# Edits of one sentence that are tried together.
Candidate = tuple[Edit, ...]

# The fixer of each signal. Findings of other signals cannot be repaired without guessing.
FIXERS: dict[str, Fixer] = {
    "repetition.looped": remove_copies,
    "repetition.loop": keep_first_copy,
    "repetition.phrase_twice": keep_first_copy,
    "repetition.doubled_word": keep_first_copy,
    "repetition.clause_echo": remove_second_opening,
    "repetition.name_echo": remove_repeated_name,
    "repetition.loop_in_word": keep_first_piece,
    "repetition.sentence_again": remove_repeated_sentence,
    "characters.mojibake": redecode,
    "characters.misread_sign": redecode,
    "characters.stray_control": in_place(remove_invisible),
    "characters.fused_digits": in_place(separate_digits),
    "artifacts.leftover_markup": unescape,
    "artifacts.spaced_punctuation": in_place(remove_spaces),
    "artifacts.doubled_punctuation": in_place(keep_one_mark),
    "artifacts.glued_words": separate_words,
    "artifacts.missing_space": in_place(separate_sentences),
    "artifacts.broken_quote": close_quote,
    "coherence.name_drift": most_frequent_spelling,
}

# Signal of an edit that removes a sentence without findings.
OVERALL = "overall"
# Minimum characters of a block: signals that need context get this much.
_BLOCK_SIZE = 10_000
# Signals that are repaired only in English: German allows "die die", French puts a space before "?".
_ENGLISH = frozenset(
    {"repetition.doubled_word", "repetition.name_echo", "artifacts.spaced_punctuation", "artifacts.glued_words"}
)
# With more candidate edits than this in one sentence, they are not tried one by one: it would take too long.
_MAX_SINGLE = 64


@dataclass(frozen=True, slots=True)
class Repair:
    """The result of `repair`.

    text: the repaired text. edits: the edits in order, with offsets in the original text, which `undo(text, edits)`
    restores. unresolved: the sentences that are still garbled, with offsets in `text`.
    """

    text: str
    edits: tuple[Edit, ...]
    unresolved: tuple[ScoredSentence, ...]

    def __repr__(self) -> str:
        return f"<Repair {len(self.edits)} edits, {len(self.unresolved)} sentences unresolved>"

    def to_dict(self) -> dict[str, Any]:
        """Lists, strings and numbers for JSON; docs/wire-schema.md describes the fields."""
        plain = asdict(self)
        plain["edits"] = list(plain["edits"])
        plain["unresolved"] = [{**s, "findings": list(s["findings"])} for s in plain["unresolved"]]
        return {"schema": SCHEMA, **plain}


def repair(
    text: str, *, scorer: Scorer | None = None, drop_unresolved: bool = False, markup: str | None = None
) -> Repair:
    """Repair the garbled sentences of a text. A text without any is returned unchanged, after one scoring.

    scorer: the Scorer to use; default: the English model at the balanced threshold, without the reader.
    drop_unresolved: remove sentences that cannot be repaired; each removal is an edit. markup: the markup of the text;
    default: that of the scorer.
    Only prose is edited, not markup, code or other blocks. An edit is made only if it lowers the score of its sentence,
    even if the sentence remains garbled. Removed words are still in the text, next to the edit; see
    `garble.repairs.rules`. Repairing a repaired text changes nothing.
    """
    scorer = scorer or Scorer(reader="off")
    markup = markup or scorer.markup
    # Edits must not change the guess, and every part of the text needs the same markup.
    markup = markups.guess(checked_text(text)) if markup == "auto" else markup
    report = scorer.score(text, markup)
    edits: tuple[Edit, ...] = ()
    repaired = text
    is_removal = False
    while any(sentence.garbled for sentence in report.sentences):
        edits_made = _fixes(repaired, report, scorer, markup)
        if not is_removal and not holds(text, composed(text, edits, edits_made)):
            edits_made = ()
        again = scorer.score(apply(repaired, edits_made), markup) if edits_made else report
        # The total must decrease in every round, so the loop ends.
        if _total_score(again) >= _total_score(report):
            if not drop_unresolved:
                break
            edits_made, is_removal = _removals(repaired, report, markup), True
            if not edits_made:
                break
            again = scorer.score(apply(repaired, edits_made), markup)
        edits, repaired, report = composed(text, edits, edits_made), apply(repaired, edits_made), again
    return Repair(repaired, edits, tuple(sentence for sentence in report.sentences if sentence.garbled))


def _total_score(report: Report) -> float:
    return sum(sentence.score for sentence in report.sentences if sentence.garbled)


def _removals(text: str, report: Report, markup: str) -> tuple[Edit, ...]:
    """Edits that remove the garbled passages, each with the signal that contributes most.

    If a passage is not all prose, only its prose sentences are removed.
    """
    edits_made = []
    starts = [sentence.start for sentence in report.sentences]
    non_prose = Protected(text, markup).non_prose
    for passage in report.passages:
        sentences = report.sentences[bisect_left(starts, passage.start) : bisect_left(starts, passage.end)]
        for group in [[s] for s in sentences] if non_prose.overlaps(passage.start, passage.end) else [sentences]:
            start, end = with_whitespace(text, group[0].start, group[-1].end)
            findings = [finding for sentence in group for finding in sentence.findings]
            strongest = max(findings, key=lambda finding: finding.contribution, default=None)
            if not non_prose.overlaps(start, end):
                edits_made.append(Edit(start, end, text[start:end], "", strongest.signal if strongest else OVERALL))
    return _without_overlaps(edits_made)


def _fixes(text: str, report: Report, scorer: Scorer, markup: str) -> tuple[Edit, ...]:
    """The best edits of each garbled sentence, without those that the rules forbid."""
    blocks = _blocks(text, report.sentences)
    shared: dict[object, object] = {Protected: Protected(text, markup)}
    fixers = {name: fix for name, fix in FIXERS.items() if report.language == "en" or name not in _ENGLISH}
    best = (_best(text, block, start, end, scorer, markup, fixers, shared) for block, start, end in blocks)
    return in_order(text, _without_overlaps(chain.from_iterable(best)))


def _blocks(text: str, sentences: Sequence[ScoredSentence]) -> Iterator[tuple[Sequence[ScoredSentence], int, int]]:
    """Runs of neighbouring sentences, each with its start and end, including the whitespace around it."""
    first = 0
    for after, sentence in enumerate(sentences, start=1):
        is_last = after == len(sentences)
        if is_last or sentence.end - sentences[first].start >= _BLOCK_SIZE:
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
    fixers: Mapping[str, Fixer],
    shared: dict[object, object],
) -> Iterator[Edit]:
    """For each garbled sentence of a block, the candidate with the lowest score; of equals, the shortest.

    All sentences are tried at once: variant n of the block applies the n-th candidate of each sentence.
    """
    garbled = [sentence for sentence in block if sentence.garbled]
    unchanged: Sequence[Candidate] = [() for _ in garbled]
    candidates = (_candidates(text, sentence, fixers, shared) for sentence in garbled)
    variants = [unchanged, *zip_longest(*candidates, fillvalue=())]
    if len(variants) == 1:
        return
    edits = [_without_overlaps(chain(*variant)) for variant in variants]
    reports = scorer.score_many((piece(text, start, end, edits_made) for edits_made in edits), repeat(markup))
    ranks: list[list[tuple[float, int, Candidate]]] = [[] for _ in garbled]
    for variant, edits_made, report in zip(variants, edits, reports, strict=True):
        applied, scores = set(edits_made), _BlockScores(report, edits_made, start)
        for rank, sentence, candidate in zip(ranks, garbled, variant, strict=True):
            if (candidate or variant is unchanged) and applied.issuperset(candidate):
                size = sum(len(edit.before) + len(edit.after) for edit in candidate)
                rank.append((scores.worst(sentence, candidate), size, candidate))
    for rank in ranks:
        yield from min(rank, key=itemgetter(0, 1))[2]


class _BlockScores:
    """Sentence scores of a block that starts at `start`, after `edits`."""

    def __init__(self, report: Report, edits: Candidate, start: int) -> None:
        self._sentences = report.sentences
        self._starts = [sentence.start for sentence in report.sentences]
        self._ends = [sentence.end for sentence in report.sentences]
        self._edit_ends = [edit.end for edit in edits]
        self._growth = [0, *accumulate(len(edit.after) - len(edit.before) for edit in edits)]
        self._start = start

    def worst(self, sentence: ScoredSentence, edits: Candidate) -> float:
        """The highest score of the sentences that replace a sentence after its own edits."""
        first = self._shifted(min([sentence.start, *(edit.start for edit in edits)]))
        last = self._shifted(max([sentence.end, *(edit.end for edit in edits)]))
        overlapping = self._sentences[bisect_right(self._ends, first) : bisect_left(self._starts, last)]
        return max((other.score for other in overlapping), default=0.0)

    def _shifted(self, offset: int) -> int:
        return offset - self._start + self._growth[bisect_right(self._edit_ends, offset)]


def _candidates(
    text: str, sentence: ScoredSentence, fixers: Mapping[str, Fixer], shared: dict[object, object]
) -> list[Candidate]:
    """Candidate repairs of a sentence: per signal the likeliest changes of all findings; and each change alone."""
    known: dict[Change, Edit] = {}
    together: list[list[Edit]] = []
    site = Site(text, sentence.start, sentence.end, shared)
    for signal, findings in groupby(sentence.findings, lambda finding: finding.signal):
        likeliest: dict[Change, None] = {}
        for finding in findings:
            changes = list(fixers[signal](site, finding)) if signal in fixers else []
            for change in changes:
                # Several findings may give the same change.
                if change not in known:
                    start, end, after = change
                    known[change] = trimmed(Edit(start, end, text[start:end], after, signal))
            allowed = (change for change in changes if _is_allowed(site, known[change]))
            likeliest |= dict.fromkeys(islice(allowed, 1))
        together.append([known[change] for change in likeliest])
    alone = dict.fromkeys(edit for edit in known.values() if _is_allowed(site, edit))
    combined = [_without_overlaps(sorted(edits, key=lambda edit: edit.start)) for edits in together if len(edits) > 1]
    single = [(edit,) for edit in alone] if len(alone) <= _MAX_SINGLE else []
    return [*combined, *single]


def _is_allowed(site: Site, edit: Edit) -> bool:
    """Whether an edit changes something, and only prose; or replaces an entity by its character."""
    protected = site.cached_for_text(Protected)
    if edit.before == edit.after or protected.non_prose.overlaps(edit.start, edit.end):
        return False
    is_entity = edit.signal == "artifacts.leftover_markup"
    is_outside_entity = is_entity or not protected.entities.overlaps(edit.start - 1, edit.end + 1)
    return is_outside_entity and not protected.code.overlaps(edit.start, edit.end)


def _without_overlaps(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits in order, without those that overlap an earlier one."""
    kept: list[Edit] = []
    for edit in edits:
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
    return tuple(kept)
