"""Networks follow students on data that names no skills, or only some."""

from pathlib import Path

import pytest
import torch

from tests.models.test_network import discovered
from torchedu.datamodules import Interactions
from torchedu.models import BKT, PFA, KTModel

ALONE = (BKT, PFA)
"""As their papers have it, they follow each skill by itself: here an item's own, met again."""


@pytest.mark.parametrize("skills", ["none", "some"])
@pytest.mark.parametrize("kind", discovered(KTModel), ids=lambda kind: kind.__name__)
def test_an_earlier_mark_moves_what_is_predicted(
    kind: type[KTModel], skills: str, tmp_path: Path
) -> None:
    rows = ["student,item,skill,correct"]
    for student in range(12):
        for item in [*range(6)] * (2 if kind in ALONE else 1):
            skill = "k" if skills == "some" and item % 2 else ""
            rows.append(f"s{student},q{item},{skill},{(student + item) % 2}")
    file = tmp_path / "answers.csv"
    file.write_text("\n".join(rows), encoding="utf-8")
    data = Interactions(str(file), batch_size=4)
    batch = next(iter(data.train_dataloader()))
    torch.manual_seed(0)
    net = kind(data.num_items, data.num_skills).eval()
    flipped = batch._replace(correct_BL=batch.correct_BL.clone())
    flipped.correct_BL[:, 0] = 1 - flipped.correct_BL[:, 0]
    with torch.inference_mode():
        moved_BL = (net(batch) - net(flipped)).abs() > 1e-6
    assert moved_BL[:, 1:].any(1).all()
