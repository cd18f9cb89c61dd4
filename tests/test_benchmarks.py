"""The benchmark's own functions: a wrong ruler makes every figure wrong."""

from __future__ import annotations

import json
import lzma
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef, roc_auc_score

sys.path.append(str(Path(__file__).parent.parent))

from benchmarks import damage, leaderboard, loops, peers
from benchmarks.quality import material, measures, statistics, systems, tables
from benchmarks.quality.__main__ import run, together

SENTENCE = "Yesterday the old ferryman Tobias Lindgren told two very curious visitors about the long winter of 1987."


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_resampling_draws_whole_clusters() -> None:
    weights = statistics.resample(["a", "b", "a", "c"], count=50)
    assert weights.shape == (51, 4)
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 2]).all()
    # Three clusters are drawn each time.
    assert (weights[1:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert (weights == statistics.resample(["a", "b", "a", "c"], count=50)).all()


def test_an_interval_narrows_with_more_clusters(rng: np.random.Generator) -> None:
    flags = rng.random(1000) < 0.3
    wide = statistics.summary(statistics.rate(flags, statistics.resample([str(i // 100) for i in range(1000)])))
    narrow = statistics.summary(statistics.rate(flags, statistics.resample([str(i) for i in range(1000)])))
    assert narrow["value"] == wide["value"] == pytest.approx(flags.mean())
    assert narrow["low"] < narrow["value"] < narrow["high"]
    assert narrow["high"] - narrow["low"] == pytest.approx(4 * np.sqrt(0.3 * 0.7 / 1000), rel=0.25)


def test_auroc_is_scikit_learns_with_weights_and_ties(rng: np.random.Generator) -> None:
    scores, positive = rng.integers(0, 12, 300).astype(float), rng.random(300) < 0.4
    weights = rng.integers(0, 4, (3, 300)).astype(np.float32)
    expected = [roc_auc_score(positive, scores, sample_weight=row) for row in weights]
    assert statistics.auroc(scores, positive, weights) == pytest.approx(expected)


def test_auroc_without_negatives_is_not_a_number() -> None:
    assert np.isnan(statistics.auroc(np.array([1.0, 2.0]), np.array([True, True]), np.ones((1, 2)))).all()


def test_pearson_is_numpys_on_what_was_drawn(rng: np.random.Generator) -> None:
    a = rng.normal(size=80)
    b = a + rng.normal(size=80)
    weights = statistics.resample([str(i) for i in range(80)], count=1)
    drawn = np.repeat(np.arange(80), weights[1].astype(int))
    expected = [np.corrcoef(a, b)[0, 1], np.corrcoef(a[drawn], b[drawn])[0, 1]]
    assert statistics.pearson(a, b, weights) == pytest.approx(expected)


def test_calibration_error(rng: np.random.Generator) -> None:
    p = rng.random(30_000)
    y = rng.random(30_000) < p
    ones = np.ones((1, len(p)))
    assert statistics.calibration_error(p, y, ones)[0] < 0.015
    assert statistics.calibration_error(np.full(100, 0.5), np.arange(100) < 80, np.ones((1, 100)))[0] > 0.25
    sure = np.array([0.0] * 50 + [1.0] * 50)
    assert statistics.calibration_error(sure, sure == 0, np.ones((1, 100)), bins=2)[0] == pytest.approx(1)


def test_agreement_of_marks_is_scikit_learns(rng: np.random.Generator) -> None:
    texts = [material.Tagged("", np.zeros((5, 2)), rng.random(5) < 0.4, str(i)) for i in range(40)]
    scores = [np.where(some.bad, 0.6, 0.4) + rng.normal(0, 0.2, 5) for some in texts]
    table = measures.counted(scores, texts, 0.5)
    bad, marked = np.concatenate([some.bad for some in texts]), np.concatenate(scores) > 0.5
    assert statistics.mcc(table, np.ones((1, 40)))[0] == pytest.approx(matthews_corrcoef(bad, marked))
    assert statistics.f1(table, np.ones((1, 40)))[0] == pytest.approx(f1_score(bad, marked))
    best = measures.best_limit(scores, texts, statistics.mcc)
    at_best = statistics.mcc(measures.counted(scores, texts, best), np.ones((1, 40)))[0]
    assert at_best >= matthews_corrcoef(bad, marked) - 0.02


def test_the_limit_is_exceeded_by_no_more_than_its_share(rng: np.random.Generator) -> None:
    scores = rng.integers(0, 30, 1000).astype(float)
    assert (scores > statistics.limit(scores)).mean() <= 0.01
    assert statistics.limit(np.arange(1000.0)) == 989


def test_tokens_are_joined_as_people_print_them() -> None:
    given = """He did n't say " no , thanks " ( in 1990 ) , she 's sure ."""
    tokens = given.split()
    text, spans = material.joined(tokens)
    assert text == """He didn't say "no, thanks" (in 1990), she's sure."""
    assert [text[start:end] for start, end in spans] == tokens


def test_a_sentence_is_planted_in_the_middle() -> None:
    host = " ".join(f"This is sentence number {n} of the clean text." for n in range(1, 6))
    text, (start, end) = material.plant(host, SENTENCE)
    assert text[start:end] == SENTENCE
    assert text[:start] + text[end + 1 :] == host
    assert abs(start - len(host) / 2) < 60


def test_stitched_documents_have_twins_as_long() -> None:
    bad = [f"Bad number {n} " + "again " * (n % 3) for n in range(9)]
    sound = [f"Sound number {n} " + "and so " * (n % 3) + "on" * (n % 2) for n in range(60)]
    broken, twins = material.stitch(bad, sound, 2, Random(1))
    assert len(broken) == len(twins) == material.STITCHED
    assert [len(text.split()) for text in broken] == [len(text.split()) for text in twins]
    assert all("Bad" not in text for text in twins)


def test_a_document_is_garbled_when_a_tenth_of_its_prose_is() -> None:
    text = "This is a clean and sound sentence. " * 19 + "This one is the sentence flagged."
    documents = material.Texts([text], ["a"], {})
    assert len(documents.pieces) == 20
    assert systems.worst_tenth(documents, np.arange(20) == 19).tolist() == [False]
    assert systems.worst_tenth(documents, np.arange(20) >= 16).tolist() == [True]


@pytest.mark.parametrize("name", damage.MAKERS)
def test_every_damage_changes_the_sentence_and_is_the_same_from_the_same_seed(name: str) -> None:
    made = damage.MAKERS[name](SENTENCE, Random(3))
    assert made is not None
    assert made != SENTENCE
    assert made == damage.MAKERS[name](SENTENCE, Random(3))


def test_what_each_damage_does() -> None:
    words = SENTENCE.split()
    for seed in range(20):
        rng = Random(seed)
        twice = damage.word_twice(SENTENCE, rng).split()
        assert len(twice) == len(words) + 1
        assert any(a == b for a, b in pairwise(twice))
        assert len(damage.loop(SENTENCE, rng).split()) - len(words) in (11, 22, 33, 44)
        assert len(damage.phrase_twice(SENTENCE, rng).split()) - len(words) in (3, 4, 5)
        assert damage.name_twice(SENTENCE, rng).count("Tobias Lindgren") == 2
        assert sorted(damage.word_salad(SENTENCE, rng).lower()[:-1].split()) == sorted(SENTENCE.lower()[:-1].split())
        assert damage.word_salad(SENTENCE, rng).endswith(".")
        assert any(mark in damage.mojibake(SENTENCE, rng) for mark in "ÃÂâ")


def test_no_damage_where_there_is_nothing_to_damage() -> None:
    assert damage.name_twice("The Swedish ferry left in the morning, as ever.", Random(0)) is None
    assert damage.word_salad("Too few here.", Random(0)) is None
    assert damage.loop("No.", Random(0)) is None


def test_peers_that_are_installed_score_a_loop_higher() -> None:
    for name in ("zlib ratio", "datatrove Gopher repetition", "OpusFilter repetition"):
        peer = peers.PEERS[name]
        if peer.installed:
            assert peer.score("I want to go " * 30) > peer.score(SENTENCE)


def test_gophers_ratio_agrees_with_its_own_verdict() -> None:
    if not peers.PEERS["datatrove Gopher repetition"].installed:
        pytest.skip("needs datatrove and spacy")
    for text in (SENTENCE, "I want to go " * 30, "Short.", f"{SENTENCE}\n\n{SENTENCE}"):
        assert (peers.gopher_repetition(text) > 1) == peers.gopher_repetition_drops(text)


@pytest.mark.parametrize(
    ("hits", "count", "expected"),
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_wilsons_interval(hits: int, count: int, expected: tuple[float, float]) -> None:
    assert statistics.wilson(hits, count) == pytest.approx(expected, abs=1e-4)


def test_wilsons_interval_of_nothing_is_everything() -> None:
    assert statistics.wilson(0, 0) == (0.0, 1.0)


def test_bins_of_reliability_hold_every_score_once() -> None:
    p, y = np.array([0.0, 0.05, 0.15, 0.95, 1.0]), np.array([False, True, False, True, True])
    rows = statistics.reliability(p, y)
    assert [row["items"] for row in rows] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (rows[0]["score"], rows[0]["share"]) == (0.025, 0.5)
    assert (rows[9]["score"], rows[9]["share"]) == (0.975, 1.0)


def test_no_statistic_stumbles_over_an_empty_set() -> None:
    none, weights = np.zeros(0), statistics.resample([])
    assert np.isnan(statistics.auroc(none, none > 0, weights)).all()
    assert np.isnan(statistics.rate(none > 0, weights)).all()
    assert np.isnan(statistics.pearson(none, none, weights)).all()
    assert statistics.summaries({"empty": statistics.rate(none > 0, weights)}) == {}


def test_a_share_takes_whole_documents_and_grows() -> None:
    records = [{"doc": f"d{i // 3}", "text": ""} for i in range(3000)]
    few, more = material.sampled(records, 0.1), material.sampled(records, 0.3)
    kept = {record["doc"] for record in few}
    assert len(few) == 3 * len(kept)
    assert 70 <= len(kept) <= 130
    assert kept <= {record["doc"] for record in more}
    assert material.sampled(records, 1) == records


class Counter:
    """Scores the length of a sentence, and counts the calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def score(self, texts: list[str], pair: str) -> np.ndarray:
        self.calls.append(pair)
        return np.array([float(len(text)) for text in texts])


def small_material() -> material.Material:
    """Two translations and two documents of human text."""
    mlqe = material.Texts(["a", "bb"], ["0", "1"], {"pair": np.array(["et-en", "si-en"])})
    human = material.Texts(
        ["The boat left. Nobody saw it leave the harbour.", "Das Boot legte ab."], ["h0", "h1"],
        {"kind": np.array(["news", "news (de)"]), "english": np.array([True, False])},
    )  # fmt: skip
    return material.Material({"mlqe": mlqe}, {"human": human}, {})


def test_every_set_is_scored_once() -> None:
    counter = Counter()
    columns = systems.Columns(systems.System("x", "x", "", counter.score), small_material())
    assert columns.unseen("mlqe").tolist() == columns.sentences("mlqe").tolist() == [1.0, 2.0]
    assert columns.read("human") is columns.read("human", "et-en")
    assert counter.calls == ["", ""]


def test_what_was_fitted_is_asked_by_pair() -> None:
    counter = Counter()
    columns = systems.Columns(systems.System("x", "x", "", counter.score, pairs=True), small_material())
    assert columns.unseen("mlqe").tolist() == [1.0, 2.0]
    assert columns.unseen("mlqe") is columns.unseen("mlqe")
    assert counter.calls == ["et-en", "si-en"]


def test_the_limit_is_read_off_english_alone() -> None:
    columns = systems.Columns(systems.System("x", "x", "", Counter().score), small_material())
    # The longest English sentence; the German one is longer than the other.
    assert columns.limit() == len("Nobody saw it leave the harbour.")


def flagged_read() -> systems.Read:
    """Two documents of two and one sentences, of which the second and the third are flagged."""
    return systems.Read(
        np.array([0.2, 0.9]), np.array([0, 2, 3]), np.array([False, True]), np.array([0.1, 0.6, 0.95]),
        np.array([0, 15, 0]), np.array([14, 47, 18]), np.array([False, True, True]),
        [(1, "fluency.syntax", 15, 20, 1.0), (1, "fluency.syntax", 22, 25, 1.0), (2, "repetition.loop", 0, 3, 4.0)],
    )  # fmt: skip


def test_false_alarms_are_counted_by_kind_and_signal() -> None:
    system = systems.System(
        "x", "x", "", documents=lambda texts, pair: flagged_read(), thresholds={"strict": 0.9, "balanced": 0.5}
    )
    columns = systems.Columns(system, small_material())
    assert measures.by_signal(columns) == {
        "news": {"flagged": [1, 0], "fluency.syntax": [1, 0]},
        "news (de)": {"flagged": [1, 1], "repetition.loop": [1, 1]},
    }
    counts = measures.by_kind(columns)
    assert counts["news"] == {"sentences": 2, "documents": 1, "strict": [0, 0], "balanced": [1, 0], "crossed": 0}
    assert counts["news (de)"] == {"sentences": 1, "documents": 1, "strict": [1, 1], "balanced": [1, 1]}


def test_a_sentence_touches_a_span() -> None:
    spans = np.empty(2, object)
    spans[:] = [[(14, 15), (40, 60)], [(18, 20)]]
    assert measures.in_spans(flagged_read(), spans).tolist() == [False, True, False]


def test_the_tables_show_what_was_measured() -> None:
    found = {"loops auroc": {"value": 0.97, "low": 0.95, "high": 0.99}}
    measured = {
        "all": {"title": "`en`, all", "figures": found},
        "large": {"title": "`en-large`", "figures": {"loops auroc": {"value": 0.9, "low": 0.8, "high": 1.0}}},
    }
    figures = {"loops auroc": tables.Figure("loops", 0.95, 0.98)}
    assert tables.goals_table(measured, figures).splitlines() == [
        "| figure | `en`, all | `en-large` | to reach: `en` | to reach: `en-large` |",
        "| --- | --- | --- | --- | --- |",
        "| loops | .970 (.950 to .990) | **.900 (.800 to 1.000)** | .95 | .98 |",
    ]


@pytest.mark.parametrize(
    ("hits", "count", "most", "expected"),
    [
        (0, 100, 0.01, "0.00 (0.00 to 3.70)"),
        (5, 100, 0.01, "**5.00 (2.15 to 11.18)**"),
        (5, 100, None, "5.00 (2.15 to 11.18)"),
        (0, 0, 0.01, "–"),
    ],
)
def test_a_share_is_bold_where_its_whole_interval_is_too_high(
    hits: int, count: int, most: float | None, expected: str
) -> None:
    assert tables.share(hits, count, most) == expected


def test_the_tables_fill_the_page_and_leave_the_rest() -> None:
    page = tables.filled("Before.\n<!-- a -->\nold\n<!-- /a -->\nAfter.\n", {"a": "new"})
    assert page == "Before.\n<!-- a -->\nnew\n<!-- /a -->\nAfter.\n"
    assert tables.filled(page, {"a": "new"}) == page
    with pytest.raises(ValueError, match="no <!-- b -->"):
        tables.filled(page, {"b": "new"})


@pytest.mark.parametrize(("benchmark", "name"), [(tables, "quality"), (loops, "loops")])
def test_the_figures_on_the_page_are_those_of_the_results(benchmark: ModuleType, name: str) -> None:
    results = json.loads((tables.HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))
    page = tables.README.read_text(encoding="utf-8")
    assert tables.filled(page, benchmark.rendered(results)) == page


def tiny_data(folder: Path) -> Path:
    """A data folder of the files that the quality benchmark reads, of made sentences of eleven words."""
    rng = Random(5)
    who, did, what = ("ferryman", "nurse", "printer", "smith"), ("sold", "found", "lost"), ("boat", "letter", "coin")

    def sentences(count: int) -> list[str]:
        made = (
            f"The {rng.choice(who)} {rng.choice(('Ann', 'Eve'))} Lindgren {rng.choice(did)} a {rng.choice(what)} "
            f"near the bridge in {rng.randint(1800, 1999)}."
            for _ in range(count)
        )
        return list(made)

    texts = [" ".join(sentences(3)) for _ in range(40)] + [" ".join(sentences(60)) for _ in range(3)]
    # As many words, so that clean twins can be stitched.
    bad = [text.replace("near the bridge in", "near the near the") for text in sentences(160)]
    scored = [
        {"text": text, "tokenised": text[:-1] + " .", "post_edit": text[:-6] + " .", "hter": 0.7,
         "da": 80 if i % 3 == 0 else 20, "bad": [[place := text.index("near"), place + 4]], "lp": material.PAIRS[i % 4]}
        for i, text in enumerate(bad)
    ]  # fmt: skip
    graded = [
        {"text": text, "acceptability": 1 + i % 4, "coherence": 1 + i % 4, "fluency": 1 + i % 3, "lang": "en",
         "visible": 1, "kind": "base_id1_repeat", "clean": text[5:], "doc": f"smog.{('bnc', 'enwiki')[i // 20]}.{i}"}
        for i, text in enumerate(texts[:40])
    ]  # fmt: skip
    panel2 = [{"text": texts[0], "kind": "law", "lang": "de"}, {"text": texts[1], "kind": "law", "lang": "en"}]
    files = {
        "dev/human": [{"text": text, "kind": "news", "lang": "en"} for text in texts],
        "dev/panel2": panel2,
        "dev/mlqe": scored,
        "fit/mlqe": scored * 3,
        "fit/mqm": [{"text": text, "visible": [[0, 9]]} for text in texts],
        "dev/needle": [{"text": text, "repetitions": i % 2, "full-unsupport": 1} for i, text in enumerate(bad)],
        "dev/mtdocs": [{"text": text, "label": i % 2, "lang": "en"} for i, text in enumerate(texts)],
        **{f"dev/{name}": graded for name in ("smog", "gug", "demetr", "summeval")},
    }
    for name, records in files.items():
        path = folder / f"{name}.jsonl.xz"
        path.parent.mkdir(exist_ok=True)
        with lzma.open(path, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps({"doc": f"{name}.{i}"} | record) + "\n" for i, record in enumerate(records))
    return folder


def test_one_run_gives_every_figure_of_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(material, "DAMAGED", 40)
    monkeypatch.setattr(material, "STITCHED", 10)
    results = run(tiny_data(tmp_path), 1.0, ["off", "bits", "zlib ratio"], None, 1.0, 1)
    assert "estimate: all systems" in capsys.readouterr().out
    off = results["systems"]["off"]
    # Only a network has marks of its own.
    assert {*tables.FIGURES} - {*off["figures"]} == {"words f1 reader", "words mcc reader"}
    assert {"smog bnc r", "mt auroc", "words mcc", "made word salad"} <= {*results["systems"]["bits"]["figures"]}
    assert set(off["human"]) == {"news", "law", "law (de)"}
    assert off["articles"]["documents"] == 20
    assert sum(row["items"] for row in off["bins"]["seeds"]) > 500
    parts = tables.rendered(json.loads(json.dumps(results)))
    assert "law (de)" in parts["human-sentences"]
    again = together([results, results | {"systems": {"large": off}, "speed": {"large": 1.0}}])
    assert [*again["systems"]] == ["off", "large", "bits", "zlib ratio"]
    with pytest.raises(ValueError, match="different values of share"):
        together([results, results | {"share": 0.5}])


def test_the_leaderboard_shows_the_best_of_each_column_in_bold() -> None:
    def system(title: str, **figures: float) -> dict[str, object]:
        return {"title": title, "figures": {key.replace("_", " "): {"value": x} for key, x in figures.items()}}

    quality = {
        "systems": {
            "off": system("garble", smog_bnc_r=0.5, smog_enwiki_r=0.7, human_documents=0.002),
            "other": system("other", smog_bnc_r=-0.25, smog_enwiki_r=-0.25, human_documents=0.001),
            "yes or no": system("yes or no", human_documents=0.3),
        },
        "speed": {"off": 7000.4},
    }
    looped = {"systems": {"garble.loops": {"loops": {"made, all": {"characters": {"value": 0.999}}}}}}
    lines = leaderboard.table_of(quality, looped).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    at = {title: i for i, title in enumerate(rows[0])}
    assert [row[0] for row in rows[2:]] == ["garble", "other", "yes or no"]
    grades, dropped = (
        [row[at[title]] for row in rows[2:]] for title in ("readers' grades, r", "human documents dropped")
    )
    assert grades == ["**.600**", "-.250", "–"]
    assert dropped == ["0.2%", "**0.1%**", "30.0%"]
    assert [row[at["looped characters found"]] for row in rows[2:]] == ["99.9%", "–", "–"]
    assert rows[2][at["sentences/s"]] == "7,000"
