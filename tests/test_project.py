"""The project around the code: what installs, what importing costs, what the pages promise."""

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import torchedu
from benchmarks.harness import _beside

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements" / "dev.txt").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def package(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-")


def locked() -> set[str]:
    return set(re.findall(r"^([a-z0-9][a-z0-9.-]*)==", LOCK, re.MULTILINE))


def test_importing_torchedu_leaves_the_heavy_packages_alone() -> None:
    code = (
        "import sys, torchedu; print(*sorted({'torch', 'lightning', 'numpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("name", torchedu.__all__)
def test_each_public_name_loads_and_is_listed(name: str) -> None:
    assert getattr(torchedu, name) is not None
    assert name in dir(torchedu)


def test_a_name_that_is_not_public_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'DTK'"):
        getattr(torchedu, "DTK")  # noqa: B009 - as an attribute, linters see it is missing


def test_the_lock_names_no_host_and_no_build_of_torch() -> None:
    assert not re.search(r"https?:|file:|--(index|extra-index|find-links|trusted)", LOCK)
    assert not {name for name in locked() if re.match(r"torch$|nvidia|triton|cuda", name)}


def test_the_lock_holds_every_dependency_with_a_hash() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = list(PROJECT["dependencies"])
    for extra in ("dev", "plots", "track", "onnx"):
        wanted += extras[extra]
    assert {package(name) for name in wanted} - {"torch"} <= locked()
    header, *entries = re.split(r"\n(?=[a-z0-9])", LOCK)
    assert header.startswith("#")
    for entry in entries:
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_constraints_pin_exactly_and_agree_with_the_lock() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", line)[0] for line in lines if line[:1].isalpha())
    assert "torch" in pins
    for name in pins.keys() & locked():
        assert f"\n{name}=={pins[name]} " in LOCK


def test_every_base_dependency_and_extra_gives_its_lower_bound() -> None:
    extras = PROJECT["optional-dependencies"].values()
    for requirement in chain(PROJECT["dependencies"], *extras):
        assert ">=" in requirement or requirement.startswith("torchedu["), requirement


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) <= 60


@pytest.mark.parametrize(
    ("answer", "words", "code"),
    [
        ("", [], 0),
        ("", ["--must_answer"], 2),
        ('{"dependencies": [{"name": "a", "skip_reason": "unknown"}]}', ["--must_answer"], 2),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', ["--must_answer"], 0),
    ],
)
def test_an_audit_that_could_not_ask_fails_where_it_must_answer(
    answer: str, words: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.CompletedProcess([], 1, answer, "no way")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(sys, "argv", ["audit.py", *words])
    assert runpy.run_path(str(ROOT / "scripts" / "audit.py"))["main"]() == code


def test_each_source_has_its_test_or_a_line_that_says_where() -> None:
    tests, package = ROOT / "tests", ROOT / "torchedu"
    table = (tests / "README.md").read_text("utf-8")
    lines = {
        source: re.findall(r"`([^`]+)`", named)
        for source, named in re.findall(r"^\| `([^`]+)` \| (.+) \|$", table, re.MULTILINE)
    }
    for source, named in lines.items():
        gone = [name for name in named if not (tests / name).is_file()]
        assert named, source
        assert not gone, f"{source}: {gone}"
    used = set()
    for file in sorted(package.rglob("*.py")):
        name = file.relative_to(package).as_posix()
        own = tests / Path(name).with_name(f"test_{file.name}")
        if file.name != "__init__.py" and not own.is_file():
            above = [line for line in lines if name.startswith(line)]
            assert above, f"{name} has no test of its own, and no line in tests/README.md"
            used.add(max(above, key=len))
    assert used == set(lines), f"lines of nothing: {sorted(set(lines) - used)}"


def missed() -> list[tuple[str, str]]:
    """Return the goals that kept results say were not reached, each with its figure."""
    results = [
        json.loads(file.read_text()) for file in (ROOT / "benchmarks").glob("results/*.json")
    ]
    goals = chain.from_iterable(one.get("goals", []) for one in results if isinstance(one, dict))
    return [(one["goal"], f"{one['figure']:.4g}") for one in goals if not one["holds"]]


@pytest.mark.parametrize(("goal", "figure"), missed())
def test_a_missed_goal_stands_on_a_page_with_its_figure(goal: str, figure: str) -> None:
    lines = chain.from_iterable(
        page.read_text("utf-8").splitlines() for page in (ROOT / "docs").glob("*.md")
    )
    assert any(f"`{goal}`" in line and figure in line for line in lines)


def test_no_page_says_missed_what_results_say_was_reached() -> None:
    page = (ROOT / "docs" / "missed.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)) == {goal for goal, _ in missed()}


def test_every_case_of_the_benchmark_names_tests_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    cases = runpy.run_path(str(ROOT / "benchmarks" / "honest_cases.py"))["CASES"]
    for test in chain.from_iterable(cases.values()):
        file, _, name = test.partition("::")
        source = (ROOT / file).read_text("utf-8")
        assert not name or f"def {name.partition('[')[0]}(" in source, test


def test_every_benchmark_finds_what_it_imports_of_torchedu() -> None:
    wanted = re.compile(r"^from (torchedu[\w.]*) import (\([^)]*\)|.*)$", re.M)
    missing = []
    for script in (ROOT / "benchmarks").rglob("*.py"):
        if any(part.startswith(".") for part in script.relative_to(ROOT).parts):
            continue  # the environments of peers
        for module, names in wanted.findall(script.read_text("utf-8")):
            room = ROOT / module.replace(".", "/")
            file = room / "__init__.py" if room.is_dir() else room.with_suffix(".py")
            source = file.read_text("utf-8") if file.is_file() else ""
            missing += [
                f"{script.name}: {module}.{name}"
                for name in re.findall(r"\w+", names.partition("#")[0])
                if not re.search(rf"\b{name}\b", source) and not (room / f"{name}.py").is_file()
            ]
    assert not missing


def test_a_campaign_in_pieces_keeps_what_it_did_not_measure() -> None:
    told = {"command": "python x.py", "date": "now", "machine": {}, "seconds": 1}
    kept: dict[str, Any] = {}
    for commit, goal, figure in (("a", "x.one", 1), ("b", "x.two", 2), ("c", "x.one", 3)):
        measured = {"goals": [{"goal": goal, "figure": figure}], "raw": {goal: figure}}
        kept = _beside(kept, {"commit": commit, **told, **measured})
    assert kept["commit"] == "c"
    assert {one["goal"]: one["figure"] for one in kept["goals"]} == {"x.one": 3, "x.two": 2}
    assert kept["raw"] == {"x.one": 3, "x.two": 2}
    assert {goal: one["commit"] for goal, one in kept["earlier"].items()} == {"x.two": "b"}


def test_a_wheel_holds_all_that_the_package_needs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"dist/{wheel.name}[all]" in readme
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "there")
    tracked = subprocess.run(
        ["git", "ls-files", "torchedu"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    missing = [name for name in tracked.stdout.split() if not (tmp_path / "there" / name).is_file()]
    assert not missing
    ours = {**os.environ, "PYTHONPATH": str(tmp_path / "there")}
    words = [sys.executable, "-c", "from torchedu.cli import main; raise SystemExit(main())"]
    for more in (
        ["--version"],
        ["fit", "--help"],
        ["data", "example", "answers", "--out", "a.csv"],
    ):
        ended = subprocess.run([*words, *more], cwd=tmp_path, env=ours, capture_output=True)
        assert ended.returncode == 0, ended.stderr
