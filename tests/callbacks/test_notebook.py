"""In a notebook one line says how far training is, and is written over."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.callbacks.test_progress import fit
from torchedu.callbacks import AnswersProgressBar
from torchedu.callbacks.notebook import NotebookLine


class ZMQInteractiveShell:
    pass


class Cell:
    """What a notebook shows."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []
        self.cells = 0

    def display(self, data: dict[str, str], raw: bool, display_id: bool) -> "Cell":
        self.cells += 1
        self.update(data, raw)
        return self

    def update(self, data: dict[str, str], raw: bool) -> None:
        self.shown.append(data)


def notebook(shell: Any, monkeypatch: pytest.MonkeyPatch) -> Cell:
    cell = Cell()
    ipython = SimpleNamespace(get_ipython=lambda: shell, display=cell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)  # type: ignore[arg-type]
    return cell


def test_a_training_is_one_line_in_one_cell(
    class_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = notebook(ZMQInteractiveShell(), monkeypatch)
    monkeypatch.setattr("torchedu.callbacks.notebook.OFTEN", 0)
    trainer = fit(class_store, AnswersProgressBar())
    assert cell.cells == 1
    assert "epoch" not in capsys.readouterr().out
    last = cell.shown[-1]
    assert last["text/plain"].startswith("epoch 2 of 2: answers/s ")
    assert "val/auc 0." in last["text/plain"]
    batches = trainer.num_training_batches
    assert f'value="1" max="{batches}"' in cell.shown[0]["text/html"]
    cell.shown.clear()
    trainer.predict(trainer.lightning_module, datamodule=trainer.datamodule)  # type: ignore[attr-defined]
    assert cell.shown[0]["text/plain"] == "scoring"


def test_names_are_shown_as_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = notebook(ZMQInteractiveShell(), monkeypatch)
    line = NotebookLine.here()
    assert line is not None
    line.show("a<b", 1, float("inf"), {"x": "&"}, now=True)
    assert cell.shown[0]["text/html"].endswith("</progress> a&lt;b: x &amp;")
    assert "value" not in cell.shown[0]["text/html"]


@pytest.mark.parametrize("shell", [None, object()])
def test_elsewhere_there_is_none(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook(shell, monkeypatch)
    assert NotebookLine.here() is None
