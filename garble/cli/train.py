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
    help="Your labelled records (.jsonl or .jsonl.xz), or the data folder of the English model.",
)
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Output folder for the model.",
)
@click.option(
    "--network",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with network.onnx, network.npz and tokenizer.json, to add to the model of --base.",
)
@click.option(
    "--language-model",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With the data folder of the English model: lm.npz to reuse. Default: train one.",
)
@click.option("--base", default="en", show_default=True, help="With --network: model that gets the network.")
@click.option("--seed", default=0, show_default=True, help="Random seed. The same data and seed give the same model.")
@click.option(
    "--signals",
    "plugins",
    multiple=True,
    metavar="NAME",
    help="With your own records: also fit this signal or family of an installed plugin; can be repeated.",
)
@OVERWRITE
def train(
    data: Path,
    out: Path,
    network: Path | None,
    language_model: Path | None,
    base: str,
    seed: int,
    plugins: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Train a model on your own labels, or retrain the English model.

    FILE has one JSON object per line: "text", "label" (1 garbled, 0 clean) and optionally "doc" (the document it comes
    from) and "spans" ([[start, end], ...], the garbled characters). The label applies to all sentences of a text,
    unless spans mark the garbled ones. The weights of the signals and the thresholds are fitted; the English language
    model is copied.

    Use the result with garble score --model DIR.
    """
    from garble.training.own import train_own
    from garble.training.train import train_en, train_reader

    def log(line: str) -> None:
        print(line, file=sys.stderr)

    if network and not data.is_dir():
        raise click.UsageError("--network requires the data folder of the English model as --data")
    if language_model and (network or not data.is_dir()):
        raise click.UsageError("--language-model requires the data folder of the English model, and no --network")
    if plugins and data.is_dir():
        raise click.UsageError("--signals requires your own records as --data")
    if (out / "scorecard.json").exists() and not overwrite:
        raise click.ClickException(f"{out}: contains a model; use --overwrite to replace it")
    try:
        if network:
            train_reader(data, network, out, base, seed, log)
        elif data.is_dir():
            train_en(data, out, seed, log, language_model)
        else:
            train_own(data, out, seed, log, plugins)
    except OSError as error:
        raise click.ClickException(f"{error.filename or data}: {problem_of(error)}") from error
    except ValueError as error:
        raise click.ClickException(str(error)) from error
