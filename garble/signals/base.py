"""What a signal is: one pure function over a batch, in three kinds.

A *mark* returns a boolean a token (or a character), a *weigh* a float a token (in standard deviations from what is
usual, so that 0 says nothing and 2 much), a *measure* a float a sentence.
The feature columns and the evidence both come from that one array, so they cannot drift apart.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from garble.columns.arrays import Floats, Ints, Runs, offsets, row_means, runs, spread, worst_stretch
from garble.columns.batch import Batch

Kind = Literal["marks", "weighs", "measures"]
Unit = Literal["tokens", "characters", "sentences"]
Values = NDArray[Any]
Columns = tuple[Values, ...]
Needs = tuple[str, ...]


class Survey(NamedTuple):
    """What a signal that looks beyond a sentence must know of whole documents, however many batches they fill.

    ask: columns of as many rows as the signal likes, from one batch. judge: a verdict a row, from the columns of all
    batches laid end to end; the signal's function gets those on its own batch's rows.
    """

    ask: Callable[[Batch], Columns]
    judge: Callable[..., Values]


# Of a batch, and of the verdict on its rows where the signal has a survey.
Function = Callable[..., Values]

# By this much, in standard deviations, a token must be stranger than usual to lengthen the worst stretch.
_SLACK = 0.5
# Standard deviation, between clean sentences, of the mean over a sentence's tokens.
_STYLE = 0.25

# A word this many standard deviations stranger than usual is evidence, if it comes near the strangest of its sentence.
_PEAK, _NEAR_HIGHEST = 2.5, 0.8

_SECTIONS = ("Why it is garble", "Known false alarms", "Reference", "Garbled", "Clean")
_SECTION = re.compile(rf"^({'|'.join(_SECTIONS)}):\s*", re.M)


@dataclass(frozen=True, slots=True)
class Signal:
    """A function over a batch, and what is needed to name, explain and test it.

    reason: what a finding says; `{span}` stands for the garbled words.
    explain: from a stretch to the reason, where that is not the same for all.
    peaks: whether a weigh's evidence is its strangest words, not its worst stretch.
    needs: what must be known of the language: names of lists, patterns and facts (`garble.languages`), or "lm" and
    "network" for those of a model. It is language-independent without any.
    prose: whether it means something in full sentences only.
    """

    name: str
    kind: Kind
    unit: Unit
    needs: tuple[str, ...]
    reason: str
    doc: str
    function: Function
    survey: Survey | None
    peaks: bool = False
    prose: bool = False
    explain: Callable[[str], str] | None = None

    def reason_for(self, span: str) -> str:
        """What a finding of this stretch says; "{span}" still stands for its words."""
        return self.explain(span) if self.explain else self.reason

    def values(self, batch: Batch, verdict: Values | None = None) -> Values:
        """What the function returns; without a verdict the batch is taken to hold all there is of its documents."""
        if self.survey is None:
            return self.function(batch)
        return self.function(batch, self.survey.judge(*self.survey.ask(batch)) if verdict is None else verdict)

    @property
    def family(self) -> str:
        """The module the signal stands in."""
        return self.name.split(".")[0]

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return self.doc.splitlines()[0]

    @property
    def needed(self) -> str:
        """What it needs, in words."""
        return f"needs {', '.join(self.needs)}".replace("_", " ") if self.needs else "language-independent"

    @property
    def sections(self) -> dict[str, list[str]]:
        """The docstring's headed sections; `Garbled` and `Clean` may stand several times."""
        parts = _SECTION.split(self.doc)[1:]
        found: dict[str, list[str]] = {name: [] for name in _SECTIONS}
        for name, content in zip(parts[::2], parts[1::2], strict=True):
            found[name].append(" ".join(content.split()))
        return found

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its feature columns."""
        if self.kind == "weighs":
            return tuple(f"{self.name}.{statistic}" for statistic in ("level", "worst"))
        return (self.name,)

    def columns(self, batch: Batch, values: Values) -> list[Floats]:
        """(sentences,) one array a feature, from what the function returned."""
        if self.kind == "measures":
            return [values.astype(np.float64)]
        rows = self.rows(batch)
        mean = row_means(values, rows)
        if self.kind == "marks":
            return [mean]
        # The mean of few tokens is unsure; of many it still differs from sentence to sentence, as styles do.
        error = np.sqrt(1 / np.maximum(np.diff(rows), 1) + _STYLE**2)
        return [mean / error, worst_stretch(_beyond_style(values, rows), rows)[0]]

    def rows(self, batch: Batch) -> Ints:
        """Offsets that cut the function's values into sentences."""
        return batch.chars if self.unit == "characters" else batch.tokens

    def evidence(self, batch: Batch, values: Values, sentences: Ints) -> tuple[Ints, Runs]:
        """Runs of characters of `batch.text` that bear the signal out in some sentences, and whose each is.

        (runs,) places in `sentences`, rising; and the runs: all of the sentence for a measure, or where it has no rows.
        """
        rows = self.rows(batch)
        firsts = rows[sentences]
        lasts = firsts if self.kind == "measures" else rows[sentences + 1]
        filled, bare = lasts > firsts, np.flatnonzero(lasts == firsts)
        cut = offsets(lasts - firsts)
        some = values[spread(firsts, lasts)]
        if self.kind == "weighs" and self.peaks:
            found = runs(some >= _least_of_peak(some, cut), cut)
        elif self.kind == "weighs":
            _, begins, ends = worst_stretch(_beyond_style(some, cut), cut)
            found = Runs(begins[filled], ends[filled])
        else:
            found = runs(some.astype(bool), cut)
        owner = np.searchsorted(cut, found.starts, side="right") - 1
        shift = (firsts - cut[:-1])[owner]
        starts, ends = found.starts + shift, found.ends + shift
        if self.unit == "tokens":
            starts, ends = batch.starts[starts], batch.ends[ends - 1]
        owner = np.concatenate([owner, bare])
        order = np.argsort(owner, kind="stable")
        starts = np.concatenate([starts, batch.chars[sentences[bare]]])
        ends = np.concatenate([ends, batch.chars[sentences[bare] + 1] - 1])
        return owner[order], Runs(starts[order], ends[order])


def _least_of_peak(values: Values, rows: Ints) -> Floats:
    """(values,) from where on a value is evidence: strange in itself, and not far below the strangest of its row."""
    filled = np.diff(rows) > 0
    highest = np.zeros(len(filled))
    if filled.any():
        highest[filled] = np.maximum.reduceat(values, rows[:-1][filled])
    return np.asarray(np.repeat(np.maximum(_PEAK, _NEAR_HIGHEST * highest), np.diff(rows)))


def _beyond_style(values: Values, rows: Ints) -> Floats:
    """How much stranger each token is than its sentence is throughout, so that a style makes no worst stretch."""
    style = np.clip(row_means(values, rows), 0, None)
    return np.asarray(values - np.repeat(style, np.diff(rows)) - _SLACK)


def _signal(
    kind: Kind,
    unit: Unit,
    reason: str,
    needs: Needs,
    prose: bool,
    survey: Survey | None,
    peaks: bool = False,
    explain: Callable[[str], str] | None = None,
) -> Callable[[Function], Signal]:
    def wrap(function: Function) -> Signal:
        family = function.__module__.rsplit(".", 1)[-1]
        name = f"{family}.{function.__name__}"
        doc = inspect.getdoc(function) or ""
        return Signal(name, kind, unit, needs, reason, doc, function, survey, peaks, prose, explain)

    return wrap


def marks(
    unit: Unit,
    reason: str,
    needs: Needs = (),
    prose: bool = False,
    survey: Survey | None = None,
    explain: Callable[[str], str] | None = None,
) -> Callable[[Function], Signal]:
    """A signal that returns a boolean a token or a character; its feature is the share marked.

    explain: from a marked stretch to the reason, where that is not the same for all.
    """
    return _signal("marks", unit, reason, needs, prose, survey, explain=explain)


def weighs(
    reason: str, needs: Needs = (), prose: bool = False, survey: Survey | None = None, peaks: bool = False
) -> Callable[[Function], Signal]:
    """A signal that returns a float a token; its features are the level and the worst stretch.

    peaks: its evidence is the strangest words of a sentence, not the worst stretch.
    """
    return _signal("weighs", "tokens", reason, needs, prose, survey, peaks)


def measures(
    reason: str, needs: Needs = (), prose: bool = False, survey: Survey | None = None
) -> Callable[[Function], Signal]:
    """A signal that returns a float a sentence, which is its feature; it has no place of its own."""
    return _signal("measures", "sentences", reason, needs, prose, survey)
