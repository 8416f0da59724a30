"""What every test may count on: calm threads, no screen, real data where there is some."""

import json
import os
import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from torchedu.readers.chat_tokenizer import ChatTokenizer
    from torchedu.testing.launch import LaunchServer

# Set before anything imports torch or matplotlib; tests share the machine's cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"

# A shared machine's pauses are no failures, and a failing example must fail again for everyone.
settings.register_profile("torchedu", deadline=None, derandomize=True, database=None)
settings.load_profile("torchedu")


FAST = ("--trainer.max_epochs", "2", "--trainer.accelerator", "cpu")
"""Words that make training short."""


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Give the folder of real data sets that TORCHEDU_DATA names, or skip."""
    folder = os.environ.get("TORCHEDU_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TORCHEDU_DATA names no folder of real data sets")
    return Path(folder)


@pytest.fixture(scope="session")
def class_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a small simulated class: 80 students, 12 items, 3 skills, about 1,400 answers."""
    from torchedu.datasets.simulator import simulate

    folder = tmp_path_factory.mktemp("class") / "class.store"
    return simulate(folder, students=80, skills=3, items=12, answers=15).path


@pytest.fixture(scope="session")
def trained_run(class_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a finished run on that class; tests read it and leave it as it is."""
    from torchedu.cli import main

    run = tmp_path_factory.mktemp("runs") / "small"
    words = ["--model.net", "ItemDKT", "--model.net.dim", "8", "--data.batch_size", "16"]
    assert main(["fit", "--data.path", str(class_store), "--run", str(run), *words, *FAST]) == 0
    return run


@pytest.fixture(scope="session")
def enrolment_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give lists of 150 students' courses, 30 courses, most of which lead on to the next one."""
    drawn = random.Random(0)
    folder = tmp_path_factory.mktemp("enrolments") / "courses"
    folder.mkdir()
    train, test, people = [], [], ["org_id remap_id gender"]
    for student in range(150):
        courses = [drawn.randrange(30)]
        while len(courses) < 3 + student % 9:
            nearby = (courses[-1] + drawn.choice((1, 1, 1, 2, 5))) % 30
            courses.append(nearby if nearby not in courses else drawn.randrange(30))
        courses = list(dict.fromkeys(courses))
        if len(courses) > 2:
            train.append(" ".join(map(str, (student, *(100 + c for c in courses[:-1])))))
            test.append(f"{student} {100 + courses[-1]}")
            people.append(f"U{student} {student} {student % 3}")
    for name, lines in (("train", train), ("test", test), ("user_list", people)):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def enrolment_store(enrolment_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give those enrolments as a store."""
    from torchedu.datasets.importers import import_data

    out = tmp_path_factory.mktemp("enrolments") / "courses.store"
    return import_data("user_lists", enrolment_folder, out).path


@pytest.fixture(scope="session")
def lesson_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a CSV file of 20 lessons, some 18 sentences each, whose words tell their tags."""
    from tests.datasets.lesson_files import write_lessons

    return write_lessons(tmp_path_factory.mktemp("lessons") / "lessons.csv", 20)


@pytest.fixture(scope="session")
def lesson_store(lesson_file: Path) -> Path:
    """Give those lessons as a store."""
    from torchedu.datasets.importers import import_data

    out = lesson_file.with_suffix(".store")
    return import_data("transcripts", lesson_file, out).path


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a small encoder of random weights, of 64 tokens at most."""
    from tests.encoders import write_encoder

    return write_encoder(tmp_path_factory.mktemp("encoder") / "encoder")


@pytest.fixture(scope="session")
def chat_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give 60 conversations about sums, each of which names its row."""
    from torchedu.datasets.chats import Chat, Message, write_chats
    from torchedu.datasets.prompts import tutor_prompt

    def chat(i: int) -> Chat:
        sums = " ".join(f"Then {i} + {n} = {i + n}." for n in range(1, 1 + i % 5))
        said = Message("assistant", f"Add {i} and 1. {sums}\n#### {i + 1}")
        problem = f"Ann has {i} apples and gets one more. How many has she?"
        return Chat((*tutor_prompt(problem), said), problem, str(i + 1))

    folder = tmp_path_factory.mktemp("chats") / "sums.store"
    return write_chats(folder, map(chat, range(60)), {"source": [], "licence": ""}).path


@pytest.fixture(scope="session")
def tokenizer(chat_store: Path) -> "ChatTokenizer":
    """Give a tokenizer of 400 tokens that was trained on those."""
    pytest.importorskip("transformers", reason="needs the package transformers")
    from torchedu.datasets.chats import ChatStore
    from torchedu.readers.chat_tokenizer import ChatTokenizer

    chats = ChatStore(chat_store).chats(range(60))
    return ChatTokenizer.train((one.content for chat in chats for one in chat), 400)


@pytest.fixture(scope="session")
def explaining_run(chat_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a finished run of a tiny language model on those."""
    pytest.importorskip("transformers", reason="needs the package transformers")
    from torchedu.cli import main

    run = tmp_path_factory.mktemp("runs") / "explaining"
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "max_position_embeddings": 128, "model_type": "llama"}
    net = {"class_path": "torchedu.CausalLM", "init_args": {"config": {**sizes, **heads}}}
    words = ["--model", "MathExplanation", "--model.net", json.dumps(net)]
    words += ["--model.max_new_tokens", "12", "--data.path", str(chat_store)]
    words += ["--data.vocab_size", "400", "--data.max_tokens", "128", "--data.batch_tokens", "500"]
    assert main(["fit", "--run", str(run), *words, *FAST]) == 0
    return run


@pytest.fixture(scope="session")
def launch() -> "Iterator[LaunchServer]":
    """Give the server that forks every further process of the tests."""
    from torchedu.testing.launch import LaunchServer

    with LaunchServer(modules=["torchedu.run", "pytest", "hypothesis"]) as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest, and skip what needs a GPU where there is none."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")  # so workers end together
    for_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not for_gpu:
        return
    import torch  # costs seconds, so only where a test asks for a GPU

    if not torch.cuda.is_available():
        for item in for_gpu:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and there is none"))


@pytest.fixture
def grown() -> Callable[[Callable[[], object]], int]:
    """Return what tells the most bytes that work holds at once, beside what is mapped."""

    def most(work: Callable[[], object]) -> int:
        tracemalloc.start()
        try:
            work()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return most
