"""`garble filter`."""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from garble.cli.configuration import Configuration, scorer_arguments, scorer_for
from garble.cli.options import FIELD, LANGUAGE, MARKUP, OVERWRITE, configuring, reading, scoring
from garble.cli.terminal import print_message
from garble.cli.writing import writing
from garble.io import STDIN, skipped_files

if TYPE_CHECKING:
    from garble.filtering.decisions import OtherLanguages, Unit


@click.command("filter")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option("-o", "--output", "kept", metavar="KEPT", help="Output for kept records; optional with --dry-run.")
@click.option("--rejected", metavar="FILE", help="Output for dropped records, with score and reason.")
@click.option("--errors", metavar="FILE", help="Output for bad records (JSON Lines), with line and reason.")
@click.option("--report", metavar="FILE", help="Output for the counts (JSON).")
@click.option("--annotate", is_flag=True, help="Keep all records and add the decision to each.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["records", "dolma"]),
    default="records",
    show_default=True,
    help="records: the kept records; dolma: an attribute file with spans and scores for each record.",
)
@FIELD
@click.option(
    "--id", "id_field", default="id", show_default=True, metavar="FIELD", help="Field that holds the record id."
)
@click.option(
    "--unit",
    type=click.Choice(["document", "passage", "sentence"]),
    default="document",
    show_default=True,
    help="Drop garbled documents, or cut garbled passages or sentences and keep the rest.",
)
@scoring("en")
@reading("unsure")
@MARKUP
@LANGUAGE
@configuring
@click.option(
    "--other-languages",
    type=click.Choice(["score", "keep", "drop"]),
    default="score",
    show_default=True,
    help="What to do with documents in other languages than the model's: score drops those that are flagged without "
    "knowledge of the language, keep drops none of them, and drop drops all.",
)
@click.option("--whole-files", "whole", is_flag=True, help="Read each file as one document and copy it unchanged.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after the first N records of the inputs.")
@click.option(
    "--sample",
    type=float,
    default=1.0,
    metavar="RATE",
    help="Score a random share of the records, such as 0.01, and leave out the others.",
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Another seed draws another sample.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print counts and examples of dropped records.")
@click.option("--workers", type=click.IntRange(1), help="Number of worker processes. Default: number of cores.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first bad record.")
@click.option("--resume", is_flag=True, help="Continue a stopped run of the same command, if there is one.")
@OVERWRITE
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything is dropped.")
@click.pass_context
def filter_corpus(
    context: click.Context,
    /,
    inputs: tuple[str, ...],
    kept: str | None,
    rejected: str | None,
    errors: str | None,
    report: str | None,
    annotate: bool,
    form: str,
    field: str,
    id_field: str,
    unit: str,
    other_languages: str,
    whole: bool,
    limit: int | None,
    sample: float,
    seed: int,
    dry_run: bool,
    workers: int | None,
    fail_fast: bool,
    resume: bool,
    overwrite: bool,
    exit_code: bool,
    **options: Any,
) -> None:
    """Filter a corpus: keep clean documents and drop garbled ones.

    The extension of IN and KEPT selects the format: .txt (one document per line), .jsonl, .csv, .tsv or .parquet, and
    compression: .gz, .bz2, .xz or .zst. IN can also be a web archive: .warc or .wet. Records are converted if KEPT has
    another format than IN, and otherwise unchanged. - is standard input or output, in the format of the other end, or
    JSON Lines. IN can be a folder or a glob. If KEPT is a folder, each IN gets its own file in it.

    With --whole-files, IN is text, Markdown, HTML, SRT or VTT files, or folders of them, and each file is a document.
    Kept files are copied to the folder KEPT. Dropped files are copied to the folder of --rejected, or listed with score
    and reason if that is a .jsonl file.

    Outputs are written to KEPT.part and renamed when they are complete. --resume continues a stopped run. Existing
    outputs are replaced only with --overwrite.

    Settings are read from garble.toml or pyproject.toml in the working directory or above; see garble config.

    Exit code: 0 success; 1 something was dropped (only with --exit-code); 2 wrong usage, an input that could not be
    read, or bad records without --errors (all other records are filtered).
    """
    from garble.cli import progress
    from garble.filtering.formats.base import Layout
    from garble.filtering.plan import Plan, find_sources, marked_up

    if kept is None and not dry_run:
        raise click.UsageError("Missing option '-o' / '--output'.", context)
    kept = kept or os.devnull
    if annotate and form == "dolma":
        raise click.UsageError("--annotate and --format dolma are mutually exclusive", context)
    for line in skipped_files(inputs) if whole else lines_note(marked_up(inputs)):
        print_message(line)
    result = None
    try:
        settings = Configuration(context, **options).at()
        # Refuses wrong settings with their source.
        scorer_for(settings)
        plan = Plan(
            sources=find_sources(inputs, [kept, rejected or kept], whole),
            kept=kept,
            rejected=rejected,
            errors=errors,
            report=report,
            form="annotated" if annotate else form,
            layout=Layout(field, id_field),
            unit=cast("Unit", unit),
            **scorer_arguments(settings),
            other_languages=cast("OtherLanguages", other_languages),
            whole=whole,
            fail_fast=fail_fast,
            limit=limit,
            sample=sample,
            seed=seed,
            dry_run=dry_run,
        )
        with writing(None) if STDIN in (kept, rejected, errors) else nullcontext():
            result = progress.run_with_progress(plan, workers or _cores(), resume, overwrite)
    except KeyboardInterrupt:
        context.exit(130)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if result is None:
        # A closed pipe is not an error: the reader needs no more kept records.
        if kept != STDIN:
            raise click.ClickException("standard output: closed before the output was complete")
        context.exit(0)
    finished, examples = result
    if dry_run:
        with writing(None) as stream:
            stream.write(progress.summary(plan, finished) + progress.example_lines(examples))
    else:
        print(progress.summary(plan, finished), end="", file=sys.stderr)
    if report and not dry_run:
        with writing(Path(report), overwrite=True) as stream:
            stream.write(json.dumps(progress.record(plan, finished), indent=2) + "\n")
    lost = finished.unread or (finished.problems and not errors)
    context.exit(2 if lost else 1 if exit_code and finished.statistics.counts["dropped"] else 0)


def lines_note(folder: str | None) -> list[str]:
    """A message about the files in a folder that are read only with --whole-files."""
    if folder is None:
        return []
    return [f"{folder}: skipping .md, .html, .srt and .vtt files; .txt has a document per line; see --whole-files"]


def _cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
