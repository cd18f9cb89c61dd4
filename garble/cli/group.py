"""The command `garble`: help, version, and error messages."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from garble import __version__
from garble.cli.terminal import print_message


class OneLineErrors(click.Group):
    """A click group that reports each error in one line on standard error, with exit code 2."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line, as `click.Group.main` does."""
        if sys.stderr is None:
            # Closed by the parent process. Printing to None would write to standard output.
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        try:
            outcome = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            if not standalone_mode:
                raise
            context = error.ctx if isinstance(error, click.UsageError) else None
            hint = f" (see {context.command_path} --help)" if context else ""
            print_message(error.format_message().rstrip(".") + hint)
            outcome = 2
        except click.Abort:
            if not standalone_mode:
                raise
            outcome = 130
        return sys.exit(outcome) if standalone_mode else outcome


@click.group(
    "garble",
    cls=OneLineErrors,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Find garbled text: loops, machine-translation artifacts, incoherence.

    Scores run from 0 to 1, and 1 means garbled.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
