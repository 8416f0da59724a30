"""What the weights belong to beside the run's other files."""

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from torchedu.domains import Domain
from torchedu.run_folder import RunFolder


class CompanionsFile(Callback):
    """Writes the task's companions into the run's folder when training begins."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write ``companions.json``."""
        companions = pl_module.companions if isinstance(pl_module, Domain) else None
        if companions is None or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        folder = RunFolder.of_trainer(trainer)
        if trainer.is_global_zero:
            folder.path.mkdir(parents=True, exist_ok=True)
            companions.write(folder.companions)
