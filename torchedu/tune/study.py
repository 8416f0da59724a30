"""A study: its folder, what it keeps its trials in, and who works on which of them."""

import json
import os
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from torchedu.bounded import parse_yaml, yaml_text
from torchedu.errors import ConfigError, MissingExtraError, allowed
from torchedu.files import alone, write_whole
from torchedu.run_lock import RunLock
from torchedu.tune.objectives import Goals
from torchedu.tune.rungs import came_to, optuna_pruner

if os.name == "posix":
    import fcntl

SAMPLERS = ("tpe", "random", "nsga2", "qmc")
"""How the next trial is chosen: Optuna's samplers by name."""
SEEDS = 2**32
"""Numbers that a seed may be, from 0: what generators of random numbers take."""
LIVES = 4
"""Workers that may die at one trial without its getting any further; then it has failed."""
TAKEN_UP = "taken up"
"""What a study calls how often a trial was taken up without getting further, and from where."""


@dataclass(frozen=True)
class Asked:
    """What a study is asked for, which all who join it have to agree on.

    Attributes:
        words: Words of the recipe, as of a training.
        space: The text of the space file.
        objectives: As ``Goals.parse`` has it, like the next.
        limits: What has to be kept.
        sampler: One of ``SAMPLERS``.
        pruner: One of ``tune.rungs.PRUNERS``.
        first_rung: As ``tune.rungs.first_rung`` has it.
        seed: Of what is drawn.
    """

    words: tuple[str, ...]
    space: str
    objectives: str = ""
    limits: str = ""
    sampler: str = "tpe"
    pruner: str = "asha"
    first_rung: int | None = None
    seed: int = 0


class Study:
    """A study that processes of any number join, on hosts that share its folder.

    Its trials are in an Optuna storage, each trial's run in a folder of its own. Who works on a
    trial holds a lock, which goes with its process: a trial whose worker is gone is taken up again
    by the next one, from its checkpoint.

    Args:
        folder: The study's folder.
        asked: What it is asked for.
        goals: The goals among that.
        storage: Where Optuna keeps the trials: an address such as ``postgresql://...`` or
            ``sqlite:///...``; a journal file in the folder where it is empty.
        most: Validations of a whole trial.

    Raises:
        ConfigError: The folder's study is another one, or the storage cannot be reached.
    """

    def __init__(
        self, folder: Path, asked: Asked, goals: Goals, storage: str = "", most: int = 1
    ) -> None:
        if asked.sampler not in SAMPLERS:
            raise ConfigError(f"⟦sampler⟧ is {asked.sampler!r}.", allowed(asked.sampler, SAMPLERS))
        self.folder, self.asked, self.goals = folder, asked, goals
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        self.token = self._begun()
        lower = [objective.lower for objective in goals.objectives]
        with _reached(storage), alone(folder):
            self.study = optuna.create_study(
                storage=opened(storage, folder),
                study_name=f"torchedu-{self.token}",
                directions=["minimize" if low else "maximize" for low in lower],
                sampler=Seeded(asked.sampler, asked.seed),
                pruner=optuna_pruner(asked.pruner, goals, asked.first_rung, most),
                load_if_exists=True,
            )
        self.storage, self.most = storage, most
        self._claims: dict[int, RunLock] = {}

    def _begun(self) -> str:
        """Keep what is asked for, or agree with what is kept; return the study's token."""
        file = self.folder / "study.yaml"
        now = {**asdict(self.asked), "words": list(self.asked.words)}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"⟦study⟧ {self.folder} cannot be made ({error.strerror}).",
                "Name a folder where you may write.",
            ) from None
        with alone(self.folder):
            if not file.is_file():
                if any(self.folder.iterdir()):
                    raise ConfigError(
                        f"⟦study⟧ {self.folder} is in use, and holds no study.",
                        "Name a folder that does not exist yet, or a study to go on with.",
                    )
                token = uuid.uuid4().hex
                write_whole(file, yaml_text({**now, "token": token}).encode())
                return token
            try:
                kept = parse_yaml(file.read_text("utf-8"))
                token = str(kept.pop("token"))
                other = [name for name, value in now.items() if kept[name] != value]
            except (ValueError, LookupError, TypeError, AttributeError):
                raise ConfigError(f"{file} is no study's.", "Name another ⟦study⟧.") from None
        if other:
            name = other[0]
            raise ConfigError(
                f"⟦study⟧ {self.folder} was begun with other {name}: {_short(kept[name])}, and "
                f"{_short(now[name])} is asked.",
                "Give the words that it began with, or name another ⟦study⟧.",
            )
        return token

    @property
    def parts(self) -> tuple[Any, ...]:
        """What another process makes the study of: a connection is one process's own."""
        return self.folder, self.asked, self.goals, self.storage, self.most

    def trials(self) -> list[FrozenTrial]:
        """Return all trials that were begun, in the order of their numbers."""
        every = self.study.get_trials(deepcopy=False)
        return [trial for trial in every if trial.state != TrialState.WAITING]

    def run_folder(self, number: int) -> Path:
        """Return the folder of a trial's run."""
        return self.folder / "trials" / f"{number:04d}"

    def offer(self, recipe: dict[str, Any], past: Sequence[dict[str, Any]] = ()) -> None:
        """Let the next trials have some values.

        Args:
            recipe: Those of the first trial of a new study; drawn where there are none.
            past: Others, each of which is tried once, also where a study has begun without it.
        """
        with alone(self.folder):
            new = not self.study.get_trials(deepcopy=False)
            for named in filter(None, [recipe, *past] if new else past):
                self.study.enqueue_trial(named, skip_if_exists=True)

    def claim(self, most: int) -> optuna.Trial | None:
        """Take up a trial whose worker is gone, or else begin one; None where there is neither.

        Args:
            most: Trials of the whole study.
        """
        with alone(self.folder):
            trials = self.trials()
            for trial in trials:
                lock = RunLock(self.folder / "claims" / f"{trial.number:04d}")
                if trial.state == TrialState.RUNNING and lock.is_free():
                    taken = optuna.Trial(self.study, trial._trial_id)
                    lock.take()
                    # Its worker may have ended it, and let it go, since the trials were read.
                    trial = taken.storage.get_trial(trial._trial_id)
                    if trial.state == TrialState.RUNNING and self._lives(taken, trial):
                        self._claims[trial.number] = lock
                        return taken
                    lock.release()
            if len(trials) >= most:
                return None
            begun = self.study.ask()
            lock = RunLock(self.folder / "claims" / f"{begun.number:04d}")
            lock.take()
            self._claims[begun.number] = lock
            return begun

    def _lives(self, taken: optuna.Trial, trial: FrozenTrial) -> bool:
        """Note that a trial is taken up again; fail it where it kills whoever does."""
        deaths, step = trial.user_attrs.get(TAKEN_UP, (0, 0))
        here = came_to(trial)
        deaths = deaths + 1 if here == step else 1
        taken.set_user_attr(TAKEN_UP, [deaths, here])
        if deaths < LIVES:
            return True
        taken.set_user_attr(
            "error", f"{LIVES} workers ended at it without getting further than step {here}."
        )
        self.study.tell(taken, state=TrialState.FAIL)
        return False

    def let_go(self, number: int) -> None:
        """Let others take up a trial that was not finished, or note that it was."""
        self._claims.pop(number).release()

    def are_others_at_work(self) -> bool:
        """Say whether trials are still going on."""
        return any(trial.state == TrialState.RUNNING for trial in self.trials())


class Seeded(BaseSampler):
    """A sampler that draws for a trial by the seed and the trial's number alone.

    So whoever takes a trial up draws the same, given the trials before it.

    Args:
        name: One of ``SAMPLERS``.
        seed: The study's.
    """

    def __init__(self, name: str, seed: int) -> None:
        self._name, self._seed = name, seed
        self._own = self._drawn(0)

    def _drawn(self, number: int) -> BaseSampler:
        seed = (self._seed * 1_000_003 + number) % SEEDS
        match self._name:
            case "tpe":
                return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)
            case "nsga2":
                return optuna.samplers.NSGAIISampler(seed=seed, population_size=8)
            case "qmc":
                return optuna.samplers.QMCSampler(
                    seed=self._seed % SEEDS, scramble=True, warn_independent_sampling=False
                )
            case _:
                return optuna.samplers.RandomSampler(seed=seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin with the trial's own seed."""
        self._own = self._drawn(trial.number)
        self._own.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what is drawn together; as Optuna has it, like what follows."""
        return self._own.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw what is drawn together."""
        return self._own.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw what is drawn alone."""
        return self._own.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Any,
    ) -> None:
        """Let the sampler take note of what a trial came to."""
        self._own.after_trial(study, trial, state, values)


class Journal(JournalFileBackend):
    """A journal that the system unlocks when its writer is killed, and whose half line is dropped.

    Optuna's own locks are files, which stay until others have waited half a minute.

    Args:
        folder: Where the file stands.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.log"
        super().__init__(str(self._path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines, in place of what a killed writer left of one."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with self._path.open("r+b") as file:
            if os.name == "posix":
                fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(_whole_lines(file))
            file.seek(0, os.SEEK_END)
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())


def _whole_lines(file: BinaryIO) -> int:
    """Return where the last whole line of a file ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(0, end - 4096)
        file.seek(begin)
        place = file.read(end - begin).rfind(b"\n")
        if place >= 0:
            return begin + place + 1
        end = begin
    return 0


def opened(storage: str, folder: Path) -> BaseStorage:
    """Return the storage of a study.

    Args:
        storage: Its address; a journal in the folder where it is empty.
        folder: The study's.
    """
    if not storage:
        return JournalStorage(Journal(folder))
    return RDBStorage(storage, engine_kwargs={"pool_pre_ping": True})


@contextmanager
def _reached(storage: str) -> Iterator[None]:
    """Tell in two lines that a storage is out of reach."""
    try:
        yield
    except ImportError as error:
        package = error.name or str(error)
        raise MissingExtraError(
            f"A study in {_without_password(storage)}", package, "tune"
        ) from None
    except Exception as error:
        if not storage:
            raise
        said = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise ConfigError(
            f"⟦storage⟧ {_without_password(storage)} cannot be reached: {said[0][:200]}",
            "See its address, that it runs and lets you in; or leave the option out, for a journal "
            "file in the study's folder.",
        ) from None


def _without_password(storage: str) -> str:
    before, at, after = storage.rpartition("@")
    return f"{before.partition('://')[0]}://...@{after}" if at else storage


def _short(value: Any) -> str:
    return " ".join(str(value).split())[:80]
