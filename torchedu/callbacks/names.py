"""The names that a network knows, and whom it was trained on, beside the run's other files."""

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from torchedu.domains import Domain
from torchedu.files import write_json
from torchedu.run_folder import RunFolder


class NamesFiles(Callback):
    """Writes into the run's folder, when training begins, the task's vocabulary.

    And, in a file of their own, digests of those whom the task is trained on.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write ``vocabulary.json`` and ``people.npz``."""
        folder = RunFolder.of_trainer(trainer)
        trial: bool = trainer.fast_dev_run  # type: ignore[attr-defined]
        if trial or not trainer.is_global_zero or not isinstance(pl_module, Domain):
            return
        if pl_module.vocabulary is not None and pl_module.vocabulary.kinds:
            write_json(folder.vocabulary, pl_module.vocabulary.to_json())
        if pl_module.people is not None:
            pl_module.people.write(folder.people)
