# Everything a developer runs. `make test` needs only python3 (3.11 to 3.13) and make.

PYTHON ?= python3
MINUTES ?= 10
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
BENCHMARKS := $(VENV)/installed-benchmarks
UV_COMPILE = $(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-header --no-annotate

.PHONY: test train box fuzz bench-serving bench-training bench-releases audit lint format e2e local lock clean help

help:  ## show this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(INSTALLED): tests/requirements.txt
	$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11 to 3.13 is needed (TensorFlow has no newer wheels): make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r tests/requirements.txt
	touch $@

test: $(INSTALLED)  ## run the unit and contract tests
	$(BIN)/python -m pytest -q tests --ignore=tests/e2e $(ARGS)

fuzz: $(INSTALLED)  ## the fuzzers of the tests, MINUTES=10 each, with new dice every time
	FUZZ_SECONDS=$$(($(MINUTES) * 60)) $(BIN)/python -m pytest -q -rA tests/fuzz $(ARGS)

$(BENCHMARKS): $(INSTALLED) tests/benchmarks/requirements.txt
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r tests/benchmarks/requirements.txt
	touch $@

bench-serving: $(BENCHMARKS)  ## measure the inference service beside others, on Linux, 8 minutes
	$(BIN)/python -m tests.benchmarks.serving $(ARGS)

bench-training: $(INSTALLED)  ## measure drawing and training beside the library and the course's recipe, on Linux, 12 minutes
	$(BIN)/python -m tests.benchmarks.training $(ARGS)

bench-releases: $(INSTALLED)  ## read captchas that older releases draw, VERSION=models/captcha/1, with PyPI, 3 minutes
	$(BIN)/python -m tests.benchmarks.releases $(or $(VERSION),inference_service/box/0) $(ARGS)

lint: $(INSTALLED)  ## ruff (rules and format) and mypy strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

e2e: $(INSTALLED)  ## drive the real containers (needs Docker with Compose)
	$(BIN)/python -m pytest -q -rs tests/e2e $(ARGS)

local: $(INSTALLED)  ## run the three programs as plain processes, models in ./models; Ctrl-C stops all
	@echo "captchas at http://localhost:$${GENERATOR_PORT:-8000}/captcha.png," \
	  "answers at http://localhost:$${INFERENCE_PORT:-5000}/predict, Ctrl-C stops all"
	@$(BIN)/python -m generator_service & generator=$$!; \
	$(BIN)/python -m inference_service & inference=$$!; \
	GENERATOR_URL=http://127.0.0.1:$${GENERATOR_PORT:-8000} $(BIN)/python -m trainer & trainer=$$!; \
	trap 'kill $$trainer $$inference $$generator 2>/dev/null; wait' EXIT; \
	trap 'exit 0' INT TERM; \
	wait $$trainer || echo "training ended without a new version; older ones go on answering"; \
	wait

train:  ## train on your own captchas as well, DATA=folder of <label>_<anything>.png, ARGS="--captchas 0" for them alone
	@test -d "$(DATA)" || { echo "usage: make train DATA=folder, which holds <label>_<anything>.png"; exit 2; }
	docker compose run --rm --volume "$(abspath $(DATA)):/own:ro" trainer --folder /own $(ARGS)

box: $(INSTALLED)  ## keep a version as the model in the box, VERSION=models/captcha/<number>
	$(BIN)/python -m trainer.pack $(VERSION) inference_service/box/0

lock: $(INSTALLED)  ## compile the dependency groups of pyproject.toml: one resolution, with hashes
	$(BIN)/pip install -q uv
	$(UV_COMPILE) --group dev -o tests/requirements.txt
	$(UV_COMPILE) --group generator -c tests/requirements.txt -o generator_service/requirements.txt
	$(UV_COMPILE) --group inference -c tests/requirements.txt -o inference_service/requirements.txt
	$(UV_COMPILE) --group inference-gpu -c tests/requirements.txt -o inference_service/requirements-gpu.txt
	$(UV_COMPILE) --group trainer -c tests/requirements.txt -o trainer/requirements.txt
	$(UV_COMPILE) --group trainer-gpu -c tests/requirements.txt -o trainer/requirements-gpu.txt
	$(UV_COMPILE) --group benchmarks -c tests/requirements.txt -o tests/benchmarks/requirements.txt

# --strict: a package that the advisories could not be asked about counts as a failure.
audit: $(INSTALLED)  ## known holes in what is pinned, by PyPI's advisories (needs the internet)
	$(BIN)/pip install -q uv
	for lock in */requirements*.txt tests/*/requirements*.txt; do echo $$lock; $(BIN)/uv tool run pip-audit \
	  --strict --require-hashes --disable-pip -r $$lock || failed=1; done; test -z "$$failed"

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
