"""Logs of other programs beside a run's own: Weights & Biases, MLflow, TensorBoard."""

import os
from pathlib import Path

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from torchedu.parsing import check_log


def log_of(word: str, folder: Path) -> Logger:
    """Return a log of another program, which keeps its files in the run's folder.

    Where the program sends them besides, its own variables say (``WANDB_MODE``,
    ``MLFLOW_TRACKING_URI``).

    Args:
        word: One of ``LOGS``.
        folder: The run's folder.

    Raises:
        ConfigError: There is no such log.
        MissingExtraError: Its package is not installed.
    """
    check_log(word)
    if word == "wandb":
        return WandbLogger(name=folder.name, project="torchedu", save_dir=folder)
    if word == "mlflow":
        place = (folder / "mlruns").absolute()
        own = None if os.environ.get("MLFLOW_TRACKING_URI") else f"sqlite:///{place}/mlflow.db"
        place.mkdir(exist_ok=True)
        return MLFlowLogger(
            experiment_name="torchedu", run_name=folder.name,
            tracking_uri=own or os.environ["MLFLOW_TRACKING_URI"],
            artifact_location=own and place.as_uri(),
        )  # fmt: skip
    return TensorBoardLogger(folder, name="", version="tensorboard")
