"""A verdict does not hang on what stands around the prose, or on how its lines are broken."""

from __future__ import annotations

import textwrap

import pytest
from conftest import ANY_TEXT
from hypothesis import given, settings
from hypothesis import strategies as st

from garble.report import Report
from garble.scorer import Scorer
from garble.text.layout import KINDS
from garble.text.markups import MARKUPS, blocks, guess, markup_of
from garble.text.segmentation import segment

# Loops as a translation system makes them, between sound sentences.
GARBLED = """\
The harbour office of Lindby has said that talks about the new ferry line are still going on.
Harbour master Ingrid Solheim told the local radio Ingrid Solheim to the local radio Ingrid Solheim told the local \
radio Ingrid Solheim that it is too early to say when the first boat will leave.
Last week the owners of the shipyard said that they would look for another place to build.
The council said in the spring that in the sale of the old quay, the council said in the spring that it also wanted to \
sell the sheds behind it to the fish market.
Nobody on the island has seen the plans, and the mayor has not answered our letters."""
CLEAN = """\
The harbour office of Lindby has said that talks about the new ferry line are still going on.
Ingrid Solheim, who runs the office, told the local radio that it is too early to name a date.
Last week the owners of the shipyard said that they would look for another place to build.
Nobody on the island has seen the plans, and the mayor has not answered our letters."""

ABOVE = {
    "menu": "Home\nNews\nSport\nWeather\nBusiness\nCulture\nTravel\nOpinion\nVideo\nContact us\n",
    "navigation": "Home | News | Sport | Weather | Contact us\n",
    "bullets": "- fresh water\n- salt\n- two lemons\n- a sharp knife\n- some bread\n- olive oil\n",
    "Python": (
        'def area(width, height):\n    """The area of a rectangle."""\n    if width < 0:\n'
        '        raise ValueError("no")\n'
        "    return width * height\n\n\nfor number in range(10):\n    print(number, area(number, number))\n"
    ),
    "C": '#include <stdio.h>\n\nint main(void) {\n    int sum = 0;\n    printf("%d\\n", sum);\n    return 0;\n}\n',
    "fenced": "```\nanything at all stands here.\nand here\n```\n",
    "table": "| year | boats |\n|---|---|\n| 1990 | 12 |\n| 2000 | 31 |\n",
    "columns": "year\tboats\n1990\t12\n2000\t31\n2010\t44\n",
    "log": "2024-05-01 10:00:00 INFO started\n2024-05-01 10:00:01 INFO started\n2024-05-01 10:00:02 WARN slow\n",
}


def verdict(report: Report, away: int = 0) -> tuple[bool, float, list[tuple[int, int]]]:
    return report.garbled, report.score, [(s.start - away, s.end - away) for s in report.sentences if s.garbled]


def said(scorer: Scorer, text: str) -> tuple[bool, float, list[str]]:
    """The verdict, and what the flagged sentences say wherever they stand."""
    report, document = scorer.score(text), segment(text)
    flagged = {sentence.start for sentence in report.sentences if sentence.garbled}
    starts = document.sentences[:, 0].tolist()
    pieces = [piece for start, piece in zip(starts, document.slices(), strict=True) if start in flagged]
    return report.garbled, round(report.score, 6), pieces


def test_the_passage_of_these_tests_is_garbled_and_its_twin_is_not(scorer: Scorer) -> None:
    assert scorer.score(GARBLED).garbled
    assert len(scorer.score(GARBLED).passages) == 2
    assert scorer.score(CLEAN).verdict == "clean"


@given(st.lists(st.sampled_from(sorted(ABOVE)), min_size=1, max_size=3, unique=True), st.sampled_from(["\n", "\n\n"]))
@settings(max_examples=40)
@pytest.mark.parametrize("text", [GARBLED, CLEAN], ids=["garbled", "clean"])
def test_what_stands_above_changes_no_verdict(scorer: Scorer, text: str, names: list[str], gap: str) -> None:
    above = "\n".join(ABOVE[name] for name in names) + gap
    # A fence and a table make the whole read as Markdown, where a score may differ a little; the verdict does not.
    assert verdict(scorer.score(above + text), len(above))[::2] == verdict(scorer.score(text))[::2]


@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE)
def test_one_line_end_below_it_is_enough(scorer: Scorer, above: str) -> None:
    assert verdict(scorer.score(above + GARBLED), len(above)) == verdict(scorer.score(GARBLED))


@given(st.integers(30, 200), st.sampled_from(["", "    ", "> ", "> > ", "// "]))
@settings(max_examples=60)
@pytest.mark.parametrize("text", [GARBLED, CLEAN], ids=["garbled", "clean"])
def test_the_width_of_lines_and_marks_before_them_change_no_verdict(
    scorer: Scorer, text: str, width: int, mark: str
) -> None:
    paragraphs = text.splitlines()
    wrapped = [textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) for line in paragraphs]
    joined = f"\n{mark.rstrip()}\n".join("\n".join(mark + line for line in lines) for lines in wrapped)
    assert said(scorer, joined) == said(scorer, "\n\n".join(paragraphs))


@pytest.mark.parametrize("mark", ["- ", "* ", "• ", "> ", "\t"])
def test_bullets_before_lines_change_no_verdict(scorer: Scorer, mark: str) -> None:
    marked = "".join(f"{mark}{line}\n" for line in GARBLED.splitlines())
    assert said(scorer, marked) == said(scorer, GARBLED)


def subtitles(text: str) -> str:
    lines = [line for paragraph in text.splitlines() for line in textwrap.wrap(paragraph, 42)]
    return "\n".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},900\n{line}\n" for n, line in enumerate(lines, 1))


def test_subtitles_are_read_as_what_is_said(scorer: Scorer) -> None:
    assert guess(subtitles(GARBLED)) == "srt"
    assert said(scorer, subtitles(GARBLED)) == said(scorer, GARBLED)


def test_markup_changes_no_verdict(scorer: Scorer) -> None:
    page = "".join(f"<p>{line.replace('talks', '<b>tal</b>ks')}</p>\n" for line in GARBLED.splitlines())
    page = f"<!doctype html><title>Ferry</title><script>var a = 1 < 2;</script><nav>Home</nav>{page}"
    plain = scorer.score(GARBLED)
    report = scorer.score(page)
    assert report.garbled
    assert [s.text for s in report.sentences if s.garbled] == [s.text for s in plain.sentences if s.garbled]
    for sentence in report.sentences:
        assert sentence.text == page[sentence.start : sentence.end]


def kinds(text: str, markup: str = "text") -> list[str]:
    return [KINDS[block.kind] for block in blocks(text, markup)]


MARKDOWN = (
    "# A title\n\nSome *text* with `--code`\nin it &amp; more.\n\n- an item\n\n```\nx = 1\n```\n\n|a|b|\n|-|-|\n|1|2|\n"
)


def test_markdown_is_layout() -> None:
    assert kinds(MARKDOWN, "markdown") == ["heading", "prose", "list", "code", "table", "table"]
    assert segment(MARKDOWN, "markdown").slices()[:3] == ["A title", "Some text with it in it & more.", "an item"]


def test_html_is_layout() -> None:
    page = "<nav>Home</nav><h1>A title</h1><p>It&rsquo;s <b>bo</b>ld.<ul><li>an item</ul><pre>x = 1</pre>"
    assert kinds(page, "html") == ["boilerplate", "heading", "prose", "list", "code"]
    assert segment(page, "html").slices()[2] == "It’s bold."


def test_vtt_notes_and_tags_are_not_said() -> None:
    cues = "1\n00:01.000 --> 00:02.000 align:start\n<v Ann>We went</v>\n\n00:03.000 --> 00:04.000\nhome."
    text = f"WEBVTT\n\nNOTE by hand\n\n{cues}"
    assert segment(text, "vtt").slices() == ["We went home."]


REST = """Use ``--fast-mode`` with :func:`os.path.join <join>` or :py:mod:`garble`.

Then write this::

    run()
"""


def test_literals_and_roles_are_no_words() -> None:
    said = segment(REST, "text").slices()
    assert said[0] == "Use it with it or garble."
    assert said[1] == "Then write this:"


def test_a_few_literals_make_no_markup() -> None:
    text = "He wrote ``x`` once. Then ``he said'' and ``she said'' and ``they did'' again."
    assert "".join(segment(text, "text").slices()).count("``") == text.count("``")


@pytest.mark.parametrize(
    ("name", "markup"),
    [("a.md", "markdown"), ("A.HTML", "html"), ("a.srt", "srt"), ("a.vtt", "vtt"), ("a.txt", "auto")],
)
def test_files_are_read_by_their_names(name: str, markup: str) -> None:
    assert markup_of(name) == markup


@pytest.mark.parametrize("markup", MARKUPS)
@given(text=ANY_TEXT)
def test_blocks_of_any_text_are_in_order_and_inside_it(markup: str, text: str) -> None:
    edges = [edge for block in blocks(text, markup) for line in block.lines for run in line for edge in run[:2]]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(text) for edge in edges)
    document = segment(text, markup)
    assert len(document.slices()) == len(document.kind)


def kinds_of(text: str) -> list[str]:
    return [KINDS[block.kind] for block in blocks(text)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (".. image:: logo.svg\n   :alt: The boat club\n\nThe club was founded in 1922.", ["code", "code", "prose"]),
        (".. autoclass:: boats.Sail\n   :members:\n\nA sail has four sides.", ["code", "code", "prose"]),
        ('{:quote cite="https://example.org/tides"}\nThe tide turns twice a day.', ["code", "prose"]),
        ("Contents .......... 3\n6.1.1  Tides and Winds ............ 39\nIndex . . . . . . . 71", ["table"] * 3),
        ("moor [--anchor=WEIGHT] [--line LENGTH]\n     (--port | --starboard) [BOAT ...]", ["code"] * 2),
        ("MOOR(1)        Harbour Manual        MOOR(1)\n\nmoor ties a boat to the quay.", ["boilerplate", "prose"]),
        ("add     Add a new mooring line to the boat.", ["list"]),
        # What looks a little like these and is prose.
        ("He waited ... and then he waited a little longer.", ["prose"]),
        ("Call moor with --anchor to drop the anchor, or with --line to tie the boat.", ["prose"]),
        ("The  quay  was    rebuilt  in  stone  in   the  year  after the flood.", ["prose"]),
    ],
)
def test_marks_of_manuals_are_no_prose(text: str, kinds: list[str]) -> None:
    assert kinds_of(text) == kinds


def test_a_definition_is_read_without_its_term() -> None:
    assert segment("add     Add a new mooring line to the boat.").slices() == ["Add a new mooring line to the boat."]


@pytest.mark.parametrize("hyphen", ["\u2010", "\u00ad"])
def test_a_word_that_typesetting_parts_at_a_line_end_is_one_word(hyphen: str) -> None:
    document = segment(f"The harbour office has or{hyphen}\n       dered a new crane for the quay.")
    assert document.slices() == ["The harbour office has ordered a new crane for the quay."]
    assert document.place(0, 23, 30) == (23, 39)


def test_a_hyphen_that_writers_use_stays_at_a_line_end() -> None:
    text = "The harbour office is well-\nknown on the old quay."
    assert segment(text).slices() == ["The harbour office is well- known on the old quay."]


def test_code_in_backticks_and_names_to_fill_in_are_no_words() -> None:
    text = "Set `max_speed` and `min_speed` in {{config}} and then call `set_sail()` again."
    assert segment(text, "text").slices() == ["Set it and it in it and then call it again."]


def test_a_text_written_with_entities_is_read_with_their_characters() -> None:
    text = "I don&#39;t know. It&#39;s late, and we&#39;re tired &amp; cold. You&#39;ll see."
    document = segment(text, "text")
    assert document.slices() == ["I don't know.", "It's late, and we're tired & cold.", "You'll see."]
    assert text[slice(*document.place(1, 2, 3))] == "&#39;"


def test_a_few_entities_are_left_as_they_are() -> None:
    text = "Bread &amp; butter is what we&#39;ll have."
    assert segment(text, "text").slices() == [text]


def test_all_that_is_indented_below_a_code_directive_is_code() -> None:
    text = """An example template might be this:

.. code-block:: html+jinja
   :linenos:

    {% extends "layout.html" %}
      <h1>Page Not Found</h1>
      <p>What you were looking for is just not there.

    {% endblock %}

The block above is a template, and this is a sentence of the page.

.. note::
   This note is a sentence of the page, too.
"""
    document = segment(text, "text")
    kinds = dict(zip(document.slices(), (KINDS[kind] for kind in document.kind.tolist()), strict=True))
    assert kinds["<p>What you were looking for is just not there."] == "code"
    assert kinds["<h1>Page Not Found</h1>"] == "code"
    assert kinds["The block above is a template, and this is a sentence of the page."] == "prose"
    assert kinds["This note is a sentence of the page, too."] == "prose"
