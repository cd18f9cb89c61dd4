"""The shape of the house: an import points down its floors, and what is heavy waits until it is needed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import garble

PACKAGE = Path(garble.__file__).parent

FLOORS = [
    {"cli", "terminal", "progress"},
    {"corpus"},
    {"integrations"},
    {"prefilter", "mending", "view"},
    {"scorer", "train", "own", "cost"},
    {"signals", "deep"},
    {"batch", "model", "report", "corrupt", "estimation", "lm"},
    {
        *("text", "layout", "html", "markdown", "periodic", "io", "data", "lexicon", "alphabet", "language", "stats"),
        *("errors", "mojibake"),
    },
]
FLOOR = {name: len(FLOORS) - number for number, names in enumerate(FLOORS) for name in names}

# Imports along one floor: these and no more.
NEIGHBOURS = {
    ("cli", "progress"),
    ("cli", "terminal"),
    ("progress", "terminal"),
    ("view", "prefilter"),
    ("train", "scorer"),
    ("own", "scorer"),
    ("own", "train"),
    ("batch", "lm"),
    ("estimation", "lm"),
    ("io", "errors"),
    ("text", "alphabet"),
    ("text", "layout"),
    ("text", "lexicon"),
    ("text", "periodic"),
    ("periodic", "alphabet"),
    ("periodic", "lexicon"),
    ("layout", "lexicon"),
    ("layout", "html"),
    ("layout", "markdown"),
    ("html", "layout"),
    ("markdown", "html"),
    ("markdown", "layout"),
    ("lexicon", "alphabet"),
    ("mojibake", "alphabet"),
    ("stats", "alphabet"),
}

# Against the floors, and within a function: a report shows itself where a notebook asks it to.
UPWARD = {("report", "view")}

HEAVY = {"jinja2", "markupsafe", "sklearn", "scipy", "langdetect", "textstat", "rich", "backports", "compression"}
HEAVY |= {"markdown_it"}
HEAVY |= {"datasets", "datatrove", "pandas", "polars", "pyarrow", "pyspark", "ray"}
HEAVY |= {"onnx", "onnxruntime", "tokenizers", "torch"}
# What a module is for is no burden to it: whoever imports the integration has the library.
ITS_OWN = {"integrations.sklearn": {"sklearn"}, "integrations.arrow": {"pyarrow"}, "corpus.parquet": {"pyarrow"}}
ITS_OWN |= {"integrations.pandas": {"pandas"}, "integrations.polars": {"polars"}}
ITS_OWN |= {"integrations.datatrove": {"datatrove"}}
ITS_OWN |= {"integrations.spark": {"pandas", "pyarrow", "pyspark"}, "integrations.ray": {"pyarrow"}}
ITS_OWN |= {f"deep.{name}": {"torch"} for name in ("network", "shipping", "training")}
PICKLES = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
INNER = [name for name in MODULES if name != "__init__"]


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all that is imported anywhere in `tree`; "garble.text.Span" for a name of a module."""
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


def inside(name: str) -> list[str]:
    """The modules of garble that `name` imports, as "text" or "signals.base"."""
    dotted = [found.removeprefix("garble.") for found in imports(MODULES[name]) if found.startswith("garble.")]
    modules = [found if found in MODULES else found.rpartition(".")[0] for found in dotted]
    return sorted({module for module in modules if module})


@pytest.mark.parametrize("name", INNER)
def test_an_import_points_down(name: str) -> None:
    own = name.split(".")[0]
    for module in inside(name):
        other = module.split(".")[0]
        assert FLOOR[other] < FLOOR[own] or other == own or (own, other) in NEIGHBOURS | UPWARD


def test_neighbours_are_listed_only_while_they_are() -> None:
    modules = {(name, module) for name in INNER for module in inside(name)}
    assert modules >= {pair for pair in NEIGHBOURS | UPWARD if set(pair) <= set(INNER)}


@pytest.mark.parametrize("name", [name for name in INNER if name.startswith("signals.")])
def test_signals_know_neither_model_nor_report_nor_each_other(name: str) -> None:
    assert not {"model", "report", "corrupt"} & set(inside(name))
    assert {module for module in inside(name) if module.startswith("signals")} <= {"signals.base"}


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
