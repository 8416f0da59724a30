"""Help is as long as what is asked for."""

import pytest

from torchedu.cli.first_words import CHECKED, CLASSES, words_known
from torchedu.cli.manual import USUAL, manual
from torchedu.errors import ConfigError
from torchedu.parsing import RECIPES


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_the_usual_help_is_short_and_of_real_options(command: str) -> None:
    text = manual(command, ["--help"])
    assert text is not None
    lines = text.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100
    known = {*words_known(command)["options"], *CLASSES}
    assert {option.split()[0].lstrip("-") for option in USUAL[CHECKED[command]]} <= known


@pytest.mark.parametrize("recipe", sorted(file.stem for file in RECIPES.glob("*.yaml")))
def test_the_help_of_a_recipe_has_its_own_values(recipe: str) -> None:
    text = manual("fit", ["--help", recipe])
    assert text is not None
    lines = text.splitlines()
    assert len(lines) <= 60
    assert lines[0].startswith("torchedu fit --config")
    assert any(line.startswith("--model ") for line in lines)
    assert any(line.startswith("--data ") for line in lines)


def test_parts_of_the_whole_help() -> None:
    whole, data = manual("fit", ["--help", "all"]), manual("fit", ["-h", "save"])
    assert whole is not None
    assert data is not None
    assert "--trainer.max_epochs" in whole
    assert "--save.every_n_steps" in data
    assert "--trainer." not in data
    sakt = manual("fit", ["--help", "SAKT"])
    assert sakt is not None
    assert sakt.startswith("--model.net SAKT: ")
    assert "--model.lr" in (manual("fit", ["--help", "KnowledgeTracing"]) or "")
    assert manual("fit", ["--run", "mine"]) is None


def test_no_such_help() -> None:
    with pytest.raises(ConfigError, match="no help on 'dataa'") as raised:
        manual("fit", ["--help", "dataa"])
    assert "Did you mean data?" in raised.value.remedy


def test_a_trained_network_has_no_recipes_and_an_option_is_no_part() -> None:
    for part in ("dkt", "model", "SAKT"):
        with pytest.raises(ConfigError, match="no help on") as raised:
            manual("validate", ["--help", part])
        assert raised.value.remedy.startswith("Allowed: all, data, trainer.")
    assert manual("fit", ["--help", "--run", "mine"]) == manual("fit", ["--help"])
