"""`garble signals` and `garble explain`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from garble.cli.terminal import costs_table, signal_kind, signals_markdown, signals_table
from garble.cli.writing import writing
from garble.errors import GarbleError

if TYPE_CHECKING:
    from garble.signals.base import Signal

# A signal without a weight in any of these models is a preview.
_SHIPPED = ("en", "en-large")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--cost", "measured", is_flag=True, help="Measure the time each signal takes on this machine.")
@click.option("--plugins", "with_plugins", is_flag=True, help="Include the signals of installed plugins.")
def signals(names: tuple[str, ...], form: str, measured: bool, with_plugins: bool) -> None:
    """List the signals that make up a score.

    NAME is a signal or a family, also of an installed plugin; all shipped signals by default.

    A signal marks or weighs tokens or characters, or measures whole sentences. It is off in languages that lack what
    it needs, such as a word list or the language model (lm). A language-independent signal needs nothing. "preview"
    means that the shipped models have no weight for the signal yet: it does not change scores.

    --cost adds the microseconds per sentence, measured on one core on clean and garbled sentences. Segmentation,
    tokenization and work shared by several signals have rows of their own.
    """
    if measured:
        if names:
            raise click.UsageError("--cost measures all signals; remove NAME", click.get_current_context())
        if with_plugins:
            raise click.UsageError("--cost measures shipped signals; remove --plugins", click.get_current_context())
        if form == "markdown":
            raise click.UsageError("--cost supports the formats text and json", click.get_current_context())
        from garble.cli.cost import costs
        from garble.scorer import Scorer

        measured_costs = costs(Scorer(reader="off").lm)
        with writing(None) as stream:
            as_json = json.dumps([cost._asdict() for cost in measured_costs], indent=2) + "\n"
            stream.write(as_json if form == "json" else costs_table(measured_costs, stream))
        return

    members = _members(names, with_plugins)
    with writing(None) as stream:
        if form == "text":
            stream.write(signals_table(members, previews(members), stream))
        elif form == "markdown":
            stream.write(signals_markdown(members, previews(members)))
        else:
            # JSON field to attribute.
            fields = {"name": "name", "family": "family", "kind": "output", "unit": "unit", "needs": "needs"}
            fields["summary"] = "summary"
            preview_names = previews(members)
            rows = [
                {
                    **{field: getattr(signal, name) for field, name in fields.items()},
                    "preview": signal.name in preview_names,
                }
                for signal in members
            ]
            stream.write(json.dumps(rows, indent=2) + "\n")


@click.command()
@click.argument("name")
def explain(name: str) -> None:
    """Describe a signal or all signals of a family, with known false alarms.

    NAME is a signal, such as repetition.loop, or a family, such as repetition, also of an installed plugin.
    """
    members = _members([name])
    with writing(None) as stream:
        preview_names = previews(members)
        parts = (f"{signal.name} ({signal_kind(signal, preview_names)})\n\n{signal.doc}" for signal in members)
        print(*parts, sep="\n\n", file=stream)


def _members(names: Sequence[str], with_plugins: bool = False) -> list[Signal]:
    """The signals of these names and families; all without names. An unknown name is an error.

    with_plugins: include those of all plugins. A plugin's signal that is named is included anyway.
    """
    from garble.signals import ALL_SIGNALS, plugins

    known = {name for signal in ALL_SIGNALS for name in (signal.name, signal.family)}
    others = set(names) - known
    try:
        added = plugins.installed() if with_plugins else plugins.named(others) if others else ()
    except GarbleError as error:
        raise click.ClickException(str(error)) from error
    candidates = [*ALL_SIGNALS, *added]
    known |= {name for signal in added for name in (signal.name, signal.family)}
    for name in names:
        if name not in known:
            raise click.ClickException(f"unknown signal {name!r}; {_hint(name, candidates)}")
    return [signal for signal in candidates if not names or signal.name in names or signal.family in names]


def previews(signals: Iterable[Signal]) -> frozenset[str]:
    """The names of the shipped signals for which no shipped model has a weight."""
    from garble.models import scorecard, store
    from garble.signals import FEATURE_INDEX

    cards = (scorecard.load(store.folder_of(name) / "scorecard.json") for name in _SHIPPED)
    weighed = {feature for card in cards for feature in card.features}
    shipped = (signal for signal in signals if not FEATURE_INDEX.keys().isdisjoint(signal.features))
    return frozenset(signal.name for signal in shipped if weighed.isdisjoint(signal.features))


def _hint(name: str, signals: Sequence[Signal]) -> str:
    """A hint with similar names: of signals, with or without their family, or of families."""
    known = {signal.family: signal.family for signal in signals}
    known |= {signal.name.removeprefix(f"{signal.family}."): signal.name for signal in signals}
    known |= {signal.name: signal.name for signal in signals}
    similar = dict.fromkeys(known[match] for match in get_close_matches(name, known))
    return f"did you mean {' or '.join(similar)}?" if similar else "run garble signals for a list"
