"""Options of several commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from garble.scorer import Scorer

Command = TypeVar("Command", bound=Callable[..., Any])


def scoring(model: str, with_threshold: bool = True) -> Callable[[Command], Command]:
    """The options of commands that score. model: the default."""

    def add(command: Command) -> Command:
        model_option = click.option(
            "--model", default=model, show_default=True, metavar="NAME|PATH", help="Model name or folder."
        )
        for option in (_WITHOUT, *([_THRESHOLD] if with_threshold else []), model_option):
            command = option(command)
        return command

    return add


def reading(default: str) -> Callable[[Command], Command]:
    """The option --reader. default: the default value."""
    return click.option(
        "--reader",
        type=click.Choice(["all", "unsure", "off"]),
        default=default,
        show_default=True,
        help="Sentences that the reader reads: all, those of documents that the scorecard is unsure of, or none.",
    )


_THRESHOLD = click.option(
    "--threshold",
    default="balanced",
    show_default=True,
    metavar="strict|balanced|loose|NUMBER|FILE",
    help="Score at which a sentence is flagged. strict flags at most 0.1 % of human sentences, balanced 1 %, "
    "loose 5 %. FILE is written by garble calibrate.",
)
_WITHOUT = click.option(
    "--without",
    multiple=True,
    metavar="NAME",
    help="Disable a signal or a family of signals; can be repeated.",
)
FIELD = click.option("--field", default="text", show_default=True, help="Field or column that holds the text.")
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
MARKUP = click.option(
    "--markup",
    type=click.Choice(["auto", "none", "text", "markdown", "html", "srt", "vtt"]),
    default="auto",
    show_default=True,
    help="Markup of the texts. auto: by file extension for files that are one text, otherwise by content.",
)
LANGUAGE = click.option(
    "--language",
    default="auto",
    show_default=True,
    metavar="auto|CODE",
    help="The language of all texts, such as en; auto finds that of each. A signal is off in a language that lacks "
    "what it needs.",
)
ENCODING = click.option(
    "--encoding",
    metavar="NAME",
    help="Encoding of files without a byte order mark, such as cp1252, or auto to guess.",
)


def markup_for(scorer: Scorer, name: str) -> str:
    """The markup of a file by its name, unless the scorer has a fixed one."""
    from garble.text.markups import markup_of

    return markup_of(name) if scorer.markup == "auto" else scorer.markup
