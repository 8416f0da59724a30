import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from torchedu.errors import MissingExtraError
from torchedu.report import write_report
from torchedu.report.describe import draw


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_a_missing_package_is_told_with_its_extra(
    write_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    run = write_run()
    before = sorted(run.rglob("*"))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package}.*\n.*torchedu\[plots\]"):
        write_report(run)
    with pytest.raises(MissingExtraError, match=package):
        draw({}, run / "describe.png")
    assert sorted(run.rglob("*")) == before
