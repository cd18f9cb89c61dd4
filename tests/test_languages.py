"""What is known of languages, what signals need of it, and how the language of a text is found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.errors import UsageError
from garble.languages import ENGLISH, FACTS, Language, codes, load
from garble.report import Report
from garble.scorer import Scorer
from garble.signals import ALL_SIGNALS, SIGNALS
from garble.signals.base import Signal
from garble.text.detection import Words, detect, identify, sampled
from garble.text.segmentation import segment

SEEDS = Path(__file__).parent.parent / "seeds" / "languages"
RECORDS = {
    path.stem: [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    for path in sorted(SEEDS.glob("*.jsonl"))
}
CLEAN = {code: [record for record in records if not record["spans"]] for code, records in RECORDS.items()}
each_language = pytest.mark.parametrize("code", RECORDS)


def flagged(report: Report) -> list[str]:
    return [sentence.text for sentence in report.sentences if sentence.garbled]


# The data.


def test_every_language_of_the_seeds_has_a_folder() -> None:
    assert set(RECORDS) == set(codes()) - {"en"}


@pytest.mark.parametrize("code", ["und", *codes()])
def test_lists_hold_each_entry_once_in_lower_case(code: str) -> None:
    known = load(code)
    assert known.name
    for name in known.lists:
        entries = known.words(name)
        assert entries, name
        # Abbreviations are looked for as they are written.
        assert entries == {entry.lower() for entry in entries} or name == "foreign_abbreviations", name


def test_a_language_without_a_folder_is_one_of_which_nothing_is_known() -> None:
    unknown = load("xx")
    assert (unknown.code, unknown.lists, unknown.words("doubles")) == ("xx", frozenset(), frozenset())
    assert unknown.knowledge == {"spaced"}


def test_a_list_that_a_language_lacks_is_that_for_all_languages() -> None:
    assert "exclamations" not in load("de").lists
    assert load("de").words("exclamations") == load("und").words("exclamations")
    assert ENGLISH.words("exclamations") != load("und").words("exclamations")


def test_the_facts_that_a_signal_may_need_are_fields() -> None:
    assert all(hasattr(ENGLISH, fact) for fact in FACTS)


# What signals need.

# Lists of what a signal lets pass, beyond those it needs: it is right without them, and then lets less pass. Laughter
# is the same in most languages, and has a list for all.
EXCUSES = {
    # What is said of code, and the fields of templates, which are English everywhere.
    "artifacts.leftover_markup": {"code_talk", "template_fields", "function_words"},
    "artifacts.untranslated": {"loan_words"},
    "artifacts.split_words": {"cut_by_tokenisers"},
    "repetition.looped": {"exclamations"},
    "repetition.loop": {"exclamations", "function_words"},
    "repetition.phrase_twice": {"exclamations", "function_words", "subjects"},
    # Doubled titles are no name: without the list more is let pass.
    "repetition.doubled_word": {"exclamations", "verbs_after_what", "doubled_last", "what", "titles"},
    "repetition.repeated_fourgram": {"exclamations"},
    "repetition.repeated_word": {"exclamations"},
    "repetition.loop_in_word": {"exclamations"},
}


@pytest.mark.parametrize("signal", SIGNALS, ids=[signal.name for signal in SIGNALS])
def test_a_signal_reads_no_list_but_those_it_needs(
    signal: Signal, english: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()
    words = Language.words

    def noted(self: Language, name: str) -> frozenset[str]:
        asked.add(name)
        return words(self, name)

    texts = [*signal.sections["Garbled"], *signal.sections["Clean"], "In2014 It is “a” book book, z. B. this."]
    documents = [segment(text) for text in texts]
    monkeypatch.setattr(Language, "words", noted)
    signal.values(Batch.of(documents, english, replace(ENGLISH)))
    assert asked <= {*signal.needs, *EXCUSES.get(signal.name, ())}


@pytest.mark.parametrize("signal", SIGNALS, ids=[signal.name for signal in SIGNALS])
def test_a_language_independent_signal_works_without_any_list(signal: Signal) -> None:
    texts = [record["text"] for records in RECORDS.values() for record in records]
    batch = Batch.of([segment(text) for text in texts], None, replace(load("und")))
    if not signal.needs:
        assert len(signal.values(batch))


@pytest.mark.parametrize(
    ("code", "off"),
    [
        ("de", {"repetition.repeated_word", "fluency.word_order", "artifacts.carried_abbreviation"}),
        ("zh", {"repetition.doubled_word", "repetition.repeated_fourgram", "repetition.compressibility"}),
        ("und", {"repetition.doubled_word", "repetition.phrase_twice"}),
    ],
)
def test_a_signal_is_off_where_the_language_lacks_what_it_needs(code: str, off: set[str]) -> None:
    lacking = {signal.name for signal in ALL_SIGNALS if set(signal.needs) - load(code).knowledge}
    assert off <= lacking
    assert not lacking & {"repetition.loop", "repetition.looped", "characters.mojibake", "characters.replacement"}


# Twelve languages.


@pytest.mark.parametrize("known", ["auto", "und"])
@each_language
def test_clean_text_raises_no_alarm_in_any_language(code: str, known: str) -> None:
    scorer = Scorer(reader="off", language=known)
    reports = list(scorer.score_many(record["text"] for record in CLEAN[code]))
    assert [flagged(report) for report in reports] == [[]] * len(reports)
    assert not any(report.garbled for report in reports)


@pytest.mark.parametrize("known", ["auto", "und"])
@each_language
def test_loops_and_mojibake_are_found_in_every_language(code: str, known: str) -> None:
    scorer = Scorer(reader="off", language=known)
    garbled = [record for record in RECORDS[code] if record["spans"]]
    assert len(garbled) == 12
    for record, report in zip(garbled, scorer.score_many(record["text"] for record in garbled), strict=True):
        [(start, end, _)] = record["spans"]
        touched = [s for s in report.sentences if s.start < end and s.end > start]
        assert any(sentence.garbled for sentence in touched), record["id"]
        assert not {sentence.text for sentence in touched}.isdisjoint(flagged(report))
        assert set(flagged(report)) <= {sentence.text for sentence in touched}, record["id"]


@each_language
def test_the_language_of_a_passage_is_found(code: str) -> None:
    reports = list(Scorer(reader="off").score_many(record["text"] for record in CLEAN[code]))
    assert [report.language for report in reports] == [code] * len(reports)
    assert min(report.language_certainty for report in reports) > 0.5


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("de", "Die Arbeiten, die die Verwaltung plant, beginnen im März."),
        ("de", "Er hat gesagt, was ist, ist nicht zu ändern, und wird, wird es denn gefragt, nichts anderes sagen."),
        ("fr", "Nous nous sommes trompés, et vous vous en souvenez."),
        ("nl", "Ik denk dat dat niet waar is, en dat hij dat weet."),
        ("id", "Anak anak bermain pelan pelan di halaman rumah kami."),
        ("tr", "Yavaş yavaş kapıyı açtı, koşa koşa eve gitti."),
        ("hi", "वह धीरे धीरे चलते चलते घर पहुँच गया।"),
        ("zh", "他慢慢地走进来，看看四周，说要研究研究。"),
        ("ja", "ますます寒くなり、人々はそろそろ帰り始めた。"),
    ],
)
def test_doubles_that_are_right_in_their_language_are_let_pass(code: str, text: str, scorer: Scorer) -> None:
    assert not flagged(scorer.score(text))
    assert not flagged(Scorer(reader="off", language=code).score(text))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("de", "Der Minister hat die alte alte Rechnung gestern Abend endlich unterschrieben."),
        ("fr", "Le ministre a enfin signé la facture facture hier soir au palais."),
        ("nl", "De minister heeft de rekening rekening gisteren eindelijk ondertekend."),
    ],
)
def test_doubles_that_are_wrong_are_found_where_a_language_lists_the_right_ones(
    code: str, text: str, scorer: Scorer
) -> None:
    found = {finding.signal for sentence in scorer.score(text).sentences for finding in sentence.findings}
    assert "repetition.doubled_word" in found
    other = Scorer(reader="off", language="xx").score(text)
    assert not flagged(other)


def test_a_double_that_is_right_in_german_is_wrong_in_dutch() -> None:
    text = "De arbeiders die wird wird de weg maken komen morgen pas."
    assert flagged(Scorer(reader="off", language="nl").score(text))
    assert not flagged(Scorer(reader="off", language="de").score(text))


# The language of a text.


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The mayor said on Tuesday that the bridge would be closed until the end of the summer.", "en"),
        ("Hi", "en"),
        ("Thank you.", "en"),
        ("Paris, Berlin, Madrid, Roma, Lisboa", "en"),
        ("The minister has dass die Kosten nicht mehr zu tragen sind declared on Tuesday.", "en"),
        ("Je ne sais pas où il est, dit-elle.", "fr"),
        ("Die Frau, die die Tür öffnete, lachte.", "de"),
        ("La ministra presentó el informe final sobre la reforma de la administración general del estado.", "es"),
        ("Le président de la commission a présenté le projet de budget de la région.", "fr"),
        ("Привет! Как дела, что нового?", "ru"),
        ("今日はいい天気です。", "ja"),
        ("今天天气很好。", "zh"),
        ("", "und"),
        ("1, 2, 3", "und"),
    ],
)
def test_the_language_of_short_texts(text: str, code: str, scorer: Scorer) -> None:
    assert scorer.score(text).language == code


# Every word is in the English vocabulary, and none of them holds an English sentence together.
MANUAL = "La instalación general del motor digital es normal, y la lista total de control local no es final."


def test_known_words_alone_make_no_text_english(scorer: Scorer) -> None:
    assert scorer.score(MANUAL).language == "es"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # words, known, function words, those that others lack, those of other languages
        ((100, 95, 45, 40, 1), ("en", 0.95)),
        ((4, 4, 2, 2, 0), ("en", 0.75)),
        ((0, 0, 0, 0, 0), ("und", 0.0)),
        # A sentence with a stretch in another language.
        ((12, 9, 2, 1, 5), ("en", 0.5)),
        # A list of known words is in the usual language, but who knows.
        ((20, 20, 0, 0, 0), ("en", 0.5)),
    ],
)
def test_words_decide_where_they_can(counts: tuple[int, ...], expected: tuple[str, float]) -> None:
    assert identify("words and names", Words(*counts), "en") == expected


def test_a_text_in_two_languages_is_less_certain(scorer: Scorer) -> None:
    english = "The council met on Tuesday and decided to repair the old bridge before the winter comes. "
    german = "Der Stadtrat hat am Dienstag beschlossen, die alte Brücke noch vor dem Winter zu sanieren. "
    pure, mixed = scorer.score(english * 3), scorer.score(english * 3 + german * 2)
    assert pure.language == "en"
    assert mixed.language_certainty < pure.language_certainty
    assert mixed.language_certainty < 0.8


def test_detection_gives_the_same_answer_each_time() -> None:
    text = "Ein Text en deux langues, der nicht weiß, dans quelle langue il est écrit."
    assert len({detect(text) for _ in range(5)}) == 1


def test_a_sample_of_a_long_text_is_from_all_over_it() -> None:
    text = "alpha " * 1000 + "omega " * 1000
    assert len(sampled(text)) <= 2000
    assert {"alpha", "omega"} <= set(sampled(text).split())
    assert sampled("short") == "short"


# The scorer and its language.


def test_a_given_language_is_that_of_every_text() -> None:
    german = "Der Stadtrat hat am Dienstag beschlossen, die alte Brücke zu sanieren."
    report = Scorer(reader="off", language="en").score(german)
    assert (report.language, report.language_certainty, report.notes) == ("en", 1.0, ())
    assert Scorer(reader="off", language="de").score("The mayor said so on Tuesday.").language == "de"


@pytest.mark.parametrize("code", ["", "EN", "english", "e", "../en"])
def test_what_is_no_code_is_no_language(code: str) -> None:
    with pytest.raises(UsageError, match="no language"):
        Scorer(reader="off", language=code)


def test_a_given_language_is_in_the_signature() -> None:
    assert Scorer(reader="off", language="en").signature != Scorer(reader="off").signature


def test_the_report_says_what_is_off(scorer: Scorer) -> None:
    report = scorer.score(CLEAN["de"][0]["text"])
    [note] = report.notes
    assert note.startswith("language de: ")
    assert "signals are off" in note
    assert "for lack of function words, lm" in note
    assert "doubles" not in note


def test_sentences_end_by_the_rules_of_their_language(scorer: Scorer) -> None:
    report = scorer.score(CLEAN["de"][0]["text"])
    assert any("4,2 Mio. Euro schätzt, sollen im März beginnen." in sentence.text for sentence in report.sentences)


def test_texts_in_many_languages_score_in_order_as_they_do_alone(scorer: Scorer) -> None:
    texts = [records[i]["text"] for i in (0, 4) for records in CLEAN.values()]
    texts.insert(3, "I want to to to to to to go home.")
    together = list(scorer.score_many(texts))
    for text, report in zip(texts, together, strict=True):
        alone = scorer.score(text)
        assert report.language == alone.language
        assert [s.text for s in report.sentences] == [s.text for s in alone.sentences]
        assert report.score == pytest.approx(alone.score, abs=1e-6)
