from pathlib import Path

import pytest
from lightning.pytorch.strategies import DDPStrategy

from torchedu.errors import ConfigError
from torchedu.run import Run, RunConfig, build, trainer
from torchedu.strategies.ddp import DDP
from torchedu.strategies.named import (
    AUTO,
    STRATEGIES,
    named_strategy,
    strategies_help,
    strategy_class,
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def built(store: Path, *words: str) -> Run:
    return build(RunConfig(["--data.path", str(store), "--trainer.accelerator", "cpu", *words]))


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_name_has_a_class_and_a_line_of_help(name: str) -> None:
    assert strategy_class(name).__module__.startswith("torchedu.strategies")
    assert strategies_help()[name]


@pytest.mark.parametrize("words", [["--trainer.strategy", "ddp"], ["--trainer.strategy=ddp"]])
def test_words_name_a_strategy(class_store: Path, words: list[str]) -> None:
    assert isinstance(built(class_store, *words).trainer.strategy, DDP)


def test_a_configuration_names_a_strategy_whose_options_words_set(class_store: Path) -> None:
    Path("short.yaml").write_text("trainer:\n  strategy: ddp\n", "utf-8")
    strategy = built(class_store, "-c", "short.yaml").trainer.strategy
    assert isinstance(strategy, DDP)
    Path("long.yaml").write_text(
        "trainer:\n  strategy:\n    class_path: lightning.pytorch.strategies.DDPStrategy\n"
        "    init_args:\n      process_group_backend: gloo\n",
        "utf-8",
    )
    strategy = built(class_store, "-c", "long.yaml").trainer.strategy
    assert isinstance(strategy, DDPStrategy)
    assert strategy._process_group_backend == "gloo"
    strategy = built(class_store, "-c", "long.yaml", "--trainer.strategy", "ddp").trainer.strategy
    assert isinstance(strategy, DDP)


@pytest.mark.parametrize("name", ["ddq", "a.b.C", "pathlib.Path", "torchedu.strategies.ddp.FSDP"])
def test_a_strategy_that_is_not_known_is_told_in_two_lines(class_store: Path, name: str) -> None:
    ways = (lambda: built(class_store, f"--trainer.strategy={name}"), lambda: named(name))
    for way in ways:
        with pytest.raises(ConfigError) as caught:
            way()
        assert name in caught.value.problem
        assert str(caught.value).count("\n") == 1
    assert name != "ddq" or "Did you mean ddp?" in str(caught.value)


def named(name: str) -> object:
    return trainer("mine", accelerator="cpu", strategy=name)


def test_python_takes_names_too() -> None:
    assert named_strategy(AUTO) == AUTO
    assert isinstance(trainer("mine", accelerator="cpu", strategy="ddp").strategy, DDP)
    own = DDPStrategy()
    assert trainer("own", accelerator="cpu", strategy=own).strategy is own
