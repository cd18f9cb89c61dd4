"""The texts that every system scores: sets of sentences and of documents, read or made once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from benchmarks import damage
from benchmarks.quality.product import (
    PROSE,
    Document,
    Ints,
    Mask,
    Record,
    by_document,
    needs_rewriting,
    post_edited,
    read_records,
    segment,
    without_copies,
)
from benchmarks.quality.statistics import SEED, Array, resample

SEEDS = Path(__file__).parents[2] / "seeds"
PAIRS = ("et-en", "ro-en", "ru-en", "si-en")
# Kinds of human text that count as clean ground for damage; poetry, dialect and learners are odd as they are.
CLEAN = ("news", "news africa", "web", "wiki, news, stories")
# At a share of 1: damaged sentences of each kind, clean ones beside them, and documents that get one damaged sentence.
DAMAGED, UNDAMAGED, PLANTED = 500, 4000, 200
# Fewest of these at a smaller share.
_FEWEST = 40
# Sentences in a stitched document, and stitched documents of each language pair and length.
LENGTHS, STITCHED = (5, 10, 20), 60
# One in so many sentences that thresholds for marks are read off, and that the marks of fit/mqm are counted on.
_MLQE_STEP, _MQM_STEP, _MQM_TOLD_STEP = 12, 7, 3
# The share of the documents of fit/mqm that the character F1 is counted on.
_MQM_HELD_OUT = 0.3


@dataclass(frozen=True, eq=False)
class Texts:
    """A set of sentences, or of documents.

    owners: (texts,) the cluster that each is resampled with. columns: by name (texts,) what is known of each.
    """

    texts: list[str]
    owners: list[str]
    columns: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def weights(self) -> Array:
        """(1 + RESAMPLES, texts)."""
        return resample(self.owners)

    @cached_property
    def segmented(self) -> list[Document]:
        """The sentences of each text."""
        return [segment(text) for text in self.texts]

    @cached_property
    def firsts(self) -> Ints:
        """(texts + 1,) where the sentences of each text begin."""
        return np.cumsum([0, *(len(document.sentences) for document in self.segmented)])

    @cached_property
    def pieces(self) -> list[str]:
        """The sentences of all texts."""
        return [piece for document in self.segmented for piece in document.slices()]

    def only(self, chosen: Mask) -> Texts:
        """Some of the texts."""
        keep = np.flatnonzero(chosen).tolist()
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return Texts([self.texts[i] for i in keep], [self.owners[i] for i in keep], columns)


class Tagged(NamedTuple):
    """A text with its tokens, or characters, tagged bad or good. spans: (tokens, 2)."""

    text: str
    spans: Array
    bad: Mask
    owner: str
    group: str = ""


@dataclass(frozen=True, eq=False)
class Material:
    """sentences, documents: sets by name. tagged: texts with marks on words or characters, by name."""

    sentences: Mapping[str, Texts]
    documents: Mapping[str, Texts]
    tagged: Mapping[str, list[Tagged]]


_TIGHT_BEFORE = {*".,;:!?%)]}", "...", "'s", "n't", "'re", "'ve", "'ll", "'m", "'d"}
_TIGHT_AFTER = {*"([{$£€#"}


def joined(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Tokens as people would print them, and where each stands; 96 of 100 MLQE sentences come out as they went in."""
    text, spans = "", []
    tight, within = True, False
    for token in tokens:
        quote = token == '"'
        before = within if quote else token in _TIGHT_BEFORE
        text += "" if tight or before else " "
        spans.append((len(text), len(text) + len(token)))
        text += token
        tight = not within if quote else token in _TIGHT_AFTER
        within ^= quote
    return text, spans


def printed(text: str) -> str:
    """A text of separate tokens as people would print it."""
    return joined(text.split())[0]


def sampled(records: Iterable[Record], share: float) -> list[Record]:
    """Some of the documents, always the same: by a hash of `doc` that no other split of the project uses."""

    def place(record: Record) -> float:
        return int.from_bytes(blake2b(str(record["doc"]).encode(), digest_size=4).digest(), "big") / 2**32

    return [record for record in records if place(record) < share]


def is_bad(record: Record) -> bool:
    """Machine translation that is set against its own post-edit."""
    return bool(record["da"] < 35 and record["hter"] > 0.6)


def clean_sentences(records: Iterable[Record], rng: Random) -> list[tuple[str, str]]:
    """Document and text of the panel's sentences of 8 to 40 words that end in a stop, in random order."""
    found = []
    for record in records:
        if record["kind"] in CLEAN:
            document = segment(record["text"])
            for piece, kind in zip(document.slices(), document.kind.tolist(), strict=True):
                if kind == PROSE and 8 <= len(piece.split()) <= 40 and piece[0].isupper() and piece[-1] in ".!?":
                    found.append((str(record["doc"]), piece))
    rng.shuffle(found)
    return found


def damaged(make: damage.Maker, clean: Iterable[tuple[str, str]], rng: Random) -> Iterator[tuple[str, str]]:
    """Document and damaged text, for those sentences that can be damaged so."""
    for owner, sentence in clean:
        made = make(sentence, rng)
        if made is not None and made != sentence:
            yield owner, made


def plant(host: str, sentence: str) -> tuple[str, tuple[int, int]]:
    """A document with a sentence put in after the one in its middle, and where that stands."""
    document = segment(host)
    ends = document.sentences[document.kind == PROSE][:, 1]
    end = int(ends[np.abs(ends - len(host) / 2).argmin()])
    return f"{host[:end]} {sentence}{host[end:]}", (end + 1, end + 1 + len(sentence))


def is_host(text: str) -> bool:
    """A document of about 4 kB with ten sentences of prose or more."""
    return 3000 <= len(text) <= 5000 and int((segment(text).kind == PROSE).sum()) >= 10


def planted(hosts: Sequence[str], sentences: Sequence[tuple[str, str]]) -> Texts:
    """Each host with one of the sentences, clustered by sentence; columns start and end say where it stands."""
    pairs = [(host, *sentences[i % len(sentences)]) for i, host in enumerate(hosts)] if sentences else []
    made = [plant(host, sentence) for host, _, sentence in pairs]
    spans = np.array([span for _, span in made]).reshape(-1, 2)
    owners = [owner for _, owner, _ in pairs]
    return Texts([text for text, _ in made], owners, {"start": spans[:, 0], "end": spans[:, 1]})


def stitch(
    bad: Sequence[str], sound: Sequence[str], size: int, rng: Random, count: int = STITCHED
) -> tuple[list[str], list[str]]:
    """Documents of `size` bad sentences each, and for each its like of sound ones that are as many words long."""
    by_words: dict[int, list[str]] = {}
    for text in sound:
        by_words.setdefault(len(text.split()), []).append(text)
    usable = [text for text in bad if len(by_words.get(len(text.split()), ())) >= size]
    if len(usable) < size:
        return [], []
    stitched = [rng.sample(usable, size) for _ in range(count)]
    twins = []
    for sentences in stitched:
        twin: list[str] = []
        for text in sentences:
            twin.append(rng.choice([other for other in by_words[len(text.split())] if other not in twin]))
        twins.append(twin)
    return [" ".join(sentences) for sentences in stitched], [" ".join(sentences) for sentences in twins]


def tagged_words(record: Record) -> Tagged:
    """MLQE's tokens with their BAD tags, printed as people would print them."""
    tokens = record["tokenised"].split()
    text, spans = joined(tokens)
    starts = np.cumsum([0, *(len(token) + 1 for token in tokens)])[:-1]
    bad = np.isin(starts, [start for start, _ in record["bad"]])
    return Tagged(text, np.array(spans), bad, str(record["doc"]), record["lp"])


def tagged_characters(record: Record) -> Tagged:
    """MQM's characters, bad where a rater marked an error that shows without the source."""
    places = np.arange(len(record["text"]))
    bad = marked(len(places), record["visible"])
    return Tagged(record["text"], np.stack([places, places + 1], axis=1), bad, str(record["doc"]))


def marked(size: int, spans: Iterable[Sequence[int]]) -> Mask:
    """(size,) the characters that lie in a span, of which the first two items are start and end."""
    mask = np.zeros(size, bool)
    for start, end, *_ in spans:
        mask[start:end] = True
    return mask


def of(
    records: Sequence[Record],
    columns: Mapping[str, Callable[[Record], object]] | None = None,
    text: Callable[[Record], str] = lambda record: record["text"],
) -> Texts:
    """A set from records, resampled by document."""
    values = {name: np.array([value(record) for record in records]) for name, value in (columns or {}).items()}
    return Texts([text(record) for record in records], [str(record["doc"]) for record in records], values)


def kind_of(record: Record) -> str:
    """The kind of human text, with its language where that is not English.

    Learners' sentences that were collected because they need rewriting (JFLEG) are a kind of their own.
    """
    language = record.get("lang", "en")
    kind = str(record["kind"]) + (" to rewrite" if needs_rewriting(record) else "")
    return kind if language == "en" else f"{kind} ({language})"


def material(data: Path, share: float = 1.0) -> Material:
    """Read dev/, fit/ and the project's seeds, and make damaged, planted and stitched texts.

    share: of the documents of each set.
    """
    rng = Random(SEED)

    def dev(name: str) -> list[Record]:
        return sampled(read_records(data / "dev" / f"{name}.jsonl.xz"), share)

    def most(count: int) -> int:
        return max(round(count * share), min(_FEWEST, count))

    news, mlqe, needle = dev("human"), dev("mlqe"), dev("needle")
    demetr = [record for record in dev("demetr") if record.get("visible") == 1]
    smog = [record for record in dev("smog") if record["lang"] == "en"]
    clean = clean_sentences(news, rng)
    made = {
        name: list(islice(damaged(make, rng.sample(clean, len(clean)), rng), most(DAMAGED)))
        for name, make in damage.MAKERS.items()
    }
    bad = [record for record in mlqe if is_bad(record)]
    quality = {
        "da": lambda record: float(record["da"]), "hter": lambda record: float(record["hter"]),
        "pair": lambda record: record["lp"],
    }  # fmt: skip
    sentences = {
        "smog": of(
            smog,
            {"grade": lambda r: float(r["acceptability"]), "source": lambda r: r["doc"].split(".")[1]},
            lambda r: printed(r["text"]) if r.get("tokenised") else r["text"],
        ),
        "gug": of(dev("gug"), {"grade": lambda r: float(r["acceptability"])}),
        "mlqe": of(mlqe, quality),
        "mlqe bad": of(bad, quality, lambda r: printed(r["tokenised"])),
        "mlqe post-edit": of(bad, quality, lambda r: printed(r["post_edit"])),
        "demetr": of(demetr, {"kind": lambda r: r["kind"]}),
        "demetr clean": of(demetr, {"kind": lambda r: r["kind"]}, lambda r: r["clean"]),
        "needle": of(
            needle,
            {
                "looped": lambda r: bool(r["repetitions"]),
                "fluent": lambda r: bool(r["full-unsupport"] and not r["repetitions"]),
            },
        ),
        "made": Texts(
            [text for pairs in made.values() for _, text in pairs],
            [owner for pairs in made.values() for owner, _ in pairs],
            {"maker": np.array([name for name, pairs in made.items() for _ in pairs])},
        ),
        "clean": Texts(
            [text for _, text in clean[: most(UNDAMAGED)]], [owner for owner, _ in clean[: most(UNDAMAGED)]], {}
        ),
    }
    hosts = [record["text"] for record in news if record["kind"] in CLEAN and is_host(record["text"])]
    rng.shuffle(hosts)
    hosts = hosts[: most(PLANTED)]
    mtdocs = [record for record in dev("mtdocs") if record.get("lang", "en") == "en" and "label" in record]
    documents = {
        "human": of(
            [*without_copies([*news, *dev("panel2")])],
            {"kind": kind_of, "english": lambda r: r.get("lang", "en") == "en"},
        ),
        "mtdocs": of(mtdocs, {"label": lambda r: bool(r["label"])}),
        "stitched": stitched(mlqe, [text for _, text in clean[:UNDAMAGED]], rng, most(STITCHED)),
        "hosts": Texts(hosts, [str(i) for i in range(len(hosts))], {}),
        "planted loop": planted(hosts, made["loop x12"]),
        "planted repetition": planted(hosts, [(str(r["doc"]), r["text"]) for r in needle if r["repetitions"]]),
        "summeval": of(
            dev("summeval"),
            {"coherence": lambda r: float(r["coherence"]), "fluency": lambda r: float(r["fluency"])},
            lambda r: printed(r["text"]),
        ),
        "seeds": seeds(sorted(SEEDS.glob("*.jsonl")), "spans"),
        "articles": seeds([SEEDS / "articles" / "translated.jsonl"], "marks"),
    }
    untaught = sampled(post_edited(data)[1], share)[::_MLQE_STEP]
    read_off, told = by_document(sampled(read_records(data / "fit" / "mqm.jsonl.xz"), share), _MQM_HELD_OUT)
    tagged = {
        "mlqe read off": [tagged_words(record) for record in untaught],
        "mlqe": [tagged_words(record) for record in mlqe],
        "mqm read off": [tagged_characters(record) for record in read_off[::_MQM_STEP]],
        "mqm": [tagged_characters(record) for record in told[::_MQM_TOLD_STEP]],
    }
    return Material(sentences, documents, tagged)


def stitched(mlqe: Sequence[Record], sound: Sequence[str], rng: Random, count: int) -> Texts:
    """Stitched documents of each pair and length with their twins; columns size, pair, bad."""
    texts: list[str] = []
    rows: list[tuple[int, str, bool]] = []
    for pair in PAIRS:
        for size in LENGTHS:
            low = [record["text"] for record in mlqe if record["lp"] == pair and record["da"] < 35]
            for side, label in zip(stitch(low, sound, size, rng, count), (True, False), strict=True):
                texts += side
                rows += [(size, pair, label)] * len(side)
    sizes, pairs, labels = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 3
    return Texts(texts, [str(i) for i in range(len(texts))], {"size": sizes, "pair": pairs, "bad": labels.astype(bool)})


def seeds(paths: Sequence[Path], field: str) -> Texts:
    """The project's own passages; the column spans holds what is marked in each."""
    records = [record for path in paths for record in read_records(path)]
    spans = np.empty(len(records), object)
    spans[:] = [[span[:2] for span in record.get(field, ())] for record in records]
    return Texts([record["text"] for record in records], [record["id"] for record in records], {"spans": spans})
