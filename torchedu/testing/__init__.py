"""Public checks of what torchedu asks of one's own classes, and processes to test them in."""

from torchedu.testing.contract import ContractError
from torchedu.testing.data import check_data
from torchedu.testing.devices import Pretended
from torchedu.testing.importers import check_importer
from torchedu.testing.kinds import Kind
from torchedu.testing.launch import Launch, LaunchError, LaunchServer
from torchedu.testing.networks import check_network
from torchedu.testing.steps import syncs
from torchedu.testing.tasks import check_task

__all__ = [
    "ContractError",
    "Kind",
    "Launch",
    "LaunchError",
    "LaunchServer",
    "Pretended",
    "check_data",
    "check_importer",
    "check_network",
    "check_task",
    "syncs",
]
