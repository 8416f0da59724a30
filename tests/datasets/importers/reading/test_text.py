import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.importers.reading import magic, text
from torchedu.datasets.importers.reading.text import blocks, files, locate
from torchedu.errors import ConfigError, DataError


@given(
    st.lists(st.sampled_from(["a", "é€", '"x\ny"', '""', "", "\r"]), min_size=1, max_size=30),
    st.integers(1, 40),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
)
def test_blocks_are_the_file_in_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], size: int, encoding: str
) -> None:
    raw = "\n".join(words)
    whole = raw.replace("\r\n", "\n").replace("\r", "\n")
    if not whole.strip():
        return
    file = tmp_path_factory.mktemp("text") / "a.txt"
    file.write_bytes(raw.encode(encoding))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK_BYTES", size)
        found = list(blocks(locate(str(file)), encoding, quoted=True))
    told = b"".join(block.data for block in found).decode()
    # Blocks of nothing but blank lines are left out, and the last line is ended.
    assert told.replace("\n", "") == whole.replace("\n", "")
    for block in found:
        assert block.data.endswith(b"\n")
        assert block.data.count(b'"') % 2 == 0
        lines = (whole + "\n").split("\n")[block.line - 1 :]
        assert block.data.decode().split("\n")[0] == lines[0]


def test_quote_that_is_never_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", 100)
    monkeypatch.setattr(text, "MOST_BYTES", 1000)
    (tmp_path / "a.csv").write_text('a,b\n1,2\n"x,3\n' + "4,5\n" * 1000)
    with pytest.raises(DataError, match="row 3: a quoted field does not end"):
        list(blocks(locate(str(tmp_path / "a.csv")), quoted=True))


def test_encoding_that_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n")
    with pytest.raises(ConfigError, match="'klingon' is not known"):
        next(blocks(locate(str(tmp_path / "a.csv")), "klingon"))


def test_row_of_a_wrong_byte_in_a_later_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", 64)
    (tmp_path / "a.csv").write_bytes(b"line\n" * 100 + b"\xfc\n")
    with pytest.raises(DataError, match="row 101: the text is not utf-8"):
        list(blocks(locate(str(tmp_path / "a.csv"))))


def test_places_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("x")
    with pytest.raises(DataError, match="no such file"):
        locate(str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match="cannot be opened"):
        locate("carrier-pigeon://coop/answers.csv")
    with pytest.raises(DataError, match=r"no file ending in \.csv"):
        files(locate(str(tmp_path)), (".csv",))


def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("x\n")
    assert next(blocks(locate("a.csv"))).data == b"x\n"
    sibling = locate("a.csv").sibling("a.csv")
    assert sibling is not None
    assert sibling.size() == 2


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("姓名,学号,题1\n李明,2024,1\n", "gb18030"), ("姓名,學號,題目\n王小明,1\n", "big5"),
        ("氏名,なまえ,問題\n山田たろう,1\n", "shift_jis"), ("이름,학생,문항\n김철수\n", "euc_kr"),
        ("Имя,Задача\nИван,1\n", "cp1251"), ("الطالب,السؤال\nمحمد\n", "cp1256"),
        ("Schüler,Größe\nMüller,1\n", "cp1252"), ("Όνομα,Ερώτηση\n", "cp1253"),
    ],
)  # fmt: skip
def test_the_right_encoding_is_among_those_that_are_suggested(words: str, encoding: str) -> None:
    likely = magic.likely_encodings(words.encode(encoding))
    assert likely[encoding] in words
    assert encoding == "cp1252" or "cp1252" not in likely


def test_files_of_folders_in_it_are_those_of_a_folder_that_holds_none(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "readme.md").write_text("x")
    (tmp_path / "a" / "b" / "x.csv").write_text("x")
    assert [file.base for file in files(locate(str(tmp_path)), (".csv",))] == ["x.csv"]
    (tmp_path / "y.csv").write_text("x")
    assert [file.base for file in files(locate(str(tmp_path)), (".csv",))] == ["y.csv"]


def test_a_name_in_a_folder_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("student,item,correct\n")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xfc.csv")).write_text("student,item,correct\n")
    folder = locate(str(tmp_path))
    for listed in (lambda: files(folder, [".csv"]), lambda: text.tree(folder)):
        with pytest.raises(DataError, match="name is no UTF-8") as error:
            listed()
        assert "Rename it" in error.value.remedy
    with pytest.raises(DataError, match="no such file"):
        locate(str(tmp_path / "a.cvs"))
