"""The report as a self-contained HTML page.

A page of one text shows it in full, with its evidence underlined. A page of many texts shows figures, and a list with
the highest scores first. Texts cannot inject markup or scripts: all output passes `visible` and Jinja's escaping, and
the Content-Security-Policy allows only the script of the page.

>>> import garble
>>> page = render([garble.score("I want to to to to to to to go home.")], names=["diary.txt"])
>>> "<title>diary.txt" in page, "repetition.loop" in page, "://" in page
(True, True, False)
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, Any, Protocol

from garble.errors import UsageError
from garble.report.findings import Finding, ScoredSentence
from garble.report.reasons import BINS, reason
from garble.signals import SIGNALS
from garble.text.layout import KINDS, PROSE

if TYPE_CHECKING:
    from jinja2 import Environment

# Limits of a page of many documents, for its size: documents in the list, and characters of full texts.
MAX_LISTED, MAX_CHARACTERS = 5_000, 500_000
# Number of shades of garbled sentences.
SHADES = 4
# Maximum findings underlined in a sentence: browsers need minutes for a line of 50,000 pieces.
_MAX_UNDERLINED = 500
# Characters of the excerpt of a document in the list, and of these before the evidence.
_EXCERPT_LENGTH, _CONTEXT_BEFORE = 160, 50
_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_SPACE, _WORD_START = re.compile(r"\s+"), re.compile(r"\s+(?=\S)")
# Invisible characters with an effect: controls, zero-width and direction marks; and surrogates, which cannot be
# encoded. Joiners are kept, because emoji and several scripts need them.
_INVISIBLE = re.compile(
    r"[\x00-\x08\v\f\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)


class ReportLike(Protocol):
    """The attributes of a `garble.Report` that the page shows."""

    @property
    def score(self) -> float:
        """The score of the document, 0..1, 1 = garbled."""

    @property
    def garbled(self) -> bool:
        """Whether the score reaches the threshold."""

    @property
    def threshold(self) -> float:
        """Sentences and documents with this score or more are garbled."""

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The named thresholds of the model."""

    @property
    def sentences(self) -> tuple[ScoredSentence, ...]:
        """All sentences, in order."""

    @property
    def verdict(self) -> str:
        """One of "garbled", "passages garbled" and "clean"."""

    @property
    def language(self) -> str:
        """ISO 639-1 code of the text."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on the report."""

    @property
    def signature(self) -> str:
        """Versions and settings of the report."""


@dataclass(frozen=True)
class FlaggedSentence:
    """A garbled sentence with its number in the text, from 1; `shade` is 1 to SHADES, by score."""

    number: int
    sentence: ScoredSentence
    shade: int

    @property
    def reasons(self) -> Iterator[tuple[Finding, int, float]]:
        """For each signal: its strongest finding, the number of others, and the sum of contributions in log-odds."""
        for _, run in groupby(self.sentence.findings, lambda finding: finding.signal):
            findings = list(run)
            contribution = sum(finding.contribution for finding in findings)
            yield max(findings, key=lambda finding: finding.contribution), len(findings) - 1, contribution

    @property
    def pieces(self) -> Iterator[tuple[str, list[str]]]:
        """The sentence split at the edges of evidence: (piece, families with evidence in it)."""
        text, start, end = self.sentence.text, self.sentence.start, self.sentence.end
        changes: defaultdict[int, Counter[str]] = defaultdict(Counter, {start: Counter(), end: Counter()})
        for finding in _underlined(self.sentence):
            changes[finding.start][family(finding)] += 1
            changes[finding.end][family(finding)] -= 1
        # Findings are sorted by contribution, and so are their families.
        covering = Counter(dict.fromkeys(map(family, self.sentence.findings), 0))
        for position, next_position in pairwise(sorted(changes)):
            covering.update(changes[position])
            yield text[position - start : next_position - start], [name for name, count in covering.items() if count]


@dataclass(frozen=True)
class DocumentView:
    """A report with its text. `key` makes the anchors unique on the page."""

    key: int
    name: str
    text: str
    report: ReportLike

    @cached_property
    def reason(self) -> str:
        """The reason, as in `garble.filtering.decisions`; "" if the document is not garbled."""
        return reason(self.report.sentences) if self.report.garbled else ""

    @cached_property
    def flagged(self) -> list[FlaggedSentence]:
        """The garbled sentences, in order."""
        threshold = self.report.threshold
        garbled = [sentence for sentence in self.report.sentences if sentence.garbled]
        steps = [int(SHADES * (sentence.score - threshold) / ((1 - threshold) or 1)) for sentence in garbled]
        return [
            FlaggedSentence(i, s, min(step + 1, SHADES))
            for i, (s, step) in enumerate(zip(garbled, steps, strict=True), 1)
        ]

    @cached_property
    def contributions(self) -> dict[str, float]:
        """For each family with evidence in garbled sentences: the sum of its contributions in log-odds."""
        added: defaultdict[str, float] = defaultdict(float)
        for finding in (finding for flagged in self.flagged for finding in flagged.sentence.findings):
            added[family(finding)] += finding.contribution
        return added

    @property
    def paragraphs(self) -> list[tuple[list[str | FlaggedSentence], bool]]:
        """The text split at line ends between sentences: (parts, whether a blank line is before them)."""
        flagged = {sentence.sentence.start: sentence for sentence in self.flagged}
        lines: list[list[str | FlaggedSentence]] = [[]]
        end = 0
        for sentence in self.report.sentences:
            first, *others = _LINE_END.split(self.text[end : sentence.start])
            lines[-1].append(first)
            lines += ([other] for other in others)
            lines[-1].append(flagged.get(sentence.start, sentence.text))
            end = sentence.end
        lines[-1].append(self.text[end:].rstrip())
        filled = [any(isinstance(part, FlaggedSentence) or part.strip() for part in line) for line in lines]
        return [
            (line, not before)
            for line, is_filled, before in zip(lines, filled, [True, *filled], strict=False)
            if is_filled
        ]

    @property
    def excerpt(self) -> str:
        """The prose sentence with the highest score, or the part of it around the evidence."""
        sentences = self.report.sentences
        worst = max(sentences, key=lambda sentence: (sentence.kind == KINDS[PROSE], sentence.score), default=None)
        if worst is None or len(worst.text) <= _EXCERPT_LENGTH:
            return worst.text if worst else ""
        evidence = max(_underlined(worst), key=lambda finding: finding.contribution, default=None)
        place = evidence.start - worst.start if evidence else 0
        first, last = _at_word_borders(worst.text, place)
        return f"{'… ' if first else ''}{worst.text[first:last].strip()}{' …' if last < len(worst.text) else ''}"


def render(
    reports: Iterable[ReportLike],
    names: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
) -> str:
    """Render the reports as one HTML page: one text in full, or figures and a list for several.

    names: names of the texts; default: "Text 1" and so on. texts: the texts of the reports, for the characters between
    sentences; default: paragraphs are derived from the offsets.
    Raises ValueError if names or texts do not match the reports.
    """
    documents = _documents(list(reports), names, texts)
    if len(documents) == 1:
        return _templates().get_template("document.html").render(document=documents[0])
    documents.sort(key=lambda document: -document.report.score)
    listed = documents[:MAX_LISTED]
    before = accumulate((len(document.text) for document in listed[:-1]), initial=0)
    histogram = Counter(min(int(document.report.score * BINS), BINS - 1) for document in documents)
    template = _templates().get_template("corpus.html")
    return template.render(
        documents=documents,
        listed=listed,
        whole=sum(size < MAX_CHARACTERS for size in before) if listed else 0,
        histogram=[histogram[step] for step in range(BINS)],
        thresholds=documents[0].report.thresholds if documents else {},
        verdicts=Counter(document.report.verdict for document in documents),
        reasons=Counter(document.reason for document in documents if document.reason).most_common(),
    )


def fragment(report: ReportLike) -> str:
    """Render the report as a fragment of HTML for another page, such as a notebook."""
    # The anchors must be unique among several reports on the page.
    key = int.from_bytes(sha256(repr((report.signature, report.sentences)).encode(errors="replace")).digest()[:6])
    document = DocumentView(key, "Report", _rebuilt_text(report), report)
    return _templates().get_template("fragment.html").render(document=document)


def visible(text: str) -> str:
    """The text with invisible characters replaced by codes such as ⟨U+202E⟩."""
    return _INVISIBLE.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def family(finding: Finding) -> str:
    """The family of the signal of a finding."""
    return finding.signal.split(".")[0]


def _documents(
    reports: list[ReportLike], names: Sequence[str] | None, texts: Sequence[str] | None
) -> list[DocumentView]:
    for argument, values in (("names", names), ("texts", texts)):
        if values is not None and len(values) != len(reports):
            raise UsageError(f"{len(reports)} reports, but {len(values)} {argument}")
    titles = [f"Text {number}" for number in range(1, len(reports) + 1)] if names is None else names
    bodies = list(map(_rebuilt_text, reports)) if texts is None else texts
    documents = [DocumentView(i, *parts) for i, parts in enumerate(zip(titles, bodies, reports, strict=True), 1)]
    for document in documents:
        if any(document.text[s.start : s.end] != s.text for s in document.report.sentences):
            raise UsageError(f"{visible(document.name)}: the text does not match its report")
    return documents


def _rebuilt_text(report: ReportLike) -> str:
    """The text rebuilt from its sentences and their offsets, with line ends, or single spaces, between them."""
    parts: list[str] = []
    end, kind = 0, ""
    for sentence in report.sentences:
        size = sentence.start - end
        is_space = size == 1 and kind == sentence.kind == KINDS[PROSE]
        parts += [" " if is_space else "\n" * size, sentence.text]
        end, kind = sentence.end, sentence.kind
    return "".join(parts)


def _at_word_borders(text: str, place: int) -> tuple[int, int]:
    """The range of an excerpt around `place`, with whole words if they are shorter than the context before it."""
    first = max(place - _CONTEXT_BEFORE, 0)
    last = min(first + _EXCERPT_LENGTH, len(text))
    if first and (border := _WORD_START.search(text, first - 1, place + 1)):
        first = border.end()
    if last < len(text) and (spaces := list(_SPACE.finditer(text, max(place + 1, last - _CONTEXT_BEFORE), last + 1))):
        last = spaces[-1].start()
    return first, last


def _underlined(sentence: ScoredSentence) -> Sequence[Finding]:
    """The findings to underline; those that cover the whole sentence only if there are no others."""
    whole = sentence.start, sentence.end
    parts = [finding for finding in sentence.findings if (finding.start, finding.end) != whole]
    return (parts or sentence.findings)[:_MAX_UNDERLINED]


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def escaped(value: Any) -> Any:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    def source(name: str) -> tuple[Markup, str]:
        text = loader.get_source(environment, name)[0]
        return Markup(text), f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"

    loader = PackageLoader("garble.report")
    environment = Environment(
        loader=loader,
        autoescape=True,
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "css": source("view.css"),
        "js": source("view.js"),
        "families": dict.fromkeys(signal.family for signal in SIGNALS),
        "family": family,
        "shades": SHADES,
    }
    return environment
