"""One table of all systems that need no source text and no network connection: leaderboard.md, from results/*.json.

    python -m benchmarks.leaderboard

Writes from what `benchmarks.quality` and `benchmarks.loops` measured; measures nothing itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import damage

HERE = Path(__file__).parent
TABLE = HERE / "leaderboard.md"
_BEGIN, _END = "<!-- leaderboard -->", "<!-- /leaderboard -->"

Figures = Mapping[str, Mapping[str, float]]


class Column(NamedTuple):
    """Figures whose mean a column shows. share: in per cent. least: less is better."""

    title: str
    keys: tuple[str, ...]
    share: bool = False
    least: bool = False


COLUMNS = (
    Column("readers' grades, r", ("smog bnc r", "smog enwiki r")),
    Column("learners, r", ("gug r",)),
    Column("bad MT, AUROC", ("mt auroc",)),
    Column("MT and post-edit, AUROC", ("post-edit auroc",)),
    Column("made damage, recall", tuple(f"made {name}" for name in damage.MAKERS), share=True),
    Column("real loops, recall", ("loops recall",), share=True),
    Column("ten bad sentences, AUROC", ("stitched 10",)),
    Column("human documents dropped", ("human documents",), share=True, least=True),
)


def value_of(figures: Figures, column: Column) -> float | None:
    """The mean of a column's figures; None where a system has not all of them."""
    if not all(key in figures for key in column.keys):
        return None
    return sum(figures[key]["value"] for key in column.keys) / len(column.keys)


def table_of(quality: Mapping[str, Any], loops: Mapping[str, Any]) -> str:
    """The table in Markdown, the best of each column in bold. quality, loops: the results of both benchmarks."""
    systems = quality["systems"]
    values = {name: [value_of(system["figures"], column) for column in COLUMNS] for name, system in systems.items()}
    found = {name: system["loops"].get("made, all", {}).get("characters") for name, system in loops["systems"].items()}
    head = ["system", *(column.title for column in COLUMNS), "looped characters found", "sentences/s"]
    best = [
        (min if column.least else max)([x for x in cells if x is not None], default=None)
        for column, cells in zip(COLUMNS, zip(*values.values(), strict=True), strict=True)
    ]
    rows = []
    for name, system in sorted(systems.items(), key=lambda item: -_rank(values[item[0]])):
        cells = [_cell(x, x is not None and x == top, column)
                 for x, top, column in zip(values[name], best, COLUMNS, strict=True)]  # fmt: skip
        looped = found.get(name) or (found.get("garble.loops") if name == "off" else None)
        speed = quality["speed"].get(name)
        rows.append(
            [system["title"], *cells, f"{looped['value']:.1%}" if looped else "–", f"{speed:,.0f}" if speed else "–"]
        )
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _rank(values: list[float | None]) -> float:
    """Systems are sorted by the correlation with readers, those without one last."""
    return values[0] if values[0] is not None else -2.0


def _cell(value: float | None, best: bool, column: Column) -> str:
    if value is None:
        return "–"
    shown = f"{value:.1%}" if column.share else f"{value:.3f}".replace("0.", ".", 1)
    return f"**{shown}**" if best else shown


def main() -> None:
    """Write the table again."""
    quality, loops = (json.loads((HERE / "results" / f"{name}.json").read_text()) for name in ("quality", "loops"))
    text = TABLE.read_text(encoding="utf-8")
    before, after = text[: text.index(_BEGIN)], text[text.index(_END) :]
    run = f"Measured on {quality['date']}, on {quality['share']:.0%} of the documents of each set."
    TABLE.write_text(f"{before}{_BEGIN}\n{run}\n\n{table_of(quality, loops)}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
