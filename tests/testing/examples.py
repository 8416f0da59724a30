"""Small data of every kind, for the checks of whatever reads it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.oulad_files import write_oulad
from tests.essays import write_essays
from tests.spoken_files import write_answers
from torchedu.companions import Companions
from torchedu.datamodules import (
    CourseEvents,
    Enrolments,
    Essays,
    Explanations,
    Interactions,
    SpokenAnswers,
    Transcripts,
)
from torchedu.models import CausalLM, FrozenGrader, SpokenGrader
from torchedu.schema import PROMPT, Names, Vocabulary

LLAMA = {
    "model_type": "llama", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
    "num_attention_heads": 2, "max_position_embeddings": 128,
}  # fmt: skip


class Examples:
    """Data modules on small data, by the name of their class; each is made when it is asked for."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self.makers: dict[str, Callable[[], Any]] = {
            "Interactions": lambda: Interactions(
                self._path("class_store"), batch_size=8, window=20, context=5
            ),
            "Enrolments": lambda: Enrolments(self._path("enrolment_store"), batch_size=16),
            "CourseEvents": self._events,
            "Essays": self._essays,
            "Transcripts": lambda: Transcripts(
                self._path("lesson_store"), encoder=self._path("encoder_folder"), tokens=32,
                precision="32", features=str(folder / "sentences"), batch_size=4, window=40,
            ),
            "SpokenAnswers": self._spoken,
            "Explanations": lambda: Explanations(
                self._path("chat_store"), vocab_size=400, max_tokens=128, batch_tokens=500
            ),
        }  # fmt: skip

    def __call__(self, name: str) -> Any:
        """Return a new data module of a class."""
        return self.makers[name]()

    def _path(self, fixture: str) -> str:
        return str(self._request.getfixturevalue(fixture))

    def _events(self) -> CourseEvents:
        raw = self._folder / "oulad"
        path = raw if raw.exists() else write_oulad(raw)
        return CourseEvents(str(path), attributes=["gender"], batch_size=32)

    def _essays(self) -> Essays:
        file = self._folder / "essays.csv"
        path = file if file.exists() else write_essays(file, num=60)
        return Essays(str(path), encoder=self._path("encoder_folder"), window=32, batch_size=16)

    def _spoken(self) -> SpokenAnswers:
        folder = self._folder / "spoken"
        path = folder / "answers.csv" if folder.exists() else write_answers(folder)
        return SpokenAnswers(str(path), groups=["sex"], traits=["length"], batch_size=8, bands=12)

    def companions(self, name: str) -> Companions | None:
        """Return what a network with other names brings, where names alone do not say it."""
        data = self(name)
        if name == "Essays":
            names = [*reversed(list(data.vocabulary[PROMPT]))]
            ranges = data.store.ranges.copy()
            ranges[2:] = ranges[2:][::-1]
            turned = Vocabulary({PROMPT: Names(names)})
            names = Vocabulary(data.vocabulary._kinds | turned._kinds)
            return replace(data.own, vocabulary=names, ranges=ranges)
        if name == "SpokenAnswers":  # its scores are fixed, and there is one scale of each
            return data.own
        if name == "Explanations":
            return Companions(tokenizer=dict(data.tokenizer.files))
        return None


NETS: dict[str, Any] = {
    "Explanation": {"net": partial(CausalLM, config=LLAMA), "max_new_tokens": 4},
    "MathExplanation": {"net": partial(CausalLM, config=LLAMA), "max_new_tokens": 4},
    "Grading": {"net": partial(FrozenGrader, hidden=8)},
    "Spoken": {"net": partial(SpokenGrader, dim=8, heads=2, blocks=1)},
    "AnswerGrading": {"net": partial(SpokenGrader, dim=8, heads=2, blocks=1)},
    "EssayGrading": {"net": partial(FrozenGrader, hidden=8)},
}
"""What a task is built with that does not go by its usual network here, which is too large."""


@pytest.fixture(scope="session")
def examples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Give small data of every kind."""
    return Examples(request, tmp_path_factory.mktemp("examples"))
