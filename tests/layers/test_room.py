import torch

from torchedu.layers.room import GRAIN, room, rooms, rounded


def test_a_table_has_its_rows_in_memory_of_few_sizes() -> None:
    tables = [room(rows, 3, torch.bfloat16) for rows in range(19_000, 20_001)]
    assert [len(table) for table in tables] == list(range(19_000, 20_001))
    assert len({table.untyped_storage().nbytes() for table in tables}) <= 2


def test_little_more_than_is_asked_for() -> None:
    for rows in range(1, 5000):
        assert rows <= rounded(rows) <= rows * 17 / 16 + GRAIN
    assert rounded(GRAIN) == GRAIN


def test_tables_in_one_piece_do_not_overlap() -> None:
    kinds = (torch.bfloat16, torch.float64, torch.float32)
    tables = rooms(*((33 + n, 3, kind) for n, kind in enumerate(kinds)))
    for n, table in enumerate(tables):
        table.fill_(n)
    for n, (table, kind) in enumerate(zip(tables, kinds, strict=True)):
        assert table.shape == (33 + n, 3)
        assert table.dtype == kind
        assert (table == n).all()
    assert len({table.untyped_storage().data_ptr() for table in tables}) == 1
