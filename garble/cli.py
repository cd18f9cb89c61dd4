"""The command line: `garble score`, `filter`, `repair`, `loops`, `signals`, `explain` and `train`.

What is slow to import is imported inside the commands, so that `garble --help` answers at once.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from io import TextIOWrapper
from pathlib import Path
from textwrap import shorten
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

import click

from garble import __version__
from garble.errors import InputError
from garble.io import (
    STDIN,
    Inside,
    check_encoding,
    decode,
    encode,
    find_texts,
    is_empty,
    name_of,
    passed_over,
    problem_of,
    read_bytes,
    read_texts,
)
from garble.terminal import (
    Scored,
    Tally,
    complain,
    costs_table,
    formatted,
    gallery,
    looped_lines,
    looped_object,
    many,
    table,
    with_bar,
)

Command = TypeVar("Command", bound=Callable[..., Any])

if TYPE_CHECKING:
    from garble.prefilter import Unit
    from garble.scorer import Scorer
    from garble.signals.base import Signal


def scoring(model: str) -> Callable[[Command], Command]:
    """The options that say how to score, for all commands that do. model: the default."""

    def add(command: Command) -> Command:
        chosen = click.option(
            "--model", default=model, show_default=True, metavar="NAME|PATH", help="The model that scores."
        )
        for option in (*reversed(_SCORING), chosen):
            command = option(command)
        return command

    return add


def reading(usual: str) -> Callable[[Command], Command]:
    """The option that says which sentences the network reads. usual: the default."""
    return click.option(
        "--reader",
        type=click.Choice(["all", "unsure", "off"]),
        default=usual,
        show_default=True,
        help="Which sentences the model's network reads: all, those of documents that the scorecard is unsure of, or "
        "none.",
    )


_SCORING = (
    click.option(
        "--threshold",
        default="balanced",
        show_default=True,
        metavar="strict|balanced|loose|NUMBER",
        help="The score from which a sentence is flagged. Of human sentences strict flags at most 0.1 %, "
        "balanced 1 %, loose 5 %.",
    ),
    click.option(
        "--without",
        multiple=True,
        metavar="NAME",
        help="Leave a signal, or a family of them, out of every score; may be given several times.",
    ),
)


_OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
_MARKUP = click.option(
    "--markup",
    type=click.Choice(["auto", "none", "text", "markdown", "html", "srt", "vtt"]),
    default="auto",
    show_default=True,
    help="How the texts are read; auto goes by the name of a file that is one text, and else takes a look.",
)
_ENCODING = click.option(
    "--encoding",
    metavar="NAME",
    help="Read files without a byte order mark in this encoding, such as cp1252, or auto for a guess.",
)


class OneLineErrors(click.Group):
    """A group whose errors are one line each on standard error, with exit code 2."""

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
            # Closed by who began this process: what is printed to None goes to standard output.
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        try:
            outcome = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            if not standalone_mode:
                raise
            context = error.ctx if isinstance(error, click.UsageError) else None
            hint = f" (see {context.command_path} --help)" if context else ""
            complain(error.format_message().rstrip(".") + hint)
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


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "jsonl", "csv", "html"]),
    default="text",
    show_default=True,
    help="text and html are for eyes; json is one array, jsonl one object a line, csv one row a sentence.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, which appears when it is whole.",
)
@_OVERWRITE
@_ENCODING
@scoring("en-large")
@reading("all")
@_MARKUP
@click.option("--stats", is_flag=True, help="Add readability figures (text, json and jsonl).")
@click.option("--all", "every", is_flag=True, help="In text: show every sentence, not only those flagged.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when anything was flagged.")
@click.pass_context
def score(
    context: click.Context,
    files: tuple[str, ...],
    form: str,
    output: Path | None,
    threshold: str,
    model: str,
    reader: str,
    overwrite: bool,
    encoding: str | None,
    without: tuple[str, ...],
    markup: str,
    stats: bool,
    every: bool,
    exit_code: bool,
) -> None:
    """Score texts, sentence by sentence.

    Scores run from 0 to 1, and 1 means garbled.

    FILE is a text file in UTF-8 (or UTF-16 or UTF-32 with a byte order mark, or as --encoding says), a folder, which
    stands for the text, Markdown, HTML, SRT and VTT files in it, or - for standard input.

    Exit code: 0 done; 1 done and something was flagged, only with --exit-code; 2 wrong usage, or an
    input that could not be read (the others are scored all the same).
    """
    if stats and form in ("csv", "html"):
        raise click.UsageError(f"--stats has no place in {form}", context)
    from garble.scorer import Scorer

    try:
        check_encoding(encoding)
        scorer = Scorer(model, threshold, without, reader, markup)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    inputs = list(find_texts(files))
    for line in passed_over(files):
        complain(line)
    tally = Tally()
    with _output(output, overwrite) as stream:
        scored = with_bar(_score(scorer, inputs, tally, encoding), tally, len(inputs), stream)
        for chunk in formatted(scored, form, stream, tally, stats, every):
            stream.write(chunk)
            stream.flush()
    context.exit(2 if tally.unread else 1 if exit_code and not tally.is_clean else 0)


@main.command("filter")
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
@_MARKUP
@click.option("--whole-files", "whole", is_flag=True, help="Read each text file as one document, and copy it whole.")
@click.option("--workers", type=click.IntRange(1), help="Processes that score; by default as many as there are cores.")
@click.option("--strict", is_flag=True, help="Stop at the first bad record.")
@click.option("--resume", is_flag=True, help="Go on where the same command was stopped, if it was.")
@_OVERWRITE
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
    from garble import corpus, progress

    if annotate and form == "dolma":
        raise click.UsageError("--annotate and --format dolma exclude each other", context)
    for line in passed_over(inputs) if whole else _lines_note(corpus.marked_up(inputs)):
        complain(line)
    done = None
    try:
        plan = corpus.Plan(
            sources=corpus.find_sources(inputs, [kept, rejected or kept], whole),
            kept=kept,
            rejected=rejected,
            errors=errors,
            report=str(report) if report else None,
            form="annotated" if annotate else form,
            layout=corpus.Layout(field, id_field),
            unit=cast("Unit", unit),
            threshold=threshold,
            model=model,
            without=without,
            reader=reader,
            markup=markup,
            whole=whole,
            strict=strict,
        )
        with _output(None) if STDIN in (kept, rejected, errors) else nullcontext():
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
        with _output(report, overwrite=True) as stream:
            stream.write(json.dumps(progress.record(plan, done), indent=2) + "\n")
    lost = done.unread or (done.problems and not errors)
    context.exit(2 if lost else 1 if exit_code and done.statistics.counts["dropped"] else 0)


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option("--in-place", is_flag=True, help="Write each mended text over its file.")
@click.option("--diff", is_flag=True, help="Show the changes as a unified diff, for patch.")
@click.option("--drop-unresolved", is_flag=True, help="Leave out the sentences that cannot be mended.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text is the mended text; json is one object a file with the edits and what is unresolved.",
)
@_OVERWRITE
@_ENCODING
@scoring("en")
@_MARKUP
@click.option("--exit-code", is_flag=True, help="Exit with 1 when anything was changed or is unresolved.")
@click.pass_context
def repair(
    context: click.Context,
    files: tuple[str, ...],
    output: Path | None,
    in_place: bool,
    diff: bool,
    drop_unresolved: bool,
    form: str,
    overwrite: bool,
    encoding: str | None,
    threshold: str,
    model: str,
    without: tuple[str, ...],
    markup: str,
    exit_code: bool,
) -> None:
    """Mend what can be mended, and say what cannot.

    Mended is only what garble flags, and only where that lowers the score: loops, doubled words, sentences said twice,
    stray characters, mojibake, spacing, markup, misspelt names. All else stays to the byte, and so does what is no
    prose: list items, headings, verse, subtitles, tables, code, and markup within prose. FILE is a text file as for
    garble score, or a folder of them, or - for standard input.

    Exit code: 0 done; 1 done and something was changed or is unresolved, only with --exit-code; 2 wrong usage, or an
    input that could not be read.
    """
    inputs = list(find_texts(files))
    if in_place and (output or diff or form == "json" or STDIN in files):
        raise click.UsageError("--in-place writes files, and nothing else", context)
    if diff and form == "json":
        raise click.UsageError("--diff and --format json exclude each other", context)
    if form == "text" and not in_place and not diff and len(inputs) > 1:
        raise click.UsageError("one file at a time, or --in-place, --diff or --format json", context)
    from garble.mending import difference
    from garble.mending import repair as mend
    from garble.scorer import Scorer

    try:
        check_encoding(encoding)
        # A repair mends what the scorecard sees, and is weighed many times over.
        scorer = Scorer(model, threshold, without, "off", markup)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    unread = touched = 0
    with _output(output, overwrite) as stream:
        for path in inputs:
            try:
                if isinstance(path, InputError):
                    raise path
                raw = read_bytes(path)
                if isinstance(path, Inside) and is_empty(raw):
                    complain(f"{name_of(path)}: empty")
                    continue
                text = decode(raw, name_of(path), encoding)
            except InputError as error:
                unread += 1
                complain(error)
                continue
            mended = mend(text, scorer, drop_unresolved, _markup(scorer, name_of(path)))
            touched += bool(mended.edits or mended.unresolved)
            if in_place:
                if mended.edits:
                    _write_over(Path(path), encode(mended.text, raw, encoding))
            elif diff:
                stream.write(difference(text, mended.text, name_of(path)))
            elif form == "json":
                stream.write(json.dumps({"file": name_of(path), **mended.to_dict()}) + "\n")
            else:
                stream.write(mended.text)
            for sentence in mended.unresolved:
                line = mended.text.count("\n", 0, sentence.start) + 1
                words = shorten(sentence.text, 60, placeholder="…")
                complain(f"{name_of(path)}:{line}: unresolved, score {sentence.score:.2f}: {words}")
            if in_place:
                what = many(len(mended.edits), "edit") if mended.edits else "nothing to mend, left as it is"
                complain(f"{name_of(path)}: {what}")
    context.exit(2 if unread else 1 if exit_code and touched else 0)


@main.command()
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--cost", "measured", is_flag=True, help="Measure what each costs, here and now.")
def signals(form: str, measured: bool) -> None:
    """List the signals that make up a score.

    A signal marks or weighs places in a sentence, or measures the whole of it. One of language "any" needs no
    knowledge of the language.

    With --cost each has the microseconds it takes a sentence, of clean sentences and garbled ones read together on one
    core; what several signals share, and reading the text, have lines of their own.
    """
    from garble.signals import EVERY

    if measured:
        if form == "markdown":
            raise click.UsageError("--cost has the forms text and json", click.get_current_context())
        from garble.cost import costs
        from garble.scorer import Scorer

        found = costs(Scorer(reader="off").lm)
        with _output(None) as stream:
            plain = json.dumps([cost._asdict() for cost in found], indent=2) + "\n"
            stream.write(plain if form == "json" else costs_table(found, stream))
        return

    with _output(None) as stream:
        if form == "text":
            stream.write(table(EVERY, stream))
        elif form == "markdown":
            stream.write(gallery(EVERY))
        else:
            facts = ("name", "family", "kind", "unit", "language", "summary")
            listed = [{fact: getattr(signal, fact) for fact in facts} for signal in EVERY]
            stream.write(json.dumps(listed, indent=2) + "\n")


@main.command()
@click.argument("name")
def explain(name: str) -> None:
    """Say what a signal, or each signal of a family, looks for and when it is wrong.

    NAME is a signal's name such as repetition.loop, or a family's such as repetition.
    """
    from garble.signals import EVERY

    chosen = [signal for signal in EVERY if name in (signal.name, signal.family)]
    if not chosen:
        raise click.ClickException(f"no signal {name!r}; {_nearest(name, EVERY)}")
    with _output(None) as stream:
        print(*map(_explanation, chosen), sep="\n\n", file=stream)


@main.command("loops")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text", show_default=True)
@click.option("--exit-code", is_flag=True, help="Exit with 1 when a loop was found.")
@click.pass_context
def find_loops(context: click.Context, files: tuple[str, ...], form: str, exit_code: bool) -> None:
    """Find what goes round in circles, in any language and layout.

    FILE is a text file in UTF-8, a folder, or - for standard input. In text each loop is a line: where it begins, how
    often it comes, how many characters it has, and its first turn. jsonl has one object a file, with offsets.

    Exit code: 0 done; 1 done and a loop was found, only with --exit-code; 2 wrong usage, or an input that could not be
    read (the others are read all the same).
    """
    from garble.periodic import looped_share, loops

    unread = looped = False
    with _output(None) as stream:
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


@main.command()
@click.option(
    "--data",
    required=True,
    metavar="FILE|DIR",
    type=click.Path(exists=True, path_type=Path),
    help="Your labelled records (.jsonl or .jsonl.xz), or a folder with the data of the English model.",
)
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the model is written.",
)
@click.option(
    "--network",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with network.onnx, network.npz and tokenizer.json: the model of --base then reads with it.",
)
@click.option("--base", default="en", show_default=True, help="With --network: the model that gets the network.")
@click.option("--seed", default=0, show_default=True, help="Same data and same seed, same model.")
@_OVERWRITE
def train(data: Path, out: Path, network: Path | None, base: str, seed: int, overwrite: bool) -> None:
    """Train a model on your own labels, or the English model anew.

    A FILE holds one JSON object a line: "text", "label" (1 garbled, 0 clean) and, if you have them, "doc" (the
    document it comes from) and "spans" ([[start, end], ...], the garbled characters). A text of several
    sentences is all garbled or all clean, unless spans say which sentences are garbled. The English language
    model is taken over; what the signals weigh and the thresholds are learnt.

    Then garble score --model DIR uses it.
    """
    from garble.own import train_own
    from garble.train import train_en, train_reader

    def log(line: str) -> None:
        print(line, file=sys.stderr)

    if network and not data.is_dir():
        raise click.UsageError("--network needs the folder with the data of the English model")
    if (out / "scorecard.json").exists() and not overwrite:
        raise click.ClickException(f"{out}: holds a model; --overwrite replaces it")
    try:
        if network:
            train_reader(data, network, out, base, seed, log)
        else:
            (train_en if data.is_dir() else train_own)(data, out, seed, log)
    except OSError as error:
        raise click.ClickException(f"{error.filename or data}: {problem_of(error)}") from error
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _score(
    scorer: Scorer, inputs: Iterable[str | InputError], tally: Tally, encoding: str | None = None
) -> Iterator[Scored]:
    """What can be read, scored, in order; what cannot is complained of. The scorer may read ahead."""
    waiting: deque[tuple[str, str]] = deque()

    def texts() -> Iterator[str]:
        for found in read_texts(inputs, encoding):
            if isinstance(found, InputError):
                tally.unread += 1
                complain(found)
            else:
                if not found[1]:
                    complain(f"{found[0]}: empty")
                waiting.append(found)
                yield found[1]

    def markups() -> Iterator[str | None]:
        while True:
            # The text that was read last is the one asked about.
            yield _markup(scorer, waiting[-1][0])

    for report in scorer.score_many(texts(), markups()):
        tally.add(report)
        yield Scored(*waiting.popleft(), report)


def _lines_note(folder: str | None) -> list[str]:
    """What is said of a folder with texts that are read with --whole-files only."""
    if folder is None:
        return []
    return [f"{folder}: .md, .html, .srt and .vtt are passed over, and .txt is a document a line; see --whole-files"]


def _markup(scorer: Scorer, name: str) -> str:
    """What a file of that name is read as."""
    from garble.layout import markup_of

    return markup_of(name) if scorer.markup == "auto" else scorer.markup


@contextmanager
def _output(path: Path | None, overwrite: bool = False) -> Iterator[TextIO]:
    """Standard output, or a file that is written beside `path` and renamed when it is whole."""
    if path is None or str(path) == STDIN:
        if sys.stdout is None:
            raise click.ClickException("standard output: closed")
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            yield sys.stdout
            sys.stdout.flush()
        except OSError as error:
            # What is still in the buffer must not fail once more when Python exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            # A closed pipe is a reader who has seen enough.
            if not isinstance(error, BrokenPipeError):
                raise click.ClickException(f"standard output: {problem_of(error)}") from error
        return
    target = path.resolve()
    # What is no regular file, such as /dev/null, must not be renamed over.
    is_special = os.path.exists(target) and not os.path.isfile(target)
    if os.path.isfile(target) and not overwrite:
        raise click.ClickException(f"{path}: exists; --overwrite replaces it")
    try:
        if is_special:
            with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
                yield stream
        else:
            with _beside(target) as part:
                with part.open("x", encoding="utf-8", errors="backslashreplace", newline="") as stream:
                    yield stream
                part.replace(target)
    except OSError as error:
        raise click.ClickException(f"{path}: {problem_of(error)}") from error


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """The path of a file beside the target, to be made anew, which is not left there, also when asked to end."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    is_main = current_thread() is main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if is_main else None
    is_own = not os.path.lexists(part)
    try:
        yield part
    finally:
        if is_own:
            part.unlink(missing_ok=True)
        if is_main:
            signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _write_over(path: Path, raw: bytes) -> None:
    """Replace a file's bytes in one stroke; its mode stays."""
    target = path.resolve()
    try:
        with _beside(target) as part:
            with part.open("xb") as file:
                file.write(raw)
            part.chmod(stat.S_IMODE(target.stat().st_mode))
            part.replace(target)
    except OSError as error:
        raise click.ClickException(f"{path}: {problem_of(error)}") from error


def _explanation(signal: Signal) -> str:
    language = "any language" if signal.language == "any" else f"language {signal.language}"
    return f"{signal.name} ({signal.kind} {signal.unit}, {language})\n\n{signal.doc}"


def _nearest(name: str, signals: Sequence[Signal]) -> str:
    """Which signals may have been meant, by their own names, those within their family, or the family's."""
    known = {signal.family: signal.family for signal in signals}
    known |= {signal.name.removeprefix(f"{signal.family}."): signal.name for signal in signals}
    known |= {signal.name: signal.name for signal in signals}
    near = dict.fromkeys(known[match] for match in get_close_matches(name, known))
    return f"nearest: {', '.join(near)}" if near else "garble signals lists them all"
