from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.report.describe import draw

BEGINNINGS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("form", BEGINNINGS)
def test_the_suffix_says_the_format(tmp_path: Path, form: str) -> None:
    file = tmp_path / f"class.{form}"
    draw({"students": 3, "answers": 20, "groups": {"gender": {"f": 2, "m": 1}}}, file)
    assert file.read_bytes().startswith(BEGINNINGS[form])
    assert list(tmp_path.iterdir()) == [file]


def test_another_suffix_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'\.pgn'.*\n.*Did you mean png"):
        draw({}, tmp_path / "class.pgn")
    assert list(tmp_path.iterdir()) == []
