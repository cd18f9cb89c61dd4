"""`garble repair`."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import shorten
from typing import Any

import click

from garble.cli.configuration import Configuration, with_scorers
from garble.cli.options import ENCODING, FILES, LANGUAGE, MARKUP, OVERWRITE, configuring, markup_for, scoring
from garble.cli.terminal import plural, print_message
from garble.cli.writing import replace_content, writing
from garble.errors import InputError
from garble.io import STDIN, FileInFolder, check_encoding, decode, encode, is_empty, name_of, read_bytes


@click.command()
@FILES
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Output file.")
@click.option("--in-place", is_flag=True, help="Replace each file with its repaired text.")
@click.option("--diff", is_flag=True, help="Print a unified diff, for patch.")
@click.option("--drop-unresolved", is_flag=True, help="Remove sentences that cannot be repaired.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text: the repaired text; json: one object per file with the edits and the unresolved sentences.",
)
@OVERWRITE
@ENCODING
@scoring("en")
@MARKUP
@LANGUAGE
@configuring
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything is changed or unresolved.")
@click.pass_context
def repair(
    context: click.Context,
    /,
    files: tuple[str, ...],
    output: Path | None,
    in_place: bool,
    diff: bool,
    drop_unresolved: bool,
    form: str,
    overwrite: bool,
    encoding: str | None,
    exit_code: bool,
    **options: Any,
) -> None:
    """Repair garbled sentences, and list those that cannot be repaired.

    Only flagged sentences are edited, and only if that lowers the score: loops, doubled words, repeated sentences,
    stray characters, spacing, markup, misspelt names; mojibake needs the extra "mojibake". All other bytes stay
    unchanged, and so does everything that is not prose: list items, headings, verse, subtitles, tables, code and
    markup. FILE is a text file or a folder, as for garble score, or - for standard input. Settings are read from
    configuration files as for garble score.

    Exit code: 0 success; 1 something was changed or is unresolved (only with --exit-code); 2 wrong usage, or an input
    that could not be read.
    """
    try:
        check_encoding(encoding)
        configuration = Configuration(context, **options)
        inputs = configuration.selected(files)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if in_place and (output or diff or form == "json" or STDIN in files):
        raise click.UsageError("--in-place excludes -o, --diff, --format json and standard input", context)
    if diff and form == "json":
        raise click.UsageError("--diff and --format json are mutually exclusive", context)
    if form == "text" and not in_place and not diff and len(inputs) > 1:
        raise click.UsageError("several files require --in-place, --diff or --format json", context)
    from garble.repairs import difference
    from garble.repairs import repair as repair_text

    try:
        # Repairs are based on the scorecard and score each candidate, so the reader would be slow and of no use.
        runs = with_scorers(inputs, configuration, reader="off")
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    unread = changed = 0
    with writing(output, overwrite) as stream:
        for scorer, path in ((scorer, path) for scorer, run in runs for path in run):
            try:
                if isinstance(path, InputError):
                    raise path
                raw = read_bytes(path)
                if isinstance(path, FileInFolder) and is_empty(raw):
                    print_message(f"{name_of(path)}: empty")
                    continue
                text = decode(raw, name_of(path), encoding)
            except InputError as error:
                unread += 1
                print_message(error)
                continue
            repaired = repair_text(
                text, scorer=scorer, drop_unresolved=drop_unresolved, markup=markup_for(scorer, name_of(path))
            )
            changed += bool(repaired.edits or repaired.unresolved)
            if in_place:
                if repaired.edits:
                    replace_content(Path(path), encode(repaired.text, raw, encoding))
            elif diff:
                stream.write(difference(text, repaired.text, name_of(path)))
            elif form == "json":
                stream.write(json.dumps({"file": name_of(path), **repaired.to_dict()}) + "\n")
            else:
                stream.write(repaired.text)
            for sentence in repaired.unresolved:
                line = repaired.text.count("\n", 0, sentence.start) + 1
                words = shorten(sentence.text, 60, placeholder="…")
                print_message(f"{name_of(path)}:{line}: unresolved, score {sentence.score:.2f}: {words}")
            if in_place:
                result = plural(len(repaired.edits), "edit") if repaired.edits else "unchanged"
                print_message(f"{name_of(path)}: {result}")
    context.exit(2 if unread else 1 if exit_code and changed else 0)
