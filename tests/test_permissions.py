from importlib.metadata import EntryPoint

import pytest

from torchedu import permissions
from torchedu.permissions import allowing, held, is_trusted


def test_what_is_allowed_holds_for_a_block_and_adds_to_what_was() -> None:
    assert not held().allow_download
    with allowing(trust="mine", allow_download=True):
        with allowing(trust=["yours.tasks"], plain_csv=True):
            assert held().trust == {"mine", "yours.tasks"}
            assert held().allow_download
            assert held().plain_csv
            assert not held().sealed_only
        assert held().trust == {"mine"}
    assert held() == permissions.Permissions()


@pytest.mark.parametrize(
    ("module", "trusted"),
    [("mine", True), ("mine.nets", True), ("mine2", False), ("other", False), ("", False)],
)
def test_a_module_is_trusted_with_all_inside_it(module: str, trusted: bool) -> None:
    with allowing(trust="mine"):
        assert is_trusted(module) is trusted


def test_an_installed_package_may_say_that_files_name_its_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("mine", "my_package", permissions.GROUP)
    monkeypatch.setattr(permissions, "entry_points", lambda group: [point])
    permissions._installed.cache_clear()
    assert is_trusted("my_package.nets")
    permissions._installed.cache_clear()
