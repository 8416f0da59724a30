"""The names of a run's files stand in RunFolder and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.run_folder import RunFolder

PACKAGE = Path(__file__).parent.parent / "torchedu"
OTHERS = {"export/folder.py"}  # whose own companions.json it is


def texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the strings of a module, its documentation left out."""
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node


def test_no_other_file_knows_what_a_runs_files_are_called() -> None:
    run = RunFolder(Path())
    files = (
        run.config, run.metrics, run.companions, run.checkpoints, run.best, run.last,
        run.evaluation, run.report, run.card, run.pictures, run.table(),
    )  # fmt: skip
    names = {file.name for file in files} - {"checkpoints", "pictures"}
    folders = {"checkpoints", "pictures"}  # words of the language too: alone or in a path
    found = [
        f"{file.relative_to(PACKAGE)}:{text.lineno}: {text.value}"
        for file in PACKAGE.rglob("*.py")
        if str(file.relative_to(PACKAGE)) not in {"run_folder.py", *OTHERS}
        for text in texts(ast.parse(file.read_text("utf-8")))
        if any(name in text.value for name in names)
        or text.value in folders
        or any(f"{name}/" in text.value for name in folders)
    ]
    assert not found, "\n".join(found)


def test_results_on_other_data_stand_in_the_run_that_the_checkpoint_is_of(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert RunFolder.of_checkpoint(run.best) == run
    assert run.results("test", "next year").path == tmp_path / "test-next-year"


def test_a_run_has_begun_where_one_of_its_first_files_stands(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert not run.begun()
    assert not RunFolder(tmp_path / "none").begun()
    run.report.touch()
    assert not run.begun()
    run.checkpoints.mkdir()
    assert run.begun()


@pytest.mark.parametrize(
    ("files", "is_free"),
    [
        ((), True),
        ((".lock",), True),  # whose holder is asked later
        (("config.yaml", "metrics.csv", "hparams.yaml", "PRIVACY.txt"), True),
        (("config.yaml", ".lock"), False),  # a run that begins, or was killed
        (("config.yaml", "checkpoints/last.ckpt"), False),
        (("evaluation.json",), False),
        (("notes.txt",), False),
    ],
)
def test_what_a_failed_run_leaves_is_in_nobodys_way(
    tmp_path: Path, files: tuple[str, ...], is_free: bool
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    if is_free:
        RunFolder(tmp_path).check_free()
    else:
        with pytest.raises(ConfigError, match="is in use"):
            RunFolder(tmp_path).check_free()
