"""Whatever is readable reads back as it was written; whatever is not is said in one line."""

from __future__ import annotations

import codecs
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garble.errors import InputError
from garble.io import SUFFIXES, decode, find_texts, read_text, read_texts

texts = st.text(min_size=1).filter(lambda text: text.strip() != "")


@given(texts.filter(lambda text: "\0" not in text and not text.startswith("\ufeff")))
def test_utf8_reads_back(text: str) -> None:
    assert decode(text.encode(), "a.txt") == text


@given(texts.filter(lambda text: "\0" not in text))
def test_marked_utf8_reads_back_without_its_mark(text: str) -> None:
    assert decode(codecs.BOM_UTF8 + text.encode(), "a.txt") == text


@pytest.mark.parametrize(("mark", "encoding"), [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")])
# The mark and a leading null character are the mark of UTF-32.
@given(text=texts.filter(lambda text: not text.startswith("\0")))
def test_marked_utf16_reads_back_without_its_mark(mark: bytes, encoding: str, text: str) -> None:
    assert decode(mark + text.encode(encoding), "a.txt") == text


def test_newlines_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"one\r\ntwo\rthree\n")
    assert read_text(file) == "one\r\ntwo\rthree\n"


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (codecs.BOM_UTF8, "empty"),
        (codecs.BOM_UTF16_LE, "empty"),
        (b"\x89PNG\0\0", "a binary file"),
        ("no mark".encode("utf-16-le"), "a binary file"),
        (b"ab\xff", "not UTF-8: byte 0xff at offset 2 (line 1)"),
        (b"one\r\ntwo, then \xe9t\xe9", "not UTF-8: byte 0xe9 at offset 15 (line 2)"),
        (codecs.BOM_UTF8 + b"a\n\xff", "not UTF-8: byte 0xff at offset 5 (line 2)"),
        (codecs.BOM_UTF16_LE + b"a\0\n\0b", "not UTF-16: byte 0x62 at offset 6 (line 2)"),
    ],
)
def test_what_is_wrong_is_one_line(raw: bytes, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(raw, "a.txt")
    assert str(caught.value) == f"a.txt: {problem}"


@given(st.binary())
def test_any_bytes_give_a_text_or_one_line(raw: bytes) -> None:
    try:
        said = decode(raw, "a.txt")
    except InputError as error:
        (said,) = str(error).splitlines()
    assert said.strip()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.txt: no such file$"):
        read_text(tmp_path / "gone.txt")


def test_forbidden_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"a\.txt: permission denied$"):
        read_text(tmp_path / "a.txt")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(codecs.BOM_UTF8 + b"a\r\nb"), "ascii"))
    assert list(read_texts(["-"])) == [("<stdin>", "a\r\nb")]


def test_standard_input_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), "ascii"))
    (found,) = read_texts(["-"])
    assert str(found) == "<stdin>: not UTF-8: byte 0xff at offset 0 (line 1)"


def test_a_folder_stands_for_its_texts(tmp_path: Path) -> None:
    for name in ("b.md", "a.txt", "B.TEXT", "c.pdf", ".hidden.txt", "deep/er/d.txt", ".git/e.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("text")
    expected = sorted(tmp_path / name for name in ("a.txt", "b.md", "B.TEXT", "deep/er/d.txt"))
    assert list(find_texts([str(tmp_path)])) == [str(file) for file in expected]


def test_a_folder_without_texts_is_an_error_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    first, second = find_texts([str(tmp_path), "-"])
    assert isinstance(first, InputError)
    listed = ", ".join(SUFFIXES)
    assert str(first) == f"{tmp_path}: contains no text files ({listed})"
    assert second == "-"


def test_a_bad_input_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    (tmp_path / "good.txt").write_text("text")
    paths = [str(tmp_path / name) for name in ("bad.txt", "good.txt", "gone.txt", "good.txt")]
    found = list(read_texts(paths))
    assert [isinstance(one, InputError) for one in found] == [True, False, True, False]
    assert found[1] == (paths[1], "text")


def test_files_are_read_only_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first")
    found = read_texts([str(tmp_path / "a.txt"), str(tmp_path / "later.txt")])
    assert next(found) == (str(tmp_path / "a.txt"), "first")
    (tmp_path / "later.txt").write_text("second")
    assert next(found) == (str(tmp_path / "later.txt"), "second")
