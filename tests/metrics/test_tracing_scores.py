"""The scores of traced answers do not depend on how these come in batches."""

import numpy as np
import pytest
import torch

from torchedu.metrics import scores
from torchedu.metrics.tracing_scores import TracingScores, WithinScores
from torchedu.metrics.within import within


def drawn(rows: int = 60, steps: int = 9) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(rows, steps, generator=generator)
    correct = (torch.rand(rows, steps, generator=generator) < p).float()
    scored = torch.rand(rows, steps, generator=generator) < 0.8
    return p, correct, scored, torch.randint(0, 20, (rows,), generator=generator)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_batches_change_nothing(size: int) -> None:
    batch = drawn()
    metric = TracingScores()
    for part in zip(*(one.split(size) for one in batch), strict=True):
        metric.update(*part)
    p, correct, scored, student = batch
    who = student.unsqueeze(1).expand_as(p)[scored].numpy()
    order = np.argsort(who, kind="stable")
    expected = within(p[scored].numpy()[order], correct[scored].numpy()[order], who[order]).auc()
    found = metric.compute()
    assert found.pop("auc_within") == expected
    assert found == scores(p[scored], correct[scored])
    metric.reset()
    metric.update(*batch)
    assert metric.compute() == {**found, "auc_within": expected}


def test_of_too_many_answers_whole_students_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchedu.metrics.tracing_scores.CHUNK", 50)
    p, correct, scored, student = drawn()
    metric = WithinScores(most=200)
    for part in zip(*(one.split(5) for one in (p, correct, scored, student)), strict=True):
        metric.update(*part)
    found = metric.compute()["auc_within"]
    halvings = 2 ** int(metric.halvings)
    assert halvings > 1
    kept = scored & (student % halvings == 0).unsqueeze(1)
    whole = WithinScores()
    whole.update(p, correct, kept, student)
    assert found == whole.compute()["auc_within"]


def test_without_students_the_pooled_scores_are_told() -> None:
    p, correct, scored, _ = drawn()
    metric = TracingScores()
    metric.update(p, correct, scored)
    assert metric.compute() == scores(p[scored], correct[scored])
