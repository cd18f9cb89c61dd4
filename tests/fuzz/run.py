"""Fuzz garble for some seconds.

    python tests/fuzz/run.py --seconds 60                         # all targets in turn, by hypothesis
    python tests/fuzz/run.py --target filters --seconds 3600
    python tests/fuzz/run.py --target scores --engine atheris     # guided by coverage, where atheris installs

Prints how many inputs each target took. A fault is printed with its bytes, and the exit code is 1. An input that takes
longer than two minutes is a fault too.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

# Seconds after which an input is taken for a hang, and inputs of one round.
HANG, ROUND = 120, 200


def targets_for(engine: str) -> dict[str, Callable[[bytes], None]]:
    """The targets; for atheris garble is imported so that it sees which lines an input comes to."""
    if engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["garble"]):
            from targets import TARGETS
    else:
        from targets import TARGETS
    return TARGETS


def guarded(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """The target, which ends the process with a trace where it hangs."""

    def run(data: bytes) -> None:
        faulthandler.dump_traceback_later(HANG, exit=True)
        target(data)
        faulthandler.cancel_dump_traceback_later()

    return run


def by_hypothesis(function: Callable[[bytes], None], seconds: float, first: int) -> int:
    """Rounds of random inputs until the time is up; how many there were. A fault is raised, made small."""
    until, count, number = time.monotonic() + seconds, 0, first
    target = guarded(function)

    def counted(data: bytes) -> None:
        nonlocal count
        # What is left of the last round passes at once.
        if time.monotonic() < until:
            count += 1
            target(data)

    while time.monotonic() < until:
        phases = (Phase.generate, Phase.shrink)
        rules = settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        )
        seed(number)(rules(given(st.binary(max_size=400))(counted)))()
        number += 1
    return count


def by_atheris(function: Callable[[bytes], None], seconds: float) -> None:
    """LibFuzzer's loop, which ends the process."""
    import atheris

    atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}", f"-timeout={HANG}"], guarded(function))
    atheris.Fuzz()


def main() -> None:
    """Fuzz."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--target", metavar="NAME", action="append", help="these targets alone; atheris takes one")
    parser.add_argument("--engine", choices=["hypothesis", "atheris"], default="hypothesis")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)), help="same seed, same inputs")
    options = parser.parse_args()
    functions = targets_for(options.engine)
    names = options.target or list(functions)
    if strange := set(names) - set(functions):
        parser.error(f"no target {', '.join(sorted(strange))}: {', '.join(functions)}")
    print(f"seed {options.seed}", flush=True)
    for name in names:
        if options.engine == "atheris":
            by_atheris(functions[name], options.seconds / len(names))
        else:
            count = by_hypothesis(functions[name], options.seconds / len(names), options.seed)
            print(f"{name}: {count:,} inputs", flush=True)


if __name__ == "__main__":
    main()
