"""Finds models and loads each once per process."""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from garble.columns import lm
from garble.columns.lm import LanguageModel
from garble.errors import ModelError, UsageError, quoted
from garble.models.scorecard import FILES, Scorecard, check_files, digest, digest_of, load
from garble.signals import FEATURE_INDEX, plugins, signals_of

# By default glibc returns large freed blocks to the kernel, and requests them again for every batch. After a block of
# this size was freed once, it keeps them, and scoring takes a tenth less time. Nothing is written to the block.
_FREED_ONCE = 31 << 20
# Entry points whose values are packages with the files of a model.
GROUP = "garble.models"


def folder_of(name: str | Path) -> Path:
    """The folder of a model: inside the package (wheel), beside it (checkout), the given path, or of a plugin."""
    if not isinstance(name, str | Path):
        raise UsageError(f"model: expected a name or a path, got {type(name).__name__}")
    package = Path(__file__).parents[1]
    for folder in (package / "models" / name, package.parent / "models" / name, Path(name)):
        # os.path.isfile is False, without an error, for names that are too long or contain a null character.
        if os.path.isfile(folder / "scorecard.json"):
            return folder
    if isinstance(name, str) and (of_plugin := _folder_of_plugin(name)):
        return of_plugin
    known = "an included model, one of a plugin, or a folder with a scorecard.json"
    raise ModelError(f"unknown model {quoted(name)}; expected {known}")


def _folder_of_plugin(name: str) -> Path | None:
    """The package folder that an entry point with this name gives for a model, if there is one."""
    # Slow to import, and only needed for plugins.
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    entries = [*entry_points(group=GROUP, name=name)]
    if not entries:
        return None
    if len(entries) > 1:
        raise ModelError(f"model {quoted(name)} is in several packages: {', '.join(entry.value for entry in entries)}")
    package = entries[0].value
    try:
        spec = find_spec(package)
    except Exception as error:
        problem = " ".join(str(error).split())
        raise ModelError(f"model {quoted(name)}: {package} cannot be imported ({problem})") from error
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if os.path.isfile(os.path.join(folder, "scorecard.json")):
            return Path(folder)
    raise ModelError(f"model {quoted(name)}: {package} is not a package folder with a scorecard.json")


class Loaded(NamedTuple):
    """A model without its network.

    digest: of all its files, including the language model of its base, and of the versions of the plugins it uses.
    """

    card: Scorecard
    lm: LanguageModel
    digest: str
    folder: Path
    state: tuple[object, ...]


def loaded(folder: Path) -> Loaded:
    """The model in a folder, cached until its files change."""
    return _load(folder, state_of(folder))


def state_of(folder: Path) -> tuple[object, ...]:
    """A cache key that changes when the files of a model, or of its base, change."""
    base = None if os.path.isfile(folder / "lm.npz") else load(folder / "scorecard.json").network
    folders = [folder, folder_of(base.base)] if base and base.base else [folder]
    paths = [place / name for place in folders for name in ("scorecard.json", *FILES)]
    stats = [(str(path), os.stat(path)) for path in paths if os.path.isfile(path)]
    return tuple((path, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path, s in stats)


# Several, for processes that alternate between models.
@lru_cache(maxsize=8)
def _load(folder: Path, state: tuple[object, ...]) -> Loaded:
    """state: cache key from `state_of`."""
    np.empty(_FREED_ONCE, np.uint8)
    card = load(folder / "scorecard.json")
    signals = signals_of(card.features)
    if unknown := set(card.features).difference(*(signal.features for signal in signals)):
        raise ModelError(f"{folder}: requires signals that are not installed: {', '.join(sorted(unknown))}")
    check_files(folder, card)
    whole_digest, base = digest_of(folder), folder
    if card.network is not None and card.network.base:
        base = folder_of(card.network.base)
        check_files(base, load(base / "scorecard.json"))
        whole_digest = sha256(f"{whole_digest} {digest(base / 'lm.npz')}".encode()).hexdigest()
    if not FEATURE_INDEX.keys() >= set(card.features):
        whole_digest = sha256(" ".join([whole_digest, *plugins.releases(signals)]).encode()).hexdigest()
    return Loaded(card, lm.load(base / "lm.npz"), whole_digest, folder, state)
