"""What is mended, what is left alone, and that every edit can be taken back."""

from __future__ import annotations

import doctest
import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import ANY_TEXT, SEEDS, documents
from hypothesis import given, settings
from hypothesis import strategies as st

import garble
from garble import mending
from garble.cli import main
from garble.mending import MENDERS, apply, repair, undo
from garble.scorer import Scorer
from garble.signals import SIGNALS

CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
ANY = st.one_of(ANY_TEXT, st.integers(0, 10_000).map(lambda seed: documents(1, seed)[0]))

MENDED = {
    "Pharmacies were were told to return the bottles.": "Pharmacies were told to return the bottles.",
    "The mayor said said the line would open in the autumn.": "The mayor said the line would open in the autumn.",
    "I want to to to to to to to go home.": "I want to go home.",
    "Residents have complained of dust, noise and dust, noise and dust, noise and heavy lorries.": (
        "Residents have complained of dust, noise and heavy lorries."
    ),
    "The fishermen said last week that in the outer basin, the fishermen said last week that the mud would bury the "
    "mussel beds.": "The fishermen said last week that in the outer basin, the mud would bury the mussel beds.",
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def garble_repair(*arguments: str, stdin: bytes = b"", code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["repair", *arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(mending).failed == 0


def test_a_loop_of_names_is_mended() -> None:
    end = "told public radio that a third of the trade could be lost."
    text = f"Antje Lorenzen told public radio Antje Lorenzen to public radio Antje Lorenzen {end}"
    assert repair(f"{CLEAN} {text}").text == f"{CLEAN} Antje Lorenzen {end}"


@pytest.mark.parametrize(
    "text",
    [
        "They met outside AT&T Park at AT&T Park Street, where in in-fighting circles nobody had been seen before.",
        "She wrote the score of the musical Spend Spend Spend, which ran for eleven months in a small theatre.",
        "In the The Tale of the Tin Duck, printed a year later, the duck goes to sea in a bucket full of holes.",
        "“Oh, he’s gone, he’s gone, and I never told him where the key was!” she cried from the foot of the stairs.",
    ],
)
def test_what_people_say_twice_stays(text: str) -> None:
    assert not any(edit.signal.startswith("repetition.") for edit in repair(f"{CLEAN} {text}").edits)


@pytest.mark.parametrize(("text", "mended"), MENDED.items())
def test_repetition_is_mended(text: str, mended: str) -> None:
    around = f"{CLEAN}\n\n{{}} He left early to see his mother in the village.\n"
    assert repair(around.format(text)).text == around.format(mended)
    assert garble.repair(around.format(text)).text == around.format(mended)


def test_what_cannot_be_mended_is_left_and_listed_or_dropped() -> None:
    salad = "Church the on hill small a which stands by built were monks stone who."
    text = f"{CLEAN} {salad}"
    kept, dropped = repair(text), repair(text, drop_unresolved=True)
    assert (kept.text, [sentence.text for sentence in kept.unresolved]) == (text, [salad])
    assert (dropped.text, dropped.unresolved) == (CLEAN, ())
    assert undo(dropped.text, dropped.edits) == text


def test_clean_seeds_that_score_clean_come_back_as_they_are(scorer: Scorer) -> None:
    lines = (SEEDS / "clean.jsonl").read_text("utf-8").splitlines()
    for text in (json.loads(line)["text"] for line in lines):
        if not any(sentence.garbled for sentence in scorer.score(text).sentences):
            mended = repair(text, scorer)
            assert mended.text is text
            assert mended.edits == ()


@settings(max_examples=60)
@given(ANY, st.booleans())
def test_edits_are_replayed_and_taken_back_to_the_character(text: str, drop: bool) -> None:
    mended = repair(text, drop_unresolved=drop)
    assert apply(text, mended.edits) == mended.text
    assert undo(mended.text, mended.edits) == text
    place = 0
    for edit in mended.edits:
        assert place <= edit.start <= edit.end
        assert text[edit.start : edit.end] == edit.before != edit.after
        place = edit.end


@settings(max_examples=40)
@given(ANY)
def test_to_repair_twice_changes_nothing_more(text: str) -> None:
    once = repair(text)
    again = repair(once.text)
    assert (again.text, again.edits) == (once.text, ())


@settings(max_examples=40)
@given(ANY)
def test_what_is_garbled_never_becomes_more(text: str) -> None:
    scorer = Scorer()
    before, after = scorer.score(text), scorer.score(repair(text, scorer).text)
    assert sum(s.score for s in after.sentences if s.garbled) <= sum(s.score for s in before.sentences if s.garbled)


def test_menders_answer_signals_that_there_are() -> None:
    assert set(MENDERS) <= {signal.name for signal in SIGNALS}


def test_a_file_is_mended_in_place_and_keeps_encoding_and_mode() -> None:
    looped = next(iter(MENDED))
    for name, mark, encoding in (("a.txt", b"\xef\xbb\xbf", "utf-8"), ("b.txt", b"\xff\xfe", "utf-16-le")):
        path = Path(name)
        path.write_bytes(mark + f"{CLEAN}\r\n{looped}\r\n".encode(encoding))
        path.chmod(0o640)
        garble_repair("--in-place", name)
        assert path.read_bytes() == mark + f"{CLEAN}\r\n{MENDED[looped]}\r\n".encode(encoding)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        before = path.stat()
        assert "nothing to mend, left as it is" in garble_repair("--in-place", name).stderr
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs patch")
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_diff_is_what_patch_takes(end: str) -> None:
    text = "\n".join([CLEAN, *MENDED]) + end
    Path("a file.txt").write_bytes(text.encode())
    Path("patch").write_bytes(garble_repair("--diff", "a file.txt").stdout_bytes)
    subprocess.run(["patch", "-p0", "--binary", "-i", "patch"], check=True, capture_output=True)
    assert Path("a file.txt").read_bytes() == repair(text).text.encode()


def test_json_has_the_edits() -> None:
    looped = next(iter(MENDED))
    record = json.loads(garble_repair("-", "--format", "json", "--exit-code", stdin=looped.encode(), code=1).stdout)
    assert (record["text"], record["unresolved"]) == (MENDED[looped], [])
    (edit,) = record["edits"]
    assert looped[: edit["start"]] + edit["after"] + looped[edit["end"] :] == record["text"]


@pytest.mark.parametrize(
    "arguments",
    [("--in-place", "--diff", "a.txt"), ("--in-place", "-"), ("--diff", "--format", "json", "-"), ("a.txt", "b.txt")],
    ids=" ".join,
)
def test_what_does_not_go_together_is_refused(arguments: tuple[str, ...]) -> None:
    for name in ("a.txt", "b.txt"):
        Path(name).write_text(CLEAN)
    assert garble_repair(*arguments, code=2).stderr.count("\n") == 1
