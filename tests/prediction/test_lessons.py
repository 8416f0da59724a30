from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchedu.datasets.transcripts import TranscriptStore
from torchedu.prediction.lessons import sentences, summaries, talk_of_speakers
from torchedu.schema import RESERVED, ROLES, TAG, Names, Vocabulary


def test_lessons_are_summed_up_where_a_role_has_no_tags(lesson_store: Path) -> None:
    store = TranscriptStore(lesson_store)
    data: Any = SimpleNamespace(store=store)
    lengths = np.diff(store.lesson_offsets)
    lesson = np.repeat(np.arange(len(lengths)), lengths)
    every = np.arange(len(lesson))
    position = every - store.lesson_offsets[lesson]
    # What a network gives for a role without tags: the first id that a tag could have.
    tagged = {"lesson": lesson, "position": position, "tag": np.full(len(lesson), RESERVED)}
    assert sentences(data, tagged).tolist() == every.tolist()
    names = list(store.vocabulary[TAG + "teacher"])
    vocabulary = Vocabulary({TAG + "teacher": Names(names), TAG + "student": Names()})
    summed = summaries(data, vocabulary, tagged)
    assert [one["sentences"] for one in summed] == lengths.tolist()
    words = store.column("words")
    for row, one in enumerate(summed):
        here = slice(*store.lesson_offsets[row : row + 2])
        assert one["words"] == words[here].sum()
        assert sum(one[role]["sentences"] for role in ROLES) == one["sentences"]
        assert sum(one[role]["turns"] for role in ROLES) >= one["turns"]
        assert one["student"]["tags"] == {}
        first, *others = one["teacher"]["tags"].values()
        assert first == {"sentences": one["teacher"]["sentences"], "share": 1.0}
        assert not any(tag["sentences"] for tag in others)
    talk = talk_of_speakers(data, vocabulary, tagged)
    assert sum(talk["sentences"].to_pylist()) == len(lesson)
