"""Each layout of ``layouts`` is told by what it begins with, and read for what it says."""

from pathlib import Path
from typing import Any

import pytest

from tests.datasets.importers.layouts import LAYOUTS, Layout, followed, told
from torchedu.datasets.importers import guess_format, import_data
from torchedu.errors import TorcheduError


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_is_told_and_read(layout: Layout, tmp_path: Path) -> None:
    raw = layout.write(tmp_path)
    assert guess_format(raw, layout.store) == layout.format
    options: dict[str, Any] = {}
    if layout.remedy:
        with pytest.raises(TorcheduError) as caught:
            import_data(layout.format, raw, tmp_path / "out", store=layout.store)
        assert f"⟦{next(iter(layout.remedy))}⟧" in caught.value.remedy
        options = followed(layout, tmp_path)
    store = import_data(layout.format, raw, tmp_path / "out", options, store=layout.store)
    assert told(store) == layout.truth
    assert sum(told["rows"] for told in store.about["dropped"].values()) == layout.left
