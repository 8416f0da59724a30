"""What reports of several tasks show."""

from collections.abc import Mapping, Sequence
from typing import Any

from torchedu.sections import Form, Section


def audited(fairness: Mapping[str, Any] | None, forms: Sequence[Form] = ()) -> Section:
    """Say what the audit of groups found.

    Args:
        fairness: What ``torchedu.metrics.fairness.audit`` returned; None without groups.
        forms: What is drawn beside.
    """
    title = "For all groups alike?"
    if fairness is None:
        return Section(title, "The data names no groups.", lacking=True)
    return Section(title, "\n".join(fairness["words"]), forms, private=True)
