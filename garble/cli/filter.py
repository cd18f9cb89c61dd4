"""`garble filter`."""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from garble.cli.options import MARKUP, OVERWRITE, reading, scoring
from garble.cli.terminal import complain
from garble.cli.writing import writing
from garble.io import STDIN, passed_over

if TYPE_CHECKING:
    from garble.filtering.decisions import Unit


@click.command("filter")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option("-o", "--output", "kept", required=True, metavar="KEPT", help="Where what is kept goes.")
@click.option("--rejected", metavar="FILE", help="Where what is dropped goes, with score and reason.")
@click.option("--errors", metavar="FILE", help="Where bad records go, as JSON Lines with line and reason.")
@click.option("--report", metavar="FILE", type=click.Path(path_type=Path), help="Write the counts as JSON.")
@click.option("--annotate", is_flag=True, help="Keep everything, and note in each record what was found.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["records", "dolma"]),
    default="records",
    show_default=True,
    help="dolma keeps nothing and writes an attribute file: for each record its spans with their scores.",
)
@click.option("--field", default="text", show_default=True, help="The field or column with the text.")
@click.option("--id", "id_field", default="id", show_default=True, metavar="FIELD", help="That with the record's id.")
@click.option(
    "--unit",
    type=click.Choice(["document", "passage", "sentence"]),
    default="document",
    show_default=True,
    help="Drop garbled documents whole, or cut garbled passages or sentences out and keep the rest.",
)
@scoring("en")
@reading("unsure")
@MARKUP
@click.option("--whole-files", "whole", is_flag=True, help="Read each text file as one document, and copy it whole.")
@click.option("--workers", type=click.IntRange(1), help="Processes that score; by default as many as there are cores.")
@click.option("--strict", is_flag=True, help="Stop at the first bad record.")
@click.option("--resume", is_flag=True, help="Go on where the same command was stopped, if it was.")
@OVERWRITE
@click.option("--exit-code", is_flag=True, help="Exit with 1 when anything was dropped.")
@click.pass_context
def filter_corpus(
    context: click.Context,
    inputs: tuple[str, ...],
    kept: str,
    rejected: str | None,
    errors: str | None,
    report: Path | None,
    annotate: bool,
    form: str,
    field: str,
    id_field: str,
    unit: str,
    threshold: str,
    model: str,
    without: tuple[str, ...],
    reader: str,
    markup: str,
    whole: bool,
    workers: int | None,
    strict: bool,
    resume: bool,
    overwrite: bool,
    exit_code: bool,
) -> None:
    """Keep the sound documents of a corpus and drop the garbled ones.

    IN and KEPT are plain text (.txt, a document a line), JSON Lines (.jsonl), .csv, .tsv or .parquet by their names,
    compressed if they end in .gz, .bz2, .xz or .zst; - is standard input or output, JSON Lines unless the other end
    is named otherwise. IN may be a folder or a glob. Where KEPT is a folder, each IN has a file of its own in it. What
    is kept is kept byte for byte.

    With --whole-files IN is text, Markdown, HTML, SRT or VTT files, or folders of them, and each is a document. Those
    kept are copied into the folder KEPT; those dropped into the folder of --rejected, or listed with score and reason
    where that is a .jsonl file.

    Outputs stand beside their place (KEPT.part) until they are whole. A run that was stopped goes on with --resume.
    Outputs that exist are replaced only with --overwrite.

    Exit code: 0 done; 1 done and something was dropped, only with --exit-code; 2 wrong usage, an input that could not
    be read, or bad records without --errors to take them (all the others are filtered all the same).
    """
    from garble.cli import progress
    from garble.filtering.formats.base import Layout
    from garble.filtering.plan import Plan, find_sources, marked_up

    if annotate and form == "dolma":
        raise click.UsageError("--annotate and --format dolma exclude each other", context)
    for line in passed_over(inputs) if whole else lines_note(marked_up(inputs)):
        complain(line)
    done = None
    try:
        plan = Plan(
            sources=find_sources(inputs, [kept, rejected or kept], whole),
            kept=kept,
            rejected=rejected,
            errors=errors,
            report=str(report) if report else None,
            form="annotated" if annotate else form,
            layout=Layout(field, id_field),
            unit=cast("Unit", unit),
            threshold=threshold,
            model=model,
            without=without,
            reader=reader,
            markup=markup,
            whole=whole,
            strict=strict,
        )
        with writing(None) if STDIN in (kept, rejected, errors) else nullcontext():
            done = progress.followed(plan, workers or _cores(), resume, overwrite)
    except KeyboardInterrupt:
        context.exit(130)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if done is None:
        # A closed pipe is a reader who has seen enough of what is kept.
        if kept != STDIN:
            raise click.ClickException("standard output: closed before the end")
        context.exit(0)
    print(progress.summary(plan, done), end="", file=sys.stderr)
    if report:
        with writing(report, overwrite=True) as stream:
            stream.write(json.dumps(progress.record(plan, done), indent=2) + "\n")
    lost = done.unread or (done.problems and not errors)
    context.exit(2 if lost else 1 if exit_code and done.statistics.counts["dropped"] else 0)


def lines_note(folder: str | None) -> list[str]:
    """What is said of a folder with texts that are read with --whole-files only."""
    if folder is None:
        return []
    return [f"{folder}: .md, .html, .srt and .vtt are passed over, and .txt is a document a line; see --whole-files"]


def _cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
