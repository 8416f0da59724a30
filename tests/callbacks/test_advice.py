import pytest
import torch
from lightning import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from torchedu.callbacks import Advice, advice
from torchedu.errors import command_line


@pytest.mark.parametrize(
    ("error", "problem", "remedy"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has"),
            "ran out of memory (it asked for 2.50 GiB)",
            "accumulate_grad_batches",
        ),
        (MemoryError(), "ran out of memory.", "--data.window"),
        (OSError(24, "Too many open files"), "too many files are open", "ulimit -n"),
        (RuntimeError("received 0 items of ancdata"), "too many files are open", "ulimit -n"),
        (
            RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            ),
            "ran out of memory (it asked for 9 bytes)",
            "bf16-mixed",
        ),
        (
            RuntimeError("DataLoader worker (pid(s) 12, 13) exited unexpectedly"),
            "has died (pid 12, 13)",
            "--data.num_workers",
        ),
        (
            RuntimeError("DataLoader worker exited unexpectedly"),
            "batches has died.",
            "--data.num_workers",
        ),
        (
            RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. "),
            "has died (pid 12)",
            "--data.num_workers",
        ),
        (
            RuntimeError("[../gloo/pair.cc:553] Connection closed by peer [127.0.0.1]:3245"),
            "another rank has died",
            "--resume auto",
        ),
    ],
)
def test_it_says_what_to_change(error: BaseException, problem: str, remedy: str) -> None:
    told = advice(error)
    assert told is not None
    assert problem in told.problem
    assert remedy in told.render(command_line)
    assert told.code == (70 if "rank" in problem else 2)


def test_of_what_is_not_known_nothing_is_said() -> None:
    assert advice(RuntimeError("shapes cannot be multiplied")) is None


@pytest.mark.filterwarnings("ignore:.*train_dataloader.*does not have many workers")
def test_a_traceback_shows_it() -> None:
    class Hungry(BoringModel):
        def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
            raise MemoryError

    trainer = Trainer(
        max_epochs=1,
        callbacks=[Advice()],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with pytest.raises(MemoryError) as raised:
        trainer.fit(Hungry())
    (note,) = raised.value.__notes__
    assert note.startswith("training ran out of memory.")
