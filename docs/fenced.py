"""An extension of griffe: the doctests of docstrings are code blocks on the API page, not quotes."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_DOCTEST = re.compile(r"^>>> (?:.+(?:\n|\Z))+", re.M)


class Fenced(Extension):
    """Puts fences around doctests."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Change the docstring of an object that was read."""
        if obj.docstring:
            obj.docstring.value = _DOCTEST.sub(_fenced, obj.docstring.value)


def _fenced(code: re.Match[str]) -> str:
    return f"```python\n{code[0].rstrip()}\n```\n"
