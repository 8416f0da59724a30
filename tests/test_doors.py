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
    "run_folder": "",
    "sections": "strict",
    "run_lock": "run_folder",
    "bounded": "yaml",
    "stages": "",
    "schema": "",
    "companions": "people strict schema bounded run_folder numpy torch",
    "strict": "",
    "permissions": "",
    "ranges": "",
    "parsing": "jsonargparse",
    "batch": "schema torch",
    "ranks": "torch",
    "datasets": "machine mapped ranges schema bounded PIL defusedxml numpy openpyxl phonenumbers "
    "pyarrow rapidocr_onnxruntime rich scipy soundfile soxr",
    "leaks": "datasets mapped schema numpy",
    "layers": "schema torch",
    "models": "layers batch ranges permissions strict schema bounded bitsandbytes huggingface_hub "
    "peft safetensors torch transformers",
    "features": "models layers datasets schema numpy rich sklearn torch",
    "readers": "features models datasets batch companions schema bounded numpy tokenizers torch "
    "transformers",
    "baselines": "machine datasets mapped schema numpy scipy sklearn",
    "metrics": "numpy torch torchmetrics",
    "optimizers": "torch",
    "domains": "people checkpoints metrics models layers batch ranges permissions strict "
    "companions schema sections run_folder numpy torch torchmetrics",
    "engine": "export domains metrics readers features models datasets batch ranges companions "
    "schema numpy safetensors torch",
    "datamodules": "people parallel baselines readers features models leaks datasets batch ranges "
    "companions schema stages lightning numpy pyarrow torch",
    "tasks": "people parallel checkpoints callbacks domains optimizers ranks permissions "
    "companions run_folder lightning torch",
    "callbacks": "job_status parallel domains ranks run_folder lightning numpy rich torch",
    "checkpoints": "ranks permissions strict companions bounded run_folder lightning "
    "lightning_utilities torch",
    "metrics_log": "run_lock run_folder lightning",
    "parallel": "layers lightning_utilities torch",
    "strategies": "machine parallel models layers ranks deepspeed horovod lightning torch",
    "run": "threads report evaluation strategies metrics_log checkpoints callbacks tasks "
    "datamodules domains parsing ranges permissions strict stages bounded run_folder jsonargparse "
    "lightning torch",
    "prediction": "tasks datamodules engine metrics readers features datasets ranks ranges batch "
    "permissions schema sections run_folder lightning numpy pyarrow rich torch",
    "evaluation": "prediction tasks datamodules metrics baselines features datasets mapped "
    "companions schema stages sections run_folder lightning numpy",
    "bench": "evaluation prediction run tasks datamodules metrics leaks parsing ranges bounded "
    "run_folder lightning numpy pyarrow",
    "tune": "machine threads ray_address report evaluation prediction run checkpoints callbacks "
    "tasks ranks ranges bounded run_lock sections run_folder lightning numpy optuna ray torch",
    "export": "checkpoints tasks domains readers models batch permissions strict companions "
    "schema bounded onnxruntime onnxscript peft safetensors torch transformers",
    "serve": "threads ray_address people privacy engine domains metrics datasets companions "
    "schema bounded run_folder fastapi jwt numpy prometheus_client pydantic python_multipart ray "
    "sqlalchemy torch uvicorn",
    "report": "bounded sections run_folder jinja2 matplotlib numpy",
    "testing": "datamodules domains models layers datasets batch companions schema numpy pyarrow "
    "torch",
    "privacy": "people report checkpoints tasks features datasets companions schema bounded "
    "run_folder numpy pyarrow",
    "cli": "launch threads job_status privacy report serve export tune bench prediction run "
    "checkpoints engine domains leaks datasets parsing permissions schema stages bounded sections "
    "run_folder optuna pyarrow rich",
    "people": "mapped numpy",
    "mapped": "numpy",
    "job_status": "",
    "ray_address": "ray",
    "machine": "",
    "threads": "machine",
    "launch": "ray_address job_status parsing bounded run_folder ray",
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


@pytest.mark.parametrize("room", DOORS)
def test_no_door_is_there_that_nobody_uses(room: str) -> None:
    used = {door for file in sources() if room_of(file) == room for _, door in imports(file)}
    assert not set(DOORS[room].split()) - used


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
