"""garble over pandas and Polars: a Series in, a frame out, row for row."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from conftest import ANY_TEXT
from hypothesis import given, settings
from hypothesis import strategies as st

from garble.filtering.decisions import annotation
from garble.report import Report
from garble.scorer import Scorer

pytestmark = pytest.mark.engines
pa = pytest.importorskip("pyarrow")

EXAMPLE = Path(__file__).parent.parent / "examples" / "dataframes.py"
LOOPED = "I want to to to to to to to go home."
CLEAN = "The committee met on Tuesday and approved the budget for the coming year."
TEXTS = [CLEAN, None, LOOPED]
COLUMNS = ["score", "garbled", "reason", "passages"]


@pytest.fixture(scope="module")
def pd() -> Any:
    return pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def pandas_scores(pd: Any) -> Callable[..., Any]:
    from garble.integrations.pandas import score_series

    return score_series


@pytest.fixture(scope="module")
def pl() -> Any:
    return pytest.importorskip("polars")


@pytest.fixture(scope="module")
def polars_scores(pl: Any) -> Callable[..., Any]:
    from garble.integrations.polars import score_series

    return score_series


@pytest.fixture(scope="module")
def rows(unsure: Scorer) -> list[dict[str, Any]]:
    """What is to be said of TEXTS."""
    return [dict.fromkeys(COLUMNS) if text is None else annotation(unsure.score(text)) for text in TEXTS]


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """The rows of a pandas frame as plain values, with None for NA."""
    return pa.Table.from_pandas(frame, preserve_index=False).to_pylist()  # type: ignore[no-any-return]


def test_pandas_gets_what_the_library_says(
    pd: Any, pandas_scores: Any, corpus: list[str], reports: list[Report]
) -> None:
    found = pandas_scores(pd.Series(corpus[:100]))
    assert list(found) == COLUMNS
    assert rows_of(found) == [annotation(report) for report in reports[:100]]


@pytest.mark.parametrize(
    "index",
    [
        lambda pd: pd.RangeIndex(3),
        lambda pd: pd.Index([7, 7, 7], name="doubled"),
        lambda pd: pd.Index(["b", "a", None]),
        lambda pd: pd.to_datetime(["2024-03-01", "2024-01-01", "2024-02-01"]),
        lambda pd: pd.MultiIndex.from_tuples([("a", 2), ("a", 1), ("a", 2)], names=["file", "line"]),
    ],
    ids=["range", "duplicates", "missing label", "dates", "levels"],
)
def test_pandas_keeps_the_index(index: Any, pd: Any, pandas_scores: Any, rows: list[dict[str, Any]]) -> None:
    texts = pd.Series(TEXTS, index=index(pd), name="text")
    found = pandas_scores(texts)
    pd.testing.assert_index_equal(found.index, texts.index, exact=True)
    assert rows_of(found) == rows
    beside = pd.concat([texts, found], axis=1)
    assert list(beside) == ["text", *COLUMNS]
    assert len(beside) == len(texts)


@pytest.mark.parametrize(
    "missing", [lambda _: None, lambda _: float("nan"), lambda pd: pd.NA], ids=["None", "nan", "NA"]
)
@pytest.mark.parametrize(
    "dtype",
    [
        lambda _: object,
        lambda pd: pd.Series(["inferred"]).dtype,
        lambda _: "category",
        lambda _: "string[python]",
        lambda _: "string[pyarrow]",
        lambda pd: pd.ArrowDtype(pa.string()),
        lambda pd: pd.ArrowDtype(pa.large_string()),
    ],
    ids=["object", "inferred", "category", "string[python]", "string[pyarrow]", "arrow", "large arrow"],
)
def test_pandas_may_hold_strings_in_any_way(
    dtype: Any, missing: Any, pd: Any, pandas_scores: Any, rows: list[dict[str, Any]]
) -> None:
    texts = pd.Series([CLEAN, missing(pd), LOOPED], dtype=object).astype(dtype(pd))
    assert rows_of(pandas_scores(texts)) == rows


@pytest.mark.parametrize("texts", [[], [None, None], [float("nan")]])
def test_pandas_dtypes_hang_on_no_text(texts: list[Any], pd: Any, pandas_scores: Any) -> None:
    found = pandas_scores(pd.Series(texts))
    assert found.isna().all(axis=None)
    assert len(found) == len(texts)
    pd.testing.assert_series_equal(found.dtypes, pandas_scores(pd.Series(TEXTS)).dtypes)


def test_pandas_takes_the_verdict_for_a_mask(pd: Any, pandas_scores: Any) -> None:
    frame = pd.DataFrame({"text": TEXTS})
    garbled = pandas_scores(frame["text"])["garbled"]
    assert frame[garbled]["text"].tolist() == [LOOPED]
    assert frame[~garbled]["text"].tolist() == [CLEAN]


@pytest.mark.parametrize("texts", [TEXTS, [CLEAN], [None]], ids=["all sorts", "clean", "missing"])
def test_pandas_scores_come_back_from_parquet(texts: list[str | None], pd: Any, pandas_scores: Any) -> None:
    found = pandas_scores(pd.Series(texts))
    back = pd.read_parquet(BytesIO(found.to_parquet()))
    plain = [name for name in COLUMNS if name != "passages"]
    pd.testing.assert_frame_equal(back[plain], found[plain])
    assert rows_of(back) == rows_of(found)


@given(st.lists(st.none() | ANY_TEXT, max_size=5))
@settings(max_examples=50)
def test_pandas_may_hold_what_arrow_cannot(
    pd: Any, pandas_scores: Any, unsure: Scorer, texts: list[str | None]
) -> None:
    found = rows_of(pandas_scores(pd.Series(texts, dtype=object)))
    assert [row["score"] for row in found] == [None if text is None else unsure.score(text).score for text in texts]


@pytest.mark.parametrize(
    ("texts", "index", "message"),
    [
        (["a", None, 7], "xyz", r"row 2 \(index 'z'\): expected a string, got int"),
        (["a", b"b"], [("d", 1), ("d", 1)], r"row 1 \(index \('d', 1\)\): expected a string, got bytes"),
        ([["a"], "b"], None, r"row 0 \(index 0\): expected a string, got list"),
        ([0.5, 1.5], [8, 9], r"row 0 \(index 8\): expected a string, got float"),
    ],
)
def test_pandas_is_told_the_row_that_holds_no_string(
    texts: list[Any], index: Any, message: str, pd: Any, pandas_scores: Any
) -> None:
    with pytest.raises(ValueError, match=rf"\A{message}\Z"):
        pandas_scores(pd.Series(texts, index=index if index is None else list(index)))


def test_pandas_is_told_that_a_frame_is_no_series(pd: Any, pandas_scores: Any) -> None:
    with pytest.raises(ValueError, match=r"\Arow 0 \(index 'text'\): expected a string, got Series\Z"):
        pandas_scores(pd.DataFrame({"text": TEXTS}))


def test_polars_gets_what_the_library_says(
    pl: Any, polars_scores: Any, corpus: list[str], reports: list[Report]
) -> None:
    found = polars_scores(pl.Series(corpus[:100]))
    assert found.columns == COLUMNS
    assert found.to_dicts() == [annotation(report) for report in reports[:100]]


@pytest.mark.parametrize(
    "series",
    [
        lambda pl: pl.Series("text", TEXTS),
        lambda pl: pl.Series(TEXTS),
        lambda pl: pl.Series(TEXTS, dtype=pl.Categorical),
        lambda pl: pl.Series(TEXTS, dtype=pl.Enum([LOOPED, CLEAN])),
        lambda pl: pl.Series([LOOPED, *TEXTS, LOOPED])[1:4],
        lambda pl: pl.concat([pl.Series(TEXTS[:2]), pl.Series(TEXTS[2:])], rechunk=False),
    ],
    ids=["named", "nameless", "categorical", "enum", "slice", "chunks"],
)
def test_polars_may_hold_strings_in_any_way(
    series: Any, pl: Any, polars_scores: Any, rows: list[dict[str, Any]]
) -> None:
    assert polars_scores(series(pl)).to_dicts() == rows


@pytest.mark.parametrize("dtype", ["String", "Null"])
@pytest.mark.parametrize("size", [0, 2])
def test_polars_dtypes_hang_on_no_text(size: int, dtype: str, pl: Any, polars_scores: Any) -> None:
    found = polars_scores(pl.Series([None] * size, dtype=getattr(pl, dtype)))
    assert found.schema == polars_scores(pl.Series(TEXTS)).schema
    assert found.rows() == [(None,) * len(COLUMNS)] * size


def test_polars_takes_the_scores_as_columns_or_as_one(pl: Any, polars_scores: Any, rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame({"text": TEXTS})
    scores = polars_scores(frame["text"])
    assert frame.hstack(scores).filter("garbled")["text"].to_list() == [LOOPED]
    assert frame.with_columns(garble=scores.to_struct())["garble"].to_list() == rows


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (lambda pl: pl.Series("n", [1]), "column 'n' has type int64; expected strings"),
        (lambda pl: pl.Series([b"a"]), "column '' has type large_binary; expected strings"),
        (lambda pl: pl.Series("o", [object()], dtype=pl.Object), "column 'o' has type .*; expected strings"),
    ],
    ids=["int", "binary", "object"],
)
def test_polars_is_told_what_holds_no_strings(series: Any, message: str, pl: Any, polars_scores: Any) -> None:
    with pytest.raises(ValueError, match=rf"\A{message}\Z"):
        polars_scores(series(pl))


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_threshold_and_model_are_the_scorers(engine: str, request: pytest.FixtureRequest) -> None:
    scores = request.getfixturevalue(f"{engine}_scores")
    series = pytest.importorskip(engine).Series([CLEAN])
    assert not scores(series)["garbled"][0]
    assert scores(series, threshold=0.0)["garbled"][0]
    with pytest.raises(ValueError, match="unknown threshold 'lax'"):
        scores(series, threshold="lax")
    with pytest.raises(ValueError, match="unknown model 'xx'"):
        scores(series, model="xx")


@pytest.mark.usefixtures("pd", "pl")
def test_the_example_finds_the_garbled_rows_twice(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    printed = capsys.readouterr().out
    assert [printed.count(name) for name in ("bakery", "weather", "ferry", "museum")] == [2, 2, 0, 0]
