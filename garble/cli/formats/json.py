"""JSON and JSON Lines: the reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from garble.cli.formats.view import View
from garble.cli.readability import readability
from garble.cli.tally import Scored
from garble.cli.terminal import UNSAFE


def array(scored: Iterator[Scored], view: View, ascii_only: bool) -> Iterator[str]:
    """One array of reports, a line each."""
    before = "["
    for item in scored:
        yield f"{before}\n{dumped(_record(item, view), ascii_only)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def lines(scored: Iterator[Scored], view: View, ascii_only: bool) -> Iterator[str]:
    """One report per line."""
    return (f"{dumped(_record(item, view), ascii_only)}\n" for item in scored)


def dumped(value: object, ascii_only: bool) -> str:
    """JSON in one line, in which control characters, direction marks and surrogates are escaped."""
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=ascii_only))


def _record(item: Scored, view: View) -> dict[str, Any]:
    stats = {"stats": readability(item.text)} if view.stats else {}
    return {"file": item.name, **item.report.to_dict(), **stats}
