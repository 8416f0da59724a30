from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.permissions import allowing
from torchedu.run import RunConfig
from torchedu.run.words import Words
from torchedu.tasks import CourseRecommendation, KnowledgeTracing


def test_the_task_is_what_the_words_name(tmp_path: Path) -> None:
    assert Words([]).task is KnowledgeTracing
    assert Words(["--model", "CourseRecommendation"]).task is CourseRecommendation
    assert Words(["--model=torchedu.CourseRecommendation"]).task is CourseRecommendation
    assert Words(["--config", "two_tower"]).task is CourseRecommendation
    assert Words(["--config=dkt"]).task is KnowledgeTracing
    assert Words(["--model", "of.nobody.Knows"]).task is KnowledgeTracing  # told when it is parsed
    file = tmp_path / "c.yaml"
    file.write_text("model: [", "utf-8")
    with pytest.raises(ConfigError, match="is no YAML"):
        Words(["--config", str(file)])


def test_where_training_starts_is_known_beside_a_task_that_is_named_or_not() -> None:
    for words in (["--init_from", "runs/a"], ["--init_from=runs/a", "--data.path", "x"]):
        assert (Words(words).start, Words(words).names_task) == ("runs/a", False)
    words = ["--init_from", "runs/a", "--model", "CourseRecommendation"]
    assert Words(words).names_task
    assert Words(["--config", "two_tower"]).names_task


def test_the_usual_network_is_named_right_after_its_task() -> None:
    words = ["--run", "x", "--model", "CourseRecommendation", "--model.net.dim", "8"]
    net = "--model.net=torchedu.models.TwoTower"
    assert Words(words).for_training() == [*words[:4], net, *words[4:]]
    assert Words(["--lr_find"]).for_training()[0] == "--model.net=torchedu.models.LogisticDKT"
    assert Words(["--config", "two_tower"]).names_net
    assert Words(["--model.net", "MF"]).names_net
    assert not Words(words[:4]).names_net


def test_options_of_a_class_follow_its_name_in_whatever_order_they_are_given() -> None:
    net, dim, run = ["--model.net", "SAKT"], ["--model.net.dim", "8"], ["--run", "x"]
    task = ["--model=KnowledgeTracing"]
    in_order = [*run, *task, *net, *dim]
    assert Words([*dim, *run, *net, *task]).for_network() == in_order
    assert Words(in_order).for_network() == in_order
    # A later name of the class begins anew; its options stay before it.
    again = [*net, *dim, "--model.net=DKT"]
    assert Words(again).for_network() == again
    early = ["--model.init_args.net.init_args.dim=8", "--model.init_args.net", "SAKT"]
    assert Words(early).for_network() == [*early[1:], early[0]]


def test_a_file_undoes_no_option_that_stands_before_it(tmp_path: Path) -> None:
    own = ["--config", "own.yaml"]
    (tmp_path / "own.yaml").write_text("data: {init_args: {path: theirs.csv}}\n", "utf-8")
    own[1] = str(tmp_path / "own.yaml")
    path = ["--data.path", "mine.csv"]
    assert Words([*path, *own]).for_network() == [*own, *path]
    assert Words([*path, f"-c={own[1]}", *own]).for_network() == [f"-c={own[1]}", *own, *path]
    config = RunConfig([*path, "--config", "two_tower", "--run", str(tmp_path / "run")])
    assert config.config.data.init_args.path == "mine.csv"


def test_a_configuration_imports_nothing_that_nobody_names(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    for content in (
        "model: {class_path: unheard.Task}",
        "data: unheard.Data",
        "trainer: {callbacks: [{class_path: unheard.of.Callback}]}",
        "model: {init_args: {net: unheard.Net}}",
        "optimizer: {class_path: unheard.SGD}",
    ):
        file.write_text(content, "utf-8")
        with pytest.raises(ConfigError, match="whose code is not torchedu's") as told:
            Words(["--config", str(file)])
        assert told.value.remedy == "If you trust it, name its module: ⟦trust⟧ unheard."
        with allowing(trust="unheard"):
            Words(["--config", str(file)])
        Words(["--config", str(file), "--model.net", "unheard.other.Net"])  # the words name it
    file.write_text("trainer: {callbacks: {class_path: lightning.pytorch.callbacks.Timer}}")
    Words(["--config", str(file)])
