"""What the weights belong to, and whom they were trained on, beside the run's other files."""

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from torchedu.domains import Domain
from torchedu.run_folder import RunFolder


class CompanionsFiles(Callback):
    """Writes the task's companions into the run's folder when training begins.

    And, in a file of their own, digests of those whom the task is trained on.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write ``companions.json`` and ``people.npz``, and where names of people will stand."""
        folder = RunFolder.of_trainer(trainer)
        trial: bool = trainer.fast_dev_run  # type: ignore[attr-defined]
        if trial or not trainer.is_global_zero or not isinstance(pl_module, Domain):
            return
        if pl_module.companions is not None:
            folder.path.mkdir(parents=True, exist_ok=True)
            pl_module.companions.write(folder.companions)
        if pl_module.people is not None:
            pl_module.people.write(folder.people)
            folder.tell_of_people()
