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
from garble.signals import FEATURE_INDEX

# By default glibc returns large freed blocks to the kernel, and requests them again for every batch. After a block of
# this size was freed once, it keeps them, and scoring takes a tenth less time. Nothing is written to the block.
_FREED_ONCE = 31 << 20


def folder_of(name: str | Path) -> Path:
    """The folder of a model: inside the package (wheel), beside it (checkout), or the given path."""
    if not isinstance(name, str | Path):
        raise UsageError(f"model: expected a name or a path, got {type(name).__name__}")
    package = Path(__file__).parents[1]
    for folder in (package / "models" / name, package.parent / "models" / name, Path(name)):
        # os.path.isfile is False, without an error, for names that are too long or contain a null character.
        if os.path.isfile(folder / "scorecard.json"):
            return folder
    raise ModelError(f"unknown model {quoted(name)}; expected an included model or a folder with a scorecard.json")


class Loaded(NamedTuple):
    """A model without its network. digest: of all its files, including the language model of its base."""

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
    if unknown := set(card.features) - set(FEATURE_INDEX):
        raise ModelError(f"{folder}: requires signals that this version lacks: {', '.join(sorted(unknown))}")
    check_files(folder, card)
    whole_digest, base = digest_of(folder), folder
    if card.network is not None and card.network.base:
        base = folder_of(card.network.base)
        check_files(base, load(base / "scorecard.json"))
        whole_digest = sha256(f"{whole_digest} {digest(base / 'lm.npz')}".encode()).hexdigest()
    return Loaded(card, lm.load(base / "lm.npz"), whole_digest, folder, state)
