"""What a command takes, as much of it as is asked for: the usual, one part, or all."""

from collections.abc import Sequence
from typing import Any

from torchedu.bounded import parse_yaml
from torchedu.cli.first_words import CHECKED, HELP, words_known
from torchedu.errors import ConfigError, allowed
from torchedu.parsing import RECIPES, describe

ALL = "all"
GROUPS = ("data", "model", "trainer", "early_stopping", "save", "gradients", "hung_rank")

_DATA = {
    "--data.path FILE": "a file, a folder or a store; the format is found (torchedu data check)",
    "--data.columns MAP": "headings by torchedu's names: '{student: uid, correct: mark}'",
}
_WHERE = {
    "--trainer.devices N": "of which --trainer.accelerator names the kind: cpu, gpu, auto",
    "--trainer.strategy NAME": "how they share the work: ddp, fsdp, tensor, pipeline, ...",
}
_USED = {
    **_DATA,
    "--run FOLDER": "where results go; a folder of the run's own where it is not given",
    "--format csv": "of tables: parquet or csv",
    "--data.batch_size N": "windows or texts at once",
    **_WHERE,
}
USUAL = {
    "fit": {
        "--config RECIPE": "the task, its network and settings; a name below, or a file",
        **_DATA,
        "--run FOLDER": "where results go: a report, scores, checkpoints (runs/version_N)",
        "--model.net NAME": "another network, such as DKT; --model.net.dim 64 and the like",
        "--model.lr NUMBER": "the learning rate",
        "--data.batch_size N": "windows or texts in a step, over all devices",
        "--trainer.max_epochs N": "passes over the training part",
        **_WHERE,
        "--log PROGRAM": "log to wandb, mlflow or tensorboard too",
        "--resume auto": "go on with the run in --run, where it has begun",
        "--seed_everything N": "of weights and dropout; --data.seed N of parts and order",
    },
    "test": _USED,
    "predict": {
        **_USED,
        "--pages true": "a page a class and a page a student (a text, a lesson) as well",
        "--student NAME": "knowledge tracing: this student alone, and what to do next",
        "--questions FILE": "knowledge tracing: items to be asked of every student, a CSV file",
    },
}
"""The options that people use, by command."""


def manual(command: str, words: Sequence[str]) -> str | None:
    """Return the help that words ask for; None where they ask for none.

    Args:
        command: ``fit``, or a command on a trained network.
        words: The words after it. What follows ``--help`` is a part: ``all``, a group of options, a
            recipe, or a class.

    Raises:
        ConfigError: There is no such part.
    """
    at = next((place for place, word in enumerate(words) if word in HELP), None)
    if at is None or command not in CHECKED:
        return None
    part = words[at + 1] if at + 1 < len(words) else ""
    if not part or part.startswith("-"):
        return _usual(command)
    recipes = {file.stem: file for file in RECIPES.glob("*.yaml")}
    fits = command == "fit"
    if fits and part in recipes:
        return _recipe(part, recipes[part].read_text("utf-8"))
    # What follows imports what trains, to read the options of all classes.
    from torchedu.run.config import parser_of

    if part == ALL:
        return parser_of(command).format_help()
    groups = GROUPS if fits else ("data", "trainer")
    if part in groups:
        return _group(parser_of(command).format_help(), part)
    classes: dict[str, tuple[str, type]] = {}
    for task in words_known("fit")["model"] if fits else ():
        for option, kinds in parser_of("fit", [f"--model={task}"]).classes.items():
            classes |= {kind.__name__: (option, kind) for kind in kinds}
    if part in classes:
        option, kind = classes[part]
        return describe({option: [kind]}, {})
    known = [ALL, *groups, *(sorted(recipes) if fits else ()), *sorted(classes)]
    raise ConfigError(f"there is no help on {part!r}.", allowed(part, known))


def _usual(command: str) -> str:
    fits = command == "fit"
    options = USUAL[CHECKED[command]]
    recipes = ", ".join(sorted(file.stem for file in RECIPES.glob("*.yaml")))
    what = "[OPTIONS]" if fits else "RUN [OPTIONS]"
    parts = "all, data, model, trainer, a recipe, or a class" if fits else "all, data or trainer"
    lines = [
        f"usage: torchedu {command} {what}",
        "",
        *(f"  {name:{max(map(len, options))}}  {purpose}" for name, purpose in options.items()),
        "",
        *([*_folded(f"Recipes: {recipes}."), ""] if fits else []),
        f"More: torchedu {command} --help PART, where PART is {parts}.",
    ]
    return "\n".join(lines)


def _folded(text: str, width: int = 88) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append(" ")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines


def _group(text: str, group: str) -> str:
    """Return the entries of a whole help that belong to a group of options."""
    kept, takes = [], False
    for line in text.splitlines():
        words = line.split()
        deep = len(line) - len(line.lstrip())
        if words and words[0].startswith("--") and deep < 4:
            takes = words[0] == f"--{group}" or words[0].startswith(f"--{group}.")
        elif not words or deep == 0:
            takes = False
        if takes:
            kept.append(line)
    return "\n".join(kept)


def _recipe(name: str, text: str) -> str:
    """Return what a recipe is, and the options of its classes with its own values."""
    from torchedu.run.config import parser_of

    content = parse_yaml(text)
    flat = dict(_flat(content))
    chosen = {
        option.removesuffix(".class_path"): str(value)
        for option, value in flat.items()
        if option.endswith("class_path")
    }
    classes = {}
    parser = parser_of("fit", [f"--model={chosen.get('model', 'KnowledgeTracing')}"])
    for option, kinds in parser.classes.items():
        short = chosen.get(option, "").rpartition(".")[2]
        classes[option] = [kind for kind in kinds if kind.__name__ == short]
    title = text.splitlines()[0].lstrip("# ")
    mine = tuple(f"{option}." for option in classes)
    others = [
        f"--{option} {value}" for option, value in flat.items() if not option.startswith(mine)
    ]
    return "\n".join([title, "", *others, *([""] if others else []), describe(classes, flat)])


def _flat(content: Any, above: str = "") -> list[tuple[str, object]]:
    """Return the values of a configuration by the dotted names of options."""
    if not isinstance(content, dict):
        return [(above, content)]
    pairs = []
    for name, value in content.items():
        here = above if name == "init_args" else f"{above}.{name}".strip(".")
        pairs += _flat(value, here)
    return pairs
