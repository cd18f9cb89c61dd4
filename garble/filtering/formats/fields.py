"""The texts of a JSON record, by the path of their field.

`content.body` is a field of a nested object, and `messages[].content` a field of each item of a list. A field whose
name is the whole path goes first.

>>> record = {"messages": [{"content": "Hello."}, {"content": None}, {"content": "Hi."}]}
>>> [(part.text, part.field) for part in texts_in(record, "messages[].content")]
[('Hello.', 'messages[0].content'), ('Hi.', 'messages[2].content')]
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# Whitespace of JSON.
SPACE = " \t\r\n"
# The step to each item of a list.
ITEMS = "[]"
_DECODER = json.JSONDecoder()


class Part(NamedTuple):
    """A text of a record.

    field: its path if the record has a list of texts, such as "messages[2].content". markup: that of the text, if it is
    known.
    """

    text: str
    field: str = ""
    markup: str | None = None


class FieldError(ValueError):
    """A record without a text at the path: `FieldError(kind, detail)` of the problem."""


def texts_in(record: Mapping[str, Any], field: str) -> tuple[Part, ...]:
    """The texts at a path. Items of a list without a text, or with null, have none.

    Raises FieldError for a record without a text, and for a value that is not a string.
    """
    if field in record:
        return (Part(_checked(record[field], field)),)
    steps = steps_of(field)
    texts = tuple(Part(text, name if is_list(field) else "") for name, text in _texts(record, steps, "", False))
    if not texts:
        raise FieldError("missing field", f"no text in {field!r}")
    return texts


def steps_of(field: str) -> tuple[str, ...]:
    """The steps of a path: the name of a field, or "[]" for each item of a list."""
    names = [name for part in field.split(".") for name in part.replace(ITEMS, f".{ITEMS}").split(".")]
    return tuple(name for name in names if name) or (field,)


def is_list(field: str) -> bool:
    """Whether a path can have several texts."""
    return ITEMS in steps_of(field)


def text_spans(line: str, field: str) -> list[tuple[int, int]]:
    """The spans of the texts of `texts_in` in a line of JSON, with their quotation marks."""
    start = line.index("{")
    steps = steps_of(field) if member_start(line, start, field) is None else (field,)
    starts = [start for start in _starts(line, start, steps) if line[start] == '"']
    return [(start, value_end(line, start)) for start in starts]


def member_start(line: str, start: int, name: str) -> int | None:
    """Where the value of a field begins in the object at `start`; of the last one if there are several."""
    found = None
    position = skip(line, start + 1, SPACE)
    while line[position] != "}":
        key, position = _DECODER.raw_decode(line, position)
        value = skip(line, skip(line, position, SPACE) + 1, SPACE)
        if key == name:
            found = value
        position = _next(line, value)
    return found


def value_end(line: str, start: int) -> int:
    """Where the JSON value at `start` ends."""
    return _DECODER.raw_decode(line, start)[1]


def skip(line: str, position: int, characters: str) -> int:
    """The position of the first character that is not one of `characters`."""
    while line[position] in characters:
        position += 1
    return position


def kind_of(value: object) -> str:
    """The kind of a JSON value, for messages."""
    names = {"NoneType": "null", "bool": "a boolean", "list": "a list", "dict": "an object", "str": "a string"}
    return names.get(type(value).__name__, "a number")


def _texts(value: Any, steps: Sequence[str], name: str, in_list: bool) -> Iterator[tuple[str, str]]:
    """The path and text of each value at the steps from a value on. in_list: whether it is in a list."""
    if in_list and value is None:
        return
    if not steps:
        yield name, _checked(value, name)
        return
    step, rest = steps[0], steps[1:]
    if step == ITEMS:
        if not isinstance(value, list):
            raise FieldError("not a list", f"field {name!r} is {kind_of(value)}, not a list")
        for i, item in enumerate(value):
            yield from _texts(item, rest, f"{name}[{i}]", True)
        return
    if not isinstance(value, dict):
        raise FieldError("not an object", f"field {name!r} is {kind_of(value)}, not an object")
    path = f"{name}.{step}" if name else step
    if step in value:
        yield from _texts(value[step], rest, path, in_list)
    elif not in_list:
        raise FieldError("missing field", f"no field {path!r}")


def _checked(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise FieldError("not a string", f"field {name!r} is {kind_of(value)}, not a string")
    return value


def _starts(line: str, start: int, steps: Sequence[str]) -> Iterator[int]:
    """Where the values at the steps begin, from the value at `start` on."""
    if not steps:
        yield start
    elif steps[0] == ITEMS and line[start] == "[":
        position = skip(line, start + 1, SPACE)
        while line[position] != "]":
            yield from _starts(line, position, steps[1:])
            position = _next(line, position)
    elif steps[0] != ITEMS and line[start] == "{":
        value = member_start(line, start, steps[0])
        if value is not None:
            yield from _starts(line, value, steps[1:])


def _next(line: str, start: int) -> int:
    """Where the next value or field begins after the value at `start`, or the position of the closing bracket."""
    position = skip(line, value_end(line, start), SPACE)
    return skip(line, position + 1, SPACE) if line[position] == "," else position
