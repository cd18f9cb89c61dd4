"""The report that people look at: one HTML file that needs nothing besides itself.

One text is shown whole, with its evidence underlined; of many there are figures, and a list with the worst first.
What a text holds is text on the page and no more. Whatever the templates write passes `visible` and Jinja's escaping,
and the page's Content-Security-Policy runs its own script alone.

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

# Of many documents this many are listed, the worst, and of those the texts are there up to this many characters.
LISTED, CHARACTERS = 5_000, 500_000
# Garbled sentences are shaded in this many steps.
SHADES = 4
# Of a sentence this many findings are underlined, the first: browsers take minutes over a line of 50,000 pieces.
_UNDERLINED = 500
# Characters of its worst sentence that the list shows of a document, and how many of them before the evidence.
_EXCERPT, _BEFORE = 160, 50
_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
# Characters that show nothing and yet act: controls, zero-width and direction marks; and surrogates, which no encoding
# takes. Joiners are left alone, since emoji and several scripts are written with them.
_UNSEEN = re.compile(
    r"[\x00-\x08\v\f\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)


class Shown(Protocol):
    """What the page shows of a `garble.Report`."""

    @property
    def score(self) -> float:
        """0..1, 1 = garbled."""

    @property
    def garbled(self) -> bool:
        """Whether the score reaches the threshold."""

    @property
    def threshold(self) -> float:
        """The score from which a sentence, or the document, is called garbled."""

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The named thresholds of the model."""

    @property
    def sentences(self) -> tuple[ScoredSentence, ...]:
        """All of them, in order."""

    @property
    def verdict(self) -> str:
        """What it comes to, in words."""

    @property
    def language(self) -> str:
        """ISO 639-1 code of the text."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of the report must know."""

    @property
    def signature(self) -> str:
        """What made the report."""


@dataclass(frozen=True)
class Flagged:
    """A garbled sentence, the `number`th of its text; `shade` is 1 to SHADES, the last the worst."""

    number: int
    sentence: ScoredSentence
    shade: int

    @property
    def reasons(self) -> Iterator[tuple[Finding, int, float]]:
        """Of each signal its weightiest finding, how many others it has, and what they all added, in log-odds."""
        for _, run in groupby(self.sentence.findings, lambda finding: finding.signal):
            found = list(run)
            added = sum(finding.contribution for finding in found)
            yield max(found, key=lambda finding: finding.contribution), len(found) - 1, added

    @property
    def pieces(self) -> Iterator[tuple[str, list[str]]]:
        """The sentence cut where evidence begins and ends: (piece, the families it is evidence of)."""
        text, start, end = self.sentence.text, self.sentence.start, self.sentence.end
        steps: defaultdict[int, Counter[str]] = defaultdict(Counter, {start: Counter(), end: Counter()})
        for finding in _places(self.sentence):
            steps[finding.start][family(finding)] += 1
            steps[finding.end][family(finding)] -= 1
        # Findings come strongest first, and so do their families.
        covering = Counter(dict.fromkeys(map(family, self.sentence.findings), 0))
        for here, there in pairwise(sorted(steps)):
            covering.update(steps[here])
            yield text[here - start : there - start], [name for name, count in covering.items() if count]


@dataclass(frozen=True)
class Document:
    """A report with its text; the `key` is part of the names of its anchors."""

    key: int
    name: str
    text: str
    report: Shown

    @cached_property
    def reason(self) -> str:
        """Why it is garbled, as `garble.filtering.decisions` has it; "" where it is not."""
        return reason(self.report.sentences) if self.report.garbled else ""

    @cached_property
    def flagged(self) -> list[Flagged]:
        """Its garbled sentences, in order."""
        least = self.report.threshold
        found = [sentence for sentence in self.report.sentences if sentence.garbled]
        steps = [int(SHADES * (sentence.score - least) / ((1 - least) or 1)) for sentence in found]
        return [Flagged(i, s, min(step + 1, SHADES)) for i, (s, step) in enumerate(zip(found, steps, strict=True), 1)]

    @property
    def paragraphs(self) -> list[tuple[list[str | Flagged], bool]]:
        """The text cut at the line ends between its sentences: (its parts, whether a blank line stands before)."""
        flagged = {one.sentence.start: one for one in self.flagged}
        lines: list[list[str | Flagged]] = [[]]
        end = 0
        for sentence in self.report.sentences:
            first, *others = _LINE_END.split(self.text[end : sentence.start])
            lines[-1].append(first)
            lines += ([other] for other in others)
            lines[-1].append(flagged.get(sentence.start, sentence.text))
            end = sentence.end
        lines[-1].append(self.text[end:].rstrip())
        filled = [any(isinstance(part, Flagged) or part.strip() for part in line) for line in lines]
        return [(line, not before) for line, full, before in zip(lines, filled, [True, *filled], strict=False) if full]

    @property
    def excerpt(self) -> str:
        """The worst sentence of its prose, or the part of it around the evidence."""
        sentences = self.report.sentences
        worst = max(sentences, key=lambda sentence: (sentence.kind == KINDS[PROSE], sentence.score), default=None)
        if worst is None or len(worst.text) <= _EXCERPT:
            return worst.text if worst else ""
        evidence = max(_places(worst), key=lambda finding: finding.contribution, default=None)
        first = max(evidence.start - worst.start - _BEFORE, 0) if evidence else 0
        last = first + _EXCERPT
        return f"{'… ' if first else ''}{worst.text[first:last].strip()}{' …' if last < len(worst.text) else ''}"


def render(
    reports: Iterable[Shown],
    names: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
) -> str:
    """The reports as one HTML page: a single text with its evidence; of any other number figures and a list.

    names: what to call the texts; "Text 1" and so on when left out. texts: those that the reports are about, for what
    stands between their sentences; when left out, paragraphs are guessed from the offsets.
    Raises ValueError, in one line, where names or texts do not fit the reports.
    """
    documents = _documents(list(reports), names, texts)
    if len(documents) == 1:
        return _templates().get_template("document.html").render(document=documents[0])
    documents.sort(key=lambda document: -document.report.score)
    listed = documents[:LISTED]
    before = accumulate((len(document.text) for document in listed[:-1]), initial=0)
    histogram = Counter(min(int(document.report.score * BINS), BINS - 1) for document in documents)
    template = _templates().get_template("corpus.html")
    return template.render(
        documents=documents,
        listed=listed,
        whole=sum(size < CHARACTERS for size in before) if listed else 0,
        histogram=[histogram[step] for step in range(BINS)],
        thresholds=documents[0].report.thresholds if documents else {},
        verdicts=Counter(document.report.verdict for document in documents),
        reasons=Counter(document.reason for document in documents if document.reason).most_common(),
    )


def fragment(report: Shown) -> str:
    """The report as a piece of HTML within somebody else's page, such as a notebook's."""
    # Its anchors must not be those of another report on that page.
    key = int.from_bytes(sha256(repr((report.signature, report.sentences)).encode(errors="replace")).digest()[:6])
    document = Document(key, "Report", _rebuilt(report), report)
    return _templates().get_template("fragment.html").render(document=document)


def visible(text: str) -> str:
    """The text with a code such as ⟨U+202E⟩ for every character that shows nothing and yet acts."""
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def family(finding: Finding) -> str:
    """The family of the signal that found it."""
    return finding.signal.split(".")[0]


def _documents(reports: list[Shown], names: Sequence[str] | None, texts: Sequence[str] | None) -> list[Document]:
    for what, given in (("names", names), ("texts", texts)):
        if given is not None and len(given) != len(reports):
            raise UsageError(f"{len(reports)} reports, but {len(given)} {what}")
    titles = [f"Text {number}" for number in range(1, len(reports) + 1)] if names is None else names
    bodies = list(map(_rebuilt, reports)) if texts is None else texts
    documents = [Document(i, *parts) for i, parts in enumerate(zip(titles, bodies, reports, strict=True), 1)]
    for document in documents:
        if any(document.text[s.start : s.end] != s.text for s in document.report.sentences):
            raise UsageError(f"{visible(document.name)}: the text does not match its report")
    return documents


def _rebuilt(report: Shown) -> str:
    """The sentences where they stood, line ends between them but for a space between two of prose."""
    parts: list[str] = []
    end, kind = 0, ""
    for sentence in report.sentences:
        size = sentence.start - end
        is_space = size == 1 and kind == sentence.kind == KINDS[PROSE]
        parts += [" " if is_space else "\n" * size, sentence.text]
        end, kind = sentence.end, sentence.kind
    return "".join(parts)


def _places(sentence: ScoredSentence) -> Sequence[Finding]:
    """The findings to underline: one that is the whole sentence tells nothing beside one that is a part."""
    whole = sentence.start, sentence.end
    parts = [found for found in sentence.findings if (found.start, found.end) != whole]
    return (parts or sentence.findings)[:_UNDERLINED]


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    def source(name: str) -> tuple[Markup, str]:
        text = loader.get_source(environment, name)[0]
        return Markup(text), f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"

    loader = PackageLoader("garble.report")
    environment = Environment(
        loader=loader, autoescape=True, finalize=shown, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {
        "css": source("view.css"),
        "js": source("view.js"),
        "families": dict.fromkeys(signal.family for signal in SIGNALS),
        "family": family,
        "shades": SHADES,
    }
    return environment
