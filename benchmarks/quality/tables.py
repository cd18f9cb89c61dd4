"""The figures' names and targets, and the tables of README.md, which are written from results/*.json alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import damage
from benchmarks.quality.material import LENGTHS, PAIRS
from benchmarks.quality.statistics import wilson

HERE = Path(__file__).parents[1]
README = HERE / "README.md"
RESULTS = HERE / "results" / "quality.json"

Systems = Mapping[str, Mapping[str, Any]]
GARBLE = ("off", "unsure", "all", "large")
# By threshold, what the sentences and the documents of every kind of human text may cost at most.
MOST = {"balanced": (0.01, 0.003), "strict": (0.001, 0.0005)}


class Figure(NamedTuple):
    """A row: what it says, what `en` and `en-large` are to reach. at_most: less is better. share: shown in per cent."""

    title: str
    en: float | None = None
    large: float | None = None
    at_most: bool = False
    share: bool = False


GOALS: dict[str, Figure] = {
    "smog bnc r": Figure("SMOG bnc: r", 0.65, 0.78),
    "smog enwiki r": Figure("SMOG enwiki: r", 0.68, 0.80),
    "smog bnc auroc": Figure("SMOG bnc: grade < 2 against ≥ 3.5, AUROC"),
    "smog enwiki auroc": Figure("SMOG enwiki: grade < 2 against ≥ 3.5, AUROC"),
    "smog bnc recall": Figure("SMOG bnc: grade < 2, recall at 1 % of ≥ 3.5", 0.50, 0.75, share=True),
    "smog enwiki recall": Figure("SMOG enwiki: grade < 2, recall at 1 % of ≥ 3.5", 0.50, 0.75, share=True),
    "gug r": Figure("learners' sentences (GUG): r", 0.45, 0.55),
    "mt auroc": Figure("bad against good MT: AUROC", 0.78, 0.82),
    "post-edit auroc": Figure("bad MT against its post-edit: AUROC", 0.80, 0.86),
    "mt recall": Figure("bad MT (DA < 30): recall", 0.25, 0.40, share=True),
    "post-edit recall": Figure("bad MT (DA < 35, HTER > .6): recall", share=True),
    "demetr mean": Figure("DEMETR, visible kinds: mean AUROC", 0.80, 0.88),
    "loops auroc": Figure("real loops: AUROC", 0.97, 0.97),
    "loops recall": Figure("real loops: recall", 0.80, 0.80, share=True),
    "fluent hallucinations": Figure("fluent hallucinations: flagged", 0.05, 0.05, at_most=True, share=True),
    "words f1": Figure("character F1 with MQM's visible spans: all findings", 0.20, 0.28),
    "words f1 reader": Figure("character F1 with MQM's visible spans: the network's findings"),
    "words mcc": Figure("MCC with BAD tags: all findings", 0.22, 0.30),
    "words mcc reader": Figure("MCC with BAD tags: the network's findings"),
    "words mcc balanced": Figure("MCC with BAD tags: findings shown at `balanced`"),
    "stitched 5": Figure("5 bad sentences stitched against clean twins: AUROC"),
    "stitched 10": Figure("10 bad sentences stitched against clean twins: AUROC", 0.95, 0.98),
    "stitched 20": Figure("20 bad sentences stitched against clean twins: AUROC"),
    "planted loop found": Figure("a loop in a document: found", 0.99, 0.99, share=True),
    "planted loop named": Figure("a loop in a document: named", 0.99, 0.99, share=True),
    "planted repetition found": Figure("a real repetition in a document: found", 0.75, 0.75, share=True),
    "planted repetition named": Figure("a real repetition in a document: named", 0.75, 0.75, share=True),
    "planted before": Figure("the same documents undamaged: a sentence flagged", share=True),
    "mtdocs translated": Figure("documents declared MT, or unnatural: garbled", 0.03, 0.03, at_most=True, share=True),
    "mtdocs human": Figure("documents by people, or natural: garbled", at_most=True, share=True),
    "summeval coherence": Figure("summaries (SummEval), coherence: r"),
    "summeval fluency": Figure("summaries (SummEval), fluency: r"),
    "human sentences": Figure("English human sentences: flagged at `balanced`", 0.01, 0.01, at_most=True, share=True),
    "human documents": Figure("English human documents: garbled", 0.003, 0.003, at_most=True, share=True),
    "human long documents": Figure("those of 5 sentences and more: garbled", at_most=True, share=True),
    "calibration mixture": Figure("calibration error: mixture", 0.03, 0.03, at_most=True),
    "calibration seeds": Figure("calibration error: the project's seeds", at_most=True),
    "calibration mt": Figure("calibration error: machine translation alone", at_most=True),
}
_MADE_TARGETS = ((0.90, 0.90), (0.95, 0.95), (1.0, 1.0), (0.80, 0.80), (0.95, 0.98), (0.98, 0.98))
MADE: dict[str, Figure] = {
    f"made {name}": Figure(f"made damage, recall: {name}", *targets, share=True)
    for name, targets in zip(damage.MAKERS, _MADE_TARGETS, strict=True)
}
FIGURES = {**GOALS, **MADE}
BY_PAIR: dict[str, Figure] = {
    f"{name} {pair}": Figure(f"{pair}: {title}", share="recall" in name)
    for name, title in (
        ("mt auroc", "bad against good, AUROC"),
        ("post-edit auroc", "against its post-edit, AUROC"),
        ("mt recall", "recall"),
    )
    for pair in PAIRS
}
assert all(f"stitched {size}" in GOALS for size in LENGTHS)


def number(figure: Figure, value: float) -> str:
    """A number such as ".870", or "87.0 %" for a share."""
    if np.isnan(value):
        return "–"
    return f"{100 * value:.1f} %" if figure.share else f"{value:.3f}".replace("0.", ".", 1)


def cell(name: str, figure: Figure, found: Mapping[str, Mapping[str, float]], interval: bool = True) -> str:
    """A figure with its interval: ".870 (.812 to .911)"."""
    if name not in found:
        return "–"
    value, low, high = (number(figure, found[name][key]) for key in ("value", "low", "high"))
    return f"{value} ({low.removesuffix(' %')} to {high})" if interval else value


def target(figure: Figure, value: float | None) -> str:
    """What is to be reached."""
    if value is None:
        return ""
    shown = f"{100 * value:g} %" if figure.share else f"{value:.2f}".lstrip("0")
    return f"≤ {shown}" if figure.at_most else shown


def is_reached(figure: Figure, value: float, wanted: float | None) -> bool:
    """Whether the target, if there is one, is met."""
    return wanted is None or (value <= wanted if figure.at_most else value >= wanted)


def table(rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first row heads it."""
    head, *body = ([*row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def present(systems: Systems, keys: Iterable[str]) -> list[str]:
    """Those of the systems that were measured."""
    return [key for key in keys if key in systems]


def goals_table(systems: Systems, figures: Mapping[str, Figure]) -> str:
    """A row a figure, a column a way to use garble, and the targets; a target that is missed is bold."""
    keys = present(systems, GARBLE)
    rows = [["figure", *(systems[key]["title"] for key in keys), "to reach: `en`", "to reach: `en-large`"]]
    for name, figure in figures.items():
        row = [figure.title]
        for key in keys:
            found = systems[key]["figures"]
            shown = cell(name, figure, found)
            wanted = {"all": figure.en, "large": figure.large}.get(key)
            missed = name in found and not is_reached(figure, found[name]["value"], wanted)
            row.append(f"**{shown}**" if missed else shown)
        rows.append([*row, target(figure, figure.en), target(figure, figure.large)])
    return table(rows)


def figures_table(figures: Mapping[str, Figure], systems: Systems, keys: Iterable[str]) -> str:
    """A row a figure that any of the systems has, a column a system; no intervals."""
    keys = present(systems, keys)
    rows = [["figure", *(systems[key]["title"] for key in keys)]]
    for name, figure in figures.items():
        if any(name in systems[key]["figures"] for key in keys):
            rows.append([figure.title, *(cell(name, figure, systems[key]["figures"], False) for key in keys)])
    return table(rows)


def peers_table(systems: Systems) -> str:
    """All others beside `en`."""
    others = [key for key in systems if key not in GARBLE]
    return figures_table(FIGURES, systems, ["off", "all", "large", *others])


def demetr_table(systems: Systems) -> str:
    """AUROC by kind of damage."""
    names = dict.fromkeys(n for found in systems.values() for n in found["figures"] if n.startswith("demetr "))
    figures = {name: Figure(name.partition("_")[2].replace("_", " ") or "mean") for name in names}
    return figures_table(figures, systems, systems)


def share(hits: int, count: int, most: float | None = None) -> str:
    """A share in per cent with its Wilson interval; bold where even the low end exceeds what is allowed."""
    if not count:
        return "–"
    low, high = wilson(hits, count)
    shown = f"{100 * hits / count:.2f} ({100 * low:.2f} to {100 * high:.2f})"
    return f"**{shown}**" if most is not None and low > most else shown


def kinds_table(systems: Systems, threshold: str, what: int) -> str:
    """By kind of human text the sentences (what=0) or documents (what=1) that reach a threshold, in per cent."""
    keys = [key for key in present(systems, GARBLE) if "human" in systems[key]]
    name = ("sentences", "documents")[what]
    rows = [["kind", name, *(systems[key]["title"] for key in keys)]]
    if keys:
        kinds = systems[keys[0]]["human"]
        english = [kind for kind in kinds if not kind.endswith(")")]
        for title, some in (
            *((kind, [kind]) for kind in kinds),
            ("**English together**", english),
            ("**other languages together**", [kind for kind in kinds if kind not in english]),
        ):
            count = sum(kinds[kind][name] for kind in some)
            hits = (sum(systems[key]["human"][kind][threshold][what] for kind in some) for key in keys)
            most = MOST.get(threshold, (None, None))[what]
            rows.append([title, str(count), *(share(hit, count, most) for hit in hits)])
    return table(rows)


def crossed_table(systems: Systems) -> str:
    """English human sentences at the shipped threshold, and at one read off the other half of the panel."""
    keys = [key for key in present(systems, GARBLE) if "human" in systems[key]]
    rows = [["English human sentences flagged, %", *(systems[key]["title"] for key in keys)]]
    for label, column in (("`balanced` as shipped", "balanced"), ("`balanced` read off the other half", "crossed")):
        row = [label]
        for key in keys:
            kinds = [found for found in systems[key]["human"].values() if "crossed" in found]
            hits = sum(int(np.ravel(found[column])[0]) for found in kinds)
            row.append(share(hits, sum(found["sentences"] for found in kinds)))
        rows.append(row)
    return table(rows)


def signals_table(systems: Systems, key: str) -> str:
    """By signal how many false alarms it takes part in, and in which kinds of text; at balanced, in brackets strict."""
    kinds = systems[key]["signals"]
    alarms = np.sum([found["flagged"] for found in kinds.values()], axis=0) if kinds else np.zeros(2)
    total: dict[str, list[tuple[int, int, str]]] = {}
    for kind, found in kinds.items():
        for signal, (balanced, strict) in found.items():
            if signal != "flagged":
                total.setdefault(signal, []).append((balanced, strict, kind))
    rows = [["signal", "false alarms", "share of all", "at `strict`", "kinds of text"]]
    rows.append(["all", str(int(alarms[0])), "100 %", str(int(alarms[1])), ""])
    for signal, parts in sorted(total.items(), key=lambda item: -sum(part[0] for part in item[1])):
        balanced, strict = (sum(int(part[i]) for part in parts) for i in (0, 1))
        where = ", ".join(f"{kind} {count}" for count, _, kind in sorted(parts, key=lambda part: (-part[0], part[2])))
        rows.append([f"`{signal}`", str(balanced), f"{100 * balanced / max(alarms[0], 1):.0f} %", str(strict), where])
    return table(rows)


def alarms_table(systems: Systems, key: str) -> str:
    """By kind of text its false alarms at balanced and strict, and the signals that take part."""
    rows = [["kind", "false alarms", "at `strict`", "signals"]]
    for kind, found in sorted(systems[key]["signals"].items()):
        parts = sorted(((count, name) for name, (count, _) in found.items() if name != "flagged"), reverse=True)
        shown = ", ".join(f"`{name}` {count}" for count, name in parts)
        rows.append([kind, str(found["flagged"][0]), str(found["flagged"][1]), shown])
    return table(rows)


def bins_table(systems: Systems, name: str) -> str:
    """In bins of the score: sentences, their mean score, and how many of them are garbled."""
    keys = [key for key in present(systems, GARBLE) if "bins" in systems[key]]
    rows = [["score", *(f"{systems[key]['title']}: sentences, mean score, garbled" for key in keys)]]
    for i in range(10):
        bins = [systems[key]["bins"][name][i] for key in keys]
        cells = [
            f"{found['items']}, {found['score']:.2f}, {found['share']:.2f}" if found["items"] else "0" for found in bins
        ]
        rows.append([f"{i / 10:.1f} to {(i + 1) / 10:.1f}", *cells])
    return table(rows)


def articles_table(systems: Systems) -> str:
    """The project's own garbled articles."""
    keys = [key for key in present(systems, GARBLE) if "articles" in systems[key]]
    rows = [["", *(systems[key]["title"] for key in keys)]]
    names = systems[keys[0]]["articles"] if keys else ()
    return table(rows + [[name, *(str(systems[key]["articles"][name]) for key in keys)] for name in names])


def run_part(results: Mapping[str, Any]) -> str:
    """When, on what, and which systems."""
    systems: Systems = results["systems"]
    head = (
        f"Measured on {results['date']} at commit {results['commit']}, on {100 * results['share']:g} % of the "
        f"documents of each set, in {results['seconds'] / 60:.0f} minutes."
    )
    notes = [
        f"- {found['title']}: {found['note']}" + (f"; `{found['signature']}`." if found["signature"] else ".")
        for found in systems.values()
    ]
    missing = [f"- Not measured in this run: {', '.join(results['missing'])}."] if results["missing"] else []
    return "\n".join([head, "", *notes, *missing])


def speed_table(results: Mapping[str, Any]) -> str:
    """Sentences a second."""
    speed = results["speed"]
    systems = results["systems"]
    rows = [["", *(systems[key]["title"] for key in speed)]]
    return table([*rows, ["sentences a second, one core", *(f"{rate:.0f}" for rate in speed.values())]])


def rendered(results: Mapping[str, Any]) -> dict[str, str]:
    """By marker, what stands between the marks of README.md."""
    systems: Systems = results["systems"]
    reading = [key for key in ("all", "large", "off") if "signals" in systems.get(key, {})]
    ablation = {name: {"title": name, "figures": found} for name, found in results["ablation"].items()}
    return {
        "run": run_part(results),
        "goals": goals_table(systems, FIGURES),
        "speed-of-readers": speed_table(results),
        "peers": peers_table(systems),
        "pairs": figures_table(BY_PAIR, systems, systems),
        "demetr": demetr_table(systems),
        "human-sentences": kinds_table(systems, "balanced", 0),
        "human-documents": kinds_table(systems, "balanced", 1),
        "human-sentences-strict": kinds_table(systems, "strict", 0),
        "human-documents-strict": kinds_table(systems, "strict", 1),
        "crossed": crossed_table(systems),
        "signals": signals_table(systems, reading[0]) if reading else "",
        "alarms": alarms_table(systems, reading[0]) if reading else "",
        "bins-mixture": bins_table(systems, "mixture"),
        "bins-seeds": bins_table(systems, "seeds"),
        "articles": articles_table(systems),
        "ablation": figures_table(FIGURES, ablation, ablation),
    }


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with each part between its marks, `<!-- NAME -->` and `<!-- /NAME -->`."""
    for name, part in parts.items():
        opened, closed = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = page.partition(opened)
        _, ended, after = rest.partition(closed)
        if not (found and ended):
            raise ValueError(f"no {opened} ... {closed} on the page")
        page = f"{before}{opened}\n{part}\n{closed}{after}"
    return page


def publish(path: Path, results: Mapping[str, Any], parts: Mapping[str, str], page: Path = README) -> None:
    """Write results as JSON, and their tables between their marks in a page."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page.write_text(filled(page.read_text(encoding="utf-8"), parts), encoding="utf-8")
