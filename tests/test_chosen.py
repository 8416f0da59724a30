from pathlib import Path

import pytest

from torchedu.chosen import chooses_net, chosen_task, with_net
from torchedu.errors import ConfigError
from torchedu.tasks import CourseRecommendation, KnowledgeTracing


def test_the_task_is_what_the_words_name(tmp_path: Path) -> None:
    assert chosen_task([]) is KnowledgeTracing
    assert chosen_task(["--model", "CourseRecommendation"]) is CourseRecommendation
    assert chosen_task(["--model=torchedu.CourseRecommendation"]) is CourseRecommendation
    assert chosen_task(["--config", "two_tower"]) is CourseRecommendation
    assert chosen_task(["--config=dkt"]) is KnowledgeTracing
    assert chosen_task(["--model", "of.nobody.Knows"]) is KnowledgeTracing  # told when it is parsed
    file = tmp_path / "c.yaml"
    file.write_text("model: [", "utf-8")
    with pytest.raises(ConfigError, match="is no YAML"):
        chosen_task(["--config", str(file)])


def test_the_usual_network_is_named_right_after_its_task() -> None:
    words = ["--run", "x", "--model", "CourseRecommendation", "--model.net.dim", "8"]
    net = "--model.net=torchedu.models.TwoTower"
    assert with_net(words, CourseRecommendation) == [*words[:4], net, *words[4:]]
    assert with_net(["--lr_find"], KnowledgeTracing)[0] == "--model.net=torchedu.models.ItemDKT"
    assert chooses_net(["--config", "two_tower"])
    assert chooses_net(["--model.net", "MF"])
    assert not chooses_net(words[:4])
