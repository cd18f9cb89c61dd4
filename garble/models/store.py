"""Where a model is, and its files as they are read, once a process."""

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

# glibc gives large blocks back to the kernel as they are freed, and asks for them anew with every packet, until a block
# as large as this was freed once: then it keeps them, and scoring takes a tenth less time. Nothing is written to it.
_KEPT = 31 << 20


def folder_of(name: str | Path) -> Path:
    """Where a model lies: in the wheel inside the package, in a checkout beside it, or at the path given."""
    if not isinstance(name, str | Path):
        raise UsageError(f"model: expected a name or a path, got {type(name).__name__}")
    package = Path(__file__).parents[1]
    for folder in (package / "models" / name, package.parent / "models" / name, Path(name)):
        # Of a name that is too long for a path, or holds a null, os.path says that there is no such file.
        if os.path.isfile(folder / "scorecard.json"):
            return folder
    raise ModelError(f"unknown model {quoted(name)}; expected an included model or a folder with a scorecard.json")


class Loaded(NamedTuple):
    """A model as it was read, but for its network. digest: of all its files, its base's language model among them."""

    card: Scorecard
    lm: LanguageModel
    digest: str
    folder: Path
    state: tuple[object, ...]


def loaded(folder: Path) -> Loaded:
    """The model in a folder, read once as long as its files stay as they are."""
    return _load(folder, state_of(folder))


def state_of(folder: Path) -> tuple[object, ...]:
    """What tells whether the files of a model, or of the model that it is based on, were written anew."""
    base = None if os.path.isfile(folder / "lm.npz") else load(folder / "scorecard.json").network
    folders = [folder, folder_of(base.base)] if base and base.base else [folder]
    paths = [place / name for place in folders for name in ("scorecard.json", *FILES)]
    stats = [(str(path), os.stat(path)) for path in paths if os.path.isfile(path)]
    return tuple((path, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path, s in stats)


# A process that trains and loads models by turns keeps the last few.
@lru_cache(maxsize=8)
def _load(folder: Path, state: tuple[object, ...]) -> Loaded:
    """state: what the files were when they were read; a model that was written anew has another."""
    np.empty(_KEPT, np.uint8)
    card = load(folder / "scorecard.json")
    if strange := set(card.features) - set(FEATURE_INDEX):
        raise ModelError(f"{folder}: requires signals that this version lacks: {', '.join(sorted(strange))}")
    check_files(folder, card)
    found, base = digest_of(folder), folder
    if card.network is not None and card.network.base:
        base = folder_of(card.network.base)
        check_files(base, load(base / "scorecard.json"))
        found = sha256(f"{found} {digest(base / 'lm.npz')}".encode()).hexdigest()
    return Loaded(card, lm.load(base / "lm.npz"), found, folder, state)
