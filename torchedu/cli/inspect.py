"""``torchedu inspect``: what a file is, and what opening it would need; nothing of it is built."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torchedu.cli.terminal import Terminal
from torchedu.parsing import run_functions
from torchedu.run_folder import RunFolder


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu inspect``."""
    run_functions(inspect, arguments, "inspect")


def inspect(file: str) -> None:
    """Say what a checkpoint, a run or an export is, and what opening it would need.

    It is read and checked as any command does. Nothing is imported, built or fetched for it.

    Args:
        file: A checkpoint, the folder of a run, or one that torchedu export wrote.
    """
    # torch is loaded only when there is something to inspect, not for help.
    from torchedu.checkpoints import open_checkpoint
    from torchedu.domains.building import is_own
    from torchedu.export import export_config, is_export, language_family
    from torchedu.permissions import is_trusted

    path = Path(file)
    family = language_family(path) if is_export(path) else None
    if family is not None:
        facts = dict(_of_language_model(path, family))
        classes = {}
    elif is_export(path):
        config = export_config(path)
        facts = dict(_of_export(path, config))
        classes = {
            "task": config["domain"],
            "network": _network(config["init_args"]).get("class_path"),
        }
    else:
        opened = open_checkpoint(path)
        facts = dict(_of_checkpoint(opened))
        net = _network(opened.hyper_parameters)
        classes = {"task": opened.content.get("task"), "network": net.get("class_path")}
    for noun, name in classes.items():
        module = str(name).rpartition(".")[0]
        own = is_own(module)
        trusted = "named by you" if is_trusted(module) else f"to be named: --trust {module}"
        facts[noun] = f"{name} ({'of torchedu' if own else trusted})"
    terminal = Terminal()
    width = max(map(len, facts))
    for noun, value in facts.items():
        terminal.print(f"{noun:{width}}  {value}")


def _of_checkpoint(opened: Any) -> Iterator[tuple[str, str]]:
    content, manifest = opened.content, opened.manifest
    yield "file", str(opened.file)
    trains = "optimizer_states" in content
    yield "what", "a checkpoint, from which training can go on" if trains else "weights alone"
    if manifest is None:
        yield "seal", "none: no torchedu wrote it as it is, or it was changed since"
    else:
        yield "seal", f"whole: its content is what was sealed as {manifest.name}"
        made = f"torchedu {manifest.torchedu}, torch {manifest.torch}"
        yield "written by", f"{made}, lightning {manifest.lightning} (it says so itself)"
    yield "step", f"{content['global_step']:,}, in epoch {content['epoch'] + 1:,}"
    weights = content["state_dict"].values()
    yield (
        "weights",
        f"{sum(tensor.numel() for tensor in weights):,} numbers in {len(weights):,} tensors",
    )
    companions = content.get("companions", {})
    yield from _names(companions.get("vocabulary", {}))
    given = _network(opened.hyper_parameters).get("init_args")
    source = given.get("source") if isinstance(given, Mapping) else None
    yield "needs", f"the weights of {source}" if source else "no other model"
    config = RunFolder.of_checkpoint(opened.file).config
    if RunFolder.has(opened.file) and config.is_file():
        yield "data", f"what {config} names, unless the words name other"


def _network(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    net = arguments.get("net")
    return net if isinstance(net, Mapping) else {}


def _of_export(path: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "file", str(path)
    yield "what", "a task that torchedu export wrote, its files as they were written"
    yield "written by", f"torchedu {config.get('torchedu')} (it says so itself)"
    yield "files", ", ".join(sorted(config["files"]))


def _of_language_model(path: Path, family: str) -> Iterator[tuple[str, str]]:
    yield "file", str(path)
    yield "what", "a language model as transformers keeps it; who wrote it is not told"
    yield "family", family
    yield "use it", f"--model.net.source {path} --data.tokenizer {path}"


def _names(vocabulary: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    if vocabulary:
        yield "names", ", ".join(f"{len(names):,} {kind}" for kind, names in vocabulary.items())
