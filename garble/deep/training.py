"""Teaching the network, in slices that go on where the last one stopped.

    python -m garble.deep.training --data DATA --model models/en --work WORK --minutes 25

DATA is the project's data folder, WORK keeps the packed lessons, a checkpoint a stage, and the loss curve. The first
stage, the trunk, learns on clean text alone; from it one network goes on with all that is to be learnt mixed in every
step, and one more for each language pair that is left out of it. The same seed gives the same lessons in the same
order, wherever a slice ends. Runs on one GPU in bfloat16 where there is one, and on a CPU otherwise.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from garble import lm
from garble.deep import lessons, words
from garble.deep.lessons import PAIRS, Lessons, Sentences
from garble.deep.network import Network, Shape
from garble.deep.shipping import onnx_of
from garble.deep.swaps import Swaps
from garble.deep.words import COLUMNS

Log = Callable[[str], None]
# (entries, 2) steps, and the mean loss of those before.
Curve = NDArray[np.float64]

# Steps to full speed, and the speeds there: of the matrices within the network, and of all else.
_WARM_UP = 200
_RATE_WITHIN, _RATE = 3e-3, 1.5e-3
# Over this share of the trunk, its last, the speed falls to that share, at which a mixed stage begins.
_FALL, _KEPT = 0.3, 0.3
# Share of the sentences of clean text that are damaged, not swapped.
_DAMAGED = 0.25
# What naming the class of the word that stood there before counts for.
_BEFORE = 0.2
# Share of its words from which on a sentence of clean text is a bad one when they are wrong.
_SPOILT = 0.1
# Translations a mixed step, each with its correction.
_TRANSLATIONS = 64
# Differences, in points of direct assessment and in HTER, from which one text is worse than the other.
_WORSE, _EDITED = 20, 0.2
# The matrices within the network, and what an optimiser remembers of a weight.
_WITHIN = tuple(f"{name}.weight" for name in ("beside", "ask", "answer", "widen", "narrow"))
_MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer")
# Sentences are padded to one of these many tokens, their borders apart.
_WIDTHS = (8, 14, 20, 26, 32, 40, 50, lessons.LONGEST)
# Steps between two entries of the loss curve, and between two checkpoints.
_ENTRY, _CHECKPOINT = 50, 100


@dataclass(frozen=True, slots=True)
class Course:
    """How large a network is taught, and how long: steps of the trunk and of a mixed stage, words of text a step."""

    shape: Shape
    trunk: int
    mixed: int
    words: int


COURSES = {
    "tiny": Course(Shape(500, 32, 1, 2), 4, 4, 256),
    "small": Course(Shape(8000, 192, 4, 3), 34_000, 900, 3072),
    # The largest whose checkpoints stay below 60 MiB; not tried yet.
    "large": Course(Shape(8000, 256, 6, 4), 40_000, 4_000, 16_384),
}


def padded(sentences: Sentences, spelling: NDArray[np.uint16]) -> tuple[Tensor, Tensor, Tensor]:
    """(sentences, tokens, COLUMNS) what the network reads, borders put in; where there is a token; the labels."""
    lengths = np.diff(sentences.rows)
    width = next((width for width in _WIDTHS if width >= lengths.max()), int(lengths.max()))
    shape = len(sentences), width + 2
    columns = np.zeros((*shape, COLUMNS), np.int64)
    labels = np.full(shape, lessons.UNASKED, np.int64)
    place = np.arange(len(sentences.word)) - sentences.rows[sentences.sentence] + 1
    columns[sentences.sentence, place, :-1] = spelling[sentences.word]
    columns[sentences.sentence, place, -1] = sentences.shape
    labels[sentences.sentence, place] = sentences.label
    rows = np.arange(len(sentences))
    for border in (np.zeros_like(lengths), lengths + 1):
        columns[rows, border, 0] = words.BORDER
        columns[rows, border, -1] = words.BORDER_SHAPE
    there = np.arange(shape[1]) < lengths[:, None] + 2
    return torch.from_numpy(columns), torch.from_numpy(there), torch.from_numpy(labels)


def told(verdict: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy of the tokens that are asked for."""
    asked = labels >= 0
    return functional.binary_cross_entropy_with_logits(verdict[asked].float(), labels[asked].float())


def ranked(worse: Tensor, better: Tensor) -> Tensor:
    """The mean cross-entropy of each rank of `worse` being higher than those beside it in `better`."""
    apart = better - worse
    return functional.softplus(apart).mean() if apart.numel() else apart.sum()


class Lesson:
    """What a step learns from; the same for the same seed and number."""

    def __init__(self, material: Lessons, course: Course, without: str, seed: int) -> None:
        self.material, self.course, self.seed = material, course, seed
        self.swaps = Swaps(material)
        left_out = PAIRS.index(without) if without in PAIRS else len(PAIRS)
        self.usable = np.flatnonzero(material.pair != left_out)
        self.of_width, self.share = [], []
        for source in (material.clean, material.damaged):
            lengths = np.diff(source.rows)
            nearest = np.searchsorted(_WIDTHS, lengths)
            self.of_width.append({width: np.flatnonzero(nearest == i) for i, width in enumerate(_WIDTHS)})
            tokens = np.bincount(nearest, lengths, minlength=len(_WIDTHS))
            self.share.append(tokens / tokens.sum())

    def text(self, number: int, size: int) -> tuple[Sentences, NDArray[np.int16]]:
        """Clean text with words swapped, or damaged text; and where a word was swapped the class of the one before.

        size: how many words come together, about.
        """
        rng = default_rng([self.seed, number])
        damaged = bool(rng.random() < _DAMAGED)
        source = self.material.damaged if damaged else self.material.clean
        # Of one width, so that little is padded and few shapes have to be made ready for.
        width = rng.choice(_WIDTHS, p=self.share[damaged])
        some = rng.choice(self.of_width[damaged][width], max(1, size // int(width)))
        taken = source.take(some)
        if damaged:
            return taken, np.full(len(taken.word), lessons.UNASKED, np.int16)
        return self.swaps.swapped(taken, rng)

    def translations(self, number: int) -> NDArray[np.int64]:
        """Rows of machine translation."""
        return default_rng([self.seed, number, 1]).choice(self.usable, _TRANSLATIONS)

    def loss(self, network: Network, number: int, mixed: bool, device: torch.device) -> Tensor:
        """What the network has still to learn of a step's lesson."""
        # Beside translations half as much text is enough not to forget.
        text, stood = self.text(number, self.course.words // 2 if mixed else self.course.words)
        columns, there, labels = (t.to(device) for t in padded(text, self.material.spelling))
        states = network.states(columns, there)
        loss = told(network.tokens(states)[..., 0], labels)
        if (stood >= 0).any():
            asked = torch.from_numpy(stood[stood >= 0].astype(np.int64)).to(device)
            guess = network.before(states[labels >= 0][torch.from_numpy(stood >= 0).to(device)]).float()
            loss = loss + _BEFORE * functional.cross_entropy(guess, asked)
        if not mixed:
            return loss
        rank = network.rank(states, there).float()
        bad = torch.from_numpy(np.bincount(text.sentence, text.label, len(text)) / np.diff(text.rows)).to(device)
        loss = loss + ranked(rank[bad >= _SPOILT, None], rank[None, bad == 0])
        rows = self.translations(number)
        both = lessons.joined([self.material.translated.take(rows), self.material.corrected.take(rows)])
        columns, there, labels = (t.to(device) for t in padded(both, self.material.spelling))
        verdict, rank = network(columns, there)
        worse, better = rank.float().chunk(2)
        quality, pair = (torch.from_numpy(a[rows]).to(device) for a in (self.material.quality, self.material.pair))
        apart = (pair[:, None] == pair) & (quality[:, None] + _WORSE < quality)
        low, high = torch.nonzero(apart, as_tuple=True)
        edited = torch.from_numpy(self.material.edited[rows]).to(device) >= _EDITED
        contrast = ranked(worse[edited], better[edited]) + ranked(worse[low], worse[high])
        return loss + told(verdict[..., 1], labels) + 0.5 * contrast


def rate(step: int, steps: int, mixed: bool) -> float:
    """The share of full speed at a step: up to it and down again in the trunk, on to nothing in a mixed stage."""
    left = 1 - step / steps
    if mixed:
        return _KEPT * left
    return min((step + 1) / _WARM_UP, 1.0, _KEPT + (1 - _KEPT) * left / _FALL)


def optimisers(network: Network) -> dict[str, torch.optim.Optimizer]:
    """By name of a weight what moves it: Muon the matrices within the network, AdamW all else."""
    weights = dict(network.named_parameters())
    within = {name: weight for name, weight in weights.items() if name.endswith(_WITHIN)}
    others = {name: weight for name, weight in weights.items() if name not in within}
    # Its steps are made as long as those of AdamW.
    muon = torch.optim.Muon(within.values(), lr=_RATE_WITHIN, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.AdamW(others.values(), lr=_RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    return dict.fromkeys(within, muon) | dict.fromkeys(others, adam)


def halves(tensor: Tensor) -> NDArray[np.int16]:
    """A tensor as bfloat16, which numpy has no name for."""
    return np.asarray(tensor.detach().cpu().bfloat16().view(torch.int16), np.int16)


def whole(half: NDArray[np.int16]) -> Tensor:
    """What `halves` was given."""
    return torch.from_numpy(half).view(torch.bfloat16).float()


class Stage:
    """A network on its way: weights, what the optimisers remember, the steps done and the loss on the way."""

    def __init__(self, path: Path, course: Course, seed: int, device: torch.device, trunk: Path | None = None) -> None:
        torch.manual_seed(seed)
        self.path, self.device = path, device
        self.network = Network(course.shape).to(device)
        self.moved_by = optimisers(self.network)
        self.optimisers = list(dict.fromkeys(self.moved_by.values()))
        self.step, self.curve = 0, np.zeros((0, 2))
        if path.exists():
            self.read(path)
        elif trunk is not None:
            self.read(trunk)
            self.step, self.curve = 0, np.zeros((0, 2))

    def read(self, path: Path) -> None:
        """Go on from a checkpoint."""
        with np.load(path, allow_pickle=False) as file:
            self.step, self.curve = int(file["step"]), file["curve"]
            for name, weight in self.network.named_parameters():
                weight.data.copy_(torch.from_numpy(file[name]))
                kept = {key: file[f"{name}.{key}"] for key in (*_MOMENTS, "step") if f"{name}.{key}" in file}
                # A head that nothing has been asked of has no past.
                if kept:
                    self.moved_by[name].state[weight] = {
                        key: (whole(a) if key in _MOMENTS else torch.from_numpy(a)).to(self.device)
                        for key, a in kept.items()
                    }

    def write(self) -> None:
        """Keep a checkpoint, whole or not at all; who goes on has as little in mind as who begins there."""
        arrays: dict[str, NDArray[Any]] = {"step": np.array(self.step), "curve": self.curve}
        for name, weight in self.network.named_parameters():
            arrays[name] = weight.detach().cpu().numpy()
            state = self.moved_by[name].state.get(weight, {})
            for key, moment in state.items():
                if key in _MOMENTS:
                    arrays[f"{name}.{key}"] = halves(moment)
                    moment.copy_(whole(arrays[f"{name}.{key}"]))
                else:
                    arrays[f"{name}.{key}"] = moment.cpu().numpy()
        part = self.path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        part.replace(self.path)

    def run(self, lesson: Lesson, steps: int, mixed: bool, until: float, log: Log) -> bool:
        """Teach until all steps are done, which is then true, or the time is up, to the next checkpoint."""
        losses: list[float] = []
        begun, at = time.monotonic(), self.step
        while self.step < steps and (self.step % _CHECKPOINT or time.monotonic() < until):
            for optimiser in self.optimisers:
                optimiser.param_groups[0]["lr"] = optimiser.defaults["lr"] * rate(self.step, steps, mixed)
            # A mixed stage has lessons that no other stage has.
            number = self.step + (1_000_000 if mixed else 0)
            with torch.autocast(self.device.type, torch.bfloat16):
                loss = lesson.loss(self.network, number, mixed, self.device)
            self.network.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            for optimiser in self.optimisers:
                optimiser.step()
            self.step += 1
            losses.append(loss.item())
            if self.step % _ENTRY == 0:
                self.curve = np.concatenate([self.curve, [[self.step, np.mean(losses)]]])
                pace = (self.step - at) / (time.monotonic() - begun)
                log(f"{self.path.stem}: step {self.step} of {steps}, loss {np.mean(losses):.4f}, {pace:.2f} steps/s")
                losses = []
            if self.step % _CHECKPOINT == 0 or self.step == steps:
                self.write()
        return self.step >= steps


def teach(data: Path, model: Path, work: Path, course: Course, minutes: float, seed: int, log: Log) -> bool:
    """One slice of the whole course; true when there is nothing left to teach, and the networks are written.

    Then `work` holds for each mixed stage a folder, "all" or the pair left out, with network.onnx and tokenizer.json.
    """
    until = time.monotonic() + 60 * minutes
    work.mkdir(parents=True, exist_ok=True)
    packed, tokenizer = work / "lessons.npz", work / "tokenizer.json"
    if not (packed.exists() and tokenizer.exists()):
        log("packing the lessons")
        material, learnt = lessons.prepare(data, lm.load(model / "lm.npz"), course.shape.pieces, seed)
        learnt.save(str(tokenizer))
        material.save(packed)
    material = lessons.load(packed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trunk = Stage(work / "trunk.npz", course, seed, device)
    done = trunk.run(Lesson(material, course, "", seed), course.trunk, False, until, log)
    curves: dict[str, Curve] = {}
    for without in ("", *PAIRS) if done else ():
        stage = Stage(work / f"{without or 'all'}.npz", course, seed, device, trunk=trunk.path)
        done = stage.run(Lesson(material, course, without, seed), course.mixed, True, until, log)
        curves[stage.path.stem] = stage.curve
        if not done:
            break
        folder = work / stage.path.stem
        folder.mkdir(exist_ok=True)
        (folder / "network.onnx").write_bytes(onnx_of(stage.network))
        (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    picture(trunk.curve, curves, work / "loss.svg")
    return done


def picture(trunk: Curve, mixed: dict[str, Curve], path: Path) -> None:
    """Draw the loss on the way: of the trunk, and beside it of each mixed stage."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # The same picture for the same curves, its words left as words.
    with rc_context({"svg.hashsalt": "garble", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 4), layout="constrained")
        for axes, curves in zip(figure.subplots(1, 2), ({"trunk": trunk}, mixed), strict=True):
            for name, curve in curves.items():
                axes.plot(*curve.T, label=name)
            axes.set(xlabel="steps", ylabel=f"mean loss of {_ENTRY} steps")
            if curves:
                axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Teach for one slice; exit 0 when all is done, 3 when there is more to do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="the model whose lm.npz tells words by their class")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--course", choices=COURSES, default="small")
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    course = COURSES[given.course]
    done = teach(
        given.data, given.model, given.work, course, given.minutes, given.seed, lambda line: print(line, flush=True)
    )
    sys.exit(0 if done else 3)


if __name__ == "__main__":
    main()
