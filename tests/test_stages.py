"""What goes on is said in one line of a terminal, and nowhere else."""

import io
import sys

import pytest

from torchedu.stages import WIDTH, stage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(words: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    terminal = Terminal()
    with monkeypatch.context() as patch:  # not a fixture: pytest has put its own there by then
        patch.setattr(sys, "stderr", terminal)
        for text in words:
            stage(text)
    return terminal.getvalue()


@pytest.fixture(autouse=True)
def first_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_each_line_takes_the_place_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = said(["importing torch", "a\x1b[31m\nb" + "x" * 200, ""], monkeypatch)
    assert "\n" not in whole
    first, second, last = whole.removeprefix("\r\x1b[2K").split("\r\r\x1b[2K")
    assert first == "importing torch…"
    assert second.startswith("a[31mbxx")
    assert len(second) == WIDTH + 1
    assert last == "\r"


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("LOCAL_RANK", "1")])
def test_others_say_nothing(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert said(["importing torch"], monkeypatch) == ""


def test_a_pipe_and_a_closed_stream_are_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        stage("importing torch")
        assert stream is None or stream.getvalue() == ""
