"""Text that was decoded with the wrong encoding: where it is found, what it was, and what only looks like it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import SEEDS
from hypothesis import given
from hypothesis import strategies as st

from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.repairs.base import Site
from garble.repairs.surface import redecode
from garble.report.findings import Finding
from garble.signals import characters
from garble.signals.base import Signal
from garble.text.mojibake import ENCODINGS, byte_of


def marked(signal: Signal, text: str, lm: LanguageModel | None = None) -> list[str]:
    """The stretches that a signal marks in a sentence."""
    batch = Batch.alone([text], lm)
    _, found = signal.evidence(batch, signal.values(batch), np.array([0]))
    return [batch.text[start:end] for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True)]


def misread(text: str, codec: str) -> str:
    """The UTF-8 bytes of a text as a sloppy reader of another encoding shows them."""
    return "".join(bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in text.encode())


MISREAD = {
    "It‚Äôs late.": ["‚Äô"],
    "The caf√© is shut.": ["√©"],
    "The innâs door is shut, and itâs late.": ["â", "â"],
    "We donât know what theyâre at.": ["â", "â"],
    "He said âthe road is shutâ and left.": ["â", "â"],
    "What a day ğŸ˜€ it was.": ["ğŸ˜€"],
    "The cafĂ© is shut.": ["Ă©"],
    "The cafГ© is shut, and itвЂ™s late.": ["Г©", "вЂ™"],
    "The cafΓ© is shut, and itβ€™s late.": ["Γ©", "β€™"],
    "The caf├⌐ is shut, and itΓÇÖs late.": ["├⌐", "ΓÇÖ"],
    "The inn窶冱 door.": ["窶冱"],
    "It鈥檚 late.": ["鈥檚"],
    "The cafﾃｩ is shut.": ["ﾃｩ"],
    "The caf茅 is shut.": ["茅"],
    "It costs ¬£40 or ВЈ50.": ["¬£", "ВЈ"],
    "Ð’Ð¾Ð´Ð° is water.": ["Ð’Ð¾Ð´Ð°"],
    "She donÕt know, itÕs late.": ["Õ", "Õ"],
    "I donít know, itís late.": ["í", "í"],
    "doesnÃƒÂ¢Ã¢â€šÂ¬Ã¢â€žÂ¢t": ["ÃƒÂ¢Ã¢â€šÂ¬Ã¢â€žÂ¢"],
}


@pytest.mark.parametrize(("text", "stretches"), MISREAD.items())
def test_text_read_in_the_wrong_encoding_is_marked(text: str, stretches: list[str]) -> None:
    assert marked(characters.mojibake, text) == stretches


SOUND = [
    "« été\xa0», dit-il, et « là\xa0» aussi.",
    "Der „Fuß“ und »süß« sind groß.",
    "IL Y MARQUÉ… et SOCIETÀ” aussi.",
    "Qu'il tentât de la retenir et refusât, ou donnât le dégât.",
    "Ăştia sunt frați, și MĂŞTI sunt vechi.",
    "«Группа В» и «кровь…» пошли домой, Нёс.",
    "Η Γ΄ τάξη του ΣΧΟΛΕΊΟΥ, ΔΈΚΑ παιδιά.",
    "The area is √π times r, and √2 is less.",
    "├── src ─┐ and node─┐ are boxes.",
    "El país y la raíz, São João, hâlâ, Ångström, naïve.",
    "我用API帽子和模型。MAGA帽子很多。",
    "The café’s “naïve” résumé – £5 · 20 °C…",
    "¬p ∧ q, 5 × 4 = 20 ± 1, x² + y².",
]


@pytest.mark.parametrize("text", SOUND)
def test_sound_text_is_not_marked(text: str) -> None:
    assert marked(characters.mojibake, text) == []


LETTERS = "àáâãäåæçèéêëìíîïñòóôõöøùúûüýąćęłńóśźżčďěňřšťůžğışőű"


@pytest.mark.parametrize("codec", [encoding.codec for encoding in ENCODINGS])
@given(letter=st.sampled_from(LETTERS), mark=st.sampled_from("’“”–—…"))
def test_a_letter_inside_a_word_and_a_mark_are_found_in_each_encoding(codec: str, letter: str, mark: str) -> None:
    text = misread(f"wa{letter}ter and{mark}fire", codec)
    # Where the sequence holds a root and a sign of mathematics or a part of a box, the neighbours decide.
    assert marked(characters.mojibake, text) == [misread(letter, codec), misread(mark, codec)]


@pytest.mark.parametrize("codec", [encoding.codec for encoding in ENCODINGS])
def test_each_character_has_its_own_byte(codec: str) -> None:
    shown = [bytes([byte]).decode(codec, "ignore") for byte in range(0x80, 0x100)]
    assert [int(byte_of(codec)[ord(char)]) for char in shown if char] == [0x80 + i for i, c in enumerate(shown) if c]


def test_clean_passages_hold_none() -> None:
    texts = [json.loads(line)["text"] for line in (SEEDS / "clean.jsonl").read_text("utf-8").splitlines()]
    assert [found for text in texts if (found := marked(characters.mojibake, text.replace("\n", " ")))] == []


READ_AGAIN = {
    "It‚Äôs late.": "It’s late.",
    "The caf√© is shut.": "The café is shut.",
    "The innâs door": "The inn’s door",
    "The cafГ© is shut.": "The café is shut.",
    "The caf├⌐ is shut.": "The café is shut.",
    "The inn窶冱 door.": "The inn’s door.",
    "The caf茅 is shut.": "The café is shut.",
    "What a day ğŸ˜€ it was.": "What a day 😀 it was.",
    "The rÃƒÂ©sumÃ© is long.": "The résumÃ© is long.",
    "He said âHello to me.": "He said “Hello to me.",
}


@pytest.mark.parametrize(("text", "repaired"), READ_AGAIN.items())
def test_a_misread_stretch_is_read_again(text: str, repaired: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As without ftfy, which reads a whole word.
    monkeypatch.setitem(__import__("sys").modules, "ftfy", None)
    start = text.index(marked(characters.mojibake, text)[0])
    finding = Finding("characters.mojibake", start, start + len(marked(characters.mojibake, text)[0]), 1.0, 1.0, "")
    change = next(redecode(Site(text, 0, len(text), {}), finding))
    assert text[: change.start] + change.after + text[change.end :] == repaired


LOST = {
    "The inn?s door is shut and it?s late.": ["?", "?"],
    "We don?t know.": ["?"],
    "The Universit?t in M?nchen is closed.": ["?", "?"],
    "It costs ?7.50 a head.": ["?"],
    "Bake it at 220?C for an hour.": ["?"],
    "The caf\ufffd is closed.": ["\ufffd"],
}


@pytest.mark.parametrize(("text", "stretches"), LOST.items())
def test_a_lost_character_is_marked(text: str, stretches: list[str], english: LanguageModel) -> None:
    assert marked(characters.replacement, text, english) == stretches


@pytest.mark.parametrize(
    "text",
    [
        "Is it late? Yes, really?no.",
        "See https://example.org/page?s=1&t=2 and index.php?id=4.",
        "What? Who? ?",
        "Type ?help or ls a?c to see.",
        "The pattern (?:s|t) matches both.",
    ],
)
def test_a_question_is_no_lost_character(text: str, english: LanguageModel) -> None:
    assert marked(characters.replacement, text, english) == []


@pytest.mark.parametrize(
    ("signal", "span", "reason"),
    [
        (characters.stray_control, "\u200b", "U+200B (zero width space) stands inside the text"),
        (characters.stray_control, "\x02", "U+0002 (a control character) stands inside the text"),
        (characters.mixed_script, "被", "“{span}” is in another script than the sentence"),
        (characters.mixed_script, "pаsswоrd", "“{span}” mixes two alphabets"),
        (characters.mixed_script, "αβγ", "“{span}” is in another script than the sentence"),
    ],
)
def test_a_reason_says_what_is_there(signal: Signal, span: str, reason: str) -> None:
    assert signal.reason_for(span) == reason
