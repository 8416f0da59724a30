"""What weights belong to is compared by name: predictions stay equal, or the difference is told."""

import random
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.companions.other_data import Change, changed_columns, changed_names
from tests.testing.examples import LLAMA, Examples, examples
from torchedu.companions import Companions
from torchedu.domains import (
    Domain,
    Explanation,
    Grading,
    Lessons,
    Recommendation,
    Risk,
    Spoken,
    Tracing,
)
from torchedu.errors import CheckpointError, TorcheduError
from torchedu.models import (
    CausalLM,
    EventGRU,
    FrozenGrader,
    ItemDKT,
    SpokenGrader,
    TurnContext,
    TwoTower,
)
from torchedu.schema import ENCODER, ITEM, PROMPT, ROLE, SCORE, SKILL, TAG, Names, Vocabulary

__all__ = ["examples"]  # the fixture

CASES = 35
"""Changes of the data of each task."""
DATA: dict[type[Domain], tuple[str, Any]] = {
    Tracing: ("Interactions", partial(ItemDKT, dim=6)),
    Recommendation: ("Enrolments", partial(TwoTower, dim=6)),
    Risk: ("CourseEvents", partial(EventGRU, dim=4, members=1)),
    Grading: ("Essays", partial(FrozenGrader, hidden=4, members=1)),
    Lessons: ("Transcripts", partial(TurnContext, dim=6)),
    Spoken: ("SpokenAnswers", partial(SpokenGrader, dim=8, heads=2, blocks=1)),
    Explanation: ("Explanations", partial(CausalLM, config=LLAMA)),
}


def trained(kind: type[Domain], data: Any) -> tuple[Domain, list[str]]:
    """Return a task that has met data, its weights as they were drawn, and what it tells."""
    told: list[str] = []
    heard = type(f"Heard{kind.__name__}", (kind,), {"tell": lambda self, note: told.append(note)})
    torch.manual_seed(0)
    task = heard(DATA[kind][1], **{size: getattr(data, size) for size in kind.sizes})
    task.agree(data, training=True)
    return task.eval(), told


@torch.no_grad()
def said(task: Domain, data: Any) -> list[torch.Tensor]:
    """Return what a task says of the first test texts, answers, sentences and so on."""
    batches, order = data.evaluation("test")
    batch = batches(order.epoch(0)[0])
    given = task(batch) if isinstance(task, Explanation) else task.output(batch)
    found = list(given.values()) if isinstance(given, dict) else [given]
    if isinstance(task, Tracing):
        found = [found[0][batch.scored_BL]]
    return found


def put_surface(data: Any, moved: Any) -> None:
    data.__dict__["surface"] = moved(data.surface)


def put_view(field: str, data: Any, moved: Any) -> None:
    view = data._view

    def other(*args: Any, **options: Any) -> Any:
        moments, seen = view(*args, **options)
        return moments, seen._replace(**{field: moved(getattr(seen, field))})

    data._view = other


def other_range(data: Any, drawn: random.Random) -> Change:
    own, ranges = data.own, data.store.ranges.copy()
    prompt = drawn.randrange(2, len(ranges))
    how = drawn.choice(("wider", "narrower"))
    ranges[prompt, 0, 1] += 5 if how == "wider" else -ranges[prompt, 0, 2]
    data.store.__dict__["ranges"] = ranges
    data.__dict__["own"] = replace(own, ranges=np.nan_to_num(ranges))
    return Change("range", how, list(own.vocabulary[PROMPT])[prompt - 2])


def other_fixed(kind: str, data: Any, drawn: random.Random) -> Change:
    own = data.own
    names = [f"{name}!" for name in own.vocabulary[kind]]
    drawn.shuffle(names)
    kinds = {one: own.vocabulary[one] for one in own.vocabulary.kinds} | {kind: Names(names)}
    data.__dict__["own"] = replace(own, vocabulary=Vocabulary(kinds))
    return Change(kind, "another")


def other_tokenizer(data: Any, drawn: random.Random) -> Change:
    files = dict(data.own.tokenizer)
    file = drawn.choice(sorted(files))
    how = drawn.choice(("removed", "added", "changed"))
    if how == "removed":
        del files[file]
    else:
        files[file if how == "changed" else "another.json"] = "{}"
    data.__dict__["own"] = replace(data.own, tokenizer=files)
    return Change("tokenizer", how, file)


WAYS: dict[type[Domain], list[Any]] = {
    Tracing: [partial(changed_names, kind=kind) for kind in (ITEM, SKILL)],
    Recommendation: [partial(changed_names, kind=ITEM)],
    Risk: [
        partial(changed_columns, table=one, put=partial(put_view, one))
        for one in ("event", "moment")
    ] + [partial(changed_names, kind="module")],
    Grading: [
        partial(changed_columns, table="surface", put=put_surface),
        partial(changed_names, kind=PROMPT),
        other_range,
        partial(other_fixed, ENCODER),
        partial(other_fixed, SCORE),
    ],
    Lessons: [
        partial(changed_names, kind=f"{TAG}teacher"),
        partial(changed_names, kind=f"{TAG}student"),
        partial(other_fixed, ROLE),
    ],
    Spoken: [other_range, partial(other_fixed, ENCODER), partial(other_fixed, SCORE)],
    Explanation: [other_tokenizer],
}  # fmt: skip


@pytest.mark.parametrize("kind", DATA)
def test_other_names_change_no_prediction_without_a_word(
    kind: type[Domain], examples: Examples
) -> None:
    data = examples(DATA[kind][0])
    task, told = trained(kind, data)
    expected = said(task, data)
    ends = dict.fromkeys(("equal", "told", "refused"), 0)
    for seed in range(CASES):
        drawn = random.Random(seed)
        data = examples(DATA[kind][0])
        change = drawn.choice(WAYS[kind])(data, drawn=drawn)
        told.clear()
        try:
            task.agree(data, training=False)
            found = said(task, data)
        except TorcheduError as error:
            ends["refused"] += len(str(error).splitlines()) == 2
            continue
        pairs = zip(found, expected, strict=True)
        if all(torch.allclose(one, other, atol=1e-5) for one, other in pairs):
            ends["equal"] += 1
        else:
            assert any(change.name in note for note in told), (seed, change)
            ends["told"] += 1
    assert sum(ends.values()) == CASES
    assert ends["equal"] > 0


@pytest.fixture
def whole() -> Companions:
    names = {ITEM: Names(["a", "b"]), SKILL: Names(["x", "y"]), PROMPT: Names(["p"])}
    return Companions(
        Vocabulary(names),
        fixed=(SCORE,),
        columns={"event": ("late", "mark")},
        item_skills=np.array([[0, 0], [0, 0], [2, 3], [3, 0]]),
        ranges=np.array([[[0, 0, 0]], [[0, 0, 0]], [[1, 6, 0.5]]], np.float32),
        tokenizer={"tokenizer.json": "{}"},
        thresholds=[{"policy": "even", "threshold": 0.5}],
        base="0123456789abcdef",
    )


def test_they_come_back_from_a_checkpoint_and_from_a_file(
    whole: Companions, tmp_path: Path
) -> None:
    file = tmp_path / "net.ckpt"
    torch.save(whole.content(), file)
    assert Companions.of(torch.load(file, weights_only=True)) == whole
    whole.write(tmp_path / "companions.json")
    assert Companions.read(tmp_path / "companions.json") == whole


@pytest.mark.parametrize("field", [one.name for one in fields(Companions) if one.compare])
def test_every_field_is_compared(whole: Companions, field: str) -> None:
    other = replace(Companions(), **{field: getattr(whole, field)})
    assert other != Companions()
    assert other.difference(Companions())
    assert other.difference(whole) or field == "vocabulary"


def test_what_a_newer_torchedu_wrote_is_told(whole: Companions) -> None:
    with pytest.raises(CheckpointError, match="unknown companions 'graph'"):
        Companions.of({**whole.content(), "graph": {}})
    with pytest.raises(CheckpointError, match="no names of ids"):
        Companions.of({})


def test_ids_follow_their_names(whole: Companions) -> None:
    names = Vocabulary({ITEM: Names(["c", "b", "a"]), SKILL: Names(["y"])})
    moved = whole.to(names)
    assert moved.item_skills is not None
    # Of a: x, which is unknown there, and y.
    assert moved.item_skills.tolist() == [[0, 0], [0, 0], [0, 0], [2, 0], [1, 2]]
    grown = replace(whole, thresholds=[{"at": 0.5}]).grown(Vocabulary({ITEM: Names(["c"])}))
    assert grown.thresholds is None, "they are those of other weights"
    assert grown.item_skills is not None
    assert grown.item_skills[:4].tolist() == whole.item_skills.tolist()  # type: ignore[union-attr]
    learnt = grown.learnt(moved)
    assert learnt.item_skills is not None
    assert learnt.item_skills[:, 0].tolist() == [0, 0, 1, 3, 0]


def test_items_that_have_other_skills_are_told(whole: Companions) -> None:
    skills = np.array([[0, 0], [0, 0], [2, 3], [2, 0]])
    (note,) = whole.agree(replace(whole, item_skills=skills))
    assert note == (
        "1 items have other skills in the data than the network was trained with, such as 'b': x; "
        "then y."
    )


def test_a_renamed_column_is_refused_with_both_names(whole: Companions) -> None:
    with pytest.raises(CheckpointError, match=r"'mark' of each event.* it has 'marks', which"):
        whole.agree(replace(whole, columns={"event": ("marks", "late")}))
    turned = replace(whole, columns={"event": ("more", "mark", "late")})
    assert whole.agree(turned) == []
    assert whole.places("event", turned).tolist() == [2, 1]


def test_scores_beyond_the_known_range_are_refused(whole: Companions) -> None:
    wide = replace(whole, ranges=2 * whole.ranges)  # type: ignore[operator]
    with pytest.raises(CheckpointError, match="from 2 to 12 in the data, and went from 1 to 6"):
        whole.agree(wide)
