"""Text in, Report out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise, repeat, starmap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

import garble
from garble import language, lm, model
from garble.batch import Batch, Floats, Ints, Mask, offsets, packets, row_sums
from garble.layout import CUE, HEADING, KINDS, LIST, MARKUPS, PROSE, SPOKEN, UNREAD, VERSE, counts
from garble.lm import LanguageModel, blocks
from garble.model import Pooling, Scorecard, sigmoid
from garble.report import Finding, Passage, Report, ScoredSentence
from garble.signals import EVERY, PLACES, READING, SIGNALS, Extraction, ask, chosen, extract, heard, judge
from garble.signals.base import Signal, Values
from garble.text import Document, segment

if TYPE_CHECKING:
    from garble.deep.reader import Reader

# Characters scored together: enough for array arithmetic to pay, few enough to stay in the processor's cache.
_PACKET = 250_000
# A longer document is scored in parts, which are smaller, as its reports fill the memory already.
_LONG, _PART = 2 * _PACKET, 125_000
# A document is as garbled as the worst tenth of its prose.
_WORST_SHARE = 0.1
# From this many sentences on one alone does not decide, and all of them are weighed together.
_SEVERAL = 4
# Below this, in log-odds, a signal's part in a score is not worth a reader's time.
_LEAST_CONTRIBUTION = 0.25
# langdetect is often wrong about fewer words than this, so they pass for the model's language.
_FEW_WORDS = 8
_WITHOUT = "without {}: every score lacks their part, and what the thresholds promise holds with it"
# Characters of the text that a reason quotes.
_QUOTED = 60


class Scorer:
    """Scores texts with one model and one threshold.

    model: a name ("en") or the path of a folder with scorecard.json and lm.npz. threshold: "strict", "balanced",
    "loose", or a score between 0 and 1. without: names of signals, or of families of them, that are not asked: their
    part is missing from every score, and the thresholds promise what they did with it. read: where the model has a
    network, which sentences that reads: "all", or those that are "unsure", which the scorecard alone does not take for
    sound. markup: how texts are read: "text", "markdown", "html", "srt", "vtt"; "auto" looks what each text is, and
    "none" takes every line for a paragraph of prose.
    card, lm, reader: the model's scorecard, without those signals, its language model, and its network if it has one.
    notes: what every report says.
    Raises ValueError, in one line, for a model, threshold, signal or way to read that does not exist, and for a model
    with a network where the extra `deep` is not installed.
    """

    def __init__(
        self,
        model: str | Path = "en",
        threshold: str | float = "balanced",
        without: Collection[str] = (),
        read: str = "unsure",
        markup: str = "auto",
    ) -> None:
        card, self.lm, self.reader = _load(folder_of(model))
        silent = chosen(without)
        self.card = card.without([feature for signal in silent for feature in signal.features])
        self.threshold = _threshold(threshold, self.card)
        self.markup = _known(markup)
        self._mind = _Mind(self.card, _asked(self.card), self.lm, self.reader, _asked_from(read, self.card))
        self.without = tuple(sorted(set(without)))
        self.notes = (_WITHOUT.format(", ".join(self.without)),) if silent else ()
        self.signature = "|".join(
            [
                f"garble|v:{garble.__version__}|m:{self.card.name}|t:{threshold}",
                *([f"w:{','.join(self.without)}"] if silent else []),
                *([f"r:{read}"] if self.reader else []),
            ]
        )
        self._arguments = model, threshold, self.without, read, markup

    def __reduce__(self) -> tuple[type[Scorer], tuple[str | Path, str | float, tuple[str, ...], str, str]]:
        # A scorer that travels to another process finds its model there, loaded once a process.
        return Scorer, self._arguments

    def score(self, text: str, markup: str | None = None) -> Report:
        """What is garbled in one text, read as `markup`, or as the scorer reads all."""
        return next(self.score_many([text], [markup]))

    def score_many(self, texts: Iterable[str], markups: Iterable[str | None] | None = None) -> Iterator[Report]:
        """One report a text, in order; read and scored in packets, so any number of texts may come.

        markups: for each text what it is read as, None for what the scorer reads all as.
        """
        named = zip(texts, repeat(None) if markups is None else markups, strict=False)
        for some in packets(named, _PACKET, lambda one: len(one[0])):
            # Only the last can be long: a packet is full then.
            cut = len(some) - (len(some[-1][0]) > _LONG)
            for part in (some[:cut], some[cut:]):
                if part:
                    yield from self._reports([segment(text, _known(markup or self.markup)) for text, markup in part])

    def score_sentences(self, sentences: Sequence[str]) -> NDArray[np.float64]:
        """(sentences,) scores, each string taken as one sentence of its own in the model's language."""
        scores = [np.zeros(0)]
        for some in packets(sentences, _PACKET, len):
            batch = Batch.alone(some, self.lm)
            silent = np.zeros((len(batch), len(self.card.features)), bool)
            scores.append(_weigh(batch, extract(batch, signals=self._mind.signals), silent, self._mind)[2])
        return np.concatenate(scores)

    def _reports(self, documents: list[Document]) -> Iterator[Report]:
        # What is no prose is scored apart from it, and so changes nothing there.
        voices = [_voices(document) for document in documents]
        main, aside = ([document.only(heard) for document, heard in zip(documents, some, strict=True)]
                       for some in zip(*voices, strict=True))  # fmt: skip
        languages, spoken = self._said(main)
        besides = self._said(aside)[1] if any(len(document.sentences) for document in aside) else [[]] * len(aside)
        for document, code, *parts in zip(documents, languages, spoken, besides, strict=True):
            said = parts[0] + parts[1]
            if len(said) < len(document.sentences) or parts[1]:
                said = sorted([*said, *self._unread(document)], key=lambda sentence: sentence.start)
            yield self._report(document.text, code, tuple(said))

    def _said(self, documents: list[Document]) -> tuple[list[str], list[list[ScoredSentence]]]:
        """The languages of documents, and their scored sentences."""
        languages, scored = _score(documents, self._mind)
        said: list[list[ScoredSentence]] = [[] for _ in documents]
        # By map, as a loop's variable would keep what was measured on one packet while the next is measured.
        for parts in map(self._sentences, scored):
            for sentences, part in zip(said, parts, strict=True):
                sentences += part
        return languages, said

    def _unread(self, document: Document) -> Iterator[ScoredSentence]:
        """What nothing is asked of: it scores 0."""
        for i in np.flatnonzero(np.isin(document.kind, list(UNREAD))).tolist():
            start, end = document.sentences[i].tolist()
            text, kind = document.text[start:end], KINDS[document.kind[i]]
            yield ScoredSentence(start, end, text, 0.0, self.threshold == 0, kind)

    def _report(self, text: str, code: str, sentences: tuple[ScoredSentence, ...]) -> Report:
        score = document_score(sentences, self.card.pooling, self.card.thresholds.get("loose", 0.0))
        note = f"written in {code}, not {self.card.language}: only language-blind signals were read"
        return Report(
            score=score,
            garbled=score >= self.threshold,
            language=code,
            threshold=self.threshold,
            sentences=sentences,
            passages=_passages(text, sentences),
            notes=self.notes if code == self.card.language else (note, *self.notes),
            signature=self.signature,
        )

    def _sentences(self, scored: _Scored) -> list[list[ScoredSentence]]:
        """Those of each document of a packet."""
        flagged = np.flatnonzero(scored.scores >= self.threshold)
        findings = _findings(scored, self.card, flagged) if len(flagged) else {}

        def rows(document: Document, first: int) -> Iterator[ScoredSentence]:
            measured = slice(first, first + len(document.sentences))
            columns = (document.sentences, scored.scores[measured], scored.batch.kind[measured])
            every = zip(*(column.tolist() for column in columns), strict=True)
            for i, ((start, end), score, kind) in enumerate(every, start=first):
                text = document.text[start:end]
                yield ScoredSentence(start, end, text, score, i in findings, KINDS[kind], findings.get(i, ()))

        firsts = scored.batch.documents[:-1].tolist()
        return [list(rows(document, first)) for document, first in zip(scored.documents, firsts, strict=True)]


class _Mind(NamedTuple):
    """What scores. signals: those the card has a feature of. asked_from: the score from which the network is asked."""

    card: Scorecard
    signals: tuple[Signal, ...]
    lm: LanguageModel
    reader: Reader | None
    asked_from: float


class _Scored(NamedTuple):
    """A packet of documents, or of parts of one, with all that was measured on it.

    contributions: (sentences, features of the card).
    """

    documents: list[Document]
    batch: Batch
    extraction: Extraction
    contributions: Floats
    scores: Floats


def document_score(sentences: Iterable[ScoredSentence], pooling: Pooling | None = None, least: float = 0.0) -> float:
    """The larger of what its worst sentences reach and what all its sentences come to together.

    The worst: the score that a tenth of the document's prose reaches, counted in characters, and two of its sentences
    where there are more than three. So a single loop in a long article makes a garbled passage only. Together: see
    `model.Pooling`; a text that is translated badly throughout is garbled though few of its sentences cross the
    threshold. Worst sentences below `least` say nothing of a document that can be pooled. What `layout.counts`
    says no to (headings, verse, tables, ...) does not count; a document without prose scores 0.
    """
    prose = [sentence for sentence in sentences if counts(sentence.kind, sentence.text)]
    if not prose:
        return 0.0
    several = len(prose) >= _SEVERAL
    scores, sizes = np.array([s.score for s in prose]), np.array([s.end - s.start for s in prose])
    worse_first = np.argsort(-scores, kind="stable")
    scores, reached = scores[worse_first], np.cumsum(sizes[worse_first])
    place = max(int(np.searchsorted(reached, _WORST_SHARE * reached[-1])), int(several))
    worst = float(scores[place])
    if pooling is None or not several:
        return worst
    return max(pooling.score(scores), worst if worst >= least else 0.0)


def _voices(document: Document) -> tuple[Mask, Mask]:
    """(sentences,) what is scored together, and what apart: items and cues that are no sentences."""
    heard = ~np.isin(document.kind, list(UNREAD))
    aside = np.zeros(len(heard), bool)
    if (some := np.flatnonzero(np.isin(document.kind, list(SPOKEN)))).size:
        pieces = document.slices()
        aside[some] = [not counts(int(document.kind[i]), pieces[i]) for i in some]
    return heard & ~aside, aside


def _score(documents: list[Document], mind: _Mind) -> tuple[list[str], Iterator[_Scored]]:
    """The documents' languages, and their sentences: those of several documents together, of a long one in parts."""
    portions = [documents] if len(documents) > 1 else [[part] for part in _parts(documents[0])]
    # What fits one batch is read once; the parts of a long text are read for what the whole tells, and then again.
    held = [Batch.of(portion, mind.lm) for portion in portions] if len(portions) == 1 else []

    def batches() -> Iterator[Batch]:
        return iter(held) if held else (Batch.of(portion, mind.lm) for portion in portions)

    answers, counts = zip(*((ask(batch, mind.signals), _words(batch)) for batch in batches()), strict=True)
    texts = [document.text for document in documents]
    usual = mind.card.language
    languages = [_language(text, row, usual) for text, row in zip(texts, sum(counts).tolist(), strict=True)]

    def measured(portion: list[Document], batch: Batch, verdicts: dict[str, Values]) -> _Scored:
        return _measure(portion, batch, verdicts, languages, mind)

    return languages, starmap(measured, zip(portions, batches(), judge(answers), strict=True))


def _parts(document: Document) -> Iterator[Document]:
    """A document, or parts of it that are scored one after the other."""
    rows = offsets(np.diff(document.sentences, axis=1)[:, 0])
    if rows[-1] <= _LONG:
        yield document
        return
    for first, last in blocks(rows, _PART):
        yield document.part(first, last)


def _measure(
    documents: list[Document], batch: Batch, verdicts: dict[str, Values], languages: list[str], mind: _Mind
) -> _Scored:
    card = mind.card
    foreign = np.array([code != card.language for code in languages], bool)[batch.document]
    kinds = _as_read(batch)
    silent = np.zeros((len(batch), len(card.features)), bool)
    silent[np.ix_(foreign, _of(card, _knows))] = True
    for kind, deaf_to in _DEAF.items():
        silent[np.ix_(kinds == kind, _of(card, deaf_to))] = True
    return _Scored(documents, batch, *_weigh(batch, extract(batch, verdicts, mind.signals), silent, mind))


def _as_read(batch: Batch) -> Ints:
    """(sentences,) their kinds; items and cues that are sentences are read as prose."""
    kinds = batch.kind.copy()
    for i in np.flatnonzero(np.isin(kinds, list(SPOKEN))).tolist():
        if counts(int(kinds[i]), batch.text[batch.chars[i] : batch.chars[i + 1] - 1]):
            kinds[i] = PROSE
    return kinds


def _knows(signal: Signal) -> bool:
    return signal.language != "any"


# What is not asked of a kind: of all that is no prose what needs to know the language; verse may say things again. Of
# prose everything is asked, of the kinds in layout.UNREAD nothing.
_DEAF: dict[int, Callable[[Signal], bool]] = {
    HEADING: _knows,
    LIST: _knows,
    CUE: _knows,
    VERSE: lambda signal: _knows(signal) or signal.family == "repetition",
}


def _weigh(batch: Batch, extraction: Extraction, silent: Mask, mind: _Mind) -> tuple[Extraction, Floats, Floats]:
    """The extraction, what each feature contributes, and the scores; the network is asked where it is to be.

    silent: (sentences, features of the card) what is not to speak.
    """
    reading = _of(mind.card, lambda signal: signal in READING)
    if mind.reader is None or not reading.any():
        return extraction, *_weighed(extraction, silent, mind.card)
    extraction = heard(extraction, batch, None)
    _, first = _weighed(extraction, silent | reading, mind.card)
    asked = (first >= mind.asked_from) & ~silent[:, reading].any(axis=1)
    extraction = heard(extraction, batch, mind.reader.read(batch, asked))
    return extraction, *_weighed(extraction, silent | (reading & ~asked[:, None]), mind.card)


def _weighed(extraction: Extraction, silent: Mask, card: Scorecard) -> tuple[Floats, Floats]:
    contributions = np.where(silent, 0, card.contributions(_columns(extraction, card)))
    return contributions, sigmoid(card.intercept + contributions.sum(axis=1))


def _columns(extraction: Extraction, card: Scorecard) -> Floats:
    return extraction.features[:, [PLACES[name] for name in card.features]]


def _asked(card: Scorecard) -> tuple[Signal, ...]:
    """The signals that the card has a feature of."""
    return tuple(signal for signal in SIGNALS if not set(signal.features).isdisjoint(card.features))


def _of(card: Scorecard, chosen: Callable[[Signal], bool]) -> Mask:
    """Which of the card's features belong to the chosen signals."""
    names = {name for signal in EVERY if chosen(signal) for name in signal.features}
    return np.array([name in names for name in card.features])


def _words(batch: Batch) -> Ints:
    """(documents, 3) words, words the vocabulary has, and function words."""
    rows = batch.tokens[batch.documents]
    known = batch.is_word & (batch.ids >= lm.FIRST_WORD)
    return np.stack([row_sums(mask, rows) for mask in (batch.is_word, known, batch.is_small)], axis=1).astype(np.int64)


def _language(text: str, words: Sequence[int], usual: str) -> str:
    """The model's language where its words are known or held together by its small words; else langdetect's word."""
    count, known, small = words
    if not count:
        return "und"
    if count < _FEW_WORDS or known >= 0.6 * count or small >= 0.25 * count:
        return usual
    return language.detect(text)


def _findings(scored: _Scored, card: Scorecard, flagged: Ints) -> dict[int, tuple[Finding, ...]]:
    """What raised the scores of some sentences, most first; a signal's contribution is shared out over its runs."""
    batch, found = scored.batch, []
    for number, signal in enumerate(EVERY):
        raised = scored.contributions[np.ix_(flagged, np.isin(card.features, signal.features))].sum(axis=1)
        some = np.flatnonzero(raised >= _LEAST_CONTRIBUTION)
        if not len(some):
            continue
        owner, runs = signal.evidence(batch, scored.extraction.values[signal.name], flagged[some])
        whole = raised[some[owner]]
        part = whole * runs.lengths / np.bincount(owner, runs.lengths)[owner]
        value = scored.extraction.features[flagged[some[owner]], PLACES[signal.features[0]]]
        same = np.full(len(owner), number)
        found.append((flagged[some[owner]], whole, same, runs.starts, runs.ends, value, part))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    if not columns:
        return dict.fromkeys(flagged.tolist(), ())
    findings: dict[int, list[Finding]] = {i: [] for i in flagged.tolist()}
    order = np.lexsort((columns[2], -columns[1], columns[0]))
    for i, _, number, begin, end, value, part in zip(*(column[order].tolist() for column in columns), strict=True):
        held_by, first = int(batch.document[i]), int(batch.chars[i])
        document, sentence = scored.documents[held_by], i - int(batch.documents[held_by])
        place = document.place(sentence, begin - first, end - first)
        reason = _reason(EVERY[number], batch.text[begin:end])
        findings[i].append(Finding(EVERY[number].name, *place, value, part, reason))
    return {i: tuple(some) for i, some in findings.items()}


def _reason(signal: Signal, span: str) -> str:
    words = " ".join(span.split())
    half = _QUOTED // 2
    short = words if len(words) <= _QUOTED else f"{words[:half].rstrip()} … {words[-half:].lstrip()}"
    return signal.reason.replace("{span}", short)


def _passages(text: str, sentences: Sequence[ScoredSentence]) -> tuple[Passage, ...]:
    """Garbled sentences with no sound one between them."""
    runs: list[list[ScoredSentence]] = []
    for before, sentence in pairwise([None, *sentences]):
        if sentence is not None and sentence.garbled:
            if before is None or not before.garbled:
                runs.append([])
            runs[-1].append(sentence)
    return tuple(
        Passage(run[0].start, run[-1].end, text[run[0].start : run[-1].end], max(s.score for s in run)) for run in runs
    )


def folder_of(name: str | Path) -> Path:
    """Where a model lies: in the wheel inside the package, in a checkout beside it, or at the path given."""
    package = Path(__file__).parent
    for folder in (package / "models" / name, package.parent / "models" / name, Path(name)):
        if (folder / "scorecard.json").is_file():
            return folder
    raise ValueError(f"no model {str(name)!r}: neither a model of garble nor a folder with a scorecard.json")


# glibc gives large blocks back to the kernel as they are freed, and asks for them anew with every packet, until a block
# as large as this was freed once: then it keeps them, and scoring takes a tenth less time. Nothing is written to it.
_KEPT = 31 << 20


@cache
def _load(folder: Path) -> tuple[Scorecard, LanguageModel, Reader | None]:
    np.empty(_KEPT, np.uint8)
    card = model.load(folder / "scorecard.json")
    if strange := set(card.features) - set(PLACES):
        raise ValueError(f"{folder}: needs signals this garble does not have: {', '.join(sorted(strange))}")
    if card.network is None:
        return card, lm.load(folder / "lm.npz"), None
    from garble.deep import reader

    return card, _load(folder_of(card.network.base))[1], reader.load(folder, card.network)


def _asked_from(read: str, card: Scorecard) -> float:
    """The score without the network from which it is asked."""
    if read not in ("unsure", "all"):
        raise ValueError(f"no way to read {read!r}: unsure, or all")
    return card.network.unsure if card.network and read == "unsure" else 0.0


def _known(markup: str) -> str:
    if markup not in MARKUPS:
        raise ValueError(f"no markup {markup!r}: {', '.join(MARKUPS)}")
    return markup


def _threshold(threshold: str | float, card: Scorecard) -> float:
    if threshold in card.thresholds:
        return card.thresholds[str(threshold)]
    try:
        value = float(threshold)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"no threshold {threshold!r}: {', '.join(card.thresholds)}, or a score between 0 and 1")
    return value
