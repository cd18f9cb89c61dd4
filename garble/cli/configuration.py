"""The settings of a run: from the command line, the environment, a configuration file, or the defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from garble.cli.config_file import ConfigFile, Setting, Settings, load, matches, nearest
from garble.cli.options import SETTINGS
from garble.cli.terminal import print_message
from garble.errors import GarbleError, InputError, UsageError
from garble.io import STDIN, FileInFolder, find_texts

if TYPE_CHECKING:
    from garble.scorer import Scorer

DEFAULT, COMMAND_LINE = "default", "command line"


class Configuration:
    """Finds the settings for each input of a run. The command line wins over the environment, and that over the file.

    config, isolated: the options of CONFIG. options: the options of the command that are settings.
    Raises InputError, with the path and the key, for an invalid configuration file, here or when it is found.
    """

    def __init__(self, context: click.Context, *, config: Path | None, isolated: bool, **options: Any) -> None:
        if config and isolated:
            raise click.UsageError("--config and --isolated are mutually exclusive", context)
        self._defaults = {"include": Setting(("**",), DEFAULT), "exclude": Setting((), DEFAULT)}
        self._given = {}
        for name, value in options.items():
            source = context.get_parameter_source(name)
            if source is ParameterSource.COMMANDLINE:
                self._given[name] = Setting(value, COMMAND_LINE)
            elif source is ParameterSource.ENVIRONMENT:
                self._given[name] = Setting(value, f"environment variable {SETTINGS[name]}")
            else:
                self._defaults[name] = Setting(value, DEFAULT)
        self._fixed = load(config) if config else None
        if config and self._fixed is None:
            raise InputError(str(config), "no table [tool.garble]")
        self._is_fixed = bool(config) or isolated
        self._found: dict[Path, ConfigFile | None] = {}

    def at(self, path: str = STDIN) -> Settings:
        """The settings for a file or folder. For standard input, those of the working directory without overrides."""
        file = self._file_for(path)
        from_file: Settings = {} if file is None else file.settings if path == STDIN else file.at(path)
        return {**self._defaults, **from_file, **self._given}

    def selected(self, paths: Iterable[str]) -> list[str | InputError]:
        """The inputs of the paths, without files in folders that are excluded; prints a message if none is left."""
        found = list(find_texts(paths))
        selected = [item for item in found if not isinstance(item, FileInFolder) or self._selects(item)]
        if found and not selected:
            print_message("all files are excluded by the configuration; see garble config")
        return selected

    def _selects(self, path: str) -> bool:
        file = self._file_for(path)
        if file is None:
            return True
        settings, inside = self.at(path), file.inside(path)
        is_included, is_excluded = (
            any(matches(glob, inside) for glob in settings[key].value) for key in ("include", "exclude")
        )
        return is_included and not is_excluded

    def _file_for(self, path: str) -> ConfigFile | None:
        if self._is_fixed:
            return self._fixed
        place = Path(os.path.abspath("." if path == STDIN else path))
        folder = place if os.path.isdir(place) else place.parent
        if folder not in self._found:
            self._found[folder] = nearest(folder)
        return self._found[folder]


def scorer_arguments(settings: Settings) -> dict[str, Any]:
    """The arguments of `Scorer`. Raises UsageError, with the source, for an unknown model, signal or language."""
    from garble.models.store import folder_of
    from garble.scorer import checked_language
    from garble.signals import select_signals

    checks: dict[str, Callable[[Any], object]] = {
        "model": folder_of,
        "without": select_signals,
        "language": checked_language,
    }
    for name, check in checks.items():
        try:
            check(settings[name].value)
        except GarbleError as error:
            raise _with_source(error, settings[name]) from error
    values = {name: settings[name].value for name in SETTINGS if name in settings}
    return values | {"threshold": str(values["threshold"])}


def scorer_for(settings: Settings, **fixed: Any) -> Scorer:
    """The scorer with these settings. fixed: values that replace them.

    Raises UsageError, with the source, for a setting that the scorer refuses.
    """
    from garble.scorer import Scorer

    settings = {**settings, **{name: Setting(value, DEFAULT) for name, value in fixed.items()}}
    arguments = scorer_arguments(settings)
    try:
        return Scorer(**arguments)
    except UsageError as error:
        raise _with_source(error, settings["threshold"]) from error


def with_scorers(
    inputs: Iterable[str | InputError], configuration: Configuration, **fixed: Any
) -> list[tuple[Scorer, list[str | InputError]]]:
    """The inputs in order, in runs with the same settings, each with its scorer. fixed: as in `scorer_for`."""
    scorers: dict[tuple[Any, ...], Scorer] = {}
    runs: list[tuple[Scorer, list[str | InputError]]] = []
    for item in inputs:
        settings = configuration.at(STDIN if isinstance(item, InputError) else item)
        key = tuple(settings[name].value for name in SETTINGS if name in settings)
        if key not in scorers:
            scorers[key] = scorer_for(settings, **fixed)
        if not runs or runs[-1][0] is not scorers[key]:
            runs.append((scorers[key], []))
        runs[-1][1].append(item)
    return runs


def _with_source(error: Exception, setting: Setting) -> UsageError:
    is_own = setting.source in (DEFAULT, COMMAND_LINE)
    return UsageError(str(error) if is_own else f"{setting.source}: {error}")
