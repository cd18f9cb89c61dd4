"""SARIF 2.1.0, the Static Analysis Results Interchange Format of OASIS."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from garble import __version__
from garble.cli.baseline import sentence_hash
from garble.cli.formats.evidence import evidence_of
from garble.cli.formats.json import dumped
from garble.cli.formats.places import Lines, Located, problems, worst
from garble.cli.formats.view import View
from garble.cli.tally import Scored, Tally
from garble.cli.terminal import sections_markdown

if TYPE_CHECKING:
    from garble.signals.base import Signal

Object = dict[str, Any]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# Base of relative paths: the folder that garble was started in, usually the root of the repository.
_BASE = "%SRCROOT%"
_FINGERPRINT = "garbleSentence/v1"
_OVERALL = "No signal stands out: weak evidence of many signals together makes the text garbled."


def log(scored: Iterator[Scored], view: View, tally: Tally, ascii_only: bool) -> Iterator[str]:
    """A log with one run, as one chunk. Each flagged sentence is a result, and each signal is a rule."""
    rules = _rules()
    indexes = {rule["id"]: index for index, rule in enumerate(rules)}
    seen: Counter[tuple[str, str]] = Counter()
    results = [_result(place, indexes, seen) for place in worst(problems(scored), view.top)]
    run = {
        "tool": {"driver": {"name": "garble", "version": __version__, "rules": rules}},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {_BASE: {"description": {"text": "The folder that garble was started in."}}},
        # All inputs have been read by now.
        "invocations": [{"executionSuccessful": not tally.unread}],
        "results": results,
    }
    yield dumped({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ascii_only) + "\n"


def _rules() -> list[Object]:
    from garble.report.reasons import OVERALL
    from garble.signals import ALL_SIGNALS

    description = {"text": _OVERALL}
    overall = {"id": OVERALL, "shortDescription": description, "fullDescription": description, "help": description}
    return [*map(_rule, ALL_SIGNALS), overall]


def _rule(signal: Signal) -> Object:
    return {
        "id": signal.name,
        "shortDescription": {"text": signal.summary},
        "fullDescription": {"text": " ".join([signal.summary, *signal.sections["Why it is garble"]])},
        "help": {"text": signal.doc, "markdown": sections_markdown(signal)},
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": [signal.family]},
    }


def _result(place: Located, indexes: dict[str, int], seen: Counter[tuple[str, str]]) -> Object:
    """The result of a sentence, whose rule is the reason. seen: fingerprints so far, by name of the input."""
    from garble.report.reasons import reason

    name, lines, sentence = place
    evidence = list(evidence_of(sentence))
    reasons = "; ".join(f"{part.signal}: {part.reason}" for part in evidence) or _OVERALL
    rule = reason([sentence])
    related = [
        {**_location(name, lines, finding.start, finding.end), "message": {"text": finding.reason}}
        for part in evidence
        for finding in part.findings
    ]
    return {
        "ruleId": rule,
        "ruleIndex": indexes[rule],
        "level": "warning",
        "message": {"text": f"Garbled sentence, score {sentence.score:.2f}. {reasons}"},
        "locations": [_location(name, lines, sentence.start, sentence.end)],
        "relatedLocations": related,
        "partialFingerprints": {_FINGERPRINT: _fingerprint(name, sentence.text, seen)},
        "rank": 100 * sentence.score,
        "properties": {"score": sentence.score, "kind": sentence.kind},
    }


def _location(name: str, lines: Lines, start: int, end: int) -> Object:
    first, last = lines.utf16_position(start), lines.utf16_end(end)
    region = {
        "startLine": first.line,
        "startColumn": first.column,
        "endLine": last.line,
        "endColumn": last.column,
    }
    return {"physicalLocation": {"artifactLocation": _artifact(name), "region": region}}


def _artifact(name: str) -> Object:
    """A file as a URI: relative to the base, or absolute."""
    path = Path(name)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(os.fsencode(path.as_posix())), "uriBaseId": _BASE}


def _fingerprint(name: str, text: str, seen: Counter[tuple[str, str]]) -> str:
    """The hash of the sentence, with a number for repeated sentences; it does not depend on the line."""
    digest = sentence_hash(text)
    seen[name, digest] += 1
    return f"{digest}:{seen[name, digest]}"
