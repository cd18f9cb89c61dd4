"""A model from a user's own labels: what the signals weigh, learnt anew; the language model stays the shipped one."""

from __future__ import annotations

import json
import lzma
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import numpy as np

from garble.columns.arrays import Floats, Ints, Mask
from garble.columns.lm import LanguageModel
from garble.models.scorecard import Scorecard
from garble.models.store import folder_of
from garble.scorer import Scorer
from garble.signals import FEATURE_INDEX, select_signals
from garble.signals.base import Signal
from garble.text.segmentation import Document, segment, whole
from garble.training.data import Record, read_records
from garble.training.examples import features_of, plugin_features
from garble.training.fitting import FITTED, fit_scorecard
from garble.training.panels import COSTS, thresholds_of
from garble.training.train import Log, written_whole

# With fewer sentences neither a curve of a feature nor a figure about it means anything.
_FEWEST_SENTENCES = 50
_FOLDS = 5
# Share of the clean sentences at whose cost a recall is told.
_TOLD_AT = 0.01


def train_own(data: Path, out: Path, seed: int, log: Log, plugin_names: Collection[str] = ()) -> None:
    """Fit a scorecard to a file of labelled records; write it and the shipped language model into `out`.

    A record is {"text", "label": 0 or 1, optionally "doc" and "spans"}, 1 = garbled. The figures that it logs and the
    thresholds come from cross-validated scores: no scorecard scores a document that it has seen.
    plugin_names: signals of plugins to fit besides the shipped ones, by their names or families.
    Raises ValueError, in one line with the path, for what cannot be trained on, and for an unknown signal.
    """
    shipped = Scorer("en", reader="off")
    plugins = tuple(signal for signal in select_signals(plugin_names) if not FEATURE_INDEX.keys() >= {*signal.features})
    added = plugin_features(plugins)
    x, y, docs = own_rows(data, shipped.lm, plugins)
    log(f"{len(y)} sentences of prose in {len(np.unique(docs))} documents, {y.mean():.0%} of the sentences garbled")
    scores = out_of_fold(x, y, docs, seed, added)
    known = [FEATURE_INDEX[name] for name in shipped.card.features]
    log(f"your labels, {_FOLDS}-fold cross-validation: {told(scores, y)}")
    log(f"model {shipped.card.name} on the same sentences: {told(shipped.card.predict(x[:, known]), y)}")
    thresholds = thresholds_of({"clean": scores[~y]})
    log(f"thresholds {thresholds}, from the cross-validated scores of the {(~y).sum()} clean sentences")
    for name, share in COSTS.items():
        if share * (~y).sum() < 1:
            few = f"{name} requires at least {1 / share:.0f} clean sentences"
            log(f"{few}: it is set just above their highest score, and its false alarm rate is unknown")
    # Two models trained on different data must not sign their reports alike.
    name = f"own-{zlib.crc32(data.read_bytes()):08x}"
    card = replace(own_card(x, y, added), name=name, thresholds=thresholds)
    with written_whole(out) as folder:
        copyfile(folder_of("en") / "lm.npz", folder / "lm.npz")
        card.sealed(folder).save(folder / "scorecard.json")


def own_card(x: Floats, y: Mask, added: tuple[str, ...] = ()) -> Scorecard:
    """A scorecard, without name and thresholds, of `FITTED` and of the features of plugins.

    x: (sentences, features); y: which are garbled; added: names of the last features, which are those of plugins.
    """
    fitted = _fitted(x, added)
    return fit_scorecard(fitted, y, (*FITTED, *added), np.median(fitted[~y], axis=0))[0]


def _fitted(x: Floats, added: tuple[str, ...]) -> Floats:
    """The columns that a scorecard is fitted on."""
    return np.column_stack([x[:, : len(FITTED)], x[:, x.shape[1] - len(added) :]])


def own_rows(data: Path, lm: LanguageModel, plugins: Sequence[Signal] = ()) -> tuple[Floats, Mask, Ints]:
    """The prose in a file of labelled records: (sentences, features), which are garbled, and each one's document.

    plugins: further signals, whose features are the last columns.
    Raises ValueError, in one line with the path, for records that cannot be trained on.
    """
    names, documents, labels = [], [], []
    for name, document, garbled in own_documents(data):
        names.append(name)
        documents.append(document)
        labels.append(garbled)
    if not names:
        raise ValueError(f"{data}: no records")
    x, prose = features_of(documents, lm, plugins=plugins)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    docs = np.repeat([numbers[name] for name in names], [len(garbled) for garbled in labels])[prose]
    y = np.concatenate(labels)[prose]
    if len(y) < _FEWEST_SENTENCES:
        raise ValueError(f"{data}: {len(y)} sentences of prose; at least {_FEWEST_SENTENCES} are required")
    for kind, mask in (("garbled", y), ("clean", ~y)):
        if not mask.any():
            raise ValueError(f"{data}: no {kind} sentences; both clean and garbled ones are required")
        if (count := len(np.unique(docs[mask]))) < _FOLDS:
            raise ValueError(f"{data}: {kind} sentences in only {count} documents; at least {_FOLDS} are required")
    return x[prose], y, docs


def own_documents(data: Path) -> Iterator[tuple[str, Document, Mask]]:
    """For each labelled record the name of its document, the text, and which of its sentences are garbled.

    Raises ValueError, with path and line, for a record that cannot be trained on.
    """
    try:
        for number, record in enumerate(read_records(data), start=1):
            doc = record.get("doc")
            try:
                yield record["text"] if doc is None else str(doc), *own_document(record)
            except ValueError as error:
                raise ValueError(f"{data}:{number}: {error}") from error
    except (UnicodeDecodeError, lzma.LZMAError, EOFError) as error:
        raise ValueError(f"{data}: not JSON Lines in UTF-8, plain or .xz ({error})") from error


def own_document(record: Record) -> tuple[Document, Mask]:
    """A labelled record's text, and which sentences are garbled: those that spans touch, or all as the label says.

    Raises ValueError, without a place, for an empty text and for a label or spans that make no sense.
    """
    text, label, spans = record["text"], record.get("label"), record.get("spans") or []
    if not text.strip():
        raise ValueError("empty text")
    if label not in (0, 1):
        raise ValueError(f"label must be 0 or 1, not {json.dumps(label)}")
    if not isinstance(spans, list) or not all(_is_span(span, len(text)) for span in spans):
        raise ValueError("spans must be [start, end] in characters, within the text")
    if spans and not label:
        raise ValueError("label 0 with garbled spans")
    segmented = segment(text)
    document = segmented if len(segmented.sentences) > 1 else whole(text)
    if not spans:
        return document, np.full(len(document.sentences), bool(label))
    return document, document.touched(spans)


def _is_span(span: object, length: int) -> bool:
    """Whether it is [start, end], as far as it matters here: what follows, such as a kind, is the user's own."""
    if not isinstance(span, list) or not all(isinstance(edge, int) for edge in span[:2]) or len(span) < 2:
        return False
    return bool(0 <= span[0] < span[1] <= length)


def out_of_fold(x: Floats, y: Mask, docs: Ints, seed: int, added: tuple[str, ...] = ()) -> Floats:
    """(sentences,) the score of each sentence by a scorecard that has seen none of its document.

    added: as in `own_card`.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    scores = np.zeros(len(y))
    for seen, unseen in StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed).split(x, y, docs):
        scores[unseen] = own_card(x[seen], y[seen], added).predict(_fitted(x[unseen], added))
    return scores


def told(scores: Floats, y: Mask) -> str:
    """How well scores tell garbled sentences from clean ones, in words."""
    from sklearn.metrics import log_loss, roc_auc_score

    highest = np.sort(scores[~y])[::-1][int(_TOLD_AT * (~y).sum())]
    recall = (scores[y] > highest).mean()
    area, loss = roc_auc_score(y, scores), log_loss(y, scores)
    return f"AUROC {area:.3f}, recall at {_TOLD_AT:.0%} of the clean sentences {recall:.1%}, log loss {loss:.3f}"
