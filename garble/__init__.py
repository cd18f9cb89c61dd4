"""Finds garbled text, sentence by sentence, without its source.

>>> import garble
>>> report = garble.score("I want to to to to to to go home.")
>>> report.garbled
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from garble.mending import Repair
    from garble.report import Report
    from garble.scorer import Scorer

__version__ = "0.1.0"
__all__ = ["Repair", "Report", "Scorer", "repair", "score"]


def score(text: str, markup: str = "auto") -> Report:
    """What is garbled in `text`, by the English model at the balanced threshold; `markup` as in `Scorer`."""
    from garble.scorer import Scorer

    return Scorer(markup=markup).score(text)


def repair(text: str) -> Repair:
    """The text with what is garbled mended as far as it can be, the edits, and what could not be mended."""
    from garble.mending import repair as mend

    return mend(text)


def __getattr__(name: str) -> Any:
    # Imported when asked for, so that `garble --help` need not wait for numpy.
    if name in ("Repair", "Report", "Scorer"):
        from garble.mending import Repair
        from garble.report import Report
        from garble.scorer import Scorer

        return {"Repair": Repair, "Report": Report, "Scorer": Scorer}[name]
    raise AttributeError(f"module 'garble' has no attribute {name!r}")
