"""Every mistake on the command line ends in two lines, exit code 2 and no traceback."""

import contextlib
import io
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from torchedu.cli import main
from torchedu.errors import ConfigError
from torchedu.parsing import run_functions, whole_first


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mistake(words: list[str]) -> tuple[str, str]:
    """Run a command that cannot work, check how it ends, and return its two lines."""
    said, printed = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
        code = main(words)
    assert code == 2, said.getvalue()
    assert printed.getvalue() == ""
    assert "Traceback" not in said.getvalue()
    lines = said.getvalue().splitlines()
    assert len(lines) == 2, said.getvalue()
    assert all(0 < len(line) < 500 for line in lines)
    return lines[0], lines[1]


# The words after `fit`, what the first line says is wrong, and what the second says to do.
WRONG: list[tuple[list[str], str, str]] = [
    (["--modle.net", "DKT"], "the option --modle.net is not known", "mean --model.net?"),
    (["--trainer.max_epoch", "3"], "--trainer.max_epoch is not", "mean --trainer.max_epochs?"),
    (["--trainer.max_ep=3"], "the option --trainer.max_ep is not known", "torchedu fit --help"),
    (["--early_stopping.patince", "3"], "patince is not known", "--early_stopping.patience?"),
    (["--model.net", "DTK"], "--model.net 'DTK' is not known", "mean DKT? Or give the import path"),
    (["--model", "KnowledgeTrace"], "--model 'KnowledgeTrace'", "mean KnowledgeTracing?"),
    (["--data", "Interaction"], "--data 'Interaction' is not", "Did you mean Interactions?"),
    (
        ["--model.net", "os.system"],
        "--model.net 'os.system' is not known",
        "Allowed: AKT, BKT, DKT, ",
    ),
    (
        ["--model.net", "torch.nn.Linear"],
        "'torch.nn.Linear' is not known",
        "Allowed: AKT, BKT, DKT, ",
    ),
    (
        ["--model.net.dmi", "3"],
        "the option --model.net.dmi is not known",
        "Did you mean --model.net.dim?",
    ),
    (
        ["--model.net", "DKT", "--model.net.item_penalty", "1"],
        "DKT has no option --model.net.item_penalty",
        "Allowed: num_items, num_skills, dim, dropout.",
    ),
    (["--data.windw", "9"], "the option --data.windw is not known", "Did you mean --data.window?"),
    (["--model.net.dim", "many"], "--model.net.dim is 'many'", "Allowed: a whole number."),
    (["--trainer.max_epochs", "three"], "--trainer.max_epochs is 'three'", "a whole number, null"),
    (["--model.num_items", "3"], "model.num_items is given", "Leave it out"),
    (["--model.init_args.num_skills=3"], "model.num_skills is given", "Leave it out"),
    (["--model.lr", "fast"], "--model.lr is 'fast'", "Allowed: a number."),
    (["--model.schedule", "onecycle"], "--model.schedule is 'onecycle'", "mean one_cycle?"),
    (["--lr_find", "maybe"], "--lr_find is 'maybe'", "Allowed: true, false."),
    (["--data.groups", "gender"], "--data.groups is 'gender'", "a list such as [a, b]"),
    (["--data.columns", "{a: 3"], "--data.columns is '{a: 3'", "a mapping such as"),
    (["--data.split", "studnt"], "split 'studnt' is not known", "Did you mean student?"),
    (["--data.window", "1"], "window is 1", "at least 2"),
    (["--optimizer", "Adm"], "--optimizer is 'Adm'", "a class or its import path"),
    (["--trainer.accelerator", "quantum"], "accelerator is 'quantum'", "auto, cpu, gpu, cuda, mps"),
    (["--trainer.devices", "-7"], "devices is -7", "how many: 1 or more, or auto"),
    (["--trainer.logger", "CSVLogger"], "CSVLogger needs --trainer.logger.save_dir", "--help"),
    (["--trainer.max_epochs"], "--trainer.max_epochs: expected one argument", "--help"),
    (["surplus"], "'surplus' is one word too many", "torchedu fit --help"),
    (["--config", "item_dtk"], "--config 'item_dtk' is neither", "Did you mean item_dkt?"),
    (["--config"], "--config '' is neither a file nor a recipe", "Allowed: "),
    (["--init_from", "nowhere"], "nowhere holds no checkpoint (it does not exist)", "runs/"),
    (["--resume", "nowhere"], "nowhere holds no checkpoint (it does not exist)", "runs/"),
    (
        ["--model.net=SAKT", "--model.net.dim=10", "--model.net.heads=4"],
        "--model.net.dim is 10 and --model.net.heads 4",
        "a multiple of --model.net.heads",
    ),
    (["--model.net=SAKT", "--data.window=300"], "window of 300 is longer", "at most 200"),
]


@pytest.mark.parametrize(("words", "wrong", "right"), WRONG, ids=lambda value: str(value)[:40])
def test_a_mistake_in_fit_is_told_in_two_lines(
    class_store: Path, words: list[str], wrong: str, right: str
) -> None:
    problem, remedy = mistake(["fit", "--data.path", str(class_store), *words])
    assert wrong in problem
    assert right in remedy


def test_a_path_that_is_no_data_is_told() -> None:
    assert "/nowhere/a.csv" in mistake(["fit", "--data.path", "/nowhere/a.csv"])[0]


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        ("trainer:\n  max_epoch: 3\n", "trainer.max_epoch is not", "mean --trainer.max_epochs?"),
        ("modl: 3\n", "option modl is not known", "mean --model"),
        ("model: {net: DKT\n", "is no YAML", "config.yaml"),
        (
            "model:\n  class_path: torchedu.KnowledgeTracing\n  init_args: {net: DTK}\n",
            "'DTK'",
            "mean DKT?",
        ),
        (
            "model:\n  class_path: torchedu.KnowledgeTracing\n  init_args: {num_items: 3}\n",
            "model.num_items is given",
            "Leave it out",
        ),
    ],
)
def test_a_mistake_in_a_configuration_is_told_in_two_lines(
    class_store: Path, tmp_path: Path, text: str, wrong: str, right: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    problem, remedy = mistake(["fit", "--config", str(file), "--data.path", str(class_store)])
    assert wrong in problem
    assert right in remedy


def test_a_run_in_use_is_left_as_it_is(class_store: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "notes.txt").write_text("mine")
    problem, _ = mistake(["fit", "--data.path", str(class_store), "--run", str(run)])
    assert f"--run {run} is in use" in problem
    assert [file.name for file in run.iterdir()] == ["notes.txt"]


def test_nothing_is_written_by_a_mistake(class_store: Path, tmp_path: Path) -> None:
    mistake(["fit", "--data.path", str(class_store), "--model.net.dim", "x", "--run", "run"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "wrong", "right"),
    [
        (["test"], "needs a trained network", "torchedu test runs/version_0"),
        (["validate", "nowhere"], "nowhere holds no checkpoint", "runs/version_0"),
        (["fti"], "torchedu has no command 'fti'", "Did you mean fit?"),
        (["data", "imprt"], "'imprt'", "torchedu data --help"),
        (["report"], "torchedu report needs run, which is not given", "torchedu report --help"),
    ],
)
def test_a_mistake_in_another_command(words: list[str], wrong: str, right: str) -> None:
    problem, remedy = mistake(words)
    assert wrong in problem
    assert right in remedy


def test_a_trained_network_has_no_other_network_s_options(trained_run: Path) -> None:
    assert "--model.lr is not known" in mistake(["test", str(trained_run), "--model.lr", "3"])[0]


def greet(name: str, times: int = 1) -> None:
    """Say hello.

    Args:
        name: Whom to greet.
        times: How often.
    """
    print(f"hello {name} " * times)


def test_a_plain_function_becomes_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    run_functions(greet, ["Ada", "--times=2"], "greet")
    assert capsys.readouterr().out.split() == ["hello", "Ada", "hello", "Ada"]
    run_functions({"one": greet}, ["one", "Bo"], "greet")
    assert capsys.readouterr().out.split() == ["hello", "Bo"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["Ada", "--tims", "2"], r"--tims is not known.*\nDid you mean --times\?"),
        (["Ada", "--time", "2"], r"--time is not known"),
        (["Ada", "--times", "many"], r"--times is 'many'.\nAllowed: a whole number."),
        ([], "greet needs name, which is not given"),
        (["Ada", "Bo"], "'Bo' is one word too many"),
    ],
)
def test_a_plain_function_s_mistakes(words: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        run_functions(greet, words, "greet")


def test_what_a_function_needs_by_option_is_told_as_one() -> None:
    def meet(*, first: str, second: str) -> None:
        """Meet.

        Args:
            first: Who comes first.
            second: And who next.
        """

    with pytest.raises(ConfigError, match="meet needs --first and --second, which are not given"):
        run_functions(meet, [], "meet")


def test_help_of_a_function_is_its_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_functions({"one": greet}, ["one", "--help"], "greet")
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "Say hello" in said
    assert "Whom to greet" in said


def test_a_number_of_batches_is_whole_and_a_share_is_not_whichever_kind_a_union_names_first() -> (
    None
):
    class Limited:
        def __init__(self, first: float | int | None = None, last: int | float | str = 1) -> None:
            pass

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Limited, "of")
    whole_first(parser)
    for given, meant in (("1", int), ("60", int), ("1.0", float), ("0.5", float)):
        read = parser.parse_args([f"--of.first={given}", f"--of.last={given}"]).of
        assert (type(read.first), type(read.last)) == (meant, meant)
    assert parser.parse_args(["--of.last=00:01:00:00"]).of.last == "00:01:00:00"
