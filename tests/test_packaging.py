"""Files for packagers agree with pyproject.toml and with the files that they name."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import jinja2
import yaml

import garble

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NAME = re.compile(r"[A-Za-z0-9._-]+")


def names(requirements: list[str]) -> set[str]:
    """The packages of requirements such as "numpy>=2.0"."""
    return {match[0] for requirement in requirements if (match := NAME.match(requirement))}


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert all(author["name"] for author in citation["authors"])
    assert citation["version"] == garble.__version__
    assert citation["license"] == PROJECT["license"]


def test_the_conda_recipe_has_the_requirements_of_the_wheel() -> None:
    template = jinja2.Template((ROOT / "conda" / "meta.yaml").read_text("utf-8"), undefined=jinja2.StrictUndefined)
    recipe = yaml.safe_load(template.render(PYTHON="python"))
    assert recipe["package"] == {"name": PROJECT["name"], "version": garble.__version__}
    python = f"python {PROJECT['requires-python']}"
    run = {requirement.replace(">=", " >=") for requirement in PROJECT["dependencies"]}
    assert set(recipe["requirements"]["run"]) == run | {python}
    assert python in recipe["requirements"]["host"]
    assert [f"{name} = {value}" for name, value in PROJECT["scripts"].items()] == recipe["build"]["entry_points"]
    assert all((ROOT / name).is_file() for name in recipe["about"]["license_file"])


def test_the_image_is_built_from_files_that_exist() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    assert {instruction for instruction, _ in lines} <= {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD"}
    copied = [source for instruction, rest in lines if instruction == "COPY" for source in shlex.split(rest)[:-1]]
    assert all((ROOT / source).exists() for source in copied)
    # What hatchling needs for the wheel.
    assert {"pyproject.toml", "garble", "models", PROJECT["readme"], *PROJECT["license-files"]} == set(copied)
    assert ["USER", "garble"] in lines
    assert ["ENTRYPOINT", '["garble"]'] in lines
    assert "garble" in PROJECT["scripts"]


def test_the_docs_list_all_dependencies_and_extras() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    required, extras = text.split("## Extras")
    assert set(re.findall(r"^\| ([a-z0-9-]+) \|", required, re.M)) == names(PROJECT["dependencies"])
    assert set(re.findall(r"^\| `([a-z-]+)` \|", extras, re.M)) == PROJECT["optional-dependencies"].keys()
    dev = next(line for line in extras.splitlines() if line.startswith("| `dev`"))
    assert all(name in dev for name in names(PROJECT["optional-dependencies"]["dev"]))
