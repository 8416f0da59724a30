"""Write which options and classes the commands know, for what looks at words before torch is there.

python scripts/known_words.py
"""

import inspect
import json
from pathlib import Path

from torchedu.parsing import class_options, option_names
from torchedu.run.config import parser_of
from torchedu.run.words import subclasses
from torchedu.tasks import Task

FILE = Path(__file__).parents[1] / "torchedu" / "cli" / "known_words.json"


def known_words() -> dict[str, dict[str, list[str]]]:
    """Return the options and the names of classes, of training and of trained networks.

    Options stand as they are suggested: a parser's own before its classes'. Networks stand by
    task, under ``model.net of TASK``; arguments that the data gives, and no user, under ``sizes``.
    """
    words: dict[str, dict[str, dict[str, None]]] = {}
    asked = [("fit", task.__name__) for task in subclasses(Task)]
    for command, task in [*asked, ("test", ""), ("predict", "")]:
        parser = parser_of(command, [f"--model={task}"] if task else [])
        known = words.setdefault(command, {"options": {}, "sizes": {}})
        classes = parser.classes
        names = [*option_names(parser), *class_options(classes)]
        known["options"] |= dict.fromkeys(names)
        for option, kinds in classes.items():
            of = f"{option} of {task}" if option == "model.net" else option
            known.setdefault(of, {}).update(dict.fromkeys(kind.__name__ for kind in kinds))
            arguments = {name for kind in kinds for name in inspect.signature(kind).parameters}
            sizes = {f"{option}.{name}" for name in arguments} - set(names)
            known["sizes"] |= dict.fromkeys(sorted(sizes))
    for command in ("test", "predict"):
        words[command]["sizes"]["ckpt_path"] = None  # which they take before they parse
    return {
        command: {name: list(values) for name, values in known.items()}
        for command, known in words.items()
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(known_words(), indent=0) + "\n", "utf-8")
