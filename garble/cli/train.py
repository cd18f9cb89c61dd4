"""`garble train`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from garble.cli.options import OVERWRITE
from garble.io import problem_of


@click.command()
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
@OVERWRITE
def train(data: Path, out: Path, network: Path | None, base: str, seed: int, overwrite: bool) -> None:
    """Train a model on your own labels, or the English model anew.

    A FILE holds one JSON object a line: "text", "label" (1 garbled, 0 clean) and, if you have them, "doc" (the
    document it comes from) and "spans" ([[start, end], ...], the garbled characters). A text of several
    sentences is all garbled or all clean, unless spans say which sentences are garbled. The English language
    model is taken over; what the signals weigh and the thresholds are learnt.

    Then garble score --model DIR uses it.
    """
    from garble.training.own import train_own
    from garble.training.train import train_en, train_reader

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
