"""What is read of each channel: here, whether a sum on paper is right, of hands never seen."""

from functools import partial
from pathlib import Path

import torch

from tests.picture_files import write_sums
from torchedu.datamodules import SpokenAnswers
from torchedu.domains import Spoken
from torchedu.models import SpokenGrader


def test_sums_on_paper_are_learnt_from_nothing(tmp_path: Path) -> None:
    raw = write_sums(tmp_path / "in", 96, typed=False)
    data = SpokenAnswers(str(raw), batch_size=8, pixels=48)
    torch.manual_seed(0)
    net = partial(SpokenGrader, dim=16, blocks=1)
    task = Spoken(net, **{size: getattr(data, size) for size in Spoken.sizes})
    task.agree(data, training=True)
    optimizer = torch.optim.AdamW(task.parameters(), 3e-3)
    batches, order = data.training()
    for epoch in range(16):
        for index in order.epoch(epoch):
            loss_B, count_B = task.loss(batches(index))
            optimizer.zero_grad()
            (loss_B.sum() / count_B.sum()).backward()
            optimizer.step()
    task.eval()
    batches, order = data.evaluation("test")
    right = []
    with torch.no_grad():
        for index in order.epoch(0):
            said = task.predict(batches(index)).photographed[:, 0, 1] > 0.5
            right.append(said == (batches(index).target_BY[:, 0] > 0.5))
    assert torch.cat(right).float().mean() > 0.85
