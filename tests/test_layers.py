"""The shape of the house: an import points down its floors, and what is heavy waits until it is needed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import garble

PACKAGE = Path(garble.__file__).parent

# A room is a package, or a module that stands alone. A room imports from the floors below its own.
FLOORS = [
    {"__main__"},
    {"cli"},
    {"integrations", "testing"},
    {"filtering", "training", "repairs"},
    {"scorer"},
    {"verdict", "calibration"},
    {"report"},
    {"models", "network"},
    {"signals"},
    {"columns"},
    {"text"},
    {"languages", "io"},
    {"errors"},
]
FLOOR = {room: len(FLOORS) - number for number, rooms in enumerate(FLOORS) for room in rooms}
# Along one floor: a network is made from a scorecard.
ALONG = {("network", "models")}
# Pairs of rooms of which one imports the other.
MOST_ARROWS = 90

HEAVY = {"jinja2", "markupsafe", "sklearn", "scipy", "langdetect", "textstat", "rich", "backports", "compression"}
HEAVY |= {"markdown_it"}
HEAVY |= {"datasets", "datatrove", "pandas", "polars", "pyarrow", "pyspark", "ray"}
HEAVY |= {"fsspec", "warcio"}
HEAVY |= {"onnx", "onnxruntime", "tokenizers", "torch"}
# What a module is for is no burden to it: whoever imports the integration has the library.
ITS_OWN = {"integrations.sklearn": {"sklearn"}, "integrations.arrow": {"pyarrow"}}
ITS_OWN |= {"filtering.arrow": {"pyarrow"}, "filtering.formats.parquet": {"pyarrow"}}
ITS_OWN |= {"filtering.formats.warc": {"warcio"}}
ITS_OWN |= {"integrations.pandas": {"pandas"}, "integrations.polars": {"polars"}}
ITS_OWN |= {"integrations.datatrove": {"datatrove"}}
ITS_OWN |= {"integrations.spark": {"pandas", "pyarrow", "pyspark"}, "integrations.ray": {"pyarrow"}}
ITS_OWN |= {f"training.network.{name}": {"torch"} for name in ("encoder", "shipping", "train")}
PICKLES = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
INNER = [name for name in MODULES if name != "__init__"]


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all that is imported anywhere in `tree`; "garble.text.layout.Span" for a name of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_at_once(tree: ast.AST) -> Iterator[str]:
    """What is imported as soon as the module is: not within functions, nor for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node)
        elif not typing_only and not isinstance(node, ast.FunctionDef | ast.Lambda):
            yield from imports_at_once(node)


def inside(name: str) -> set[str]:
    """The other modules of garble that `name` imports, as "io" or "signals.base"; for types alone, too."""
    dotted = [found.removeprefix("garble.") for found in imports(MODULES[name]) if found.startswith("garble.")]
    modules = [found if found in MODULES else found.rpartition(".")[0] for found in dotted]
    return {module for module in modules if module} - {name}


def room_of(module: str) -> str:
    return module.split(".")[0]


ARROWS = {
    (room_of(name), room_of(module)) for name in INNER for module in inside(name) if room_of(name) != room_of(module)
}


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The nodes of a circle of arrows, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_room_has_a_floor() -> None:
    assert {room_of(name) for name in INNER} == set(FLOOR)


@pytest.mark.parametrize("name", INNER)
def test_an_import_points_down(name: str) -> None:
    own = room_of(name)
    for other in map(room_of, inside(name)):
        assert other == own or FLOOR[other] < FLOOR[own] or (own, other) in ALONG


def test_an_arrow_along_a_floor_is_listed_only_while_it_is_there() -> None:
    assert ARROWS >= ALONG


def test_there_are_few_arrows_between_rooms() -> None:
    lines = [f"{one} -> {', '.join(sorted(b for a, b in ARROWS if a == one))}" for one in FLOOR]
    assert len(ARROWS) <= MOST_ARROWS, "\n".join([f"{len(ARROWS)} arrows:", *lines])


def test_rooms_stand_in_no_circle() -> None:
    assert not circle({room: {b for a, b in ARROWS if a == room} for room in FLOOR})


def test_modules_stand_in_no_circle() -> None:
    """Within a room, too: each imports what can be read without it."""
    assert not circle({name: inside(name) for name in INNER})


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": set()}, False),
        ({"a": {"b"}, "b": {"a"}}, True),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}}, True),
    ],
)
def test_a_circle_is_seen(graph: dict[str, set[str]], found: bool) -> None:
    assert bool(circle(graph)) is found


@pytest.mark.parametrize("name", [name for name in INNER if name.startswith("signals.")])
def test_signals_know_neither_model_nor_report_nor_each_other(name: str) -> None:
    assert not {"models", "report", "training"} & {room_of(module) for module in inside(name)}
    assert {module for module in inside(name) if module.startswith("signals")} <= {"signals.base"}


@pytest.mark.parametrize("name", [name for name in INNER if not name.startswith(("training", "cli", "integrations"))])
def test_what_runs_when_texts_are_scored_needs_no_training(name: str) -> None:
    assert "training" not in {room_of(module) for module in inside(name)}


@pytest.mark.parametrize("name", INNER)
def test_nothing_inside_uses_the_face_but_for_its_version(name: str) -> None:
    nodes = ast.walk(MODULES[name])
    attributes = [n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
    used = {node.attr for node in attributes if node.value.id == "garble"}
    parts = (found.split(".") for found in imports(MODULES[name]))
    used |= {part[1] for part in parts if part[0] == "garble" and len(part) == 2 and part[1] not in MODULES}
    assert used <= {"__version__"}


@pytest.mark.parametrize("name", MODULES)
def test_what_is_heavy_is_imported_only_where_it_is_needed(name: str) -> None:
    heavy = HEAVY & {found.split(".")[0] for found in imports_at_once(MODULES[name])}
    assert heavy <= ITS_OWN.get(name, set())


@pytest.mark.parametrize("name", MODULES)
def test_nothing_can_open_a_pickle(name: str) -> None:
    assert not PICKLES & {found.split(".")[0] for found in imports(MODULES[name])}
    assert "allow_pickle=True" not in ast.unparse(MODULES[name])
