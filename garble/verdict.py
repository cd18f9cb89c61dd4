"""The score of a document from those of its sentences, and the signals that apply to each kind of block."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from garble.columns.arrays import Floats, Ints, Mask, row_sums
from garble.columns.batch import Batch
from garble.languages import Language
from garble.models.scorecard import Scorecard, clipped_logit, scaled, sigmoid
from garble.report.findings import ScoredSentence
from garble.signals import signals_of
from garble.signals.base import Signal
from garble.text.layout import CUE, HEADING, KINDS, LIST, PROSE, PROSE_LIKE, UNSCORED, VERSE, is_prose
from garble.text.segmentation import Document

# Share of the prose that must reach a score: a tenth, or half in documents with few sentences.
_WORST_SHARE, _WORST_OF_FEW = 0.1, 0.5
# From this length on, in characters, full stops are probably missing, and only clauses with evidence count.
NO_SENTENCE = 400
_CLAUSE_BORDER = re.compile(r"[,;:.!?–—]\s+|\s(?=(?:and|but|or|so|because|then|that|which|who|when|if)\s)")
# From this number of sentences on, a single sentence does not decide, and sentences are pooled.
SEVERAL = 4
# Share of a document in loops, without their first copy, and the resulting score; interpolated between.
_LOOPED, _LOOPED_SCORE = (0.1, 0.2), (0.0, 0.999)
# Requirements of signals that a model provides.
_OF_MODEL = frozenset({"lm", "network"})


def document_score(
    sentences: Sequence[ScoredSentence], card: Scorecard, raised: Sequence[float], looped: float = 0.0
) -> float:
    """The score of a document: the largest of three scores.

    Loops: if a fifth of the prose is inside loops, without their first copy, the document is garbled at every
    threshold. looped: this share.

    Worst sentences: see `worst_score`. In documents of `SEVERAL` sentences and more it is scaled by
    `Scorecard.documents`; so a document of one sentence has the score of the sentence.

    Pooled sentences, in documents of `SEVERAL` sentences and more that are not mostly verse: see `Pooling`. A text that
    is badly translated throughout is garbled even if few sentences reach the threshold. If the network has read
    sentences, only those with joint scores are pooled: exact evidence decides alone, and a paragraph that comes twice
    does not make the others suspect. In documents that are pooled, worst sentences below the loose threshold are
    ignored.

    Only sentences accepted by `layout.is_prose` are used: no headings, verse or tables. A document without prose scores
    0. raised: (sentences,) log-odds that the document added to each sentence, which are subtracted here; NaN without a
    joint score.
    """
    prose_mask = np.array([is_prose(sentence.kind, sentence.text) for sentence in sentences], bool)
    by_loops = float(np.interp(looped, _LOOPED, _LOOPED_SCORE))
    if not prose_mask.any():
        return by_loops
    prose = [sentence for sentence, counts in zip(sentences, prose_mask.tolist(), strict=True) if counts]
    added, scores = np.array(raised)[prose_mask], np.array([sentence.score for sentence in prose])
    is_joint = ~np.isnan(added)
    scores[is_joint] = sigmoid(clipped_logit(scores[is_joint]) - added[is_joint])
    loose = card.thresholds.get("loose", 0.0)
    worst = worst_score(prose, scores, loose)
    if len(prose) < SEVERAL:
        return max(by_loops, worst)
    pooling, scale = card.pooling, card.documents
    if card.network is not None and is_joint.any():
        scores, pooling, scale = scores[is_joint], card.network.pooling, card.network.documents
    by_worst = float(sigmoid(scaled(clipped_logit(np.array(worst)), scale)))
    if pooling is None or is_mostly_verse(sentences):
        return max(by_loops, by_worst)
    return max(by_loops, by_worst if worst >= loose else 0.0, pooling.score(scores))


def is_mostly_verse(sentences: Sequence[ScoredSentence]) -> bool:
    """Whether a document has more verse than prose, as in `mostly_verse`."""
    kinds = np.array([sentence.kind for sentence in sentences])
    length = np.array([sentence.end - sentence.start for sentence in sentences], np.int64)
    return bool(mostly_verse(kinds == KINDS[VERSE], kinds == KINDS[PROSE], length, np.array([0, len(length)]))[0])


def mostly_verse(is_verse: Mask, is_prose: Mask, length: Ints, document_offsets: Ints) -> Mask:
    """(documents,) with more verse than prose, by characters. The prose is then likely verse without line breaks.

    is_verse, is_prose, length: (sentences,).
    """
    verse, prose = (row_sums(np.where(mask, length, 0), document_offsets) for mask in (is_verse, is_prose))
    return np.asarray(verse > prose)


def worst_score(prose: Sequence[ScoredSentence], scores: Floats, loose: float) -> float:
    """The highest score that a tenth of the prose reaches, by characters, and at least two sentences.

    In documents with fewer than `SEVERAL` sentences, half of the prose. In sentences of `NO_SENTENCE` characters or
    more whose score is `loose` or more, only clauses with evidence count. So one loop in a long article gives a garbled
    passage, not a garbled document. scores: (sentences,) to use in place of their own.
    """
    length = np.array([sentence.end - sentence.start for sentence in prose])
    sizes = np.array([_evidenced(s) if s.score >= loose else s.end - s.start for s in prose])
    has_several = len(prose) >= SEVERAL
    worse_first = np.argsort(-scores, kind="stable")
    reached = np.cumsum(sizes[worse_first])
    share = _WORST_SHARE if has_several else _WORST_OF_FEW
    rank = max(int(np.searchsorted(reached, share * length.sum())), int(has_several))
    # Clauses without evidence are clean.
    return float(scores[worse_first[rank]]) if rank < len(scores) else 0.0


def _evidenced(sentence: ScoredSentence) -> int:
    """Characters that the score of a sentence applies to: all, or those of clauses with evidence."""
    size = sentence.end - sentence.start
    spans = [(finding.start - sentence.start, finding.end - sentence.start) for finding in sentence.findings]
    local = [(first, last) for first, last in spans if last - first < size / 2]
    if size < NO_SENTENCE or not local:
        return size
    cuts = [0, *(border.end() for border in _CLAUSE_BORDER.finditer(sentence.text)), size]
    return sum(b - a for a, b in pairwise(cuts) if any(first < b and last > a for first, last in local))


def looped_prose(document: Document) -> float:
    """Share of the prose, including subtitles, that is inside loops, without their first copy."""
    if not document.loops:
        return 0.0
    pieces, masks = document.slices(), document.looped(document.loops)
    is_counted = [
        kind == CUE or is_prose(kind, piece) for kind, piece in zip(document.kind.tolist(), pieces, strict=True)
    ]
    counted_masks = [mask for mask, counts_here in zip(masks, is_counted, strict=True) if counts_here]
    return float(np.concatenate(counted_masks).mean()) if counted_masks else 0.0


def split_fragments(document: Document) -> tuple[Document, Document]:
    """Split a document into prose and fragments, which are list items and cues that are not sentences."""
    scored = ~np.isin(document.kind, list(UNSCORED))
    fragments = np.zeros(len(scored), bool)
    if (spoken := np.flatnonzero(np.isin(document.kind, list(PROSE_LIKE)))).size:
        pieces = document.slices()
        fragments[spoken] = [not is_prose(int(document.kind[i]), pieces[i]) for i in spoken]
    return document.only(scored & ~fragments), document.only(fragments)


def effective_kinds(batch: Batch) -> Ints:
    """(sentences,) block kinds; list items and cues that are sentences count as prose."""
    kinds = batch.kind.copy()
    for i in np.flatnonzero(np.isin(kinds, list(PROSE_LIKE))).tolist():
        if is_prose(int(kinds[i]), batch.text[batch.char_offsets[i] : batch.char_offsets[i + 1] - 1]):
            kinds[i] = PROSE
    return kinds


# Signals disabled by kind: those for full sentences outside prose, and repetition in verse. All signals apply to prose,
# none to the kinds in layout.UNSCORED.
_DISABLED_BY_KIND: dict[int, Callable[[Signal], bool]] = {
    HEADING: lambda signal: signal.prose,
    LIST: lambda signal: signal.prose,
    CUE: lambda signal: signal.prose,
    VERSE: lambda signal: signal.prose or signal.family == "repetition",
}


def feature_mask(card: Scorecard, predicate: Callable[[Signal], bool]) -> Mask:
    """(features of the card,) that belong to signals for which the predicate is true."""
    names = {name for signal in signals_of(card.features) if predicate(signal) for name in signal.features}
    return np.array([name in names for name in card.features], bool)


def disabled(card: Scorecard, kinds: Ints, language: Language) -> Mask:
    """(sentences, features of the card) features that do not apply, because of the language or the kind of block.

    kinds: (sentences,) from `effective_kinds`. language: of all sentences.
    """
    mask = np.zeros((len(kinds), len(card.features)), bool)
    mask[:, feature_mask(card, lambda signal: bool(missing_needs(signal, language, card)))] = True
    for kind, is_disabled in _DISABLED_BY_KIND.items():
        mask[np.ix_(kinds == kind, feature_mask(card, is_disabled))] = True
    return mask


def missing_needs(signal: Signal, language: Language, card: Scorecard) -> tuple[str, ...]:
    """Requirements of a signal that a language lacks."""
    available = language.knowledge | (_OF_MODEL if language.code == card.language else frozenset())
    return tuple(need for need in signal.needs if need not in available)
