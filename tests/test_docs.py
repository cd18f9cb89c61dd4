"""The code on the pages of the documentation runs.

A fenced block in Python or for the shell is run, in the order of the page and in one folder, unless the line before it
says `<!-- not run: REASON -->`.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

import pytest
from conftest import SEEDS, documents

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("**/*.md"))
FENCED = re.compile(
    r"^(?P<before>[^\n]*)\n(?P<indent> *)```(?P<language>python|sh|bash|shell)\n(?P<code>.*?)\n(?P=indent)```$",
    re.M | re.S,
)
NOT_RUN = re.compile(r" *<!-- not run: \S.* -->")
# The packages of the engines, of which a block may need one.
ENGINES = ("pyarrow", "pandas", "polars")
# What a block finds defined.
GIVEN = "texts, store = ['The tide turned at noon.', 'The tide the tide the tide the tide the tide turned.'], print\n"


@dataclass(frozen=True)
class Block:
    language: str
    code: str

    @property
    def engines(self) -> list[str]:
        return [name for name in ENGINES if re.search(rf"^import {name}\b", self.code, re.M)]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that are run; examples with a prompt are doctests."""
    found = [match for match in FENCED.finditer(page.read_text("utf-8")) if not NOT_RUN.fullmatch(match["before"])]
    bare = [Block(match["language"], re.sub(rf"^{match['indent']}", "", match["code"], flags=re.M)) for match in found]
    return [block for block in bare if not block.code.startswith(">>> ")]


def named(pages: list[Path]) -> list[object]:
    return [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages]


@pytest.mark.parametrize(
    "page", named([page for page in [ROOT / "README.md", *PAGES] if ">>> " in page.read_text("utf-8")])
)
def test_the_examples_with_a_prompt_hold(page: Path) -> None:
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of the names that the pages use."""
    garbled = [json.loads(line)["text"] for line in (SEEDS / "repetition.jsonl").read_text("utf-8").splitlines()]
    clean = [json.loads(line)["text"] for line in (SEEDS / "clean.jsonl").read_text("utf-8").splitlines()]
    labels = [{"text": text, "label": int(text in garbled), "doc": str(n)} for n, text in enumerate(clean + garbled)]
    crawl = [{"text": text} for text in documents(20)]
    for name, records in (("labels", labels), ("crawl", crawl), ("good", [{"text": text} for text in clean * 2])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    for name in ("article.txt", "docs/a.txt", "texts/a.txt", "crawl/a.txt", "site/b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("The tide turned at noon. Pharmacies were were told to return them.\n", "utf-8")
    command = tmp_path / "bin/garble"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m garble "$@"\n', "utf-8")
    command.chmod(0o755)
    return tmp_path


def run(block: Block, folder: Path) -> None:
    code = GIVEN + block.code if block.language == "python" else block.code
    command = [sys.executable, "-c", code] if block.language == "python" else ["bash", "-euo", "pipefail", "-c", code]
    paths = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), *sys.path])),
    }
    done = subprocess.run(command, cwd=folder, env=os.environ | paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block.code}\n{done.stdout}\n{done.stderr}"


def remove_outputs(folder: Path) -> None:
    """Remove what the filter wrote, which it does not overwrite."""
    for name in ("kept", "dropped"):
        rmtree(folder / name, ignore_errors=True)
    for name in ("bad.jsonl", "counts.json"):
        (folder / name).unlink(missing_ok=True)


@pytest.mark.parametrize("page", named([page for page in PAGES if any(not b.engines for b in blocks(page))]))
def test_the_blocks_of_a_page_run(page: Path, folder: Path) -> None:
    for block in blocks(page):
        if not block.engines:
            run(block, folder)
            remove_outputs(folder)


@pytest.mark.engines
@pytest.mark.parametrize("engine", ENGINES)
def test_the_blocks_with_an_engine_run(engine: str, folder: Path) -> None:
    if not find_spec(engine) or not find_spec("pyarrow"):
        pytest.skip(f"no {engine}")
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": documents(20)}), folder / "docs.parquet")
    found = [block for page in PAGES for block in blocks(page) if engine in block.engines]
    assert found
    for block in found:
        run(block, folder)
