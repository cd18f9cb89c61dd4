"""Teaching the reader's networks.

    python -m garble.training.network.train --work WORK --published mpnet/model.safetensors --course gpu

WORK holds what `lessons` wrote; each stage writes WORK/NAME.safetensors and is skipped where that exists. A stage that
is stopped resumes at its last checkpoint, to the same weights. Runs on one GPU where there is one, else on CPU; both in
bfloat16. Imports nothing of garble that reads text, so that a bare machine with PyTorch can run it.

With --shipped models/en-large in place of --published, the network of that model is taught further.

Stages: `guesser` learns to fill gaps, so that it can put plausible words in a sentence. `trunk` learns from made
damage. `large` goes on from it with corrected machine translation, rounded as it will run. `small-trunk` and `small`
are the student, every other layer, taught the verdicts of `trunk` and `large`. `large-0`,
`small-0` and so on are taught without some language pairs, so that a figure on those is one on a pair never seen.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from garble.network.pieces import BEGIN, END, PADDING
from garble.training.network import encoder as network
from garble.training.network import lessons
from garble.training.network.encoder import Network
from garble.training.network.lessons import GUESS, PAIRS, Lessons
from garble.training.network.shipping import restored

Log = Callable[[str], None]

# The piece that hides a word from the guesser: no text has it.
_HIDDEN = 3
_HIDDEN_SHARE = 0.15
_GUESSER_LAYERS = 4
# A guessed word fits better than damage does.
_GUESS_SEVERITY = 0.7
# Language pairs that the networks of each fold are not taught with.
FOLDS: tuple[tuple[str, ...], ...] = (("et-en", "ru-en"), ("ro-en", "si-en"))
# Share of corrected machine translation in the stages that have any.
_TRANSLATED = 0.15
# What a correction may still be blamed for.
_CLEAN = 0.02
_CHECKPOINT, _ENTRY = 1000, 50
# Batches that activation ranges are read off.
_OBSERVED = 24


@dataclass(frozen=True, slots=True)
class Course:
    """Pieces a step, the rate of the trunk, and steps of each stage.

    fold and small_fold are those of each fold's large and small.
    """

    pieces: int
    rate: float
    guesser: int
    trunk: int
    large: int
    small_trunk: int
    small: int
    fold: int
    small_fold: int


COURSES = {
    "tiny": Course(1024, 1e-4, 2, 3, 2, 2, 2, 2, 2),
    "cpu": Course(2048, 1e-4, 600, 12_000, 3_000, 6_000, 3_000, 1_500, 1_500),
    "gpu": Course(32_768, 1e-4, 400, 1_649, 541, 1_402, 521, 242, 278),
    # Goes on from a network that was taught before.
    "more": Course(32_768, 6e-5, 400, 1_900, 700, 1_700, 650, 242, 278),
}


class Pairs:
    """Lessons on a device, and batches of them."""

    def __init__(self, packed: Lessons, device: torch.device) -> None:
        self.device = device
        self.ids = torch.from_numpy(packed.ids.astype(np.int32)).to(device)
        self.wrong = torch.from_numpy(packed.wrong).to(device)
        self.rows = torch.from_numpy(packed.rows).to(device)
        self.severity = torch.from_numpy(packed.severity).to(device)
        self.kind = packed.kind
        lengths = np.diff(packed.rows)
        # Of both sentences of a pair, borders included, and a multiple of 8: so few shapes are compiled.
        self.width = -(-(np.maximum(lengths[::2], lengths[1::2]) + 2) // 8) * 8 if len(packed.kind) else lengths

    def order(self, steps: int, size: int, translated: tuple[str, ...], seed: int) -> Iterator[np.ndarray]:
        """Pairs of one width each step. size: pieces a step. translated: language pairs to mix in."""
        rng = np.random.default_rng(seed)
        made = np.flatnonzero(self.kind <= GUESS)
        pairs = np.flatnonzero(np.isin(self.kind, [2 + PAIRS.index(pair) for pair in translated]))
        done = 0
        while done < steps:
            chosen = rng.permutation(made)
            if len(pairs):
                # One reading of the translations, and as much else as keeps their share.
                chosen = np.concatenate([pairs, chosen[: int(len(pairs) * (1 / _TRANSLATED - 1))]])
                rng.shuffle(chosen)
            batches = []
            for width in np.unique(self.width[chosen]):
                some = chosen[self.width[chosen] == width]
                count = max(1, size // (2 * int(width)))
                batches += [some[at : at + count] for at in range(0, len(some), count)]
            for place in rng.permutation(len(batches)):
                if done < steps:
                    done += 1
                    yield batches[place]

    def batch(self, chosen: np.ndarray, guess: Callable[[Tensor, Tensor], Tensor] | None) -> Batch:
        """The pairs as rows, clean ones first; GUESS pairs get guessed words. guess: (pieces, places) -> pieces."""
        width = int(self.width[chosen].max())
        at = torch.from_numpy(chosen).to(self.device)
        kind = torch.from_numpy(self.kind[chosen].astype(np.int64)).to(self.device)
        clean, clean_there, _ = self.padded(2 * at, width)
        damaged, there, wrong = self.padded(2 * at + 1, width)
        severity = self.severity[at]
        guessed = kind == GUESS
        if guess is not None and guessed.any():
            rows = clean[guessed]
            inside = clean_there[guessed] & (rows != BEGIN) & (rows != END)
            hidden = inside & (torch.rand(rows.shape, device=self.device) < _HIDDEN_SHARE)
            filled = torch.where(hidden, guess(rows.masked_fill(hidden, _HIDDEN), clean_there[guessed]), rows)
            damaged[guessed], there[guessed], wrong[guessed] = filled, clean_there[guessed], filled != rows
            share = (filled != rows).sum(1) / inside.sum(1).clamp(min=1)
            severity[guessed] = _GUESS_SEVERITY * (1 - torch.exp(-6 * share))
        return Batch(
            torch.cat([clean, damaged]),
            torch.cat([clean_there, there]),
            torch.cat([torch.zeros_like(wrong), wrong]).float(),
            torch.cat([torch.full_like(severity, _CLEAN), severity]),
            (kind > GUESS).repeat(2),
        )

    def padded(self, at: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """Some sentences as rows of `width` pieces, borders included; where they have any; which pieces are wrong."""
        first, last = self.rows[at, None], self.rows[at + 1, None]
        place = torch.arange(width, device=self.device)[None, :] - 1
        inside = (place >= 0) & (first + place < last)
        source = (first + place).clamp(0, len(self.ids) - 1)
        ids = torch.where(inside, self.ids[source].long(), PADDING)
        ids[:, 0] = BEGIN
        ids[place == (last - first)] = END
        return ids, place <= last - first, inside & self.wrong[source]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of pieces, the first half clean, the second their damaged twins.

    pieces, there, wrong: (rows, pieces). severity: (rows,). translated: (rows,) whether machine translation.
    """

    pieces: Tensor
    there: Tensor
    wrong: Tensor
    severity: Tensor
    translated: Tensor


class Guesser(nn.Module):  # type: ignore[misc]  # without PyTorch, Module is Any
    """Fills gaps: the first layers of a network, and a head that shares its vectors of pieces."""

    def __init__(self, trunk: Network) -> None:
        super().__init__()
        self.trunk = trunk
        width = trunk.shape.width
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(trunk.shape.pieces))

    def forward(self, pieces: Tensor, there: Tensor) -> Tensor:
        """(hidden places, vocabulary) log-odds of what is hidden."""
        x = self.trunk.states(pieces, there)[-1][pieces == _HIDDEN]
        return functional.linear(self.norm(functional.gelu(self.dense(x))), self.trunk.pieces.weight, self.bias)

    def guess(self, pieces: Tensor, there: Tensor) -> Tensor:
        """The pieces with a drawn one in each hidden place."""
        with torch.no_grad():
            odds = self(pieces, there).float()
            odds[:, : _HIDDEN + 1] = -1e4
            found = pieces.clone()
            found[pieces == _HIDDEN] = torch.multinomial(odds.softmax(-1), 1)[:, 0]
        return found


def loss_of(pieces: Tensor, sentence: Tensor, batch: Batch) -> Tensor:
    """What the network got wrong: of pieces, of sentences, and of the order within each pair."""
    # Damage and what correctors change are two verdicts; each is asked where it was taught.
    verdict = torch.where(batch.translated[:, None], pieces[..., 1], pieces[..., 0]).float()
    of_pieces = functional.binary_cross_entropy_with_logits(verdict[batch.there], batch.wrong[batch.there])
    sentence = sentence.float()
    of_sentences = functional.binary_cross_entropy_with_logits(sentence, batch.severity)
    clean, damaged = sentence.chunk(2)
    order = functional.softplus(clean - damaged) * batch.severity.chunk(2)[1]
    return of_pieces + 0.5 * of_sentences + 0.5 * order.mean()


def taught_loss(states: list[Tensor], own: tuple[Tensor, Tensor], teacher: Network, batch: Batch) -> Tensor:
    """How far a student's verdicts and states are from its teacher's."""
    with torch.no_grad():
        theirs = teacher.states(batch.pieces, batch.there)
        pieces, sentence = teacher.verdicts(theirs[-1], batch.there)
        soft = pieces.float().sigmoid()
    there = batch.there
    of_pieces = functional.binary_cross_entropy_with_logits(own[0].float()[there], soft[there])
    of_sentences = functional.mse_loss(own[1].float(), sentence.float())
    ratio = len(teacher.layers) // (len(states) - 1)
    of_states = sum(
        (functional.mse_loss(one.float()[there], theirs[ratio * i].float()[there]) for i, one in enumerate(states)),
        torch.zeros((), device=there.device),
    )
    return 2 * of_pieces + 0.2 * of_sentences + of_states / len(states)


class Stage:
    """One stage: a module, its optimizer, and how far it is."""

    def __init__(
        self, name: str, module: nn.Module, steps: int, rate: float, last: float, work: Path, log: Log
    ) -> None:
        self.name, self.module, self.steps, self.rate, self.last = name, module, steps, rate, last
        self.path, self.part, self.log = work / f"{name}.safetensors", work / f"{name}.part.safetensors", log
        matrices = [p for p in module.parameters() if p.requires_grad and p.ndim > 1]
        others = [p for p in module.parameters() if p.requires_grad and p.ndim <= 1]
        fused = next(module.parameters()).is_cuda
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
            rate, betas=(0.9, 0.98), fused=fused,
        )  # fmt: skip

    def run(self, batches: Iterator[tuple[int, Callable[[], Tensor]]]) -> None:
        """Take the steps that are left, and write the weights."""
        began = time.monotonic()
        done = self._resumed()
        device = next(self.module.parameters()).device.type
        for step, loss in batches:
            # Every step has its own seed, so that a resumed stage draws what an unbroken one does.
            torch.manual_seed(step)
            if step < done:
                continue
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate * self._speed(step)
            with torch.autocast(device, torch.bfloat16):
                value = loss()
            self.optimizer.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            if step % _ENTRY == _ENTRY - 1:
                taken = f"{time.monotonic() - began:.0f} s"
                self.log(f"{self.name} {step + 1}/{self.steps} loss {value.item():.4f} {taken}")
            if step % _CHECKPOINT == _CHECKPOINT - 1 and step + 1 < self.steps:
                self._checkpoint(step + 1)
        save_file({name: tensor.contiguous() for name, tensor in self.module.state_dict().items()}, self.path)
        self.part.unlink(missing_ok=True)

    def _speed(self, step: int) -> float:
        warm = max(1, self.steps // 20)
        return min((step + 1) / warm, 1 - (1 - self.last) * max(0, step - warm) / max(1, self.steps - warm))

    def _checkpoint(self, step: int) -> None:
        state = {f"module.{name}": tensor.contiguous() for name, tensor in self.module.state_dict().items()}
        for place, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"moment.{place}.{name}": value for name, value in moments.items()}
        state["step"] = torch.tensor(step)
        save_file(state, self.part)

    def _resumed(self) -> int:
        if not self.part.exists():
            return 0
        state = load_file(self.part)
        self.module.load_state_dict({n.removeprefix("module."): t for n, t in state.items() if n.startswith("module.")})
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("moment."):
                _, place, moment = name.split(".")
                moments.setdefault(int(place), {})[moment] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        return int(state["step"])


class Room:
    """Where teaching happens: the folder, the device, the pairs, the course."""

    def __init__(self, work: Path, start: Path, course: Course, seed: int, log: Log) -> None:
        self.work, self.start, self.course, self.seed, self.log = work, start, course, seed, log
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.pairs = Pairs(lessons.load(work / "lessons.npz.xz"), self.device)
        self._guesser: Guesser | None = None

    def first_network(self) -> Network:
        """The network of a model; or the published encoder, with new heads."""
        torch.manual_seed(self.seed)
        if self.start.is_dir():
            found = restored(self.start)
        else:
            kept = torch.from_numpy(np.load(self.work / "rows.npy"))
            found = network.from_mpnet(load_file(self.start), kept)
        # Distances are known well; leaving them as they are makes attention cheaper to teach.
        found.relative.requires_grad_(False)
        found.to(self.device)
        return found

    def taught(self, name: str) -> Network:
        """The network that a stage wrote."""
        found = network.of_weights(load_file(self.work / f"{name}.safetensors"))
        found.relative.requires_grad_(False)
        found.to(self.device)
        return found

    def guesser(self) -> Guesser:
        """What fills gaps; taught first where it is not yet."""
        if self._guesser is None:
            base = self.first_network()
            base.layers = base.layers[:_GUESSER_LAYERS]
            guesser = Guesser(base).to(self.device)
            stage = Stage("guesser", guesser, self.course.guesser, 3e-4, 0.1, self.work, self.log)
            if stage.path.exists():
                guesser.load_state_dict(load_file(stage.path))
            else:

                def loss(batch: Batch) -> Tensor:
                    rows = len(batch.pieces) // 2
                    pieces, there = batch.pieces[:rows], batch.there[:rows]
                    inside = there & (pieces != BEGIN) & (pieces != END)
                    hidden = inside & (torch.rand(pieces.shape, device=self.device) < _HIDDEN_SHARE)
                    odds = guesser(pieces.masked_fill(hidden, _HIDDEN), there)
                    return functional.cross_entropy(odds.float(), pieces[hidden])

                stage.run(self._steps(self.course.guesser, (), None, loss))
            self._guesser = guesser
        return self._guesser

    def teach(
        self,
        name: str,
        module: Network,
        steps: int,
        rate: float,
        last: float,
        translated: tuple[str, ...] = (),
        teacher: Network | None = None,
        rounds: bool = False,
    ) -> None:
        """One stage of a network, skipped where it is done."""
        stage = Stage(name, module, steps, rate, last, self.work, self.log)
        if stage.path.exists():
            return
        guess = self.guesser().guess
        if rounds:
            # The guesser draws words here too, and a stage that starts anew must draw the same.
            torch.manual_seed(self.seed)
            module.observe(True)
            with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16):
                for chosen in self.pairs.order(_OBSERVED, self.course.pieces, translated, self.seed + 1):
                    batch = self.pairs.batch(chosen, guess)
                    module(batch.pieces, batch.there)
            module.observe(False)
            module.round(True)

        def loss(batch: Batch) -> Tensor:
            states = module.states(batch.pieces, batch.there)
            verdicts = module.verdicts(states[-1], batch.there)
            own = loss_of(*verdicts, batch)
            return own if teacher is None else 0.3 * own + taught_loss(states, verdicts, teacher, batch)

        stage.run(self._steps(steps, translated, guess, loss))
        module.round(False)

    def _steps(
        self,
        steps: int,
        translated: tuple[str, ...],
        guess: Callable[[Tensor, Tensor], Tensor] | None,
        loss: Callable[[Batch], Tensor],
    ) -> Iterator[tuple[int, Callable[[], Tensor]]]:
        for step, chosen in enumerate(self.pairs.order(steps, self.course.pieces, translated, self.seed)):
            yield step, lambda chosen=chosen: loss(self.pairs.batch(chosen, guess))  # type: ignore[misc]

    def student(self, teacher: Network) -> Network:
        """Every other layer of a teacher, not yet taught."""
        found = network.student_of(teacher, range(1, teacher.shape.layers, 2))
        found.relative.requires_grad_(False)
        return found


def teach(room: Room, only: tuple[str, ...] = ()) -> None:
    """All stages in order, or some of them."""
    course = room.course

    def wanted(name: str) -> bool:
        return not only or name in only

    if wanted("trunk"):
        room.teach("trunk", room.first_network(), course.trunk, course.rate, 0.2)
    if wanted("large"):
        room.teach("large", room.taught("trunk"), course.large, 4e-5, 0.0, PAIRS, rounds=True)
    if wanted("small-trunk"):
        trunk = room.taught("trunk")
        room.teach("small-trunk", room.student(trunk), course.small_trunk, 3e-4, 0.2, teacher=trunk)
    if wanted("small"):
        small, large = room.taught("small-trunk"), rounded(room.taught("large"))
        room.teach("small", small, course.small, 1e-4, 0.0, PAIRS, large, rounds=True)
    for number, left_out in enumerate(FOLDS):
        seen = tuple(pair for pair in PAIRS if pair not in left_out)
        if wanted(f"large-{number}"):
            room.teach(f"large-{number}", room.taught("trunk"), course.fold, 4e-5, 0.0, seen, rounds=True)
        if wanted(f"small-{number}"):
            small = room.taught("small-trunk")
            large = rounded(room.taught(f"large-{number}"))
            room.teach(f"small-{number}", small, course.small_fold, 1e-4, 0.0, seen, large, rounds=True)


def rounded(module: Network) -> Network:
    """The network as it runs."""
    module.round(True)
    return module


def read(module: Network, ids: np.ndarray, rows: np.ndarray, size: int = 65_536) -> tuple[np.ndarray, np.ndarray]:
    """(len(ids), HEADS) log-odds of pieces and (sentences,) of sentences. ids, rows: sentences without borders."""
    device = next(module.parameters()).device
    pairs = Pairs(
        Lessons(ids, rows, np.zeros(len(ids), bool), np.zeros(len(rows) - 1, np.float32), np.zeros(0, np.uint8)), device
    )
    lengths = np.diff(rows)
    order = np.argsort(lengths, kind="stable")
    pieces, sentences = np.zeros((len(ids), network.HEADS), np.float16), np.zeros(len(lengths), np.float32)
    at = 0
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
        while at < len(order):
            width = 8 * -(-(int(lengths[order[min(at + size // 64, len(order) - 1)]]) + 2) // 8)
            some = order[at : at + max(1, size // width)]
            width = 8 * -(-(int(lengths[some[-1]]) + 2) // 8)
            found, there, _ = pairs.padded(torch.from_numpy(some).to(device), width)
            odds, whole = module(found, there)
            inside = (found != BEGIN) & (found != END) & there
            flat = odds[inside].float().cpu().numpy()
            places = np.concatenate([np.arange(rows[i], rows[i + 1]) for i in some])
            pieces[places] = flat
            sentences[some] = whole.float().cpu().numpy()
            at += len(some)
    return pieces, sentences


def main() -> None:
    """Teach the stages of a course."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--published", type=Path, help="the published encoder's model.safetensors")
    start.add_argument("--shipped", type=Path, help="the folder of a model, whose network is taught further")
    parser.add_argument("--course", choices=COURSES, default="cpu")
    parser.add_argument("--stages", default="", help="some of the stages, with commas between")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    log = partial(print, flush=True)
    room = Room(given.work, given.shipped or given.published, COURSES[given.course], given.seed, log)
    teach(room, tuple(stage for stage in given.stages.split(",") if stage))


if __name__ == "__main__":
    main()
