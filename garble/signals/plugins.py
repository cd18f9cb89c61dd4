"""Signals of installed packages, from the entry points of the group "garble.signals".

The name of an entry point is the name of its signal, so a package is imported only if its signal is used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from typing import TYPE_CHECKING

from garble.errors import UsageError
from garble.signals.base import Signal

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "garble.signals"


def installed() -> tuple[Signal, ...]:
    """The signals of all installed plugins, by name."""
    return _loaded(lambda name: True)


def named(names: Collection[str]) -> tuple[Signal, ...]:
    """The signals of plugins with these names or in families with these names."""
    return _loaded(lambda name: not {name, name.split(".")[0]}.isdisjoint(names))


def with_features(features: Collection[str]) -> tuple[Signal, ...]:
    """The signals of plugins that give any of these features."""
    signals = _loaded(lambda name: any(feature == name or feature.startswith(f"{name}.") for feature in features))
    return tuple(signal for signal in signals if not set(signal.features).isdisjoint(features))


def releases(signals: Collection[Signal]) -> tuple[str, ...]:
    """Name and version of the packages of these signals; empty for signals that are no plugins."""
    names = {signal.name for signal in signals}
    return tuple(dict.fromkeys(_release(entry) for entry in _entries() if entry.name in names))


def _loaded(is_wanted: Callable[[str], bool]) -> tuple[Signal, ...]:
    wanted = [entry for entry in _entries() if is_wanted(entry.name)]
    for one, other in pairwise(wanted):
        if one.name == other.name:
            raise UsageError(f"signal {one.name} is in several packages: {_release(one)}, {_release(other)}")
    return tuple(map(_signal, wanted))


def _entries() -> list[EntryPoint]:
    # Slow to import, and only needed for plugins.
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))


def _signal(entry: EntryPoint) -> Signal:
    """Import a signal. Raises UsageError, with the package, for what is not one."""
    where = f"plugin {_release(entry)}: {entry.name}"
    try:
        signal = entry.load()
    except Exception as error:
        problem = " ".join(str(error).split())
        raise UsageError(f"{where}: {entry.value} cannot be imported ({type(error).__name__}: {problem})") from error
    if not isinstance(signal, Signal):
        raise UsageError(f"{where}: {entry.value} is not a signal; use the decorators of garble.signals.base")
    if signal.name != entry.name:
        raise UsageError(f"{where}: the entry point must have the name of the signal, {signal.name}")
    if "network" in signal.needs:
        raise UsageError(f"{where}: signals of plugins cannot use the network")
    return signal


def _release(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
