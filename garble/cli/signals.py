"""`garble signals` and `garble explain`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from garble.cli.terminal import costs_table, gallery, table
from garble.cli.writing import writing

if TYPE_CHECKING:
    from garble.signals.base import Signal


@click.command()
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
        from garble.cli.cost import costs
        from garble.scorer import Scorer

        found = costs(Scorer(reader="off").lm)
        with writing(None) as stream:
            plain = json.dumps([cost._asdict() for cost in found], indent=2) + "\n"
            stream.write(plain if form == "json" else costs_table(found, stream))
        return

    with writing(None) as stream:
        if form == "text":
            stream.write(table(EVERY, stream))
        elif form == "markdown":
            stream.write(gallery(EVERY))
        else:
            facts = ("name", "family", "kind", "unit", "language", "summary")
            listed = [{fact: getattr(signal, fact) for fact in facts} for signal in EVERY]
            stream.write(json.dumps(listed, indent=2) + "\n")


@click.command()
@click.argument("name")
def explain(name: str) -> None:
    """Say what a signal, or each signal of a family, looks for and when it is wrong.

    NAME is a signal's name such as repetition.loop, or a family's such as repetition.
    """
    from garble.signals import EVERY

    chosen = [signal for signal in EVERY if name in (signal.name, signal.family)]
    if not chosen:
        raise click.ClickException(f"no signal {name!r}; {_nearest(name, EVERY)}")
    with writing(None) as stream:
        print(*map(_explanation, chosen), sep="\n\n", file=stream)


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
