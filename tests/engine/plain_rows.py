"""Every network on random histories: what an engine says of rows in Python, beside the store's."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.datasets.lesson_files import write_lessons
from tests.encoders import write_encoder
from tests.essays import write_answers, write_essays
from tests.features.courses_at_random import BEGINS, LENGTH, MODULES, courses_at_random
from tests.spoken_files import write_answers as write_spoken
from torchedu import domains, models
from torchedu.companions import Companions
from torchedu.datamodules import Essays, Explanations, SpokenAnswers, Transcripts
from torchedu.datasets.answers import AnswerStore, AnswerWriter, item_skill_lists
from torchedu.datasets.chats import Chat, Message, write_chats
from torchedu.datasets.enrolments import EnrolmentStore, write_enrolments
from torchedu.datasets.events import CLICKED, TRANSFERRED
from torchedu.datasets.memory import Memory
from torchedu.datasets.order import Windows
from torchedu.datasets.prerequisites import Prerequisites
from torchedu.datasets.prompts import tutor_prompt
from torchedu.domains import Domain
from torchedu.engine.engine import Engine, engine_of
from torchedu.features.course_view import Moments, module_of, view
from torchedu.models import Network
from torchedu.readers.answers import AnswerBatches
from torchedu.readers.enrolments import NextCourseBatches
from torchedu.readers.events import RiskBatches
from torchedu.schema import (
    EVENT_NUMBERS,
    GROUP,
    ITEM,
    MODULE,
    MOMENT_NUMBERS,
    NO_TIME,
    RESERVED,
    SKILL,
    TOLD,
    Names,
    Vocabulary,
)

SMALL = {"dim": 16, "heads": 2, "members": 2, "blocks": 1}
LLAMA = {
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": 256,
}  # fmt: skip


def networks() -> Iterator[tuple[type[Domain], type[Network]]]:
    """Yield every task of torchedu with every network of it."""
    kinds = [getattr(models, name) for name in models.__all__]
    nets = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Network)]
    for name in domains.__all__:
        domain = getattr(domains, name)
        if isinstance(domain, type) and issubclass(domain, Domain) and domain is not Domain:
            for net in nets:
                if issubclass(net, domain.nets) and not inspect.isabstract(net):
                    yield domain, net


def built(domain: type[Domain], net: type[Network], known: Companions, **sizes: Any) -> Engine[Any]:
    """Return an engine of a small network of random weights."""
    torch.manual_seed(0)
    given = inspect.signature(net).parameters
    small: dict[str, Any] = {
        name: value for name, value in SMALL.items() if name in given and name not in sizes
    }
    if net.__name__ == "CausalLM":
        small = {"config": LLAMA}
    if sizes.get("num_labels"):
        small["head"] = "classes"
    arguments = {name: sizes[name] for name in domain.sizes}
    more = {"max_new_tokens": 8} if "max_new_tokens" in inspect.signature(domain).parameters else {}
    made = domain(net=partial(net, **small), **arguments, **more).eval()
    with torch.no_grad():
        for parameter in made.net.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    made.take(known)
    return engine_of(made)


def apart(one: Any, other: Any) -> float:
    """Return the largest distance of numbers, of large ones relative to their size."""
    a, b = (np.asarray(x, np.float64) for x in (one, other))
    assert a.shape == b.shape
    return float((np.abs(a - b) / np.maximum(1, np.abs(a))).max(initial=0))


def _others(names: Names, drawn: np.random.Generator, lost: float) -> Names:
    """Return names in another order, of which some are missing."""
    kept = [name for name in names if drawn.random() >= lost]
    return Names([kept[i] for i in drawn.permutation(len(kept))])


# Knowledge tracing


def answers_at_random(students: int, drawn: np.random.Generator) -> AnswerStore:
    """Return histories of 1 to 40 answers, with parts of marks and times that are not known."""
    items, skills = (Names(f"{kind}{i}" for i in range(n)) for kind, n in (("i", 60), ("k", 12)))
    owner = np.repeat(np.arange(RESERVED, len(items)), drawn.integers(1, 4, 60))
    lists = item_skill_lists(len(items), owner, drawn.integers(RESERVED, len(skills), len(owner)))
    lengths = drawn.integers(1, 41, students)
    total = int(lengths.sum())
    known = drawn.random(total) < 0.8
    answers = {
        "item": drawn.integers(RESERVED, len(items), total),
        "correct": drawn.integers(0, 5, total) / 4,
        "time": np.where(known, 10**12 + np.arange(total) * 60_000, NO_TIME),
        "response_time": np.where(drawn.random(total) < 0.8, drawn.random(total) * 60, np.nan),
        "attempt": drawn.integers(0, 4, total),
    }  # fmt: skip
    memory, names = Memory(), Vocabulary({ITEM: items, SKILL: skills})
    columns = ("time", "response_time", "attempt")
    with AnswerWriter(memory, names, lists, fractional=True, columns=columns) as writer:
        writer.append([f"s{i}" for i in range(students)], lengths, answers)
    return AnswerStore(memory)


def answer_rows(store: AnswerStore) -> list[list[dict[str, Any]]]:
    """Return the answers of each student as plain rows."""
    items, skills = store.vocabulary[ITEM], store.vocabulary[SKILL]
    taught = [
        [skills.name(k) for k in store.skill[a:b].tolist()]
        for a, b in zip(store.skill_offsets, store.skill_offsets[1:], strict=False)
    ]
    columns = {
        name: store.answer_column(name).tolist() for name in ("time", "response_time", "attempt")
    }
    found: list[list[dict[str, Any]]] = []
    for row, (begin, stop) in enumerate(
        zip(store.history_offsets, store.history_offsets[1:], strict=False)
    ):
        found.append([])
        for i in range(int(begin), int(stop)):
            item = int(store.item[i])
            time, seconds, attempt = (columns[name][i] for name in columns)
            found[-1].append(
                {
                    "student": f"s{row}", "item": items.name(item), "skill": taught[item],
                    "correct": float(store.correct[i]), "time": None if time == NO_TIME else time,
                    "response_time": seconds, "attempt": attempt or None,
                }
            )  # fmt: skip
    return found


@torch.inference_mode()
def tracing(domain: type[Domain], net: type[Network], number: int, folder: Path) -> float:
    """Compare the chance of each answer, live from the rows before it."""
    drawn = np.random.default_rng(0)
    store = answers_at_random(number, drawn)
    names = store.vocabulary
    known = Vocabulary(
        {ITEM: _others(names[ITEM], drawn, 0.2), SKILL: _others(names[SKILL], drawn, 0)}
    )
    sizes = {"num_items": len(known[ITEM]), "num_skills": len(known[SKILL])}
    engine = built(domain, net, Companions(known), **sizes)
    lengths = np.diff(store.history_offsets)
    zero = np.zeros_like(lengths)
    windows = Windows(np.arange(number), zero, zero, lengths)
    batch = AnswerBatches(store, windows, known, engine.domain.net.reads)(np.arange(number))
    whole = engine.domain.net(batch).sigmoid().numpy()
    rows, largest = answer_rows(store), 0.0
    for step in range(int(lengths.max())):
        some = np.flatnonzero(lengths > step)
        now = [rows[i][step] for i in some]
        largest = max(largest, apart(engine.predict_many(now), whole[some, step]))
        engine.answer_many(now)
    return largest


# Recommendation


def histories_at_random(students: int, drawn: np.random.Generator) -> EnrolmentStore:
    """Return histories of 1 to 20 different courses."""
    courses, groups = Names(f"c{i}" for i in range(50)), Names("fmx")
    lengths = drawn.integers(1, 21, students)
    taken = [drawn.permutation(50)[:length] + RESERVED for length in lengths.tolist()]
    return write_enrolments(
        Memory(), Vocabulary({ITEM: courses, GROUP + "sex": groups}),
        [f"s{i}" for i in range(students)], lengths, np.concatenate(taken),
        groups={"sex": drawn.integers(0, 5, students)},
    )  # fmt: skip


@torch.inference_mode()
def recommendation(domain: type[Domain], net: type[Network], number: int, folder: Path) -> float:
    """Compare the scores of all courses, asked for by few students at a time."""
    drawn = np.random.default_rng(0)
    store = histories_at_random(number, drawn)
    names, sex = store.vocabulary, store.vocabulary[GROUP + "sex"]
    known = Vocabulary(
        {ITEM: _others(names[ITEM], drawn, 0.1), GROUP + "sex": _others(sex, drawn, 0.2)}
    )
    engine = built(
        domain, net, Companions(known, reading={"window": 10}), num_items=len(known[ITEM]),
        num_students=number, num_groups=len(known[GROUP + "sex"]), num_skills=RESERVED,
    )  # fmt: skip
    none = Prerequisites(np.zeros((0, 2), np.int64), len(known[ITEM]))
    batches = NextCourseBatches(store, 10, known, none)
    whole = engine.domain.recommend(batches(np.arange(number)))
    begin, largest = store.history_offsets, 0.0
    group = [None if id == 0 else sex.name(id) for id in store.group("sex").tolist()]
    for some in np.array_split(np.arange(number), max(1, number // 7)):
        histories = [
            [names[ITEM].name(i) for i in store.item[begin[row] : begin[row + 1]].tolist()]
            for row in some
        ]
        students = some.tolist() if engine.domain.net.knows_students else None
        batch = engine.batch(histories, {"sex": [group[row] for row in some]}, students)
        found = engine.domain.recommend(batch)
        mine = torch.from_numpy(some)
        assert torch.equal(found.top.sort().values, whole.top[mine].sort().values)
        fine = found.score.isfinite()
        assert torch.equal(fine, whole.score[mine].isfinite())
        largest = max(largest, apart(found.score[fine], whole.score[mine][fine]))
    return largest


# Students at risk


@torch.inference_mode()
def risk(domain: type[Domain], net: type[Network], number: int, folder: Path) -> float:
    """Compare the risks on some days of courses that are told event by event."""
    days, seen, seed, largest = [20.0, 45.0, 80.0], 0, 0, 0.0
    while seen < number:
        drawn = courses_at_random(seed, students=20, events=120)
        names = Vocabulary({MODULE: Names(["history", "physics", "algebra"]), TOLD: Names()})
        columns = {"event": EVENT_NUMBERS, "moment": MOMENT_NUMBERS}
        known = Companions(names, columns=columns, reading={"mark_delay_days": 7})
        engine = built(
            domain, net, known, num_modules=len(names[MODULE]), num_attributes=RESERVED,
            num_event_columns=len(EVENT_NUMBERS), num_moment_columns=len(MOMENT_NUMBERS),
        )  # fmt: skip
        store, size = drawn.store, len(drawn.enrolments)
        moments = Moments(np.repeat(np.arange(size), len(days)), np.tile(days, size))
        module = np.array(store.vocabulary[MODULE].translation(names[MODULE]))[module_of(store)]
        batches = RiskBatches(
            moments, view(store, moments, 7), module, store.at_risk,
            np.zeros((size, 0), np.int64), np.ones(size, np.float32), np.full(size, -1),
        )  # fmt: skip
        whole = torch.stack(engine.domain.probabilities(batches(np.arange(size))), -1)
        _tell(engine, drawn)
        for row, (student, course, *_) in enumerate(drawn.enrolments):
            for at, day in enumerate(days):
                (found,) = engine.risk(student, "abc"[course], day)
                largest = max(largest, apart([found.risk, found.leaving], whole[row, at]))
        seen, seed = seen + size, seed + 1
    return largest


def _tell(engine: Any, drawn: Any) -> None:
    work, rows = drawn.work, []
    for c, name in enumerate("abc"):
        mine = np.flatnonzero(work.course == c)
        pieces = [
            {
                "work": work.name[i],
                "due": work.due[i],
                "weight": work.weight[i],
                "type": work.type[i],
            }
            for i in mine.tolist()
        ]
        engine.course(name, length=LENGTH, work=pieces, module=MODULES[c], begins=BEGINS[c])
    for student, course, begin, end, outcome in drawn.enrolments:
        about = {"student": student, "course": "abc"[course]}
        rows.append({**about, "event": "registered", "day": 0 if begin != begin else begin,
                     "taken_back": begin != begin or None})  # fmt: skip
        if np.isfinite(end):
            rows.append({**about, "event": "left", "day": end})
        if outcome is not None:
            rows.append({**about, "event": "outcome", "day": 0, "value": outcome == "Fail"})
    kinds = {CLICKED: "clicked", TRANSFERRED: "transferred"}
    for one in drawn.events:
        student, course, *_ = drawn.enrolments[one.enrolment]
        rows.append(
            {
                "student": student, "course": "abc"[course], "day": one.day, "value": one.value,
                "event": kinds.get(one.kind, "submitted"), "taken_back": one.value is None or None,
                "work": None if one.work < 0 else work.name[one.work],
            }
        )  # fmt: skip
    engine.event_many(rows)


# Texts, lessons and conversations


@torch.inference_mode()
def grading(domain: type[Domain], net: type[Network], number: int, folder: Path) -> float:
    """Compare the scores of essays, and the chances of short answers' labels."""
    encoder, largest = str(write_encoder(folder / f"encoder {net.__name__}")), 0.0
    frozen = net.__name__ != "TextGrader"
    for raw in (write_essays(folder / "essays.csv", number), write_answers(folder / "answers")):
        data = Essays(str(raw), encoder=encoder, frozen=frozen, window=32, precision="32",
                      features=str(folder / f"features {raw.name} {frozen}"))  # fmt: skip
        sizes = {name: getattr(data, name) for name in domain.sizes}
        engine = built(domain, net, data.own.bound(tuple(domain.binds), domain.fixed), **sizes)
        engine.domain.agree(data, training=True)
        store = data.store
        prompts = [store.vocabulary["prompt"].name(id) for id in store.prompt.tolist()]
        columns = {"text": store.all_texts, "prompt": prompts}
        if store.label_names:
            columns |= {"reference": store.references, "question": store.questions}
        batches, order = data.evaluation(None)
        whole = {}
        for index in order.epoch(0):
            batch = batches(index)
            values = engine.domain.values(batch).numpy()
            whole |= dict(zip(batch.text_B.tolist(), values, strict=True))
        for some in np.array_split(np.arange(store.num_texts), max(1, store.num_texts // 7)):
            asked = {name: [column[i] for i in some] for name, column in columns.items()}
            found = engine.domain.values(engine.batch(asked))
            largest = max(largest, apart(found, [whole[i] for i in some.tolist()]))
    return largest


@torch.inference_mode()
def lessons(domain: type[Domain], net: type[Network], number: int, folder: Path) -> float:
    """Compare how likely each sentence's tag is."""
    encoder = str(write_encoder(folder / f"encoder {net.__name__}"))
    raw = write_lessons(folder / "lessons.csv", number)
    data = Transcripts(str(raw), encoder=encoder, tokens=32, precision="32", window=40,
                       features=str(folder / "sentences"))  # fmt: skip
    sizes = {name: getattr(data, name) for name in domain.sizes}
    engine = built(domain, net, data.own.bound(tuple(domain.binds), domain.fixed), **sizes)
    store, largest = data.store, 0.0
    batches, order = data.evaluation(None)
    whole = np.zeros(store.num_sentences)
    for index in order.epoch(0):
        said = engine.domain.predict(batches(index))
        whole[store.lesson_offsets[said.lesson] + said.position.numpy()] = said.probability
    names = store.speaker_names(store.column("speaker"))
    texts = store.sentences(np.arange(store.num_sentences))
    for begin, stop in zip(store.lesson_offsets, store.lesson_offsets[1:], strict=False):
        rows = [
            {"sentence": texts[i], "speaker": names[i], "turn": int(store.column("turn")[i]),
             "role": ("teacher", "student")[store.column("role")[i]]}
            for i in range(int(begin), int(stop))
        ]  # fmt: skip
        found = [one.probability for one in engine.tag(rows)]
        largest = max(largest, apart(found, whole[begin:stop]))
    return largest


@torch.inference_mode()
def explanation(domain: type[Domain], net: type[Network], number: int, folder: Path) -> float:
    """Compare what is said to problems, word for word."""
    problems = [f"Ann has {i} apples and gets {i % 7}. How many?" for i in range(number)]
    chats = (
        Chat((*tutor_prompt(text), Message("assistant", f"#### {i}")), text, str(i))
        for i, text in enumerate(problems)
    )
    store = write_chats(folder / "sums.store", chats, {"source": [], "licence": ""})
    data = Explanations(str(store.path), vocab_size=400, max_tokens=128, batch_tokens=500)
    known = data.own.bound(tuple(domain.binds), domain.fixed)
    engine = built(domain, net, known, num_tokens=data.num_tokens)
    engine.domain.agree(data, training=True)
    batches = data.batches("train")
    wrong = 0
    for some in np.array_split(np.arange(len(batches.windows.student)), max(1, number // 16)):
        said = engine.domain.predict(batches(some))
        for row, tokens in zip(said.text.tolist(), said.tokens, strict=True):
            text = data.tokenizer.decode(tokens[tokens >= 0].tolist())
            wrong += engine.explain(problems[row], max_new_tokens=8) != text
    return float(wrong)


@torch.inference_mode()
def spoken(domain: type[Domain], net: type[Network], number: int, folder: Path) -> float:
    """Compare the chances of places, of answers that are typed, spoken, or both."""
    raw = write_spoken(folder / "spoken", num=number)
    data = SpokenAnswers(str(raw), traits=["length"], bands=12, window=1.0)
    sizes = {name: getattr(data, name) for name in domain.sizes}
    engine = built(domain, net, data.own.bound(tuple(domain.binds), domain.fixed), **sizes)
    engine.domain.agree(data, training=True)
    batches, order = data.evaluation(None)
    whole = np.zeros((number, data.num_scores, data.num_places))
    for index in order.epoch(0):
        batch = batches(index)
        whole[batch.answer_B] = engine.domain.chances(batch)
    store, largest = data.store, 0.0
    for some in np.array_split(np.arange(number), max(1, number // 7)):
        rows = [
            {"text": store.all_texts[i], "audio": None if store.recording[i] < 0 else
             (store.sound(i), store.rate)}
            for i in some.tolist()
        ]  # fmt: skip
        found = engine.domain.chances(engine.batch(rows))
        largest = max(largest, apart(found, whole[some]))
    return largest


COMPARED: dict[str, Callable[[type[Domain], type[Network], int, Path], float]] = {
    "Tracing": tracing, "Recommendation": recommendation, "Risk": risk, "Grading": grading,
    "Lessons": lessons, "Explanation": explanation, "Spoken": spoken,
}  # fmt: skip


def difference(domain: type[Domain], net: type[Network], number: int, folder: Path) -> float:
    """Return how far a network's predictions of rows in Python are from the store's, at most.

    Args:
        domain: The task.
        net: The network.
        number: Histories (texts, lessons, conversations).
        folder: For what is written.
    """
    return COMPARED[domain.__name__](domain, net, number, folder)
