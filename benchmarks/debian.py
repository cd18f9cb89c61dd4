"""Human text of kinds that corpora lack, from what a Debian machine has: for fitting, beside `DATA/fit/human.jsonl.xz`.

    python benchmarks/debian.py DATA/fit/human-debian.jsonl

Licences, manual pages in their layout, READMEs, changelogs of packages, and the docstrings of Python. Every text is
free software's own. The pages of a panel that false alarms are measured on may come from the same packages: name such
files with --without, and what shares a twentieth of its lines with them is left out.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from random import Random

from garble.training.data import read_records

# Texts of each kind, characters of one, and words of the lines by which texts are compared.
MOST, LONGEST, SHORTEST = 250, 20_000, 400
LINE = 30
SHARED = 0.05
DOC, MAN = Path("/usr/share/doc"), Path("/usr/share/man")


def read(path: Path) -> str:
    """A file, compressed or not; nothing where it cannot be read."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except OSError:
        return ""
    return raw.decode("utf-8", "replace").replace("\r", "")


def page(path: Path) -> str:
    """A manual page as it stands on a screen of 79 columns."""
    shown = subprocess.run(
        ["man", "-l", str(path)], capture_output=True, env={"MANWIDTH": "79", "PATH": "/usr/bin:/bin"}
    )
    plain = subprocess.run(["col", "-b"], input=shown.stdout, capture_output=True)
    return plain.stdout.decode("utf-8", "replace")


def docstrings(path: Path) -> str:
    """The docstrings of a module, a paragraph each."""
    try:
        nodes = list(ast.walk(ast.parse(read(path))))
    except (SyntaxError, ValueError):
        return ""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return "\n\n".join(filter(None, (ast.get_docstring(node) for node in nodes if isinstance(node, documented))))


def texts(rng: Random) -> Iterator[tuple[str, str, str]]:
    """Kind, name and text."""
    library = Path(sysconfig.get_paths()["stdlib"])
    sources = {
        "licence": ([*Path("/usr/share/common-licenses").iterdir(), *DOC.glob("*/copyright")], read),
        "readme": ([*DOC.glob("*/README*")], read),
        "changelog": ([*DOC.glob("*/changelog*"), *DOC.glob("*/NEWS*")], read),
        "manual": ([*MAN.glob("man[1-8]/*.gz")] if shutil.which("man") else [], page),
        "docstring": ([path for path in library.rglob("*.py") if "site-packages" not in path.parts], docstrings),
    }
    for kind, (paths, reader) in sources.items():
        paths = sorted(path for path in paths if path.is_file())
        rng.shuffle(paths)
        for path in paths[: 2 * MOST]:
            yield kind, str(path), reader(path)[:LONGEST]


def lines(text: str) -> set[str]:
    """The lines that are long enough to tell a text by, in single spaces."""
    return {said for line in text.splitlines() if len(said := " ".join(line.split())) >= LINE}


def main() -> None:
    """Write the records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--without", type=Path, nargs="*", default=[])
    asked = parser.parse_args()
    known = {line for path in asked.without for record in read_records(path) for line in lines(record["text"])}
    counts: dict[str, int] = {}
    with asked.out.open("w", encoding="utf-8") as out:
        for kind, name, text in texts(Random(0)):
            own = lines(text)
            enough = counts.get(kind, 0) >= MOST or len(text) < SHORTEST or not own
            if not enough and len(own & known) <= SHARED * len(own):
                counts[kind] = counts.get(kind, 0) + 1
                out.write(json.dumps({"text": text, "kind": kind, "doc": name}, ensure_ascii=False) + "\n")
    print(counts, file=sys.stderr)


if __name__ == "__main__":
    main()
