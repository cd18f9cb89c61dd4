"""What is measured of a system: figures with their resamples, and counts for the tables that are no single figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import damage
from benchmarks.quality import product
from benchmarks.quality.material import PAIRS, Tagged
from benchmarks.quality.product import Floats, Mask
from benchmarks.quality.statistics import (
    Array,
    Draws,
    auroc,
    calibration_error,
    f1,
    limit,
    mcc,
    mean,
    pearson,
    rate,
    ratio,
    reliability,
    resample,
)
from benchmarks.quality.systems import Columns, Read

Found = dict[str, Draws]
Counts = dict[str, Any]

# Sentences from which on a human document is counted by itself: most of the panel's are single sentences.
LONG = 5
# Naturalness grades below and from which a sentence of dev/smog is taken for bad and good.
_UNNATURAL, _NATURAL = 2.0, 3.5
# Direct assessments of bad and of good machine translation.
_BAD, _GOOD = 30, 70
# Sentences of made damage in the calibration mixture, of each kind as many; clean ones are four times as many.
_MADE_IN_MIXTURE = 1000


# Sentences.


def graded(scores: Floats, columns: Columns) -> Floats:
    """What is correlated with grades: log-odds of probabilities, bounded, and other scores as they are."""
    return product.logit(np.clip(scores, 1e-9, 1 - 1e-9)) if columns.system.probability else scores


def on_smog(columns: Columns) -> Found:
    """Naturalness as graded by readers without a source: correlation, and the worst against the best."""
    some, scores, found = columns.on.sentences["smog"], columns.sentences("smog"), {}
    for source in ("bnc", "enwiki"):
        own = some.columns["source"] == source
        grade, mine, weights = some.columns["grade"][own], scores[own], some.weights[:, own]
        bad, good = grade < _UNNATURAL, grade >= _NATURAL
        found[f"smog {source} r"] = pearson(-graded(mine, columns), grade, weights)
        found[f"smog {source} auroc"] = auroc(mine[bad | good], bad[bad | good], weights[:, bad | good])
        found[f"smog {source} recall"] = rate(mine[bad] > limit(mine[good]), weights[:, bad])
    return found


def on_gug(columns: Columns) -> Found:
    """Acceptability of learners' sentences."""
    some = columns.on.sentences["gug"]
    return {"gug r": pearson(-graded(columns.sentences("gug"), columns), some.columns["grade"], some.weights)}


def on_mlqe(columns: Columns) -> Found:
    """Machine translation by language pair, scored by what was not fitted on the pair; and the mean of the pairs."""
    found: Found = {}
    some, bad, edited = (columns.on.sentences[name] for name in ("mlqe", "mlqe bad", "mlqe post-edit"))
    scores = columns.unseen("mlqe")
    low, high = columns.unseen("mlqe bad"), columns.unseen("mlqe post-edit")
    for pair in PAIRS:
        own = some.columns["pair"] == pair
        da, weights = some.columns["da"][own], some.weights[:, own]
        ends = (da < _BAD) | (da >= _GOOD)
        found[f"mt auroc {pair}"] = auroc(scores[own][ends], da[ends] < _BAD, weights[:, ends])
        mine = bad.columns["pair"] == pair
        sides = np.concatenate([low[mine], high[mine]])
        twice = resample([*np.array(bad.owners)[mine], *np.array(edited.owners)[mine]])
        positive = np.arange(len(sides)) < mine.sum()
        found[f"post-edit auroc {pair}"] = auroc(sides, positive, twice)
        if columns.system.scope == "all" or columns.system.documents is not None:
            at = columns.limit(pair)
            found[f"mt recall {pair}"] = rate(scores[own][da < _BAD] > at, weights[:, da < _BAD])
            found[f"post-edit recall {pair}"] = rate(low[mine] > at, twice[:, : mine.sum()])
    for name in ("mt auroc", "post-edit auroc", "mt recall", "post-edit recall"):
        if f"{name} {PAIRS[0]}" in found:
            found[name] = mean([found[f"{name} {pair}"] for pair in PAIRS])
    return found


def on_demetr(columns: Columns) -> Found:
    """Damaged texts of each visible kind against the clean twins of that kind, unpaired."""
    some = columns.on.sentences["demetr"]
    broken, clean = columns.sentences("demetr"), columns.sentences("demetr clean")
    found = {}
    for kind in np.unique(some.columns["kind"]):
        own = some.columns["kind"] == kind
        both = np.concatenate([some.weights[:, own], some.weights[:, own]], axis=1)
        positive = np.arange(2 * own.sum()) < own.sum()
        found[f"demetr {kind}"] = auroc(np.concatenate([broken[own], clean[own]]), positive, both)
    return {"demetr mean": mean(list(found.values())), **found} if found else {}


def on_needle(columns: Columns) -> Found:
    """Real loops, which must be found, and fluent hallucinations, which must not."""
    some, scores = columns.on.sentences["needle"], columns.sentences("needle")
    looped, fluent = (some.columns[name].astype(bool) for name in ("looped", "fluent"))
    flagged = scores > columns.limit()
    return {
        "loops auroc": auroc(scores, looped, some.weights),
        "loops recall": rate(flagged[looped], some.weights[:, looped]),
        "fluent hallucinations": rate(flagged[fluent], some.weights[:, fluent]),
    }


def on_made(columns: Columns) -> Found:
    """Recall of made damage at the cost of one human sentence in a hundred."""
    some = columns.on.sentences["made"]
    flagged = columns.sentences("made") > columns.limit()
    found = {}
    for maker in damage.MAKERS:
        own = some.columns["maker"] == maker
        found[f"made {maker}"] = rate(flagged[own], resample(np.array(some.owners)[own]))
    return found


# Documents.


def on_stitched(columns: Columns) -> Found:
    """Documents stitched from bad machine translation of one pair, against such of human sentences."""
    some = columns.on.documents["stitched"]
    found: dict[str, list[Draws]] = {}
    for pair in PAIRS:
        for size in np.unique(some.columns["size"]).astype(int):
            own = (some.columns["pair"] == pair) & (some.columns["size"] == size)
            if own.any():
                scores = columns.read("stitched", pair).score[own]
                weights = resample(np.array(some.owners)[own])
                found.setdefault(f"stitched {size}", []).append(auroc(scores, some.columns["bad"][own], weights))
    return {name: mean(draws) for name, draws in found.items()}


def on_planted(columns: Columns) -> Found:
    """One damaged sentence in a clean document: whether the document shows it, and the right sentence is named."""
    system, on = columns.system, columns.on

    def seen(name: str) -> Mask:
        if system.drops is not None:
            return columns.garbled(name)
        read = columns.read(name)
        return read.sums(columns.flagged(name)) > 0

    before = seen("hosts")
    found = {"planted before": rate(before, on.documents["hosts"].weights)}
    for kind in ("loop", "repetition"):
        name = f"planted {kind}"
        some = on.documents[name]
        if not len(some):
            continue
        after = seen(name)
        if system.drops is not None:
            found[f"{name} found"] = rate(after & ~before, some.weights)
            continue
        read = columns.read(name)
        start, end = some.columns["start"][read.document], some.columns["end"][read.document]
        right = read.sums(columns.flagged(name) & (read.starts < end) & (start < read.ends)) > 0
        found[f"{name} found"] = rate(after, some.weights)
        found[f"{name} named"] = rate(right, some.weights)
    return found


def on_mtdocs(columns: Columns) -> Found:
    """Documents of fluent machine translation, or called unnatural, and such by people: neither is to be flagged."""
    some, garbled = columns.on.documents["mtdocs"], columns.garbled("mtdocs")
    label = some.columns["label"].astype(bool)
    return {
        "mtdocs translated": rate(garbled[label], some.weights[:, label]),
        "mtdocs human": rate(garbled[~label], some.weights[:, ~label]),
    }


def on_summeval(columns: Columns) -> Found:
    """Machine summaries against their grades of coherence and fluency."""
    some, scores = columns.on.documents["summeval"], columns.read("summeval").score
    return {
        f"summeval {grade}": pearson(-graded(scores, columns), some.columns[grade], some.weights)
        for grade in ("coherence", "fluency")
    }


def on_human(columns: Columns) -> Found:
    """English human documents that are garbled by the system's own verdict."""
    some, read = columns.on.documents["human"], columns.read("human")
    english = some.columns["english"].astype(bool)
    long = english & (np.diff(read.first) >= LONG)
    garbled = columns.garbled("human")
    found = {
        "human documents": rate(garbled[english], some.weights[:, english]),
        "human long documents": rate(garbled[long], some.weights[:, long]),
    }
    if columns.system.thresholds:
        hits, sizes = read.sums(columns.flagged("human")), np.diff(read.first).astype(float)
        found["human sentences"] = ratio(
            some.weights[:, english] @ hits[english], some.weights[:, english] @ sizes[english]
        )
    return found


# Probabilities.


def mixture(columns: Columns) -> tuple[Floats, Mask, list[str]]:
    """Scores, labels and clusters of a mixture like that of training, held out.

    dev/mlqe, below 30 garbled and from 70 sound, by what never saw the pair; clean human sentences; made damage, of
    each kind alike.
    """
    p, y, owners = [], [], []
    mlqe = columns.on.sentences["mlqe"]
    ends = (mlqe.columns["da"] < _BAD) | (mlqe.columns["da"] >= _GOOD)
    p.append(columns.unseen("mlqe")[ends])
    y.append(mlqe.columns["da"][ends] < _BAD)
    owners += np.array(mlqe.owners)[ends].tolist()
    clean, made = columns.on.sentences["clean"], columns.on.sentences["made"]
    p.append(columns.sentences("clean"))
    y.append(np.zeros(len(clean), bool))
    owners += clean.owners
    each = max(1, min(len(clean) // 4, _MADE_IN_MIXTURE) // len(damage.MAKERS))
    first = np.concatenate([np.flatnonzero(made.columns["maker"] == maker)[:each] for maker in damage.MAKERS])
    p.append(columns.sentences("made")[first])
    y.append(np.ones(len(first), bool))
    owners += np.array(made.owners)[first].tolist()
    return np.concatenate(p), np.concatenate(y), owners


def on_seeds(columns: Columns) -> tuple[Floats, Mask, list[str]]:
    """Scores, labels and clusters of the sentences of the project's own seeds."""
    some, read = columns.on.documents["seeds"], columns.read("seeds")
    touched = in_spans(read, some.columns["spans"])
    return read.scores, touched, np.array(some.owners)[read.document].tolist()


def in_spans(read: Read, spans: Array) -> Mask:
    """(sentences,) those that share a character with a span. spans: (documents,) lists of [start, end)."""
    return np.array([
        any(start < end_there and start_there < end for start_there, end_there in spans[document])
        for document, start, end in zip(read.document.tolist(), read.starts.tolist(), read.ends.tolist(), strict=True)
    ], bool)  # fmt: skip


def on_calibration(columns: Columns) -> tuple[Found, Counts]:
    """Whether scores mean what they say, and the bins of it."""
    found, bins = {}, {}
    for name, (p, y, owners) in {"mixture": mixture(columns), "seeds": on_seeds(columns)}.items():
        found[f"calibration {name}"] = calibration_error(p, y, resample(owners))
        bins[name] = reliability(p, y)
    mlqe = columns.on.sentences["mlqe"]
    da = mlqe.columns["da"]
    ends = (da < _BAD) | (da >= _GOOD)
    weights = resample(np.array(mlqe.owners)[ends])
    found["calibration mt"] = calibration_error(columns.unseen("mlqe")[ends], da[ends] < _BAD, weights)
    return found, bins


# Counts.


def by_kind(columns: Columns) -> Counts:
    """By kind of human text: sentences, documents, and how many of each reach every threshold.

    crossed: sentences that reach a balanced threshold read off the other half of the panel's documents.
    """
    some, read = columns.on.documents["human"], columns.read("human")
    kinds, english = some.columns["kind"], some.columns["english"].astype(bool)
    half = np.unique(some.owners, return_inverse=True)[1] % 2 == 0
    crossed = read.scores >= crossed_thresholds(read, kinds, english, half)[read.document]
    found: Counts = {}
    for kind in np.unique(kinds).tolist():
        own = kinds == kind
        inside = own[read.document]
        found[kind] = {"sentences": int(inside.sum()), "documents": int(own.sum())}
        for name, at in columns.system.thresholds.items():
            hits = int((read.scores[inside] >= at).sum()), int((read.score[own] >= at).sum())
            found[kind][name] = list(hits)
        if english[own].all():
            found[kind]["crossed"] = int(crossed[inside].sum())
    return found


def crossed_thresholds(read: Read, kinds: Array, english: Mask, half: Mask) -> Floats:
    """(documents,) what `balanced` is when read off the half of the English panel that the document is not in."""
    at = np.full(len(kinds), np.inf)
    for inside in (half, ~half):
        own = inside & english
        panel = {str(kind): read.scores[(own & (kinds == kind))[read.document]] for kind in np.unique(kinds[own])}
        panel = {kind: scores for kind, scores in panel.items() if len(scores)}
        at[~inside] = product.thresholds_of(panel)["balanced"] if panel else np.inf
    return at


def by_signal(columns: Columns) -> Counts:
    """By kind of human text and signal: in how many flagged sentences it is among the evidence.

    At balanced and at strict; "flagged" counts the sentences themselves.
    """
    some, read = columns.on.documents["human"], columns.read("human")
    kinds = some.columns["kind"][read.document]
    strict = read.scores >= columns.system.thresholds.get("strict", np.inf)
    found: Counts = {}
    for i in np.flatnonzero(columns.flagged("human")).tolist():
        row = found.setdefault(str(kinds[i]), {}).setdefault("flagged", [0, 0])
        row[0], row[1] = row[0] + 1, row[1] + int(strict[i])
    for i, signal in sorted({(i, signal) for i, signal, *_ in read.evidence}):
        row = found[str(kinds[i])].setdefault(signal, [0, 0])
        row[0], row[1] = row[0] + 1, row[1] + int(strict[i])
    return found


def on_articles(columns: Columns) -> Counts:
    """Twenty garbled articles written for the project: marks in a flagged sentence or under a finding, documents."""
    some, read = columns.on.documents["articles"], columns.read("articles")
    flagged = columns.flagged("articles")
    owner = read.document[[i for i, *_ in read.evidence]] if read.evidence else np.zeros(0, int)
    findings = [(int(doc), start, end) for doc, (_, _, start, end, _) in zip(owner, read.evidence, strict=True)]
    counts = {"marks": 0, "in a flagged sentence": 0, "under a finding": 0}
    for document, spans in enumerate(some.columns["spans"]):
        rows = slice(read.first[document], read.first[document + 1])
        starts, ends = read.starts[rows][flagged[rows]], read.ends[rows][flagged[rows]]
        shown = [(start, end) for doc, start, end in findings if doc == document]
        for start, end in spans:
            counts["marks"] += 1
            counts["in a flagged sentence"] += bool(((starts < end) & (start < ends)).any())
            counts["under a finding"] += any(first < end and start < last for first, last in shown)
    unmarked = ~in_spans(read, some.columns["spans"])
    return {
        **counts,
        "documents": len(some),
        "documents garbled": int(columns.garbled("articles").sum()),
        "unmarked sentences": int(unmarked.sum()),
        "unmarked flagged": int((unmarked & flagged).sum()),
    }


# Marks on words and characters.

Agreement = Callable[[Array, Array], Draws]


def tokens(marks: Sequence[Floats], tagged: Sequence[Tagged]) -> list[Floats]:
    """Of each text, by token: the mean mark of its characters."""
    found = []
    for mark, some in zip(marks, tagged, strict=True):
        upto = np.concatenate([[0.0], np.cumsum(mark)])
        starts, ends = some.spans.T
        found.append((upto[ends] - upto[starts]) / (ends - starts))
    return found


def counted(scores: Sequence[Floats], tagged: Sequence[Tagged], above: float) -> Array:
    """(texts, 4) true and false positives, false and true negatives."""
    pairs = [(score > above, some.bad) for score, some in zip(scores, tagged, strict=True)]
    return np.array([[(m & b).sum(), (m & ~b).sum(), (~m & b).sum(), (~m & ~b).sum()] for m, b in pairs], float)


def best_limit(scores: Sequence[Floats], tagged: Sequence[Tagged], agreement: Agreement) -> float:
    """Of fifty thresholds the one with the best agreement, in the mean of the groups."""
    candidates = np.unique(np.quantile(np.concatenate(scores), np.linspace(0.01, 0.99, 50)))
    groups = np.unique([some.group for some in tagged], return_inverse=True)[1]
    weights = (groups == np.arange(groups.max() + 1)[:, None]).astype(float)
    reached = [np.nan_to_num(agreement(counted(scores, tagged, at), weights)).mean() for at in candidates]
    return float(candidates[int(np.argmax(reached))])


def on_words(columns: Columns) -> Found:
    """MCC of marks with BAD tags, F1 with MQM's visible spans; thresholds come from other pairs and other documents."""
    on, found = columns.on, {}
    named = {"all": "", "reader": " reader"}
    kinds = [kind for kind in named if any(mark.any() for mark in columns.marks("mlqe").get(kind, ()))]
    for kind in kinds:
        figures = []
        for pair in PAIRS:
            others = [i for i, some in enumerate(on.tagged["mlqe read off"]) if some.group != pair]
            own = [i for i, some in enumerate(on.tagged["mlqe"]) if some.group == pair]
            if not others or not own:
                continue
            draws = agreed(columns, kind, mcc, ("mlqe read off", others), ("mlqe", own), pair)
            figures.append(draws)
        if figures:
            found[f"words mcc{named[kind]}"] = mean(figures)
        sides = [(name, list(range(len(on.tagged[name])))) for name in ("mqm read off", "mqm")]
        if columns.system.scope == "all" and all(rows for _, rows in sides):
            found[f"words f1{named[kind]}"] = agreed(columns, kind, f1, sides[0], sides[1], "")
    if "shown" in columns.marks("mlqe"):
        table = np.concatenate([
            counted(*tokens_of(columns, "shown", "mlqe", own, pair), 0.5)
            for pair in PAIRS
            if (own := [i for i, some in enumerate(on.tagged["mlqe"]) if some.group == pair])
        ])  # fmt: skip
        found["words mcc balanced"] = mcc(table, resample([str(i) for i in range(len(table))]))
    return found


def tokens_of(
    columns: Columns, kind: str, name: str, rows: Sequence[int], pair: str
) -> tuple[list[Floats], list[Tagged]]:
    """Marks by token of some texts of a set, and the texts."""
    marks, tagged = columns.marks(name, pair)[kind], columns.on.tagged[name]
    chosen = [tagged[i] for i in rows]
    return tokens([marks[i] for i in rows], chosen), chosen


def agreed(
    columns: Columns, kind: str, agreement: Agreement,
    read_off: tuple[str, list[int]], told: tuple[str, list[int]], pair: str,
) -> Draws:  # fmt: skip
    """Agreement of the marks on `told`, at the threshold that is best on `read_off`."""
    at = best_limit(*tokens_of(columns, kind, *read_off, pair), agreement)
    scores, tagged = tokens_of(columns, kind, *told, pair)
    return agreement(counted(scores, tagged, at), resample([some.owner for some in tagged]))


# All of it.


def measured(columns: Columns) -> tuple[Found, Counts]:
    """All figures of one system, and its counts."""
    system = columns.system
    found: Found = {}
    counts: Counts = {}
    if system.score is not None:
        found |= on_mlqe(columns)
    if system.marks is not None:
        found |= on_words(columns)
    if system.scope == "graded":
        return {**found, **on_smog(columns), **on_gug(columns)}, counts
    if system.scope == "translations":
        if system.documents is not None:
            found |= on_stitched(columns)
        return found, counts
    if system.score is not None:
        for measure in (on_smog, on_gug, on_demetr, on_needle, on_made):
            found |= measure(columns)
    for measure in (on_stitched, on_planted, on_mtdocs, on_summeval, on_human):
        found |= measure(columns)
    if system.probability:
        calibrated, counts["bins"] = on_calibration(columns)
        found |= calibrated
    if system.thresholds:
        counts |= {"human": by_kind(columns), "signals": by_signal(columns), "articles": on_articles(columns)}
    return found, counts


def for_ablation(columns: Columns) -> Found:
    """The main figures alone."""
    found = {**on_needle(columns), **on_smog(columns), **on_gug(columns), **on_demetr(columns), **on_mlqe(columns)}
    return found | on_made(columns)
