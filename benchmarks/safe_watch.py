"""What a command writes, removes or connects to, whoever does it: a log of strace."""

import re
from pathlib import Path

CALLS = (
    "open,openat,creat,unlink,unlinkat,rmdir,rename,renameat,renameat2,mkdir,mkdirat,symlink,"
    "symlinkat,link,linkat,truncate,connect,chmod,fchmodat"
)


OPENED = re.compile(r"\bopen(?:at)?\(.*O_(?:WRONLY|RDWR|CREAT|TRUNC).*= \d+<(.*)>$")
"""Opened for writing; what it came to, whatever links led there."""
NAMED = re.compile(r'(?:\d+|AT_FDCWD)?(?:<([^>]*)>)?(?:, )?"((?:[^"\\]|\\.)*)"')
"""A path, and the folder that it is seen from where the call names one."""


def written(log: Path, allowed: tuple[str, ...], home: Path) -> list[str]:
    """Return what a log of strace says was written or removed elsewhere, or connected to.

    Args:
        log: The log, in which strace named what numbers of files stand for.
        allowed: What paths may begin with.
        home: Where the process stands.
    """
    found = []
    for line in log.read_text("utf-8", "replace").splitlines():
        if "connect(" in line:  # one that is refused was tried
            found += [] if "AF_UNIX" in line or "resumed>" in line else [line[:200]]
            continue
        if " = -1 " in line or "resumed>" in line:
            continue
        paths = [home / folder / name for folder, name in NAMED.findall(line)]
        if re.search(r"\bopen(at)?\(", line):
            if not re.search("O_(WRONLY|RDWR|CREAT|TRUNC)", line):
                continue
            opened = OPENED.search(line)
            places = [Path(opened[1])] if opened else [one.resolve() for one in paths]
        else:  # an entry of a folder; of a new link, not what it points to
            paths = paths[-1:] if "symlink" in line else paths
            places = [one.parent.resolve() / one.name for one in paths]
        if not all(str(one).startswith(allowed) for one in places):
            found.append(line[:200])
    return found


def watching(log: Path, words: list[str]) -> list[str]:
    """Return the words of a command under strace, stopped at these calls alone."""
    watch = f"strace -f -y --seccomp-bpf -qq -s 200 -e trace={CALLS} -e signal=none -o"
    return [*watch.split(), str(log), *words]
