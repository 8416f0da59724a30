"""The packages that only pictures and reports need."""

from importlib.util import find_spec

from torchedu.errors import MissingExtraError


def need_extras(feature: str) -> None:
    """Refuse to go on without what the extra ``plots`` installs.

    Args:
        feature: What is asked for, as the error begins.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    for package in ("matplotlib", "jinja2"):
        if find_spec(package) is None:
            raise MissingExtraError(feature, package, "plots")
