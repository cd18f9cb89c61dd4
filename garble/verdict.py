"""From sentences to a verdict on their document, and which signals are silent where."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from garble.columns.arrays import Floats, Ints, Mask
from garble.columns.batch import Batch
from garble.languages import Language
from garble.models.scorecard import Pairs, Scorecard, logit, sigmoid
from garble.report.findings import ScoredSentence
from garble.signals import ALL_SIGNALS
from garble.signals.base import Signal
from garble.text.layout import CUE, HEADING, LIST, PROSE, SPOKEN, UNREAD, VERSE, counts
from garble.text.segmentation import Document

# A document is as garbled as the worst tenth of its prose, and one of few sentences as the worst half.
_WORST_SHARE, _WORST_OF_FEW = 0.1, 0.5
# From so many characters on a sentence lacks its stops, and only its clauses with evidence count.
NO_SENTENCE = 400
_CLAUSE_BORDER = re.compile(r"[,;:.!?–—]\s+|\s(?=(?:and|but|or|so|because|then|that|which|who|when|if)\s)")
# From this many sentences on one alone does not decide, and all of them are weighed together.
SEVERAL = 4
# Share of a document in loops beyond their first turn, and the score that comes to.
_LOOPED, _LOOPED_SCORE = (0.1, 0.2), (0.0, 0.999)
# What a signal may need of a model.
_OF_MODEL = frozenset({"lm", "network"})
# By this factor log-odds of sentences that are read are flatter below the threshold, where their scores are shown.
_FLATTER = 0.55


def document_score(
    sentences: Sequence[ScoredSentence], card: Scorecard, raised: Sequence[float], looped: float = 0.0
) -> float:
    """The largest of what its loops, its worst sentences, and all its sentences together come to.

    Loops: a document of whose prose a fifth stands in loops beyond their first turn is garbled at every threshold.
    looped: that share.

    The worst: the score that a tenth of the document's prose reaches, counted in characters, and two of its sentences
    where there are more than three; half of its prose where there are fewer. Of a sentence of 400 characters or more
    only the clauses that hold evidence count. So a single loop in a long article, or a stutter in a page without stops,
    makes a garbled passage only. Together: see `Pooling`; a text that is translated badly throughout is garbled though
    few of its sentences cross the threshold. Both are then scaled by `Scorecard.documents`. Of a document that was
    read, those that were read are pooled. Worst sentences below the loose threshold say nothing of a document that can
    be pooled. What `layout.counts` says no to (headings, verse, tables, ...) does not count; a document without prose
    scores 0. raised: (sentences,) what the document added to each sentence's log-odds, which does not count here; NaN
    where the network has not read it.
    """
    is_prose = np.array([counts(sentence.kind, sentence.text) for sentence in sentences], bool)
    by_loops = float(np.interp(looped, _LOOPED, _LOOPED_SCORE))
    if not is_prose.any():
        return by_loops
    loose = card.thresholds.get("loose", 0.0)
    sizes = np.array([_evidenced(s) if s.score >= loose else s.end - s.start for s in sentences])[is_prose]
    whole = np.array([s.end - s.start for s in sentences])[is_prose].sum()
    scores, added = np.array([s.score for s in sentences])[is_prose], np.array(raised)[is_prose]
    pooled, pooling, scale = scores, card.pooling, card.documents
    if card.network is not None and (is_read := ~np.isnan(added)).any():
        odds = expand_odds(scores[is_read], is_read[is_read], card) - added[is_read]
        pooled, pooling = sigmoid(odds), card.network.pooling
        scores[is_read] = sigmoid(compress_odds(odds, is_read[is_read], card))
        scale = card.network.documents
    several = len(scores) >= SEVERAL
    worse_first = np.argsort(-scores, kind="stable")
    reached = np.cumsum(sizes[worse_first])
    share = _WORST_SHARE if several else _WORST_OF_FEW
    place = max(int(np.searchsorted(reached, share * whole)), int(several))
    # What lies beyond the evidence is sound.
    worst = float(scores[worse_first[place]]) if place < len(scores) else 0.0
    if pooling is None or not several:
        return max(by_loops, _scaled(worst, scale))
    together = max(pooling.score(pooled), worst if worst >= loose else 0.0)
    return max(by_loops, _scaled(together, scale))


def _evidenced(sentence: ScoredSentence) -> int:
    """Characters of a sentence that its score speaks for: all, or those of the clauses that hold its evidence."""
    size = sentence.end - sentence.start
    spans = [(finding.start - sentence.start, finding.end - sentence.start) for finding in sentence.findings]
    local = [(first, last) for first, last in spans if last - first < size / 2]
    if size < NO_SENTENCE or not local:
        return size
    cuts = [0, *(border.end() for border in _CLAUSE_BORDER.finditer(sentence.text)), size]
    return sum(b - a for a, b in pairwise(cuts) if any(first < b and last > a for first, last in local))


def _scaled(score: float, scale: Pairs) -> float:
    """A document's score as `Scorecard.documents` has it; beyond the ends of the scale its log-odds change alike."""
    if not scale:
        return score
    raw, scaled = np.array(scale).T
    odds = float(logit(np.clip(score, 1e-6, 1 - 1e-6)))
    return float(sigmoid(np.interp(odds, raw, scaled) + min(odds - raw[0], 0) + max(odds - raw[-1], 0)))


def looped_prose(document: Document) -> float:
    """The share of a document's prose, subtitles included, that stands in loops beyond their first turn."""
    if not document.loops:
        return 0.0
    pieces, masks = document.slices(), document.looped(document.loops)
    counted = [kind == CUE or counts(kind, piece) for kind, piece in zip(document.kind.tolist(), pieces, strict=True)]
    some = [mask for mask, counts_here in zip(masks, counted, strict=True) if counts_here]
    return float(np.concatenate(some).mean()) if some else 0.0


def split_fragments(document: Document) -> tuple[Document, Document]:
    """What is scored together, and what apart: items and cues that are no sentences."""
    heard = ~np.isin(document.kind, list(UNREAD))
    aside = np.zeros(len(heard), bool)
    if (some := np.flatnonzero(np.isin(document.kind, list(SPOKEN)))).size:
        pieces = document.slices()
        aside[some] = [not counts(int(document.kind[i]), pieces[i]) for i in some]
    return document.only(heard & ~aside), document.only(aside)


def effective_kinds(batch: Batch) -> Ints:
    """(sentences,) their kinds; items and cues that are sentences are read as prose."""
    kinds = batch.kind.copy()
    for i in np.flatnonzero(np.isin(kinds, list(SPOKEN))).tolist():
        if counts(int(kinds[i]), batch.text[batch.char_offsets[i] : batch.char_offsets[i + 1] - 1]):
            kinds[i] = PROSE
    return kinds


# What is not asked of a kind: of all that is no prose what means something in full sentences only; verse may say things
# again. Of prose everything is asked, of the kinds in layout.UNREAD nothing.
_DISABLED_BY_KIND: dict[int, Callable[[Signal], bool]] = {
    HEADING: lambda signal: signal.prose,
    LIST: lambda signal: signal.prose,
    CUE: lambda signal: signal.prose,
    VERSE: lambda signal: signal.prose or signal.family == "repetition",
}


def compress_odds(odds: Floats, is_read: Mask, card: Scorecard) -> Floats:
    """Log-odds on the scale of the scorecard: below the balanced threshold those of sentences that are read flatten.

    So a typical human sentence scores alike, whether it was read or not.
    """
    limit = float(logit(np.array(card.thresholds.get("balanced", 0.5))))
    return np.where(is_read & (odds < limit), limit + _FLATTER * (odds - limit), odds)


def expand_odds(scores: Floats, is_read: Mask, card: Scorecard) -> Floats:
    """The log-odds that `shown` was given, from scores."""
    odds = logit(np.clip(scores, 1e-6, 1 - 1e-6))
    limit = float(logit(np.array(card.thresholds.get("balanced", 0.5))))
    return np.where(is_read & (odds < limit), limit + (odds - limit) / _FLATTER, odds)


def feature_mask(card: Scorecard, chosen: Callable[[Signal], bool]) -> Mask:
    """Which of the card's features belong to the chosen signals."""
    names = {name for signal in ALL_SIGNALS if chosen(signal) for name in signal.features}
    return np.array([name in names for name in card.features], bool)


def disabled(card: Scorecard, kinds: Ints, language: Language) -> Mask:
    """(sentences, features of the card) what does not speak: for want of what it needs, or of a kind it is deaf to.

    kinds: (sentences,) as `as_read` gives them. language: that of all the sentences.
    """
    mask = np.zeros((len(kinds), len(card.features)), bool)
    mask[:, feature_mask(card, lambda signal: bool(missing_needs(signal, language, card)))] = True
    for kind, deaf_to in _DISABLED_BY_KIND.items():
        mask[np.ix_(kinds == kind, feature_mask(card, deaf_to))] = True
    return mask


def missing_needs(signal: Signal, language: Language, card: Scorecard) -> tuple[str, ...]:
    """What a signal needs that is not known of a language."""
    known = language.knowledge | (_OF_MODEL if language.code == card.language else frozenset())
    return tuple(need for need in signal.needs if need not in known)
