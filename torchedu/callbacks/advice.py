"""What to do about an error that training broke off with."""

import re

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from torchedu.errors import LostRankError, TrainingError

GO_ON = "then go on with ⟦run⟧ FOLDER ⟦resume⟧ auto."


class Advice(Callback):
    """Says what to change when memory runs out, a loader process dies or a rank is lost.

    It adds a note to the error, which a traceback shows; the command line prints it in its place.
    """

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Add the note."""
        text = advice(exception)
        if text is not None:
            exception.add_note(str(text))


def advice(error: BaseException) -> TrainingError | None:
    """Return what a user can do about an error of torch's, or None where nothing is known.

    Args:
        error: What training broke off with.

    Returns:
        An error to raise in its place.
    """
    said = str(error)
    if re.search(r"[Tt]oo many open files|received \d+ items of ancdata", said):
        return TrainingError(
            "too many files are open at once.",
            "Allow more (ulimit -n 4096), or lower ⟦data.num_workers⟧; " + GO_ON,
        )
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or re.search(
        r"can't allocate memory|not enough memory", said
    ):
        asked = re.search(r"allocate ([\d.]+ \w+)", said)
        much = f" (it asked for {asked[1]})" if asked else ""
        return TrainingError(
            f"training ran out of memory{much}.",
            "Divide each batch, which changes no result: ⟦trainer.accumulate_grad_batches⟧ 4. "
            "Else lower ⟦data.window⟧ or ⟦data.batch_size⟧, use ⟦trainer.precision⟧ bf16-mixed or "
            f"more devices; {GO_ON}",
        )
    worker = re.search(r"DataLoader worker (?:\(pid\(?s?\)? ([\d, ]+)\))?", said)
    if worker:
        pid = f" (pid {worker[1].strip()})" if worker[1] else ""
        return TrainingError(
            f"a process that builds batches has died{pid}.",
            "Most often memory ran out: lower ⟦data.num_workers⟧, or build batches in the training "
            f"process with ⟦data.num_workers⟧ 0; {GO_ON}",
        )
    if re.search(r"Connection (closed|reset) by peer|Broken pipe|remote process exited", said):
        return LostRankError(
            "another rank has died or was killed: this one lost its connection to it.",
            f"Look for the first error among the ranks; {GO_ON}",
        )
    return None
