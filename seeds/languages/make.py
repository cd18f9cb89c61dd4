"""Write the garbled twins of the clean passages: loops of a word, a phrase and a sentence, and mojibake.

    python seeds/languages/make.py

Each file `CODE.jsonl` in this folder holds clean passages, without spans, and then their twins. The clean ones are
written by hand; the twins are made anew from them, always alike, with the spans of what was garbled.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

FOLDER = Path(__file__).parent
# Written without spaces: a word of these languages is taken to be two characters.
UNSPACED = {"ja", "zh"}
TURNS = {"word loop": 6, "phrase loop": 5, "sentence loop": 4}
_SENTENCE = re.compile(r"\S.+?[.!?。！？।](?=\s|$|[^\s”」»’\"])")


def words(text: str, code: str) -> list[tuple[int, int]]:
    """Where the words of `text` stand."""
    pattern = r"[^\W\d_]{2}" if code in UNSPACED else r"[^\W\d_][\w’'-]*[^\W\d_]"
    # Signs of Devanagari are no letters for `re`.
    pattern = r"[\u0900-\u0963]+" if code == "hi" else pattern
    return [match.span() for match in re.finditer(pattern, text)]


def looped(text: str, code: str, kind: str, number: int) -> tuple[str, list[int]]:
    """`text` with one stretch said again and again, and where the loop stands."""
    gap = "" if code in UNSPACED else " "
    if kind == "sentence loop":
        start, end = max((match.span() for match in _SENTENCE.finditer(text)), key=lambda span: span[1] - span[0])
    else:
        size = 1 if kind == "word loop" else 3
        places = words(text, code)
        # A phrase is words with nothing but a space between them.
        joined = [
            (places[i][0], places[i + size - 1][1])
            for i in range(len(places) - size)
            if all(text[places[j][1] : places[j + 1][0]] == gap for j in range(i, i + size))
        ]
        start, end = joined[(len(joined) // 3 + number) % len(joined)]
    loop = gap.join([text[start:end]] * TURNS[kind])
    return text[:start] + loop + text[end:], [start, start + len(loop)]


def misread(text: str, code: str, number: int) -> tuple[str, list[int]]:
    """`text` with one word of UTF-8, or one mark, read in Windows-1252, and where that stands."""
    strange = [span for span in words(text, code) if not text[slice(*span)].isascii()]
    places = strange or [match.span() for match in re.finditer(r"[^\x00-\x7f°]", text)]
    start, end = places[number % len(places)]
    wrong = "".join(_shown(byte) for byte in text[start:end].encode())
    before = next(i for i in range(end - start) if not text[start + i].isascii())
    after = next(i for i in range(end - start) if not text[end - 1 - i].isascii())
    return text[:start] + wrong + text[end:], [start + before, start + len(wrong) - after]


def _shown(byte: int) -> str:
    char = bytes([byte]).decode("cp1252", "ignore")
    return char or chr(byte)


def twins(clean: list[dict[str, object]], code: str) -> list[dict[str, object]]:
    """Three twins of each kind."""
    found = []
    for place, kind in enumerate([*TURNS, "mojibake"]):
        if kind == "mojibake":
            some = [record for record in clean if not str(record["text"]).replace("°", "").isascii()][-3:]
        else:
            some = clean[3 * place : 3 * place + 3]
        for number, original in enumerate(some):
            text = str(original["text"])
            garble = misread(text, code, number) if kind == "mojibake" else looped(text, code, kind, number)
            name = f"{code}-{kind.replace(' ', '-')}-{number + 1}"
            found.append(
                {"id": name, "register": original["register"], "text": garble[0], "spans": [[*garble[1], kind]]}
            )
    return found


def main() -> None:
    """Rewrite every file."""
    for path in sorted(FOLDER.glob("*.jsonl")):
        records = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
        clean = [record for record in records if not record["spans"]]
        lines = [json.dumps(record, ensure_ascii=False) for record in [*clean, *twins(clean, path.stem)]]
        path.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
