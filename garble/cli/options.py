"""Options of several commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from garble.scorer import Scorer

Command = TypeVar("Command", bound=Callable[..., Any])

# The options that are also keys of a configuration file, each with its environment variable.
SETTINGS = {
    name: f"GARBLE_{name.upper()}" for name in ("model", "threshold", "without", "reader", "language", "markup")
}
CHOICES = {
    "reader": ("all", "unsure", "off"),
    "markup": ("auto", "none", "text", "markdown", "html", "srt", "vtt"),
}


def scoring(model: str, with_threshold: bool = True) -> Callable[[Command], Command]:
    """The options of commands that score. model: the default."""

    def add(command: Command) -> Command:
        model_option = _setting("model", default=model, metavar="NAME|PATH", help="Model name or folder.")
        for option in (_WITHOUT, *([_THRESHOLD] if with_threshold else []), model_option):
            command = option(command)
        return command

    return add


def reading(default: str) -> Callable[[Command], Command]:
    """The option --reader. default: the default value."""
    return _setting(
        "reader",
        type=click.Choice(CHOICES["reader"]),
        default=default,
        help="Sentences that the reader reads: all, those of documents that the scorecard is unsure of, or none.",
    )


def _setting(name: str, **options: Any) -> Callable[[Command], Command]:
    """An option that is also read from the environment."""
    return click.option(f"--{name}", envvar=SETTINGS[name], show_envvar=True, show_default=True, **options)


_THRESHOLD = _setting(
    "threshold",
    default="balanced",
    metavar="strict|balanced|loose|NUMBER|FILE",
    help="Score at which a sentence is flagged. strict flags at most 0.1 % of human sentences, balanced 1 %, "
    "loose 5 %. FILE is written by garble calibrate.",
)
_WITHOUT = _setting(
    "without",
    multiple=True,
    metavar="NAME",
    help="Disable a signal or a family of signals; can be repeated.",
)
# Unreadable files are reported one by one; the type completes names in the shell.
FILES = click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(readable=False))
FIELD = click.option(
    "--field",
    default="text",
    show_default=True,
    help="Field or column that holds the text. A path leads into nested fields: content.body, messages[].content.",
)
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
MARKUP = _setting(
    "markup",
    type=click.Choice(CHOICES["markup"]),
    default="auto",
    help="Markup of the texts. auto: by file extension for files that are one text, otherwise by content.",
)
LANGUAGE = _setting(
    "language",
    default="auto",
    metavar="auto|CODE",
    help="The language of all texts, such as en; auto finds that of each. A signal is off in a language that lacks "
    "what it needs.",
)
ENCODING = click.option(
    "--encoding",
    metavar="NAME",
    help="Encoding of files without a byte order mark, such as cp1252, or auto to guess.",
)


_CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Configuration file to use instead of the nearest garble.toml or pyproject.toml.",
)
_ISOLATED = click.option("--isolated", is_flag=True, help="Ignore all configuration files.")


def configuring(command: Command) -> Command:
    """The options --config and --isolated."""
    return _CONFIG(_ISOLATED(command))


def markup_for(scorer: Scorer, name: str) -> str:
    """The markup of a file by its name, unless the scorer has a fixed one."""
    from garble.text.markups import markup_of

    return markup_of(name) if scorer.markup == "auto" else scorer.markup
