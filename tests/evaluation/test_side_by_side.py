from types import SimpleNamespace

import numpy as np

from torchedu.evaluation.side_by_side import Models, apart, audited, each, groups_of, rows
from torchedu.schema import Names, Vocabulary

MODELS: Models[float] = {"net": ("network", 2.0), "mean": ("baseline", 3.0)}


def test_models_stand_side_by_side_by_name() -> None:
    assert rows(MODELS, lambda said: {"cost": said}) == [
        {"name": "net", "kind": "network", "cost": 2.0},
        {"name": "mean", "kind": "baseline", "cost": 3.0},
    ]
    assert each(MODELS, lambda said: -said) == {"net": -2.0, "mean": -3.0}


def test_only_groups_that_there_are_stand_apart() -> None:
    ids = np.array([3, 0, 3])
    shares = {name: mine.tolist() for name, mine in apart(ids, ["", "not said", "a", "b"])}
    assert shares == {"": [False, True, False], "b": [True, False, True]}
    assert [id for id, _ in apart(ids)] == [0, 3]


def test_people_of_no_named_group_belong_to_none() -> None:
    names = Vocabulary({"group.sex": Names(["f", "m"]), "group.part": Names(["train", "test"])})
    group = {"sex": np.array([2, 3, 0, 1]), "part": np.array([2, 2, 3, 3])}
    store = SimpleNamespace(vocabulary=names, group=group.get)
    (attribute,) = (groups := groups_of(store, np.array([3, 1, 0, 0]))).values()
    assert list(groups) == ["sex"]  # the other says nothing but parts
    assert np.asarray(attribute.ids).tolist() == [-1, 1, 0, 0]
    assert attribute.names == ["f", "m"]
    assert audited(np.array([0.5]), np.array([1.0]), {}) is None
