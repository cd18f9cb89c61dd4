"""Fields of JSON files that anyone may have written, each checked before use.

The checks raise ValueError with the name of the field and what is wrong with it, without the path.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

SHA256 = re.compile(r"[0-9a-f]{64}")
# Largest size of a number where a field has no limits of its own.
HIGHEST = 1e9
# What a damaged file makes the checks, and what uses the fields, raise.
ERRORS = (OSError, KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)


def problem(error: Exception) -> str:
    """One of ERRORS in one line."""
    said = f"missing field {error}" if isinstance(error, KeyError) else str(error)
    return " ".join(said.split())


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
    # An int can be too large for a float, so it is compared before it becomes one.
    if not lowest <= value <= highest or not math.isfinite(value):
        raise ValueError(f"{what}: {shown(value)} is not between {lowest:g} and {highest:g}")
    return float(value)


def matching(value: Any, pattern: re.Pattern[str], what: str) -> str:
    """The value if it is a string of this form."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{what}: {shown(value)} does not match {pattern.pattern}")
    return value


def shown(value: Any) -> str:
    """The beginning of a value, short enough for one line; the digits of a huge number are not asked for."""
    if isinstance(value, int) and value.bit_length() > 200:
        return "a huge number"
    said = json.dumps(value)
    return said if len(said) <= 40 else f"{said[:40]}…"
