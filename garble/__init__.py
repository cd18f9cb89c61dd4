"""Finds garbled text, sentence by sentence, without its source.

>>> import garble
>>> report = garble.score("I want to to to to to to go home.")
>>> report.garbled
True
"""

from __future__ import annotations

from importlib import import_module
from logging import NullHandler, getLogger
from typing import TYPE_CHECKING, Any, Unpack

from garble.errors import GarbleError, InputError, ModelError, UsageError

if TYPE_CHECKING:
    from garble.filtering import Prefilter
    from garble.repairs import Repair
    from garble.report import Report
    from garble.report.findings import Finding
    from garble.scorer import Scorer, Settings
    from garble.text.periodic import Loop, LoopGuard

# Log records are shown only if the program that imports garble asks for them.
getLogger(__name__).addHandler(NullHandler())

__version__ = "0.1.0"
__all__ = [
    "Finding",
    "GarbleError",
    "InputError",
    "Loop",
    "LoopGuard",
    "ModelError",
    "Prefilter",
    "Repair",
    "Report",
    "Scorer",
    "UsageError",
    "loops",
    "repair",
    "score",
]


def score(text: str, *, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> Report:
    """Score one text.

    scorer: the Scorer to use; else the settings are those of `Scorer`, with the model "en-large" by default. To score
    many texts, make a `Scorer` once and call its `score_many`.
    """
    from garble.scorer import scorer_of

    return scorer_of(scorer, settings, model="en-large").score(text)


def repair(
    text: str, *, drop_unresolved: bool = False, scorer: Scorer | None = None, **settings: Unpack[Settings]
) -> Repair:
    """Repair one text: the repaired text, the edits, and the sentences that are still garbled.

    drop_unresolved: remove the sentences that cannot be repaired. scorer: the Scorer to use; else the settings are
    those of `Scorer`, with `reader` "off" by default.
    """
    from garble.repairs import repair as apply_repair
    from garble.scorer import scorer_of

    return apply_repair(text, scorer=scorer_of(scorer, settings, reader="off"), drop_unresolved=drop_unresolved)


def loops(text: str) -> tuple[Loop, ...]:
    """The stretches of `text` that go round in circles, in any language and layout."""
    from garble.text.periodic import loops as find

    return find(text)


# Where the names live that are imported on first use, so that `garble --help` need not wait for numpy.
_LAZY = {
    "Finding": "garble.report.findings",
    "Loop": "garble.text.periodic",
    "LoopGuard": "garble.text.periodic",
    "Prefilter": "garble.filtering",
    "Repair": "garble.repairs",
    "Report": "garble.report",
    "Scorer": "garble.scorer",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'garble' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
