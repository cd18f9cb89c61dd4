"""Kinds of honest text that look like garble, each beside the fault that it looks like; at the balanced threshold."""

from __future__ import annotations

import pytest

from garble.columns.batch import Batch
from garble.scorer import Scorer
from garble.text.segmentation import segment, whole

# By kind: what people write, and what must still be found.
KINDS: dict[str, tuple[list[str], list[str]]] = {
    "law says a name again": (
        [
            "The Council of the City of Hull may sell land that the Council of the City of Hull no longer needs.",
            "The Bank of the North may lend money that the Bank of the North does not hold.",
            "A member of the Board of Trade shall not vote where the Board of Trade has an interest.",
        ],
        ["The Council of the Council of the Council of the City of Hull sold the land."],
    ),
    "law gives terms their meanings": (
        [
            'As used here, "the Rules" refers to edition 2 of the River Club Sailing Rules, and the "Code" refers to '
            "edition 2 of the River Club Safety Code.",
            '"Tenant" means a person named in the first schedule, and "Guest" means a person named in the second.',
            '"Day" has the meaning given in the annex, and "Week" has the meaning given in the annex.',
        ],
        ['The term "Day" refers to the term "Day" or "Day" (or the "Day") of the "Day".'],
    ),
    "law joins a term to itself": (
        [
            "The Landlord shall give notice to the Lessee, and the Lessee shall answer within ten days.",
            "Zope or Zope Corporation must be named in the notice.",
            "The program or a program derived from it may be sold.",
            "The work improved rail and rail safety in the county.",
        ],
        ["The tenant or the tenant shall tell the tenant or the tenant in good time."],
    ),
    "a letter at the end": (
        [
            "You may share the files under the terms of Your choice of Licence A or Licence A.",
            "The rules for small boats stand in the second part of Annex A.",
            "The operator gives the same as +a.",
        ],
        ["The minister said on Tuesday that the.", "We opened the door and there was a."],
    ),
    "options and identifiers": (
        [
            "These flags work everywhere: --verbose, --project, --format, --help, --log-file, --no-cache.",
            "Give the number of blocks with -size size or leave it out.",
            "It calls time.sleep(delay) and reads max_retries from /etc/app/app.conf and ~/.apprc.",
            "An lxml tree holds an ntptimeval for each of its nodes.",
        ],
        ["The key is in the the --log-file folder of the house."],
    ),
    "code in Markdown": (
        [
            "# Colours\n\nThe style is one of `no-bold`, `no-dim`, `no-red`, `no-blue` or `no-green`.",
            "# Usage\n\nGive a `--src` option or a `.toml` file to a `max_size` call.",
        ],
        ["# Usage\n\nGive the the `--src` option to the call of the call of the call of the call."],
    ),
    "codes": (
        [
            "The probe ATATATATATAT binds to the key c0ffeec0ffeec0ffee.",
            "The card answers at 00:1a:2b:3c:4d:5e and its twin at 00:1a:2b:3c:4d:5f.",
            "Its digest is d41d8cd98f00b204e9800998ecf8427e, and part number AX-2200-2200-B fits it.",
        ],
        ["It was a WhiteWhiteWhite house on a hill.", "The plutoniumplutoniumplutonium plant is shut."],
    ),
    "leaders and columns": (
        [
            "Safe Methods ............................................................ see page 51",
            "The name          stands here, and         the value           stands on the right of it.",
        ],
        ["the end of the end of the end of the end of the end of the end of the end"],
    ),
    "speakers start again": (
        [
            "Well, it's a, it's a bit of a long story, and I don't, I don't tell it often.",
            "I would never, I would never have a problem with anyone who asks me.",
            "So it's, it's, it's hard to find the time, and it came out, it came out well.",
        ],
        [
            "She went to the market to the market on Monday.",
            "It is recommended to drink a lot of water, a lot of water, a lot of water, a lot of water.",
        ],
    ),
    "speakers insist": (
        ["Okay, okay, okay, I get it.", "Yeah, yeah, yeah, something like that.", "It is talk, talk, talk."],
        ["Old dogs cook, cook, cook, cook, cook, cook in the kitchen."],
    ),
    "a clause as the subject": (
        ["What it was was football.", "What the states are are lists.", "All he ever did did no good."],
        ["The cat has lost its its roof.", "Irish shares were were still cheap in May."],
    ),
    "a pronoun on both sides of a seam": (
        ["Once I deliver it it's going to be sent there.", "When you tell him he'll come, he he'll be late."],
        ["We deliver it it to the door of the house."],
    ),
    "doubled on purpose": (
        [
            "Come here now now, my brother.",
            "She left the keys on the table, hint hint.",
            "He has to do do-it-yourself work on the house every weekend.",
        ],
        ["He has to do do it before noon on Sunday.", "Sumitomo may now now turn its attention to the banks."],
    ),
    "one letter, two names": (
        ["Two gates are known, And and Or, and one pin is gw Gw.", "Also like LIKE, it takes a sign for any letter."],
        ["Two gates are are known in the the handbook."],
    ),
    "namesakes": (
        [
            "Johann Strauss the Younger was the son of Johann Strauss the Elder.",
            "King Wu of Shang was the brother of King Wu of Zhou.",
            "A Certificate Authority may also sign for another Certificate Authority.",
            "The DNA sample is copied so that the DNA probe can find it.",
        ],
        ["Anna Rossi told state radio Anna Rossi that all was well."],
    ),
    "anaphora": (
        [
            "We shall fight on the beaches, we shall fight on the landing grounds, we shall fight in the fields.",
            "He had no house, he had no friends, and he had no money left.",
            "O my love is like a red, red rose; O my love is like the tune that’s sweetly played.",
        ],
        ["The crabs feed on the fish; the crabs feed on the fish, and the crabs feed on the fish."],
    ),
    "very short": (["Hi", '"x"', "Hello!", "Anna", "Thanks.", "Good morning"], ["no no no no no no of of of of"]),
}  # fmt: skip

honest = pytest.mark.parametrize(
    "text", [pytest.param(text, id=f"{kind}: {text[:40]}") for kind, (some, _) in KINDS.items() for text in some]
)
faulty = pytest.mark.parametrize(
    "text", [pytest.param(text, id=f"{kind}: {text[:40]}") for kind, (_, some) in KINDS.items() for text in some]
)


@honest
def test_honest_text_is_not_flagged(text: str, scorer: Scorer) -> None:
    report = scorer.score(text)
    assert not report.garbled
    assert {sentence.text: sentence.score for sentence in report.sentences if sentence.garbled} == {}


@faulty
def test_the_fault_it_looks_like_is_flagged(text: str, scorer: Scorer) -> None:
    assert any(sentence.garbled for sentence in scorer.score(text).sentences)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Set --log-file or max_size in /etc/app.conf today.", "--log-file max_size /etc/app.conf"),
        ("The C6 gene and time.time() match (a|b) at x=1.", "C6 time.time() (a|b) x=1."),
        ("Mail a@b.org or see https://b.org/x, and/or ask the U.S. office, e.g. Anna's.", "a@b.org https://b.org/x,"),
        ("In 1990 the 3rd house(s) cost $5, a well-known sum -- and _more_ of it.", ""),
        ("我们在2014年去了Bonn。", ""),
    ],
)  # fmt: skip
def test_code_is_told_from_prose(text: str, code: str) -> None:
    batch = Batch.of([whole(text)])
    found = [batch.pieces(i, i + 1) for i in range(len(batch.starts)) if batch.is_code[i]]
    assert "".join(found) == code.replace(" ", "")


def test_what_stands_for_code_in_markdown_is_code() -> None:
    batch = Batch.of([segment("# A\n\nGive `--src` and &amp; to it, and more.", "markdown")])
    assert [batch.pieces(i, i + 1) for i in range(len(batch.starts)) if batch.is_code[i]] == ["it"]
