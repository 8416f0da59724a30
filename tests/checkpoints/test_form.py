"""Values of every kind at every place of a checkpoint that is sealed as it should be."""

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.checkpoints.conftest import content, save
from torchedu.callbacks.random_state import random_state
from torchedu.checkpoints import read_checkpoint
from torchedu.errors import CheckpointError

KEPT = {
    "best_model_path": "run/checkpoints/best.ckpt",
    "dirpath": "run/checkpoints",
    "best_k_models": {"run/checkpoints/best.ckpt": torch.tensor(0.5)},
    "kth_best_model_path": "run/checkpoints/best.ckpt",
    "last_model_path": "",
}
"""What ``ModelCheckpoint`` says of itself."""
CALLBACKS: list[tuple[str, dict[str, Any], str]] = [
    ("ModelCheckpoint{'monitor': 'x'}", KEPT | {"dirpath": "run/../.."}, "not a folder"),
    ("ModelCheckpoint", KEPT | {"kth_best_model_path": "/home/a.ckpt"}, "outside its folder"),
    ("ModelCheckpoint", KEPT | {"last_model_path": "run/checkpoints/../x.ckpt"}, "not the path"),
    ("ModelCheckpoint", KEPT | {"last_model_path": "run/checkpoints"}, "not the path"),
    ("ModelCheckpoint", KEPT | {"best_k_models": {"/etc/a.ckpt": torch.tensor(1.0)}}, "outside"),
    ("ModelCheckpoint", KEPT | {"best_model_score": "high"}, "a tensor"),
    ("EarlyStopping", {"wait_count": "x"}, "without 'stopped_epoch'"),
    ("Mine", {"folder": "/home/victim"}, "a path, and callbacks take none"),
    ("Mine", {"inner": [{"name": "../up"}]}, "a path, and callbacks take none"),
    ("RandomState", {"ranks": [random_state() | {"numpy": ["MT19937", 3, 700, 0, 0.0]}]}, "numpy"),
]


@pytest.mark.parametrize(("name", "state", "said"), CALLBACKS)
def test_callbacks_are_given_no_paths_and_nothing_unknown(
    tmp_path: Path, name: str, state: dict[str, Any], said: str
) -> None:
    file = save(tmp_path / "net.ckpt", content() | {"callbacks": {name: state}})
    with pytest.raises(CheckpointError, match=f"its callbacks > {name.partition('{')[0]}.*{said}"):
        read_checkpoint(file)


def test_what_callbacks_say_of_themselves_is_read(tmp_path: Path) -> None:
    states = {"ModelCheckpoint": KEPT, "RandomState": {"ranks": [random_state()]}}
    states["Mine"] = {"count": 3, "name": "as it is", "seen": [torch.ones(2)]}
    file = save(tmp_path / "net.ckpt", content() | {"callbacks": states})
    assert read_checkpoint(file).content["callbacks"].keys() == states.keys()


ELSEWHERE: list[tuple[dict[str, Any], str]] = [
    ({"task": "os.system; x"}, "the import path of a class"),
    ({"lr_schedulers": [{"step": 3}]}, "no value of a schedule"),
    ({"lr_schedulers": [{"_anneal_func_type": "__init__"}]}, "one of 'cos', 'linear'"),
    ({"companions": {"vocabulary": {}, "tokenizer": {"../../x": "y"}}}, "not known here"),
    ({"companions": {"vocabulary": {"item": ["a", "a"]}}}, "a name stands twice"),
    ({"state_dict": {"w": torch.zeros(1).expand(10**9)}}, "whose numbers are not all there"),
    ({"state_dict": {"w": torch.eye(3).to_sparse()}}, "without plain numbers"),
    ({"state_dict": {"w": torch.empty(3, device="meta")}}, "without plain numbers"),
    ({"pytorch-lightning_version": "1.0.0"}, "a version of Lightning 2"),
    ({"mine": {"folder": "/home"}}, "a path"),
]


@pytest.mark.parametrize(("change", "said"), ELSEWHERE)
def test_what_stands_elsewhere_has_its_form(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    file = tmp_path / "net.ckpt"
    torch.save(content() | change, file)  # sealed or not, the same reader
    with pytest.raises(CheckpointError, match=said):
        read_checkpoint(file)


STRANGE: tuple[Any, ...] = (
    "../../x", "/etc/x", "http://127.0.0.1/x", "", "x" * 10**5, "\x00", 10**30, -1, float("nan"),
    True, None, [], {}, [[[]]], {"../x": 1}, torch.zeros(0), torch.zeros(1).expand(9), (1,), 1.5,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        inner: Any = value.items()
    else:
        inner = list(enumerate(value))[:3] if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def test_a_drawn_value_anywhere_is_read_or_told_in_two_lines(tmp_path: Path) -> None:
    drawn = random.Random(0)
    whole = content() | {"callbacks": {"ModelCheckpoint": KEPT}}
    whole |= {"loss_sums": [1.0, 2.0], "hyper_parameters": {"lr": 0.1, "net": {"init_args": {}}}}
    file = tmp_path / "net.ckpt"
    told: list[str] = []
    for path in places(whole)[1:]:
        for value in drawn.sample(STRANGE, 3):
            changed = copy.deepcopy(whole)
            owner: Any = changed
            for key in path[:-1]:
                owner = owner[key]
            owner[path[-1]] = value
            torch.save(changed, file)
            try:
                read_checkpoint(file)
            except CheckpointError as error:
                told.append(str(error))
    assert len(told) > 50
    assert all(len(text.splitlines()) == 2 for text in told)
