"""What reports of several tasks show."""

from collections.abc import Mapping, Sequence
from typing import Any

from torchedu.datamodules import DataModule
from torchedu.sections import Form, Number, Section, Table


def audited(fairness: Mapping[str, Any] | None, forms: Sequence[Form] = ()) -> Section:
    """Say what the audit of groups found.

    Args:
        fairness: What ``torchedu.metrics.fairness.audit`` returned; None without groups.
        forms: What is drawn beside.
    """
    title = "For all groups alike?"
    if fairness is None:
        return Section(title, "The data names no groups.", lacking=True)
    return Section(title, "\n".join(fairness["words"]), forms)


def leaks(data: Any) -> Sequence[Section]:
    """Say what may make scores on data too good, without anyone's name.

    Args:
        data: A data module; nothing is said of one that is none of torchedu's.
    """
    if not isinstance(data, DataModule):
        return ()
    title = "Could the scores be too good?"
    if not data.findings:
        told = "Copies, values that alone tell the target, and groups on both sides of the split "
        return [Section(title, f"{told}were looked for: none was found.")]
    rows: list[list[str | Number]] = [
        [one.kind, one.where, one.count, one.share, one.remedy] for one in data.findings
    ]
    table = Table(["kind", "where", "rows", "share", "what to do"], rows)
    return [Section(title, "\n".join(f"{one.told}." for one in data.findings), [table])]
