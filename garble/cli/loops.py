"""`garble loops`."""

from __future__ import annotations

import click

from garble.cli.options import FILES
from garble.cli.terminal import loop_lines, loops_json, print_message
from garble.cli.writing import writing
from garble.errors import InputError
from garble.io import find_texts, read_texts


@click.command("loops")
@FILES
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

    has_unread = has_loops = False
    with writing(None) as stream:
        for item in read_texts(find_texts(files)):
            if isinstance(item, InputError):
                has_unread = True
                print_message(item)
                continue
            name, text = item
            file_loops = loops(text)
            has_loops |= bool(file_loops)
            share = looped_share(file_loops, len(text))
            stream.write(loop_lines(name, text, file_loops) if form == "text" else loops_json(name, share, file_loops))
    context.exit(2 if has_unread else 1 if exit_code and has_loops else 0)
