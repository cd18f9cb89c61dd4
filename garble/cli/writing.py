"""Write results to standard output, or to a file that is replaced atomically."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import click

from garble.io import STDIN, problem_of, replacing


@contextmanager
def writing(path: Path | None, overwrite: bool = False) -> Iterator[TextIO]:
    """Open standard output, or a temporary file that is renamed to `path` when it is complete."""
    if path is None or str(path) == STDIN:
        if sys.stdout is None:
            raise click.ClickException("standard output: closed")
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            yield sys.stdout
            sys.stdout.flush()
        except OSError as error:
            # Discard the buffer, so that it does not fail again when Python exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            # A closed pipe is not an error: the reader needs no more output.
            if not isinstance(error, BrokenPipeError):
                raise click.ClickException(f"standard output: {problem_of(error)}") from error
        return
    target = path.resolve()
    # A special file, such as /dev/null, must not be replaced by renaming.
    is_special = os.path.exists(target) and not os.path.isfile(target)
    if os.path.isfile(target) and not overwrite:
        raise click.ClickException(f"{path}: exists; use --overwrite to replace it")
    try:
        if is_special:
            with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
                yield stream
        else:
            with (
                replacing(target) as part,
                part.open("x", encoding="utf-8", errors="backslashreplace", newline="") as stream,
            ):
                yield stream
    except OSError as error:
        raise click.ClickException(f"{path}: {problem_of(error)}") from error


def replace_content(path: Path, raw: bytes) -> None:
    """Replace the content of a file atomically; its mode is kept."""
    target = path.resolve()
    try:
        with replacing(target) as part:
            with part.open("xb") as file:
                file.write(raw)
            part.chmod(stat.S_IMODE(target.stat().st_mode))
    except OSError as error:
        raise click.ClickException(f"{path}: {problem_of(error)}") from error
