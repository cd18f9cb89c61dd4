"""What is fuzzed: functions of bytes that raise for a fault of garble's, and only for one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from garble import GarbleError, InputError
from garble.filtering.decisions import UNITS, Statistics, annotation, decision
from garble.filtering.formats.base import Layout
from garble.filtering.plan import Plan, find_sources
from garble.filtering.run import run
from garble.filtering.streams import compressed
from garble.io import decode, encode
from garble.models import scorecard as model
from garble.repairs import repair
from garble.report import Report
from garble.report.page import render
from garble.scorer import Scorer

MODEL = Path(__file__).parents[2] / "models" / "en"

# Pieces that texts are strung together from, each up to some hundred times.
PIECES = [
    "The committee met on Tuesday. ", "I want to to to to go home. ", "the ", "no ", "Keir Starmer ", "a", "ab", "A. ",
    "U.S.", "K\xa0. ", "\u202e", "\u200b", "\xad", "“", "”", '"', "'", "«", "(", ")", "[", ".", "?!", "...", ", ", "- ",
    "\n", "\r", "\r\n", "\n\n", "\t", " ", "\x85", "\u2028", "\u2029", "\0", "\ud800", "\udfff", "\ufffd", "\ufeff",
    "漢字", "。", "ไทย", "😀", "👩\u200d🌾", "e\u0301", "\u0301", "Ã©", "Â£", "&amp;", "<b>", "</b>", "<", "# ", "| a ",
    "```\n", "1. ", "1,000.50 ", "0x00 ", "http://a.b/c ", "a@b.c ", "don't ", "gоvernment ", "Das Wetter war schön. ",
]  # fmt: skip


def text_of(data: bytes) -> str:
    """A text from bytes: pairs of a piece and how often it stands there, or the bytes as they are read."""
    if not data or data[0] % 4 == 0:
        return data[1:].decode("utf-8", "surrogateescape")
    parts = []
    for piece, times in zip(data[1::2], data[2::2], strict=False):
        parts.append(PIECES[piece % len(PIECES)] * (times % 8 if times < 250 else 100 * (times - 249)))
    return "".join(parts)[:20_000]


@cache
def scorers() -> tuple[Scorer, ...]:
    """One that flags what is usual, and one that flags everything."""
    return Scorer(), Scorer(threshold=0.0)


def scores(data: bytes) -> None:
    """A text gives a report whose places are places of the text, alone as in company."""
    text = text_of(data)
    for scorer in scorers():
        report, again = scorer.score_many([text, text])
        assert report == again
        hold(report, text)


def hold(report: Report, text: str) -> None:
    """The laws of a report."""
    assert 0 <= report.score <= 1
    json.dumps(report.to_dict())
    for sentence in report.sentences:
        assert 0 <= sentence.score <= 1
        assert text[sentence.start : sentence.end] == sentence.text
        for finding in sentence.findings:
            assert sentence.start <= finding.start < finding.end <= sentence.end
    assert all(one.end <= other.start for one, other in pairwise(report.sentences))


def decides(data: bytes) -> None:
    """Of a text that is filtered nothing is lost but what is cut, and white space."""
    text = text_of(data)
    for scorer in scorers():
        report = scorer.score(text)
        annotation(report)
        for unit in UNITS:
            found = decision(report, unit)
            edges = [0, *(edge for cut in found.cuts for edge in (cut.start, cut.end)), len(text)]
            outside = "".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
            assert "".join(found.kept(text).split()) == "".join(outside.split())
            Statistics().add(found, len(text))


def shows(data: bytes) -> None:
    """A text can be shown."""
    text = text_of(data)
    render([scorers()[1].score(text)], texts=[text])


def repairs(data: bytes) -> None:
    """A text can be repaired, and its edits say where they were made."""
    text = text_of(data)[:2_000]
    repaired = repair(text)
    assert all(text[edit.start : edit.end] == edit.before for edit in repaired.edits)


def decodes(data: bytes) -> None:
    """Bytes are a text that can be written back, or are refused in one line."""
    encodings = (None, "cp1252", "utf-16", "utf-8-sig", "shift_jis", "utf-7")
    encoding = encodings[data[0] % len(encodings)] if data else None
    try:
        text = decode(data[1:], "a.txt", encoding)
    except InputError as error:
        line = str(error)
    else:
        if encoding is None:
            assert encode(text, data[1:]) == data[1:]
        return
    assert len(line.splitlines()) == 1


def filters(data: bytes) -> None:
    """Every record of a file is kept, dropped or in error, and nothing else ends the run than one line."""
    forms = [".jsonl", ".csv", ".tsv", ".txt"]
    form = forms[data[0] % 4] if data else ".jsonl"
    compression = ["", "", ".gz", ".bz2", ".xz"][data[1] % 5] if len(data) > 1 else ""
    body = data[2:]
    if len(body) % 3:
        record = {".jsonl": b'{"text": "It rained."}\n', ".txt": b"It rained.\n"}.get(form, b"text\nIt rained.\n")
        body = record + body
    raw = compressed(body, compression)
    # Every other compressed file is damaged.
    if compression and data[1] % 2:
        place = data[1] * len(raw) // 256
        raw = raw[:place] + bytes([raw[place] ^ data[0] | 1]) + raw[place + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, f"in{form}{compression}")
        source.write_bytes(raw)
        places = {role: str(Path(folder, f"{role}{form}")) for role in ("kept", "rejected")}
        errors = str(Path(folder, "errors.jsonl"))
        plan = Plan(find_sources([str(source)]), **places, errors=errors, layout=Layout(block=64))
        with suppress(InputError):
            *_, last = run(plan)
            counts = last.progress.statistics.counts
            assert counts["kept"] + counts["dropped"] == counts["documents"]
            told = [json.loads(line) for line in Path(errors).read_bytes().splitlines()]
            assert len(told) == last.progress.problems.total() + last.progress.unread
            # Of an input that cannot be read at all nothing is written.
            if form == ".jsonl" and not last.progress.unread:
                kept = [Path(place).read_bytes() for place in places.values()]
                assert sum(raw.count(b"\n") for raw in kept) >= counts["documents"] - 1


def journals(data: bytes) -> None:
    """A journal of any bytes is refused in one line, or says that nothing was begun."""
    with tempfile.TemporaryDirectory() as folder:
        source, kept = Path(folder, "in.txt"), Path(folder, "kept.txt")
        source.write_text("It rained.\n")
        Path(folder, "kept.txt.resume").write_bytes(data)
        with suppress(InputError):
            for _ in run(Plan(find_sources([str(source)]), str(kept)), resume=True):
                pass


@cache
def _scorecard() -> bytes:
    record = json.loads((MODEL / "scorecard.json").read_bytes())
    record.pop("files", None)
    record["features"] = record["features"][:2]
    return json.dumps(record).encode()


def models(data: bytes) -> None:
    """A scorecard with some bytes changed is refused in one line, or scores."""
    raw = bytearray(_scorecard())
    for high, low, byte in zip(data[::3], data[1::3], data[2::3], strict=False):
        raw[(high * 256 + low) % len(raw)] = byte
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "scorecard.json").write_bytes(raw)
        try:
            card = model.load(Path(folder, "scorecard.json"))
        except GarbleError as error:
            line = str(error)
        else:
            found = card.predict(np.linspace(-10, 10, 7)[:, None] * np.ones(len(card.features)))
            assert ((found >= 0) & (found <= 1)).all()
            return
    assert len(line.splitlines()) == 1


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (scores, decides, shows, repairs, decodes, filters, journals, models)
}
