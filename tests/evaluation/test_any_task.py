import json
from functools import partial
from pathlib import Path

from torchedu import DKT, Interactions, KnowledgeTracing
from torchedu.evaluation import evaluate
from torchedu.run import trainer
from torchedu.tasks import Task


def test_a_task_of_one_s_own_gets_the_scores_that_it_logs(
    class_store: Path, tmp_path: Path
) -> None:
    data = Interactions(str(class_store))
    task = KnowledgeTracing(partial(DKT, dim=4), data.num_items, data.num_skills)
    plain = evaluate.dispatch(Task)
    run = trainer(str(tmp_path / "run"), accelerator="cpu")
    found = plain(task, data, run, "test", tmp_path / "scores")
    assert found["columns"]["log_loss"] == "log loss"
    (row,) = found["scores"]
    assert (row["name"], row["kind"]) == ("DKT", "network")
    assert 0 < row["auc"] < 1
    assert json.loads((tmp_path / "scores" / "evaluation.json").read_text()) == found
    own = evaluate(task, data, run, baselines=False)["scores"][0]
    assert abs(own["auc"] - row["auc"]) < 1e-6
