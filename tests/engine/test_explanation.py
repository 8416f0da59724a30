from pathlib import Path

import pytest

from torchedu.engine import open_engine
from torchedu.errors import ConfigError

PROBLEM = "7 + 1?"


def test_a_problem_is_explained_as_a_tutor_begins(explaining_run: Path) -> None:
    engine = open_engine(explaining_run)
    tutor = engine.tutor(max_new_tokens=8)
    tutor.begin(PROBLEM, "hint")
    said = tutor.speak(lambda piece: None)
    assert engine.explain(PROBLEM, intent="hint", max_new_tokens=8) == said
    with pytest.raises(ConfigError, match="max_new_tokens is 0"):
        engine.explain(PROBLEM, max_new_tokens=0)
