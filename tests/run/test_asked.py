import re
from functools import partial
from pathlib import Path

import pytest

from torchedu import DKT, Interactions, KnowledgeTracing
from torchedu.checkpoints import read_checkpoint
from torchedu.cli import main
from torchedu.errors import ConfigError
from torchedu.run import trainer
from torchedu.run_folder import RunFolder


def task(store: Path, lr: float = 0.002) -> tuple[KnowledgeTracing, Interactions]:
    data = Interactions(str(store))
    net = partial(DKT, dim=4)
    return KnowledgeTracing(net, data.num_items, data.num_skills, lr=lr), data


def test_python_goes_on_with_what_a_run_began_with_or_says_what_differs(
    class_store: Path, tmp_path: Path
) -> None:
    begun, data = task(class_store)
    trainer(str(tmp_path / "a"), max_epochs=1, accelerator="cpu").fit(begun, data)
    last = RunFolder(tmp_path / "a").last

    other, data = task(class_store, lr=0.5)
    again = trainer(str(tmp_path / "b"), max_epochs=2, accelerator="cpu")
    with pytest.raises(ConfigError, match=re.escape("lr 0.002, and 0.5 is asked")):
        again.fit(other, data, ckpt_path=last, weights_only=True)

    again = trainer(str(tmp_path / "c"), 2, accelerator="cpu", resume_with=["lr"])
    again.fit(other, data, ckpt_path=last, weights_only=True)
    content = read_checkpoint(RunFolder(tmp_path / "c").last).content
    assert {one["lr"] for one in content["optimizer_states"][0]["param_groups"]} == {0.5}
    assert content["callbacks"]["LastCheckpoint"]["asked"]["model.lr"] == 0.5


def test_python_goes_on_with_a_commands_run_whose_words_say_all_otherwise(
    class_store: Path, tmp_path: Path
) -> None:
    words = ["--data.path", str(class_store), "--model.net", "DKT", "--model.net.dim", "4"]
    words += ["--trainer.accelerator", "cpu", "--trainer.max_epochs", "1"]
    assert main(["fit", *words, "--run", str(tmp_path / "a")]) == 0
    last = RunFolder(tmp_path / "a").last
    begun, data = KnowledgeTracing.load_from_checkpoint(last), Interactions(str(class_store))

    def go_on(limit: float | int) -> None:
        again = trainer(
            str(tmp_path / f"b{limit}"), 2, accelerator="cpu", resume_with=["max_epochs"],
            limit_train_batches=limit,
        )  # fmt: skip
        again.fit(begun, data, ckpt_path=last, weights_only=True)

    go_on(1.0)
    with pytest.raises(ConfigError, match="limit_train_batches"):
        go_on(1)
