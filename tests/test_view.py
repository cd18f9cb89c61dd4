"""The page that people look at: what stands on it, that no text can act on it, and that it works in a browser."""

from __future__ import annotations

import csv
import doctest
import json
import os
import re
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import pytest
from conftest import ANY_TEXT, SEEDS
from hypothesis import given, settings

from garble.report import Report
from garble.report import page as view
from garble.report.findings import Finding, Passage, ScoredSentence
from garble.report.page import fragment, render, visible
from garble.report.reasons import reason
from garble.scorer import Scorer
from garble.signals import SIGNALS

HARBOUR = (SEEDS / "harbour.txt").read_text(encoding="utf-8")
HOSTILE = [
    "<script>document.title = 'taken'</script>",
    "</script><script>document.title = 'taken'</script>",
    "</style><style>body { display: none }</style>",
    "</title><h1>taken</h1>",
    "<!-- never closed",
    "<img src=x onerror=\"document.title = 'taken'\">",
    '"><svg onload="document.title = \'taken\'">',
    "<a href='javascript:document.title = 1'>javascript:document.title = 1</a>",
    "&lt;b&gt; &#60; &amp;amp;",
    "{{ 7 * 7 }} {% raw %}",
    "${document.title = 'taken'} `",
    "abc \u202e fed \u2066 ghi \u200f \u061c",
    "nul \0 bell \a escape \x1b[2J delete \x7f \x9b",
    "lone \ud800 surrogates \udfff",
    "line \u2028 paragraph \u2029 next \x85 byte order \ufeff zero \u200b width",
]


class Page(HTMLParser):
    """A parsed page: its tags with their attributes, and the characters within each."""

    VOID = frozenset({"meta", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._contents: list[list[str]] = []
        self._open: list[int] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._contents.append([])
        if tag not in self.VOID:
            self._open.append(len(self.tags) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.tags[self._open.pop()][0] == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        for number in self._open:
            self._contents[number].append(data)

    def all(self, tag: str, **wanted: str) -> list[str]:
        """The characters within each such tag."""
        found = zip(self.tags, self._contents, strict=True)
        return ["".join(text) for (name, attrs), text in found if name == tag and wanted.items() <= attrs.items()]

    @property
    def skeleton(self) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attrs)) for tag, attrs in self.tags]


def told(text: str, score: float = 0.9) -> Report:
    """A report that quotes `text`, its only sentence, wherever a report can quote it."""
    findings = tuple(
        Finding(name, start, len(text), 0.5, weight, f"“{text}” is wrong")
        for name, start, weight in (("repetition.loop", 1, 3.0), ("fluency.syntax", 2, 1.0), ("fluency.syntax", 3, 0.5))
    )
    sentence = ScoredSentence(0, len(text), text, score, True, "prose", findings)
    passage = Passage(0, len(text), text, score)
    return Report(score, True, "en", 0.7, (sentence,), (passage,), (f"note: {text}",), f"garble|{text}")


def mostly_clean(count: int) -> tuple[list[str], list[str]]:
    """Names and texts: articles of clean seeds, with a garbled one among them in one article of six."""
    rng = Random(1)
    paths = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in sorted(SEEDS.glob("*.jsonl"))}
    seeds = {stem: [json.loads(line)["text"] for line in lines] for stem, lines in paths.items()}
    clean = seeds.pop("clean")
    garbled = [text for texts in seeds.values() for text in texts]
    texts = []
    for _ in range(count):
        parts = rng.choices(clean, k=rng.randint(2, 5))
        if rng.random() < 1 / 6:
            parts[1:] = rng.choices(garbled, k=rng.randint(1, 4))
        texts.append("\n\n".join(parts))
    return [f"articles/{number:04}.txt" for number in range(count)], texts


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(view).failed == 0


def test_a_text_stands_there_in_its_paragraphs(scorer: Scorer) -> None:
    page = Page(render([scorer.score(HARBOUR)], ["harbour.txt"], [HARBOUR]))
    assert page.all("p", dir="auto") == HARBOUR.splitlines()
    assert page.all("h1") == ["harbour.txt"]


def bare(text: str) -> str:
    """Without white space, shown as such or by its code."""
    return re.sub(r"⟨U\+(00(0B|0C|1C|1D|1E|1F|85)|202[89])⟩|\s", "", text)


@settings(max_examples=60)
@given(text=ANY_TEXT)
def test_nothing_of_a_text_is_lost_or_added(scorer: Scorer, text: str) -> None:
    html = render([scorer.score(text)], texts=[text])
    assert bare("".join(Page(html).all("p", dir="auto"))) == bare(visible(text))
    assert html.encode("utf-8").decode("utf-8") == html


def test_without_its_text_a_report_shows_its_sentences_in_paragraphs(scorer: Scorer) -> None:
    text = "- The tide\n\nIt turned at noon. The boats came in.\n\nNobody was was on the quay."
    lines = ["The tide", "It turned at noon. The boats came in.", "Nobody was was on the quay."]
    assert Page(render([scorer.score(text)])).all("p", dir="auto") == lines


def test_line_ends_make_lines_and_blank_lines_set_them_apart(scorer: Scorer) -> None:
    text = "Dear Ann,\r\nthe boat is late.\r\n\r\nYours,\nTom\n"
    page = Page(render([scorer.score(text)], texts=[text]))
    assert page.all("p", dir="auto") == ["Dear Ann,", "the boat is late.", "Yours,", "Tom"]
    assert page.all("p", dir="auto", **{"class": "apart"}) == ["Yours,"]


def test_evidence_is_cut_where_it_begins_and_ends() -> None:
    spans = [("fluency.syntax", 10, 13), ("repetition.loop", 12, 16), ("fluency.rarity", 11, 14), ("a.whole", 10, 20)]
    findings = tuple(Finding(name, start, end, 1.0, 1.0, "") for name, start, end in spans)
    found = view.FlaggedSentence(1, ScoredSentence(10, 20, "0123456789", 0.9, True, "prose", findings), 1)
    assert list(found.pieces) == [
        ("0", ["fluency"]),
        ("1", ["fluency"]),
        ("2", ["fluency", "repetition"]),
        ("3", ["fluency", "repetition"]),
        ("45", ["repetition"]),
        ("6789", []),
    ]


def test_evidence_without_a_place_of_its_own_is_the_sentence() -> None:
    found = view.FlaggedSentence(
        1, ScoredSentence(0, 2, "ab", 0.9, True, "prose", (Finding("a.b", 0, 2, 1.0, 1.0, ""),)), 1
    )
    assert list(found.pieces) == [("ab", ["a"])]


def test_a_signal_is_told_of_once_a_sentence_with_all_it_added() -> None:
    page = Page(render([told("The tide the tide.")]))
    assert page.all("td", **{"class": "figure"}) == ["+3.00", "+1.50"]
    assert [text.split(" ", 1)[0] for text in page.all("td")[::2]] == ["repetition.loop", "fluency.syntax"]
    assert page.all("bdi")[-1].endswith("is wrong, and 1 more")


def test_a_sentence_that_no_signal_explains_is_listed_too() -> None:
    report = Report(0.8, True, "en", 0.7, (ScoredSentence(0, 2, "Ab", 0.8, True, "prose"),), (), (), "")
    assert Page(render([report])).all("td")[0] == "a little of everything: no signal stands out"


@pytest.mark.parametrize(("score", "shade"), [(0.7, 1), (0.77, 1), (0.78, 2), (0.86, 3), (0.99, 4), (1.0, 4)])
def test_the_worse_the_darker(score: float, shade: int) -> None:
    (mark,) = [attrs for tag, attrs in Page(render([told("Some words.", score)])).tags if tag == "mark"]
    assert mark["class"] == f"s{shade}"


def test_anchors_are_unique_and_every_jump_arrives(scorer: Scorer) -> None:
    names, texts = mostly_clean(60)
    tags = Page(render(scorer.score_many(texts), names, texts)).tags
    anchors = [attrs["id"] for _, attrs in tags if "id" in attrs]
    jumps = {attrs["href"] for tag, attrs in tags if tag == "a"}
    told_of = {attrs["aria-describedby"] for _, attrs in tags if "aria-describedby" in attrs}
    assert len(anchors) == len(set(anchors))
    assert jumps
    assert jumps | {f"#{name}" for name in told_of} <= {f"#{name}" for name in anchors}


def test_many_documents_stand_worst_first_with_their_reasons(scorer: Scorer) -> None:
    names, texts = mostly_clean(200)
    reports = list(scorer.score_many(texts))
    page = Page(render(reports, names, texts))
    verdicts = [report.verdict for report in reports]
    assert page.all("b")[:3] == [str(verdicts.count(name)) for name in ("garbled", "passages garbled", "clean")]
    order = sorted(range(len(texts)), key=lambda number: -reports[number].score)
    assert page.all("b")[3:] == [names[number] for number in order]
    assert json.loads(page.all("script", id="scores")[0]) == [reports[number].score for number in order]
    given = [attrs["data-reason"] for tag, attrs in page.tags if tag == "li" and "data-reason" in attrs]
    assert given == [reason(reports[number].sentences) if reports[number].garbled else "" for number in order]


def test_the_thresholds_are_those_of_the_model(scorer: Scorer) -> None:
    shown = [f"{name} {at:.2f}" for name, at in scorer.card.thresholds.items()]
    assert sorted(Page(render(list(scorer.score_many(["One.", "Two."])))).all("text")) == sorted(shown)
    assert Page(render([])).all("text") == []


def test_of_many_texts_the_worst_are_whole_and_the_page_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "MAX_CHARACTERS", 1000)
    monkeypatch.setattr(view, "MAX_LISTED", 7)
    texts = [f"{number} " + "x" * 298 for number in range(9)]
    page = Page(render([told(text, 1 - number / 100) for number, text in enumerate(texts)], texts=texts))
    assert page.all("p", dir="auto") == texts[:4]
    assert len(page.all("q")) == 7
    asides = " ".join(page.all("p", **{"class": "aside"}))
    assert "The worst 7 documents are listed." in asides
    assert "the text of the worst 4 documents" in asides
    assert len(json.loads(page.all("script", id="scores")[0])) == 9


def test_the_list_shows_the_words_around_the_evidence() -> None:
    text = "a " * 200 + "here" + " b" * 200
    finding = Finding("repetition.loop", 400, 404, 1.0, 1.0, "")
    sentence = ScoredSentence(0, len(text), text, 0.9, True, "prose", (finding,))
    excerpt = view.DocumentView(1, "", text, Report(0.9, True, "en", 0.7, (sentence,), (), (), "")).excerpt
    assert re.fullmatch(r"… a .* here .* b …", excerpt)
    assert len(excerpt) < 170


@pytest.mark.parametrize("place", [0, 7, 300, 301, 302, 595])
def test_the_list_cuts_at_the_borders_of_words(place: int) -> None:
    words = [f"word{number:02}" for number in range(100)]
    text = " ".join(words)
    finding = Finding("repetition.loop", place, place + 1, 1.0, 1.0, "")
    sentence = ScoredSentence(0, len(text), text, 0.9, True, "prose", (finding,))
    excerpt = view.DocumentView(1, "", text, Report(0.9, True, "en", 0.7, (sentence,), (), (), "")).excerpt
    assert set(excerpt.split()) <= {*words, "…"}
    assert next(word for i, word in enumerate(words) if 7 * i + 6 >= place) in excerpt


def test_text_without_spaces_is_cut_anywhere() -> None:
    sentence = ScoredSentence(0, 500, "x" * 500, 0.9, True, "prose")
    report = Report(0.9, True, "en", 0.7, (sentence,), (), (), "")
    assert view.DocumentView(1, "", "x" * 500, report).excerpt == "x" * 160 + " …"


def test_each_family_has_a_column_with_what_it_added() -> None:
    page = Page(render([told("The tide the tide.")] * 2))
    assert page.all("span", **{"data-family": "repetition"}) == ["+3.00"] * 2
    assert page.all("span", **{"data-family": "fluency"}) == ["+1.50"] * 2
    assert page.all("span", **{"data-family": "coherence"}) == [""] * 2


@pytest.mark.parametrize("count", [0, 1, 2])
def test_names_and_texts_must_fit_the_reports(count: int) -> None:
    reports = [told("Some words.")] * count
    with pytest.raises(ValueError, match=rf"^{count} reports, but 3 names$"):
        render(reports, names=["a", "b", "c"])
    with pytest.raises(ValueError, match=rf"^{count} reports, but 3 texts$"):
        render(reports, texts=["a", "b", "c"])


def test_a_text_must_be_the_one_that_its_report_is_about() -> None:
    with pytest.raises(ValueError, match=r"^a⟨U\+0007⟩.txt: the text does not match its report$"):
        render([told("Some words.")], ["a\a.txt"], ["Other words."])


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("copies", [1, 2])
def test_whatever_a_text_holds_is_text(text: str, copies: int) -> None:
    names, calm = [text] * copies, "x" * len(text)
    page, harmless = Page(render([told(text)] * copies, names)), Page(render([told(calm)] * copies, [calm] * copies))
    assert page.skeleton == harmless.skeleton
    assert page.all("p", dir="auto") == [visible(text)] * copies
    assert {visible(text)} <= set(page.all("h1") if copies == 1 else page.all("bdi"))
    assert page.all("style") == harmless.all("style")
    assert page.all("script") == harmless.all("script")
    assert Page(fragment(told(text))).skeleton == Page(fragment(told(calm))).skeleton


def test_what_acts_unseen_is_shown_by_its_code() -> None:
    assert visible("a\u202eb\0\ud800") == "a⟨U+202E⟩b⟨U+0000⟩⟨U+D800⟩"
    assert visible("tab\t line\r\n 👩\u200d🌾 می\u200cخواهم é") == "tab\t line\r\n 👩\u200d🌾 می\u200cخواهم é"


@pytest.mark.parametrize("copies", [1, 2])
def test_the_page_needs_and_may_load_nothing(copies: int) -> None:
    html = render([told("Some words.")] * copies)
    page = Page(html)
    (policy,) = [attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    hashes = [
        f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
        for text in (*page.all("style"), page.all("script")[-1])
    ]
    assert policy == (
        f"default-src 'none'; style-src {hashes[0]}; script-src {hashes[1]}; base-uri 'none'; form-action 'none'"
    )
    assert not {"link", "img", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    assert not {"src", "style", "onclick"} & {name for _, attrs in page.tags for name in attrs}
    assert not re.search(r"url\(|@import|https?:", html)
    # So that a page for another encoding can be written with character references, which these cannot hold.
    assert "".join([*page.all("style"), *page.all("script")]).isascii()


def test_a_fragment_stands_in_another_page_beside_others() -> None:
    pages = [Page(fragment(told(text))) for text in ("Some words.", "Other words.")]
    ids = [{attrs["id"] for _, attrs in page.tags if "id" in attrs} for page in pages]
    assert all(ids)
    assert not ids[0] & ids[1]
    assert not {"html", "script", "main"} & {tag for tag, _ in pages[0].tags}
    (style,) = pages[0].all("style")
    assert all(rule.startswith((".garble", "@media")) for rule in re.findall(r"^[^\s}].*", style, re.M))
    assert told("Some words.")._repr_html_() == fragment(told("Some words."))


def test_every_family_has_a_line_of_its_own() -> None:
    (style,) = Page(render([])).all("style")
    families = {signal.family for signal in SIGNALS}
    found = dict(re.findall(r"\.(\w+) { text-decoration-style: (\w+)", style))
    assert found.keys() == families
    assert len(set(found.values())) == len(families)


def test_all_words_stand_out_from_what_they_stand_on() -> None:
    (style,) = Page(render([])).all("style")
    colours = re.findall(r"--(\w+): light-dark\(#(\w+), #(\w+)\)", style)
    for scheme in (1, 2):
        light = {colour[0]: luminance(colour[scheme]) for colour in colours}
        pairs = [(ink, paper) for ink in ("ink", "soft", "rust") for paper in ("paper", "s1")]
        for ink, paper in [*pairs, *(("ink", f"s{shade}") for shade in range(1, view.SHADES + 1))]:
            dark, bright = sorted((light[ink], light[paper]))
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, paper, scheme)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 has it."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# In a browser.

CHROMIUM = shutil.which("chromium")
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync"
Opened = Callable[..., Any]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Opened]:
    """Opens a page from disk, and makes sure that it asks for nothing else and complains of nothing."""
    complaints: list[str] = []
    requests: list[str] = []
    file = tmp_path / "report.html"
    context = chromium.new_context(viewport={"width": 1080, "height": 760})

    def go(html: str, width: int = 1080, **media: str) -> Any:
        file.write_text(html, encoding="utf-8")
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 760})
        page.emulate_media(**media)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.as_uri())
        return page

    yield go
    context.close()
    assert complaints == []
    assert set(requests) == {file.as_uri()}


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go."""
    folder = Path(os.environ.get("GARBLE_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def article(scorer: Scorer) -> str:
    """The page of one text."""
    return render([scorer.score(HARBOUR)], ["harbour.txt"], [HARBOUR])


@pytest.fixture(scope="session")
def listed(scorer: Scorer) -> tuple[str, list[Report]]:
    """The page of many texts, and their reports."""
    names, texts = mostly_clean(600)
    reports = list(scorer.score_many(texts))
    return render(reports, names, texts), reports


def rows(page: Any) -> list[str]:
    """The names of the documents that are listed."""
    return page.locator(".documents > li:not([hidden]) b").all_text_contents()


@pytest.mark.browser
def test_the_reasons_show_when_a_sentence_is_pointed_at(opened: Opened, article: str, screenshots: Path) -> None:
    page = opened(article)
    note = page.locator(".note")
    assert note.count() == 0
    page.set_viewport_size({"width": 1080, "height": 880})
    page.hover("mark >> nth=0")
    assert "repetition.name_echo" in note.inner_text()
    page.screenshot(path=screenshots / "view-document.png")
    page.hover("mark >> nth=2")
    assert "artifacts.untranslated" in note.inner_text()
    assert "etwa zwölf Seemeilen" in note.inner_text()
    assert re.search(r"\+\d\.\d\d", note.inner_text())
    page.hover("mark >> nth=3")
    assert "characters.mojibake" in note.inner_text()
    page.keyboard.press("Escape")
    assert note.count() == 0


@pytest.mark.browser
def test_the_keyboard_goes_from_sentence_to_finding_and_back(opened: Opened, article: str) -> None:
    page = opened(article)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel").startswith("Garbled sentence 2, score 1.00")
    assert "The fishermen said" in page.locator(".note").inner_text()
    described = page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-describedby')).innerText"
    )
    assert "The fishermen said" in described
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#d1f2"
    assert in_sight(page, "#d1f2")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#d1s2"
    assert page.evaluate("document.activeElement.id") == "d1s2"
    assert in_sight(page, "#d1s2")
    assert "The fishermen said" in page.locator(".note").inner_text()


@pytest.mark.browser
def test_the_table_jumps_to_the_sentence(opened: Opened, article: str) -> None:
    page = opened(article)
    page.click("tbody th a >> nth=3")
    assert in_sight(page, "#d1s4")


def in_sight(page: Any, selector: str) -> bool:
    box = page.locator(selector).bounding_box()
    return bool(0 <= box["y"] < page.viewport_size["height"])


@pytest.mark.browser
def test_the_slider_says_what_would_be_kept(
    opened: Opened, listed: tuple[str, list[Report]], screenshots: Path
) -> None:
    html, reports = listed
    page = opened(html)

    def says(threshold: float) -> bool:
        dropped = sum(report.score >= threshold for report in reports)
        kept = len(reports) - dropped
        shares = [
            f"{number} {fate} ({100 * number / len(reports):.1f} %)"
            for number, fate in ((kept, "kept"), (dropped, "dropped"))
        ]
        split = page.locator("#split").inner_text()
        cut = page.evaluate("[...document.querySelectorAll('.documents > li')].findIndex((row) => row.id === 'cut')")
        return bool(split == ", ".join(shares) and cut == dropped)

    assert says(reports[0].threshold)
    for button in page.locator("button[data-threshold]").all():
        button.click()
        assert says(float(button.get_attribute("data-threshold")))
    scores = sorted(report.score for report in reports)
    for threshold in (0, 0.001, 0.25, 0.5, 0.999, 1):
        page.locator("#slider").fill(str(threshold))
        assert says(threshold)
    for threshold in (scores[0], scores[300], scores[-1], 0.7224999999999):
        page.locator("#exact").fill(repr(threshold))
        assert says(threshold)
    page.locator("#exact").fill("2")
    assert says(0.7224999999999)
    page.locator("#slider").fill("0.5")
    page.locator("#slider").press("ArrowRight")
    assert says(0.501)
    page.click("button[data-threshold] >> nth=1")
    page.mouse.move(0, 0)
    page.set_viewport_size({"width": 1080, "height": 1180})
    page.screenshot(path=screenshots / "view-corpus.png")


@pytest.mark.browser
def test_search_and_reasons_narrow_the_list(opened: Opened, listed: tuple[str, list[Report]]) -> None:
    html, reports = listed
    page = opened(html)
    everything = rows(page)
    assert len(everything) == len(reports)
    page.fill("#search", "ARTICLES/0042")
    assert rows(page) == ["articles/0042.txt"]
    assert page.locator("#found").inner_text() == "1 document of 600"
    page.fill("#search", "no such words")
    assert rows(page) == []
    page.fill("#search", "")
    assert rows(page) == everything
    for button in page.locator("button[data-reason]").all()[:4]:
        name, count = button.inner_text().split()
        button.click()
        wanted = sum(report.garbled and reason(report.sentences) == name for report in reports)
        assert len(rows(page)) == int(count) == wanted
    page.locator("button[aria-pressed=true]").click()
    assert rows(page) == everything


@pytest.mark.browser
def test_the_listed_rows_are_saved_as_csv(opened: Opened) -> None:
    names = ["=1+1", 'a "quoted", name', "other"]
    page = opened(render([told("The tide the tide.")] * 3, names))
    for search, wanted in (("", ["'=1+1", *names[1:]]), ("quoted", names[1:2])):
        page.fill("#search", search)
        with page.expect_download() as download:
            page.click("#save")
        saved = list(csv.DictReader(download.value.path().read_text("utf-8").splitlines()))
        assert [row["name"] for row in saved] == wanted
        assert {row["repetition"] for row in saved} == {"+3.00"}
        assert {row["excerpt"] for row in saved} == {"The tide the tide."}


@pytest.mark.browser
def test_a_bar_stands_beside_garbled_sentences_alone(opened: Opened, article: str) -> None:
    page = opened(article)
    sheet = page.locator(".sheet").bounding_box()
    bands = page.evaluate("[...document.querySelectorAll('mark')].map((m) => getComputedStyle(m, '::before').height)")
    heights = [page.locator("mark").nth(i).bounding_box()["height"] for i in range(4)]
    assert [float(band.removesuffix("px")) for band in bands] == pytest.approx(heights, abs=2)
    assert page.locator(".text").bounding_box()["x"] == pytest.approx(sheet["x"] + 4, abs=0.5)


@pytest.mark.browser
def test_on_a_touch_screen_the_legend_says_tap(chromium: Any, article: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(article, encoding="utf-8")
    context = chromium.new_context(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 760})
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator(".hint").inner_text().startswith("Tap a sentence")
    page.locator("mark").first.tap(position={"x": 3, "y": 3})
    assert page.locator(".note").is_visible()
    context.close()


@pytest.mark.browser
def test_a_document_opens_from_the_keyboard(
    opened: Opened, listed: tuple[str, list[Report]], screenshots: Path
) -> None:
    page = opened(listed[0])
    page.locator("#save").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("details[open] .text").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('details[open] mark a')")
    assert page.locator("details[open] .note").is_visible()
    page.screenshot(path=screenshots / "open.png")


@pytest.mark.browser
@pytest.mark.parametrize("copies", [1, 2])
def test_nothing_that_a_text_holds_can_run(opened: Opened, copies: int) -> None:
    text = "\n".join(HOSTILE)
    page = opened(render([told(text)] * copies, [text] * copies))
    if copies > 1:
        page.click("summary >> nth=0")
    page.hover("mark >> nth=0", position={"x": 5, "y": 5})
    assert page.title() != "taken"
    assert page.locator("mark").first.text_content() == visible(text)
    assert page.locator("body").is_visible()
    assert page.locator("img, style ~ style, h1 h1, script[src], svg[onload]").count() == 0


@pytest.mark.browser
def test_the_policy_lets_no_other_script_in(chromium: Any, article: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(article.replace("</main>", "<script>document.title = 'taken'</script></main>"), encoding="utf-8")
    page = chromium.new_page()
    page.goto(file.as_uri())
    assert page.title() == "harbour.txt · garble"
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_need_not_scroll_sideways(
    opened: Opened, article: str, listed: tuple[str, list[Report]], screenshots: Path, scheme: str
) -> None:
    long = render([told("unbroken" * 100)], ["unbroken" * 20])
    for name, html in (("document", article), ("corpus", listed[0]), ("long", long)):
        page = opened(html, width=360, color_scheme=scheme)
        page.screenshot(path=screenshots / f"phone-{name}-{scheme}.png")
        if name == "corpus":
            page.click("summary >> nth=0")
        page.click("mark >> nth=0", position={"x": 3, "y": 3})
        assert page.locator(".note").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.screenshot(path=screenshots / f"phone-{name}-{scheme}-note.png")


@pytest.mark.browser
def test_dark_and_paper(opened: Opened, article: str, screenshots: Path) -> None:
    def colours(page: Any) -> list[int]:
        return [
            int(part) for part in re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))
        ]

    page = opened(article, color_scheme="dark")
    assert max(colours(page)) < 50
    page.screenshot(path=screenshots / "dark.png")
    page.emulate_media(media="print", color_scheme="dark")
    assert colours(page) == [255, 255, 255]
    assert page.locator("mark").count() == page.locator("tbody").count() == 4
    page.pdf(path=screenshots / "document.pdf", format="A4")
    page.screenshot(path=screenshots / "print.png", full_page=True)


@pytest.mark.browser
def test_a_line_with_evidence_in_all_its_characters_opens(opened: Opened, scorer: Scorer) -> None:
    text = "\ufffda" * 49_000 + "."
    report = scorer.score(text)
    assert sum(len(sentence.findings) for sentence in report.sentences) > 10_000
    assert opened(render([report], texts=[text])).locator("mark").inner_text() == text


@pytest.mark.browser
def test_five_thousand_documents_open(opened: Opened, listed: tuple[str, list[Report]]) -> None:
    reports = (listed[1] * 9)[:5000]
    html = render(reports)
    page = opened(html)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert page.locator("#split").inner_text().startswith(f"{sum(not r.garbled for r in reports):,} kept")
