"""HTML: one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from garble.cli.tally import Scored


def page(scored: Iterator[Scored], stream: TextIO) -> Iterator[str]:
    """A page of all documents, as one chunk."""
    from garble.report.page import render

    items = list(scored)
    rendered = render([item.report for item in items], [item.name for item in items], [item.text for item in items])
    # The page declares UTF-8; ASCII is valid in any encoding, too.
    is_utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
    yield rendered if is_utf8 else rendered.encode("ascii", "xmlcharrefreplace").decode()
