"""The 13B recipe fits on 8 devices of 80 GB, and each part is what the formula says."""

import re
from pathlib import Path

import pytest

from tests.recipes.fake_ranks import DEVICES, measure
from torchedu.readers.chat_tokenizer import ChatTokenizer
from torchedu.testing.launch import LaunchServer

pytest.importorskip("transformers", reason="needs the package transformers")
BLOCK = 4 * 5120**2 + 3 * 5120 * 13824 + 2 * 5120
TABLE = 32000 * 5120
PARAMETERS = 40 * BLOCK + 2 * TABLE + 5120
PAGE = Path(__file__).parents[2] / "docs" / "math_explanations.md"
RECIPE = Path(__file__).parents[2] / "torchedu" / "recipes" / "math_llama13b_fsdp.yaml"
WAYS = {
    "fsdp": (0, PARAMETERS / DEVICES),
    "tensor": (0, PARAMETERS / DEVICES),
    "pipeline": (0, 5 * BLOCK + TABLE),
    "pipeline's last": (7, 5 * BLOCK + TABLE + 5120),
}


def words_of(way: str) -> list[str]:
    """Return what the page says to add to the recipe for a strategy."""
    told = re.search(rf"`(--trainer\.strategy {way}.*?)`", PAGE.read_text("utf-8"), re.S)
    return told[1].split() if told else []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", WAYS)
def test_a_device_holds_what_the_formula_says(
    launch: LaunchServer, chat_store: Path, tokenizer: ChatTokenizer, tmp_path: Path, name: str
) -> None:
    tokenizer.save(tmp_path / "tokenizer")
    rank, share = WAYS[name]
    way = name.partition("'")[0]
    folders = (tmp_path / "model", tmp_path / "tokenizer", chat_store)
    launched = launch.start(measure, *folders, words_of(way), rank)
    assert launched.wait(250) == [0], launched.output()
    seen = launched.result()
    assert PARAMETERS == 13_015_864_320
    assert seen["parameters"] == pytest.approx(share, rel=1e-3)
    assert seen["tokens"] == 2048
    for kind, each in {"kept": 4, "gradients": 4, "adam": 8}.items():
        assert seen[kind] == pytest.approx(each * share, rel=0.05), kind
    assert seen["peak"] < 80e9
    told = f"{seen['peak'] / 2**30:.1f} GiB"
    assert told in PAGE.read_text("utf-8")
    if name == "fsdp":
        assert told in RECIPE.read_text("utf-8").splitlines()[0]
