"""`garble config`."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from garble.cli.configuration import Configuration
from garble.cli.options import LANGUAGE, MARKUP, SETTINGS, configuring, reading, scoring
from garble.cli.terminal import visible
from garble.cli.writing import writing
from garble.io import STDIN


@click.command()
@click.argument("path", default=".", metavar="[PATH]")
@scoring("en-large")
@reading("all")
@MARKUP
@LANGUAGE
@configuring
@click.pass_context
def config(context: click.Context, /, path: str, **options: Any) -> None:
    """Print the settings for a file or folder, and where each comes from.

    PATH is a file or a folder, the working directory by default, or - for standard input. The command line wins over
    the environment, and the environment over garble.toml or pyproject.toml, in the folder of the file or the nearest
    folder above. Defaults are those of garble score; other commands have other defaults for --model and --reader.
    """
    if path != STDIN and not os.path.exists(path):
        raise click.ClickException(f"{path}: no such file or folder")
    try:
        settings = Configuration(context, **options).at(path)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    with writing(None) as stream:
        for name in (*SETTINGS, "include", "exclude"):
            value, source = settings[name]
            stream.write(visible(f"{name} = {json.dumps(value, ensure_ascii=False)}  # {source}") + "\n")
