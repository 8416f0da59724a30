"""What every test may count on: calm threads, no screen, real data where there is some."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Set before anything imports torch or matplotlib; tests share the machine's cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"

# A shared machine's pauses are no failures, and a failing example must fail again for everyone.
settings.register_profile("torchedu", deadline=None, derandomize=True, database=None)
settings.load_profile("torchedu")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Give the folder of real data sets that TORCHEDU_DATA names, or skip."""
    folder = os.environ.get("TORCHEDU_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TORCHEDU_DATA names no folder of real data sets")
    return Path(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests for a GPU, with the reason, where there is none."""
    for_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not for_gpu:
        return
    import torch  # costs seconds, so only where a test asks for a GPU

    if not torch.cuda.is_available():
        for item in for_gpu:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and there is none"))
