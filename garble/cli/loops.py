"""`garble loops`."""

from __future__ import annotations

import click

from garble.cli.terminal import complain, looped_lines, looped_object
from garble.cli.writing import writing
from garble.errors import InputError
from garble.io import find_texts, read_texts


@click.command("loops")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text", show_default=True)
@click.option("--exit-code", is_flag=True, help="Exit with 1 if a loop is found.")
@click.pass_context
def find_loops(context: click.Context, files: tuple[str, ...], form: str, exit_code: bool) -> None:
    """Find loops: text that repeats itself, in any language and layout.

    FILE is a text file in UTF-8, a folder, or - for standard input. Text format: one line per loop, with its position,
    number of copies, number of characters and first copy. jsonl: one object per file, with offsets.

    Exit code: 0 success; 1 a loop was found (only with --exit-code); 2 wrong usage, or an input that could not be read
    (the other inputs are searched).
    """
    from garble.text.periodic import looped_share, loops

    unread = looped = False
    with writing(None) as stream:
        for found in read_texts(find_texts(files)):
            if isinstance(found, InputError):
                unread = True
                complain(found)
                continue
            name, text = found
            own = loops(text)
            looped |= bool(own)
            share = looped_share(own, len(text))
            stream.write(looped_lines(name, text, own) if form == "text" else looped_object(name, share, own))
    context.exit(2 if unread else 1 if exit_code and looped else 0)
