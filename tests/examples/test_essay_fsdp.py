"""The example of fine-tuning under FSDP, in small, on two ranks."""

import json
from pathlib import Path

import pytest

from tests.conftest import FAST
from tests.encoders import write_decoder
from tests.essays import write_essays
from torchedu.cli import main
from torchedu.tasks import open_task
from torchedu.testing.launch import LaunchServer

CONFIG = Path(__file__).parents[2] / "examples" / "essay_fsdp" / "config.yaml"


@pytest.mark.timeout(240)
def test_two_ranks_train_what_one_process_scores_alike(
    launch: LaunchServer, tmp_path: Path
) -> None:
    run, words = tmp_path / "run", ["--data.path", str(write_essays(tmp_path / "essays.csv", 60))]
    words += ["--data.encoder", str(write_decoder(tmp_path / "decoder")), *FAST]
    words += ["--trainer.devices", "2", "--data.batch_size", "16", "--run", str(run)]
    launched = launch.start(main, ["fit", "--config", str(CONFIG), *words], ranks=2)
    assert launched.wait(200) == [0, 0], launched.output() + launched.output(1)
    assert (launched.result(), launched.result(1)) == (0, 0)
    by_two = json.loads((run / "evaluation.json").read_text("utf-8"))["scores"][0]
    assert by_two["name"] == "TextGrader"
    checkpoint = run / "checkpoints" / "best.ckpt"
    assert checkpoint.with_name("best.ckpt.parts").is_dir()
    assert open_task(checkpoint).net.pooling == "last"
    assert main(["test", str(run), "--trainer.accelerator", "cpu", "--trainer.devices", "1"]) == 0
    by_one = json.loads((run / "test-essays" / "evaluation.json").read_text("utf-8"))["scores"][0]
    assert by_one == pytest.approx(by_two)
