"""``torchedu completion``: what a shell offers while a command is typed, without torch."""

from collections.abc import Sequence

from torchedu.cli import COMMANDS, PERMISSIONS, THREADS
from torchedu.cli.first_words import CHECKED, CONFIGS, words_known
from torchedu.errors import ConfigError, allowed
from torchedu.parsing import RECIPES

SCRIPTS = {
    "bash": """_torchedu() {
    local IFS=$'\\n'
    COMPREPLY=($(torchedu completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _torchedu torchedu
""",
    "zsh": """_torchedu() {
    local -a offered
    offered=("${(@f)$(torchedu completion words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n "$offered" ]] && compadd -a offered || _files
}
compdef _torchedu torchedu
""",
    "fish": """complete -c torchedu -a '(torchedu completion words (commandline -opc)[2..] \
    (commandline -ct) 2>/dev/null)'
""",
}
"""What each shell is to run at its start."""
HOW = {
    "bash": 'eval "$(torchedu completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(torchedu completion zsh)" in ~/.zshrc, after compinit',
    "fish": "torchedu completion fish | source in ~/.config/fish/config.fish",
}


def main(arguments: Sequence[str]) -> None:
    """Print a shell's script; or, after ``words``, what may stand in place of the last word."""
    if arguments and arguments[0] == "words":
        print("\n".join(offered(arguments[1:])))
        return
    shell = arguments[0] if arguments else ""
    if shell in ("", "-h", "--help"):
        lines = [f"  {name:5}  {how}" for name, how in HOW.items()]
        print("\n".join(["usage: torchedu completion SHELL", "", *lines]))
        return
    if shell not in SCRIPTS:
        raise ConfigError(f"no completion is known for {shell!r}.", allowed(shell, SCRIPTS))
    print(SCRIPTS[shell], end="")


def offered(words: Sequence[str]) -> list[str]:
    """Return what may stand in place of the last word; nothing where a path is meant.

    Args:
        words: The words after ``torchedu`` up to the one that is typed, which may be empty.
    """
    *before, last = words or [""]
    if not before:
        return _begin([*COMMANDS, *THEIR_OWN], last)
    command, option = before[0], before[-1]
    if command not in CHECKED:
        return _begin(EVERYWHERE, last) if last else []
    known = words_known(command)
    if option in CONFIGS and command == "fit":
        return _begin(sorted(file.stem for file in RECIPES.glob("*.yaml")), last)
    kinds = [key for key in known if key.partition(" ")[0] == option[2:]]
    values = {name for key in kinds for name in known[key]}
    if option.startswith("--") and values:
        return _begin(sorted(values), last)
    if last.startswith("-"):
        return _begin([*(f"--{name}" for name in known["options"]), *EVERYWHERE], last)
    return []


THEIR_OWN = ("--help", "--version")
EVERYWHERE = [name.partition(" ")[0] for name in PERMISSIONS | THREADS]


def _begin(names: Sequence[str], with_: str) -> list[str]:
    return [name for name in names if name.startswith(with_)]
