"""The scorer: from texts to reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise, repeat, starmap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

import garble
from garble import calibration, languages
from garble.calibration import Calibration, Conditions, Threshold
from garble.columns import lm
from garble.columns.arrays import Floats, Ints, Mask, offsets, row_sums
from garble.columns.batch import Batch, Predictions
from garble.columns.lists import isin
from garble.columns.lm import LanguageModel
from garble.columns.packets import blocks, packets
from garble.errors import InputError, UsageError, checked_text, checked_texts, quoted
from garble.languages import Language
from garble.models import store
from garble.models.scorecard import Pooling, Scorecard, clipped_logit, logit, scaled, sigmoid
from garble.report import Report
from garble.report.findings import Finding, ScoredSentence, passages_of, signature_at
from garble.signals import (
    EXACT_SIGNALS,
    NETWORK_FEATURES,
    NETWORK_SIGNALS,
    Extraction,
    collect,
    extract,
    resolve,
    select_signals,
    signals_of,
    with_predictions,
)
from garble.signals.base import Signal, Values
from garble.text.alphabet import LATIN, SCRIPT, hash_runs
from garble.text.detection import Identified, Words, identify
from garble.text.layout import IGNORED, KINDS, PROSE, UNSCORED, VERSE
from garble.text.markups import MARKUPS
from garble.text.periodic import looped_share, loops_of
from garble.text.segmentation import Document, segment
from garble.verdict import (
    NO_SENTENCE,
    SEVERAL,
    disabled,
    document_score,
    effective_kinds,
    feature_mask,
    looped_prose,
    missing_needs,
    mostly_verse,
    split_fragments,
)

if TYPE_CHECKING:
    from garble.network.reader import Reader

# Characters per batch: large enough for efficient array operations, small enough for the processor cache.
_PACKET = 250_000
# Longer documents are scored in parts of `_PART` characters, because their reports need much memory, too.
_LONG, _PART = 2 * _PACKET, 125_000
# Scoring needs up to 2 kB per sentence: these limits keep memory below 2 GB, and the text below 500 MB.
MOST_SENTENCES, _MOST_LINES = 1_000_000, 4_000_000
_FILLED_LINE = re.compile(r"\S[^\n]*")

# Least contribution for a finding, in log-odds. Weighs and measures also need this share of the largest contribution
# of the sentence; alone, a reader would not notice them.
_LEAST_CONTRIBUTION, _LEAST_SHARE = 0.25, 0.1
# The language of each text is detected. Otherwise the language is an ISO 639 code.
AUTO = "auto"
_CODE = re.compile(r"[a-z]{2,3}")
# Number of missing language resources that a note lists.
_LISTED_NEEDS = 3
_OTHER_VERSION = "threshold calibrated with garble {}; its guarantee may not hold, calibrate again"
_IGNORED_NOTE = "sentences ignored by comments: {}"
_WITHOUT = "signals disabled: {}; threshold guarantees do not apply"

# Exact evidence: the network lowers its log-odds by at most `_VETO`, and other signals add at most `_MOST_INEXACT`.
_VETO, _MOST_INEXACT = 1.0, 1.0
# The network does not read a sentence with a larger share of code and of other scripts among its words, or with a
# larger share of its characters in loops, which decide alone.
_MOST_UNREADABLE, _MOST_LOOPED = 1 / 6, 1 / 2

# Limit for the log-odds that a garbled document adds to its sentences.
_MOST_RAISED = 2.5
# Which sentences the network reads.
READERS = ("all", "unsure", "off")
# Size of the first sample of sentences with reader="unsure". Each further sample is twice as large.
_FIRST_SAMPLE = 8
# One in so many documents is read whatever its score, to catch what the scorecard misses.
_ONE_IN = 50
# Standard errors between the mean of a sample and the threshold from which a document counts as clean. If sentences
# were independent, one in two hundred documents would be wrong.
_SURE = 2.6
# Longest quotation in a reason, in characters.
_QUOTED = 60


class Settings(TypedDict, total=False):
    """Arguments of `Scorer`, for functions that create one."""

    model: str | Path
    threshold: Threshold
    without: Collection[str]
    reader: str
    markup: str
    language: str


def scorer_of(scorer: Scorer | None, settings: Settings, **defaults: Unpack[Settings]) -> Scorer:
    """The given scorer, or a new one with these settings and defaults.

    Raises UsageError if both a scorer and settings are given, and the errors of `Scorer`.
    """
    if scorer is None:
        return Scorer(**defaults | settings)
    if settings:
        raise UsageError(f"scorer: given together with {', '.join(settings)}")
    return scorer


class Scorer:
    """Scores texts with one model and one threshold.

    model: name of an included model ("en"), path of a folder with scorecard.json and lm.npz, or name of a model of an
    installed plugin.
    threshold: "strict", "balanced", "loose", a score between 0 and 1, or a calibration: the path of a file written by
    `garble calibrate`, or the result of `garble.calibration.load`. With a calibration, reader="unsure" selects
    documents by the balanced threshold.
    without: names of signals or families to disable. Guarantees of the thresholds do not apply then.
    reader: sentences that the network of the model reads: "all"; "unsure" (a sample, in documents that the scorecard
    cannot decide); "off".
    markup: "text", "markdown", "html", "srt" or "vtt"; "auto" detects it for each text; "none" treats every line as a
    paragraph of prose.
    language: an ISO 639 code such as "en" for all texts; "auto" detects it for each text. Signals without the resources
    that they need in a language are disabled.

    Attributes: card (scorecard without the disabled signals), lm (language model), network (the reader, or None), notes
    (added to every report), conditions (settings that scores depend on), calibration (of the threshold, or None).
    Raises ValueError, in one line, for an unknown model, threshold, signal, reader, markup or language, and for a
    threshold calibrated with another model, reader, markup, language or without.
    """

    def __init__(
        self,
        model: str | Path = "en",
        *,
        threshold: Threshold = "balanced",
        without: Collection[str] = (),
        reader: str = "all",
        markup: str = "auto",
        language: str = AUTO,
    ) -> None:
        loaded = store.loaded(store.folder_of(model))
        without = tuple(checked_texts(without, "without"))
        disabled = select_signals(without)
        self.lm, self.reader = loaded.lm, _checked_reader(reader) if loaded.card.network else "off"
        card = loaded.card.without([feature for signal in disabled for feature in signal.features])
        self.card = card if self.reader != "off" else card.without(NETWORK_FEATURES)
        self.network = _network(loaded) if self.reader != "off" else None
        self.markup = _checked_markup(markup)
        self.language = checked_language(language)
        self.without = tuple(sorted(set(without)))
        self.conditions = Conditions(
            garble.__version__, self.card.name, loaded.digest, self.reader, self.markup, self.language, self.without
        )
        self.threshold, self.calibration = _threshold(threshold, self.card, self.conditions)
        read_from = self.card.thresholds.get("balanced", self.threshold) if self.calibration else self.threshold
        self._setup = _Setup(self.card, _scorecard_signals(self.card), self.lm, self.network, self.reader, read_from)
        notes = [_WITHOUT.format(", ".join(self.without))] if disabled else []
        if self.calibration and self.calibration.conditions.garble != garble.__version__:
            notes.append(_OTHER_VERSION.format(self.calibration.conditions.garble))
        self.notes = tuple(notes)
        name = f"calibrated-{self.threshold}" if self.calibration else threshold
        self.signature = "|".join(
            [
                f"garble|v:{garble.__version__}|d:{loaded.digest[:8]}|m:{self.card.name}|t:{name}",
                *([f"w:{','.join(self.without)}"] if disabled else []),
                *([f"r:{self.reader}"] if loaded.card.network else []),
                *([f"l:{self.language}"] if self.language != AUTO else []),
            ]
        )
        self._settings = Settings(
            model=model,
            threshold=self.calibration or threshold,
            without=self.without,
            reader=reader,
            markup=markup,
            language=language,
        )

    def __reduce__(self) -> tuple[partial[Scorer], tuple[()], dict[str, object]]:
        # Pickled without the model, which each process loads once. A calibration is included.
        return partial(Scorer, **self._settings), (), {"threshold": self.threshold, "signature": self.signature}

    def __repr__(self) -> str:
        return f"<Scorer {self.signature}>"

    def flagging_from(self, threshold: float) -> Scorer:
        """A copy with another threshold, 0..1. Scores stay the same."""
        other = copy(self)
        other.threshold = threshold
        other.signature = signature_at(self.signature, threshold)
        return other

    def score(self, text: str, markup: str | None = None) -> Report:
        """Score one text. markup: overrides that of the scorer."""
        return next(self.score_many([checked_text(text)], [markup]))

    def score_many(self, texts: Iterable[str], markups: Iterable[str | None] | None = None) -> Iterator[Report]:
        """Yield one report per text, in order. Texts are consumed in batches, so any number is possible.

        markups: overrides the markup of the scorer for each text; None keeps it. Raises UsageError immediately for a
        single string. Raises InputError, when it is reached, for an item that is not a string, with its index, and for
        a text with more than MOST_SENTENCES sentences.
        """
        return self._score_many(checked_texts(texts), markups)

    def _score_many(self, texts: Iterable[str], markups: Iterable[str | None] | None) -> Iterator[Report]:
        pairs = zip(texts, repeat(None) if markups is None else markups, strict=False)
        for packet in packets(pairs, _PACKET, lambda item: len(item[0])):
            # Only the last text can be long, because it fills the packet.
            cut = len(packet) - (len(packet[-1][0]) > _LONG)
            for part in (packet[:cut], packet[cut:]):
                if part:
                    yield from self._reports([(text, _checked_markup(markup or self.markup)) for text, markup in part])

    def score_sentences(self, sentences: Sequence[str]) -> NDArray[np.float64]:
        """(sentences,) scores. Each string is treated as one sentence in the language of the model.

        Raises UsageError for a single string, and InputError, with the index, for an item that is not a string.
        """
        scores = [np.zeros(0)]
        for packet in packets(checked_texts(sentences, "sentences"), _PACKET, len):
            batch = Batch.alone(packet, self.lm)
            disabled = np.zeros((len(batch), len(self.card.features)), bool)
            scores.append(
                _sentence_scores(batch, extract(batch, signals=self._setup.signals), disabled, self._setup).scores
            )
        return np.concatenate(scores)

    def _reports(self, texts: list[tuple[str, str]]) -> Iterator[Report]:
        loops = loops_of([text for text, _ in texts])
        model_language = languages.load(self.card.language)

        def segmented(indices: Sequence[int], language: Language) -> list[Document]:
            return [replace(_checked_document(*texts[i], language), loops=loops[i]) for i in indices]

        # Most texts are in the language of the model, so their batches are reused.
        documents = segmented(range(len(texts)), model_language)
        parts = [split_fragments(document) for document in documents]
        prose = _BatchedDocuments([prose for prose, _ in parts], model_language, self.lm)
        identified = self._identified(documents, prose)
        codes = [found_language.code for found_language in identified]
        if set(codes) == {model_language.code}:
            yield from self._reports_in_language(documents, prose, [fragments for _, fragments in parts], identified)
            return
        reports: dict[int, Report] = {}
        for code in dict.fromkeys(codes):
            language = languages.load(code)
            indices = [i for i, other in enumerate(codes) if other == code]
            in_language, parts_in_language = [documents[i] for i in indices], [parts[i] for i in indices]
            if language.segmenter != model_language.segmenter:
                in_language = segmented(indices, language)
                parts_in_language = [split_fragments(document) for document in in_language]
            model = self.lm if code == model_language.code else None
            prose_in_language = _BatchedDocuments([prose for prose, _ in parts_in_language], language, model)
            reports_in_language = self._reports_in_language(
                in_language,
                prose_in_language,
                [fragments for _, fragments in parts_in_language],
                [identified[i] for i in indices],
            )
            reports.update(zip(indices, reports_in_language, strict=True))
        yield from (reports[i] for i in range(len(texts)))

    def _identified(self, documents: list[Document], prose: _BatchedDocuments) -> list[Identified]:
        """The language of each document: as given, or detected from its prose, or from all text without prose."""
        if self.language != AUTO:
            return [Identified(self.language, 1.0)] * len(documents)
        # The first part of a long text suffices.
        rows = [Words(*row) for row in _words(next(prose.batches())).tolist()]
        if without_words := [i for i, row in enumerate(rows) if not row.words and len(documents[i].sentences)]:
            fragments = _BatchedDocuments([documents[i] for i in without_words], prose.language, self.lm)
            for i, row in zip(without_words, _words(next(fragments.batches())).tolist(), strict=True):
                rows[i] = Words(*row)
        return [identify(document.text, row, self.card.language) for document, row in zip(documents, rows, strict=True)]

    def _reports_in_language(
        self,
        documents: list[Document],
        prose: _BatchedDocuments,
        fragments: list[Document],
        identified: list[Identified],
    ) -> Iterator[Report]:
        """Reports on documents in one language. prose, fragments: the two parts of each document.

        Fragments are scored separately, so that they do not affect the scores of prose.
        """
        scored_prose, added_by_start = self._scored_sentences(prose)
        scored_fragments: list[list[ScoredSentence]] = [[] for _ in fragments]
        if any(len(document.sentences) for document in fragments):
            scored_fragments, _ = self._scored_sentences(_BatchedDocuments(fragments, prose.language, prose.lm))
        notes = self._disabled_note(prose.language)
        for document, identification, added, of_prose, of_fragments in zip(
            documents, identified, added_by_start, scored_prose, scored_fragments, strict=True
        ):
            sentences = of_prose + of_fragments
            if len(sentences) < len(document.sentences) or of_fragments:
                sentences = sorted([*sentences, *self._unscored(document)], key=lambda sentence: sentence.start)
            raised = [added.get(sentence.start, np.nan) for sentence in sentences]
            score = document_score(sentences, self.card, raised, looped_prose(document))
            looped = looped_share(document.loops or (), len(document.text))
            reported = (s if s.garbled or not s.findings else replace(s, findings=()) for s in sentences)
            ignored = int((document.kind == IGNORED).sum())
            of_document = (*notes, _IGNORED_NOTE.format(ignored)) if ignored else notes
            yield self._report(document.text, identification, tuple(reported), score, looped, of_document)

    def _disabled_note(self, language: Language) -> tuple[str, ...]:
        """A note on signals disabled in a language; empty in the language of the model."""
        signals = signals_of(self.card.features)
        missing = [needs for signal in signals if (needs := missing_needs(signal, language, self.card))]
        if language.code == self.card.language or not missing:
            return ()
        most_needed = [need.replace("_", " ") for need, _ in Counter(chain.from_iterable(missing)).most_common()]
        more = f" and {len(most_needed) - _LISTED_NEEDS} more" if len(most_needed) > _LISTED_NEEDS else ""
        summary = f"{len(missing)} of {len(signals)} signals are off"
        return (f"language {language.code}: {summary}, for lack of {', '.join(most_needed[:_LISTED_NEEDS])}{more}",)

    def _scored_sentences(
        self, prepared: _BatchedDocuments
    ) -> tuple[list[list[ScoredSentence]], list[dict[int, float]]]:
        """For each document its scored sentences, and the log-odds that the document added to those read.

        The latter are keyed by the start of the sentence; sentences without a joint score are missing.
        """
        count = len(prepared.documents)
        sentences: list[list[ScoredSentence]] = [[] for _ in range(count)]
        added: list[dict[int, float]] = [{} for _ in range(count)]
        # map, because a loop variable would keep one batch in memory while the next is scored.
        for parts in map(self._sentences, _score_documents(prepared, self._setup)):
            for of_document, by_start, (part, raised_by) in zip(sentences, added, parts, strict=True):
                of_document += part
                by_start.update(
                    (s.start, raised) for s, raised in zip(part, raised_by, strict=True) if raised == raised
                )
        return sentences, added

    def _unscored(self, document: Document) -> Iterator[ScoredSentence]:
        """Blocks without signals, such as code. They score 0."""
        for i in np.flatnonzero(np.isin(document.kind, list(UNSCORED))).tolist():
            start, end = document.sentences[i].tolist()
            text, kind = document.text[start:end], int(document.kind[i])
            yield ScoredSentence(start, end, text, 0.0, self.threshold == 0 and kind != IGNORED, KINDS[kind])

    def _report(
        self,
        text: str,
        identification: Identified,
        sentences: tuple[ScoredSentence, ...],
        score: float,
        looped: float,
        notes: tuple[str, ...],
    ) -> Report:
        return Report(
            score=score,
            garbled=score >= self.threshold,
            language=identification.code,
            threshold=self.threshold,
            sentences=sentences,
            passages=passages_of(text, sentences),
            notes=(*notes, *self.notes),
            signature=self.signature,
            looped=looped,
            language_certainty=identification.certainty,
            thresholds=self.card.thresholds,
            text=text,
        )

    def _sentences(self, scored: _ScoredBatch) -> list[tuple[list[ScoredSentence], list[float]]]:
        """For each document its scored sentences, and the log-odds added to each; NaN without a joint score."""
        flagged = scored.scores >= self.threshold
        # The document rule needs the evidence of long sentences at any threshold.
        loose = self.card.thresholds.get("loose", 0.0)
        long_suspects = (np.diff(scored.batch.char_offsets) >= NO_SENTENCE) & (scored.scores >= loose)
        with_findings = np.flatnonzero(flagged | long_suspects)
        findings = _findings(scored, self.card, with_findings) if len(with_findings) else {}

        def scored_rows(document: Document, first: int) -> Iterator[ScoredSentence]:
            span = slice(first, first + len(document.sentences))
            columns = (document.sentences, scored.scores[span], flagged[span], scored.batch.kind[span])
            table = zip(*(column.tolist() for column in columns), strict=True)
            for i, ((start, end), score, garbled, kind) in enumerate(table, start=first):
                text = document.text[start:end]
                yield ScoredSentence(start, end, text, score, garbled, KINDS[kind], findings.get(i, ()))

        firsts = scored.batch.document_offsets.tolist()
        return [
            (list(scored_rows(document, first)), scored.raised[first:last].tolist())
            for document, (first, last) in zip(scored.documents, pairwise(firsts), strict=True)
        ]


def _checked_document(text: str, markup: str, language: Language) -> Document:
    """Segment a text. Raises InputError if it has too many lines or sentences."""
    # Lines are counted first, because segmentation needs memory, too. A sentence may have several wrapped lines.
    if text.count("\n") > _MOST_LINES and sum(1 for _ in _FILLED_LINE.finditer(text)) > _MOST_LINES:
        raise InputError("text", f"more than {_MOST_LINES:,} lines; split the text")
    document = segment(text, markup, language)
    if len(document.sentences) > MOST_SENTENCES:
        raise InputError("text", f"{len(document.sentences):,} sentences; limit {MOST_SENTENCES:,}; split the text")
    return document


class _Setup(NamedTuple):
    """Models and settings of a scorer. signals: those with a feature on the card, without those of the network."""

    card: Scorecard
    signals: tuple[Signal, ...]
    lm: LanguageModel
    network: Reader | None
    reader: str
    threshold: float


class _SentenceScores(NamedTuple):
    """Scores of a batch before the document is taken into account.

    extraction: outputs of the signals. contributions: (sentences, features of the card). scores: (sentences,).
    is_joint: (sentences,) with joint scores: read by the network, and not flagged by exact evidence alone.
    """

    extraction: Extraction
    contributions: Floats
    scores: Floats
    is_joint: Mask


class _ScoredBatch(NamedTuple):
    """A batch with its scores.

    documents: documents of the batch, or a part of one. contributions: (sentences, features of the card).
    scores: (sentences,). raised: (sentences,) log-odds added by the document; NaN without a joint score.
    """

    documents: list[Document]
    batch: Batch
    extraction: Extraction
    contributions: Floats
    scores: Floats
    raised: Floats


class _BatchedDocuments:
    """Documents in one language, as one batch, or as one batch per part of a long document."""

    def __init__(self, documents: list[Document], language: Language, lm: LanguageModel | None) -> None:
        self.documents, self.language, self.lm = documents, language, lm
        self.portions = [documents] if len(documents) > 1 else [[part] for part in _parts(documents[0])]
        self._cached: list[Batch] = []

    def batches(self) -> Iterator[Batch]:
        """The batches. A single one is cached; those of a long document are created anew each time."""
        if len(self.portions) == 1 and not self._cached:
            self._cached = [Batch.of(self.portions[0], self.lm, self.language)]
        return (
            iter(self._cached)
            if self._cached
            else (Batch.of(portion, self.lm, self.language) for portion in self.portions)
        )


def _score_documents(prepared: _BatchedDocuments, setup: _Setup) -> Iterator[_ScoredBatch]:
    """Score documents, batch by batch."""
    signals = tuple(signal for signal in setup.signals if not missing_needs(signal, prepared.language, setup.card))
    surveys = [collect(batch, signals) for batch in prepared.batches()]

    def score(portion: list[Document], batch: Batch, resolved: dict[str, Values]) -> _ScoredBatch:
        return _score_batch(portion, batch, resolved, signals, setup)

    return starmap(score, zip(prepared.portions, prepared.batches(), resolve(surveys, signals), strict=True))


def _parts(document: Document) -> Iterator[Document]:
    """Split a long document into parts; a short one is its only part."""
    rows = offsets(np.diff(document.sentences, axis=1)[:, 0])
    if rows[-1] <= _LONG:
        yield document
        return
    for first, last in blocks(rows, _PART):
        yield document.part(first, last)


def _score_batch(
    documents: list[Document], batch: Batch, resolved: dict[str, Values], signals: tuple[Signal, ...], setup: _Setup
) -> _ScoredBatch:
    card = setup.card
    kinds = effective_kinds(batch)
    before = _sentence_scores(batch, extract(batch, resolved, signals), disabled(card, kinds, batch.language), setup)
    # A part lacks the other sentences of its document.
    is_whole = documents[0].total == len(documents[0].sentences)
    scores, raised = _in_context(batch, before, kinds, card if is_whole else replace(card, network=None))
    return _ScoredBatch(documents, batch, before.extraction, before.contributions, scores, raised)


def _in_context(batch: Batch, before: _SentenceScores, kinds: Ints, card: Scorecard) -> tuple[Floats, Floats]:
    """(sentences,) scores, and the log-odds added by the document; NaN without a joint score.

    If the pooled sentences of a document make it garbled at the balanced threshold, what it exceeds the threshold by is
    added to the log-odds of its sentences.
    """
    raised = np.where(before.is_joint, 0.0, np.nan)
    pooling = card.network.pooling if card.network else None
    length = np.diff(batch.char_offsets)
    is_verse = mostly_verse(batch.kind == VERSE, batch.kind == PROSE, length, batch.document_offsets)
    counted = before.is_joint & (kinds == PROSE) & ~is_verse[batch.document]
    if pooling is None or not counted.any():
        return before.scores, raised
    odds = clipped_logit(before.scores)
    mean, count = _pooled(batch, odds, counted, pooling)
    excess = pooling.odds_of(mean, count) - _balanced_odds(card)
    added = np.where(count >= SEVERAL, np.clip(excess, 0, _MOST_RAISED), 0.0)[batch.document]
    rows = np.flatnonzero(counted & (added > 0))
    scores = before.scores.copy()
    scores[rows] = sigmoid(odds[rows] + added[rows])
    raised[rows] = added[rows]
    return scores, raised


def _pooled(batch: Batch, odds: Floats, counted: Mask, pooling: Pooling) -> tuple[Floats, Floats]:
    """(documents,) mean of the clipped log-odds of their counted sentences, and the number of these."""
    count = row_sums(counted, batch.document_offsets)
    total = row_sums(np.where(counted, pooling.clipped(odds), 0.0), batch.document_offsets)
    return total / np.maximum(count, 1), count


def _balanced_odds(card: Scorecard) -> float:
    """Log-odds at the balanced threshold."""
    return float(logit(np.array(card.thresholds.get("balanced", 0.5))))


def _sentence_scores(batch: Batch, extraction: Extraction, disabled: Mask, setup: _Setup) -> _SentenceScores:
    """Contributions and scores of sentences. The network reads those that the setting `reader` selects.

    disabled: (sentences, features of the card) features that do not apply.
    """
    card = setup.card
    from_network = feature_mask(card, lambda signal: signal in NETWORK_SIGNALS)
    none = np.zeros(len(batch), bool)
    if setup.network is None or card.network is None or not from_network.any():
        contributions = np.where(disabled, 0, card.contributions(extraction.columns(card.features)))
        odds = scaled(card.intercept + contributions.sum(axis=1), card.scale)
        return _SentenceScores(extraction, contributions, sigmoid(odds), none)
    extraction = with_predictions(extraction, batch, None)
    base = np.where(disabled | from_network, 0, card.contributions(extraction.columns(card.features)))
    odds = scaled(card.intercept + base.sum(axis=1), card.scale)
    readable = np.asarray(~disabled[:, from_network].any(axis=1)) & _is_readable(batch)
    if setup.reader == "all":
        return _with_network(batch, extraction, base, readable, setup, setup.network.predict(batch, readable))
    # In undecided documents, a growing sample of sentences is read until the document is clean or all are read.
    suspect = readable & (sigmoid(odds) >= setup.threshold)
    order, unsure = _reading_order(batch, readable, suspect), _worth_reading(batch, odds, readable, suspect, card)
    predictions, is_read, sample_size = None, none, _FIRST_SAMPLE
    while (selected := readable & unsure[batch.document] & (order < sample_size) & ~is_read).any():
        predictions = setup.network.predict(batch, selected).plus(predictions)
        is_read = is_read | selected
        result = _with_network(batch, extraction, base, is_read, setup, predictions)
        unsure &= ~_surely_clean(batch, result, readable, setup)
        sample_size *= 2
    return result if predictions is not None else _SentenceScores(extraction, base, sigmoid(odds), none)


def _with_network(
    batch: Batch, extraction: Extraction, base: Floats, is_read: Mask, setup: _Setup, predictions: Predictions
) -> _SentenceScores:
    """Combine the scorecard and the network. base: (sentences, features of the card) contributions without the network.

    A sentence that was read gets the log-odds of the joint model of both, see `NetworkSettings`. It gets those of the
    scorecard, lowered by the network by at most `_VETO`, if `EXACT_SIGNALS` flag it at the balanced threshold; other
    signals add at most `_MOST_INEXACT` to these.
    """
    card = setup.card
    assert card.network is not None
    extraction = with_predictions(extraction, batch, predictions)
    from_network = feature_mask(card, lambda signal: signal in NETWORK_SIGNALS)
    own = np.where(is_read[:, None] & from_network, card.contributions(extraction.columns(card.features)), 0)
    own_odds = own.sum(axis=1)
    joint = base * np.array([card.network.weights.get(name.split(".")[0], 1.0) for name in card.features]) + own
    joint_odds = scaled(card.network.intercept + joint.sum(axis=1), card.network.sentences)
    factor = np.divide(np.clip(own_odds, -_VETO, 0), own_odds, out=np.zeros(len(own_odds)), where=own_odds < 0)
    plain = base + factor[:, None] * own
    plain_odds = card.intercept + plain.sum(axis=1)
    # In a loop, all repetition is exact.
    looped = base[:, feature_mask(card, lambda signal: signal.name == "repetition.loop")].sum(axis=1, keepdims=True) > 0
    is_repetition = feature_mask(card, lambda signal: signal.family == "repetition")
    is_exact = feature_mask(card, lambda signal: signal in EXACT_SIGNALS) | (looped & is_repetition)
    inexact = np.where(is_exact, 0, base).sum(axis=1)
    exact_odds = plain_odds - np.maximum(inexact - _MOST_INEXACT, 0)
    is_plain = ~is_read | (scaled(exact_odds, card.scale) >= _balanced_odds(card))
    contributions = np.where(is_plain[:, None], plain, joint)
    odds = np.where(is_plain, scaled(plain_odds, card.scale), joint_odds)
    return _SentenceScores(extraction, contributions, sigmoid(odds), ~is_plain)


def _is_readable(batch: Batch) -> Mask:
    """(sentences,) whose words are in Latin letters and no code, but for a few, and that are not mostly loops."""
    is_unreadable = batch.is_code | (SCRIPT[batch.codes[batch.starts]] != LATIN)
    words, unreadable = (row_sums(mask, batch.token_offsets) for mask in (batch.is_word, batch.is_word & is_unreadable))
    looped = row_sums(batch.looped, batch.char_offsets)
    is_looped = looped > _MOST_LOOPED * np.diff(batch.char_offsets)
    return np.asarray((unreadable <= _MOST_UNREADABLE * words) & ~is_looped)


def _reading_order(batch: Batch, readable: Mask, suspect: Mask) -> Ints:
    """(sentences,) rank of each sentence in the reading order of its document.

    Sentences flagged by the scorecard come first, then the others in a random order given by their hash.
    """
    shuffle = hash_runs(batch.folded, batch.char_offsets[:-1], batch.char_offsets[1:])
    order = np.lexsort((shuffle, ~suspect, ~readable, batch.document))
    rank = np.empty(len(batch), np.int64)
    rank[order] = np.arange(len(batch)) - batch.document_offsets[batch.document[order]]
    return rank


def _worth_reading(batch: Batch, odds: Floats, readable: Mask, suspect: Mask, card: Scorecard) -> Mask:
    """(documents,) with a flagged sentence or a high pooled score, and one in `_ONE_IN` of the others."""
    assert card.network is not None
    count = row_sums(readable, batch.document_offsets)
    if card.pooling:
        mean, _ = _pooled(batch, odds, readable, card.pooling)
        excess = card.pooling.excess_of(mean, count)
    else:
        excess = row_sums(np.where(readable, odds, 0.0), batch.document_offsets) / np.maximum(count, 1)
    borders, nonempty = batch.char_offsets[batch.document_offsets], np.flatnonzero(count)
    is_drawn = np.zeros(len(count), bool)
    is_drawn[nonempty] = hash_runs(batch.folded, borders[nonempty], borders[nonempty + 1]) % np.uint64(_ONE_IN) == 0
    flagged = row_sums(suspect, batch.document_offsets) > 0
    return np.asarray((count > 0) & (flagged | (excess >= card.network.unsure) | is_drawn))


def _surely_clean(batch: Batch, sample: _SentenceScores, readable: Mask, setup: _Setup) -> Mask:
    """(documents,) that would not be garbled if all sentences were read, according to a sequential test.

    The mean of the sample must be `_SURE` standard errors below the mean of documents at the threshold.
    """
    assert setup.card.network is not None
    pooling = setup.card.network.pooling
    total = row_sums(readable, batch.document_offsets)
    if pooling is None:
        return np.zeros(len(total), bool)
    mean, count = _pooled(batch, clipped_logit(sample.scores), sample.is_joint, pooling)
    error = pooling.deviation * np.sqrt(np.maximum(1 - count / np.maximum(total, 1), 0) / np.maximum(count, 1))
    return np.asarray((count > 0) & (mean + _SURE * error < pooling.mean_at(setup.threshold, total)))


def _scorecard_signals(card: Scorecard) -> tuple[Signal, ...]:
    """Signals with a feature on the card, without those of the network."""
    return tuple(signal for signal in signals_of(card.features) if signal not in NETWORK_SIGNALS)


def _words(batch: Batch) -> Ints:
    """(documents, 5) the fields of `detection.Words`."""
    rows = batch.token_offsets[batch.document_offsets]
    # Words inside loops count once.
    words = batch.is_word & ~batch.looped[batch.starts]
    is_known = batch.ids >= lm.FIRST_WORD
    is_foreign = isin(batch.word_hash, batch.hashes("foreign_function_words"))
    is_own = batch.is_function_word & ~isin(batch.word_hash, batch.hashes("shared_function_words"))
    masks = words, words & is_known, words & batch.is_function_word, words & is_own, words & is_foreign
    return np.stack([row_sums(mask, rows) for mask in masks], axis=1).astype(np.int64)


def _findings(scored: _ScoredBatch, card: Scorecard, flagged: Ints) -> dict[int, tuple[Finding, ...]]:
    """Findings of the flagged sentences, largest contribution first.

    The contribution of a signal is divided among its evidence spans, by their length.
    """
    batch, columns_found, signals = scored.batch, [], signals_of(card.features)
    masks = [np.isin(card.features, signal.features) for signal in signals]
    totals = np.stack([scored.contributions[np.ix_(flagged, mask)].sum(axis=1) for mask in masks])
    least = np.maximum(_LEAST_SHARE * totals.max(axis=0), _LEAST_CONTRIBUTION)
    for number, (signal, total_by_row) in enumerate(zip(signals, totals, strict=True)):
        rows = np.flatnonzero(total_by_row >= (_LEAST_CONTRIBUTION if signal.output == "marks" else least))
        if not len(rows):
            continue
        owner, runs = signal.evidence(batch, scored.extraction.values[signal.name], flagged[rows])
        total = total_by_row[rows[owner]]
        share = total * runs.lengths / np.bincount(owner, runs.lengths)[owner]
        value = scored.extraction.column(signal.features[0])[flagged[rows[owner]]]
        signal_number = np.full(len(owner), number)
        columns_found.append((flagged[rows[owner]], total, signal_number, runs.starts, runs.ends, value, share))
    columns = [np.concatenate(column) for column in zip(*columns_found, strict=True)]
    if not columns:
        return dict.fromkeys(flagged.tolist(), ())
    findings: dict[int, list[Finding]] = {i: [] for i in flagged.tolist()}
    order = np.lexsort((columns[2], -columns[1], columns[0]))
    for i, _, number, begin, end, value, share in zip(*(column[order].tolist() for column in columns), strict=True):
        document_number, first = int(batch.document[i]), int(batch.char_offsets[i])
        document, sentence = scored.documents[document_number], i - int(batch.document_offsets[document_number])
        place = document.place(sentence, begin - first, end - first)
        reason = _reason(signals[number], batch.text[begin:end])
        findings[i].append(Finding(signals[number].name, *place, value, share, reason))
    return {i: tuple(rows) for i, rows in findings.items()}


def _reason(signal: Signal, span: str) -> str:
    words = " ".join(span.split())
    half = _QUOTED // 2
    quote = words if len(words) <= _QUOTED else f"{words[:half].rstrip()} … {words[-half:].lstrip()}"
    return signal.reason_for(span).replace("{span}", quote)


def _network(loaded: store.Loaded) -> Reader:
    """The network of a model. Imported here because onnxruntime is slow to load."""
    from garble.network import reader

    return reader.cached(loaded.folder, loaded.state)


def checked_language(code: str) -> str:
    """The code, if it has the form of one. Raises UsageError otherwise."""
    if code != AUTO and not (isinstance(code, str) and _CODE.fullmatch(code)):
        raise UsageError(f"no language {quoted(code)}: auto, or an ISO 639 code such as en")
    return code


def _checked_reader(reader: str) -> str:
    if reader not in READERS:
        raise UsageError(f"unknown reader {quoted(reader)}; supported: {', '.join(READERS)}")
    return reader


def _checked_markup(markup: str) -> str:
    if markup not in MARKUPS:
        raise UsageError(f"unknown markup {quoted(markup)}; supported: {', '.join(MARKUPS)}")
    return markup


def _threshold(threshold: Threshold, card: Scorecard, conditions: Conditions) -> tuple[float, Calibration | None]:
    """The threshold as a score, and its calibration, which must match the conditions."""
    resolved = calibration.resolved(threshold, card.thresholds)
    if resolved is None:
        known = ", ".join([*card.thresholds, "a number between 0 and 1", "a calibration file"])
        raise UsageError(f"unknown threshold {quoted(threshold)}; supported: {known}")
    if not isinstance(resolved, Calibration):
        return resolved, None
    if difference := resolved.conditions.difference(conditions):
        where = "threshold" if isinstance(threshold, Calibration) else threshold
        raise UsageError(f"{where}: {difference}")
    return resolved.threshold, resolved
