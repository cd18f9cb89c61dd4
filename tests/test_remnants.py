"""What pipelines leave behind: found where it is a remnant, let pass where people write about it."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

from garble.columns.batch import Batch
from garble.columns.lm import LanguageModel
from garble.scorer import Scorer
from garble.signals import artifacts, characters
from garble.signals.base import Signal
from garble.text.segmentation import segment


def marked(signal: Signal, text: str, lm: LanguageModel) -> list[str]:
    """The stretches that a signal marks in a text."""
    batch = Batch.of([segment(text, "text")], lm)
    _, found = signal.evidence(batch, signal.values(batch), np.arange(len(batch)))
    return [batch.text[start:end] for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True)]


# A text, and what is left over in it.
REMNANTS = {
    "The mayor met the council <|im_end|> on Monday.": ["<|im_end|>"],
    "The mayor opened the bridge.<|endoftext|>": ["<|endoftext|>"],
    "<|start_header_id|>assistant<|end_header_id|> The mayor is here.": ["<|start_header_id|>", "<|end_header_id|>"],
    "[INST] Tell me about the mayor. [/INST]": ["[INST]", "[/INST]"],
    "<<SYS>> You are a mayor. <</SYS>>": ["<<SYS>>", "<</SYS>>"],
    "The mayor opened the <extra_id_0> on Monday.": ["<extra_id_0>"],
    "The mayor opened the <unused32> on Monday.": ["<unused32>"],
    "He met <arg1> the mayor </rel> of the town.": ["<arg1>", "</rel>"],
    "The mayor __en__ opened the bridge.": ["__en__"],
    ">>eng<< The mayor opened the bridge.": [">>eng<<"],
    "The mayor of ⁇ opened the bridge.": ["⁇"],
    "The mayor of ｟unk:Łódź｠ opened the bridge.": ["｟unk:Łódź｠"],
    "TheĠmayorĠopened the bridge.": ["Ġ", "Ġ"],
    "▁The▁mayor opened the bridge.": ["▁", "▁"],
    "The caf<0xC3><0xA9> is closed.": ["<0xC3><0xA9>"],
    "The par@@ liament voted.": ["@@"],
    "You have % 1 $ s new messages.": ["% 1 $ s"],
    "The file {0 } could not be opened.": ["{0 }"],
    "Dear {{name}}, thank you for your order.": ["{{name}}"],
    "Dear {{ customer.first_name }}, thank you.": ["{{ customer.first_name }}"],
    "The order __PH_1__ was sent to you.": ["__PH_1__"],
    "Hello ${user}, your order is on its way.": ["${user}"],
    "There are %s people in the hall.": ["%s"],
    "The caf\\u00e9 isn\\u2019t open.": ["\\u00e9", "\\u2019"],
    "The caf=C3=A9 isn=E2=80=99t open.": ["=C3=A9", "=E2=80=99"],
    "The caf\\xc3\\xa9 is open.": ["\\xc3\\xa9"],
    "We sell bread &amp;amp; butter, and caf&eacute; au lait.": ["&amp;amp;", "&eacute;"],
    "The well is deep.<br> The rope is <b>short</b>.": ["<br>", "<b>", "</b>"],
    "There was an unsafe decline | slide | drop in pressure.": ["| slide | drop"],
    "He has a {quick|fast|rapid} car.": ["{quick|fast|rapid}"],
}


@pytest.mark.parametrize(("text", "stretches"), REMNANTS.items())
def test_a_remnant_is_marked(text: str, stretches: list[str], english: LanguageModel) -> None:
    assert marked(artifacts.leftover_markup, text, english) == stretches


@pytest.mark.parametrize("text", REMNANTS)
def test_a_remnant_makes_a_garbled_sentence(text: str, scorer: Scorer) -> None:
    report = scorer.score(text, "text")
    said = [finding for sentence in report.sentences for finding in sentence.findings]
    assert any(finding.signal == "artifacts.leftover_markup" for finding in said) or "<0xC3>" in text


MENTIONS = [
    "He said @@@@ and left the room.",
    "@@ -1,4 +1,4 @@ is the head of a hunk.",
    "Replace {{name}} with the name of your project.",
    "The variable ${user} holds the login name, and %s stands for a string.",
    "Updates are provided in {{connect}} and {{RFC9112}}.",
    "Install to ${prefix} with the usual rights.",
    "The tag <b> makes text bold, and the <unk> token stands for rare words.",
    "List items <li> overlap each other with certain styles.",
    'Write “<b>” before it and "&amp;" after it.',
    "Run cat words | sort | uniq on the list.",
    "Usage is service {start|stop|restart} name.",
    "The method __ne__ and the macro __FILE__ are old.",
    "Pass <name> and <url> to the program.",
    "Ġorġ lives in Malta, Żebbuġ is a town there.",
    "It is 5 % dearer, or 100 % d'accord, at $5 {or less}.",
    "AT&T, Q&A; R&D; a < b > c; x=A1 and y=B2.",
    "a_b__c and __init__ are names; see '\\u00e9'.",
]


@pytest.mark.parametrize("text", MENTIONS)
def test_a_mention_is_not_marked(text: str, english: LanguageModel) -> None:
    assert marked(artifacts.leftover_markup, text, english) == []


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        ("<|im_end|>", "“{span}” is left over from a decoder"),
        ("@@", "“{span}” is left over from a decoder"),
        ("__en__", "“{span}” is left over from a decoder"),
        ("<br>", "“{span}” is markup left over"),
        ("&amp;", "“{span}” is markup left over"),
        ("{{name}}", "“{span}” is a placeholder that was never filled in"),
        ("% 1 $ s", "“{span}” is a placeholder that was never filled in"),
        ("__PH_1__", "“{span}” is a placeholder that was never filled in"),
        ("\\u00e9", "“{span}” is a character that was never decoded"),
        ("=C3=A9", "“{span}” is a character that was never decoded"),
        ("{a|b}", "“{span}” is a choice between words that was never made"),
    ],
)
def test_the_reason_names_the_kind_of_remnant(span: str, reason: str) -> None:
    assert artifacts.leftover_markup.reason_for(span) == reason


def test_the_sign_for_unknown_pieces_ends_no_sentence() -> None:
    assert segment("The mayor of ⁇ opened the bridge. It is new.").slices() == [
        "The mayor of ⁇ opened the bridge.",
        "It is new.",
    ]


ABBREVIATIONS = {
    "There are many reasons, for. B. the weather.": [". B."],
    "Use strong tools such. B. a hammer.": [". B."],
    "There are costs, such as: B. a scholarship.": [": B."],
    "He likes sport, u. a. football and tennis.": ["u. a."],
    "He likes sport, d.h. football and tennis.": ["d.h."],
    "He likes sport, p. ej. football and tennis.": ["p. ej."],
    "He likes sport, т. е. football and tennis.": ["т. е."],
    "He likes sport, t.ex. football, itd. and tennis.": ["t.ex.", "itd."],
    "The tariff, c.-à-d. the price, is high.": ["c.-à-d."],
}


@pytest.mark.parametrize(("text", "stretches"), ABBREVIATIONS.items())
def test_a_carried_abbreviation_is_marked_and_ends_no_sentence(
    text: str, stretches: list[str], english: LanguageModel
) -> None:
    assert len(segment(text).sentences) == 1
    assert marked(artifacts.carried_abbreviation, text, english) == stretches


@pytest.mark.parametrize(
    "text",
    [
        "I know what it is for. B. Smith and D. H. Lawrence do not.",
        "The U. A. office is shut, e.g. on Sundays, i.e. today.",
        "There is none such. Bring a hammer.",
        "J. B. Priestley, such as: Bread.",
        "See fig. 2 p. 4 of vol. 1, etc. and so on.",
    ],
)
def test_english_abbreviations_and_initials_are_not_marked(text: str, english: LanguageModel) -> None:
    assert marked(artifacts.carried_abbreviation, text, english) == []


def test_abbreviations_are_sound_in_their_own_language(scorer: Scorer) -> None:
    text = "Das Amt hilft, z. B. bei der Suche nach einer Wohnung, d. h. es zahlt die Miete und die Nebenkosten."
    findings = [finding for sentence in scorer.score(text).sentences for finding in sentence.findings]
    assert "artifacts.carried_abbreviation" not in {finding.signal for finding in findings}


# A signal, a text, and the words it marks.
EXTRACTED = [
    (
        artifacts.letter_shapes,
        "Tlie girl ran to tlie gate aud looked clown the roacl.",
        ["Tlie", "tlie", "aud", "roacl"],
    ),
    (artifacts.letter_shapes, "He saw tbe rnan witli the dog.", ["tbe rnan witli"]),
    (artifacts.split_words, "The doc tor wro te a let ter.", ["doc tor wro te", "let ter"]),
    (artifacts.split_words, "The gov ern ment is here.", ["gov ern ment"]),
    (artifacts.split_words, "The inter\nnatio nal fair op ened.", ["natio nal", "op ened"]),
    (artifacts.glued_words, "Thedoctorwrotealetter.", ["Thedoctorwrotealetter"]),
    (artifacts.glued_words, "The claylayerthere is thick andkeepsthe rain.", ["claylayerthere", "andkeepsthe"]),
    (artifacts.glued_words, "He is a poor brodnikStudent.", ["brodnikStudent"]),
    (characters.random_typing, "asdkjh aslkdjh", ["asdkjh aslkdjh"]),
    (characters.random_typing, "She wrote xcvmnbqw fjdksl on the form.", ["xcvmnbqw fjdksl"]),
]


@pytest.mark.parametrize(("signal", "text", "words"), EXTRACTED)
def test_damage_of_extraction_is_marked(signal: Signal, text: str, words: list[str], english: LanguageModel) -> None:
    assert marked(signal, text, english) == words


SOUND = [
    "The girl ran to the gate and looked down the road.",
    "You may be sure that any one of us, some times, will be in to see you every day.",
    "A chamber maid saw a cannon ball and a tree top, and the tax payers were not iced up.",
    "Nevertheless the thereupon, the histochemical and the wherewithal are hepatocellular.",
    "Set maxRetries to 3 and keepAlive to true in the config.",
    "See www.thecatalbum.example and http://thetruthseeker.example/path for more.",
    "Hellooooo, nooooooooo, heyyyyyyyy, mmmmmm, hahahahaha!",
    "Mr Krzyzewski of Zhytomyr wrote etcd, xvfb and a fjord to Hsieh.",
    "The MSVCCompiler and the MSVCCompiler of ECMAScript are classes.",
    "Jiabao, Skarsgård, Ngugi and Zbigniew met Hrvoje in Brno.",
]


@pytest.mark.parametrize("text", SOUND)
def test_sound_words_show_no_damage_of_extraction(text: str, english: LanguageModel) -> None:
    signals = (artifacts.letter_shapes, artifacts.split_words, artifacts.glued_words, characters.random_typing)
    assert {signal.name: found for signal in signals if (found := marked(signal, text, english))} == {}


UNTRANSLATED = {
    "The mayor said dass die Stadt nicht mehr zahlen kann and left.": ["dass die Stadt nicht mehr zahlen kann"],
    "They waited for buses qui ne sont jamais arrivés or walked.": ["qui ne sont jamais arrivés"],
    "It was used om het water uit de polder te malen until then.": ["om het water uit de polder te malen"],
}


@pytest.mark.parametrize(("text", "stretches"), UNTRANSLATED.items())
def test_a_run_of_another_language_is_marked(text: str, stretches: list[str], english: LanguageModel) -> None:
    assert marked(artifacts.untranslated, text, english) == stretches


@pytest.mark.parametrize(
    "text",
    [
        "We ate coq au vin blanc at the inn.",
        "She has a certain je ne sais quoi about her.",
        "They drank blanc de blancs and an eau de vie, for the joie de vivre.",
        "All I need is I need one more day.",
        "“Ça ne se fait pas,” she would say to us.",
        "He read “dass die Stadt nicht mehr zahlen kann” aloud.",
        "The cafÃ© dâ€™Ã©tÃ© is closed, and so is the crÃªperie.",
    ],
)
def test_loans_quotations_and_mojibake_are_not_untranslated(text: str, english: LanguageModel) -> None:
    assert marked(artifacts.untranslated, text, english) == []


@pytest.mark.parametrize(
    "piece",
    [
        "a" + "1" * 60 + "_ ",
        "a" + "12.5" * 60 + "@ ",
        "a &amp; ",
        "a <b> ",
        "<arg1> ",
        "{{name}} ",
        "\\u00e9 a\\u00e9 ",
        "{a|b ",
        "a?b ",
        "âa ",
    ],
)
def test_time_grows_no_faster_than_the_text(piece: str, english: LanguageModel) -> None:
    signals = (artifacts.leftover_markup, characters.fused_digits, characters.mojibake, characters.replacement)
    times = []
    for size in (20_000, 80_000):
        batch = Batch.alone([piece * (size // len(piece))], english)
        started = process_time()
        for signal in signals:
            signal.values(batch)
        times.append(process_time() - started)
    # Four times as much, and half a second for what a busy machine does beside.
    assert times[1] < 8 * times[0] + 0.5


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("In the2000people who came in2014the mood was good.", ["the2000people", "in2014the"]),
        ("It won in1936,1951and1977but not since.", ["in1936,1951and1977but"]),
        ("The iPhone5 cost 300km of H2O, user7 in the 1990s, 20mph and win32 at 24hours, in 20minutes.", []),
        ("The hashes 12be34 and c0ffee12and34bead are in 1024x768 and mp3.", []),
    ],
)
def test_a_number_that_runs_into_words_is_marked(text: str, stretches: list[str], english: LanguageModel) -> None:
    assert marked(characters.fused_digits, text, english) == stretches
