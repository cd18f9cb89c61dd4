"""A hook of mkdocs: the pages of the site are files of the repository, at their places in it.

So a link between them works on the site as it does on a page of the repository.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
SHOWN = (
    "*.md",
    "LICENSE",
    "docs/**/*.md",
    "docs/images/*",
    "models/*/README.md",
    "seeds/**/*.md",
    "benchmarks/README.md",
    "benchmarks/leaderboard.md",
    "benchmarks/hostile.py",
    "benchmarks/results/*.svg",
    "benchmarks/results/*.json",
    "docs/schema/*.json",
    "examples/*.py",
    "examples/plugin/README.md",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of the theme, and those of the repository in place of those of `docs/` alone."""
    themed = [file for file in files if file.src_dir != config.docs_dir]
    paths = sorted({path for pattern in SHOWN for path in ROOT.glob(pattern)})
    shown = [File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)) for path in paths]
    return Files([*themed, *shown])
