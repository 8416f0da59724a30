"""Makes the virtual environment of a library that torchedu is compared with, on first use."""

import shutil
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent
CONSTRAINTS = PEERS.parent.parent / "constraints.txt"


def interpreter(peer: str, torch: bool = True) -> Path:
    """Return the Python of a peer's environment, which is made or made again where it has to be.

    Args:
        peer: The name in ``requirements-<peer>.txt``.
        torch: Whether it needs torch, which then comes first.

    Returns:
        The interpreter of ``.venv-<peer>``.

    Raises:
        RuntimeError: The environment cannot be made; the message says which step failed.
    """
    requirements = PEERS / f"requirements-{peer}.txt"
    folder = PEERS / f".venv-{peer}"
    python = folder / "bin" / "python"
    stamp = folder / "made-from.txt"  # last, so that a half-made environment is made again
    wanted = f"{sys.version}\n{CONSTRAINTS.read_text('utf-8')}{requirements.read_text('utf-8')}"
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return python
    print(f"Making {folder.name}, once; this takes a minute or two ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    steps = [
        [sys.executable, "-m", "venv", str(folder)],
        *([[*pip, "--constraint", str(CONSTRAINTS), "torch"]] if torch else []),
        [*pip, "--no-deps", "--requirement", str(requirements)],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(step)}\n{done.stderr.strip()[-500:]}")
    stamp.write_text(wanted, "utf-8")
    return python
