"""Public checks of what torchedu asks of one's own networks."""

from torchedu.testing.contract import ContractError
from torchedu.testing.models import CONTRACTS, check_model

__all__ = ["CONTRACTS", "ContractError", "check_model"]
