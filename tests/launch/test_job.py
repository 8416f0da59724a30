"""What can be a job, and what is said of what cannot."""

import os
from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.launch.job import Job, checksum

CPU = ("--trainer.accelerator", "cpu")


def test_the_words_stand_as_they_were_given_and_the_job_adds_its_own() -> None:
    words = ("--config", "dkt", "--run=runs/x", "--model.lr", "-0.1", *CPU)
    assert Job(words, nodes=2, devices=4).training() == [
        *("torchedu", "fit", *words, "--trainer.num_nodes", "2"),
        *("--trainer.devices", "4", "--resume", "auto"),
    ]
    own = ("--run", "x", "--resume", "auto", "--trainer.devices=4", "--trainer.num_nodes", "1")
    assert Job(own, devices=4).training() == ["torchedu", "fit", *own, "--resume", "auto"]
    words = ("--run", "x", "--trainer.devices", "auto")  # as many as a process sees: not the job's
    assert Job(words, devices=4).training()[6:] == [
        *("--trainer.num_nodes", "1", "--trainer.devices", "4", "--resume", "auto")
    ]


def test_what_configurations_say_counts_and_later_words_come_before_it(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("trainer: {accelerator: cpu, devices: 2}\nrun: runs/Ours 1\n", "utf-8")
    job = Job(("--config", str(file)), devices=2)
    assert job.on_cpu
    assert job.called == "ours-1"
    assert not Job(("--config", str(file), "--trainer.accelerator", "gpu"), devices=2).on_cpu
    file.write_text("trainer: {devices: auto, num_nodes: 1}\nrun: x\n", "utf-8")
    own = Job(("--config", str(file)), nodes=2, devices=4)  # of a run on other devices
    assert own.training()[4:8] == ["--trainer.num_nodes", "2", "--trainer.devices", "4"]
    nested = "data: {class_path: Interactions, init_args: {path: a.csv}}\n"
    file.write_text(f"{nested}run: x", "utf-8")
    assert Job(("-c", str(file))).given["data.path"] == "a.csv"


@pytest.mark.parametrize(
    ("words", "options", "said"),
    [
        ((), {}, ["folder of its run", "run FOLDER"]),
        (("--run", "x", "--resume", "runs/y"), {}, ["runs/y", "init_from"]),
        (("--run", "x", "--trainer.devices", "2"), {}, ["devices is 2 among", "of the job 1"]),
        (
            ("--run", "x", "--trainer.num_nodes=3"),
            {"nodes": 2},
            ["num_nodes is 3 among", "nodes of the job 2"],
        ),
        (("--run", "x"), {"nodes": 0}, ["nodes is 0", "at least 1"]),
        (("--run", "x"), {"devices": -1}, ["devices is -1"]),
        (("--run", "x"), {"free_gib": float("nan")}, ["free_gib is nan"]),
        (("--run", "x"), {"restarts": -1}, ["restarts is -1"]),
        (("--run", "x"), {"time": "soon"}, ["time is 'soon'", "8h"]),
        (("--run", "x"), {"time": "0"}, ["time is '0'"]),
        (("--run", "x"), {"time": "-5"}, ["time is '-5'"]),
        (("--run", "x"), {"name": "Ünser Lauf"}, ["name is 'Ünser Lauf'", "small letters"]),
        (("--run", "学習"), {}, ["name is ''"]),
        (("--run", "x", "--config", "nothing"), {}, ["neither a file nor a recipe"]),
    ],
)
def test_what_can_be_no_job_is_told(
    words: tuple[str, ...], options: dict[str, int], said: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        Job(words, **options)  # type: ignore[arg-type]
    assert all(text in str(error.value) for text in said), str(error.value)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("", None), ("90", 5400), ("8h", 28800), ("1d12h", 129600), ("1h30m", 5400), (" 5m ", 300)],
)
def test_a_time_is_read_as_people_write_it(time: str, seconds: int | None) -> None:
    assert Job(("--run", "x"), time=time).seconds == seconds


def test_a_checksum_tells_data_from_other_data_wherever_it_stands(
    class_store: Path, tmp_path: Path
) -> None:
    folder, other = tmp_path / "a", tmp_path / "b"
    for place in (folder, other):
        (place / "sub").mkdir(parents=True)
        (place / "sub" / "x.csv").write_bytes(b"abc")
    assert checksum(folder) == checksum(other)
    for place in (folder, other):
        Path(os.fsdecode(os.fsencode(place) + b"/caf\xe9.csv")).touch()  # a name that is no UTF-8
    assert checksum(folder) == checksum(other)
    (other / "sub" / "x.csv").write_bytes(b"abd")
    assert checksum(folder) != checksum(other)
    assert checksum(folder / "sub" / "x.csv") != checksum(other / "sub" / "x.csv")
    assert len(checksum(class_store)) == 64


def test_of_a_store_its_manifest_and_sizes_are_read(class_store: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy.store"
    shutil.copytree(class_store, copy)
    assert checksum(copy) == checksum(class_store)
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"', "' ", 1), "utf-8")
    assert checksum(copy) != checksum(class_store)
