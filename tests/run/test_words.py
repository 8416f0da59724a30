from pathlib import Path

import pytest

from torchedu.errors import ConfigError
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


def test_the_usual_network_is_named_right_after_its_task() -> None:
    words = ["--run", "x", "--model", "CourseRecommendation", "--model.net.dim", "8"]
    net = "--model.net=torchedu.models.TwoTower"
    assert Words(words).for_training() == [*words[:4], net, *words[4:]]
    assert Words(["--lr_find"]).for_training()[0] == "--model.net=torchedu.models.ItemDKT"
    assert Words(["--config", "two_tower"]).names_net
    assert Words(["--model.net", "MF"]).names_net
    assert not Words(words[:4]).names_net
