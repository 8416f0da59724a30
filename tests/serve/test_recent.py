"""The latest rows are there, those of who is forgotten are not."""

from collections import deque

import numpy as np

from torchedu.serve.recent import Recent


def test_it_is_a_queue_that_forgets() -> None:
    drawn, recent = np.random.default_rng(0), Recent(2, 20)
    rows: deque[tuple[str, float, float]] = deque(maxlen=20)
    for _ in range(500):
        student = f"s{drawn.integers(100)}"
        row = student, float(drawn.random()), float(drawn.random())
        recent.add(*row)
        rows.append(row)
        if drawn.random() < 0.05:
            gone = [f"s{n}" for n in drawn.integers(100, size=20)]
            recent.forget(gone)
            rows = deque((row for row in rows if row[0] not in gone), maxlen=20)
        if rows and drawn.random() < 0.05:
            assert recent.drop_first(1).tolist() == [list(rows.popleft()[1:])]
        values, who = recent.rows()
        assert values.tolist() == [list(row[1:]) for row in rows]
        names = [row[0] for row in rows]
        number = {name: who[names.index(name)] for name in names}
        assert who.tolist() == [number[name] for name in names]
        assert len(set(number.values())) == len(number)
    assert len(recent._number) <= 41
