"""A tiny search that several checks share."""

from pathlib import Path
from typing import NamedTuple

import pytest

WORDS = ("--model.net", "ItemDKT", "--model.net.dim", "8", "--data.batch_size", "16")
SHORT = ("--trainer.max_epochs", "2", "--trainer.accelerator", "cpu")
SPACE = """
model.lr: {float: [0.001, 0.1], log: true}
model.net:
  choice:
    ItemDKT:
      model.net.dropout: {float: [0.0, 0.5]}
    DKT:
"""


class Searched(NamedTuple):
    """What a search has left.

    Attributes:
        folder: The study's folder.
        words: The command's words but for the number of trials.
        said: What it printed.
    """

    folder: Path
    words: list[str]
    said: str


@pytest.fixture(scope="session")
def searched(class_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """Give a search of five trials by two objectives, two of which fail; leave it as it is."""
    pytest.importorskip("optuna", reason="needs the package optuna")
    import contextlib
    import io

    from torchedu.cli import main

    home = tmp_path_factory.mktemp("search")
    space = home / "space.yaml"
    space.write_text(SPACE, "utf-8")
    folder = home / "study"
    words = ["tune", "--space", str(space), "--study", str(folder), *WORDS, *SHORT]
    words += ["--data.path", str(class_store), "--objectives", "val/auc,parameters"]
    words += ["--first_rung", "1", "--seeds", "1"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main([*words, "--trials", "5"]) == 0
    return Searched(folder, words, said.getvalue())
