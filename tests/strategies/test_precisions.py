"""Every network, in every precision, does all that a trainer asks of it; or is refused before."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from tests.networks import KNOWN, built, data_for
from tests.testing.examples import Examples, examples
from torchedu.checkpoints import VerifiedCheckpointIO
from torchedu.errors import ConfigError
from torchedu.schema import Names, Vocabulary
from torchedu.strategies.limits import PRECISIONS, check_machine
from torchedu.tasks import Task

__all__ = ["examples"]

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"
BEGIN, END = "<!-- written by tests/strategies/test_precisions.py -->\n", "<!-- end -->"
ACTIONS = ("train", "validate", "test", "predict", "resume", "grow")
WORKS = "all"


class HalfWay(Callback):
    """Ends training after the first of its epochs, as one who stops it would."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


def trainer(precision: str, accelerator: str, *callbacks: Callback) -> Trainer:
    return Trainer(
        accelerator=accelerator, devices=1, max_epochs=2, callbacks=[*callbacks],
        precision=precision,  # type: ignore[arg-type]
        limit_train_batches=2, limit_val_batches=1, limit_test_batches=1, limit_predict_batches=1,
        num_sanity_val_steps=0, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, plugins=[VerifiedCheckpointIO()],
    )  # fmt: skip


def act(
    action: str,
    name: str,
    precision: str,
    data: Any,
    task: Task,
    folder: Path,
    accelerator: str = "cpu",
) -> Task:
    """Let a trainer do one thing with a task, and return the task that came of it."""
    kept = folder / "kept.ckpt"
    one = trainer(precision, accelerator, *([] if action == "resume" else [HalfWay()]))
    if action == "resume":
        again = built(name, data)
        one.fit(again, data, ckpt_path=kept)
        assert one.current_epoch == 2
        return again
    if action == "grow":
        assert task.vocabulary is not None
        kinds = [kind for some in task.binds for kind in task.vocabulary.family(some)]
        grown = task.grown(Vocabulary({kind: Names(["a new name"]) for kind in kinds}))
        one.fit(grown, data)
        return grown
    if action == "train":
        one.fit(task, data)
        one.save_checkpoint(kept)
        assert all(weights.isfinite().all() for weights in task.parameters())
    elif action == "predict":
        assert one.predict(task, data)
    else:
        scores = getattr(one, action)(task, data, verbose=False)
        assert any(scores)
    return task


REASONS: dict[str, str] = {}
CELLS: dict[tuple[str, str], str] = {}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_network_works_in_a_precision_or_is_refused_before(
    name: str, precision: str, examples: Examples, tmp_path: Path
) -> None:
    try:
        check_machine("cpu", 1, precision)
    except ConfigError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 2
        CELLS[name, precision] = "refused"
        REASONS[precision] = refused.problem
        return
    default = torch.get_default_dtype()
    data = data_for(name, examples)
    task = built(name, data)
    for action in ACTIONS:
        task = act(action, name, precision, data, task, tmp_path)
        assert torch.get_default_dtype() == default, action
    CELLS[name, precision] = WORKS


def test_the_page_has_the_table() -> None:
    if len(CELLS) < len(KNOWN) * len(PRECISIONS):
        pytest.skip("not all of it was tried")
    lines = ["| network | " + " | ".join(f"`{precision}`" for precision in PRECISIONS) + " |"]
    lines.append("|---" * (len(PRECISIONS) + 1) + "|")
    rows: dict[tuple[str, ...], list[str]] = {}
    for name in KNOWN:
        rows.setdefault(tuple(CELLS[name, precision] for precision in PRECISIONS), []).append(name)
    lines += [f"| {', '.join(names)} | {' | '.join(cells)} |" for cells, names in rows.items()]
    lines += ["", *(f"- `{name}`: {_plain(reason)}" for name, reason in REASONS.items())]
    text = "\n".join(lines) + "\n"
    page = PAGE.read_text("utf-8")
    there_now = page.partition(BEGIN)[2].partition(END)[0]
    if text != there_now:
        PAGE.write_text(page.replace(BEGIN + there_now, BEGIN + text), "utf-8")
    assert text == there_now, f"{PAGE} said otherwise, and now says what was found"


def _plain(reason: str) -> str:
    """Return a reason in one line as the page has it."""
    return re.sub(r"⟦([\w.]+)⟧", r"`--\1`", reason)
