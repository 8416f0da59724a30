"""Public checks of what torchedu asks of one's own networks, and processes to test them in."""

from torchedu.testing.contract import ContractError
from torchedu.testing.launch import Launch, LaunchError, LaunchServer
from torchedu.testing.models import CONTRACTS, check_model

__all__ = ["CONTRACTS", "ContractError", "Launch", "LaunchError", "LaunchServer", "check_model"]
