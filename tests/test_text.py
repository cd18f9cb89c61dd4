"""Where sentences and tokens stand: laws for every text, and examples from news that break splitters."""

from __future__ import annotations

import re

import pytest
import sentencex
from conftest import ANY_TEXT
from hypothesis import given
from hypothesis import strategies as st

from garble.text.alphabet import encode
from garble.text.layout import KINDS
from garble.text.segmentation import segment, whole
from garble.text.tokens import tokenize

TERM = re.compile(r"(?<!\S)\S{1,24}(?: \S{1,16}){0,2}(?<![.!?…]) {4,}(?=\S)")
MARKS = re.compile(r"(?:[-*+•‣▪◦·–—>#;%/]|\(?\d{1,3}[.)]|\(?[a-z][.)])*")


def fails(reason: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(raises=AssertionError, strict=True, reason=reason)


LONG = {
    "one word": "a" * 100_000,
    "ideographs": "漢" * 100_000,
    "quotation marks": '"' * 100_000,
    "full stops": "." * 100_000,
    "sentences without a space": "One.Two." * 12_500,
    "surrogates": "\ud800" * 100_000,
}


def check_sentences(text: str) -> None:
    document = segment(text, "text")
    paragraphs, sentences = document.paragraphs.tolist(), document.sentences.tolist()
    assert document.text == text
    assert len(document.slices()) == len(sentences) == len(document.paragraph) == len(document.kind)
    for i, ((start, end), said) in enumerate(zip(sentences, document.slices(), strict=True)):
        for place, char in enumerate(said):
            first, last = document.place(i, place, place + 1)
            assert start <= first < last <= end
            assert char in (text[first:last], " ")
    for spans in (paragraphs, sentences):
        edges = [edge for span in spans for edge in span]
        assert edges == sorted(edges)
        assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)
    for (start, end), owner in zip(sentences, document.paragraph.tolist(), strict=True):
        assert paragraphs[owner][0] <= start
        assert end <= paragraphs[owner][1]
    # What stands in no sentence is space, or a mark or a term before a line.
    left = uncovered(TERM.sub(lambda match: " " * len(match[0]), text), sentences, 0, len(text))
    assert MARKS.fullmatch(left)


def uncovered(text: str, spans: list[list[int]], start: int, end: int) -> str:
    """The characters of text[start:end] that are no space and lie in none of the ordered spans."""
    inside = [span for span in spans if start <= span[0] < end]
    begins, ends = [start, *(span[1] for span in inside)], [*(span[0] for span in inside), end]
    return "".join("".join(text[a:b].split()) for a, b in zip(begins, ends, strict=True))


def tokens(text: str) -> list[str]:
    starts, ends = tokenize(encode(text))
    return [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def check_tokens(text: str) -> None:
    starts, ends = tokenize(encode(text))
    edges = [edge for span in zip(starts.tolist(), ends.tolist(), strict=True) for edge in span]
    assert edges == sorted(edges)
    found = tokens(text)
    assert all(token != "" and not re.search(r"\s", token) for token in found)
    assert "".join(found) == "".join(text.split())


@given(ANY_TEXT)
def test_sentences_of_any_text_slice_right_and_leave_nothing_out(text: str) -> None:
    check_sentences(text)


@pytest.mark.parametrize("text", [".    .", "It ended.    .", "It ended.    . He left.", "Yes.    .    .", "…    ."])
def test_spaces_before_a_full_stop_leave_nothing_out(text: str) -> None:
    check_sentences(text)


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_sentences_of_long_texts_slice_right(text: str) -> None:
    check_sentences(text)


@given(ANY_TEXT)
def test_tokens_of_any_text_hold_every_character_that_is_no_space(text: str) -> None:
    check_tokens(text)


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_tokens_of_long_texts_hold_every_character(text: str) -> None:
    check_tokens(text)


@given(ANY_TEXT)
def test_whole_takes_any_text_for_one_sentence_of_prose(text: str) -> None:
    document = whole(text)
    assert document.slices() == [text]
    assert [KINDS[kind] for kind in document.kind] == ["prose"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't.", "I|do|n't|."),
        ("He can’t, won’t.", "He|ca|n’t|,|wo|n’t|."),
        ("we'll they’re I'm he'd", "we|'ll|they|’re|I|'m|he|'d"),
        ("Rwanda's", "Rwanda|'s"),
        ("O'Brien's", "O'Brien|'s"),
        ("O’Neill", "O’Neill"),
        ("the dogs'", "the|dogs|'"),
        ("the U.S. said", "the|U.S.|said"),
        ("e.g. at 5 p.m.", "e.g.|at|5|p.m."),
        ("J. Smith", "J|.|Smith"),
        ("It cost $1,000.50.", "It|cost|$|1,000.50|."),
        ("1,2,3.", "1,2,3|."),
        ("10:30", "10|:|30"),
        ("the 1990s", "the|1990s"),
        ("wait...", "wait|..."),
        ("what?!", "what|?|!"),
        ("-- no --", "--|no|--"),
        ("state-of-the-art", "state|-|of|-|the|-|art"),
        ("end.Next", "end|.|Next"),
        ("漢字 です", "漢|字|で|す"),
        ("cafe\u0301", "cafe\u0301"),
        ("gov\u200bern", "gov\u200bern"),
        ("a\xa0b", "a|b"),
        ("\ud800a", "\ud800|a"),
        ("", ""),
    ],
)
def test_token_examples(text: str, expected: str) -> None:
    assert "|".join(tokens(text)) == expected


# "|" stands where a sentence ends and the next begins; the text itself is without it.
@pytest.mark.parametrize(
    "marked",
    [
        "He said so. |She left.",
        "The U.S. economy grew. |It fell.",
        "He lives in Washington, D.C. |She lives in L.A.",
        "He came at 5 p.m. |Then he left.",
        "At 10 a.m. Monday it rained. |Then it stopped.",
        "See No. 5 vs. No. 6 today. |Then go.",
        "The No. 1 seed lost. |The No. 2 seed won.",
        "Mr. Smith met Dr. Jones and Lt. Col. Brown. |They ate.",
        "Sen. John Smith (R-Ky.) said so. |He left.",
        "J. B. Priestley wrote it. |He died.",
        "Apple Inc. said so. |It rose.",
        "Yahoo! said it would sell. |It did.",
        "On Aug. 5 it was hot. |On Sept. 6 it rained.",
        "It rose to $1.5 billion. |Shares fell by 3.5 percent.",
        "The match ended 2-1. |3,000 people came.",
        "Smith et al. (2020) showed this. |Others did not.",
        "LONDON (Reuters) - Shares rose. |They fell.",
        "PARIS — The minister left. |He will return.",
        "A third -party seller came. |It left.",
        "He paused ... and left. |She stayed.",
        "What?! |No way.",
        "So did I. |You too.",
        "He left (for good). |She stayed.",
        pytest.param("(He left.) |She stayed.", marks=fails("a closing bracket after the stop")),
        # Quotes.
        "“It’s over,” said Mr. Smith. |“We won.”",
        '"I came. |I saw," he said. |"We won."',
        "“We go. |We stay. |We wait,” said Ann. |“Or not. |Who knows?” |Bob nodded.",
        "“Why?” she asked. |“Because.”",
        "Is it? |“Yes!” he said. |No.",
        'She said "Go." |Then he went.',
        "‘It is over,’ he said. |‘We won.’",
        # Lines.
        "Big news today\n\n|It happened here. |It was good.",
        "Shares rise in London\n|Shares rose on Monday. |Oil fell.",
        "This line is wrapped at a width at which editors do\nand goes on here. |Then it ends.",
        "This line is wrapped at a width at which editors do\r\nand goes on here. |Then it ends.",
        "The first.\r|The second.\r\n|The third.\u2028|The fourth.\u2029|The fifth",
        # One token run into the next is worth seeing as such.
        "It closed yesterday.The next day it rained. |Then it opened.",
    ],
)
def test_sentence_examples(marked: str) -> None:
    expected = [sentence.strip() for sentence in marked.split("|")]
    # A line end within a sentence reads as a space.
    assert segment(marked.replace("|", "")).slices() == [" ".join(sentence.split()) for sentence in expected]


@pytest.mark.parametrize("bullet", ["-", "*", "•", "–", "1.", "12)", "(3)", "(a)", "b)"])
def test_a_list_bullet_is_no_part_of_its_sentence(bullet: str) -> None:
    text = f"He said:\n{bullet} one thing\n{bullet} another"
    assert segment(text).slices() == ["He said:", "one thing", "another"]


def kinds(text: str) -> list[str]:
    return [KINDS[kind] for kind in segment(text).kind]


@pytest.mark.parametrize("line", ["Read more", "READ MORE »", "Advertisement", "Skip to main content"])
def test_lines_of_the_page_are_boilerplate(line: str) -> None:
    assert kinds(f"He came home. He slept.\n\n{line}\n\nShe left.") == [
        "prose",
        "prose",
        "boilerplate",
        "prose",
    ]


def test_boilerplate_words_inside_a_paragraph_are_prose() -> None:
    assert kinds("He was at home. Home. She came home.") == ["prose"] * 3


def test_a_line_without_a_stop_beside_prose_is_a_heading() -> None:
    text = "Dredgers return after seven years\n\nWork began on Monday. It will end soon."
    assert kinds(text) == ["heading", "prose", "prose"]


@pytest.mark.parametrize("line", ["Dredgers return after seven years", "I want to to to go home", "no stop"])
def test_a_line_alone_is_prose(line: str) -> None:
    assert kinds(line) == ["prose"]


def test_a_long_line_without_a_stop_is_prose() -> None:
    assert kinds(f"It was late. He left.\n\n{'and on he went ' * 6}") == ["prose"] * 3


def test_verse_is_known_by_its_lines() -> None:
    lines = [
        "The lamps went out along the quay,",
        "And all the boats came home,",
        "But never one that looked for me,",
        "And never one alone.",
    ]
    assert set(kinds("\n".join(lines))) == {"verse"}
    assert set(kinds(" ".join(lines).lower())) == {"prose"}


def test_a_line_of_any_length_is_parted_as_a_short_one_is() -> None:
    sentences = [f"Ship number {n} came in at noon, and “nobody saw it,” said the pilot." for n in range(5000)]
    assert segment(" ".join(sentences)).slices() == sentences


@pytest.mark.parametrize("piece", ["no ", "abcdefghij", '"', "?!", "漢字"])
def test_what_never_stops_is_cut_and_nothing_is_lost(piece: str) -> None:
    text = piece * (250_000 // len(piece))
    parts = segment(text).slices()
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert max(map(len, parts)) <= 100_000


# Where a capital, a space beyond ASCII and a stop follow one another, sentencex 1.0.32 panics.
@pytest.mark.parametrize(
    "text", ["Get vitamin C\u00a0. It helps.", "K\xa0.", "K \u3000.", ".K\x85.", "A\u2003. A\u1680. A\u205f."]
)
def test_a_text_at_which_the_splitter_panics_is_parted(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert "".join("".join(segment(text).slices()).split()) == "".join(text.split())
    assert capfd.readouterr().err == ""


@given(st.text(st.sampled_from("KAbÉЖ1漢\u0301 \xa0\u3000\x85\u2028.!?“'-"), max_size=12))
def test_no_text_of_capitals_spaces_and_stops_makes_the_splitter_panic(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("garble.text.segmentation.sentencex", Watched)
        segment(text)


class Watched:
    """The splitter, whose panics are failures."""

    @staticmethod
    def get_sentence_boundaries(language: str, text: str) -> list[dict[str, int]]:
        try:
            found: list[dict[str, int]] = sentencex.get_sentence_boundaries(language, text)
        except BaseException as error:
            raise AssertionError(f"{text!a}: {error}") from error
        return found


class Panicking:
    """A splitter that fails at every text."""

    @staticmethod
    def get_sentence_boundaries(language: str, text: str) -> list[dict[str, int]]:
        raise type("PanicException", (BaseException,), {})("index out of bounds")


def test_a_panic_leaves_the_text_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garble.text.segmentation.sentencex", Panicking)
    assert segment("It rained. It poured.").slices() == ["It rained. It poured."]


def test_an_interruption_is_no_panic(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(language: str, text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Panicking, "get_sentence_boundaries", interrupt)
    monkeypatch.setattr("garble.text.segmentation.sentencex", Panicking)
    with pytest.raises(KeyboardInterrupt):
        segment("It rained.")


@pytest.mark.parametrize("mark", ["“", "‘", "«", "„", "“a ", "(“", "`", "``` ", "![", "![a", "<!--"])
def test_marks_without_end_are_parted_in_short_windows(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Measured:
        @staticmethod
        def get_sentence_boundaries(language: str, text: str) -> list[dict[str, int]]:
            sizes.append(len(text))
            return [{"start_index": 0, "end_index": len(text)}]

    monkeypatch.setattr("garble.text.segmentation.sentencex", Measured)
    segment(mark * (90_000 // len(mark)))
    # What is left at the end holds few enough marks to be parted in one piece.
    assert sum(size > 20_000 for size in sizes) == 0
