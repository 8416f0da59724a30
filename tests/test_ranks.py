"""Ranks tell one another what is small, and send files in blocks."""

import ast
import os
from pathlib import Path
from unittest import mock

import torch
from torch import distributed

from torchedu import ranks
from torchedu.ranks import on_all, sent
from torchedu.testing.launch import LaunchServer

PACKAGE = Path(__file__).parent.parent / "torchedu"


def exchanged(folder: Path) -> tuple[list[object], list[int], bytes]:
    """Tell and send on as many ranks as there are; the second one alone has the file."""
    rank = int(os.environ["RANK"])
    distributed.init_process_group("gloo")
    told = on_all(("rank", rank))
    file = folder / f"{rank}.bin"
    if rank == 1:
        file.write_bytes(bytes(range(200)) * 5)
    with mock.patch.object(ranks, "BLOCK", 300):
        blocks = list(sent(file, 1, torch.device("cpu")))
    distributed.destroy_process_group()
    return told, [len(block) for block in blocks], b"".join(blocks)


def test_what_ranks_say_and_send_comes_to_all(tmp_path: Path, launch: LaunchServer) -> None:
    started = launch.start(exchanged, tmp_path, ranks=2)
    assert started.wait(60) == [0, 0], started.output()
    for rank in (0, 1):
        told, sizes, content = started.result(rank)
        assert told == [("rank", 0), ("rank", 1)]
        assert sizes == [300, 300, 300, 100]
        assert content == bytes(range(200)) * 5


def test_one_process_tells_itself() -> None:
    assert on_all(3) == [3]


def test_objects_are_gathered_in_one_place_and_no_part_is_an_attribute() -> None:
    gathered, attributes = [], []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "all_gather_object":
                gathered.append(file.name)
            if isinstance(node, ast.Attribute) and node.attr == "predict_part":
                attributes.append(file.name)
    assert gathered == ["ranks.py"]
    assert not attributes
