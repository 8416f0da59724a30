"""Whom the network is trained on, in a file of its own beside the run's others."""

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from torchedu.domains import Domain
from torchedu.run_folder import RunFolder


class PeopleFile(Callback):
    """Writes digests of those whom the task is trained on into the run's folder."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write ``people.npz``, and where else names of people will stand."""
        folder = RunFolder.of_trainer(trainer)
        people = pl_module.people if isinstance(pl_module, Domain) else None
        quick: bool = trainer.fast_dev_run  # type: ignore[attr-defined]
        if people is not None and not quick and trainer.is_global_zero:
            people.write(folder.people)
            folder.tell_of_people()
