"""A notebook of each task, run as Jupyter runs it, with its pictures inline."""

from pathlib import Path
from typing import Any

import pytest

from tests.encoders import write_encoder

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples" / "notebooks").glob("*.ipynb"))
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "encoder")


def test_each_task_has_one() -> None:
    assert len(NOTEBOOKS) == 6


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_and_shows_tables_and_pictures(
    file: Path, encoder: Path, tmp_path: Path
) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.source.startswith("ENCODER = "):
            cell.source = f"ENCODER = {str(encoder)!r}"
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources=place).execute()
    shown = [_html(cell) for cell in notebook.cells if cell.cell_type == "code"]
    data, result, table = shown[-3:]
    assert "<table" in data
    assert "<table" in result
    assert "data:image/png;base64," in result
    assert "<table" in table


def _html(cell: Any) -> str:
    return "".join(
        output["data"].get("text/html", "") for output in cell.outputs if "data" in output
    )
