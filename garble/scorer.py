"""Text in, Report out."""

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
from garble.models.scorecard import Scorecard, logit, sigmoid
from garble.report import Report
from garble.report.findings import Finding, ScoredSentence, passages_of
from garble.signals import (
    ALL_SIGNALS,
    FEATURE_INDEX,
    NETWORK_FEATURES,
    NETWORK_SIGNALS,
    SIGNALS,
    Extraction,
    collect,
    extract,
    resolve,
    select_signals,
    with_predictions,
)
from garble.signals.base import Signal, Values
from garble.text.alphabet import hash_runs
from garble.text.detection import Identified, Words, identify
from garble.text.layout import KINDS, PROSE, UNREAD
from garble.text.markups import MARKUPS
from garble.text.periodic import looped_share, loops_of
from garble.text.segmentation import Document, segment
from garble.verdict import (
    NO_SENTENCE,
    SEVERAL,
    compress_odds,
    disabled,
    document_score,
    effective_kinds,
    expand_odds,
    feature_mask,
    looped_prose,
    missing_needs,
    split_fragments,
)

if TYPE_CHECKING:
    from garble.network.reader import Reader

# Characters scored together: enough for array arithmetic to pay, few enough to stay in the processor's cache.
_PACKET = 250_000
# A longer document is scored in parts, which are smaller, as its reports fill the memory already.
_LONG, _PART = 2 * _PACKET, 125_000
# A sentence takes up to 2 kB while its document is scored, so these keep memory below 2 GB and its text below 500 MB.
MOST_SENTENCES, _MOST_LINES = 1_000_000, 4_000_000
_FILLED_LINE = re.compile(r"\S[^\n]*")

# Signals with a smaller contribution, in log-odds, have no finding; nor have those that mark no defect and contribute
# less than this share of the strongest signal: alone, a reader would not notice them.
_LEAST_CONTRIBUTION, _LEAST_SHARE = 0.25, 0.1
# The languages of texts are found one by one, and those that are given are ISO 639 codes.
AUTO = "auto"
_CODE = re.compile(r"[a-z]{2,3}")
# Of what signals need and a language lacks, a note names so much.
_NAMED = 3
_OTHER_VERSION = "threshold calibrated with garble {}; its guarantee may not hold, calibrate again"
_WITHOUT = "signals disabled: {}; threshold guarantees do not apply"

# What a network takes back of a scorecard's log-odds at most, and how much faster those fall below the threshold where
# the network has read a sentence.
_VETO, _STEEPER = 1.0, 3.0

# A document's own log-odds raise those of its sentences by no more than this.
_MOST_RAISED = 4.0
# Which sentences a network reads.
READERS = ("all", "unsure", "off")
# Of a document that is worth reading so many sentences are read at first, then twice as many, and so on.
_FIRST_READ = 8
# One in so many documents is read whatever the scorecard says.
_ONE_IN = 50
# Standard errors by which a sample must lie on the clean side: wrong for one document in two hundred, if its sentences
# were independent.
_SURE = 2.6
# Characters of the text that a reason quotes.
_QUOTED = 60


class Settings(TypedDict, total=False):
    """The arguments of `Scorer`, for functions that make one."""

    model: str | Path
    threshold: Threshold
    without: Collection[str]
    reader: str
    markup: str
    language: str


def scorer_of(scorer: Scorer | None, settings: Settings, **defaults: Unpack[Settings]) -> Scorer:
    """The scorer that was given, else one of these settings, or of the defaults where they do not say.

    Raises UsageError where both are given, and as `Scorer` does.
    """
    if scorer is None:
        return Scorer(**defaults | settings)
    if settings:
        raise UsageError(f"scorer: given together with {', '.join(settings)}")
    return scorer


class Scorer:
    """Scores texts with one model and one threshold.

    model: a name ("en") or the path of a folder with scorecard.json and lm.npz. threshold: "strict", "balanced",
    "loose", a score between 0 and 1, or a file that `garble calibrate` wrote, as its path or as
    `garble.calibration.load` reads it; what is read goes by the balanced threshold then. without: names of signals, or
    of families of them, that are not asked: their part is missing from every score, and the thresholds promise what
    they did with it. reader: which sentences the model's network reads, if it has one: "all"; "unsure", in documents
    that the scorecard does not find sound; "off".
    card, lm, network: the model's scorecard, without those signals, its language model, and its network where it is
    used. markup: how texts are read: "text", "markdown", "html", "srt", "vtt"; "auto" looks what each text is, and
    "none" takes every line for a paragraph of prose. language: that of all texts, as a code such as "en"; "auto" finds
    that of each. A signal is off in a language that lacks what it needs. notes: what every report says.
    conditions: what its scores depend on. calibration: the threshold's, if it has one.
    Raises ValueError, in one line, for a model, threshold, signal, reader, markup or language that does not exist, and
    for a threshold that was calibrated for another model, reader, markup or without.
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
        self.language = _checked_language(language)
        self.without = tuple(sorted(set(without)))
        self.conditions = Conditions(
            garble.__version__, self.card.name, loaded.digest, self.reader, self.markup, self.without
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
        # A scorer that travels to another process finds its model there, loaded once a process; a calibration goes
        # with it.
        return partial(Scorer, **self._settings), (), {"threshold": self.threshold, "signature": self.signature}

    def __repr__(self) -> str:
        return f"<Scorer {self.signature}>"

    def flagging_from(self, threshold: float) -> Scorer:
        """A scorer of the same scores, the network reading the same, that flags from another threshold on, 0..1."""
        other = copy(self)
        other.threshold = threshold
        other.signature = re.sub(r"\|t:[^|]*", f"|t:{threshold}", self.signature)
        return other

    def score(self, text: str, markup: str | None = None) -> Report:
        """What is garbled in one text, read as `markup`, or as the scorer reads all."""
        return next(self.score_many([checked_text(text)], [markup]))

    def score_many(self, texts: Iterable[str], markups: Iterable[str | None] | None = None) -> Iterator[Report]:
        """One report a text, in order; read and scored in packets, so any number of texts may come.

        markups: for each text what it is read as, None for what the scorer reads all as. Raises UsageError at once for
        a single string, and InputError when it comes to an item that is no string, with its index, or to a text of more
        than MOST_SENTENCES sentences.
        """
        return self._score_many(checked_texts(texts), markups)

    def _score_many(self, texts: Iterable[str], markups: Iterable[str | None] | None) -> Iterator[Report]:
        named = zip(texts, repeat(None) if markups is None else markups, strict=False)
        for some in packets(named, _PACKET, lambda one: len(one[0])):
            # Only the last can be long: a packet is full then.
            cut = len(some) - (len(some[-1][0]) > _LONG)
            for part in (some[:cut], some[cut:]):
                if part:
                    yield from self._reports([(text, _checked_markup(markup or self.markup)) for text, markup in part])

    def score_sentences(self, sentences: Sequence[str]) -> NDArray[np.float64]:
        """(sentences,) scores, each string taken as one sentence of its own in the model's language.

        Raises UsageError for a single string, and InputError, with the index, for an item that is no string.
        """
        scores = [np.zeros(0)]
        for some in packets(checked_texts(sentences, "sentences"), _PACKET, len):
            batch = Batch.alone(some, self.lm)
            disabled = np.zeros((len(batch), len(self.card.features)), bool)
            scores.append(
                _sentence_scores(batch, extract(batch, signals=self._setup.signals), disabled, self._setup).scores
            )
        return np.concatenate(scores)

    def _reports(self, texts: list[tuple[str, str]]) -> Iterator[Report]:
        loops = loops_of([text for text, _ in texts])
        own = languages.load(self.card.language)

        def divided(some: Sequence[int], language: Language) -> list[Document]:
            return [replace(_checked_document(*texts[i], language), loops=loops[i]) for i in some]

        # The model's own language is the most likely, and what is prepared for it need not be done again.
        documents = divided(range(len(texts)), own)
        prepared = _Batches([split_fragments(document)[0] for document in documents], own, self.lm)
        identified = self._identified(documents, prepared)
        codes = [who.code for who in identified]
        if set(codes) == {own.code}:
            yield from self._reports_in_language(documents, prepared, identified)
            return
        reports: dict[int, Report] = {}
        for code in dict.fromkeys(codes):
            language = languages.load(code)
            some = [i for i, other in enumerate(codes) if other == code]
            again = divided(some, language) if language.segmenter != own.segmenter else [documents[i] for i in some]
            known = self.lm if code == own.code else None
            portions = _Batches([split_fragments(document)[0] for document in again], language, known)
            reports.update(
                zip(some, self._reports_in_language(again, portions, [identified[i] for i in some]), strict=True)
            )
        yield from (reports[i] for i in range(len(texts)))

    def _identified(self, documents: list[Document], prepared: _Batches) -> list[Identified]:
        """The language of each document: the one that is given, or that of its prose, or of all it says without any."""
        if self.language != AUTO:
            return [Identified(self.language, 1.0)] * len(documents)
        # Of a long text the first part tells enough.
        rows = [Words(*row) for row in _words(next(prepared.batches())).tolist()]
        if bare := [i for i, row in enumerate(rows) if not row.words and len(documents[i].sentences)]:
            others = _Batches([documents[i] for i in bare], prepared.language, self.lm)
            for i, row in zip(bare, _words(next(others.batches())).tolist(), strict=True):
                rows[i] = Words(*row)
        return [identify(document.text, row, self.card.language) for document, row in zip(documents, rows, strict=True)]

    def _reports_in_language(
        self, documents: list[Document], prepared: _Batches, identified: list[Identified]
    ) -> Iterator[Report]:
        """The reports on documents in one language. prepared: their prose."""
        # What is no prose is scored apart from it, and so changes nothing there.
        aside = [split_fragments(document)[1] for document in documents]
        spoken, read = self._scored_sentences(prepared)
        besides: list[list[ScoredSentence]] = [[] for _ in aside]
        if any(len(document.sentences) for document in aside):
            besides, _ = self._scored_sentences(_Batches(aside, prepared.language, prepared.lm))
        off = self._disabled_note(prepared.language)
        for document, who, starts, prose, others in zip(documents, identified, read, spoken, besides, strict=True):
            said = prose + others
            if len(said) < len(document.sentences) or others:
                said = sorted([*said, *self._unscored(document)], key=lambda sentence: sentence.start)
            raised = [starts.get(sentence.start, np.nan) for sentence in said]
            score = document_score(said, self.card, raised, looped_prose(document))
            looped = looped_share(document.loops or (), len(document.text))
            reported = (s if s.garbled or not s.findings else replace(s, findings=()) for s in said)
            yield self._report(document.text, who, tuple(reported), score, looped, off)

    def _disabled_note(self, language: Language) -> tuple[str, ...]:
        """A note on the signals that are off in a language; none in the model's own."""
        signals = _signals_of_card(self.card)
        lacks = [needs for signal in signals if (needs := missing_needs(signal, language, self.card))]
        if language.code == self.card.language or not lacks:
            return ()
        needed = [need.replace("_", " ") for need, _ in Counter(chain.from_iterable(lacks)).most_common()]
        more = f" and {len(needed) - _NAMED} more" if len(needed) > _NAMED else ""
        off = f"{len(lacks)} of {len(signals)} signals are off"
        return (f"language {language.code}: {off}, for lack of {', '.join(needed[:_NAMED])}{more}",)

    def _scored_sentences(self, prepared: _Batches) -> tuple[list[list[ScoredSentence]], list[dict[int, float]]]:
        """The scored sentences of documents.

        And for each document where the sentences begin that the network has read, with what their document added.
        """
        count = len(prepared.documents)
        said: list[list[ScoredSentence]] = [[] for _ in range(count)]
        read: list[dict[int, float]] = [{} for _ in range(count)]
        # By map, as a loop's variable would keep what was measured on one packet while the next is measured.
        for parts in map(self._sentences, _score_documents(prepared, self._setup)):
            for sentences, starts, (some, which) in zip(said, read, parts, strict=True):
                sentences += some
                starts.update((s.start, raised) for s, raised in zip(some, which, strict=True) if raised == raised)
        return said, read

    def _unscored(self, document: Document) -> Iterator[ScoredSentence]:
        """What nothing is asked of: it scores 0."""
        for i in np.flatnonzero(np.isin(document.kind, list(UNREAD))).tolist():
            start, end = document.sentences[i].tolist()
            text, kind = document.text[start:end], KINDS[document.kind[i]]
            yield ScoredSentence(start, end, text, 0.0, self.threshold == 0, kind)

    def _report(
        self,
        text: str,
        who: Identified,
        sentences: tuple[ScoredSentence, ...],
        score: float,
        looped: float,
        off: tuple[str, ...],
    ) -> Report:
        return Report(
            score=score,
            garbled=score >= self.threshold,
            language=who.code,
            threshold=self.threshold,
            sentences=sentences,
            passages=passages_of(text, sentences),
            notes=(*off, *self.notes),
            signature=self.signature,
            looped=looped,
            language_certainty=who.certainty,
            thresholds=self.card.thresholds,
            text=text,
        )

    def _sentences(self, scored: _ScoredBatch) -> list[tuple[list[ScoredSentence], list[float]]]:
        """Those of each document of a packet, and what their document added to each; NaN where none was read."""
        flagged = scored.scores >= self.threshold
        # The document rule weighs the evidence of long sentences at any threshold.
        loose = self.card.thresholds.get("loose", 0.0)
        weighed = (np.diff(scored.batch.char_offsets) >= NO_SENTENCE) & (scored.scores >= loose)
        explained = np.flatnonzero(flagged | weighed)
        findings = _findings(scored, self.card, explained) if len(explained) else {}

        def rows(document: Document, first: int) -> Iterator[ScoredSentence]:
            measured = slice(first, first + len(document.sentences))
            columns = (document.sentences, scored.scores[measured], flagged[measured], scored.batch.kind[measured])
            every = zip(*(column.tolist() for column in columns), strict=True)
            for i, ((start, end), score, garbled, kind) in enumerate(every, start=first):
                text = document.text[start:end]
                yield ScoredSentence(start, end, text, score, garbled, KINDS[kind], findings.get(i, ()))

        firsts = scored.batch.document_offsets.tolist()
        return [
            (list(rows(document, first)), scored.raised[first:last].tolist())
            for document, (first, last) in zip(scored.documents, pairwise(firsts), strict=True)
        ]


def _checked_document(text: str, markup: str, language: Language) -> Document:
    """The parts of a text. Raises InputError for more sentences than memory is promised for."""
    # Lines are counted beforehand, since to part them takes memory too; of wrapped ones several make a sentence.
    if text.count("\n") > _MOST_LINES and sum(1 for _ in _FILLED_LINE.finditer(text)) > _MOST_LINES:
        raise InputError("text", f"more than {_MOST_LINES:,} lines; split the text")
    document = segment(text, markup, language)
    if len(document.sentences) > MOST_SENTENCES:
        raise InputError("text", f"{len(document.sentences):,} sentences; limit {MOST_SENTENCES:,}; split the text")
    return document


class _Setup(NamedTuple):
    """What scores. signals: those the card has a feature of. reader: "all", "unsure" or "off"."""

    card: Scorecard
    signals: tuple[Signal, ...]
    lm: LanguageModel
    network: Reader | None
    reader: str
    threshold: float


class _SentenceScores(NamedTuple):
    """extraction: with the network's signals where it was asked. contributions: (sentences, features of the card).

    scores: (sentences,). read: (sentences,) which the network has read.
    """

    extraction: Extraction
    contributions: Floats
    scores: Floats
    is_read: Mask


class _ScoredBatch(NamedTuple):
    """A packet of documents, or of parts of one, with all that was measured on it.

    contributions: (sentences, features of the card). raised: (sentences,) what the document added to the log-odds of
    each, NaN where the network has not read it.
    """

    documents: list[Document]
    batch: Batch
    extraction: Extraction
    contributions: Floats
    scores: Floats
    raised: Floats


class _Batches:
    """Documents in one language, as batches: one of several documents, or one a part of a long one."""

    def __init__(self, documents: list[Document], language: Language, lm: LanguageModel | None) -> None:
        self.documents, self.language, self.lm = documents, language, lm
        self.portions = [documents] if len(documents) > 1 else [[part] for part in _parts(documents[0])]
        self._held: list[Batch] = []

    def batches(self) -> Iterator[Batch]:
        """What fits one batch is read once; the parts of a long text are read anew each time."""
        if len(self.portions) == 1 and not self._held:
            self._held = [Batch.of(self.portions[0], self.lm, self.language)]
        return iter(self._held) if self._held else (Batch.of(some, self.lm, self.language) for some in self.portions)


def _score_documents(prepared: _Batches, setup: _Setup) -> Iterator[_ScoredBatch]:
    """The scored sentences of documents, those of several documents together, of a long one in parts."""
    signals = tuple(signal for signal in setup.signals if not missing_needs(signal, prepared.language, setup.card))
    answers = [collect(batch, signals) for batch in prepared.batches()]

    def measured(portion: list[Document], batch: Batch, verdicts: dict[str, Values]) -> _ScoredBatch:
        return _score_batch(portion, batch, verdicts, signals, setup)

    return starmap(measured, zip(prepared.portions, prepared.batches(), resolve(answers), strict=True))


def _parts(document: Document) -> Iterator[Document]:
    """A document, or parts of it that are scored one after the other."""
    rows = offsets(np.diff(document.sentences, axis=1)[:, 0])
    if rows[-1] <= _LONG:
        yield document
        return
    for first, last in blocks(rows, _PART):
        yield document.part(first, last)


def _score_batch(
    documents: list[Document], batch: Batch, verdicts: dict[str, Values], signals: tuple[Signal, ...], setup: _Setup
) -> _ScoredBatch:
    card = setup.card
    kinds = effective_kinds(batch)
    found = _sentence_scores(batch, extract(batch, verdicts, signals), disabled(card, kinds, batch.language), setup)
    # A part of a document does not know what all of it comes to.
    is_whole = documents[0].total == len(documents[0].sentences)
    scores, raised = _in_context(batch, found, kinds, card if is_whole else replace(card, network=None))
    return _ScoredBatch(documents, batch, found.extraction, found.contributions, scores, raised)


def _in_context(batch: Batch, found: _SentenceScores, kinds: Ints, card: Scorecard) -> tuple[Floats, Floats]:
    """(sentences,) scores, and what the document added to the log-odds of each; NaN where the network has not read it.

    In a document that is more likely garbled than not when all its sentences are weighed together, each of those is
    more likely garbled too: its log-odds rise by those of the document. One loop alone makes no such document.
    """
    raised = np.where(found.is_read, 0.0, np.nan)
    pooling = card.network.pooling if card.network else None
    counted = found.is_read & (kinds == PROSE)
    if pooling is None or not counted.any():
        return found.scores, raised
    odds = expand_odds(found.scores, found.is_read, card)
    count = row_sums(counted, batch.document_offsets)
    mean = row_sums(np.where(counted, np.minimum(odds, 0.0), 0.0), batch.document_offsets) / np.maximum(count, 1)
    together = pooling.slope * pooling.excess_of(mean, count) + pooling.offset
    added = np.where(count >= SEVERAL, np.clip(together, 0, _MOST_RAISED), 0.0)[batch.document]
    some = np.flatnonzero(counted & (added > 0))
    scores = found.scores.copy()
    scores[some] = sigmoid(compress_odds(odds[some] + added[some], found.is_read[some], card))
    raised[some] = added[some]
    return scores, raised


def _sentence_scores(batch: Batch, extraction: Extraction, disabled: Mask, setup: _Setup) -> _SentenceScores:
    """What each feature contributes, and the scores; the network reads what it is to read.

    silent: (sentences, features of the card) what is not to speak.
    """
    card = setup.card
    reading = feature_mask(card, lambda signal: signal in NETWORK_SIGNALS)
    none = np.zeros(len(batch), bool)
    if setup.network is None or card.network is None or not reading.any():
        contributions = np.where(disabled, 0, card.contributions(_columns(extraction, card)))
        return _SentenceScores(extraction, contributions, sigmoid(card.intercept + contributions.sum(axis=1)), none)
    extraction = with_predictions(extraction, batch, None)
    plain = np.where(disabled | reading, 0, card.contributions(_columns(extraction, card)))
    first = card.intercept + plain.sum(axis=1)
    readable = np.asarray(~disabled[:, reading].any(axis=1))
    if setup.reader == "all":
        return _with_network(batch, extraction, plain, readable, setup, setup.network.predict(batch, readable))
    # Where the scorecard is unsure of a document, a growing sample of it is read until the verdict is sure.
    suspect = readable & (sigmoid(first) >= setup.threshold)
    order, wanted = _sampled(batch, readable, suspect), _worth_reading(batch, first, readable, suspect, card)
    predictions, read, size = None, none, _FIRST_READ
    while (asked := readable & wanted[batch.document] & (order < size) & ~read).any():
        predictions = setup.network.predict(batch, asked).plus(predictions)
        read = read | asked
        found = _with_network(batch, extraction, plain, read, setup, predictions)
        wanted &= ~_surely_clean(batch, found, readable, setup)
        size *= 2
    return found if predictions is not None else _SentenceScores(extraction, plain, sigmoid(first), none)


def _with_network(
    batch: Batch, extraction: Extraction, plain: Floats, read: Mask, setup: _Setup, predictions: Predictions
) -> _SentenceScores:
    """What `_weigh` returns where some sentences have been read. plain: the contributions without the network.

    A sentence that is read scores what is larger: the scorecard, of which the network takes back `_VETO` at most, or
    both together. Below the balanced threshold the scorecard alone counts less, as the network orders those better.
    """
    card = setup.card
    assert card.network is not None
    extraction = with_predictions(extraction, batch, predictions)
    reading = feature_mask(card, lambda signal: signal in NETWORK_SIGNALS)
    own = np.where(read[:, None] & reading, card.contributions(_columns(extraction, card)), 0)
    doubt = own.sum(axis=1)
    kept = np.divide(np.clip(doubt, -_VETO, 0), doubt, out=np.zeros(len(doubt)), where=doubt < 0)
    alone = card.intercept + plain.sum(axis=1) + kept * doubt
    limit = float(logit(np.array(card.thresholds.get("balanced", 0.5))))
    alone = np.where(read & (alone < limit), limit + _STEEPER * (alone - limit), alone)
    together = card.network.scale * (card.intercept + plain.sum(axis=1)) + doubt + card.network.intercept
    joint = (read & (together > alone))[:, None]
    contributions = np.where(joint, card.network.scale * plain + own, plain + kept[:, None] * own)
    odds = compress_odds(np.where(joint[:, 0], together, alone), read, card)
    return _SentenceScores(extraction, contributions, sigmoid(odds), read)


def _sampled(batch: Batch, readable: Mask, suspect: Mask) -> Ints:
    """(sentences,) the place of each in the order in which its document is read.

    Those that the scorecard alone flags come first, then the others by chance, but always the same.
    """
    chance = hash_runs(batch.folded, batch.char_offsets[:-1], batch.char_offsets[1:])
    order = np.lexsort((chance, ~suspect, ~readable, batch.document))
    place = np.empty(len(batch), np.int64)
    place[order] = np.arange(len(batch)) - batch.document_offsets[batch.document[order]]
    return place


def _worth_reading(batch: Batch, odds: Floats, readable: Mask, suspect: Mask, card: Scorecard) -> Mask:
    """(documents,) those with a flagged sentence, those less sound than most together, and a few of the others."""
    assert card.network is not None
    count = row_sums(readable, batch.document_offsets)
    mean = row_sums(np.where(readable, odds, 0.0), batch.document_offsets) / np.maximum(count, 1)
    excess = card.pooling.excess_of(mean, count) if card.pooling else mean
    edges, filled = batch.char_offsets[batch.document_offsets], np.flatnonzero(count)
    drawn = np.zeros(len(count), bool)
    drawn[filled] = hash_runs(batch.folded, edges[filled], edges[filled + 1]) % np.uint64(_ONE_IN) == 0
    flagged = row_sums(suspect, batch.document_offsets) > 0
    return np.asarray((count > 0) & (flagged | (excess >= card.network.unsure) | drawn))


def _surely_clean(batch: Batch, found: _SentenceScores, readable: Mask, setup: _Setup) -> Mask:
    """(documents,) those that would hardly come out as garbled if all their sentences were read.

    A sequential test: the mean so far lies `_SURE` standard errors below the mean at which a document is garbled.
    """
    assert setup.card.network is not None
    pooling = setup.card.network.pooling
    count, whole = row_sums(found.is_read, batch.document_offsets), row_sums(readable, batch.document_offsets)
    if pooling is None:
        return np.zeros(len(count), bool)
    odds = expand_odds(found.scores, found.is_read, setup.card)
    mean = row_sums(np.where(found.is_read, odds, 0.0), batch.document_offsets) / np.maximum(count, 1)
    error = pooling.deviation * np.sqrt(np.maximum(1 - count / np.maximum(whole, 1), 0) / np.maximum(count, 1))
    return np.asarray((count > 0) & (mean + _SURE * error < pooling.mean_at(setup.threshold, whole)))


def _columns(extraction: Extraction, card: Scorecard) -> Floats:
    return extraction.features[:, [FEATURE_INDEX[name] for name in card.features]]


def _scorecard_signals(card: Scorecard) -> tuple[Signal, ...]:
    """The signals that the card has a feature of, but for those of a network."""
    return tuple(signal for signal in _signals_of_card(card) if signal in SIGNALS)


def _signals_of_card(card: Scorecard) -> tuple[Signal, ...]:
    """The signals that the card has a feature of."""
    return tuple(signal for signal in ALL_SIGNALS if not set(signal.features).isdisjoint(card.features))


def _words(batch: Batch) -> Ints:
    """(documents, 5) the fields of `detection.Words`."""
    rows = batch.token_offsets[batch.document_offsets]
    # A word that is said again and again tells no more than once.
    said = batch.is_word & ~batch.looped[batch.starts]
    known = batch.ids >= lm.FIRST_WORD
    foreign = isin(batch.word_hash, batch.hashes("foreign_function_words"))
    own = batch.is_function_word & ~isin(batch.word_hash, batch.hashes("shared_function_words"))
    masks = said, said & known, said & batch.is_function_word, said & own, said & foreign
    return np.stack([row_sums(mask, rows) for mask in masks], axis=1).astype(np.int64)


def _findings(scored: _ScoredBatch, card: Scorecard, flagged: Ints) -> dict[int, tuple[Finding, ...]]:
    """What raised the scores of some sentences, most first; a signal's contribution is shared out over its runs."""
    batch, found = scored.batch, []
    own = [np.isin(card.features, signal.features) for signal in ALL_SIGNALS]
    added = np.stack([scored.contributions[np.ix_(flagged, mask)].sum(axis=1) for mask in own])
    weak = np.maximum(_LEAST_SHARE * added.max(axis=0), _LEAST_CONTRIBUTION)
    for number, (signal, raised) in enumerate(zip(ALL_SIGNALS, added, strict=True)):
        some = np.flatnonzero(raised >= (_LEAST_CONTRIBUTION if signal.output == "marks" else weak))
        if not len(some):
            continue
        owner, runs = signal.evidence(batch, scored.extraction.values[signal.name], flagged[some])
        whole = raised[some[owner]]
        part = whole * runs.lengths / np.bincount(owner, runs.lengths)[owner]
        value = scored.extraction.features[flagged[some[owner]], FEATURE_INDEX[signal.features[0]]]
        same = np.full(len(owner), number)
        found.append((flagged[some[owner]], whole, same, runs.starts, runs.ends, value, part))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    if not columns:
        return dict.fromkeys(flagged.tolist(), ())
    findings: dict[int, list[Finding]] = {i: [] for i in flagged.tolist()}
    order = np.lexsort((columns[2], -columns[1], columns[0]))
    for i, _, number, begin, end, value, part in zip(*(column[order].tolist() for column in columns), strict=True):
        held_by, first = int(batch.document[i]), int(batch.char_offsets[i])
        document, sentence = scored.documents[held_by], i - int(batch.document_offsets[held_by])
        place = document.place(sentence, begin - first, end - first)
        reason = _reason(ALL_SIGNALS[number], batch.text[begin:end])
        findings[i].append(Finding(ALL_SIGNALS[number].name, *place, value, part, reason))
    return {i: tuple(some) for i, some in findings.items()}


def _reason(signal: Signal, span: str) -> str:
    words = " ".join(span.split())
    half = _QUOTED // 2
    short = words if len(words) <= _QUOTED else f"{words[:half].rstrip()} … {words[-half:].lstrip()}"
    return signal.reason_for(span).replace("{span}", short)


def _network(loaded: store.Loaded) -> Reader:
    """The network of a model. Only who reads with it waits for it."""
    from garble.network import reader

    return reader.cached(loaded.folder, loaded.state)


def _checked_language(code: str) -> str:
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
    """The score that a threshold stands for, and its calibration, which must hold under these conditions."""
    found = calibration.resolved(threshold, card.thresholds)
    if found is None:
        known = ", ".join([*card.thresholds, "a number between 0 and 1", "a calibration file"])
        raise UsageError(f"unknown threshold {quoted(threshold)}; supported: {known}")
    if not isinstance(found, Calibration):
        return found, None
    if difference := found.conditions.difference(conditions):
        where = "threshold" if isinstance(threshold, Calibration) else threshold
        raise UsageError(f"{where}: {difference}")
    return found.threshold, found
