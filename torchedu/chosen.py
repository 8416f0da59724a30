"""What the words of a command choose before they are parsed: recipes, the task, its network."""

from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from typing import Any

import yaml

from torchedu.errors import ConfigError, allowed
from torchedu.run_folder import RunFolder
from torchedu.tasks import KnowledgeTracing
from torchedu.tasks.base import Task

RECIPES = Path(__file__).parent / "recipes"
DEFAULT_TASK = KnowledgeTracing


def with_recipes(words: Sequence[str]) -> list[str]:
    """Replace the name of a recipe by its file."""
    known = {file.stem: str(file) for file in sorted(RECIPES.glob("*.yaml"))}
    out = list(words)
    for i, word in enumerate(out):
        option, _, value = word.partition("=")
        if option not in ("--config", "-c"):
            continue
        name = value or (out[i + 1] if i + 1 < len(out) else "")
        if name in known:
            out[i if value else i + 1] = f"{option}={known[name]}" if value else known[name]
        elif not Path(name).is_file():
            raise ConfigError(
                f"--config {name!r} is neither a file nor a recipe.", allowed(name, known)
            )
    return out


def chosen_task(words: Sequence[str]) -> type[Task]:
    """Return the task that the words, or a configuration file among them, name."""
    named = [str(model.get("class_path", "")) for model in _models(words)]
    for word, after in zip(words, [*words, ""][1:], strict=True):
        if word == "--model" or word.startswith("--model="):
            named.append(after if word == "--model" else word.removeprefix("--model="))
    kinds = {kind.__name__: kind for kind in subclasses(Task)}
    for name in reversed(named):
        module, _, kind = name.rpartition(".")
        if kind in kinds and (not module or module.split(".")[0] == "torchedu"):
            return kinds[kind]
        with suppress(ImportError, AttributeError, ValueError):
            own = getattr(import_module(module), kind)
            if isinstance(own, type) and issubclass(own, Task):
                return own
    return DEFAULT_TASK


def chooses_net(words: Sequence[str]) -> bool:
    """Say whether the words, or a configuration file among them, name a network."""
    options = [word.partition("=")[0] for word in words]
    return "--model.net" in options or any("net" in _init_args(model) for model in _models(words))


def with_net(words: Sequence[str], task: type[Task]) -> list[str]:
    """Name the task's usual network, right after the task, unless the words choose one."""
    if chooses_net(words):
        return list(words)
    net = [f"--model.net={task.usual['net']}"] if "net" in task.usual else []
    for i, word in enumerate(words):
        if word == "--model":
            return [*words[: i + 2], *net, *words[i + 2 :]]
        if word.startswith("--model="):
            return [*words[: i + 1], *net, *words[i + 1 :]]
    return [*net, *words]


def refuse_sizes(words: Sequence[str], task: type[Task]) -> None:
    """Refuse sizes of the data among the words, which would be of no effect.

    Raises:
        ConfigError: One is given.
    """
    options = {word.partition("=")[0].replace(".init_args.", ".") for word in words}
    for size in task.sizes:
        if f"--model.{size}" in options or any(size in _init_args(one) for one in _models(words)):
            raise ConfigError(
                f"model.{size} is given, which is not yours to choose: it is the data's.",
                "Leave it out; it is counted in what --data.path names.",
            )


def configurations(words: Sequence[str]) -> list[dict[str, Any]]:
    """Return what stands in each configuration file among the words, recipes by name included.

    Raises:
        ConfigError: One is no YAML.
    """
    found = []
    for word, after in zip(words, [*words, ""][1:], strict=True):
        option, equals, value = word.partition("=")
        if option not in ("--config", "-c"):
            continue
        file = value if equals else after
        file = str(RECIPES / f"{file}.yaml") if (RECIPES / f"{file}.yaml").is_file() else file
        try:
            content = yaml.safe_load(Path(file).read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"--config {file} is no YAML: {error}",
                f"Give a recipe or a run's {RunFolder.CONFIG}.",
            ) from None
        except OSError:
            continue  # told when the words are parsed
        if isinstance(content, dict):
            found.append(content)
    return found


def _models(words: Sequence[str]) -> list[dict[str, Any]]:
    """Return the section on the task of each configuration file among the words."""
    found = [one.get("model") for one in configurations(words)]
    return [model for model in found if isinstance(model, dict)]


def _init_args(model: dict[str, Any]) -> dict[str, Any]:
    return model.get("init_args") or {}


def subclasses(base: type) -> list[type]:
    """Return the concrete classes of a kind that torchedu holds, by name."""
    found: list[type] = [base]
    for kind in found:
        found.extend(set(kind.__subclasses__()) - set(found))
    ours = [kind for kind in found if kind.__module__.startswith("torchedu")]
    return sorted((kind for kind in ours if not isabstract(kind)), key=lambda kind: kind.__name__)
