"""Each room of torchedu imports only what its row says; docs/rooms.md shows the same table."""

import ast
import graphlib
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "torchedu"

# room: what it may import, besides the standard library, `errors` and itself.
DOORS = {
    "errors": "",
    "files": "",
    "schema": "",
    "parsing": "jsonargparse",
    "batch": "torch",
    "datasets": "schema numpy pyarrow scipy rich defusedxml openpyxl",
    "layers": "schema torch",
    "models": "layers schema batch torch transformers peft bitsandbytes safetensors "
    "huggingface_hub",
    "features": "models datasets numpy torch rich",
    "baselines": "datasets schema numpy scipy sklearn",
    "metrics": "numpy torch torchmetrics",
    "optimizers": "torch",
    "companions": "schema numpy",
    "domains": "checkpoints companions models layers metrics batch schema numpy torch torchmetrics",
    "datamodules": "companions features models datasets parallel schema batch numpy torch "
    "lightning transformers tokenizers",
    "tasks": "domains companions callbacks checkpoints parallel optimizers torch lightning",
    "callbacks": "domains parallel numpy torch lightning rich",
    "checkpoints": "schema torch lightning lightning_utilities",
    "metrics_log": "lightning",
    "chosen": "tasks yaml",
    "parallel": "layers torch lightning_utilities",
    "strategies": "parallel models layers torch lightning deepspeed horovod",
    "run": "chosen domains tasks datamodules callbacks checkpoints strategies metrics_log metrics "
    "datasets batch schema parsing numpy pyarrow torch lightning jsonargparse yaml",
    "prediction": "domains tasks models datamodules datasets metrics schema batch numpy pyarrow "
    "torch lightning rich",
    "evaluation": "prediction domains tasks datamodules datasets baselines metrics schema numpy "
    "lightning",
    "export": "domains tasks models checkpoints batch schema torch safetensors onnxscript "
    "onnxruntime transformers peft",
    "report": "schema numpy pyarrow matplotlib jinja2 yaml",
    "testing": "companions domains datamodules datasets models layers batch schema numpy pyarrow "
    "torch",
    "cli": "run evaluation prediction export report testing tasks models datamodules datasets "
    "baselines metrics callbacks checkpoints batch schema parsing "
    "numpy pyarrow torch lightning jsonargparse yaml rich",
}
LONGEST = 400  # lines; a longer file gives its reason in a comment `# Long because ...` at its top


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the door of each import, at the top or inside a function."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}:{node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            yield node.lineno, rest[0] if first == "torchedu" and rest else first


def is_open(door: str, room: str) -> bool:
    free = {room, "errors", "files", "__version__"}
    return door in sys.stdlib_module_names or door in free or door in DOORS[room].split()


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_uses_only_its_rooms_doors(file: Path) -> None:
    room = room_of(file)
    if room == "__init__":
        return  # the package's front names live in any room, and it loads them lazily
    assert room in DOORS, f"{file.relative_to(ROOT)}: give the room {room!r} a row in DOORS"
    closed = [
        f"{file.relative_to(ROOT)}:{line}: {room} has no door to {door}"
        for line, door in imports(file)
        if not is_open(door, room)
    ]
    assert not closed, "\n".join(closed)


def test_no_rooms_import_each_other() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for file in sources():
        room = room_of(file)
        if room != "__init__":
            graph[room] |= {door for _, door in imports(file) if door in DOORS and door != room}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_is_short_and_named_for_what_it_does(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    reason = any(line.startswith("# Long because ") for line in lines[:5])
    assert len(lines) <= LONGEST or reason, f"{file.relative_to(ROOT)}: {len(lines)} lines"
    assert not re.search(r"util|helper|common|misc", file.stem), f"{file.stem} says nothing"


def test_the_page_for_people_shows_the_same_doors() -> None:
    page = (ROOT / "docs" / "rooms.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)(?:\.py|/)` \|[^|]*\|([^|]*)\|$", page, re.MULTILINE)
    shown = {room: set(re.findall(r"\w+", doors)) - {"nothing"} for room, doors in rows}
    assert shown == {room: set(doors.split()) for room, doors in DOORS.items()}
