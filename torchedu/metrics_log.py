"""The run's folder as a log: ``metrics.csv``, which a resumed run goes on with."""

import csv
from io import StringIO
from pathlib import Path
from typing import cast

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from torchedu.errors import ConfigError, DataError, worded
from torchedu.files import below, sweep, write_whole
from torchedu.run_folder import RunFolder
from torchedu.run_lock import RunLock


def metrics_log(
    run: str | None, step: int | None = None, again: bool = False, rows: int | None = None
) -> CSVLogger:
    """Return the log that makes a run's folder.

    Args:
        run: The folder; a new number under ``runs/`` where it is None.
        step: Steps taken where the run goes on in this folder, of which the log is kept.
        again: Whether a run that has begun there may begin again.
        rows: Rows of the log that belong to the checkpoint; where it is None, those before
            ``step``.

    Returns:
        The log.

    Raises:
        ConfigError: The folder is in use, or cannot be written.
    """
    folder = Path("runs" if run is None else run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        pass  # a file, which is told of below
    except OSError as error:
        raise ConfigError(
            f"the run's folder {folder} cannot be made ({error.strerror}).",
            "Name one where you may write: ⟦run⟧ FOLDER.",
        ) from None
    if run is None:
        return MetricsLog(folder, "", None)
    if (again or step is not None) and RunFolder(folder).begun():
        return MetricsLog(folder.parent, folder.name, "", step or 0, rows)
    RunFolder(folder).check_free()
    for name in RunFolder.FAILED:  # a failed run's words and figures are not this one's
        (folder / name).unlink(missing_ok=True)
    return MetricsLog(folder.parent, folder.name, "")


def _sweep(run: Path) -> None:
    """Remove what a killed run left half-written; nothing else writes when a run begins.

    Links go too: a run writes its files into its own folder, wherever a name there points to.

    Raises:
        ConfigError: A folder of the run is a link.
    """
    for file in run.iterdir():
        if file.is_symlink():
            if file.is_dir():
                below(run, file)  # which says that it is a link
            file.unlink(missing_ok=True)
    folders = [file for file in run.iterdir() if file.is_dir() and not file.is_symlink()]
    parts = [part for folder in folders for part in folder.glob("*.parts") if not part.is_symlink()]
    for folder in (
        run.resolve(),
        *folders,
        *parts,
    ):  # checkpoints, pictures, what else a command put there
        try:
            sweep(folder)
        except OSError as error:  # training goes on all the same
            rank_zero_warn(worded(f"{folder} could not be swept ({error.strerror})."))


class MetricsLog(CSVLogger):
    """Lightning's CSV log, which goes on where a run was broken off.

    Lightning's own erases the ``metrics.csv`` that it finds. From its first use until training
    ends, this process alone writes into the run's folder.

    Args:
        folder: The folder of runs.
        name: The run's name in it.
        version: A folder inside; a new number where it is None, none at all where it is empty.
        step: Steps taken where a run goes on, whose rows are kept; later ones were written after
            the checkpoint and come again.
        rows: How many rows to keep, where the checkpoint says it.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        version: str | None,
        step: int | None = None,
        rows: int | None = None,
    ) -> None:
        super().__init__(folder, name=name, version=version)
        self._step = step
        self._kept = rows
        self._lock: RunLock | None = None

    @property
    def rows(self) -> int | None:
        """Rows logged so far, written or not; None on other ranks than the first."""
        writer = self._experiment
        return writer.rows if isinstance(writer, _Writer) else None

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The writer of the file.

        Raises:
            ConfigError: Another process writes into the run's folder.
        """
        if self._experiment is None:
            self._lock = self._held(Path(self.log_dir))
            self._experiment = _Writer(self.log_dir, self._step, self._kept)
        return cast(ExperimentWriter, self._experiment)

    def finalize(self, status: str) -> None:
        """Write what is left, and let another process go on in the folder."""
        super().finalize(status)
        if self._lock is not None:
            self._lock.release()

    def _held(self, folder: Path) -> RunLock:
        folder.mkdir(parents=True, exist_ok=True)
        lock = RunLock(folder)
        lock.take()
        if self._step is not None:
            _sweep(folder)
        return lock


class _Writer(ExperimentWriter):
    def __init__(self, log_dir: str, step: int | None, rows: int | None) -> None:
        self._file = RunFolder(Path(log_dir)).metrics
        self._step = step
        self.rows = 0
        super().__init__(log_dir)
        if step is not None and self._file.is_file():
            self._keep(step, rows)

    def log_metrics(self, metrics_dict: dict[str, float], step: int | None = None) -> None:
        """Add a row."""
        super().log_metrics(metrics_dict, step)
        self.rows += 1

    def save(self) -> None:
        """Write the rows that came since the last time; a full disk costs rows and not the run."""
        size = self._file.stat().st_size if self._file.is_file() else 0
        try:
            super().save()
        except OSError as error:
            rank_zero_warn(worded(f"{self._file} could not be written ({error.strerror})."))
            if self._file.is_file() and self._file.stat().st_size > size:
                with self._file.open("r+b") as file:
                    file.truncate(size)  # half a row; all of them are tried again with the next

    def _keep(self, steps: int, number: int | None) -> None:
        """Keep the rows from before the checkpoint."""
        try:
            with self._file.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                self.metrics_keys = sorted(reader.fieldnames or [])
                rows = [row for row in reader if (row["step"] or "").isdigit()]
        except (csv.Error, ValueError, KeyError) as error:
            raise DataError(
                f"it is no log of a run ({error}).",
                "Move it away, to go on without its rows.",
                file=self._file,
            ) from None
        kept = rows[:number] if number is not None else [r for r in rows if int(r["step"]) < steps]
        self._write(kept)
        self.rows = len(kept)

    def _write(self, rows: list[dict[str, str]]) -> None:
        text = StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=self.metrics_keys)
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self._file, text.getvalue().encode())

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        with self._file.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self._write(rows)

    def _check_log_dir_exists(self) -> None:
        """Look for nothing: ``metrics_log`` has, and the lock stands there."""
