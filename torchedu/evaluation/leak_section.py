"""What in the data may make scores too good, as a section of a report."""

from collections.abc import Sequence
from typing import Any

from torchedu.datamodules import DataModule
from torchedu.sections import Number, Section, Table


def leaks(data: Any) -> Sequence[Section]:
    """Say what may make scores on data too good, without anyone's name.

    Args:
        data: A data module; nothing is said of one that is none of torchedu's.
    """
    if not isinstance(data, DataModule):
        return ()
    title = "Could the scores be too good?"
    if not data.findings:
        text = "Copies, values that alone tell the target, and groups on both sides of the split "
        return [Section(title, f"{text}were looked for: none was found.")]
    rows: list[list[str | Number]] = [
        [finding.kind, finding.where, finding.count, finding.share, finding.remedy]
        for finding in data.findings
    ]
    table = Table(["kind", "where", "rows", "share", "what to do"], rows)
    return [Section(title, "\n".join(f"{finding.sentence}." for finding in data.findings), [table])]
