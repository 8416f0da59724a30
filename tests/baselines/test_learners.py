"""scikit-learn is loaded by what fits its models, and by nothing else."""

import subprocess
import sys

import pytest

from torchedu.baselines import learners


def test_all_of_them_are_found_and_nothing_else() -> None:
    for name in learners.__all__:
        assert learners.__getattr__(name).__name__ == name  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="no attribute 'SVR'"):
        learners.__getattr__("SVR")


def test_a_command_that_trains_does_not_load_them() -> None:
    code = (
        "import sys, torchedu.cli.fit, torchedu.evaluation; "
        "sys.exit(bool({'sklearn', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
