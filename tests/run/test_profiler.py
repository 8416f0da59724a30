from pathlib import Path

import torch

from torchedu.run.profiler import StepsProfiler


def test_where_torch_has_looked_at_nothing_nothing_is_told() -> None:
    profiler = StepsProfiler()
    profiler._create_profilers()
    profiler.profiler.schedule = torch.profiler.schedule(wait=1, warmup=1, active=3)
    profiler.profiler.__enter__()
    assert profiler.summary() == ""
    assert profiler.profiler is None


def test_steps_that_were_looked_at_are_told(tmp_path: Path) -> None:
    profiler = StepsProfiler(tmp_path)
    for _ in range(12):
        with profiler.profile("predict_step"):
            torch.ones(3).sum()
    assert "aten::sum" in profiler.summary()
