"""What is done in a forked process comes back, two-line errors too."""

import os

import pytest

pytest.importorskip("optuna", reason="needs the package optuna")

from torchedu.errors import ConfigError, TrainingError
from torchedu.testing.launch import LaunchServer
from torchedu.tune.forks import in_process

SECONDS = 300.0


def two_lines() -> None:
    raise ConfigError("⟦trials⟧ is 0.", "It is 1 or more.")


def ends() -> None:
    os._exit(3)


def spoken_apart() -> list[object]:
    said: list[object] = [in_process(max, 1, 2)]
    for function in (two_lines, ends):
        try:
            in_process(function)
        except (ConfigError, TrainingError) as error:
            said.append(error.problem)
    return said


def test_what_is_done_in_another_process_comes_back(launch: LaunchServer) -> None:
    started = launch.start(spoken_apart)
    assert started.wait(SECONDS) == [0]
    assert started.result() == [
        2, "⟦trials⟧ is 0.", "a process of the search has ended (exit code 3).",
    ]  # fmt: skip
