"""Signals: pure functions of a batch, with three types of output.

A *mark* returns a boolean per token or character. A *weigh* returns a float per token, in standard deviations from the
mean on clean text: 0 is normal, 2 is high. A *measure* returns a float per sentence. Feature columns and evidence are
computed from the same array, so they always agree.
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

Output = Literal["marks", "weighs", "measures"]
Unit = Literal["tokens", "characters", "sentences"]
Values = NDArray[Any]
Columns = tuple[Values, ...]
Needs = tuple[str, ...]


class Survey(NamedTuple):
    """First pass of a signal that needs whole documents, which may fill several batches.

    collect: from one batch, columns with any number of rows. resolve: one value per row, from the concatenated columns
    of all batches. The signal's function gets the values for the rows of its own batch.
    """

    collect: Callable[[Batch], Columns]
    resolve: Callable[..., Values]


# Arguments: a batch and, if the signal has a survey, the values of `Survey.resolve` for its rows.
Function = Callable[..., Values]

# Standard deviations above the level of its sentence from which a token extends the worst stretch. Without this
# allowance, noise would extend every stretch.
_SLACK = 0.5
# Standard deviation of the sentence mean between clean sentences: authors differ in style.
_STYLE = 0.25

# A word is evidence from this value on, in standard deviations, and from this share of the highest of its sentence.
_PEAK, _NEAR_HIGHEST = 2.5, 0.8

_SECTIONS = ("Why it is garble", "Known false alarms", "Reference", "Garbled", "Clean")
_SECTION = re.compile(rf"^({'|'.join(_SECTIONS)}):\s*", re.M)


@dataclass(frozen=True, slots=True)
class Signal:
    """A function of a batch, with its name, documentation and requirements.

    reason: text of a finding; `{span}` is replaced by the evidence.
    explain: function from the evidence to the reason, if the reason varies.
    peaks: the evidence of a weigh is its highest words, not its worst stretch.
    needs: required language data: names of lists, patterns and facts (`garble.languages`), or "lm" and "network" of a
    model. Without any, the signal is language-independent.
    prose: only meaningful in full sentences.
    """

    name: str
    output: Output
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
        """The reason for this evidence, with the placeholder `{span}`."""
        return self.explain(span) if self.explain else self.reason

    def values(self, batch: Batch, resolved: Values | None = None) -> Values:
        """The output of the function. Without `resolved`, the batch must contain its documents completely."""
        if self.survey is None:
            return self.function(batch)
        return self.function(batch, self.survey.resolve(*self.survey.collect(batch)) if resolved is None else resolved)

    @property
    def family(self) -> str:
        """The module that contains the signal."""
        return self.name.split(".")[0]

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return self.doc.splitlines()[0]

    @property
    def needed(self) -> str:
        """The requirements as text."""
        return f"needs {', '.join(self.needs)}".replace("_", " ") if self.needs else "language-independent"

    @property
    def sections(self) -> dict[str, list[str]]:
        """The sections of the docstring by heading; `Garbled` and `Clean` may occur several times."""
        parts = _SECTION.split(self.doc)[1:]
        sections: dict[str, list[str]] = {name: [] for name in _SECTIONS}
        for name, content in zip(parts[::2], parts[1::2], strict=True):
            sections[name].append(" ".join(content.split()))
        return sections

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the feature columns."""
        if self.output == "weighs":
            return tuple(f"{self.name}.{statistic}" for statistic in ("level", "worst"))
        return (self.name,)

    def columns(self, batch: Batch, values: Values) -> list[Floats]:
        """One array of shape (sentences,) per feature, from the output of the function."""
        if self.output == "measures":
            return [values.astype(np.float64)]
        rows = self.rows(batch)
        mean = row_means(values, rows)
        if self.output == "marks":
            return [mean]
        # Standard error of the mean: sampling error, which falls with the number of tokens, plus style, which does not.
        error = np.sqrt(1 / np.maximum(np.diff(rows), 1) + _STYLE**2)
        return [mean / error, worst_stretch(_beyond_style(values, rows), rows)[0]]

    def rows(self, batch: Batch) -> Ints:
        """Offsets that divide the values into sentences."""
        return batch.char_offsets if self.unit == "characters" else batch.token_offsets

    def evidence(self, batch: Batch, values: Values, sentences: Ints) -> tuple[Ints, Runs]:
        """The evidence in some sentences, as runs of characters of `batch.text`.

        Returns (runs,) sorted indices into `sentences`, and the runs. The evidence of a measure, and of a sentence
        without tokens, is the whole sentence.
        """
        rows = self.rows(batch)
        firsts = rows[sentences]
        lasts = firsts if self.output == "measures" else rows[sentences + 1]
        filled, bare = lasts > firsts, np.flatnonzero(lasts == firsts)
        cut = offsets(lasts - firsts)
        selected = values[spread(firsts, lasts)]
        if self.output == "weighs" and self.peaks:
            spans = runs(selected >= _least_of_peak(selected, cut), cut)
        elif self.output == "weighs":
            _, begins, ends = worst_stretch(_beyond_style(selected, cut), cut)
            spans = Runs(begins[filled], ends[filled])
        else:
            spans = runs(selected.astype(bool), cut)
        owner = np.searchsorted(cut, spans.starts, side="right") - 1
        shift = (firsts - cut[:-1])[owner]
        starts, ends = spans.starts + shift, spans.ends + shift
        if self.unit == "tokens":
            starts, ends = batch.starts[starts], batch.ends[ends - 1]
        owner = np.concatenate([owner, bare])
        order = np.argsort(owner, kind="stable")
        starts = np.concatenate([starts, batch.char_offsets[sentences[bare]]])
        ends = np.concatenate([ends, batch.char_offsets[sentences[bare] + 1] - 1])
        return owner[order], Runs(starts[order], ends[order])


def _least_of_peak(values: Values, rows: Ints) -> Floats:
    """(values,) the least value that is evidence: high, and close to the highest of its row."""
    filled = np.diff(rows) > 0
    highest = np.zeros(len(filled))
    if filled.any():
        highest[filled] = np.maximum.reduceat(values, rows[:-1][filled])
    return np.asarray(np.repeat(np.maximum(_PEAK, _NEAR_HIGHEST * highest), np.diff(rows)))


def _beyond_style(values: Values, rows: Ints) -> Floats:
    """Values minus the level of their sentence, so that an unusual style alone makes no worst stretch."""
    style = np.clip(row_means(values, rows), 0, None)
    return np.asarray(values - np.repeat(style, np.diff(rows)) - _SLACK)


def _signal(
    output: Output,
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
        return Signal(name, output, unit, needs, reason, doc, function, survey, peaks, prose, explain)

    return wrap


def marks(
    unit: Unit,
    reason: str,
    needs: Needs = (),
    prose: bool = False,
    survey: Survey | None = None,
    explain: Callable[[str], str] | None = None,
) -> Callable[[Function], Signal]:
    """Decorator for a signal that returns a boolean per token or character. Its feature is the share that is marked.

    explain: function from the evidence to the reason, if the reason varies.
    """
    return _signal("marks", unit, reason, needs, prose, survey, explain=explain)


def weighs(
    reason: str, needs: Needs = (), prose: bool = False, survey: Survey | None = None, peaks: bool = False
) -> Callable[[Function], Signal]:
    """Decorator for a signal that returns a float per token. Its features are the level and the worst stretch.

    peaks: the evidence is the highest words of a sentence, not the worst stretch.
    """
    return _signal("weighs", "tokens", reason, needs, prose, survey, peaks)


def measures(
    reason: str, needs: Needs = (), prose: bool = False, survey: Survey | None = None
) -> Callable[[Function], Signal]:
    """Decorator for a signal that returns a float per sentence, its feature. Its evidence is the whole sentence."""
    return _signal("measures", "sentences", reason, needs, prose, survey)
