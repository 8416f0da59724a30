from pathlib import Path

import pytest

from tests.encoders import write_encoder
from tests.essays import write_essays
from torchedu.datamodules import Essays


@pytest.mark.parametrize("frozen", [True, False])
def test_steps_are_counted_before_any_text_is_read_by_the_encoder(
    frozen: bool, tmp_path: Path
) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    essays = str(write_essays(tmp_path / "essays.csv"))
    data = Essays(essays, encoder=str(encoder), frozen=frozen, batch_size=7)
    steps = data.steps_per_epoch
    assert not data.features.exists()
    assert steps == len(data.training()[1])
