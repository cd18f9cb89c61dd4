"""What several tests use: the shipped model, and texts as unkind as texts get."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings
from hypothesis import strategies as st

from garble.cli import main
from garble.columns import lm
from garble.report import Report
from garble.scorer import Scorer

settings.register_profile("garble", deadline=None)
settings.load_profile("garble")
pytest.register_assert_rewrite("garble.testing")

MODEL = Path(__file__).parent.parent / "models" / "en"
SEEDS = Path(__file__).parent.parent / "seeds"

# Pieces at which splitters stumble, to be strung together at random.
_PIECES = [
    "\n", "\r", "\r\n", "\n\n", "\t", " ", "  ", "\v", "\f", "\x1c", "\x85", "\xa0", "\u2028", "\u2029",
    ".", "!", "?", ",", "…", "...", "–", "—", "-", "•", "'", "’", '"', "“", "”", "(", ")", "- ", "1. ", "a) ",
    "\u200b", "\ufeff", "\u3000", "\u0301", "\ud800", "\udfff", "\0", "😀", "👩\u200d🌾", "漢字", "。",
    "U.S.", "No. 5", "vs.", "n't", "don't", "'s", "1,000.50", "Hello", "world", "The", "said", "I", "ไทย",
]  # fmt: skip

# Writes a text to a file of a name, and gives the name.
Write = Callable[[str, str], str]

ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.lists(st.sampled_from(_PIECES), max_size=25).map("".join),
)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a text into the working directory, and give its name."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> str:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(text.encode())
        return name

    return write


def invoke(*arguments: str, stdin: str | bytes = b"", **environment: str) -> Result:
    """Run the command in this process; an exception is an error of the test."""
    result = CliRunner().invoke(main, arguments, input=stdin, env={"COLUMNS": "80", **environment})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture(scope="session")
def english() -> lm.LanguageModel:
    return lm.load(MODEL / "lm.npz")


@pytest.fixture(scope="session")
def scorer() -> Scorer:
    """The scorecard alone: most tests are of the engine. What a network reads is tested in test_deep.py."""
    return Scorer(reader="off")


def documents(count: int, seed: int = 0) -> list[str]:
    """Documents of one to six seeds each, the same for the same seed."""
    rng = Random(seed)
    lines = [line for path in sorted(SEEDS.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [json.loads(line)["text"] for line in lines]
    return [rng.choice(["\n\n", " "]).join(rng.choices(texts, k=rng.randint(1, 6))) for _ in range(count)]


@pytest.fixture(scope="session")
def corpus() -> list[str]:
    """The thousand documents that every engine is to score alike."""
    return documents(1000)


@pytest.fixture(scope="session")
def unsure() -> Scorer:
    """What the filter and the engines score with."""
    return Scorer(reader="unsure")


@pytest.fixture(scope="session")
def reports(corpus: list[str], unsure: Scorer) -> list[Report]:
    """What the library says of them."""
    return list(unsure.score_many(corpus))
