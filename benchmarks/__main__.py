"""Runs every benchmark, one after the other: ``python -m benchmarks [--short]``."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = ("kt_quality",)

if __name__ == "__main__":
    scripts = [Path(__file__).parent / f"{name}.py" for name in BENCHMARKS]
    codes = [subprocess.call([sys.executable, str(one), *sys.argv[1:]]) for one in scripts]
    sys.exit(max(codes))
