"""Workflow commands of GitHub Actions, which show flagged sentences as warnings in a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from textwrap import shorten

from garble.cli.formats.evidence import MAX_SIGNALS, evidence_of
from garble.cli.formats.places import Located, problems, worst
from garble.cli.formats.view import View
from garble.cli.tally import Scored
from garble.cli.terminal import visible

# Maximum characters of a sentence that are shown.
_LENGTH = 200
_ESCAPED = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_ESCAPED_PROPERTY = _ESCAPED | str.maketrans({":": "%3A", ",": "%2C"})


def commands(scored: Iterator[Scored], view: View) -> Iterator[str]:
    """One command per flagged sentence."""
    return map(_command, worst(problems(scored), view.top))


def _command(place: Located) -> str:
    from garble.report.reasons import reason

    name, lines, sentence = place
    line, column = lines.position(sentence.start)
    last = lines.position(sentence.end - 1)
    properties = {
        "file": name,
        "line": line,
        "col": column,
        "endLine": last.line,
        "title": f"garble: {reason([sentence])}",
    }
    listed = ",".join(f"{key}={str(value).translate(_ESCAPED_PROPERTY)}" for key, value in properties.items())
    return f"::warning {listed}::{_message(place).translate(_ESCAPED)}\n"


def _message(place: Located) -> str:
    """The score and the sentence, and a line per signal."""
    sentence = place.sentence
    head = f"score {sentence.score:.2f}: {shorten(sentence.text, _LENGTH, placeholder='…')}"
    reasons = (f"{signal}: {reason}" for signal, _, reason, _ in islice(evidence_of(sentence), MAX_SIGNALS))
    return "\n".join(map(visible, [head, *reasons]))
