"""Text in, Report out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import garble
from garble import language, lm, model
from garble.batch import Batch, Floats, Mask, packets
from garble.lm import LanguageModel
from garble.model import Pooling, Scorecard, sigmoid
from garble.report import Finding, Passage, Report, ScoredSentence
from garble.signals import FEATURES, SIGNALS, Extraction, extract
from garble.signals.base import Signal
from garble.text import FURNITURE, KINDS, PROSE, VERSE, Document, segment, whole

# Characters scored together: enough for array arithmetic to pay, few enough to stay in the processor's cache.
_PACKET = 250_000
# A document is as garbled as the worst tenth of its prose.
_WORST_SHARE = 0.1
# From this many sentences on one alone does not decide, and all of them are weighed together.
_SEVERAL = 4
# Below this, in log-odds, a signal's part in a score is not worth a reader's time.
_LEAST_CONTRIBUTION = 0.25
# langdetect is often wrong about fewer words than this, so they pass for the model's language.
_FEW_WORDS = 8
# Characters of the text that a reason quotes.
_QUOTED = 60


class Scorer:
    """Scores texts with one model and one threshold.

    model: a name ("en") or the path of a folder with scorecard.json and lm.npz. threshold: "strict", "balanced",
    "loose", or a score between 0 and 1.
    card, lm: the model's scorecard and language model.
    Raises ValueError, in one line, for a model or threshold that does not exist.
    """

    def __init__(self, model: str | Path = "en", threshold: str | float = "balanced") -> None:
        self.card, self.lm = _load(_folder(model))
        self.threshold = _threshold(threshold, self.card)
        self.signature = f"garble|v:{garble.__version__}|m:{self.card.name}|t:{threshold}"
        self._arguments = model, threshold

    def __reduce__(self) -> tuple[type[Scorer], tuple[str | Path, str | float]]:
        # A scorer that travels to another process finds its model there, loaded once a process.
        return Scorer, self._arguments

    def score(self, text: str) -> Report:
        """What is garbled in one text."""
        return next(self.score_many([text]))

    def score_many(self, texts: Iterable[str]) -> Iterator[Report]:
        """One report a text, in order; read and scored in packets, so any number of texts may come."""
        for some in packets(texts, _PACKET, len):
            scored = _score([segment(text) for text in some], self.card, self.lm)
            for number in range(len(some)):
                yield self._report(scored, number)

    def score_sentences(self, sentences: Sequence[str]) -> NDArray[np.float64]:
        """(sentences,) scores, each string taken as one sentence of its own in the model's language."""
        scores = [np.zeros(0)]
        for some in packets(sentences, _PACKET, len):
            batch = Batch.of([whole(text) for text in some], self.lm)
            scores.append(self.card.predict(_columns(extract(batch), self.card)))
        return np.concatenate(scores)

    def _report(self, scored: _Scored, number: int) -> Report:
        document, code = scored.documents[number], scored.languages[number]
        first = int(scored.batch.documents[number])
        sentences = tuple(
            self._sentence(scored, first + i, document.text, start, end)
            for i, (start, end) in enumerate(document.sentences.tolist())
        )
        score = document_score(sentences, self.card.pooling, self.card.thresholds.get("loose", 0.0))
        note = f"written in {code}, not {self.card.language}: only language-blind signals were read"
        return Report(
            score=score,
            garbled=score >= self.threshold,
            language=code,
            threshold=self.threshold,
            sentences=sentences,
            passages=_passages(document.text, sentences),
            notes=() if code == self.card.language else (note,),
            signature=self.signature,
        )

    def _sentence(self, scored: _Scored, i: int, text: str, start: int, end: int) -> ScoredSentence:
        score = float(scored.scores[i])
        garbled = score >= self.threshold
        findings = tuple(_findings(scored, self.card, i, text, start)) if garbled else ()
        return ScoredSentence(start, end, text[start:end], score, garbled, KINDS[scored.batch.kind[i]], findings)


class _Scored(NamedTuple):
    """A packet of documents with all that was measured on it; contributions: (sentences, features of the card)."""

    documents: list[Document]
    languages: list[str]
    batch: Batch
    extraction: Extraction
    contributions: Floats
    scores: Floats


def document_score(sentences: Iterable[ScoredSentence], pooling: Pooling | None = None, least: float = 0.0) -> float:
    """The larger of what its worst sentences reach and what all its sentences come to together.

    The worst: the score that a tenth of the document's prose reaches, counted in characters, and two of its sentences
    where there are more than three. So a single loop in a long article makes a garbled passage only. Together: see
    `model.Pooling`; a text that is translated badly throughout is garbled though few of its sentences cross the
    threshold. Worst sentences below `least` say nothing of a document that can be pooled. Headings, verse and page
    furniture do not count; a document without prose scores 0.
    """
    prose = sorted((s for s in sentences if s.kind == KINDS[PROSE]), key=lambda s: -s.score)
    if not prose:
        return 0.0
    several = len(prose) >= _SEVERAL
    sizes = np.cumsum([s.end - s.start for s in prose])
    place = max(int(np.searchsorted(sizes, _WORST_SHARE * sizes[-1])), int(several))
    worst = prose[place].score
    if pooling is None or not several:
        return worst
    return max(pooling.score(np.array([s.score for s in prose])), worst if worst >= least else 0.0)


def _score(documents: list[Document], card: Scorecard, knows: LanguageModel) -> _Scored:
    batch = Batch.of(documents, knows)
    languages = [_language(batch, number, document.text, card.language) for number, document in enumerate(documents)]
    extraction = extract(batch)
    contributions = card.contributions(_columns(extraction, card))
    # In another language, and in headings, only language-blind signals speak; verse may say things again; of page
    # furniture nothing is asked.
    foreign = np.array([code != card.language for code in languages], bool)[batch.document]
    contributions[np.ix_(foreign | (batch.kind != PROSE), _of(card, lambda signal: signal.language != "any"))] = 0
    contributions[np.ix_(batch.kind == VERSE, _of(card, lambda signal: signal.family == "repetition"))] = 0
    contributions[batch.kind == FURNITURE] = 0
    scores = sigmoid(card.intercept + contributions.sum(axis=1))
    return _Scored(documents, languages, batch, extraction, contributions, scores)


def _columns(extraction: Extraction, card: Scorecard) -> Floats:
    return extraction.features[:, [FEATURES.index(name) for name in card.features]]


def _of(card: Scorecard, chosen: Callable[[Signal], bool]) -> Mask:
    """Which of the card's features belong to the chosen signals."""
    names = {name for signal in SIGNALS if chosen(signal) for name in signal.features}
    return np.array([name in names for name in card.features])


def _language(batch: Batch, number: int, text: str, usual: str) -> str:
    """The model's language where its words are known or held together by its small words; else langdetect's word."""
    tokens = slice(*batch.tokens[batch.documents[number : number + 2]].tolist())
    words = batch.is_word[tokens]
    count = int(words.sum())
    if not count:
        return "und"
    known = int(((batch.ids[tokens] >= lm.FIRST_WORD) & words).sum())
    small = int(batch.is_small[tokens].sum())
    if count < _FEW_WORDS or known >= 0.6 * count or small >= 0.25 * count:
        return usual
    return language.detect(text)


def _findings(scored: _Scored, card: Scorecard, i: int, text: str, start: int) -> Iterator[Finding]:
    """What raised the score of sentence `i`, most first; a signal's contribution is shared out over its runs."""
    parts = dict(zip(card.features, scored.contributions[i].tolist(), strict=True))
    raised = {signal: sum(parts.get(name, 0.0) for name in signal.features) for signal in SIGNALS}
    shift = start - int(scored.batch.chars[i])
    for signal in sorted(raised, key=lambda signal: -raised[signal]):
        if raised[signal] < _LEAST_CONTRIBUTION:
            return
        runs = signal.evidence(scored.batch, scored.extraction.values[signal.name], i)
        value = float(scored.extraction.features[i, FEATURES.index(signal.features[0])])
        for begin, end in zip((runs.starts + shift).tolist(), (runs.ends + shift).tolist(), strict=True):
            part = raised[signal] * (end - begin) / int(runs.lengths.sum())
            yield Finding(signal.name, begin, end, value, part, _reason(signal, text[begin:end]))


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


def _folder(name: str | Path) -> Path:
    """Where a model lies: in the wheel inside the package, in a checkout beside it, or at the path given."""
    package = Path(__file__).parent
    for folder in (package / "models" / name, package.parent / "models" / name, Path(name)):
        if (folder / "scorecard.json").is_file():
            return folder
    raise ValueError(f"no model {str(name)!r}: neither a model of garble nor a folder with a scorecard.json")


@cache
def _load(folder: Path) -> tuple[Scorecard, LanguageModel]:
    card = model.load(folder / "scorecard.json")
    if strange := set(card.features) - set(FEATURES):
        raise ValueError(f"{folder}: needs signals this garble does not have: {', '.join(sorted(strange))}")
    return card, lm.load(folder / "lm.npz")


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
