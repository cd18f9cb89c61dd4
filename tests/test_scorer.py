"""What is promised to those who call garble from Python."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ANY_TEXT, MODEL
from hypothesis import given, settings
from hypothesis import strategies as st

import garble
from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.languages import load
from garble.models import scorecard as model
from garble.report import Report
from garble.scorer import Scorer
from garble.signals import ALL_SIGNALS, FEATURES, SIGNALS, extract
from garble.text.segmentation import segment, whole

ARTICLE = """\
The council of Osterby voted on Monday to repair the bridge before the winter.
Work will begin in March, when the river is low, and should take about five months.
The bridge was built in 1932 and has carried more lorries every year since the port was enlarged.
Engineers found rust in two of its piers last summer and closed one lane to traffic.
Shopkeepers on the far bank said they had lost a third of their customers since then.
"We cannot wait another year," said Karin Holm, who owns a bakery near the old station.
The repair will cost about four million euros, most of which the region has promised to pay.
A ferry will carry people and bicycles across while the road is closed.
Schools on both sides have agreed to start the day a quarter of an hour later.
The mayor thanked the people of the town for their patience and asked for a little more.
Some members of the council would rather have built a tunnel, but there was no money for it.
In the end only three of them voted against the plan.
A firm from the capital made the lowest offer and has already hired forty workers.
Its director told the local radio that the steel had been ordered in the autumn.
Fishermen fear that the noise will drive the salmon away from the upper river.
Biologists from the university will count the fish every week and publish what they find.
If the numbers fall, the work will stop for as long as the fish need to pass.
The first stone was laid by a king, and a copy of his speech hangs in the town hall.
He said that there is no river so wide that neighbours cannot meet on it.
Nobody in the town can remember a winter in which the bridge was closed.""".splitlines()

LOOP = "I want to to to to to to go home."

FRENCH = """\
Le conseil municipal a décidé lundi de réparer le vieux pont avant l'hiver. Les travaux commenceront au \
mois de mars, quand la rivière sera basse, et dureront environ cinq mois. Les habitants du quartier \
attendent cela depuis longtemps, et le maire les a remerciés pour leur patience."""
GERMAN = """\
Der Stadtrat hat am Montag beschlossen, die alte Brücke noch vor dem Winter zu erneuern. Die Arbeiten \
beginnen im März, wenn der Fluss wenig Wasser führt, und dauern etwa fünf Monate. Die Bewohner des \
Viertels warten schon lange darauf, und der Bürgermeister dankte ihnen für ihre Geduld."""

NEEDS = {signal.name: signal.needs for signal in ALL_SIGNALS}

TEXTS = {
    "clean": " ".join(ARTICLE),
    "looped": f"{ARTICLE[0]} {LOOP} {ARTICLE[1]}",
    "page": f"The bridge\r\n\r\n{ARTICLE[5]}\r\n{LOOP} {LOOP}\r\n\r\nRead more",
    "nothing": "",
    "French": FRENCH,
    "odd": "\ud800 \u0301 👩\u200d🌾\u2029The caf\ufffd is \u2028 closed , said said Keir.\0",
}
each_text = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


@pytest.fixture(scope="module")
def harsh() -> Scorer:
    """Everything is garbled to this one, so that every sentence has its findings."""
    return Scorer(threshold=0.0, reader="off")


def check(report: Report, text: str) -> None:
    """All that holds of every report."""
    assert 0 <= report.score <= 1
    assert report.garbled == (report.score >= report.threshold)
    edges = [edge for sentence in report.sentences for edge in (sentence.start, sentence.end)]
    assert edges == sorted(edges)
    for part in (*report.sentences, *report.passages):
        assert part.text == text[part.start : part.end] != ""
        assert 0 <= part.score <= 1
    for sentence in report.sentences:
        assert sentence.garbled == (sentence.score >= report.threshold)
        assert sentence.garbled or not sentence.findings
        for finding in sentence.findings:
            assert sentence.start <= finding.start < finding.end <= sentence.end
            assert finding.signal in NEEDS
            assert finding.contribution > 0
            assert finding.reason
            assert "{" not in finding.reason or "{" in text
            assert "\n" not in finding.reason
    garbled = [(s.start, s.end) for s in report.sentences if s.garbled]
    held = [(p.start, p.end) for p in report.passages]
    assert all(any(a <= start and end <= b for a, b in held) for start, end in garbled)
    assert {start for start, _ in held} <= {start for start, _ in garbled}
    assert {end for _, end in held} <= {end for _, end in garbled}


def said(report: Report) -> list[Any]:
    """A report without its figures."""
    return [
        (s.start, s.end, s.kind, s.garbled, [(f.signal, f.start, f.end, f.reason) for f in s.findings])
        for s in report.sentences
    ]


def figures(report: Report) -> list[float]:
    found = [report.score, report.threshold]
    for sentence in report.sentences:
        found += [
            sentence.score,
            *(f.value for f in sentence.findings),
            *(f.contribution for f in sentence.findings),
        ]
    return found


def score_of(text: str, scorer: Scorer) -> float:
    return scorer.score(text).score


@each_text
def test_offsets_are_those_of_the_text(text: str, scorer: Scorer, harsh: Scorer) -> None:
    check(scorer.score(text), text)
    check(harsh.score(text), text)


@settings(max_examples=100)
@given(text=ANY_TEXT)
def test_any_text_gives_a_report(text: str, scorer: Scorer, harsh: Scorer) -> None:
    check(scorer.score(text), text)
    check(harsh.score(text), text)


@pytest.mark.parametrize("text", ["a" * 100_000, "no " * 30_000, "\ud800" * 10_000, "\n" * 100_000])
def test_long_texts_give_a_report(text: str, scorer: Scorer) -> None:
    check(scorer.score(text), text)


def test_an_empty_text_is_clean(scorer: Scorer) -> None:
    report = scorer.score("")
    assert (report.score, report.garbled, report.sentences, report.passages) == (0.0, False, (), ())
    assert report.language == "und"


@pytest.mark.parametrize("text", ["", " \n", "...", "42", "😀"])
def test_a_text_without_words_is_in_no_language(text: str, scorer: Scorer) -> None:
    assert scorer.score(text).language == "und"


def test_the_face_scores_as_a_scorer_does() -> None:
    assert garble.score(TEXTS["looped"]) == garble.Scorer("en-large").score(TEXTS["looped"])
    assert isinstance(garble.score(LOOP), garble.Report)


def test_a_loop_is_found_where_it_stands(scorer: Scorer) -> None:
    text = TEXTS["looped"]
    report = scorer.score(text)
    assert [sentence.text for sentence in report.sentences if sentence.garbled] == [LOOP]
    assert [passage.text for passage in report.passages] == [LOOP]
    spans = {f.signal: text[f.start : f.end] for sentence in report.sentences for f in sentence.findings}
    assert spans["repetition.loop"] == "to to to to to to"


def test_findings_come_the_strongest_first(scorer: Scorer) -> None:
    (sentence,) = scorer.score(LOOP).sentences
    totals: dict[str, float] = {}
    for finding in sentence.findings:
        totals[finding.signal] = totals.get(finding.signal, 0) + finding.contribution
    assert list(totals.values()) == sorted(totals.values(), reverse=True)


def test_findings_split_the_score_into_what_each_signal_added(harsh: Scorer, english: LanguageModel) -> None:
    card = harsh.card
    (sentence,) = harsh.score(LOOP).sentences
    x = extract(Batch.of([segment(LOOP)], english)).features[:, [FEATURES.index(name) for name in card.features]]
    parts = dict(zip(card.features, card.contributions(x)[0].tolist(), strict=True))
    odds = model.scaled(np.array(card.intercept + sum(parts.values())), card.scale)
    assert odds == pytest.approx(model.logit(np.float64(sentence.score)), abs=1e-6)
    for signal in SIGNALS:
        added = sum(parts.get(feature, 0) for feature in signal.features)
        told = sum(f.contribution for f in sentence.findings if f.signal == signal.name)
        # What adds next to nothing is left out.
        assert told == pytest.approx(added) if told else added < 0.5


def test_neighbouring_garbled_sentences_are_one_passage(scorer: Scorer) -> None:
    other = "They told them them them them them to leave."
    text = f"{ARTICLE[0]} {LOOP} {other} {ARTICLE[1]} {LOOP}"
    report = scorer.score(text)
    assert [passage.text for passage in report.passages] == [f"{LOOP} {other}", LOOP]
    assert report.passages[0].score == max(sentence.score for sentence in report.sentences[1:3])


# The document's score.


def test_one_loop_in_a_long_article_is_a_garbled_passage_and_no_garbled_document(scorer: Scorer) -> None:
    sentences = [*ARTICLE[:10], LOOP, *ARTICLE[10:]]
    report = scorer.score(" ".join(sentences))
    assert len(report.sentences) == len(sentences)
    assert LOOP in report.passages[0].text
    assert len(report.passages) == 1
    assert not report.garbled


def test_an_article_of_which_a_fifth_is_garbled_is_garbled(scorer: Scorer) -> None:
    loops = [f"{LOOP[:-1]} and we we we we we stayed there for the night."] * 5
    assert scorer.score("\n\n".join([*ARTICLE[:15], *loops])).garbled


def test_headings_and_boilerplate_do_not_make_a_document_garbled(scorer: Scorer) -> None:
    heading = LOOP.rstrip(".")
    lines = [heading, *ARTICLE[:4], "Read more", heading, *ARTICLE[4:8], "Advertisement"]
    report = scorer.score("\n\n".join(lines))
    kinds = [sentence.kind for sentence in report.sentences]
    assert kinds == ["heading", *["prose"] * 4, "boilerplate", "heading", *["prose"] * 4, "boilerplate"]
    headings = [sentence.score for sentence in report.sentences if sentence.kind == "heading"]
    assert report.score == pytest.approx(scorer.score("\n\n".join(ARTICLE[:8])).score, abs=0.02)
    assert report.score < min(headings)
    assert not report.garbled


def test_a_page_of_boilerplate_alone_scores_nothing(scorer: Scorer) -> None:
    report = scorer.score("Home\n\nRead more\n\nRead more\n\nRead more")
    assert {sentence.kind for sentence in report.sentences} == {"boilerplate"}
    assert report.score == 0


def test_nothing_is_found_in_boilerplate(harsh: Scorer) -> None:
    report = harsh.score("He came home, and she left.\n\nRead more :\n\nHome :")
    assert [sentence.kind for sentence in report.sentences] == ["prose", "boilerplate", "boilerplate"]
    assert [sentence.findings for sentence in report.sentences[1:]] == [(), ()]


# Languages.


@pytest.mark.parametrize(("text", "code"), [(FRENCH, "fr"), (GERMAN, "de")])
def test_another_language_is_named_and_judged_by_the_signals_that_know_enough_of_it(
    text: str, code: str, scorer: Scorer, harsh: Scorer
) -> None:
    report = scorer.score(text)
    assert report.language == code
    assert not report.passages
    assert len(report.notes) == 1
    assert code in report.notes[0]
    looped = harsh.score(f"{text} Il il il il il il il.")
    found = {finding.signal for sentence in looped.sentences for finding in sentence.findings}
    assert "repetition.loop" in found
    assert all(set(NEEDS[name]) <= load(code).knowledge for name in found)


def test_english_needs_no_note(scorer: Scorer) -> None:
    report = scorer.score(TEXTS["clean"])
    assert (report.language, report.notes) == ("en", ())


def test_a_language_beside_another_changes_neither(scorer: Scorer) -> None:
    together = list(scorer.score_many([FRENCH, TEXTS["looped"], GERMAN]))
    assert [report.language for report in together] == ["fr", "en", "de"]


# Many texts at once.


def test_many_texts_score_in_order_and_as_they_do_one_by_one(harsh: Scorer) -> None:
    texts = [*TEXTS.values(), *ARTICLE, *TEXTS.values()]
    together = list(harsh.score_many(iter(texts)))
    alone = [harsh.score(text) for text in texts]
    assert [said(report) for report in together] == [said(report) for report in alone]
    assert [report.language for report in together] == [report.language for report in alone]
    for one, other in zip(together, alone, strict=True):
        assert figures(one) == pytest.approx(figures(other), abs=1e-6)


@settings(max_examples=30)
@given(texts=st.lists(ANY_TEXT, max_size=5))
def test_any_texts_score_as_they_do_one_by_one(texts: list[str], scorer: Scorer) -> None:
    together = [score for report in scorer.score_many(texts) for score in figures(report)]
    alone = [score for text in texts for score in figures(scorer.score(text))]
    assert together == pytest.approx(alone, abs=1e-6)


def test_texts_are_read_no_faster_than_they_are_scored(scorer: Scorer) -> None:
    reports = scorer.score_many(repeat(TEXTS["clean"] * 20))
    assert next(reports).score == pytest.approx(next(reports).score)


def test_no_text_gives_no_report(scorer: Scorer) -> None:
    assert list(scorer.score_many([])) == []


def test_a_broken_supply_of_texts_is_the_callers_to_handle(scorer: Scorer) -> None:
    def supply() -> Iterator[str]:
        yield LOOP
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        list(scorer.score_many(supply()))


@pytest.mark.parametrize("sentences", [[], [""], ["One. Two. Three."], [LOOP, "", ARTICLE[0], "\ud800", LOOP]])
def test_score_sentences_gives_a_score_for_each_string(sentences: list[str], scorer: Scorer) -> None:
    scores = scorer.score_sentences(sentences)
    assert scores.shape == (len(sentences),)
    assert scores.dtype == np.float64
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores == pytest.approx([float(scorer.score_sentences([s])[0]) for s in sentences])


def test_score_sentences_tells_garbled_from_clean_as_score_does(scorer: Scorer) -> None:
    loop, clean = scorer.score_sentences([LOOP, ARTICLE[0]])
    assert clean < scorer.threshold <= loop
    assert (loop, clean) == pytest.approx((score_of(LOOP, scorer), score_of(ARTICLE[0], scorer)))


# What a report says to machines.


@each_text
def test_a_report_is_json_and_the_same_after_a_round_trip(text: str, harsh: Scorer) -> None:
    report = harsh.score(text).to_dict()
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_fields_of_the_report(scorer: Scorer) -> None:
    report = scorer.score(LOOP).to_dict()
    assert report["schema"] == 1
    assert set(report) == {"schema", *Report.__dataclass_fields__} - {"text"}
    assert report["thresholds"] == scorer.card.thresholds
    (sentence,) = report["sentences"]
    assert {"start", "end", "text", "score", "garbled", "findings"} <= set(sentence)
    assert set(sentence["findings"][0]) == {"signal", "start", "end", "value", "contribution", "reason"}


def test_beside_a_strong_defect_weak_signals_have_no_findings(harsh: Scorer) -> None:
    (strong,) = harsh.score("For the cafÃ©s on the quay it will be a noisy summer.").sentences
    added: dict[str, float] = {}
    for finding in strong.findings:
        added[finding.signal] = added.get(finding.signal, 0.0) + finding.contribution
    kinds = {signal.name: signal.output for signal in ALL_SIGNALS}
    assert max(added, key=lambda name: added[name]) == "characters.mojibake"
    weak = [name for name, odds in added.items() if odds < 0.1 * added["characters.mojibake"]]
    assert all(kinds[name] == "marks" for name in weak)


@pytest.mark.parametrize("threshold", ["strict", "balanced", "loose", 0.37, "0.37"])
def test_the_signature_names_version_model_and_threshold(threshold: str | float) -> None:
    signature = Scorer(threshold=threshold).score(LOOP).signature
    assert re.match(rf"garble\|v:{re.escape(garble.__version__)}\|d:[0-9a-f]{{8}}\|m:en-", signature)
    assert signature.endswith(f"|t:{threshold}|r:all")


def test_a_score_without_signals_is_the_score_less_their_part(corpus: list[str], scorer: Scorer) -> None:
    some = Scorer(without=("fluency.word_order", "repetition"), reader="off")
    kept = np.array([name in some.card.features for name in scorer.card.features])
    assert 0 < kept.sum() < len(kept)
    x = extract(Batch.of([whole(text) for text in corpus[:50]], scorer.lm)).features
    x = x[:, [FEATURES.index(name) for name in scorer.card.features]]
    odds = scorer.card.intercept + scorer.card.contributions(x)[:, kept].sum(axis=1)
    expected = model.sigmoid(model.scaled(odds, scorer.card.scale))
    assert np.allclose(some.score_sentences(corpus[:50]), expected)
    signature = scorer.signature.replace("|r:", "|w:fluency.word_order,repetition|r:")
    assert copy.deepcopy(some).signature == some.signature == signature


# Models and thresholds.


def test_named_thresholds_cost_less_the_stricter_they_are() -> None:
    loose, balanced, strict = (Scorer(threshold=name).threshold for name in ("loose", "balanced", "strict"))
    assert 0 < loose < balanced < strict < 1
    assert Scorer().threshold == balanced


@pytest.mark.parametrize("threshold", [0, 1, 0.37, "0.37"])
def test_a_threshold_may_be_a_number(threshold: str | float) -> None:
    assert Scorer(threshold=threshold).score(LOOP).threshold == float(threshold)


@pytest.mark.parametrize("threshold", ["harsh", "", "-0.1", 1.01, -1, float("nan"), "inf", "0.5\n0.6"])
def test_a_threshold_that_does_not_exist_is_said_in_one_line(threshold: str | float) -> None:
    with pytest.raises(ValueError, match="balanced") as caught:
        Scorer(threshold=threshold)
    assert len(str(caught.value).splitlines()) == 1


def test_a_model_may_be_a_folder(scorer: Scorer) -> None:
    for folder in (MODEL, str(MODEL)):
        assert Scorer(folder, reader="off").score(LOOP) == scorer.score(LOOP)


@pytest.mark.parametrize("name", ["xx", "", "no such\nfolder", Path("nowhere")])
def test_a_model_that_does_not_exist_is_said_in_one_line(name: str | Path) -> None:
    with pytest.raises(ValueError, match="model") as caught:
        Scorer(name)
    assert len(str(caught.value).splitlines()) == 1


def copied(folder: Path, changes: Iterable[tuple[str, str]]) -> Path:
    """The English model in `folder`, its scorecard changed."""
    card = (MODEL / "scorecard.json").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in card
        card = card.replace(old, new)
    (folder / "scorecard.json").write_text(card, encoding="utf-8")
    return folder


def test_a_model_that_needs_unknown_signals_names_them(tmp_path: Path) -> None:
    folder = copied(tmp_path, [('"repetition.loop"', '"repetition.swirl"')])
    with pytest.raises(ValueError, match=r"repetition\.swirl"):
        Scorer(folder)


def test_a_model_without_its_language_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lm\.npz"):
        Scorer(copied(tmp_path, []))


def test_a_document_scores_alone_as_in_company(unsure: Scorer, corpus: list[str]) -> None:
    together = list(unsure.score_many(corpus[:150]))
    for number in range(0, len(together), 7):
        assert unsure.score(corpus[number]) == together[number]


def test_a_scorer_travels_by_its_arguments() -> None:
    scorer = Scorer(threshold=0.4)
    sent = copy.copy(scorer)
    assert (sent.threshold, sent.signature, sent.lm) == (0.4, scorer.signature, scorer.lm)


@pytest.mark.parametrize("size", [200, 2_000])
def test_a_long_document_read_in_parts_scores_as_in_one_piece(
    size: int, harsh: Scorer, corpus: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Names, quotations, sentences said again and spaced punctuation reach from part to part.
    speech = "“We are ready, she said. The rest is up to them. The ferry left at dawn , with nine men on board. "
    names = "Keir Starmer spoke. Later Keir Starrer left. The press followed Keir Starmer home. It was cold. "
    text = " ".join([speech, *corpus[:30], names, speech, speech, *corpus[30:60]])
    short = corpus[60]
    whole, beside = harsh.score(text), harsh.score(short)
    monkeypatch.setattr("garble.scorer._PACKET", size)
    monkeypatch.setattr("garble.scorer._LONG", size)
    assert list(harsh.score_many([short, text, short])) == [beside, whole, beside]


# Clauses of a speaker who makes no stops.
SPOKEN = (
    "we left the harbour at six in the morning and nobody on the pier said a word about the storm",
    "the road to the mill was closed so they took the boat across the bay and came back late",
    "my sister who lives in the north had sent us a letter about the new school in her village",
    "then the bus driver told everyone to get out because the bridge was under water",
    "i asked the farmer what he wanted for the old horse but he would not sell it to a stranger",
    "our neighbour has kept bees for forty years and gives every child on the street a jar of honey",
    "when the lights went out the whole hall was silent until somebody began to sing",
)
STUTTER = "and we we we we had had to to to wait"
STUCK = "and the end of the end of the end of the end of the end of the end of it"


@pytest.mark.parametrize(
    ("text", "flagged", "garbled"),
    [
        pytest.param(" and ".join([*SPOKEN, STUTTER, *SPOKEN]) + ".", 1, False, id="a stutter in a page of no stops"),
        pytest.param(" and ".join([SPOKEN[0], STUCK, STUCK, STUCK]) + ".", 1, True, id="loops in a page of no stops"),
        pytest.param(f"{' and '.join(SPOKEN[:3])}. The cat has lost its its roof.", 1, False, id="one of two, short"),
        pytest.param(f"It rained. {STUCK}. {STUCK}.", 2, True, id="most of three"),
        pytest.param("The cat has lost its its roof.", 1, True, id="one of one"),
    ],
)
def test_a_document_is_garbled_where_much_of_its_text_is(
    text: str, flagged: int, garbled: bool, scorer: Scorer
) -> None:
    report = scorer.score(text)
    assert sum(sentence.garbled for sentence in report.sentences) == flagged
    assert report.garbled == garbled
