from pathlib import Path

from torchedu import Interactions
from torchedu.evaluation.any_task import evaluation
from torchedu.evaluation.leak_section import leaks
from torchedu.leaks import Finding
from torchedu.sections import PERFECT, is_perfect
from torchedu.tasks import KnowledgeTracing


def test_leaks_are_told_without_names(class_store: Path) -> None:
    data = Interactions(str(class_store))
    data.findings = [Finding("copies", "students", 2, 0.1, "two are one", "Keep one.", ["Ann"])]
    (section,) = leaks(data)
    assert section.sentence == "two are one."
    assert "Ann" not in str(section.to_json())
    assert leaks(object()) == ()
    task = object.__new__(KnowledgeTracing)
    told = evaluation(task, data, "test", counts={}, columns={}, scores=[], sections=())
    assert told["lead"].endswith("It may be too good: two are one.")


def test_a_perfect_score_is_doubted() -> None:
    assert is_perfect(0.99996)
    assert not is_perfect(0.9999)
    assert not is_perfect(None)
    task = object.__new__(KnowledgeTracing)

    def lead(auc: float, lower: bool = False) -> str:
        rows = [{"name": "DKT", "kind": "network", "auc": auc}]
        told = evaluation(
            task, None, "test", counts={}, columns={"auc": "AUC"}, scores=rows, sections=(),
            lower=lower,
        )  # type: ignore[arg-type]  # fmt: skip
        return str(told["lead"])

    assert PERFECT in lead(1.0)
    assert PERFECT not in lead(0.99)
    assert PERFECT not in lead(1.0, lower=True)
