"""What is taken out of data and runs: a student who is to be forgotten, a run that is handed on."""

from torchedu.privacy.forget import Forgotten, forget, forget_in_runs
from torchedu.privacy.share import Shared, share

__all__ = ["Forgotten", "Shared", "forget", "forget_in_runs", "share"]
