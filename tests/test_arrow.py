"""garble over Arrow: which columns it takes, and that rows come back in their places with the library's own scores."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import ANY_TEXT
from hypothesis import given, settings
from hypothesis import strategies as st

from garble.filtering.decisions import decision, passages
from garble.report import Report
from garble.scorer import Scorer

pytestmark = pytest.mark.engines
pa = pytest.importorskip("pyarrow")

from garble.filtering.arrow import SCHEMA, texts_of  # noqa: E402
from garble.integrations.arrow import score_batch  # noqa: E402

LOOPED = "I want to to to to to to to go home."
CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
TEXTS = [CLEAN, None, LOOPED, "", CLEAN]

# Arrow holds UTF-8, so no lone surrogates.
ARROW_TEXT = st.none() | ANY_TEXT.map(lambda text: text.encode("utf-8", "replace").decode("utf-8"))

# The same five texts in all the shapes that a column of strings has.
COLUMNS: dict[str, Callable[[], pa.Array | pa.ChunkedArray]] = {
    "string": lambda: pa.array(TEXTS, pa.string()),
    "large_string": lambda: pa.array(TEXTS, pa.large_string()),
    "string_view": lambda: pa.array(TEXTS, pa.string_view()),
    "dictionary": lambda: pa.array(TEXTS).dictionary_encode(),
    "dictionary of large_string": lambda: pa.array(TEXTS, pa.large_string()).dictionary_encode(),
    "slice": lambda: pa.array([LOOPED, *TEXTS, LOOPED]).slice(1, len(TEXTS)),
    "chunks": lambda: pa.chunked_array([TEXTS[:1], [], TEXTS[1:4], TEXTS[4:]], pa.string()),
    "slice across chunks": lambda: pa.chunked_array([[LOOPED, *TEXTS[:2]], [*TEXTS[2:], LOOPED]]).slice(1, len(TEXTS)),
}


def test_a_thousand_documents_are_scored_as_the_library_scores_them(corpus: list[str], reports: list[Report]) -> None:
    found = score_batch(pa.record_batch({"text": corpus}))
    assert found.schema == SCHEMA
    assert found["score"].to_pylist() == [report.score for report in reports]
    assert found["garbled"].to_pylist() == [report.garbled for report in reports]
    assert found["reason"].to_pylist() == [decision(report).reason for report in reports]
    assert found["passages"].to_pylist() == [[cut._asdict() for cut in passages(report)] for report in reports]


@pytest.mark.parametrize("shape", COLUMNS)
def test_any_column_of_strings_will_do(shape: str, scorer: Scorer) -> None:
    table = pa.table({"n": range(len(TEXTS)), "body": COLUMNS[shape]()})
    clean, missing, looped, empty, again = score_batch(table, "body", scorer=scorer).to_pylist()
    assert missing == dict.fromkeys(SCHEMA.names)
    assert (looped["garbled"], looped["reason"]) == (True, "repetition.loop")
    assert (empty["score"], empty["garbled"]) == (0, False)
    assert clean == again
    assert (clean["garbled"], clean["reason"], clean["passages"]) == (False, "", [])


def test_offsets_are_characters_even_beyond_ascii(scorer: Scorer) -> None:
    text = f"Die Fähre 🚢 fährt um neun. {LOOPED}"
    ((passage,),) = score_batch(pa.table({"text": [text]}), scorer=scorer)["passages"].to_pylist()
    assert text[passage["start"] : passage["end"]] == LOOPED


@given(st.lists(ARROW_TEXT, max_size=6), st.data())
@settings(max_examples=50)
def test_pieces_laid_end_to_end_are_the_whole(scorer: Scorer, texts: list[str | None], data: st.DataObject) -> None:
    batch = pa.record_batch({"text": pa.array(texts, pa.string())})
    cut = data.draw(st.integers(0, len(texts)))
    pieces = [score_batch(piece, scorer=scorer) for piece in (batch.slice(0, cut), batch.slice(cut))]
    whole = score_batch(batch, scorer=scorer)
    assert whole.num_rows == len(texts)
    assert pa.Table.from_batches(pieces) == pa.Table.from_batches([whole])


@pytest.mark.parametrize("kind", [pa.string(), pa.null()])
@pytest.mark.parametrize("rows", [0, 2])
def test_nothing_to_score_is_no_error(kind: pa.DataType, rows: int, scorer: Scorer) -> None:
    table = pa.table({"text": pa.nulls(rows, kind)})
    # A table of no rows may have one empty chunk, or no chunk at all.
    for batch in [table, pa.Table.from_batches(table.to_batches(), table.schema)]:
        found = score_batch(batch, scorer=scorer)
        assert found.schema == SCHEMA
        assert found.to_pylist() == [dict.fromkeys(SCHEMA.names)] * rows


def test_the_scorer_decides(scorer: Scorer) -> None:
    batch = pa.record_batch({"text": [CLEAN]})
    assert score_batch(batch, scorer=scorer)["garbled"].to_pylist() == [False]
    assert score_batch(batch, scorer=Scorer(threshold=0.0, reader="off"))["garbled"].to_pylist() == [True]


def test_texts_come_as_they_stand() -> None:
    assert texts_of(pa.table({"text": COLUMNS["slice across chunks"]()}), "text") == TEXTS


INVALID = pa.StringArray.from_buffers(2, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff"))


@pytest.mark.parametrize(
    ("table", "column", "message"),
    [
        (pa.table({"id": [1], "body": ["a"]}), "text", r"no column 'text'; found: id, body"),
        (pa.table({}), "text", r"no column 'text'; found: none"),
        (pa.table([["a"], ["b"]], names=["text", "text"]), "text", r"more than one column 'text'; found: text, text"),
        (pa.table({"text": [1, 2]}), "text", r"column 'text' has type int64; expected strings"),
        (pa.table({"text": [b"a"]}), "text", r"column 'text' has type binary; expected strings"),
        (pa.table({"text": [["a"]]}), "text", r"column 'text' has type list<.*>; expected strings"),
        (
            pa.table({"text": pa.array([1]).dictionary_encode()}),
            "text",
            r"column 'text' has type dictionary<.*>; expected strings",
        ),
        (pa.table({"text": INVALID}), "text", r".*Invalid UTF8 sequence at string index 1"),
    ],
)
def test_what_is_no_column_of_texts_is_refused_in_a_line(table: pa.Table, column: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"\A{message}\Z"):
        score_batch(table, column)
