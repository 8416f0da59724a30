"""A space is read, refused in two lines, and drawn from; choices bring options along."""

from pathlib import Path

import pytest

from torchedu.errors import ConfigError

optuna = pytest.importorskip("optuna", reason="needs the package optuna")

from torchedu.tune.space import Space, words  # noqa: E402 - after what it needs

TEXT = """
model.lr: {float: [0.001, 0.1], log: true}
data.batch_size: {choice: [16, 32]}
trainer.gradient_clip_val: {choice: [null, 1.0]}
model.net:
  choice:
    DKT:
      model.net.dim: {int: [8, 32], step: 8}
    torchedu.SAKT:
      model.net.dim: {choice: [8, 64]}
      model.net.heads: {int: [1, 4]}
    BKT:
"""


def trial(**params: object) -> "optuna.trial.FixedTrial":
    return optuna.trial.FixedTrial(params)


def test_options_of_a_choice_come_with_it_alone() -> None:
    space = Space.parse(TEXT)
    same = {"model.lr": 0.01, "data.batch_size": "32", "trainer.gradient_clip_val": "null"}
    given = space.suggest(
        trial(**same, **{"model.net": "DKT", "model.net.dim [model.net=DKT]": 16})
    )
    assert given == {
        "model.lr": 0.01, "data.batch_size": 32, "trainer.gradient_clip_val": None,
        "model.net": "DKT", "model.net.dim": 16,
    }  # fmt: skip
    assert words(given) == [
        "--model.lr=0.01", "--data.batch_size=32", "--trainer.gradient_clip_val=null",
        "--model.net=DKT", "--model.net.dim=16",
    ]  # fmt: skip
    assert space.suggest(trial(**same, **{"model.net": "BKT"}))["model.net"] == "BKT"


def test_any_trial_lies_within_the_space() -> None:
    space = Space.parse(TEXT)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    nets = set()
    for _ in range(40):
        values = space.suggest(study.ask())
        nets.add(values["model.net"])
        assert 0.001 <= values["model.lr"] <= 0.1
        assert values["data.batch_size"] in (16, 32)
        assert ("model.net.heads" in values) == (values["model.net"] == "torchedu.SAKT")
        if values["model.net"] == "DKT":
            assert values["model.net.dim"] in (8, 16, 24, 32)
    assert nets == {"DKT", "torchedu.SAKT", "BKT"}


def test_every_edge_is_tried_under_what_it_depends_on() -> None:
    probes = [(probe.option, probe.values) for probe in Space.parse(TEXT).probes()]
    assert ("model.lr", {"model.lr": 0.001}) in probes
    assert ("model.lr", {"model.lr": 0.1}) in probes
    assert ("model.net.heads", {"model.net": "torchedu.SAKT", "model.net.heads": 4}) in probes
    assert ("model.net.dim", {"model.net": "torchedu.SAKT", "model.net.dim": 64}) in probes
    assert len(probes) == 2 + 2 + 2 + 3 + 2 + 2 + 2


def test_the_recipes_values_are_named_as_far_as_the_space_holds_them() -> None:
    recipe = {"model.lr": 0.004, "data.batch_size": 64, "trainer.gradient_clip_val": None}
    named = Space.parse(TEXT).named(
        {**recipe, "model.net": "torchedu.models.DKT", "model.net.dim": 24, "model.net.heads": 2}
    )
    assert named == {
        "model.lr": 0.004, "trainer.gradient_clip_val": "null", "model.net": "DKT",
        "model.net.dim [model.net=DKT]": 24,
    }  # fmt: skip
    assert "model.lr" not in Space.parse(TEXT).named({"model.lr": 0.5})
    assert "model.lr" not in Space.parse(TEXT).named({"model.lr": True})
    both = Space.parse("a: {choice: [true, 1, '2013']}\nb: {choice: [null, 2]}")
    assert both.named({"a": 1, "b": None}) == {"a": "1", "b": "null"}
    assert both.named({"a": 2013}) == {"a": "2013"}  # as a table writes it


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("[", "is no YAML", "As in"),
        ("", "holds 'None', no options", "As in"),
        ("{}", "names no option", "As in"),
        ("- model.lr", "no options", "As in"),
        ("model.lr: 0.1", "model.lr: '0.1' is no kind", "choice, int, float"),
        ("model.lr: {flaot: [1, 2]}", "'flaot' is no kind", "Did you mean float"),
        ("model.lr: {float: [1, 2], int: [1, 2]}", "'int and float' is no kind", "Allowed"),
        ("model.lr: {float: [1, 2], lgo: true}", "has 'lgo' beside float", "Did you mean log"),
        ("model.lr: {float: [2, 1]}", r"float is \[2, 1\]", "the lower one first"),
        ("model.lr: {float: [1e-3, 1]}", "float is", "write .001 as 0.001"),
        ("model.lr: {float: [0, 1], log: true}", "log True", "both ends are above 0"),
        ("model.lr: {float: [0, .inf]}", "float is", "two numbers"),
        ("model.lr: {float: [.nan, 1]}", "float is", "two numbers"),
        ("model.lr: {float: [1, 2, 3]}", "float is", "two numbers"),
        ("model.lr: {float: [true, 2]}", "float is", "two numbers"),
        ("model.lr: {float: 3}", "float is 3", "two numbers"),
        ("data.batch_size: {int: [1, 2.5]}", "int is", "whole numbers"),
        ("data.batch_size: {int: [1, 8], step: 9}", "step is 9", "no larger than the range"),
        ("data.batch_size: {int: [1, 8], step: 0}", "step is 0", "above 0"),
        ("data.batch_size: {int: [1, 8], step: 2, log: true}", "step is 2", "without log"),
        ("data.batch_size: {int: [1, 8], log: 1}", "log 1", "true or false"),
        ("data.batch_size: {choice: []}", r"choice is \[\]", "List the values"),
        ("data.batch_size: {choice: 16}", "choice is 16", "List the values"),
        ("data.batch_size: {choice: [16, 16]}", "a value twice", "once"),
        ("model.net: {choice: {DKT: 3}}", "below model.net=DKT", "As in"),
        ("model.lr: {float: [1, 2]}\nmodel.lr: {float: [3, 4]}", "'model.lr' twice", "As in"),
        ("a: {int: [1, 2]}\nb: {choice: {x: {a: {int: [3, 4]}}}}", "a below a choice", "one of"),
        ("a: {choice: {x: {b: {choice: {y: {a: {int: [3, 4]}}}}}}}", "a below a choice", "one of"),
        ("model.lr: {float: [-.inf, 1]}", "float is", "two numbers"),
        ("model.lr: {float: [0, 1], step: .nan}", "step nan", "two numbers"),
        ("model.lr: {float: [1, 1.0e+308], step: 1.0e-300}", "too small", "Leave it out"),
        ("data.path: {choice: [2026-11-30]}", "not JSON serializable", "Quote"),
    ],
)  # fmt: skip
def test_what_is_no_space_is_told(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=problem) as error:
        Space.parse(text)
    assert remedy in error.value.remedy
    assert str(error.value).count("\n") == 1


def test_spaces_of_examples_name_options_of_a_training() -> None:
    from torchedu.cli.first_words import words_known

    files = sorted((Path(__file__).parents[2] / "examples").glob("*/space.yaml"))
    assert files
    known = words_known("fit")["options"]
    for file in files:
        for dimension in Space.parse(file.read_text("utf-8")).every():
            assert dimension.option in known or ".net." in dimension.option, dimension.option
