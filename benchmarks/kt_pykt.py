"""The default network of tracing, and the shared ones, beside the best that pyKT trains.

    python benchmarks/kt_pykt.py            # the campaign: hours, at most one a model of pyKT's
    python benchmarks/kt_pykt.py --short    # one epoch on a few students, minutes

Both sides get the same students in the same parts, each question one skill, and are scored on the
same test answers, one row a question: all but the first of each window of 200, which pyKT does not
predict. pyKT trains by its own defaults (``peers/README.md``), at most ten epochs and an hour of
processor time a model, and ends after three epochs without a better one; ours train by their
recipes. What a commit has predicted of a set stays in ``runs/vs_pykt``: a campaign that was ended
goes on with the model that is next, and one that is run again only scores.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import kt_scores
import kt_versus
import numpy as np
from harness import Goal, Job
from kt_versus import ALGEBRA, EDNET, STATICS, DataSet
from numpy.typing import NDArray
from peers import environment
from sklearn.metrics import roc_auc_score

SHARED = ("dkt", "dkvmn", "sakt", "akt")
DEFAULT = "default"
EPOCHS, PATIENCE, MINUTES = 10, 3, 60
"""Most epochs of a model of pyKT's, how many without a better one end it, most CPU-minutes."""
ABOVE = {"ednet": 0.008, "statics": 0.0, "algebra": 0.0}
"""By how much the default's AUC is above that of the best of pyKT's models."""
BELOW = 0.002
"""How far a shared model's AUC may be below that of pyKT's own."""
SEED = 0
Predicted = dict[str, NDArray[Any]]


def beside(
    goal: str,
    sets: Sequence[DataSet] = (STATICS, EDNET, ALGEBRA),
    epochs: int = EPOCHS,
    most: int | None = None,
) -> Iterator[tuple[list[Goal], Any]]:
    """Train and score all models, a data set after the other.

    Args:
        goal: The goal's id.
        sets: The data sets.
        epochs: Most epochs of a model, on either side where it is below a recipe's.
        most: So many students of a set, the first; all where it is None.
    """
    data = harness.real_data()
    try:
        peer = environment.interpreter("pykt")
    except (RuntimeError, OSError) as error:
        print(error, flush=True)
        raise harness.Skip("pyKT's environment cannot be made") from error
    kept = harness.ROOT / "runs" / "vs_pykt" / f"{harness.commit()}-{epochs}-{most or 'all'}"
    least: dict[str, float] = {}
    raw: dict[str, Any] = {}
    for each in sets:
        (kept / each.name).mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="kt-pykt-") as scratch:
            folder = Path(scratch)
            kt_versus.prepare(each, data, folder, (SEED,), most)
            short = epochs if epochs < EPOCHS else None
            auc: dict[str, float] = {}
            answers = None
            for side, model in _models():
                out = kept / each.name / f"{side}-{model}.npz"
                if not out.is_file():
                    if side == "pykt":
                        _peer(peer, folder, each, model, epochs, out)
                    else:
                        _ours(folder, each, model, short, out)
                predicted = _in_order(dict(np.load(out)))
                answers = predicted if answers is None else answers
                for column in ("student", "position", "label"):
                    if not np.array_equal(predicted[column], answers[column]):
                        raise RuntimeError(f"{each.name}: {side} {model} predicts other answers")
                auc[f"{side} {model}"] = float(
                    roc_auc_score(predicted["label"], predicted["probability"])
                )
                print(f"  {each.name}, {side} {model}: {auc[f'{side} {model}']:.4f}", flush=True)
        best = max(auc[f"pykt {model}"] for model in SHARED)
        least[f"{each.name}, default"] = auc[f"ours {DEFAULT}"] - best - ABOVE[each.name]
        for model in SHARED:
            more = auc[f"ours {model}"] - auc[f"pykt {model}"]
            least[f"{each.name}, {model}"] = more + BELOW
        assert answers is not None
        raw[each.name] = {
            "answers": len(answers["label"]),
            "auc": {name: round(value, 5) for name, value in auc.items()},
        }
        worst = min(least.values())
        listed = ", ".join(f"{name} {value:+.4f}" for name, value in least.items())
        if most is not None:  # so little training says nothing of who is better
            must = "models, ours and pyKT's, are scored on the same answers"
            yield [Goal(goal, len(auc), f"all {len(_models())} {must}", True)], raw
            continue
        whole = each is sets[-1]
        must = f"at least 0: the least that a bound of it is kept by, of {listed}"
        yield [Goal(goal, round(worst, 5), must, whole and worst >= 0)], raw


def _models() -> list[tuple[str, str]]:
    """Return all models, the ones that decide most first."""
    shared = [(side, model) for model in SHARED for side in ("pykt", "ours")]
    return [("ours", DEFAULT), *shared]


def _peer(peer: Path, folder: Path, each: DataSet, model: str, epochs: int, out: Path) -> None:
    words: list[Any] = [peer, kt_versus.HERE / "peers" / "pykt_train.py", "--model", model]
    words += ["--answers", folder / f"{each.name}-{SEED}.npz", "--epochs", epochs, "--seed", SEED]
    words += ["--patience", PATIENCE, "--cpu-minutes", MINUTES, "--out", out]
    spent = harness.run(words, folder, kt_versus.KEEP_MEMORY).cpu_seconds
    print(f"  {each.name}, pykt {model}: {spent:.0f} CPU-s", flush=True)


def _ours(folder: Path, each: DataSet, model: str, epochs: int | None, out: Path) -> None:
    words: list[object] = [] if model == DEFAULT else ["--config", model]
    words += ["--data.path", folder / f"{each.name}.store", "--data.split", "column"]
    words += ["--data.split_column", f"part_{SEED}", *kt_scores.split(SEED)]
    words += [] if epochs is None else ["--trainer.max_epochs", epochs]
    _, columns = kt_scores.trained(*words, "--run", folder / f"{each.name}-{model}")
    shared = columns["position"] % 200 > 0  # pyKT does not predict the first of a window
    predicted = {name: columns[name][shared] for name in ("student", "position", "probability")}
    part = out.with_name(f".{out.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, label=columns["correct"][shared], **predicted)
    part.replace(out)


def _in_order(predicted: Predicted) -> Predicted:
    order = np.lexsort((predicted["position"], predicted["student"]))
    names = ("student", "position", "label", "probability")
    return {name: predicted[name][order] for name in names}


def jobs() -> list[Job]:
    """List the jobs of both campaigns."""
    few = partial(beside, "kt.vs_pykt_short", sets=(STATICS,), epochs=1, most=12)
    return [
        Job(("kt.vs_pykt",), partial(beside, "kt.vs_pykt")),
        Job(("kt.vs_pykt_short",), few, short=True),
    ]


if __name__ == "__main__":
    sys.exit(harness.main("kt_pykt", jobs(), __doc__.splitlines()[0]))
