"""The 13B recipe fits on 8 devices of 80 GB, each part as the formula says."""

from pathlib import Path

import pytest

from tests.recipes.fake_ranks import DEVICES, measure
from torchedu.datamodules.chat_tokenizer import ChatTokenizer
from torchedu.testing.launch import LaunchServer

pytest.importorskip("transformers", reason="needs the package transformers")
PARAMETERS = 13_015_864_320
PAGE = Path(__file__).parents[2] / "docs" / "math_explanations.md"


@pytest.mark.timeout(300)
def test_a_device_holds_what_the_formula_says(
    launch: LaunchServer, chat_store: Path, tokenizer: ChatTokenizer, tmp_path: Path
) -> None:
    tokenizer.save(tmp_path / "tokenizer")
    (tmp_path / "model").mkdir()
    launched = launch.start(measure, tmp_path / "model", tmp_path / "tokenizer", chat_store)
    assert launched.wait(250) == [0], launched.output()
    seen = launched.result()
    share = PARAMETERS / DEVICES
    assert seen["parameters"] == pytest.approx(share, rel=1e-6)
    assert seen["tokens"] == 2048
    peak = seen["peak"]
    assert peak["Sharded Param"] == pytest.approx(4 * share, rel=0.05)
    assert seen["gradients"] == pytest.approx(4 * share, rel=0.05)
    assert peak["OptState"] == pytest.approx(8 * share, rel=0.05)
    assert peak["Total"] < 80e9
    told = f"{peak['Total'] / 2**30:.1f} GiB"
    recipe = Path(__file__).parents[2] / "torchedu" / "recipes" / "math_llama13b_fsdp.yaml"
    assert told in recipe.read_text("utf-8").splitlines()[0]
    assert told in PAGE.read_text("utf-8")
