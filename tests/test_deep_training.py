"""How the network is taught: from which pairs, rounded as when it reads, and resumed where it was stopped."""

from __future__ import annotations

import json
import lzma
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garble.training.network.vocabulary import pruned

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("safetensors")
pytest.importorskip("rapidfuzz")
pytest.importorskip("lemminflect")

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from garble.network import pieces, weights
from garble.network.reader import session
from garble.training.data import by_document
from garble.training.network import contrasts, lessons, shipping
from garble.training.network import encoder as network
from garble.training.network import train as training

WIDTH, LAYERS, HEADS, INNER = 64, 2, 4, 128
CLEAN = "The minister said the plan was good."
DAMAGED = "The secretary said the plan was good."
PAIRS: list[dict[str, Any]] = [
    {"kind": "swap", "clean": CLEAN, "damaged": DAMAGED},
    {"kind": "guess", "clean": "The farmers sold their cows and went home.", "damaged": ""},
    {
        "kind": "mlqe",
        "pair": "et-en",
        "clean": "He went home when the plan was sold.",
        "damaged": "He went home when cow the plan was said.",
        "bad": [[18, 21], [35, 39]],
        "da": 43.0,
        "hter": 0.3,
    },
]
WORDS = sorted({word for pair in PAIRS for side in ("clean", "damaged") for word in pair[side].lower().split()})
STAGES = ["guesser", "trunk", "large", "small-trunk", "small", "large-0", "small-0", "large-1", "small-1"]


def published_tokenizer(path: Path) -> None:
    """A WordPiece tokenizer as encoders publish it: it cuts, pads, and holds words that no text uses."""
    spelt = [mark + letter for mark in ("", "##") for letter in "abcdefghijklmnopqrstuvwxyz"]
    words = {word.strip(".,") for word in WORDS}
    listed = ["<s>", "<pad>", "</s>", "<unk>", "[PAD]", "[UNK]", ".", *spelt, *sorted(words), "unused", "##ish"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(listed)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4, pad_id=1, pad_token="<pad>")
    tokenizer.save(str(path))


def published_encoder(vocabulary: int) -> dict[str, torch.Tensor]:
    """Weights under the names of an MPNet, small and by chance."""
    chance = torch.Generator().manual_seed(5)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=chance) * 0.2

    found = {
        "embeddings.word_embeddings.weight": some(vocabulary, WIDTH),
        "embeddings.position_embeddings.weight": some(140, WIDTH),
        "encoder.relative_attention_bias.weight": some(32, HEADS),
        "embeddings.LayerNorm.weight": 1 + some(WIDTH),
        "embeddings.LayerNorm.bias": some(WIDTH),
        "pooler.dense.weight": some(WIDTH, WIDTH),
    }
    sizes = {"intermediate.dense": (INNER, WIDTH), "output.dense": (WIDTH, INNER)}
    for layer in range(LAYERS):
        for name in network._LAYER_NAMES:
            shape = (WIDTH,) if name.endswith("LayerNorm") else sizes.get(name, (WIDTH, WIDTH))
            found[f"encoder.layer.{layer}.{name}.weight"] = some(*shape) + len(shape) % 2
            found[f"encoder.layer.{layer}.{name}.bias"] = some(shape[0])
    return found


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """So small a network is taught fastest by one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a stage starts from: lessons, tokenizer, rows and the published encoder."""
    work = tmp_path_factory.mktemp("work")
    with lzma.open(work / "contrasts.jsonl.xz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(pair) + "\n" for pair in PAIRS)
    published_tokenizer(work / "published.json")
    vocabulary = pieces.load(work / "published.json").get_vocab_size()
    save_file(published_encoder(vocabulary), work / "published.safetensors")
    texts = [pair[side] for pair in PAIRS for side in ("clean", "damaged")]
    tokenizer, rows = pruned(work / "published.json", texts * 3, 3)
    tokenizer.save(str(work / "tokenizer.json"))
    np.save(work / "rows.npy", rows)
    lessons.pack(work / "contrasts.jsonl.xz", tokenizer).save(work / "lessons.npz.xz")
    return work


def room_in(material: Path, work: Path, log: Callable[[str], None] = lambda line: None) -> training.Room:
    """A room of its own, with what it starts from."""
    work.mkdir(exist_ok=True)
    for name in ("lessons.npz.xz", "tokenizer.json", "rows.npy"):
        (work / name).write_bytes((material / name).read_bytes())
    return training.Room(work, material / "published.safetensors", training.COURSES["tiny"], 1, log)


@pytest.fixture(scope="module")
def taught(material: Path, tmp_path_factory: pytest.TempPathFactory) -> training.Room:
    """A room in which all stages are done."""
    room = room_in(material, tmp_path_factory.mktemp("taught"))
    training.teach(room)
    return room


@pytest.fixture
def fresh(material: Path) -> network.Network:
    """The published encoder with new heads."""
    kept = torch.from_numpy(np.load(material / "rows.npy"))
    torch.manual_seed(3)
    return network.from_mpnet(load_file(material / "published.safetensors"), kept)


def rows_of(module: network.Network, length: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three rows of pieces by chance, with borders, of this length."""
    chance = torch.Generator().manual_seed(seed)
    found = torch.randint(4, module.shape.pieces, (3, length), generator=chance)
    found[:, 0], found[:, -1] = pieces.BEGIN, pieces.END
    return found, torch.ones(3, length, dtype=torch.bool)


# Pairs.


def test_the_english_words_of_a_headword_come_without_notes_and_other_words_phrases() -> None:
    dictionary = """00-database-short
     Spanish-English
     http://example.org/: a line with a colon is none

acta /ˈakta/ <n, fem>
 1. record, the register; (law) minutes
 [Synonyms] "act of law"
 2. to be, of parliament

beber /beˈbeɾ/
to drink, Booze|sip
"""
    assert list(contrasts.senses(dictionary)) == [["record", "register", "minutes"], ["drink", "booze", "sip"]]


TABLE = {
    "register": Counter({"record": 4, "list": 1}),
    "vote": Counter({"tune": 1}),
    "cow": Counter({"cattle": 9}),
}
KNOWN = {"records", "recorded", "recording", "listed", "tune", "tunes", "tuned", "record"}


def test_a_substitute_has_the_inflection_of_the_word_and_the_root_of_its_count() -> None:
    substitutes = contrasts.Substitutes(TABLE, KNOWN)
    assert substitutes.of("registered") == (["recorded", "listed"], [2.0, 1.0])
    assert substitutes.of("votes") == (["tunes"], [1.0])
    # "cattle" is no word of the corpus, "minister" has no other.
    assert substitutes.of("cows")[0] == substitutes.of("minister")[0] == []


@pytest.mark.parametrize("seed", range(8))
def test_substituting_changes_content_words_alone(seed: int) -> None:
    sentence = "Votes of the registered were registered in Register before the vote."
    found = contrasts.substitute(sentence, Random(seed), contrasts.Substitutes(TABLE, KNOWN))
    assert found is not None
    changed = [(old, new) for old, new in zip(sentence.split(), found.split(), strict=True) if old != new]
    allowed = {"Votes": {"Tunes"}, "registered": {"recorded", "listed"}, "vote.": {"tune."}}
    assert changed
    # A capital within a sentence is a name's.
    assert all(new in allowed[old] for old, new in changed)


def test_nothing_to_substitute_is_none() -> None:
    assert contrasts.substitute("The cows went home.", Random(0), contrasts.Substitutes(TABLE, KNOWN)) is None


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_slips_keep_the_words_and_their_letters(seed: int) -> None:
    sentence = "The farmer's brothers, he said, don't believe Maria."
    found = contrasts.slips(sentence, Random(seed))
    for old, new in zip(sentence.split(), found.split(), strict=True):
        before, after = (set(re.sub(r"\W", "", word).lower()) for word in (old, new))
        assert before == after
        assert abs(len(old) - len(new)) <= 3
    assert found == contrasts.slips(sentence, Random(seed))


def test_all_kinds_of_slips_happen() -> None:
    found = {contrasts.slips("He said, don't believe Maria.", Random(seed)) for seed in range(300)}
    assert {"He said don't believe Maria.", "He said, dont believe Maria.", "he said, don't believe maria."} < found
    assert any("beleive" in one for one in found)
    assert any("believve" in one for one in found)


def test_all_kinds_of_informal_twins_happen() -> None:
    sentence = "We are going to leave because the farmers, said Maria, don't trust the bank."
    found = {contrasts.informal(sentence, Random(seed)) for seed in range(300)}
    assert {
        "Going to leave because farmers, said Maria, don't trust bank.",
        "we are going to leave because the farmers said maria don't trust the bank",
        "We -- We are going to leave because the farmers, said Maria, don't trust the bank.",
        "said Maria",
        "We are gonna leave 'cause the farmers, said Maria, don't trust the bank.",
    } < found
    assert any("um" in one.split() for one in found)


def test_an_informal_twin_is_no_worse(material: Path, tmp_path: Path) -> None:
    pair = {"kind": "informal", "clean": CLEAN, "damaged": "Minister said plan good."}
    with lzma.open(tmp_path / "contrasts.jsonl.xz", "wt", encoding="utf-8") as file:
        file.write(json.dumps(pair) + "\n")
    packed = lessons.pack(tmp_path / "contrasts.jsonl.xz", pieces.load(material / "tokenizer.json"))
    assert packed.kind.tolist() == [lessons.MADE]
    assert packed.severity.tolist() == [0]
    assert not packed.wrong.any()


def test_a_tokenised_text_reads_like_any_other() -> None:
    tokenised = "He did n't say &quot; well @-@ known &quot; , and it &apos;s O &apos;Neil &amp; sons ."
    assert contrasts.plain(tokenised) == "He didn't say \" well - known \" , and it's O 'Neil & sons ."


def test_the_marks_of_a_corrected_translation_stay_on_their_words(tmp_path: Path) -> None:
    tokenised = "He did n't eat &quot; cheese &quot; in the knee of law ."
    bad = [[tokenised.index(word), tokenised.index(word) + len(word)] for word in ("cheese &quot;", "knee")]
    record = {"tokenised": tokenised, "post_edit": "He did n't eat bread in his home .", "text": tokenised}
    judged = {"da": 20.0, "hter": 0.4, "lp": "et-en", "bad": bad}
    records = [record | judged | {"doc": str(i)} for i in range(20)]
    (tmp_path / "fit").mkdir()
    with lzma.open(tmp_path / "fit" / "mlqe.jsonl.xz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    found = list(contrasts.corrected(tmp_path))
    # The other half is for the scorecard.
    assert 0 < len(found) == len(by_document(records, 0.5)[0]) < 20
    for pair in found:
        assert pair["clean"] == "He didn't eat bread in his home ."
        assert pair["damaged"] == 'He didn\'t eat " cheese " in the knee of law .'
        assert [pair["damaged"][start:end] for start, end in pair["bad"]] == ['cheese "', "knee"]


def test_round_trips_go_on_where_they_stopped_and_drop_a_block_that_lost_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def there_and_back(texts: list[str], languages: list[str]) -> list[str] | None:
        asked.append(list(texts))
        return None if "4" in texts else [f"back {text}" for text in texts]

    monkeypatch.setattr(contrasts, "_TRIP_BLOCK", 2)
    monkeypatch.setattr(contrasts, "round_trip", there_and_back)
    out, log = tmp_path / "trips.tsv", []
    contrasts.make_trips([str(i) for i in range(4)], out, 1, Random(0), log.append)
    contrasts.make_trips([str(i) for i in range(8)], out, 1, Random(0), log.append)
    assert asked == [["0", "1"], ["2", "3"], ["4", "5"], ["6", "7"]]
    rows = [line.split("\t") for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(number, text) for number, _, text in rows] == [(str(i), f"back {i}") for i in (0, 1, 2, 3, 6, 7)]
    assert [line.endswith("at sentence 4") for line in log] == [True]


def test_every_pair_is_damaged_or_left_to_the_guesser() -> None:
    clean = ["The register of the votes was registered by the minister in the city hall."] * 400
    trips = {i: f"The record {i} of the voices was registered." for i in range(0, 400, 4)} | {4: clean[4]}
    made = list(contrasts.contrasts(clean, trips, contrasts.Substitutes(TABLE, KNOWN), Random(0)))
    kinds = Counter(pair["kind"] for pair in made)
    assert 80 < kinds["trip"] < 99
    assert 15 < kinds["informal"] < 50
    assert set(kinds) == {"trip", "swap", "corrupt", "small", "guess", "informal"}
    for pair in made:
        assert (pair["damaged"] == "") == (pair["kind"] == "guess")
        assert pair["clean"] != pair["damaged"]


# Lessons.


def test_wrong_are_the_pieces_that_differ_and_the_one_after_a_gap() -> None:
    assert lessons.wrong_pieces([5, 6, 7], [5, 9, 7]).tolist() == [False, True, False]
    assert lessons.wrong_pieces([5, 6, 7], [5, 7]).tolist() == [False, True]
    assert lessons.wrong_pieces([5, 6], [5, 8, 8, 6]).tolist() == [False, True, True, False]


def test_a_pruned_tokenizer_cuts_words_as_the_published_one_does(material: Path) -> None:
    full, pruned = (pieces.load(material / name) for name in ("published.json", "tokenizer.json"))
    full.no_padding()
    full.no_truncation()
    rows = np.load(material / "rows.npy")
    assert len(rows) == pruned.get_vocab_size() < full.get_vocab_size()
    assert pruned.token_to_id("unused") is None
    texts = [pair["clean"] for pair in PAIRS] + ["A strange minister!", ""]
    for text, (ids, places) in zip(texts, pieces.encode(texts, pruned), strict=True):
        whole = full.encode(text, add_special_tokens=False)
        assert rows[ids].tolist() == whole.ids
        assert places == whole.offsets
    assert [pruned.id_to_token(i) for i in (pieces.BEGIN, pieces.PADDING, pieces.END)] == ["<s>", "<pad>", "</s>"]


def test_pairs_are_packed_with_what_is_wrong_in_them(material: Path) -> None:
    packed = lessons.load(material / "lessons.npz.xz")
    tokenizer = pieces.load(material / "tokenizer.json")
    assert packed.kind.tolist() == [lessons.MADE, lessons.GUESS, 2 + lessons.PAIRS.index("et-en")]
    sentences = [packed.ids[a:b].tolist() for a, b in pairwise(packed.rows)]
    texts = [pair[side] for pair in PAIRS for side in ("clean", "damaged")]
    assert sentences == [ids for ids, _ in pieces.encode(texts, tokenizer)]
    wrong = [tokenizer.id_to_token(i) for i in packed.ids[packed.wrong]]
    assert wrong == ["secretary", "cow", "said"]
    shares = [1 - np.exp(-6 / 8), 0, 1 / (1 + np.exp((43 - 55) / 12))]
    assert packed.severity == pytest.approx(shares, abs=1 / 255)


def test_a_pair_that_is_too_long_or_without_a_difference_is_left_out(material: Path, tmp_path: Path) -> None:
    long = {"kind": "swap", "clean": "the plan " * 40, "damaged": "the cow " * 40}
    same = {"kind": "swap", "clean": CLEAN, "damaged": CLEAN.upper()}
    with lzma.open(tmp_path / "contrasts.jsonl.xz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(pair) + "\n" for pair in (long, PAIRS[0], same))
    packed = lessons.pack(tmp_path / "contrasts.jsonl.xz", pieces.load(material / "tokenizer.json"))
    assert len(packed.kind) == 1


def many_pairs() -> training.Pairs:
    """A hundred pairs, a third of them translations of each of two languages."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 30, 200)
    ids = rng.integers(4, 60, lengths.sum()).astype(np.uint16)
    kind = np.array([lessons.MADE, 2, 3, lessons.MADE] * 25, np.uint8)
    rows = np.concatenate([[0], np.cumsum(lengths)])
    packed = lessons.Lessons(ids, rows, np.zeros(len(ids), bool), np.full(100, 0.5, np.float32), kind)
    return training.Pairs(packed, torch.device("cpu"))


def test_a_step_takes_pairs_of_one_width_and_only_the_translations_that_are_asked_for() -> None:
    pairs = many_pairs()
    steps = list(pairs.order(40, 256, ("et-en",), 0))
    assert len(steps) == 40
    for chosen in steps:
        (width,) = set(pairs.width[chosen].tolist())
        assert width % 8 == 0
        assert 1 <= len(chosen) <= max(1, 256 // (2 * width))
    kinds = set(pairs.kind[np.concatenate(steps)].tolist())
    assert kinds == {lessons.MADE, 2}
    assert set(pairs.kind[np.concatenate(list(pairs.order(40, 256, (), 0)))].tolist()) == {lessons.MADE}


def test_a_batch_holds_clean_sentences_and_then_their_twins_within_borders(material: Path) -> None:
    packed = lessons.load(material / "lessons.npz.xz")
    pairs = training.Pairs(packed, torch.device("cpu"))
    batch = pairs.batch(np.array([0, 2]), None)
    for row, sentence in enumerate((0, 4, 1, 5)):
        ids = packed.ids[packed.rows[sentence] : packed.rows[sentence + 1]].tolist()
        there = batch.pieces[row, batch.there[row]].tolist()
        assert there == [pieces.BEGIN, *ids, pieces.END]
        assert (batch.pieces[row, ~batch.there[row]] == pieces.PADDING).all()
    assert batch.wrong.sum(1).tolist() == [0, 0, 1, 2]
    assert batch.translated.tolist() == [False, True, False, True]


def test_guessed_words_are_wrong_where_they_are_others(material: Path) -> None:
    packed = lessons.load(material / "lessons.npz.xz")
    pairs = training.Pairs(packed, torch.device("cpu"))

    def guess(given: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        return given.masked_fill(given == training._HIDDEN, 9)

    torch.manual_seed(0)
    some = [pairs.batch(np.array([1]), guess) for _ in range(20)]
    for batch in some:
        clean, damaged = batch.pieces
        assert (batch.wrong[1].bool() == (clean != damaged)).all()
        assert (damaged[damaged != clean] == 9).all()
        assert bool(batch.wrong[1].any()) == (float(batch.severity[1]) > 0)
    assert any(batch.wrong.any() for batch in some)


# The network.


def test_near_places_have_buckets_of_their_own_and_far_ones_share() -> None:
    # Those of transformers' MPNet: from which distance on each bucket is.
    firsts = [*range(8), 8, 12, 16, 23, 32, 46, 64, 91]
    expected = []
    for apart in range(-150, 151):
        bucket = max(i for i, first in enumerate(firsts) if first <= abs(apart))
        expected.append(bucket + 16 * (apart > 0))
    assert network.buckets(torch.arange(-150, 151)).tolist() == expected


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(1e-9, 50), still=st.booleans())
def test_weights_are_rounded_while_taught_as_they_are_unpacked(seed: int, size: float, still: bool) -> None:
    torch.manual_seed(seed)
    module = network.Network(network.Shape(3, WIDTH, 1, HEADS, INNER), 4)
    with torch.no_grad():
        for linear in module.linears():
            linear.weight.normal_(0, size)
            if still:
                linear.weight[0], linear.weight[1, : network.BLOCK] = 0, 0
        module.pieces.weight.normal_(0, size)
    arrays = weights.unpacked(shipping.packed(module))
    for name, linear in module.named_modules():
        if linear in module.linears():
            used = arrays[f"{name}.weight"].T * arrays[f"{name}.step"][:, None]
            assert (used == network.rounded_weight(linear.weight).detach().numpy()).all()
    module.round(True)
    bits = arrays["pieces.bits"]
    both = np.stack([bits & 15, bits >> 4], -1).reshape(3, -1, network.BLOCK).astype(np.float32) - 8
    vectors = (both * arrays["pieces.scale"].astype(np.float32)[..., None]).reshape(3, -1)
    assert vectors == pytest.approx(module.pieces(torch.arange(3)).detach().numpy(), rel=1e-6)


def test_an_input_is_rounded_to_a_byte_of_the_range_that_was_observed() -> None:
    linear = network.Linear(WIDTH, 2)
    seen = torch.linspace(-1, 3, 10 * WIDTH).view(10, WIDTH)
    linear.observes = True
    linear(seen)
    given = torch.linspace(-9, 9, 1001)
    rounded = linear.byte(given)
    scale, zero = linear.scale_and_zero()
    whole = rounded / scale + zero
    assert float(scale) == pytest.approx(4 / 255)
    assert whole.numpy() == pytest.approx(whole.round().numpy(), abs=1e-3)
    assert (float(whole.min().round()), float(whole.max().round())) == (0, 255)
    inside = (given > -1) & (given < 3)
    assert float((rounded - given)[inside].abs().max()) <= float(scale) / 2 + 1e-6
    assert float(linear.byte(torch.zeros(1))) == 0


def test_verdicts_do_not_depend_on_what_stands_beside(fresh: network.Network) -> None:
    found, there = rows_of(fresh, 12, 0)
    found[0, 8:], there[0, 8:] = pieces.PADDING, False
    with torch.no_grad():
        odds, whole = fresh(found, there)
        alone, alone_whole = fresh(found[:1, :8], there[:1, :8])
    assert odds[0, :8].numpy() == pytest.approx(alone[0].numpy(), abs=1e-4)
    assert float(whole[0]) == pytest.approx(float(alone_whole[0]), abs=1e-4)


def test_weights_come_back_as_the_network_they_are_of(fresh: network.Network) -> None:
    assert network.of_weights(fresh.state_dict()).shape == fresh.shape
    assert fresh.shape == network.Shape(fresh.shape.pieces, WIDTH, LAYERS, HEADS, INNER)


def test_a_student_is_some_layers_of_its_teacher(fresh: network.Network) -> None:
    found, there = rows_of(fresh, 12, 0)
    student = network.student_of(fresh, [1])
    assert student.shape == network.Shape(fresh.shape.pieces, WIDTH, 1, HEADS, INNER)
    del fresh.layers[0]
    with torch.no_grad():
        for own, theirs in zip(student(found, there), fresh(found, there), strict=True):
            assert torch.equal(own, theirs)


def test_the_guesser_fills_what_is_hidden_with_pieces_of_words(fresh: network.Network) -> None:
    found, there = rows_of(fresh, 12, 1)
    hidden = torch.zeros_like(there)
    hidden[:, 3:6] = True
    filled = training.Guesser(fresh).guess(found.masked_fill(hidden, training._HIDDEN), there)
    assert (filled[~hidden] == found[~hidden]).all()
    assert (filled[hidden] > training._HIDDEN).all()


# Teaching.


def test_a_course_ends_with_two_networks_and_two_without_each_fold(taught: training.Room) -> None:
    done = {path.name.removesuffix(".safetensors") for path in taught.work.glob("*.safetensors")}
    assert done == set(STAGES)
    for name in STAGES[1:]:
        shape = taught.taught(name).shape
        layers = LAYERS // 2 if name.startswith("small") else LAYERS
        assert (shape.layers, shape.inner) == (layers, INNER)


def test_a_stage_that_is_done_is_skipped(taught: training.Room, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in taught.work.glob("*.safetensors")}
    monkeypatch.setattr(training.Stage, "run", lambda stage, batches: pytest.fail(stage.name))
    training.teach(taught)
    assert {path: path.read_bytes() for path in taught.work.glob("*.safetensors")} == before


class StoppedError(Exception):
    """Somebody stops the program."""


@pytest.mark.parametrize("last", ["trunk 1/3", "trunk 2/3", "large 1/2", "small 1/2"])
def test_what_was_stopped_ends_with_the_same_weights(
    last: str, taught: training.Room, material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_CHECKPOINT", 1)
    monkeypatch.setattr(training, "_ENTRY", 1)
    told: list[str] = []

    def stop(line: str) -> None:
        told.append(line)
        if line.startswith(last):
            raise StoppedError

    stages = ("trunk", "large", "small-trunk", "small")
    with pytest.raises(StoppedError):
        training.teach(room_in(material, tmp_path, stop), stages)
    stopped_in = last.split()[0]
    assert not (tmp_path / f"{stopped_in}.safetensors").exists()
    told.clear()
    training.teach(room_in(material, tmp_path, told.append), stages)
    # The entry is logged before the checkpoint of its step, so that step is taken again, and none before it.
    assert told[0].startswith(last)
    assert not list(tmp_path.glob("*.part.safetensors"))
    for name in stages:
        again, once = (load_file(work / f"{name}.safetensors") for work in (tmp_path, taught.work))
        assert again.keys() == once.keys()
        assert all(torch.equal(again[key], once[key]) for key in once), name


def test_teaching_moves_verdicts_towards_the_labels(material: Path, tmp_path: Path) -> None:
    room = room_in(material, tmp_path)
    module = room.first_network()
    batch = room.pairs.batch(np.array([0, 2]), None)

    def loss() -> float:
        with torch.no_grad():
            return float(training.loss_of(*module(batch.pieces, batch.there), batch))

    before = loss()
    room.teach("trunk", module, 30, 3e-4, 0.2, ("et-en",))
    assert loss() < 0.8 * before


def test_a_batch_of_one_sentence_or_many_is_read_alike(taught: training.Room) -> None:
    module = training.rounded(taught.taught("small"))
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 30, 12)
    ids = rng.integers(4, module.shape.pieces, lengths.sum()).astype(np.uint16)
    rows = np.concatenate([[0], np.cumsum(lengths)])
    odds, wholes = training.read(module, ids, rows, size=256)
    for i, (begin, end) in enumerate(pairwise(rows)):
        alone, whole = training.read(module, ids[begin:end], np.array([0, end - begin]))
        assert odds[begin:end] == pytest.approx(alone, abs=0.05)
        assert wholes[i] == pytest.approx(whole[0], abs=0.05)


# Shipping.


@pytest.mark.parametrize("name", ["large", "small"])
def test_what_ships_reads_as_what_was_taught(name: str, taught: training.Room, tmp_path: Path) -> None:
    shipping.ship(taught.work, name, tmp_path / name)
    raw = (tmp_path / name / "network.onnx").read_bytes()
    running = session(raw, (tmp_path / name / "network.npz").read_bytes())
    module = training.rounded(taught.taught(name))
    for length in (3, 10, 40, 122):
        found, there = rows_of(module, length, length)
        with torch.no_grad():
            odds, whole = module(found, there)
        theirs, their_whole = running.run(None, {"pieces": found.numpy()})
        assert theirs == pytest.approx(odds.numpy(), abs=0.05)
        assert their_whole == pytest.approx(whole.numpy(), abs=0.05)
        assert float(odds.std()) > 0.05
    assert (tmp_path / name / "tokenizer.json").read_bytes() == (taught.work / "tokenizer.json").read_bytes()


def test_the_graph_holds_no_large_weight(taught: training.Room, tmp_path: Path) -> None:
    shipping.ship(taught.work, "large", tmp_path)
    with np.load(tmp_path / "network.npz") as file:
        names = set(file.files)
    assert "pieces.weight.bits" in names
    assert {name.rpartition(".")[2] for name in names} == {"bits", "scale"}
    large = shipping.packed(taught.taught("large"))
    assert {name for name in large if name.endswith((".bits", ".scale"))} == names


@pytest.mark.parametrize("name", ["large", "small"])
def test_a_shipped_network_can_be_taught_further(name: str, taught: training.Room, tmp_path: Path) -> None:
    shipping.ship(taught.work, name, tmp_path / name)
    once, again = (
        shipping.packed(of) for of in (training.rounded(taught.taught(name)), shipping.restored(tmp_path / name))
    )
    assert once.keys() == again.keys()
    for key, array in once.items():
        assert again[key].astype(float) == pytest.approx(array.astype(float), abs=0.02), key
    room = room_in(taught.work, tmp_path / "work")
    room.start = tmp_path / name
    room.teach("trunk", room.first_network(), 2, 1e-4, 0.2)
    assert room.taught("trunk").shape == training.rounded(taught.taught(name)).shape
