"""Validation of fields of untrusted JSON files.

The checks raise ValueError with the name of the field and the problem, without the path.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

SHA256 = re.compile(r"[0-9a-f]{64}")
# Default limit for the absolute value of a number.
HIGHEST = 1e9
# Values in messages: characters, and bits of an integer.
_LONGEST_SHOWN, _MOST_BITS = 40, 200
# Exceptions that invalid files cause in these checks and in their callers.
ERRORS = (OSError, KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)


def problem(error: Exception) -> str:
    """The message of one of ERRORS, in one line."""
    message = f"missing field {error}" if isinstance(error, KeyError) else str(error)
    return " ".join(message.split())


def json_object(path: Path, largest: int) -> dict[str, Any]:
    """The JSON object in a file of at most `largest` bytes."""
    with path.open("rb") as file:
        raw = file.read(largest + 1)
    if len(raw) > largest:
        raise ValueError(f"larger than {largest:,} bytes")
    record = json.loads(raw.decode("utf-8"), parse_constant=_no_number)
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return record


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def listed(value: Any, what: str, most: int, least: int = 1) -> list[Any]:
    """The value if it is a list of `least` to `most` items."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise ValueError(f"{what}: expected a list of {least} to {most} items")
    return value


def numbers(values: Any, what: str, most: int) -> list[float]:
    """The values if they are a list of 1 to `most` numbers."""
    return [number(value, what) for value in listed(values, what, most)]


def number(value: Any, what: str, lowest: float = -HIGHEST, highest: float = HIGHEST) -> float:
    """The value if it is a finite number within the limits."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{what}: {shown(value)} is not a number")
    # Compared before the conversion, because an int may be too large for a float.
    if not lowest <= value <= highest or not math.isfinite(value):
        raise ValueError(f"{what}: {shown(value)} is not between {lowest:g} and {highest:g}")
    return float(value)


def matching(value: Any, pattern: re.Pattern[str], what: str) -> str:
    """The value if it is a string of this form."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{what}: {shown(value)} does not match {pattern.pattern}")
    return value


def shown(value: Any) -> str:
    """A value for messages, shortened to `_LONGEST_SHOWN` characters."""
    # Python refuses to format very large integers.
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return "a huge number"
    written = json.dumps(value)
    return written if len(written) <= _LONGEST_SHOWN else f"{written[:_LONGEST_SHOWN]}…"
