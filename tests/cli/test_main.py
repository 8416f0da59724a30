import io
import os
import re
import subprocess
import sys

import pytest

import torchedu
from torchedu.cli import COMMANDS, PERMISSIONS, THREADS, main
from torchedu.permissions import Permissions, held


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["fti"], []])
def test_what_needs_no_torch_leaves_it_unimported(words: list[str]) -> None:
    code = (
        "import sys; from torchedu.cli import main; code = main(sys.argv[1:]); "
        "print(code, *sorted({'torch', 'lightning', 'numpy', 'jsonargparse'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == ("2" if words == ["fti"] else "0")
    if words == ["fti"]:
        assert run.stderr.splitlines() == [
            "torchedu has no command 'fti'.",
            f"Allowed: {', '.join(COMMANDS)}. Did you mean fit?",
        ]


def test_help_lists_every_command_with_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    title, _, usage, _, *rows, _, hint = said.splitlines()
    rows, options = rows[: len(COMMANDS)], rows[len(COMMANDS) + 2 :]
    assert [row.split("  ")[1] for row in options] == list(PERMISSIONS | THREADS)
    assert title == "torchedu: models of learners on PyTorch Lightning"
    assert usage.startswith("usage: torchedu COMMAND [OPTIONS]")
    assert [re.split(r"  +", row.strip(), maxsplit=1) for row in rows] == [
        [name, purpose] for name, purpose in COMMANDS.items()
    ]
    assert hint.startswith("Try it: torchedu fit")
    assert max(map(len, said.splitlines())) <= 100
    assert main([]) == 0
    assert capsys.readouterr().out == said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"torchedu {torchedu.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main([command, "--help"])
    except SystemExit as ended:  # of argparse
        code = int(ended.code or 0)
    assert code == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert f"torchedu {command}" in said.out


def test_help_of_fit_names_the_options_of_model_data_and_trainer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["fit", "--help", "all"]) == 0
    said = capsys.readouterr().out
    for option in (
        *("config", "run", "resume", "init_from", "lr_find", "seed_everything"),
        *("model", "model.net", "model.lr", "model.weight_decay", "model.schedule"),
        *("data", "data.path", "data.split", "data.batch_size", "data.window", "data.num_workers"),
        *("trainer.max_epochs", "trainer.devices", "trainer.precision", "trainer.logger"),
        *("early_stopping.patience", "early_stopping.monitor"),
    ):
        assert re.search(rf"--{re.escape(option)}\b", said), option
    for name in ("DKT", "ItemDKT", "SAKT"):
        assert re.search(rf"\b{name}\b", said), name


@pytest.mark.parametrize(("end", "code"), [(KeyboardInterrupt, 130), (BrokenPipeError, 141)])
def test_a_reader_that_leaves_ends_a_command_without_a_word(
    monkeypatch: pytest.MonkeyPatch, end: type[BaseException], code: int
) -> None:
    def leave(words: list[str]) -> None:
        raise end

    monkeypatch.setattr("torchedu.cli.report.main", leave)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    assert main(["report", "x"]) == code
    assert said.getvalue() == ("Interrupted.\n" if end is KeyboardInterrupt else "")


def test_what_every_command_takes_is_of_its_words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[object] = []
    monkeypatch.setattr("torchedu.cli.report.main", lambda words: met.append((words, held())))
    words = ["report", "--trust", "a,b.c", "x", "--trust=d", "--sealed_only", "--allow_download"]
    assert main(words) == 0
    assert met == [(["x"], Permissions(frozenset({"a", "b.c", "d"}), True, True, False))]
    assert held() == Permissions()
    assert main(["report", "--trust"]) == 2
    assert main(["report", "x", "--trust", "../mine"]) == 2


def test_words_that_are_no_text_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    latin = os.fsdecode("Prüfung.csv".encode("latin-1"))
    for words in (["data", "import", "csv", latin, "out"], ["fit", f"--data.path={latin}"]):
        assert main(words) == 2
        problem, remedy = capsys.readouterr().err.splitlines()
        assert "holds bytes that are no UTF-8" in problem
        assert "Rename the file" in remedy


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_stream_takes_what_is_said(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    monkeypatch.setattr(sys, stream, None)
    assert main(["report", "nowhere"]) == 2
    getattr(sys, stream).close()
