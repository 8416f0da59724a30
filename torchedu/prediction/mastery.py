"""What a tracing run says of one student, for those who go on from it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from torchedu.datasets.formulas import unguarded
from torchedu.errors import ConfigError, DataError, allowed


def mastery_of(file: str | Path, student: str | None) -> dict[str, float]:
    """Return a student's mastery by skill, from the table that ``predict`` wrote.

    Args:
        file: ``mastery.parquet`` or ``mastery.csv``.
        student: The student's name.

    Returns:
        The chance of a right answer by skill.

    Raises:
        ConfigError: No student is named, or it is not in the table.
        DataError: The file is no such table.
    """
    path = Path(file)
    try:
        is_csv = path.suffix == ".csv"
        table = unguarded(pa_csv.read_csv(path)) if is_csv else pq.read_table(path)
        name, skill, value = (table[column] for column in ("student", "skill", "mastery"))
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise DataError(
            f"no table of mastery can be read here ({type(error).__name__}).",
            "Give mastery.parquet, which torchedu predict writes for a tracing run.",
            file=file,
        ) from None
    name = name.cast(pa.string())
    mine = pc.equal(name, student or "")
    if not pc.any(mine).as_py():
        raise ConfigError(
            f"⟦student⟧ is {student!r}, of whom {file} knows nothing.",
            allowed(student or "", name.unique().to_pylist(), 5),
        )
    kept = (skill.cast(pa.string()).filter(mine), value.filter(mine))
    return {
        skill_name: float(chance)
        for skill_name, chance in zip(kept[0].to_pylist(), kept[1].to_pylist(), strict=True)
        if chance is not None
    }
