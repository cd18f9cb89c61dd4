"""`garble calibrate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from garble.cli.configuration import Configuration, scorer_for
from garble.cli.filter import lines_note
from garble.cli.options import FIELD, LANGUAGE, MARKUP, OVERWRITE, configuring, markup_for, reading, scoring
from garble.cli.tally import Tally
from garble.cli.terminal import calibration_lines, plural, print_message, rates_table
from garble.cli.writing import writing
from garble.errors import InputError
from garble.io import STDIN, skipped_files

if TYPE_CHECKING:
    from garble.calibration import Guarantee, Unit
    from garble.filtering.formats.base import Rows
    from garble.report import Report
    from garble.scorer import Scorer


@click.command()
@click.argument("sample", nargs=-1, required=True, metavar="SAMPLE...")
@click.option(
    "--keep-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.99,
    show_default=True,
    metavar="SHARE",
    help="Share of good text that the threshold keeps.",
)
@click.option(
    "--unit",
    type=click.Choice(["document", "sentence"]),
    default="document",
    show_default=True,
    help="Whether to keep that share of the documents, or of the sentences of a document.",
)
@click.option(
    "--guarantee",
    type=click.Choice(["marginal", "high-probability"]),
    default="marginal",
    show_default=True,
    help="marginal: on average over samples like this one (split conformal prediction). high-probability: for this "
    "sample, with probability --confidence (Clopper-Pearson bound).",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    metavar="P",
    help="Probability of the high-probability guarantee, or of the bound shown with the marginal one.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Output file for the threshold.")
@OVERWRITE
@FIELD
@click.option("--whole-files", "whole", is_flag=True, help="Read each file as one document.")
@scoring("en", with_threshold=False)
@reading("unsure")
@MARKUP
@LANGUAGE
@configuring
@click.pass_context
def calibrate(
    context: click.Context,
    /,
    sample: tuple[str, ...],
    keep_rate: float,
    unit: Unit,
    guarantee: Guarantee,
    confidence: float,
    output: Path | None,
    overwrite: bool,
    field: str,
    whole: bool,
    **options: Any,
) -> None:
    """Find the threshold that keeps a given share of your own good text.

    SAMPLE is good text, in the formats of garble filter: .txt (one document per line), .jsonl, .csv, .tsv or .parquet,
    compressed or not, folders or globs of them, or - for JSON Lines from standard input. With --whole-files, text,
    Markdown, HTML, SRT and VTT files, one document per file.

    The output shows how often the named thresholds flag documents and sentences of the sample, by kind of text and by
    signal, with 95 % intervals. -o writes a file for --threshold, for use with the same --model, --reader, --markup,
    --language and --without: garble filter --threshold calibrated.json. Settings are read from configuration files as
    for garble filter.

    The guarantee holds for documents that are exchangeable with those of the sample, such as a random sample of the
    corpus to filter. It does not hold for each kind of text in it, nor for text of another origin.

    Exit code: 0 success; 2 wrong usage, a sample that is too small, or an input or record that could not be read (the
    others are used).
    """
    from garble import calibration
    from garble.filtering.formats.base import Layout
    from garble.filtering.plan import find_sources, marked_up
    from garble.filtering.run import documents

    if str(output) == STDIN:
        raise click.UsageError("-o must be a file; the table is written to standard output", context)
    for line in skipped_files(sample) if whole else lines_note(marked_up(sample)):
        print_message(line)
    tally = Tally()
    try:
        scorer = scorer_for(Configuration(context, **options).at(), threshold="balanced")
        corpus = documents(find_sources(sample, (), whole), Layout(field), whole)
        thresholds = dict(sorted(scorer.card.thresholds.items(), key=lambda item: -item[1]))
        with writing(output, overwrite) if output else nullcontext() as file, writing(None) as stream:
            reports = _reports(corpus, scorer.flagging_from(min(thresholds.values())), whole, tally)
            sample_scores = calibration.Sample.of(reports)
            if sample_scores.empty:
                print_message(f"{plural(sample_scores.empty, 'document')} skipped: nothing in them is scored")
            if len(sample_scores.documents):
                stream.write(
                    rates_table(calibration.flag_rates(sample_scores, thresholds.values()), thresholds, stream)
                )
            calibrated = calibration.calibrate(sample_scores, scorer.conditions, keep_rate, unit, guarantee, confidence)
            stream.write(calibration_lines(calibrated))
            if file:
                file.write(calibrated.to_json())
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    context.exit(2 if tally.unread else 0)


def _reports(
    documents: Iterable[tuple[str, Rows | InputError]], scorer: Scorer, whole: bool, tally: Tally
) -> Iterator[Report]:
    """The reports of the readable documents, in order; prints an error for each unreadable one."""
    for name, rows in documents:
        if isinstance(rows, InputError):
            tally.unread += 1
            print_message(rows)
            continue
        tally.unread += len(rows.problems)
        for problem in rows.problems:
            print_message(f"{name}:{problem.line}: {problem.detail}")
        texts = (part.text for parts in rows.texts for part in parts)
        yield from scorer.score_many(texts, repeat(markup_for(scorer, name) if whole else None))
