"""What is repaired, what is left alone, and that every edit can be taken back."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import stat
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import ANY_TEXT, SEEDS, documents
from hypothesis import given, settings
from hypothesis import strategies as st

import garble
from garble import repairs
from garble.cli import main
from garble.repairs import FIXERS, SURFACE, Edit, _BlockScores, _candidates, _is_allowed, apply, repair, rules, undo
from garble.repairs.base import Site
from garble.repairs.edits import composed
from garble.repairs.protected import Protected, is_prose, is_word
from garble.repairs.repetition import with_whitespace
from garble.report import Report
from garble.report.findings import Finding, ScoredSentence
from garble.scorer import Scorer
from garble.signals import SIGNALS

CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
ANY = st.one_of(ANY_TEXT, st.integers(0, 10_000).map(lambda seed: documents(1, seed)[0]))

REPAIRED_TEXTS = {
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
    assert doctest.testmod(repairs).failed == 0


def test_a_loop_of_names_is_repaired() -> None:
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


# By signal: a text with what its finding marks, and what its fixer first makes of that; "" where it must do nothing.
FIXER_CASES = {
    "repetition.loop": [
        ("⟦To to to to to⟧ go home is all that he wants.", "To go home is all that he wants."),
        ("They said ⟦spend spend spend spend⟧ to us all.", ""),
        ("They said ⟦spend spend spend spend spend⟧ to us all.", "They said spend to us all."),
        ("They said ⟦spend spend spend spend⟧ to all of us.", "They said spend to all of us."),
        ("Oh, ⟦if… if… if… if…⟧ we could only see what is going on there.", ""),
        ("He said ⟦Tora Tora Tora Tora Tora⟧ to all of them.", "He said Tora to all of them."),
        ("Go on ⟦once, once, once⟧ more to the town by the sea.", ""),
        (
            "Go on ⟦once, once, once, once, once⟧ more to the town by the sea.",
            "Go on once more to the town by the sea.",
        ),
        ("Go on ⟦to it, to it, to it, to it⟧ by the sea.", "Go on to it by the sea."),
        ("He went ⟦up and up and up and up and⟧ out of the house.", "He went up and out of the house."),
        ("He ⟦wants to to to to⟧ go home.", "He wants to go home."),
        ("In ⟦the town of the town of the town of⟧ Hull he lived.", "In the town of Hull he lived."),
        ("⟦I'm cold I'm cold I'm cold I'm cold I'm cold⟧", "I'm cold"),
        ("⟦I'm cold I'm cold I'm cold⟧", ""),
        ("⟦to to to to to to⟧", ""),
        ("It sent ⟦0x00 0x00 0x00 0x00⟧ 0xff and then it stopped.", ""),
        ("Her card answers at ⟦FF:FF:FF:FF:FF:FF⟧ on the second try.", ""),
        ("His card answers at ⟦FF FF FF FF⟧ on the second try.", ""),
        ("Call ⟦555 555 555 555⟧ or write to us about the parts.", ""),
        ("She read ⟦ATG ATG ATG ATG⟧ in both of the strands.", ""),
        ("The key ⟦deadbeef deadbeef deadbeef deadbeef⟧ opens all of the doors.", ""),
        ("The path ⟦a/a/a/a/a⟧ is where the files were found.", ""),
        ("The row is ⟦no    no    no    no⟧ and the next one has yes in it.", ""),
        ("The cell has ⟦no | no | no | no⟧ in all of its columns.", ""),
        ("He wrote ⟦**no** **no** **no** **no**⟧ on the wall of the house.", ""),
        ("⟦Let me go! Let me go! Let me go!⟧ she cried from the foot of the stairs.", ""),
        ("To say ⟦no, no, no, no, no⟧ that would not happen to any of us here.", ""),
        ("Oh, ⟦if-- if-- if-- if--⟧ we could only see what is going on there.", ""),
        ("He listened, ⟦and listened, and listened, and listened⟧, and heard the steps outside of the door.", ""),
        ("⟦Tora Tora Tora⟧ was shown again in the cinema of the town.", ""),
        ("They [⟦giggle giggle giggle⟧] and go off to the inside of the castle.", ""),
    ],
    "repetition.phrase_twice": [
        ("He was ⟦of the town of the town⟧ by the sea.", "He was of the town by the sea."),
        ("It is ⟦in town, in town⟧ that he is to be seen.", ""),
        ("It is ⟦of it of it⟧ that he is to be told.", "It is of it that he is to be told."),
        ("It is ⟦a b a b⟧ that he is to be told.", "It is a b that he is to be told."),
        ("She went ⟦to the market to the market⟧ on Monday.", "She went to the market on Monday."),
        ("“Oh, ⟦he’s gone, he’s gone⟧, and I never told him where it was.", ""),
        ("He worked ⟦day by day by⟧ the light of a lamp that he had found.", ""),
        ("⟦What is it? What is it?⟧ he asked of the man at the door.", ""),
    ],
    "repetition.doubled_word": [
        ("Then Monday ⟦in in⟧ May came with a storm.", "Then Monday in May came with a storm."),
        ("All that ⟦is is⟧ here was made by hand.", ""),
        ("The town ⟦is is⟧ here by the sea.", "The town is here by the sea."),
        ("He said it to the ⟦man man⟧ of the man.", ""),
        ("He said it to the ⟦man man⟧ of the one other man.", "He said it to the man of the one other man."),
        ("A man said it to the one other ⟦man man⟧ here.", "A man said it to the one other man here."),
        ("Pharmacies ⟦were were⟧ told to return the bottles.", "Pharmacies were told to return the bottles."),
        ("The current ⟦liability liability⟧ layer is thin.", ""),
        (
            "The current ⟦liability liability⟧ layer is thin in all of the firms.",
            "The current liability layer is thin in all of the firms.",
        ),
        ("Prices saw a steep rise ⟦in in⟧ May, said the bank.", "Prices saw a steep rise in May, said the bank."),
        (
            "Prices went up after the rise ⟦in in⟧ May, said the bank.",
            "Prices went up after the rise in May, said the bank.",
        ),
        ("The parcel was pulled ⟦in in⟧ order to save the man.", ""),
        ("When I started here, all there ⟦was was⟧ swamp and water.", ""),
        ("I told ⟦you you⟧ might meddle with such things.", ""),
        ("*Wibble, ⟦wibble wibble⟧ said the man as he went by the house.", ""),
        ("He came to perform his stories, ⟦yadda yadda⟧. And so on for an hour of talk.", ""),
        ("The options are [-name ⟦name⟧] and [-caname name] for the certificate.", ""),
        ("The option -⟦name name⟧ is read from the file of the certificate.", ""),
        ("       ⟦add    add⟧ a new route to the table of routes.", ""),
    ],
    "repetition.clause_echo": [
        (
            "He said that in the north, ⟦he said that⟧ the mud would come.",
            "He said that in the north, the mud would come.",
        ),
        ("He said we in the north, ⟦he said we⟧ would all go home.", ""),
        ("She said that in the north, ⟦he said that⟧ the mud would come.", ""),
    ],
    "repetition.name_echo": [
        (
            "The Anna Rossi told us of the ⟦Anna Rossi⟧ that all was well.",
            "",
        ),
        ("Anna Rossi spoke to Ann’s ⟦Anna Rossi⟧ that all was well.", ""),
        (
            "Anna Rossi told state radio ⟦Anna Rossi⟧ that all was well.",
            "Anna Rossi told state radio that all was well.",
        ),
        ("The Origin Set is part of another link's ⟦Origin Set⟧, and it must close.", ""),
        ("David Rubin spoke for administrators ⟦David Rubin⟧ & Partners on Monday.", ""),
        ("Section 4 differs from the conventional ⟦Section 4⟧ applications on roads.", ""),
        ("Anna Rossi is the daughter of ⟦Anna Rossi⟧ who was a judge.", ""),
    ],
    "repetition.loop_in_word": [
        ("It was a ⟦RomeRomeRome⟧ house.", "It was a Rome house."),
        ("It was a ⟦CatCatCat⟧ house.", ""),
        ("It was a ⟦WHiteWhiteWhite⟧ house.", ""),
        ("The function ⟦barbarbar⟧ calls test.", ""),
        ("The function x⟦barbarbar⟧ calls test.", ""),
        ("The function xy⟦barbarbar⟧ calls test.", "The function xybar calls test."),
        ("The function ⟦barbarbar⟧xy calls test.", "The function barxy calls test."),
        ("He said “walk⟦inginging⟧”, and left.", "He said “walking”, and left."),
        ("It was a ⟦WhiteWhiteWhite⟧ house.", "It was a White house."),
        ("He went walk⟦inginging⟧ in the park.", "He went walking in the park."),
        ("The probe reads ⟦ATATATATATAT⟧ in both strands.", ""),
        ("The probe reads ta⟦atgatgatg⟧ in both strands.", ""),
        ("The hash is ⟦deadbeefdeadbeefdeadbeef⟧ in both.", ""),
        ("The key is ⟦abcabcabcabcabc⟧12 for all.", ""),
        ("The function ⟦foofoofoo⟧ calls test.", ""),
        ("The function test⟦TestTestTest⟧ calls it.", ""),
        ("The function get_⟦testtesttest⟧ calls it.", ""),
        ("Then she laughed: bwah⟦ahahahahaha⟧!", ""),
    ],
    "repetition.sentence_again": [
        ("- Wash your hands.\n- Wash your hands.\n- ⟦Wash your hands.⟧\n- Wash your hands.\n", ""),
        ("He shut the door. We left. ⟦He shut the door.⟧ We left.", "He shut the door. We left."),
        ("Ahe shut. ⟦he shut.⟧ Then we left.", ""),
        ("He shut the door. ⟦He shut the door.⟧ Then we left.", "He shut the door. Then we left."),
        ("The dog ran. It was cold. ⟦The dog ran.⟧ It was cold. We left.", "The dog ran. It was cold. We left."),
        ("The dog ran. It was cold. ⟦The dog ran.⟧ We left.", ""),
        ("⟦He shut the door.⟧ He shut the door. Then we left.", ""),
        ("1. Wash your hands.\n2. ⟦Wash your hands.⟧\n", ""),
        ("- Wash your hands.\n- ⟦Wash your hands.⟧\n", ""),
        ("Wash your hands.\n⟦Wash your hands.⟧\nDry them.", "Wash your hands.\nDry them."),
        ("Wash your hands.\n\n⟦Wash your hands.⟧\n\nDry them.", ""),
    ],
    "repetition.looped": [
        ("Go on. Right. Right. Right. ⟦Right.⟧ Right. Right. Right. Right. Left.", "Go on." + " Right." * 7 + " Left."),
        ("It is fixed. ⟦Right.⟧ Right. Right. Right. Right. Right. We go.", ""),
        ("Thank you.\nThank you.\nThank you.\n⟦Thank you.⟧\nThank you.\nThank you.\n", "Thank you.\n" * 5),
        (
            "Boil it. Peel it now. Boil it. ⟦Peel it now.⟧ Boil it. Peel it now. Boil it. Peel it now.",
            "Boil it. Peel it now. Boil it. Boil it. Peel it now. Boil it. Peel it now.",
        ),
        ("I go. Mind the gap. I go. Mind the gap. I go. ⟦Mind the gap.⟧", ""),
        ("Same as a + b.\nSame as a & b.\nSame as a | b.\n⟦Same as a - b.⟧\nSame as a * b.\nSame as a @ b.\n", ""),
        ("1. Shut it.\n2. Shut it.\n3. Shut it.\n4. ⟦Shut it.⟧\n5. Shut it.\n6. Shut it.\n", ""),
        ("[00:01] So we go.\n[00:02] So we go.\n[00:03] ⟦So we go.⟧\n[00:04] So we go.\n[00:05] So we go.\n", ""),
        ("Ann: So we go.\nBen: So we go.\nAnn: ⟦So we go.⟧\nBen: So we go.\nAnn: So we go.\n", ""),
        ("He wants ⟦to to to to to to to to to go home to his⟧ dog.", "He wants to go home to his dog."),
    ],
    "characters.mojibake": [
        ("The caf⟦Ã©⟧ is closed.", "The café is closed."),
        ("Read “caf⟦Ã©⟧” as a word.", ""),
    ],
    "characters.misread_sign": [("The house cost ⟦Â£⟧600.", "The house cost £600.")],
    "characters.stray_control": [
        ("The gov⟦\u200b⟧ernment met.", "The government met."),
        ("None of the Â⟦\x91⟧typical whiff.", ""),
        ("None of the ⟦\x80⟧typical whiff.", ""),
        ("None of the ⟦\x7f⟧typical whiff.", "None of the typical whiff."),
        ("None of the ⟦\x9f⟧typical whiff.", ""),
    ],
    "characters.fused_digits": [
        ("In ⟦the2000people⟧ the mood was good.", "In the 2000 people the mood was good."),
        ("It has the code ⟦32BE⟧ on it.", ""),
    ],
    "artifacts.leftover_markup": [
        ("Bread ⟦&amp;⟧ butter were sold.", "Bread & butter were sold."),
        ("He wrote ⟦&lt;⟧b> for it.", ""),
        ("Bread ⟦&amp;⟧amp; butter were sold.", ""),
        ("<p>Bread ⟦&amp;⟧ butter were sold.</p>", ""),
        ("# Food\n\nBread ⟦&amp;⟧ butter were **sold**.", ""),
    ],
    "artifacts.spaced_punctuation": [("He paid the bill⟦ ,⟧ then left.", "He paid the bill, then left.")],
    "artifacts.doubled_punctuation": [
        ("John left⟦,,⟧ and he said no.", "John left, and he said no."),
        ("See the next example⟦::⟧", ""),
    ],
    "artifacts.glued_words": [
        ("He is a poor ⟦brodnikStudent⟧ from the south.", "He is a poor brodnik Student from the south."),
        ("Then Hans ⟦EICHELbundesminister⟧ spoke.", "Then Hans EICHE Lbundesminister spoke."),
        ("The ⟦windowLog⟧ is set from chainLog.", ""),
    ],
    "artifacts.missing_space": [
        ("It closed ⟦yesterday.The⟧ next day it rained.", "It closed yesterday. The next day it rained.")
    ],
    "artifacts.broken_quote": [
        ("⟦“⟧We are ready, she said to them.", "“We are ready,” she said to them."),
        ("⟦“⟧“We are ready,” she said.", "“We are ready,” she said."),
        ("Then “⟦“⟧We are ready,” she said.", "Then “We are ready,” she said."),
        ("⟦“⟧We are ready, she said, and they, she said, are not.", ""),
        ("We are ready⟦”⟧, she said to them.", ""),
    ],
    "coherence.name_drift": [
        (
            "Keir ⟦Starrer⟧ left. Starmer sang. Starmer sat. Starmer ran.",
            "Keir Starmer left. Starmer sang. Starmer sat. Starmer ran.",
        ),
        ("Keir ⟦Starmed⟧ left. Starmer sang. Starmer sat.", "Keir Starmer left. Starmer sang. Starmer sat."),
        (
            "Keir ⟦Starrer⟧ left. Starmer sang. Starmer sat. Starter ran.",
            "Keir Starmer left. Starmer sang. Starmer sat. Starter ran.",
        ),
        ("Keir ⟦Starrer⟧ left. Starmer sang. Starmer sat. Starter ran. Starter sat.", ""),
        ("The ⟦LaserDiscs⟧ left. LaserDisc sang. LaserDisc sat. LaserDisc ran.", ""),
        (
            "Keir Starmer spoke. Keir ⟦Starrer⟧ left. Keir Starmer sang.",
            "Keir Starmer spoke. Keir Starmer left. Keir Starmer sang.",
        ),
        ("Keir Starmer spoke. Keir ⟦Starrer⟧ left.", ""),
    ],
}


def first_change(signal: str, marked: str) -> str:
    """What the fixer of a signal first makes of a text that shows its finding, "" for nothing."""
    start, end = marked.index("⟦"), marked.index("⟧") - 1
    text = marked.replace("⟦", "").replace("⟧", "")
    is_sentence = signal in ("repetition.sentence_again", "repetition.looped") and re.search(r"\.\s", text)
    site = Site(text, start, end, {}) if is_sentence else Site(text, 0, len(text), {})
    found = FIXERS[signal](site, Finding(signal, start, end, 1.0, 1.0, ""))
    change = next((change for change in found if text[change.start : change.end] != change.after), None)
    return text[: change.start] + change.after + text[change.end :] if change else ""


@pytest.mark.parametrize(
    ("signal", "marked", "repaired"), [(signal, *row) for signal, rows in FIXER_CASES.items() for row in rows]
)
def test_each_fixer_does_its_work_and_no_more(signal: str, marked: str, repaired: str) -> None:
    assert first_change(signal, marked) == repaired


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("He wants to to to to go home.", ["He wants to go home."]),
        # All turns but the first, at once.
        ("In the town of the town of the town of Hull he lived.", ["In the town of Hull he lived."]),
        # With the word that links the turns, or without.
        (
            "Go to it and to it and to it and to it by the sea.",
            ["Go to it by the sea.", "Go to it and to it by the sea."],
        ),
        (
            "Go on once, once, once, once, once more to the town by the sea.",
            ["Go on once more to the town by the sea.", "Go on once, once more to the town by the sea."],
        ),
        (
            "It was cold cold cold cold cold, and we saw the the dog.",
            ["It was cold, and we saw the the dog.", "It was cold cold cold cold cold, and we saw the dog."],
        ),
        (
            "Of the day of the day of the men of the day of the men he spoke.",
            ["Of the day of the men of the day of the men he spoke.", "Of the day of the day of the men he spoke."],
        ),
    ],
)
def test_all_that_is_offered_for_a_loop(text: str, offered: list[str]) -> None:
    site = Site(text, 0, len(text), {})
    found = FIXERS["repetition.loop"](site, Finding("repetition.loop", 0, len(text), 1.0, 1.0, ""))
    assert [text[: change.start] + change.after + text[change.end :] for change in found] == offered


@pytest.mark.parametrize(
    ("marked", "left"),
    [
        ("One. ⟦Two.⟧ Six.", "One. Six."),
        ("⟦One.⟧ Two. Six.", "Two. Six."),
        ("One. Two. ⟦Six.⟧", "One. Two."),
        ("One. Two. ⟦Six.⟧\n", "One. Two.\n"),
        (" ⟦One.⟧ Two.", " Two."),
        ("⟦One.⟧", ""),
        # The break of fewer lines goes.
        ("One.\n\n⟦Two.⟧ Six.", "One.\n\nSix."),
        ("One. ⟦Two.⟧\n\nSix.", "One.\n\nSix."),
        ("One.\n⟦Two.⟧\nSix.", "One.\nSix."),
        ("One.\n\n⟦Two.⟧\nSix.", "One.\n\nSix."),
        ("One.  ⟦Two.⟧ Six.", "One. Six."),
        ("One. ⟦Two.⟧   Six.", "One.   Six."),
    ],
)
def test_a_sentence_is_left_out_with_the_lesser_break(marked: str, left: str) -> None:
    start, end = marked.index("⟦"), marked.index("⟧") - 1
    text = re.sub("[⟦⟧]", "", marked)
    begin, close = with_whitespace(text, start, end)
    assert text[:begin] + text[close:] == left


@pytest.mark.engines
@pytest.mark.parametrize(
    ("marked", "repaired"),
    [
        ("A cafÃ© and na⟦Ã¯⟧vetÃ© again.", "A cafÃ© and naïveté again."),
        ("The ⟦Ã©⟧cartÃ© is.", "The écarté is."),
        ("Now a ⟦Ã©⟧cartÃ© is.", "Now a écarté is."),
        ("We saw ⟦Ã©⟧cartÃ© here.", "We saw écarté here."),
    ],
)
def test_ftfy_reads_all_of_the_word_again(marked: str, repaired: str) -> None:
    pytest.importorskip("ftfy")
    assert first_change("characters.mojibake", marked) == repaired


def test_each_fixer_has_its_table() -> None:
    assert set(FIXER_CASES) == set(FIXERS)


REPAIRED = {
    "We sat down. He closed the door behind him. He closed the door behind him. He closed the door behind him. Then we "
    "left.": "We sat down. He closed the door behind him. Then we left.",
    "I'm cold I'm cold I'm cold I'm cold I'm cold": "I'm cold",
    "I'm cold I'm cold I'm cold I'm cold I'm cold.": "I'm cold.",
    "The mouth of the mouth of the mouth of the river is wide.": "The mouth of the river is wide.",
    "Mail was was sent to ann@were.were.org by the clerk.": "Mail was sent to ann@were.were.org by the clerk.",
    "<p id='a'>Pharmacies were were told to go &amp; look.</p>": "<p id='a'>Pharmacies were told to go &amp; look.</p>",
}

LOOPS_OF_SENTENCES = {
    "The pump is fixed now. " + "Right. " * 12 + "We can go.": "The pump is fixed now. Right. We can go.",
    "We boil the eggs. Then we peel them. " * 5: "We boil the eggs. Then we peel them. ",
    "Thank you.\n" * 30: "Thank you.\n",
    "Ann: Check that the door is shut.\n" * 12: "Ann: Check that the door is shut.\n",
    "The river rose. It reached the bridge by dawn.\n\n" * 6: "The river rose. It reached the bridge by dawn.\n\n",
    # Longer than the distance within which removed words must occur.
    "He says a thing that says a lot about him. " * 300: "He says a thing that says a lot about him. ",
}
REPAIRED |= LOOPS_OF_SENTENCES

LEFT_ALONE = [
    "".join(f"[00:{n:02}.000 --> 00:{n + 1:02}.000] So we went there.\n" for n in range(12)),
    "".join(f"{n}. Check that the door is shut.\n" for n in range(1, 12)),
    "Rules:\n" + "".join(f"{number}. Wash your hands well first.\n" for number in range(1, 7)),
    "Rules:\n" + "- Wash your hands well first.\n" * 6,
    "The probe reads ATATATATATAT in both strands.",
    "Her card answers at FF:FF:FF:FF:FF:FF on the second try.",
    "It sent 0x00 0x00 0x00 0x00 0x00 0xff and then it stopped.",
    "The commit is deadbeefdeadbeefdeadbeef in both of the logs.",
    "The key is c0ffeec0ffeec0ffee, and the number is 5550 5550 5550 5550 5550.",
    "The serial number is AB12-AB12-AB12-AB12-AB12 on the back of it.",
    "| no | no | no | no | no |\n|----|----|----|----|----|\n| no | no | no | no | no |",
    "yes\tno\tno\tno\tno\tno\nyes\tno\tno\tno\tno\tno",
    '<p>Bread &amp; butter &amp; jam were sold.</p>\n<script>var x = "foo foo foo foo";</script>',
    "# Food\n\nJohn ate bread &amp;, he said, all of the **other** rolls.",
    "<style>a { font: foo foo foo foo }</style>\n<p>Nobody came.</p>",
    "<pre>the the the the the the cat</pre>\n<p>Nobody came.</p>",
    "<!-- the the the the the the cat sat -->\n<p>Nobody came.</p>",
    '<p title="the the the the the cat sat">Nobody came.</p>',
    "# Use\n\nWrite `the the the the the` in the file to see it again.",
    "# Use\n\n```\nthe the the the the cat sat on the mat\n```\n",
    "# Use\n\n~~~\nthe the the the the cat sat on the mat\n",
    "Write this:\n\n    the the the the the cat\n    the the the the the dog\n",
    "See https://example.org/the/the/the/the/the/the and the rest of it.",
    "var x = 'foo foo foo foo foo';",
]


@pytest.mark.parametrize(("text", "repaired"), REPAIRED.items())
def test_loops_are_repaired(text: str, repaired: str) -> None:
    assert repair(text).text == repaired


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_lists_codes_tables_and_markup_are_left_alone(text: str) -> None:
    assert repair(text).edits == ()
    around = f"{CLEAN}\n\n{text}\n\n{CLEAN}\n"
    assert repair(around).edits == ()


SAID_AGAIN = "The council said that it the council said that it the council said that it would sell the quay in spring."
ONCE = "The council said that it would sell the quay in spring."

# {} is a garbled sentence: within prose it is repaired, elsewhere it stays.
PROSE = {
    "text": ["{}", "{} Nobody came.\n\n- fresh water\n- salt\n"],
    "markdown": ["# Sale\n\n{}\n\n- an item\n", "> {}", "See [the *plan*](a.html).\n\n{}"],
    "html": ["<p>{}</p>", "<script>var x = 'foo foo foo';</script><p>Bread &amp; butter.</p>{}<p>Nobody came.</p>"],
}
NO_PROSE = {
    "text": ["- {}\n\nNobody came.", "1. {}\n2. Nobody came.", "```\n{}\n```\nNobody came."],
    "markdown": ["# {}\n\nNobody came.", "- {}\n\nNobody came.", "| a |\n|---|\n| {} |\n", "```\n{}\n```\n"],
    "html": [
        "<h1>{}</h1><p>Nobody came.</p>",
        "<ul><li>{}</ul>",
        "<pre>{}</pre>",
        "<nav>{}</nav>",
        "<p title='{}'>No.</p>",
    ],
    "srt": ["1\n00:00:01,000 --> 00:00:02,000\n{}\n"],
    "vtt": ["WEBVTT\n\n00:01.000 --> 00:02.000\n{}\n"],
}


@pytest.mark.parametrize(("markup", "around"), [(markup, text) for markup in PROSE for text in PROSE[markup]])
def test_prose_is_repaired_in_every_markup(markup: str, around: str) -> None:
    scorer = Scorer(reader="off")
    assert repair(around.format(SAID_AGAIN), scorer=scorer, markup=markup).text == around.format(ONCE)


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize(("markup", "around"), [(markup, text) for markup in NO_PROSE for text in NO_PROSE[markup]])
def test_what_is_no_prose_stays_as_it_is(markup: str, around: str, drop: bool) -> None:
    assert (
        repair(around.format(SAID_AGAIN), scorer=Scorer(reader="off"), drop_unresolved=drop, markup=markup).edits == ()
    )


def test_no_edit_reaches_over_markup() -> None:
    text = "<p>Pharmacies were <b>were</b> told to return the bottles.</p>"
    repaired = repair(text, scorer=Scorer(reader="off"), drop_unresolved=True, markup="html")
    assert (repaired.edits, len(repaired.unresolved)) == ((), 1)


def test_prose_beside_a_garbled_heading_is_dropped_and_the_heading_stays() -> None:
    salad = "Church the on hill small a which stands by built were monks stone who."
    text = f"{salad}\n\n# {SAID_AGAIN}\n\n{salad}\n\n{CLEAN}"
    assert (
        repair(text, scorer=Scorer(reader="off"), drop_unresolved=True, markup="markdown").text
        == f"# {SAID_AGAIN}\n\n{CLEAN}"
    )


@pytest.mark.parametrize(("name", "option"), [("a.html", "auto"), ("a.txt", "html")])
def test_files_are_repaired_as_what_they_are(name: str, option: str) -> None:
    page = f"<title>{SAID_AGAIN}</title>{SAID_AGAIN}"
    Path(name).write_text(page)
    garble_repair("--in-place", "--markup", option, name)
    assert Path(name).read_text() == f"<title>{SAID_AGAIN}</title>{ONCE}"


@pytest.mark.parametrize("turn", ["to ", "the dog ran to the house and "])
@pytest.mark.parametrize("around", ["{}", f"{CLEAN} {{}} {CLEAN}", f"{CLEAN}\n\n{{}}\n\nThen we left."])
def test_a_long_loop_in_one_sentence_is_repaired_wherever_it_stands(turn: str, around: str) -> None:
    looped = f"He said that {turn * (60_000 // len(turn))}he left."
    assert repair(around.format(looped)).text == around.format(f"He said that {turn}he left.")


def test_a_long_loop_that_is_a_sentence_is_repaired_in_its_context() -> None:
    around = f"{CLEAN}\n\n{{}}.\n\nThen we left."
    assert repair(around.format(" ".join(["I know what you did"] * 3000))).text == around.format("I know what you did")


WORDS = [
    "the",
    "a",
    "of",
    "cat",
    "ran",
    "to",
    "Anna",
    "Rossi",
    "said,",
    "that",
    "that.",
    "12",
    "&amp;",
    "caf\u00c3\u00a9",
]
TURN = st.tuples(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join), st.integers(1, 5))
LOOPED = st.lists(TURN, max_size=6).map(lambda turns: " ".join(" ".join([turn] * count) for turn, count in turns))


def missing(text: str, edits: tuple[Edit, ...]) -> list[tuple[Edit, set[str]]]:
    """The edits, surface edits apart, and the words they take out that do not stand before them in what is kept."""
    kept, place, found = "", 0, []
    for edit in edits:
        kept += text[place : edit.start]
        place = edit.end
        if edit.signal in SURFACE:
            kept += edit.before
            continue
        beside, taken = kept[-rules.REACH - len(edit.before) :].lower(), edit.before.lower()
        lost = {*re.findall(r"\w+", taken)} - {*re.findall(r"\w+", beside)}
        if kept[-1:].isalnum() and taken[:1].isalnum():
            head = re.findall(r"\w+", beside)[-1]
            lost = {taken} if (head + taken).index(taken) == len(head) else set()
        found.append((edit, lost))
    return found


@settings(max_examples=150)
@given(st.one_of(LOOPED, ANY, st.tuples(ANY, LOOPED).map(" ".join)))
def test_what_an_edit_takes_out_still_stands_beside_it(text: str) -> None:
    for edit, lost in missing(text, repair(text).edits):
        assert not edit.after
        # One small word that links the turns of a loop may go with them.
        assert len(lost) <= 1
        assert lost <= {"a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}


@settings(max_examples=100)
@given(st.one_of(LOOPED, ANY))
def test_surface_edits_of_spaces_and_marks_keep_every_letter(text: str) -> None:
    for edit in repair(text).edits:
        if edit.signal in rules.SPACING:
            assert re.sub(r"\W", "", edit.before) == re.sub(r"\W", "", edit.after)


@pytest.mark.parametrize(
    ("text", "start", "end", "holds"),
    [
        ("He left. He left. He went.", 8, 17, True),
        ("He left. She left. He went.", 8, 18, False),
        ("to to to go", 2, 8, True),
        ("the mouth of the mouth", 9, 22, True),
        ("he may not he may", 6, 17, False),
        ("a b c b a", 5, 9, False),
        ("walkinging", 7, 10, True),
        ("walkingabc", 7, 10, False),
        ("cat concat", 3, 10, False),
        ("left, left", 4, 5, False),
        ("gogo, it", 2, 5, False),
        ("He was walkinging", 14, 17, True),
        (f"lostlostlostend, {'x ' * 1000}lostlostlostend", 2016, 2032, True),
        # "The", which joined the turns, may go, but no second word.
        ("mouth of the mouth", 5, 18, False),
        ("mouth the mouth", 5, 15, True),
        ("a mouth to mouth", 7, 16, True),
        ("walk ing", 4, 8, False),
        ("walk walk", 4, 9, True),
        # Beside: 2,000 characters and the edit's own length.
        (f"lost, {'x ' * 1000}lost", 2005, 2010, True),
        (f"lost {'x ' * 1001}lost", 2006, 2011, False),
        (f"lost {'x ' * 1100}lost", 2204, 2209, False),
    ],
)
def test_the_law(text: str, start: int, end: int, holds: bool) -> None:
    edit = Edit(start, end, text[start:end], "", "repetition.loop")
    assert bool(rules.in_order(text, [edit])) == holds


def test_the_law_looks_back_over_what_other_edits_took_out() -> None:
    for before, after, holds in (("", "", True), ("it was " * 20, "", True), ("", "it was " * 400, False)):
        head = f"lost {before}a b a b {after}"
        text = f"{head}c lost"
        place = len(f"lost {before}a b")
        spans = (place, place + 4), (len(head) + 1, len(text))
        edits = [Edit(start, end, text[start:end], "", "repetition.loop") for start, end in spans]
        assert (rules.in_order(text, edits) == tuple(edits)) == rules.holds(text, edits) == holds


@pytest.mark.parametrize("around", [1, 40, 10_000])
def test_sentences_are_repaired_alike_in_blocks_of_any_size(around: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairs, "_BLOCK_SIZE", around)
    text = " ".join([CLEAN, *REPAIRED_TEXTS, CLEAN, *REPAIRED_TEXTS])
    assert repair(text).text == " ".join([CLEAN, *REPAIRED_TEXTS.values(), CLEAN, *REPAIRED_TEXTS.values()])


@pytest.mark.parametrize(
    ("start", "end", "signal", "allowed"),
    [
        (6, 11, "artifacts.leftover_markup", True),
        (6, 11, "artifacts.doubled_punctuation", False),
        (6, 11, "repetition.loop", False),
        # Nor is anything taken out beside an entity.
        (5, 6, "repetition.loop", False),
        (11, 12, "repetition.loop", False),
        (4, 5, "repetition.loop", True),
        (12, 13, "repetition.loop", True),
        (19, 20, "artifacts.leftover_markup", False),
        (18, 18, "repetition.loop", False),
    ],
)
def test_where_edits_are_allowed(start: int, end: int, signal: str, allowed: bool) -> None:
    for before in ("", "x"):
        text = f"{before}Bread &amp; butter `a b`."
        first, last = start + len(before), end + len(before)
        edit = Edit(first, last, text[first:last], "", signal)
        assert _is_allowed(Site(text, 0, len(text), {}), edit) == allowed


@pytest.mark.parametrize(("most", "singles"), [(1, 0), (2, 2), (3, 2)])
def test_all_edits_of_a_signal_are_tried_together_and_each_alone_where_they_are_few(
    most: int, singles: int, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairs, "_MAX_SINGLE", most)
    text = "Pharmacies were were told to return the the bottles."
    (sentence,) = scorer.score(text).sentences
    doubled = [finding for finding in sentence.findings if finding.signal == "repetition.doubled_word"]
    sentence = replace(sentence, findings=tuple(doubled))
    found = _candidates(text, sentence, FIXERS, {})
    assert [len(candidate) for candidate in found] == [2] + [1] * singles
    assert apply(text, found[0]) == "Pharmacies were told to return the bottles."


def test_sentences_are_found_again_after_edits() -> None:
    # "It was was was cold. We left. He sat." from place 100 on, without the second and third "was".
    edits = (Edit(106, 114, " was was", "", "x"), Edit(129, 129, "", "sh", "x"))
    rows = [(0, 12, 0.1), (13, 23, 0.2), (24, 31, 0.3)]
    said = tuple(ScoredSentence(start, end, "x" * (end - start), score, False, "prose") for start, end, score in rows)
    scores = _BlockScores(Report(0.0, False, "en", 0.5, said, (), (), ""), edits, 100)
    old = [ScoredSentence(start, end, "", 0.0, True, "prose") for start, end in ((100, 120), (121, 129), (130, 137))]
    assert [scores.worst(sentence, ()) for sentence in old] == [0.1, 0.2, 0.3]
    # An edit that reaches into the sentence before counts what has become of that too.
    assert scores.worst(old[1], (Edit(118, 122, "", "", "x"),)) == 0.2
    assert scores.worst(old[1], (Edit(121, 131, "", "", "x"),)) == 0.3


def test_a_cut_has_the_signal_that_adds_most(scorer: Scorer) -> None:
    salad = "Church the on hill small a which stands by built were monks stone who."
    (edit,) = repair(f"{CLEAN} {salad}", drop_unresolved=True).edits
    findings = scorer.score(f"{CLEAN} {salad}").sentences[1].findings
    assert edit.signal == max(findings, key=lambda finding: finding.contribution).signal


def test_the_law_lets_no_edit_lean_on_what_another_takes_out() -> None:
    text = "He left. He left."
    first, second = (Edit(a, b, text[a:b], "", "repetition.sentence_again") for a, b in ((0, 8), (8, 17)))
    assert rules.in_order(text, [first, second]) == (second,)


@pytest.mark.parametrize(
    ("before", "after", "holds"),
    [("a ,", "a,", True), ("the2000", "the 2000", True), ("a, b", "a,", False), ("a ,", "ab,", False)],
)
def test_surface_edits_lose_no_letter(before: str, after: str, holds: bool) -> None:
    assert rules.holds(before, [Edit(0, len(before), before, after, "artifacts.spaced_punctuation")]) == holds


@pytest.mark.parametrize(
    "marked",
    [
        "See ⟦https://a.org/b⟧ now.",
        "Mail to ⟦ann@were.org⟧ now.",
        "In ⟦/usr/lib/lib⟧ now.",
        "A ⟦<b class='x'>⟧word⟦</b>⟧ here.",
        "A ⟦<script>if (a) { b }</script>⟧ here.",
        "A ⟦<script>never closed",
        "A ⟦<script>a </b> b </script>⟧ here.",
        "A ⟦<pre>a <pre> b</pre>⟧ here and ⟦<PRE>c</pre>⟧ there.",
        "A ⟦<pre/> b </pre>⟧ here.",
        "A ⟦<!DOCTYPE html>⟧ b ⟦<br>⟧ c ⟦</i>⟧ d <unk> e.",
        "⟦<!-- b -->⟧ here ⟦<!-- c -->⟧ and ⟦<!-- d",
        "A ⟦<pre>a <!-- b --> c</pre>⟧ d ⟦`e`⟧ f.",
        "A ⟦``b c``⟧ here, `e\nf there.",
        "Text\n⟦````\na\n```\nb\n````⟧\nmore\n⟦~~~\nc\n```\nd\n~~~~⟧\nlast",
        "Text\n⟦```\na\n~~~\nb",
        "Text\n⟦ {a} b⟧\nmore",
        "Text ⟦a.b@c.org⟧ and ⟦x/y/z⟧ or ⟦~/c⟧ or ⟦d.py⟧ or ⟦www.e⟧ here.",
        "Text\n⟦    a b\n    c d\n    e f⟧\nmore",
        "Text\n⟦\ta b\n\tc d⟧\n\n    e f\n\n    g h",
        "A ⟦<!-- b -->⟧ here.",
        "A ⟦`b c`⟧ here.",
        "A [link⟦](b c)⟧ here.",
        "Sums like ⟦$a + b$⟧ here, and $5 or $6.",
        "Text\n⟦```\na b\n```⟧\nmore",
        "Text\n⟦| a | b |⟧\nmore",
        "Text\n⟦a\tb\tc⟧\nmore",
        "Text\n⟦>>> a b⟧\nmore",
        "Text\n⟦x = a b⟧\nmore",
        "Text\n⟦    a b\n    c d⟧\nmore",
        "Text\n    a b\nmore",
        "He paid 5 < 6 and left; nobody (not one) said “no” - or yes.",
    ],
)
def test_code_is_untouched_to_the_character(marked: str) -> None:
    parts = re.split("[⟦⟧]", marked)
    text = "".join(parts)
    is_code = [number % 2 == 1 for number, part in enumerate(parts) for _ in part]
    code = Protected(text).code
    assert [code.overlaps(place, place + 1) for place in range(len(text))] == is_code
    # What is put in between two characters of code is in code.
    inside = [before and after for before, after in pairwise(is_code)]
    assert [code.overlaps(place, place) for place in range(1, len(text))] == inside


@pytest.mark.parametrize(
    ("text", "is_markup"),
    [
        ("# Food\n\nBread.", True),
        ("Bread.\n\n## Food", True),
        ("###### Food", True),
        ("####### Food", False),
        ("#food is", False),
        ("See [it](a).", True),
        ("It is **bold** or __so__.", True),
        ("a ** b __ c", False),
        ("<P>Bread.", True),
        ("Bread. </table>", True),
        ("Bread <px> is", False),
        ("A :ref:`b`.", True),
        ("~~~\na", True),
        ("a ~~~ b & c < d > e", False),
    ],
)
def test_a_text_in_markup_is_known_by_its_signs(text: str, is_markup: bool) -> None:
    assert Protected(text).is_markup == is_markup


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("the", True),
        ("don't", True),
        ("x", True),
        ("a1", False),
        ("12", False),
        ("a_b", False),
        ("deadbeef", False),
        ("deadbee", True),
        ("beefed", True),
        ("FF", False),
        ("ff", False),
        ("FFF", True),
        ("Ff", True),
        ("ACGT", False),
        ("ACG", False),
        ("AC", False),
        ("AT", True),
        ("acgt", True),
        ("--", False),
    ],
)
def test_codes_keys_and_sequences_are_no_words(token: str, expected: bool) -> None:
    assert is_word(token) == expected


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("He wants to⟦ to to⟧ go.", True),
        ("He wants 12⟦ 12 12⟧.", False),
        ("He wants **to⟦ to** to⟧.", False),
        ("He saw <unk>⟦ <unk> to⟧.", True),
        ("He saw <unk>⟦ <b> to⟧.", False),
        ("He saw to.⟦  To to⟧.", True),
        ("He saw to⟦  to to⟧.", False),
        ("He saw to⟦\tto⟧.", False),
        ("See a⟦/a⟧.", False),
        ("See a⟦-a⟧.", False),
        ("See a ⟦-a⟧.", True),
        ("See a⟦-a a⟧.", True),
        ("See a⟦(a⟧.", True),
    ],
)
def test_a_loop_loses_words_but_no_parts_of_codes_or_columns(marked: str, expected: bool) -> None:
    start, end = marked.index("⟦"), marked.index("⟧") - 1
    assert is_prose(re.sub("[⟦⟧]", "", marked), start, end) == expected


@pytest.mark.parametrize(("text", "repaired"), REPAIRED_TEXTS.items())
def test_repetition_is_repaired(text: str, repaired: str) -> None:
    around = f"{CLEAN}\n\n{{}} He left early to see his mother in the village.\n"
    assert repair(around.format(text)).text == around.format(repaired)
    assert garble.repair(around.format(text)).text == around.format(repaired)


def test_what_cannot_be_repaired_is_left_and_listed_or_dropped() -> None:
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
            repaired = repair(text, scorer=scorer)
            assert repaired.text is text
            assert repaired.edits == ()


@settings(max_examples=60)
@given(ANY, st.booleans())
def test_edits_are_replayed_and_taken_back_to_the_character(text: str, drop: bool) -> None:
    repaired = repair(text, drop_unresolved=drop)
    assert apply(text, repaired.edits) == repaired.text
    assert undo(repaired.text, repaired.edits) == text
    place = 0
    for edit in repaired.edits:
        assert place <= edit.start <= edit.end
        assert text[edit.start : edit.end] == edit.before != edit.after
        place = edit.end


@settings(max_examples=40)
@given(ANY)
def test_to_repair_twice_changes_nothing_more(text: str) -> None:
    first = repair(text)
    again = repair(first.text)
    assert (again.text, again.edits) == (first.text, ())


@settings(max_examples=40)
@given(ANY)
def test_what_is_garbled_never_becomes_more(text: str) -> None:
    scorer = Scorer(reader="off")
    before, after = scorer.score(text), scorer.score(repair(text, scorer=scorer).text)
    assert sum(s.score for s in after.sentences if s.garbled) <= sum(s.score for s in before.sentences if s.garbled)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], []),
        ([(0, 1, "X")], [], [(0, 1, "X")]),
        ([], [(8, 9, "")], [(8, 9, "")]),
        # Places of the second are those of the text that the first gives.
        ([(0, 2, "")], [(2, 3, "Y")], [(0, 2, ""), (4, 5, "Y")]),
        ([(0, 0, "XY"), (4, 6, "")], [(3, 4, "Z"), (6, 7, "")], [(0, 0, "XY"), (1, 2, "Z"), (4, 7, "")]),
        ([(1, 2, ""), (4, 5, "XXX")], [(8, 8, "Y")], [(1, 2, ""), (4, 5, "XXX"), (7, 7, "Y")]),
        # What meets becomes one.
        ([(2, 4, "X")], [(2, 3, "Y")], [(2, 4, "Y")]),
        ([(2, 4, "X")], [(3, 5, "Y")], [(2, 6, "XY")]),
        ([(2, 3, "X"), (4, 5, "Z")], [(2, 5, "")], [(2, 5, "")]),
        ([(0, 1, "X"), (2, 3, ""), (6, 7, "")], [(2, 4, "Q"), (5, 5, "R")], [(0, 1, "X"), (2, 5, "Q"), (6, 7, "R")]),
        # What is taken back is no edit, and what stays as it was is no part of one.
        ([(2, 4, "X")], [(2, 3, "cd")], []),
        ([(2, 4, "X")], [(2, 3, "cX")], [(3, 4, "X")]),
        ([(2, 6, "X")], [(2, 3, "cXXf")], [(3, 5, "XX")]),
    ],
)
def test_two_rounds_of_edits_become_one(
    first: list[tuple[int, int, str]], second: list[tuple[int, int, str]], expected: list[tuple[int, int, str]]
) -> None:
    def edits(text: str, rows: list[tuple[int, int, str]], signal: str) -> list[Edit]:
        return [Edit(start, end, text[start:end], after, signal) for start, end, after in rows]

    text = "abcdefghij"
    one = edits(text, first, "a.one")
    between = apply(text, one)
    two = edits(between, second, "a.two")
    found = composed(text, one, two)
    assert [(edit.start, edit.end, edit.after) for edit in found] == expected
    assert apply(text, found) == apply(between, two)
    assert undo(apply(text, found), found) == text


def test_fixers_answer_signals_that_there_are() -> None:
    assert set(FIXERS) <= {signal.name for signal in SIGNALS}


def test_a_file_is_repaired_in_place_and_keeps_encoding_and_mode() -> None:
    looped = next(iter(REPAIRED_TEXTS))
    for name, mark, encoding in (("a.txt", b"\xef\xbb\xbf", "utf-8"), ("b.txt", b"\xff\xfe", "utf-16-le")):
        path = Path(name)
        path.write_bytes(mark + f"{CLEAN}\r\n{looped}\r\n".encode(encoding))
        path.chmod(0o640)
        garble_repair("--in-place", name)
        assert path.read_bytes() == mark + f"{CLEAN}\r\n{REPAIRED_TEXTS[looped]}\r\n".encode(encoding)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        before = path.stat()
        assert "unchanged" in garble_repair("--in-place", name).stderr
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs patch")
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_diff_is_what_patch_takes(end: str) -> None:
    text = "\n".join([CLEAN, *REPAIRED_TEXTS]) + end
    Path("a file.txt").write_bytes(text.encode())
    Path("patch").write_bytes(garble_repair("--diff", "a file.txt").stdout_bytes)
    subprocess.run(["patch", "-p0", "--binary", "-i", "patch"], check=True, capture_output=True)
    assert Path("a file.txt").read_bytes() == repair(text).text.encode()


def test_json_has_the_edits() -> None:
    looped = next(iter(REPAIRED_TEXTS))
    record = json.loads(garble_repair("-", "--format", "json", "--exit-code", stdin=looped.encode(), code=1).stdout)
    assert (record["text"], record["unresolved"]) == (REPAIRED_TEXTS[looped], [])
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
