#!/usr/bin/env bash
# Run the tests with other versions than the pinned ones: scripts/test_versions.sh lowest|newest
#
# "lowest" is the lowest version of everything that pyproject.toml declares, "newest" what an index
# has today within those bounds. Each is made in an environment of its own, .venv-lowest or
# .venv-newest, by uv, whose variables hold here: UV_TORCH_BACKEND=cpu spares the gigabytes of CUDA.
# PYTHON names another Python than the one that is found; PYTEST_ADDOPTS adds options and tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

which=${1:?"lowest or newest"}
case "$which" in
lowest) resolution=lowest-direct ;;
newest) resolution=highest ;;
*) echo "$which is neither lowest nor newest." >&2; exit 2 ;;
esac
folder=.venv-$which
python=$folder/bin/python

# Made again where the declared versions have changed since.
if [ ! -e "$folder/installed" ] || [ pyproject.toml -nt "$folder/installed" ]; then
    "${PYTHON:-python3}" -m venv --clear "$folder"
    "$python" -m pip install -qq "uv>=0.9"
    extras=()
    for extra in dev plots track tune language privacy audio images spreadsheets onnx serve; do
        extras+=(--extra "$extra")
    done
    "$folder/bin/uv" pip compile -q --python "$python" --resolution "$resolution" "${extras[@]}" \
        pyproject.toml --output-file "$folder/versions.txt"
    "$folder/bin/uv" pip install -q --python "$python" --requirement "$folder/versions.txt"
    "$folder/bin/uv" pip install -q --python "$python" --no-deps --no-build-isolation --editable .
    touch "$folder/installed"
fi
"$python" -m pytest -n 2 --dist loadfile -m "not gpu and not service and not browser"
