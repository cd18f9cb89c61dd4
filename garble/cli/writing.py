"""Where results are written: standard output, or a file that appears when it is whole."""

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
    """Standard output, or a file that is written beside `path` and renamed when it is whole."""
    if path is None or str(path) == STDIN:
        if sys.stdout is None:
            raise click.ClickException("standard output: closed")
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            yield sys.stdout
            sys.stdout.flush()
        except OSError as error:
            # What is still in the buffer must not fail once more when Python exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            # A closed pipe is a reader who has seen enough.
            if not isinstance(error, BrokenPipeError):
                raise click.ClickException(f"standard output: {problem_of(error)}") from error
        return
    target = path.resolve()
    # What is no regular file, such as /dev/null, must not be renamed over.
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


def write_over(path: Path, raw: bytes) -> None:
    """Replace a file's bytes in one stroke; its mode stays."""
    target = path.resolve()
    try:
        with replacing(target) as part:
            with part.open("xb") as file:
                file.write(raw)
            part.chmod(stat.S_IMODE(target.stat().st_mode))
    except OSError as error:
        raise click.ClickException(f"{path}: {problem_of(error)}") from error
