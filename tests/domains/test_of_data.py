import inspect
from pathlib import Path
from typing import Any, cast

import pytest

from torchedu.datamodules import Enrolments, Interactions
from torchedu.errors import ConfigError
from torchedu.tasks import CourseRecommendation, KnowledgeTracing


def test_a_task_is_built_of_a_name_and_data_as_a_command_builds_it(class_store: Path) -> None:
    data: Any = Interactions(str(class_store))
    task = cast(Any, KnowledgeTracing)("ItemDKT", data)
    assert type(task.net).__name__ == "ItemDKT"
    assert (task.num_items, task.num_skills) == (data.num_items, data.num_skills)
    usual = KnowledgeTracing.usual["init_args"]
    assert {name: vars(task)[name] for name in usual} == usual
    other = cast(Any, KnowledgeTracing)("DKT", data, lr=0.5)
    assert (other.lr, other.weight_decay) == (0.5, usual["weight_decay"])


def test_another_task_takes_its_own_sizes(enrolment_store: Path) -> None:
    data: Any = Enrolments(str(enrolment_store))
    task = cast(Any, CourseRecommendation)("TwoTower", data)
    assert task.num_items == data.num_items


def test_a_network_may_be_named_beside_sizes() -> None:
    task = cast(Any, KnowledgeTracing)("DKT", 5, 4)
    assert (type(task.net).__name__, task.lr) == ("DKT", 1e-3)


def test_a_network_of_another_task_is_none(class_store: Path) -> None:
    with pytest.raises(ConfigError, match="TwoTower") as error:
        cast(Any, KnowledgeTracing)("TwoTower", Interactions(str(class_store)))
    assert "SAKT" in error.value.remedy


def test_what_a_task_takes_is_what_it_says() -> None:
    assert list(inspect.signature(KnowledgeTracing).parameters)[:3] == [
        "net",
        "num_items",
        "num_skills",
    ]
