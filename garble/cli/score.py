"""`garble score`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from garble.cli import baseline
from garble.cli.configuration import Configuration, with_scorers
from garble.cli.formats import FORMATS, formatted
from garble.cli.formats.view import Color, Rows, View
from garble.cli.options import ENCODING, FILES, LANGUAGE, MARKUP, OVERWRITE, configuring, markup_for, reading, scoring
from garble.cli.tally import Scored, Tally
from garble.cli.terminal import plural, print_message, with_bar
from garble.cli.writing import writing
from garble.errors import InputError
from garble.io import STDIN, FileInFolder, check_encoding, read_texts, skipped_files

if TYPE_CHECKING:
    from garble.scorer import Scorer


@click.command()
@FILES
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="text and html are for people; json: one array; jsonl: one object per line; csv: one row per sentence or "
    "document; github: workflow commands of GitHub Actions; sarif: a SARIF log.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Output file. It is created when the output is complete.",
)
@OVERWRITE
@ENCODING
@scoring("en-large")
@reading("all")
@MARKUP
@LANGUAGE
@configuring
@click.option(
    "--baseline",
    "baseline_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Report and count only flagged sentences that are not in this file.",
)
@click.option(
    "--write-baseline",
    "new_baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Output file for the flagged sentences, for use with --baseline.",
)
@click.option("--stats", is_flag=True, help="Add readability statistics (text, json and jsonl).")
@click.option("--all", "show_all", is_flag=True, help="Text format: show all sentences, not only flagged ones.")
@click.option("--quiet", is_flag=True, help="Omit clean files and sentences, and remarks on inputs.")
@click.option("--summary", is_flag=True, help="Text format: one line per file, and a table of the counts.")
@click.option(
    "--top",
    type=click.IntRange(1),
    metavar="N",
    help="Only the N sentences with the highest scores, of all files (text, csv, github and sarif).",
)
@click.option(
    "--rows",
    type=click.Choice(["sentences", "documents"]),
    default="sentences",
    show_default=True,
    help="CSV: what a row is.",
)
@click.option(
    "--columns",
    type=click.Choice(["signals"]),
    help="CSV: add a column per signal: its contribution to the sentence, or its flagged sentences in the document.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours of the text format. auto: on a terminal, unless NO_COLOR or FORCE_COLOR is set.",
)
@click.option("--allow-empty", is_flag=True, help="Score an empty file as an empty text, instead of an error.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything is flagged.")
@click.pass_context
def score(
    context: click.Context,
    /,
    files: tuple[str, ...],
    form: str,
    output: Path | None,
    overwrite: bool,
    encoding: str | None,
    baseline_file: Path | None,
    new_baseline: Path | None,
    stats: bool,
    show_all: bool,
    quiet: bool,
    summary: bool,
    top: int | None,
    rows: Rows,
    columns: str | None,
    color: Color,
    allow_empty: bool,
    exit_code: bool,
    **options: Any,
) -> None:
    """Score texts, sentence by sentence.

    Scores run from 0 to 1, and 1 means garbled.

    FILE is a text file, a folder of text, Markdown, HTML, SRT and VTT files, or - for standard input. Files are UTF-8,
    UTF-16 or UTF-32 with a byte order mark, or in the encoding of --encoding.

    Settings are read from garble.toml or pyproject.toml in the folder of each file or above; see garble config.

    Exit code: 0 success; 1 something was flagged (only with --exit-code); 2 wrong usage, or an input that could not be
    read (the other inputs are scored).
    """
    view = View(stats, show_all, quiet, summary, top, rows, columns == "signals", color)
    if problem := _conflict(form, view):
        raise click.UsageError(problem, context)
    if baseline_file and new_baseline:
        raise click.UsageError("--baseline and --write-baseline are mutually exclusive", context)
    if str(new_baseline) == STDIN:
        raise click.UsageError("--write-baseline must be a file; the results are written to standard output", context)
    try:
        check_encoding(encoding)
        known = baseline.load(baseline_file) if baseline_file else None
        configuration = Configuration(context, **options)
        inputs = configuration.selected(files)
        if allow_empty:
            inputs = [path if isinstance(path, InputError) else FileInFolder(path) for path in inputs]
        runs = with_scorers(inputs, configuration)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if not quiet:
        for line in skipped_files(files):
            print_message(line)
    tally = Tally()
    recorded: dict[str, baseline.Known] = {}
    with writing(new_baseline, overwrite) if new_baseline else nullcontext() as baseline_stream:
        with writing(output, overwrite) as stream:
            reports = chain.from_iterable(_score(scorer, run, tally, encoding, known, quiet) for scorer, run in runs)
            scored = with_bar(_recorded(reports, recorded), tally, len(inputs), stream)
            for chunk in formatted(scored, form, stream, tally, view):
                stream.write(chunk)
                stream.flush()
        if new_baseline and baseline_stream:
            # The reader of standard output may have closed it before all inputs were scored.
            deque(scored, maxlen=0)
            baseline_stream.write(baseline.to_json(recorded, new_baseline.absolute().parent))
            print_message(f"{new_baseline}: {plural(tally.flagged.total(), 'flagged sentence')} recorded")
    context.exit(2 if tally.unread else 1 if exit_code and not tally.is_clean else 0)


def _conflict(form: str, view: View) -> str:
    """Why options exclude each other or the format; "" if they do not."""
    supported = (
        ("--stats", view.stats, {"text", "json", "jsonl"}),
        ("--summary", view.summary, {"text"}),
        ("--top", view.top, {"text", "csv", "github", "sarif"}),
        ("--rows", view.rows != "sentences", {"csv"}),
        ("--columns", view.signal_columns, {"csv"}),
    )
    for option, is_given, forms in supported:
        if is_given and form not in forms:
            return f"{option} is not supported with --format {form}"
    exclusive = (
        ("--quiet", view.quiet, "--all", view.show_all),
        ("--summary", view.summary, "--all", view.show_all),
        ("--summary", view.summary, "--top", view.top),
        ("--stats", view.stats, "--top", view.top),
        ("--rows documents", view.rows == "documents", "--top", view.top),
    )
    for one, has_one, other, has_other in exclusive:
        if has_one and has_other:
            return f"{one} and {other} are mutually exclusive"
    return ""


def _score(
    scorer: Scorer,
    inputs: Iterable[str | InputError],
    tally: Tally,
    encoding: str | None,
    known: baseline.Baseline | None,
    quiet: bool,
) -> Iterator[Scored]:
    """Score the readable inputs, in order; prints an error for each unreadable one. The scorer can read ahead."""
    pending: deque[tuple[str, str]] = deque()

    def texts() -> Iterator[str]:
        for item in read_texts(inputs, encoding):
            if isinstance(item, InputError):
                tally.unread += 1
                print_message(item)
            else:
                if not item[1] and not quiet:
                    print_message(f"{item[0]}: empty")
                pending.append(item)
                yield item[1]

    def markups() -> Iterator[str | None]:
        while True:
            # The scorer takes the markup right after its text, so the last text is the current one.
            yield markup_for(scorer, pending[-1][0])

    for report in scorer.score_many(texts(), markups()):
        name, text = pending.popleft()
        reported = known.without_known(name, report) if known else report
        tally.add(reported)
        before, after = (sum(sentence.garbled for sentence in r.sentences) for r in (report, reported))
        tally.known += before - after
        yield Scored(name, text, reported)


def _recorded(scored: Iterable[Scored], recorded: dict[str, baseline.Known]) -> Iterator[Scored]:
    """Pass on the items, and record the flagged sentences of each by the name of the input."""
    for item in scored:
        recorded[item.name] = baseline.known_of(item.report)
        yield item
