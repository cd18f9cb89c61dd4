"""Loops in any text: what is one, what is none, and what does not change what is found."""

from __future__ import annotations

import doctest
import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import ANY_TEXT, SEEDS
from hypothesis import given, settings
from hypothesis import strategies as st

import garble
from garble import LoopGuard
from garble.cli import main
from garble.scorer import Scorer
from garble.text import periodic
from garble.text.alphabet import mix
from garble.text.periodic import Loop, looped_share, loops, loops_of

CUE = "{0}\n00:00:{0:02d},000 --> 00:00:{0:02d},900\n{1}\n\n"
SENTENCES = (
    "The ferry left at noon.",
    "Nobody had seen the captain.",
    "We waited on the quay until it rained.",
    "A gull stole my sandwich.",
    "Then the harbour master came.",
)
ROUND = " ".join(SENTENCES)
PARAGRAPH = "\n".join(
    f"In the {order} year of the drought the council of {town} met by the empty well and counted its barrels."
    for order, town in (
        ("first", "Alder"),
        ("second", "Birch"),
        ("third", "Cedar"),
        ("fourth", "Elm"),
        ("fifth", "Fir"),
    )
)

OTHER = "Rain has fallen since Tuesday, and the mayor says the bridge will hold; few believe him."

# Text, what it loops, period, copies.
FOUND = [
    ("The pump is fixed now. " + "Right. " * 12, "Right", 1, 12),
    ("Thank you. " * 30, "Thank you", 2, 30),
    ("Okay. " * 8, "Okay", 1, 8),
    ("it… " * 8, "it", 1, 8),
    ("She was the the the the the the the the the the the the last.", "the", 1, 12),
    ("The tank is empty empty empty empty empty again.", "empty", 1, 5),
    ("We boil the eggs. Then we peel them. " * 5, "We boil the eggs. Then we peel them", 8, 5),
    (f"{ROUND} " * 3, ROUND[:-1], 28, 3),
    (f"{PARAGRAPH}\n\n" * 3, PARAGRAPH[:-1], 100, 3),
    ("The lamp is OUT. the lamp, is out! The lamp is out?\nthe Lamp is out\n", "The lamp is OUT", 4, 4),
    ("The cat sat on it, " * 4 + "the cat sat", "The cat sat on it", 5, 4.6),
    ("Es wird ein langer Tag. " * 4, "Es wird ein langer Tag", 5, 4),
    ("я не знаю, что сказать, " * 4, "я не знаю, что сказать", 5, 4),
    ("这是一个问题。" * 5, "这是一个问题", 6, 5),
    ("ご視聴ありがとうございました。" * 4, "ご視聴ありがとうございました", 14, 4),
    ("วันนี้ฝนตกหนักมาก" * 4, "วันนี้ฝนตกหนักมาก", 13, 4),
    ("Valves 9, 11 and 12 HHHHHHHHHHHHHHHHHHHH", "H", 1, 20),
    ("The answer is !!!!!!!!!!!!", "!", 1, 12),
    ("See [2] [2] [2] [2] for more.", "2", 1, 4),
    ("and so . . . . . . on", ".", 1, 6),
    ("<unused32>" * 6, "unused32", 1, 6),
    ("A WhiteWhiteWhiteWhite house.", "White", 5, 4),
    ("<|im_end|>" * 8, "im_end", 2, 8),
    ("one million-thousand-thousand-thousand-thousand-thousand years", "thousand", 1, 5),
    ("of the of the of the of the of the of the of the of the", "of the", 2, 8),
]  # fmt: skip

# What people repeat on purpose, and what is no prose.
CLEAN = {
    "refrain": "Row, row, row your boat,\nGently down the stream,\nMerrily, merrily, merrily, merrily,\n" * 2,
    "hymn": "Glory, glory, hallelujah!\nGlory, glory, hallelujah!\nGlory, glory, hallelujah!\nOn, on.",
    "song": "He's got the whole world in his hands,\n" * 4,
    "birthday": "Happy birthday to you!\nHappy birthday to you!\nHappy birthday, dear Ann!\nHappy birthday to you!",
    "begats": "And Abraham begat Isaac; and Isaac begat Jacob; and Jacob begat Judas; and Judas begat Phares.",
    "litany": "Lord, have mercy.\nLord, have mercy.\nLord, have mercy.\nChrist, have mercy.\n" * 2,
    "laughter": "Ha ha ha ha ha ha ha ha! Hahahahahahahaha, hee hee hee hee, said the boy.",
    "cheering": "U-S-A! U-S-A! Four more years! Four more years! Four more years! Four more years! Hip hip hooray!",
    "no": "No, no, no, no, no, he said, again and again and again and again.",
    "drill": "Inhale for four. Exhale for four. Repeat. Inhale for four. Exhale for four. Repeat. Squat. Stand. Squat.",
    "roll call": "".join(f"{name}: Here.\n" for name in ("Abel", "Bard", "Cole", "Dunn", "Egan", "Ford", "Gray")),
    "table": "| Monday | closed | closed |\n" * 5,
    "columns": "yes\tno\tyes\tno\n" * 8,
    "timetable": "".join(f"Dep 10:{minute:02d} Arr 11:{minute:02d}\n" for minute in range(0, 60, 5)),
    "log": "2024-03-01 12:00:01 INFO heartbeat ok\n" * 12,
    "requests": "GET /health 200\n" * 12,
    "form": "Name: ____________ Date: ____________\n" * 5 + "Yes [ ] No [ ]\n" * 6,
    "minutes": "Ann moved to adjourn. The motion was carried. Bob moved to adopt. The motion was carried. " * 2,
    "recipe": "Stir. Wait a minute. " * 3 + "Add the salt.",
    "knitting": "K2, p2, k2, p2, k2, p2, k2, p2, k2, p2 to the end.",
    "items": "".join(f"{place}. Replace filter {letter} with a new one.\n" for place, letter in enumerate("ABCDE", 1)),
    "licence": "This software comes as it is, without warranty of any kind.\n\n" * 2,
    "codes": "ATATATATATATATATATATATAT FF:FF:FF:FF:FF:FF 00:00:00:00:00:00 d41d8cd98f00b204e9800998ecf8427e",
    "masks": "XXXXXXXXXXXX 0000000000 __________ ********** XXXX XXXX XXXX XXXX **** **** **** ****",
    "rulers": "----------\n* * * * * *\n_ _ _ _ _ _ _\n==========\n~~~~~~~~~~\n. . .",
    "contents": "A..............12\nMethods . . . . . . . . . 14",
    "numbers": "0 0 0 0 0 0 0 0 0 1 1 1 1 1 1 1\n1\n1\n1\n1\n",
    "drawn out": "Nooooooooooooo! Aaaaaaaaaaargh! Shhhhhhhhhh. Really????????? Great!!!!!!!!!!",
    "shouted": "SO BAD" + "!" * 40,
    "quotes": "> > > > > > he wrote\n>>>>>>>>>>\n",
    "pictures": "lol 😂😂😂😂😂😂😂😂😂 🎉🎉🎉🎉🎉🎉🎉🎉",
    "listening": "Mm-hmm. Mm-hmm. Mm-hmm. Mm-hmm. Mm-hmm. Mm-hmm. Mm-hmm.",
    "laughter in Chinese": "哈哈哈哈哈哈哈哈！",
}  # fmt: skip

LAYOUTS = {
    "one a line": lambda place, text: f"{text}\n",
    "bullets": lambda place, text: f"- {text}\n",
    "quoted": lambda place, text: f"> {text}\n",
    "indented": lambda place, text: f"    {text}\n",
    "numbers": lambda place, text: f"{place}. {text}\n",
    "brackets": lambda place, text: f"({place}) {text} ",
    "counted": lambda place, text: f"{place}. {text} ",
    "srt": lambda place, text: CUE.format(place, text),
    "vtt": lambda place, text: f"00:{place:02d}.000 --> 00:{place:02d}.900\n{text}\n\n",
    "times": lambda place, text: f"[00:{place:02d}.000 --> 00:{place:02d}.900] {text}\n",
    "clock": lambda place, text: f"[00:00:{place:02d}] {text}\n",
    "speakers": lambda place, text: f"SPEAKER_{place % 2:02d}: {text}\n",
    "talk": lambda place, text: f"- {text} ",
    "one paragraph": lambda place, text: f"{text} ",
}


def first_turn(text: str, loop: Loop) -> str:
    return text[loop.start : loop.first_end]


@pytest.mark.parametrize(("text", "turn", "period", "copies"), FOUND)
def test_a_loop_is_found_once_and_whole(text: str, turn: str, period: int, copies: float) -> None:
    (loop,) = loops(text)
    assert first_turn(text, loop) == turn
    assert (loop.period, loop.copies) == (period, copies)


@pytest.mark.parametrize("kind", CLEAN)
def test_what_people_repeat_on_purpose_is_no_loop(kind: str) -> None:
    assert loops(CLEAN[kind]) == ()


def clean_seeds() -> list[str]:
    records = map(json.loads, (SEEDS / "clean.jsonl").read_text(encoding="utf-8").splitlines())
    return [record["text"] for record in records]


@pytest.mark.parametrize("text", clean_seeds())
def test_no_clean_seed_has_a_loop(text: str) -> None:
    assert loops(text) == ()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_loop_goes_on_across_what_stands_before_its_turns(layout: str) -> None:
    lines = [*SENTENCES[:3], *[SENTENCES[3]] * 7, *SENTENCES[4:]]
    text = "".join(LAYOUTS[layout](place, line) for place, line in enumerate(lines, 1))
    (loop,) = loops(text)
    assert text[loop.start :].removeprefix("SPEAKER_00: ").startswith("A gull stole my sandwich")
    assert text[: loop.end].removesuffix(".\nSPEAKER").endswith("A gull stole my sandwich")
    assert text.count("gull", loop.start, loop.end) == 7


@pytest.mark.parametrize("layout", LAYOUTS)
def test_different_lines_are_no_loop_in_any_layout(layout: str) -> None:
    assert loops("".join(LAYOUTS[layout](place, line) for place, line in enumerate(SENTENCES * 2, 1))) == ()


def test_one_copy_may_be_spoilt() -> None:
    turn = "A gull stole my sandwich on the quay. "
    text = "We ate. " + turn * 4 + "A seal stole nothing at all that day. " + turn * 4 + "We left."
    (loop,) = loops(text)
    assert text[loop.start : loop.end] == text[len("We ate. ") : -len(". We left.")]


def test_two_loops_are_two() -> None:
    text = "Right, that is it. " * 5 + ROUND + " Nothing of the kind. " * 5
    first, second = loops(text)
    assert first.end < second.start
    assert first_turn(text, second) == "Nothing of the kind"


def test_a_last_turn_may_end_within_a_word() -> None:
    text = "The ferry left at noon today. " * 4 + "The ferry le"
    assert [loop.end for loop in loops(text)] == [len(text)]


def test_a_loop_within_a_turn_belongs_to_the_longer_one() -> None:
    turn = "He knocked at the door again again again again again again and nobody came to open it. "
    (loop,) = loops(turn * 4)
    assert loop.period == len(turn.split())


def test_share_is_counted_beyond_the_first_turn() -> None:
    text = "It was late. " + "Nobody came to help. " * 5
    found = loops(text)
    assert looped_share(found, len(text)) == pytest.approx(
        (len(text) - 2 - len("It was late. Nobody came to help")) / len(text)
    )
    assert looped_share((), 0) == 0


def turns(keys: list[int], run: tuple[int, int, int]) -> bool:
    start, end, period = run
    return all(keys[place] == keys[place - period] for place in range(start + period, end))


def repetitions(keys: list[int]) -> set[tuple[int, int, int]]:
    """All maximal repetitions of three turns and more of a turn that is no repetition itself, one by one."""
    found = set()
    for period in range(1, len(keys) // 3 + 1):
        place = period
        while place < len(keys):
            begin = place - period
            while place < len(keys) and keys[place] == keys[place - period]:
                place += 1
            turn = keys[begin : begin + period]
            parts = (size for size in range(1, period) if period % size == 0)
            if place - begin >= 3 * period and not any(turn == turn[:size] * (period // size) for size in parts):
                found.add((begin, place, period))
            place += 1
    return found


@st.composite
def repetitive(draw: st.DrawFn) -> list[int]:
    """Few symbols, some of them in turns."""
    symbol = st.integers(0, draw(st.integers(0, 3)))
    keys: list[int] = []
    for _ in range(draw(st.integers(1, 3))):
        keys += draw(st.lists(symbol, max_size=8))
        keys += (draw(st.lists(symbol, min_size=1, max_size=9)) * 12)[: draw(st.integers(0, 60))]
    return keys


@given(repetitive())
@settings(max_examples=400)
def test_every_repetition_of_three_turns_is_found_and_nothing_else_is(keys: list[int]) -> None:
    runs = periodic.periodic(mix(np.array(keys, np.uint64)))
    found = set(zip(*(part.tolist() for part in runs), strict=True))
    assert all(turns(keys, run) and run[1] - run[0] >= 2 * run[2] for run in found)
    assert repetitions(keys) <= found


def test_repetitions_are_the_same_however_the_text_is_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    keys = mix(
        np.concatenate([rng.integers(0, 3, 900), np.tile(rng.integers(0, 9, 31), 40), rng.integers(0, 3, 900)]).astype(
            np.uint64
        )
    )
    whole = periodic.periodic(keys, 64)
    monkeypatch.setattr(periodic, "_BLOCK", 1)
    cut = periodic.periodic(keys, 64)
    thrice = [run.where(run.ends - run.starts >= 3 * run.periods) for run in (whole, cut)]
    assert len(thrice[0].starts) > 10
    assert [part.tolist() for part in thrice[0]] == [part.tolist() for part in thrice[1]]


def test_words_are_the_same_however_the_text_is_cut_into_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [text for text, *_ in FOUND] + list(CLEAN.values())
    whole = [loops(text) for text in texts]
    monkeypatch.setattr(periodic, "_PIECE", 7)
    monkeypatch.setattr(periodic, "_NEAR", 3)
    assert [loops(text) for text in texts] == whole


SOME = st.lists(st.sampled_from([text for text, turn, *_ in FOUND if turn and text[-1] in " .\n。"]), max_size=2).map(
    "\n\nBetween.\n\n".join
)


@given(
    SOME,
    st.sampled_from(["", "Before.\n\n", f"{OTHER}\n", "- menu\n- about\n", "naïve 😀 漢字。\n\n"]),
    st.sampled_from(["", "\n\nAfter.", f"\n\n{OTHER}"]),
)
@settings(max_examples=150)
def test_what_stands_around_a_text_does_not_change_what_is_found_in_it(text: str, before: str, after: str) -> None:
    inside = [loop.moved(len(before)) for loop in loops(text)]
    assert list(loops(before + text + after)) == inside


def test_a_long_text_is_read_through_windows_to_the_same_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"Boat {place} left for island {place * 7} with {place + 3} men on board." for place in range(40)]
    calm = "\n".join(lines)
    text = "\n\n".join(
        [calm, "Nobody came to help. " * 6, calm, "And so we waited. " * 500, calm, "Right. " * 30, calm]
    )
    whole = loops(text)
    monkeypatch.setattr(periodic, "_WINDOW", 2600)
    monkeypatch.setattr(periodic, "_SHARED", 1000)
    assert len(periodic._windows(text)) > 8
    assert [(loop.start, loop.end, loop.first_end, loop.period) for loop in loops(text)] == [
        (loop.start, loop.end, loop.first_end, loop.period) for loop in whole
    ]
    assert [loop.copies for loop in loops(text)] == pytest.approx([6, 500, 30], abs=0.2)
    assert loops_of([text, "Right. " * 30]) == [loops(text), loops("Right. " * 30)]


@given(st.lists(st.one_of(SOME, ANY_TEXT), max_size=6))
def test_texts_are_read_together_as_alone(texts: list[str]) -> None:
    assert loops_of(texts) == [loops(text) for text in texts]


@given(st.integers(2, 9), st.integers(3, 12), st.sampled_from([" ", "\n", "\n\n", "\n    ", "\n- ", "\n> "]))
def test_wrapping_does_not_change_what_is_found(width: int, copies: int, between: str) -> None:
    words = (f"{ROUND} " * copies).split()
    lines = [" ".join(words[place : place + width]) for place in range(0, len(words), width)]
    (loop,) = loops(between.join(lines))
    assert (loop.period, loop.copies) == (28, copies)


@given(ANY_TEXT)
def test_loops_lie_in_the_text_in_order_and_apart(text: str) -> None:
    found = loops(text * 3)
    assert all(0 <= loop.start <= loop.first_end <= loop.end <= len(text) * 3 for loop in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert 0 <= looped_share(found, len(text) * 3) <= 1


def reaches_the_end(text: str) -> Loop | None:
    found = loops(text)
    return found[-1] if found and not any(char.isalnum() for char in text[found[-1].end :]) else None


@given(
    st.lists(st.one_of(ANY_TEXT, st.sampled_from([text for text, *_ in FOUND])), max_size=6).map(" ".join), st.data()
)
@settings(max_examples=100)
def test_a_guard_says_of_the_text_so_far_what_loops_says(text: str, data: st.DataObject) -> None:
    guard, fed = LoopGuard(), 0
    while fed < len(text):
        size = data.draw(st.integers(1, 60))
        answer = guard.feed(text[fed : fed + size])
        fed = min(fed + size, len(text))
        assert guard.loop == reaches_the_end(text[:fed])
        assert answer in (None, guard.loop)


def test_a_guard_speaks_soon_after_a_loop_begins_and_no_sooner() -> None:
    guard = LoopGuard()
    calm = "".join(f"Boat {place} left for island {place * 7} with {place + 3} men on board. " for place in range(60))
    assert not any(guard.feed(char) for char in calm)
    turn = "And so the men went home to eat. "
    fed = next(count for count, char in enumerate(turn * 20) if guard.feed(char))
    assert 3 * len(turn) < fed < 4 * len(turn) + LoopGuard.FAR


def test_a_guard_remembers_no_more_than_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoopGuard, "MEMORY", 400)
    guard = LoopGuard()
    text = PARAGRAPH * 3 + "\n" + "And so the men went home to eat. " * 20
    for start in range(0, len(text), 50):
        guard.feed(text[start : start + 50])
    assert guard.loop is not None
    assert len(text) - 400 <= guard.loop.start < guard.loop.end <= len(text)
    assert reaches_the_end(text[-400:]) == guard.loop.moved(400 - len(text))


def test_a_report_says_how_much_of_the_text_is_looped(scorer: Scorer) -> None:
    text = "It was late. " + "Nobody came to help. " * 5
    reports = list(scorer.score_many([text, ROUND, ""]))
    assert [report.looped for report in reports] == [looped_share(loops(text), len(text)), 0, 0]
    assert reports[0].to_dict()["looped"] == reports[0].looped > 0.7


def test_the_face_has_it() -> None:
    text = "Thank you. " * 20
    assert garble.loops(text) == loops(text)
    assert garble.Loop is Loop
    assert garble.LoopGuard is LoopGuard


def command(*arguments: str, stdin: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["loops", *arguments], input=stdin)
    return result.exit_code, result.output


def test_the_command_says_where_loops_are_and_what_they_say(tmp_path: Path) -> None:
    looped, sound = tmp_path / "looped.txt", tmp_path / "sound.txt"
    looped.write_text(f"{ROUND}\nWell. {'Nobody came to help. ' * 6}\n", encoding="utf-8")
    sound.write_text(ROUND, encoding="utf-8")
    assert command(str(looped), str(sound)) == (0, f"{looped}:2:7: 6 times in 124 characters: “Nobody came to help”\n")
    assert command("--exit-code", str(looped))[0] == 1
    assert command("--exit-code", str(sound)) == (0, "")
    _, told = command("--format", "jsonl", str(looped), str(sound))
    text = looped.read_text(encoding="utf-8")
    (loop,) = loops(text)
    share = looped_share([loop], len(text))
    assert [json.loads(line) for line in told.splitlines()] == [
        {"file": str(looped), "looped": share, "loops": [asdict(loop)]},
        {"file": str(sound), "looped": 0.0, "loops": []},
    ]


def test_the_command_goes_on_after_a_file_that_it_cannot_read() -> None:
    code, told = command("no such file", "-", stdin="Thank you. " * 20)
    assert code == 2
    assert "no such file" in told
    assert "20 times" in told


def test_the_examples_of_the_module_hold() -> None:
    assert doctest.testmod(periodic).attempted > 0
    assert doctest.testmod(periodic).failed == 0
