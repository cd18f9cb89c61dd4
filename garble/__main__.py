"""`python -m garble` is the command `garble`."""

from __future__ import annotations

from garble.cli import main

if __name__ == "__main__":
    main(prog_name="garble")
