"""Texts that are made to exhaust a reader are errors, and those that people write are read."""

import gzip
import json
from pathlib import Path

import pytest
import yaml

from torchedu.bounded import DEPTH, NODES, parse_json, parse_yaml, yaml_text
from torchedu.cli import main
from torchedu.datasets.importers.reading import text

LAUGHS = "\n".join(
    [
        "a0: &a0 [x, x, x, x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)),
    ]
)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 200_000,
        "[" * 200_000 + "]" * 200_000,
        "[" * (DEPTH + 2) + "]" * (DEPTH + 2),
        '{"a":' * (DEPTH + 2) + "1" + "}" * (DEPTH + 2),
        "1" * 5000,
        "{",
    ],
)
def test_json_beyond_the_bounds_is_an_error(content: str) -> None:
    for given in (content, content.encode()):
        with pytest.raises(ValueError, match=r"."):
            parse_json(given)


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        "a: &a [*a]",
        "[" * 200_000,
        "- " * 200_000,
        "a: " + "{b: " * (DEPTH + 1),
        "\n".join(f"- {n}" for n in range(NODES + 1)),
        "a: 2024-13-45",
        "a: !!python/object/apply:os.system [true]",
        "{[1]: 2}",
        "1" * 5000,
        'path: "a\\ud800.csv"',
        '"\\udfff": 1',
    ],
)
def test_yaml_beyond_the_bounds_is_an_error(content: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_yaml(content)


def test_a_value_that_is_named_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="names 'lr' twice"):
        parse_yaml("model:\n  lr: 0.1\n  dim: 3\n  lr: 0.2")
    merged = "a: &a {lr: 0.1, dim: 3}\nb: {<<: *a, lr: 0.2}"  # which is meant to hide the other
    assert parse_yaml(merged)["b"] == {"lr": 0.2, "dim": 3}


def test_what_is_within_them_is_read() -> None:
    value = {"a": [[1, 2.5, None, True, "]]]["]] * 50, "b": {"c": "x"}}
    assert parse_json(json.dumps(value)) == value
    assert parse_yaml(yaml.safe_dump(value)) == value, "with aliases, as it writes what is repeated"


@pytest.mark.parametrize("name", ["answers.jsonl", "answers.jsonl.gz", "zeros.csv.gz"])
def test_a_bomb_of_a_file_is_told_in_two_lines(
    tmp_path: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(text, "BLOCK_BYTES", 1 << 19)
    good = b'{"student": "a", "item": "q", "skill": "k", "correct": 1}\n'
    deep = good + b'{"student": ' + b"[" * 200_000 + b"\n"
    content = b"0" * (3 << 20) if "csv" in name else deep
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert main(["data", "import", "csv" if "csv" in name else "jsonl", str(file), "out"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert name in first
    assert second


def test_a_configuration_that_is_a_bomb_is_refused_before_it_is_parsed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_text(LAUGHS)
    assert main(["fit", "--config", str(file)]) == 2
    first, _ = capsys.readouterr().err.splitlines()
    assert "bomb.yaml is no YAML: it holds more than" in first


def test_a_file_that_is_read_as_a_whole_has_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(text, "MOST_WHOLE", 1 << 10)
    file = tmp_path / "chats.json"
    file.write_text("[" + " " * 5000 + "]")
    assert main(["data", "import", "mathdial", str(file), str(tmp_path / "out")]) == 2
    assert "is read as a whole" in capsys.readouterr().err


def test_a_text_of_many_lines_is_written_as_it_stands() -> None:
    value = {"script": "a b\n  $c: #\n", "name": "x: y"}
    text = yaml_text(value)
    assert text == "script: |\n  a b\n    $c: #\nname: 'x: y'\n"
    assert parse_yaml(text) == value
