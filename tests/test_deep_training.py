"""How the network is taught: what the lessons hold, and that teaching goes on where it was stopped."""

from __future__ import annotations

import json
import lzma
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import MODEL, SEEDS

from garble import lm
from garble.batch import Batch
from garble.text import segment, whole

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("matplotlib")
pytest.importorskip("snowballstemmer")
pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

from garble.deep import lessons, training, words  # noqa: E402
from garble.deep import reader as reading  # noqa: E402
from garble.deep.swaps import Swaps  # noqa: E402

# PyTorch's exporter that needs no further library is told to be old.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


def sentences() -> list[str]:
    """Those of the clean seeds."""
    lines = (SEEDS / "clean.jsonl").read_text(encoding="utf-8").splitlines()
    pieces = [piece for line in lines for piece in segment(json.loads(line)["text"]).slices()]
    return [piece for piece in pieces if len(piece.split()) > 5]


def write(path: Path, records: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in small: the seeds as clean text, and as translations whose second word is bad."""
    folder = tmp_path_factory.mktemp("data")
    clean = sentences()
    write(folder / "lm" / "seeds.jsonl.xz", [{"text": text, "doc": str(i)} for i, text in enumerate(clean)])
    records: list[dict[str, object]] = []
    for i, text in enumerate(clean[:80]):
        tokens = text.split()
        start = len(tokens[0]) + 1
        bad = [start, start + len("cheese")]
        worse = " ".join([tokens[0], "cheese", *tokens[2:]])
        judged = {"da": 20.0 if i % 2 else 90.0, "hter": 0.5, "lp": lessons.PAIRS[i % 4]}
        records.append({"text": worse, "tokenised": worse, "post_edit": text, "bad": [bad], "doc": str(i), **judged})
    write(folder / "fit" / "mlqe.jsonl.xz", records)
    return folder


@pytest.fixture(scope="module")
def material(data: Path, english: lm.LanguageModel) -> lessons.Lessons:
    return lessons.prepare(data, english, 500, 0)[0]


def teach(data: Path, work: Path, minutes: float = 10) -> tuple[bool, list[str]]:
    log: list[str] = []
    done = training.teach(data, MODEL, work, training.COURSES["tiny"], minutes, 0, log.append)
    return done, log


# Lessons.


def test_lessons_come_back_as_they_were_packed(material: lessons.Lessons, tmp_path: Path) -> None:
    material.save(tmp_path / "lessons.npz")
    loaded = lessons.load(tmp_path / "lessons.npz")
    assert (loaded.clean.word == material.clean.word).all()
    assert (loaded.translated.label == material.translated.label).all()
    assert (loaded.pair == material.pair).all()


def test_the_word_tagged_bad_is_the_one_labelled_wrong(material: lessons.Lessons) -> None:
    some = material.translated
    assert len(some) > 20
    for i in range(len(some)):
        label = some.label[some.rows[i] : some.rows[i + 1]]
        assert label.sum() == 1
        assert label[:3].any()


@pytest.mark.parametrize(
    ("after", "label"),
    [("a b c d", "0000"), ("a x c d", "0100"), ("a c d", "010"), ("a b b c d", None), ("b a c d", None)],
)
def test_what_was_done_to_a_sentence_is_what_is_wrong_with_it(after: str, label: str | None) -> None:
    wrong = lessons.wrong([ord(c) for c in "abcd"], [ord(c) for c in after.replace(" ", "")])
    if label is None:
        assert 1 <= wrong.sum() <= 2
    else:
        assert "".join(map(str, wrong)) == label


def test_swapped_words_are_labelled_wrong_and_the_others_stay(material: lessons.Lessons) -> None:
    swaps = Swaps(material)
    clean = material.clean
    found, stood = swaps.swapped(clean, np.random.default_rng(0))
    assert len(found) == len(clean)
    assert 0.05 < found.label.mean() < 0.3
    assert ((stood >= 0) <= (found.label == 1)).all()
    for i in range(len(clean)):
        before = clean.word[clean.rows[i] : clean.rows[i + 1]]
        at = slice(int(found.rows[i]), int(found.rows[i + 1]))
        # Those that are right stand in the order they stood in.
        right = iter(before.tolist())
        assert all(word in right for word in found.word[at][found.label[at] == 0].tolist())


def test_a_swap_is_the_same_for_the_same_seed(material: lessons.Lessons) -> None:
    swaps = Swaps(material)
    one, other, apart = (swaps.swapped(material.clean, np.random.default_rng(seed))[0].word for seed in (1, 1, 2))
    assert one.tolist() == other.tolist() != apart.tolist()


def test_another_form_of_a_word_is_of_its_stem_and_not_the_word(material: lessons.Lessons) -> None:
    swaps = Swaps(material)
    kin = np.bincount(material.family[material.clean.word])
    rng = np.random.default_rng(0)
    word = np.unique(material.clean.word)
    other = swaps.inflected(word, rng)
    assert (material.family[other] == material.family[word]).all()
    alone = kin[material.family[word]] == swaps.count[word]
    assert (other[alone] == word[alone]).all()
    assert (other[~alone] != word[~alone]).all()
    assert (~alone).sum() > 20


def test_forms_of_a_word_are_one_family() -> None:
    family = lessons.families(["study", "studies", "studied", "student", "run", "running"])
    assert family[0] == family[1] == family[2]
    assert family[4] == family[5]
    assert len(set(family.tolist())) == 3


def test_swaps_lengthen_sentences_but_not_beyond_the_longest(material: lessons.Lessons) -> None:
    swaps = Swaps(material)
    before = np.diff(material.clean.rows)
    after = [np.diff(swaps.swapped(material.clean, np.random.default_rng(seed))[0].rows) for seed in range(3)]
    assert any((lengths > before).any() for lengths in after)
    assert any((lengths < before).any() for lengths in after)
    assert max(lengths.max() for lengths in after) <= before.max()


# Teaching.


def test_teaching_in_slices_ends_with_a_network_for_all_and_one_without_each_pair(data: Path, tmp_path: Path) -> None:
    assert teach(data, tmp_path, minutes=0)[0] is False
    assert not list(tmp_path.glob("*/network.onnx"))
    done, _ = teach(data, tmp_path)
    assert done
    names = sorted(path.parent.name for path in tmp_path.glob("*/network.onnx"))
    assert names == sorted(["all", *lessons.PAIRS])
    picture = ElementTree.parse(tmp_path / "loss.svg").getroot()
    assert picture.tag.endswith("}svg")
    assert "steps" in "".join(picture.itertext())
    course = training.COURSES["tiny"]
    stage = training.Stage(tmp_path / "trunk.npz", course, 0, torch.device("cpu"))
    assert stage.step == course.trunk
    session = reading.session((tmp_path / "all" / "network.onnx").read_bytes())
    reader = reading.Reader(session, words.load(tmp_path / "all" / "tokenizer.json"), np.array([[0.0, 1.0]] * 3))
    batch = Batch.of([whole("The farmers sold their last cows to a dealer.")])
    opinion = reader.read(batch, np.array([True]))
    assert opinion.misplaced.shape == (9 + 1,)
    assert opinion.misplaced.any()
    assert teach(data, tmp_path, minutes=0) == (True, [])


def test_the_same_seed_teaches_the_same_network(data: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        teach(data, tmp_path / name)
    one, other = ((tmp_path / name / "all" / "network.onnx").read_bytes() for name in ("one", "other"))
    assert one == other


def test_a_stage_taught_in_slices_is_the_stage_taught_at_once(
    material: lessons.Lessons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_CHECKPOINT", 2)
    course = training.COURSES["tiny"]
    lesson = training.Lesson(material, course, "", 0)

    def stage(name: str) -> training.Stage:
        return training.Stage(tmp_path / name, course, 0, torch.device("cpu"))

    assert stage("once.npz").run(lesson, 7, False, float("inf"), lambda line: None)
    steps = []
    while True:
        slice_ = stage("slices.npz")
        done = slice_.run(lesson, 7, False, time.monotonic() + 1e-3, lambda line: None)
        steps.append(slice_.step)
        if done:
            break
    assert len(steps) > 1
    assert steps[:-1] == [step for step in steps if step % 2 == 0]
    with np.load(tmp_path / "once.npz") as once, np.load(tmp_path / "slices.npz") as slices:
        assert set(once.files) == set(slices.files)
        assert any("momentum_buffer" in name for name in once.files)
        assert any("exp_avg_sq" in name for name in once.files)
        assert all(np.array_equal(once[name], slices[name]) for name in once.files)


def test_the_speed_rises_stays_falls_and_goes_on_falling_in_a_mixed_stage() -> None:
    trunk = [training.rate(step, 10_000, False) for step in range(10_000)]
    mixed = [training.rate(step, 100, True) for step in range(100)]
    assert trunk[0] < 0.01
    assert max(trunk) == trunk[5000] == 1
    assert trunk[7500:] == sorted(trunk[7500:], reverse=True)
    assert trunk[-1] == pytest.approx(mixed[0], abs=0.001)
    assert mixed == sorted(mixed, reverse=True)
    assert mixed[-1] < 0.01
