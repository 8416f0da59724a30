"""A trained network on other data than its own: what it is set beside learns where it did."""

from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir

from lightning.pytorch.utilities.rank_zero import rank_zero_info

from torchedu.datamodules.base import DataModule
from torchedu.errors import ConfigError, DataError
from torchedu.files import writing_below
from torchedu.run.asked import asked_before
from torchedu.run.config import RunConfig


def follow(config: RunConfig, data: DataModule) -> None:
    """Let data that a network is scored on know what the network was trained on, if that is other.

    Args:
        config: What is asked for, of a trained network.
        data: The data that the words name.
    """
    if config.checkpoint is None or not config.names_path:
        return
    known = asked_before(config.checkpoint).get("data")
    if known in (None, data.digest):
        return
    learned = config.learned()
    same = False
    with suppress(DataError, ConfigError), writing_below(Path(gettempdir())):  # imports nothing
        same = learned is not None and learned.digest == known
    if learned is not None and same:
        data.follow(learned, config.divides)
        return
    rank_zero_info(
        "What the network was trained on is not here as it was: the test part of this data is "
        "scored, beside baselines that learn from its own training part."
    )
