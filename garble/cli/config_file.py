"""Configuration files: garble.toml, or [tool.garble] in pyproject.toml. docs/configuration.md describes the keys."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from garble.cli.options import CHOICES, SETTINGS
from garble.errors import InputError, quoted
from garble.io import read_bytes

NAMES = ("garble.toml", "pyproject.toml")
_TABLE = "tool.garble"
# Keys with an array of strings, and keys that are allowed outside and inside overrides.
_ARRAYS = frozenset({"without", "include", "exclude", "paths"})
_KEYS, _OVERRIDE_KEYS = (*SETTINGS, "include", "exclude", "overrides"), ("paths", *SETTINGS)
_TYPES = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "an array", dict: "a table"}
_HEADER = re.compile(r"\s*\[\[?\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*=")


class Setting(NamedTuple):
    """A value, and where it comes from, such as "garble.toml:3"."""

    value: Any
    source: str


Settings = Mapping[str, Setting]


class Override(NamedTuple):
    """Settings for the files that match one of the globs."""

    paths: tuple[str, ...]
    settings: Settings


class ConfigFile(NamedTuple):
    """A configuration file. folder: the folder that its globs and paths are relative to."""

    folder: Path
    settings: Settings
    overrides: tuple[Override, ...]

    def at(self, path: str) -> Settings:
        """The settings for a file. Later overrides win over earlier ones."""
        inside = self.inside(path) if self.overrides else ""
        settings = dict(self.settings)
        for override in self.overrides:
            if any(matches(glob, inside) for glob in override.paths):
                settings |= override.settings
        return settings

    def inside(self, path: str) -> str:
        """The path relative to the folder, with slashes."""
        return Path(os.path.relpath(path, self.folder)).as_posix()


def nearest(folder: Path) -> ConfigFile | None:
    """The configuration file in a folder, or in the nearest folder above it that has one."""
    for path in (above / name for above in (folder, *folder.parents) for name in NAMES):
        if os.path.isfile(path) and (file := load(path)):
            return file
    return None


def load(path: Path) -> ConfigFile | None:
    """Read a configuration file; None for a pyproject.toml without [tool.garble].

    Raises InputError, with the path and the key, for an invalid file.
    """
    # Imported here, because most runs have no configuration file.
    import tomllib

    path = Path(os.path.abspath(path))
    name = _displayed(path)
    try:
        text = read_bytes(path).decode("utf-8")
        record: Any = tomllib.loads(text)
    except InputError as error:
        raise InputError(name, error.args[1]) from error
    except UnicodeDecodeError as error:
        raise InputError(name, "not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise InputError(name, f"not valid TOML: {error}") from error
    table = _TABLE if path.name == "pyproject.toml" else ""
    if table:
        tools = record.get("tool", {})
        if not isinstance(tools, dict) or "garble" not in tools:
            return None
        record = tools["garble"]
    try:
        return _config_file(record, path.parent, name, _line_numbers(text, table))
    except ValueError as error:
        raise InputError(name, str(error)) from error


def _config_file(record: Any, folder: Path, name: str, lines: Mapping[tuple[int, str], int]) -> ConfigFile:
    """The checked content of a file. Raises ValueError with the key.

    lines: line of each key, by number of the override (0 outside) and key.
    """
    if not isinstance(record, dict):
        raise ValueError(f"{_TABLE}: expected a table, got {_shown(record)}")

    def settings(table: Mapping[str, Any], number: int) -> dict[str, Setting]:
        sources = {key: f"{name}:{lines[number, key]}" if (number, key) in lines else name for key in table}
        return {key: Setting(_resolved(key, _checked(key, table[key]), folder), sources[key]) for key in table}

    tables = record.pop("overrides", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError("overrides: expected an array of tables")
    _check_keys(record, _KEYS)
    overrides = []
    for number, table in enumerate(tables, start=1):
        _check_keys(table, _OVERRIDE_KEYS, " in overrides")
        if "paths" not in table:
            raise ValueError("overrides: missing key 'paths'")
        paths = _checked("paths", table.pop("paths"))
        overrides.append(Override(paths, settings(table, number)))
    return ConfigFile(folder, settings(record, 0), tuple(overrides))


def _check_keys(table: Mapping[str, Any], known: Sequence[str], where: str = "") -> None:
    """Raises ValueError for an unknown key, with the nearest name."""
    for key in table:
        if key not in known:
            similar = get_close_matches(key, known, n=1)
            hint = f"did you mean {similar[0]!r}?" if similar else f"supported: {', '.join(known)}"
            raise ValueError(f"unknown key {quoted(key)}{where}; {hint}")


def _checked(key: str, value: Any) -> Any:
    """The value of a key; arrays as tuples. Raises ValueError for a wrong type."""
    if key in _ARRAYS:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{key}: expected an array of strings, got {_shown(value)}")
        return tuple(value)
    if key in CHOICES:
        if value not in CHOICES[key]:
            raise ValueError(f"{key}: expected one of {', '.join(CHOICES[key])}, got {_shown(value)}")
        return value
    is_number = key == "threshold" and isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, str) and not is_number:
        expected = "a string or a number" if key == "threshold" else "a string"
        raise ValueError(f"{key}: expected {expected}, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    """A value in a message: a string, or the type of another value."""
    return quoted(value) if isinstance(value, str) else _TYPES.get(type(value), "a date or time")


def _resolved(key: str, value: Any, folder: Path) -> Any:
    """The value; the path of a model or of a calibrated threshold is relative to the folder of the file."""
    found = {"model": "scorecard.json", "threshold": ""}
    is_path = key in found and isinstance(value, str) and os.path.isfile(folder / value / found[key])
    return str(folder / value) if is_path else value


def _displayed(path: Path) -> str:
    """The path in messages: relative to the working directory if it is there."""
    folder = Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _line_numbers(text: str, table: str) -> dict[tuple[int, str], int]:
    """The line of each key of the table, by number of the override (0 outside) and key; for messages.

    Keys in inline tables and dotted keys are missing.
    """
    numbers: dict[tuple[int, str], int] = {}
    overrides = f"{table}.overrides".lstrip(".")
    count, current = 0, None if table else 0
    for line_number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.match(line):
            count += header[1] == overrides
            current = count if header[1] == overrides else 0 if header[1] == table else None
        elif current is not None and (key := _KEY.match(line)):
            numbers.setdefault((current, key[1]), line_number)
    return numbers


def matches(glob: str, path: str) -> bool:
    """Whether a glob matches a path, or a folder above it.

    "*" stands for any characters of a name, "**" for any number of folders. A glob without a slash matches a name in
    any folder.
    """
    globs = [name for name in glob.split("/") if name not in ("", ".")]
    if "/" not in glob.rstrip("/"):
        globs.insert(0, "**")
    names = path.split("/")
    # The numbers of names that the globs so far can match.
    matched = {0}
    for pattern in globs:
        if pattern == "**":
            matched = set(range(min(matched, default=len(names)), len(names)))
        else:
            matched = {n + 1 for n in matched if n < len(names) and fnmatchcase(names[n], pattern)}
    return bool(matched)
