#!/usr/bin/env bash
# Build Horovod for the torch of this environment, and install it: scripts/build_horovod.sh [PYTHON]
#
# Horovod's last release, 0.28.1, asks for C++14, which torch's headers no longer compile under. The
# source package from PyPI is built with the two lines that say so set to C++20, with Gloo. The wheel
# is kept in ~/.cache/torchedu (or TORCHEDU_CACHE), so that the next install takes seconds; the build
# takes some minutes and needs a C++ compiler and make. For NCCL: HOROVOD_GPU_OPERATIONS=NCCL.
# Horovod that is there and fits this torch is left as it is.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${1:-${PYTHON:-$root/.venv/bin/python}}"

version=0.28.1
sha256=92a43f5a94c43907a56805bad15f19700c62ffc83b7ca483f9e104e229f67ef0
# A wheel serves the torch that it was built against, and no other.
built_for="$("$python" -c 'import sys, torch
print(f"torch-{torch.__version__}-py{sys.version_info[0]}{sys.version_info[1]}")')"
operations="${HOROVOD_GPU_OPERATIONS:-none}"
cache="${TORCHEDU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/torchedu}/horovod/$built_for-gpu-$operations"

if "$python" -c 'import horovod.torch' >/dev/null 2>&1; then
    echo "Horovod is there already."
    exit 0
fi

if ! ls "$cache"/horovod-*.whl >/dev/null 2>&1; then
    build="$(mktemp -d)"
    trap 'rm -rf "$build"' EXIT
    echo "Building Horovod $version for $built_for, which takes some minutes ..."
    # CMake 4 refuses the Gloo that Horovod carries; setuptools 80 lacks what its setup.py calls.
    # Beside, not in, the environment, which keeps its own.
    "$python" -m pip install -qq --target "$build/tools" \
        "cmake==3.25.2" "setuptools<80" wheel cloudpickle psutil pyyaml packaging
    echo "horovod==$version --hash=sha256:$sha256" >"$build/source.txt"
    PYTHONPATH="$build/tools" "$python" -m pip download -qq --no-deps --no-build-isolation \
        --no-binary :all: --require-hashes --dest "$build" --requirement "$build/source.txt"
    tar --extract --gzip --file "$build/horovod-$version.tar.gz" --directory "$build"
    cd "$build/horovod-$version"
    sed -i 's/CMAKE_CXX_STANDARD 14/CMAKE_CXX_STANDARD 20/' CMakeLists.txt horovod/torch/CMakeLists.txt
    gpu="HOROVOD_WITHOUT_GPU=1"
    [ "$operations" = none ] || gpu="HOROVOD_GPU_OPERATIONS=$operations"
    if ! env "$gpu" PYTHONPATH="$build/tools" PATH="$build/tools/bin:$PATH" \
        MAKEFLAGS="${MAKEFLAGS:--j$(nproc)}" \
        HOROVOD_WITH_PYTORCH=1 HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 \
        HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_MXNET=1 \
        "$python" setup.py -q bdist_wheel >"$build/log.txt" 2>&1; then
        tail -n 40 "$build/log.txt"
        echo "Horovod could not be built; the last lines of its log stand above."
        echo "It needs a C++20 compiler and make (Debian and Ubuntu: apt-get install g++ make)."
        exit 1
    fi
    mkdir -p "$cache"
    mv dist/horovod-*.whl "$cache/"
fi

# --no-deps, so that nothing moves torch.
"$python" -m pip install -qq cloudpickle psutil pyyaml packaging
"$python" -m pip install -qq --no-deps --force-reinstall "$cache"/horovod-*.whl
echo "Horovod $version stands beside torch; its wheel is kept in $cache"
