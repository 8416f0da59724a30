import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from torchedu.domains.building import check_arguments, check_build, class_by_path
from torchedu.errors import CheckpointError
from torchedu.models import DKT, ItemDKT, Network
from torchedu.permissions import allowing


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a module of one's own that nothing has imported."""
    (tmp_path / "unheard_of.py").write_text(
        "from pathlib import Path\nfrom torchedu.models import DKT\n"
        "Path(__file__).with_name('imported').touch()\nclass Net(DKT): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "unheard_of", raising=False)
    return "unheard_of"


def test_a_module_is_imported_where_a_user_trusts_it_and_not_because_a_file_names_it(
    package: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="whose code is not torchedu's") as told:
        class_by_path(f"{package}.Net", Network, "network")  # type: ignore[type-abstract]
    assert told.value.remedy == f"If you trust it, name its module: ⟦trust⟧ {package}."
    assert not (tmp_path / "imported").exists()
    with allowing(trust=package):
        kind = class_by_path(f"{package}.Net", Network, "network")  # type: ignore[type-abstract]
    assert kind.__name__ == "Net"
    again = class_by_path(f"{package}.Net", Network, "network")  # type: ignore[type-abstract]
    assert again is kind  # this program has imported it


@pytest.mark.parametrize(
    "path",
    ["os.system", "antigravity.fly", "torchedu.cli.main", "torchedu.modelsx.Net", "torch.nn.Linear",
     "transformers.AutoModel", "..", "torchedu.models..Net", "", "torchedu.models.dkt.torch",
     "a b.C"],
)  # fmt: skip
def test_no_other_class_comes_of_a_file(path: str) -> None:
    before = set(sys.modules)
    with pytest.raises(CheckpointError) as told:
        class_by_path(path, Network, "network")  # type: ignore[type-abstract]
    assert len(str(told.value).splitlines()) == 2
    assert "antigravity" not in set(sys.modules) - before


@pytest.mark.parametrize("path", ["torchedu.DKT", "torchedu.models.DKT", "torchedu.models.dkt.DKT"])
def test_torchedu_s_own_come_by_any_of_their_paths(path: str) -> None:
    assert class_by_path(path, Network, "network") is DKT  # type: ignore[type-abstract]


@pytest.mark.parametrize(
    "change", [{"dim": "8"}, {"dim": 10**12}, {"dropout": [1]}, {"num_items": None}]
)
def test_arguments_of_another_form_build_nothing(change: dict[str, Any]) -> None:
    check_arguments(ItemDKT, {"num_items": 5, "num_skills": 3, "dim": 8})
    with pytest.raises(CheckpointError, match=f"no ItemDKT: its {next(iter(change))} is"):
        check_arguments(ItemDKT, {"num_items": 5, "num_skills": 3} | change)


def test_a_network_that_is_far_larger_than_its_weights_is_not_built() -> None:
    weights = {"net": torch.zeros(100)}
    check_build(DKT, {"num_items": 5, "num_skills": 3, "dim": 8}, weights)
    with pytest.raises(CheckpointError, match=r"takes .* numbers, and its weights are 100"):
        check_build(DKT, {"num_items": 5, "num_skills": 3, "dim": 1 << 20}, weights)


class Copied(torch.nn.Module):
    """Computes something of itself while it is built, as language models do."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.drawn = torch.nn.init.normal_(torch.full((9,), torch.nan, device="cpu"), std=spread)
        if not torch.isfinite(self.drawn).all():
            raise CheckpointError("it was not filled.", "")
        self.weight = torch.nn.Parameter(torch.nn.init.normal_(torch.empty(9)))
        assert self.weight.is_meta


def test_what_a_network_draws_of_its_own_while_it_is_looked_at_is_drawn() -> None:
    check_build(Copied, {"spread": 1.0}, {})
