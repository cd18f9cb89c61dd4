"""What docs/ says of the code is what the code says."""

from __future__ import annotations

from pathlib import Path

from garble.cli.terminal import gallery
from garble.signals import EVERY

DOCS = Path(__file__).parent.parent / "docs"


def test_the_page_of_signals_is_made_from_their_docstrings() -> None:
    """Refresh it with `garble signals --format markdown > docs/signals.md`."""
    assert (DOCS / "signals.md").read_text(encoding="utf-8") == gallery(EVERY)
