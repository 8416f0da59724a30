"""What `torchedu keys` makes, lists and revokes."""

from pathlib import Path

import pytest

from torchedu.cli import main


def test_keys_are_made_listed_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "s.db")
    assert main(["keys", "add", store, "platform", "--scopes", "[write]"]) == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith("tedu_")
    assert main(["keys", "add", store, "ms lee", "--group", "7b"]) == 0
    capsys.readouterr()
    assert main(["keys", "list", store]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(", made")[0] for line in lines] == [
        "platform: write", "ms lee: write read, class 7b",
    ]  # fmt: skip
    assert key not in "".join(lines)
    assert main(["keys", "revoke", store, "platform"]) == 0
    assert main(["keys", "list", store]) == 0
    assert ", revoked" in capsys.readouterr().out.splitlines()[0]
    assert main(["keys", "revoke", store, "platform"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("words", [["list"], ["revoke", "platform"]])
def test_a_file_that_is_not_there_has_no_keys(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *rest = words
    assert main(["keys", name, str(tmp_path / "typo.db"), *rest]) == 2
    assert "typo.db does not exist" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [[""], [" "], ["a\nb"], ["x", "--group", ""]])
def test_a_key_has_a_name_and_a_class_one_too(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "add", str(tmp_path / "s.db"), *words]) == 2
    error = capsys.readouterr().err
    assert "A name is a line of text" in error
    assert error.count("\n") == 2
