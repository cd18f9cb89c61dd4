"""What garble raises when it is given something it cannot work with: always one line, always a ValueError too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# Characters of a value that an error quotes.
_SHOWN = 60


class GarbleError(ValueError):
    """Any error of garble's own; its message is one line."""


class InputError(GarbleError):
    """An input that cannot be read: `InputError(name, problem)`, shown as the one line `name: problem`."""

    def __str__(self) -> str:
        return ": ".join(self.args)


class ModelError(GarbleError):
    """A model that is missing, damaged, or made for another garble."""


class UsageError(GarbleError):
    """An argument that does not exist or has the wrong type: a threshold, a unit, a signal."""


def checked_text(value: object, name: str = "text") -> str:
    """The value if it is a string. Raises InputError, which says what came instead, if it is none."""
    if isinstance(value, str):
        return value
    hint = "; decode it first" if isinstance(value, bytes | bytearray) else ""
    raise InputError(name, f"expected a string, got {type(value).__name__}{hint}")


def checked_texts(texts: Iterable[str], name: str = "texts") -> Iterator[str]:
    """The strings of an iterable, each checked as it is read; an error names the index.

    Raises UsageError at once for a single string, whose items would be its characters, and for what has no items.
    """
    if isinstance(texts, str | bytes | bytearray) or not isinstance(texts, Iterable):
        raise UsageError(f"{name}: expected an iterable of strings, got {type(texts).__name__}")
    return (checked_text(text, f"{name}[{index}]") for index, text in enumerate(texts))


def quoted(value: object) -> str:
    """A value that came from outside, short enough for an error's one line."""
    said = repr(str(value))
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
