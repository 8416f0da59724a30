"""The names beside the run's other files."""

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from torchedu.domains import Domain
from torchedu.files import write_json
from torchedu.run_folder import RunFolder


class VocabularyFile(Callback):
    """Writes the task's vocabulary into the run's folder when training begins."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write ``vocabulary.json``."""
        vocabulary = pl_module.vocabulary if isinstance(pl_module, Domain) else None
        if vocabulary is None or not vocabulary.kinds or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        folder = RunFolder.of_trainer(trainer)
        if trainer.is_global_zero:
            write_json(folder.vocabulary, vocabulary.to_json())
