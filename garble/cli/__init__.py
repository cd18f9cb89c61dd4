"""The command line: one module per command.

Slow imports are inside the commands, so that `garble --help` starts quickly.
"""

from __future__ import annotations

from garble.cli import calibrate, config, filter, loops, repair, score, signals, train
from garble.cli.group import main

__all__ = ["main"]

for command in (
    score.score,
    filter.filter_corpus,
    repair.repair,
    signals.signals,
    signals.explain,
    loops.find_loops,
    calibrate.calibrate,
    train.train,
    config.config,
):
    main.add_command(command)
