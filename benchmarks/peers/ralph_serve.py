"""Serves Ralph's record store on loopback, with files for its statements; see README.md."""

import json
import os
import sys
from pathlib import Path


def main(folder: Path, port: int) -> None:
    """Serve from a folder, to the user ``moodle`` with the password ``secret``."""
    import bcrypt

    known = {
        "username": "moodle", "hash": bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode(),
        "scopes": ["all"], "agent": {"mbox": "mailto:moodle@example.org"},
    }  # fmt: skip
    (folder / "auth.json").write_text(json.dumps([known]), "utf-8")
    os.environ |= {
        "RALPH_APP_DIR": str(folder),
        "RALPH_AUTH_FILE": str(folder / "auth.json"),
        "RALPH_RUNSERVER_BACKEND": "fs",
        "RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH": str(folder / "statements"),
    }
    import uvicorn
    from ralph.backends.data.base import BaseOperationType
    from ralph.backends.data.fs import FSDataBackend

    FSDataBackend.default_operation_type = BaseOperationType.APPEND
    uvicorn.run("ralph.api:app", port=port, log_level="warning")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
