"""Finds garbled text, sentence by sentence, without its source.

>>> import garble
>>> report = garble.score("I want to to to to to to go home.")
>>> report.garbled
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from garble.errors import GarbleError, InputError, ModelError, UsageError

if TYPE_CHECKING:
    from garble.repairs import Repair
    from garble.report import Report
    from garble.scorer import Scorer
    from garble.text.periodic import Loop, LoopGuard

__version__ = "0.1.0"
__all__ = [
    "GarbleError",
    "InputError",
    "Loop",
    "LoopGuard",
    "ModelError",
    "Repair",
    "Report",
    "Scorer",
    "UsageError",
    "loops",
    "repair",
    "score",
]


def score(text: str, markup: str = "auto") -> Report:
    """What is garbled in `text`, by the model `en-large` at the balanced threshold; `markup` as in `Scorer`."""
    from garble.scorer import Scorer

    return Scorer("en-large", markup=markup).score(text)


def repair(text: str) -> Repair:
    """The text with what is garbled mended as far as it can be, the edits, and what could not be mended."""
    from garble.repairs import repair as mend

    return mend(text)


def loops(text: str) -> tuple[Loop, ...]:
    """The stretches of `text` that go round in circles, in any language and layout."""
    from garble.text.periodic import loops as find

    return find(text)


def __getattr__(name: str) -> Any:
    # Imported when asked for, so that `garble --help` need not wait for numpy.
    if name in ("Loop", "LoopGuard"):
        from garble.text import periodic

        return getattr(periodic, name)
    if name in ("Repair", "Report", "Scorer"):
        from garble.repairs import Repair
        from garble.report import Report
        from garble.scorer import Scorer

        return {"Repair": Repair, "Report": Report, "Scorer": Scorer}[name]
    raise AttributeError(f"module 'garble' has no attribute {name!r}")
