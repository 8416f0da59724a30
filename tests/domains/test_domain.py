"""What every task is of itself: it agrees with data, grows by name and is built again."""

from pathlib import Path

import pytest
import torch

from torchedu.companions import Companions
from torchedu.datamodules import Enrolments, Interactions
from torchedu.domains import Domain, Recommendation, Tracing
from torchedu.errors import CheckpointError, ConfigError
from torchedu.models import DKT, TwoTower
from torchedu.schema import GROUP, ITEM, SKILL, Names, Vocabulary


@pytest.fixture
def data(class_store: Path) -> Interactions:
    return Interactions(str(class_store))


def met(data: Interactions) -> Tracing:
    domain = Tracing(DKT, data.num_items, data.num_skills)
    domain.agree(data, training=True)
    return domain


def test_it_predicts_without_a_trainer(data: Interactions) -> None:
    domain = met(data).eval()
    batch = next(iter(data.test_dataloader()))
    said = domain.predict(batch)
    assert len(said.probability) == batch.scored_BL.sum()
    assert ((said.probability > 0) & (said.probability < 1)).all()


def test_what_stands_beside_the_weights_comes_back(data: Interactions) -> None:
    domain = met(data)
    again = Tracing(**domain.arguments())
    again.take(Companions.of(domain.companions.content()))
    again.load_state_dict(domain.state_dict())
    assert again.vocabulary == domain.vocabulary
    assert again.arguments() == domain.arguments()
    other = Companions(Vocabulary({ITEM: Names(["another"])}))
    with pytest.raises(CheckpointError, match=r"other data than this: item 'another' there, 'q0"):
        again.take(other)


def test_sizes_are_compared_until_names_are_known(data: Interactions) -> None:
    with pytest.raises(ConfigError, match=f"has num_skills 3, the data {data.num_skills}"):
        Tracing(DKT, data.num_items, 3).agree(data, training=False)
    small = Tracing(DKT, 3, 3)
    small.take(Companions(Vocabulary({ITEM: Names(["a"]), SKILL: Names(["b"])})))
    small.agree(data, training=False)
    assert data.vocabulary == small.vocabulary


def test_names_of_a_family_keep_their_rows_when_an_earlier_kind_grows() -> None:
    known = Vocabulary(
        {ITEM: Names(["a"]), GROUP + "age": Names(["x"]), GROUP + "sex": Names(["f"])}
    )
    domain = Recommendation(TwoTower, 3, 9, num_groups=6)
    domain.take(Companions(known))
    assert isinstance(domain.net, TwoTower)
    with torch.no_grad():
        domain.net.group.weight.copy_(torch.arange(6.0).unsqueeze(1).expand(6, 128))
    more = Vocabulary({ITEM: Names(["b"]), GROUP + "age": Names(["y"])})
    grown = domain.grown(more)
    assert isinstance(grown.net, TwoTower)
    assert grown.net.group.weight[:, 0].tolist() == [0, 1, 2, 0, 3, 4, 5]
    assert grown.num_groups == 7
    assert torch.equal(grown.net.course.weight[:3], domain.net.course.weight)


def test_every_domain_says_what_it_binds() -> None:
    kinds = [kind for kind in Domain.__subclasses__() if kind.__module__.startswith("torchedu.dom")]
    assert len(kinds) == 7
    for kind in kinds:
        assert set(filter(None, kind.binds.values())) <= set(kind.sizes)
        assert kind.nets.sizes


def test_a_new_value_of_an_attribute_is_no_obstacle(tmp_path: Path) -> None:
    def enrolments(name: str, ages: list[str]) -> Enrolments:
        rows = [f"s{i},c{(i + k) % 8},{ages[i % len(ages)]}" for i in range(40) for k in range(4)]
        file = tmp_path / f"{name}.csv"
        file.write_text("\n".join(["student,course,age", *rows]), encoding="utf-8")
        return Enrolments(str(file), groups=["age"])

    first, second = enrolments("first", ["old"]), enrolments("second", ["old", "young"])
    sizes = {size: getattr(first, size) for size in Recommendation.sizes}
    domain = Recommendation(TwoTower, **sizes)
    domain.agree(first, training=True)
    grown = domain.grown(second.vocabulary)
    assert grown.num_groups == second.num_groups
    grown.agree(second, training=True)
    assert grown.popularity[2:].min() > 0


def test_counts_beside_the_network_keep_their_type_in_half_precision() -> None:
    domain = Recommendation(TwoTower, 14, 16, 6, 5)
    domain.popularity.copy_(torch.arange(14) + 1000.3)
    wanted = domain.popularity.clone()
    domain.metrics.to("cpu")
    domain.to(torch.bfloat16)
    assert {x.dtype for x in domain.net.parameters()} == {torch.bfloat16}
    assert torch.equal(domain.popularity, wanted)
    domain.to("meta")
    assert domain.popularity.is_meta
    assert domain.popularity.dtype == torch.float32
