"""A run packed for somebody else, without students' names, their marks and this machine's paths."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torchedu.bounded import parse_json, parse_yaml, yaml_text
from torchedu.checkpoints import VerifiedCheckpointIO, open_checkpoint
from torchedu.companions import KEY, Companions
from torchedu.errors import ConfigError, DataError, MissingExtraError
from torchedu.files import scratch, write_whole
from torchedu.privacy.results import names_in
from torchedu.report import write_report
from torchedu.run_folder import RunFolder
from torchedu.tasks import Task, open_task

CONTENT = (
    *("state_dict", "hyper_parameters", "hparams_name", "task", "domain"),
    *("epoch", "global_step", "pytorch-lightning_version"),
)
"""What of a checkpoint opens a network; what stands beside its weights comes to it."""
EVALUATION = (
    *("task", "use_for", "not_for", "split", "counts", "columns", "scores", "origin", "lower"),
    *("best", "lead", "surely", "sure", "next", "terms"),
)
"""What is handed on of scores: numbers of the whole part alone."""
LEFT_OUT = {
    "data": ("path", "features", "columns", "groups", "options", "out"),
    "trainer": ("default_root_dir", "logger", "callbacks", "plugins", "profiler"),
    "": ("run", "log", "resume", "resume_with", "init_from", "config", "ckpt_path"),
}
"""Words of a configuration that say where things stand here, by section."""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class Shared(NamedTuple):
    """What was packed.

    Attributes:
        folder: Where.
        files: Its files.
        left_out: What of the run is not in it, and why; a line each.
    """

    folder: Path
    files: list[Path]
    left_out: list[str]


def share(run: str | Path, out: str | Path) -> Shared:
    """Pack a run for somebody who is to use its network on data of their own.

    The pack is a run's folder: the best checkpoint without what training alone needs, the
    configuration, the names of what the network knows (items, skills, courses, tags), the learning
    curves, and scores and report without sections on people and groups. Students' names and
    digests, predictions, the names of data files and paths stay here.

    Args:
        run: The run's folder.
        out: The folder to make.

    Returns:
        What was packed.

    Raises:
        CheckpointError: The run has no checkpoint that can be used.
        ConfigError: Something stands at ``out``.
    """
    source, target = RunFolder(Path(run)), Path(out)
    opened = open_checkpoint(source.path)
    if target.exists():
        raise ConfigError(f"{target} exists.", "Name a folder that does not: ⟦out⟧ FOLDER.")
    source = RunFolder.of_checkpoint(opened.file)
    left_out = []
    companions = _known_to_weights(open_task(opened))
    content = {name: opened.content[name] for name in CONTENT if name in opened.content}
    if companions is not None:
        content[KEY] = companions.content()
    needed = _paths_in(content["hyper_parameters"])
    content["hyper_parameters"] = _without_paths(content["hyper_parameters"])
    if needed and companions is not None and companions.base is not None:
        left_out.append(f"the model that its additions belong to: {', '.join(map(_last, needed))}")
    with scratch(target) as made:
        pack = RunFolder(made / target.name)  # which the report is headed by
        pack.checkpoints.mkdir(parents=True)
        VerifiedCheckpointIO().save_checkpoint(content, pack.best)
        if companions is not None:
            companions.write(pack.companions)
        if source.config.is_file():
            words = _words(parse_yaml(source.config.read_text("utf-8")))
            write_whole(pack.config, yaml_text(words).encode())
        if source.metrics.is_file():
            write_whole(pack.metrics, source.metrics.read_bytes())
        if source.evaluation.is_file():
            scores, gone = _scores(source)
            _write(pack.evaluation, scores)
            left_out += [f"the section {title!r}, which shows people" for title in gone]
        try:
            write_report(pack.path)
        except (MissingExtraError, DataError) as error:
            left_out.append(f"a report: {error.problem}")
        if companions is not None and companions.vocabulary.groups:
            names = ", ".join(companions.vocabulary.groups)
            left_out.append(f"no name of the attributes that its weights belong to: {names}")
        pack.path.rename(target)
    files = sorted(file for file in target.rglob("*") if file.is_file())
    return Shared(target, files, left_out)


def _known_to_weights(task: Task) -> Companions | None:
    """Return what weights belong to, without the groups and thresholds that scores are told by."""
    if task.companions is None:
        return None
    kept = task.companions.bound(tuple(k for k, size in task.binds.items() if size), task.fixed)
    tokenizer = None if kept.tokenizer is None else dict(_without_paths(kept.tokenizer))
    return replace(kept, tokenizer=tokenizer, thresholds=None)


def _scores(source: RunFolder) -> tuple[dict[str, Any], list[str]]:
    """Return the scores of a run without people, and the titles of sections that show some."""
    evaluation = parse_json(source.evaluation.read_text("utf-8"))
    names = names_in(source.path)
    shown = [
        section
        for section in evaluation.get("sections", ())
        if not section.get("private") and names.isdisjoint(_texts_of(section))
    ]
    gone = [section["title"] for section in evaluation.get("sections", ()) if section not in shown]
    kept = {name: evaluation[name] for name in EVALUATION if name in evaluation}
    return {**kept, "data": "the data of the run", "sections": shown}, gone


def _words(config: Any) -> dict[str, Any]:
    """Return a configuration without where things stand here."""
    words = {k: v for k, v in config.items() if k not in LEFT_OUT[""]}
    for section, names in LEFT_OUT.items():
        given = words.get(section)
        if isinstance(given, dict):
            inside = given.get("init_args") if section == "data" else given
            words[section] = {k: v for k, v in given.items() if k not in names}
            if section == "data" and isinstance(inside, dict):
                words[section]["init_args"] = {k: v for k, v in inside.items() if k not in names}
    return dict(_without_paths(words))


def _without_paths(value: Any) -> Any:
    """Return plain values in which a path of this machine is its last name."""
    if isinstance(value, str):
        return _last(value) if _is_path(value) else _json_without_paths(value)
    if isinstance(value, Mapping):
        return {key: _without_paths(item) for key, item in value.items()}
    return [_without_paths(item) for item in value] if isinstance(value, list) else value


def _json_without_paths(text: str) -> str:
    """Return a text as it is, but for paths in what is an object of JSON, as tokenizers keep it."""
    if not text.startswith("{"):
        return text
    try:
        held = parse_json(text)
    except ValueError:
        return text
    cleaned = _without_paths(held)
    return text if cleaned == held else json.dumps(cleaned, ensure_ascii=False)


def _is_path(text: str) -> bool:
    if not re.search(r"[/\\]", text) or "\n" in text or text.startswith("{"):
        return False
    if text[0] in "/~." or re.match(r"[A-Za-z]:\\", text):
        return True
    try:
        return Path(text).exists() or not (_HUB_NAME.fullmatch(text) or " " in text)
    except OSError:  # too long for one
        return False


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _paths_in(value: Any) -> list[str]:
    return [text for text in _texts_of(value) if _is_path(text)]


def _texts_of(value: Any) -> set[str]:
    """Return all texts in plain values."""
    if isinstance(value, str):
        return {value}
    inside = value.values() if isinstance(value, Mapping) else value
    held = isinstance(value, Mapping | list)
    return set().union(*map(_texts_of, inside)) if held else set()


def _write(file: Path, value: Any) -> None:
    write_whole(file, json.dumps(value, ensure_ascii=False, indent=1).encode())
