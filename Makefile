# Everything a developer runs. `make test` needs only python3 (3.11 to 3.13) and make.

PYTHON ?= python3
MINUTES ?= 10
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
BENCHMARKS := $(VENV)/installed-benchmarks
BROWSER := $(VENV)/installed-browser
MUTATION := $(VENV)/installed-mutation
BUNDLED := shared/bundled/0
PYTEST = $(BIN)/python -m pytest -q
UV_COMPILE = $(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-header --no-annotate

.PHONY: help test test-slow e2e e2e-swarm lint format local train label base bundle fuzz bench-serving bench-batch \
	bench-training bench-releases bench-designs bench-capacity mutation-test audit-packages audit-captcha sbom \
	course lock clean

help:  ## show this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(INSTALLED): tests/requirements.txt
	$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11 to 3.13 is required (TensorFlow has no newer wheels): run make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r tests/requirements.txt
	touch $@

# Workers run whole files, because most files share a fixture that is expensive to create.
test: $(INSTALLED)  ## run the fast tests, in random order, on WORKERS=2 processes
	$(PYTEST) -n $(WORKERS) --dist loadfile -m "not slow" tests --ignore-glob='tests/e2e*' $(ARGS)

# One process: these tests measure memory, kill processes or train for a minute.
test-slow: $(INSTALLED)  ## run the slow tests
	$(PYTEST) -m slow tests --ignore-glob='tests/e2e*' $(ARGS)

$(BROWSER): $(INSTALLED) tests/e2e/requirements.txt
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r tests/e2e/requirements.txt
	touch $@

e2e: $(BROWSER)  ## test the containers and the page (needs Docker with Compose, and chromium)
	# In the order of the files: the fixtures of the session start with empty volumes.
	$(PYTEST) -rs -p no:randomly tests/e2e $(ARGS)

e2e-swarm: $(INSTALLED)  ## test the stack on three engines of this machine, 10 minutes (needs root and Docker)
	$(PYTEST) -rs -p no:randomly tests/e2e_swarm $(ARGS)

$(MUTATION): $(INSTALLED) tests/requirements-mutation.txt
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r tests/requirements-mutation.txt
	touch $@

mutation-test: $(MUTATION)  ## test 200 random mutants of shared/ and the trainer, 30 minutes
	$(BIN)/python -m tests.mutation --workers $(WORKERS) $(ARGS)

lint: $(INSTALLED)  ## check rules, format, types, imports and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

format: $(INSTALLED)  ## fix rules and format with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

local: $(INSTALLED)  ## run the three programs as plain processes, models in ./models; Ctrl-C stops them
	@echo "captchas: http://localhost:$${GENERATOR_PORT:-8000}/captcha.png," \
	  "predictions: http://localhost:$${INFERENCE_PORT:-5000}/predict, Ctrl-C stops all programs"
	@export GENERATOR_URL=http://127.0.0.1:$${GENERATOR_PORT:-8000}; \
	$(BIN)/python -m generator_service & generator=$$!; \
	$(BIN)/python -m inference_service & inference=$$!; \
	$(BIN)/python -m trainer & trainer=$$!; \
	trap 'kill $$trainer $$inference $$generator 2>/dev/null; wait' EXIT; \
	trap 'exit 0' INT TERM; \
	wait $$trainer || echo "the training published no version; the active version is unchanged"; \
	wait

# Absolute paths, by the shell: functions of make split a path at its spaces.
DATA_PATH = $$(CDPATH= cd -- "$(DATA)" && pwd)
CONFIG_PATH = $$(CDPATH= cd -- "$$(dirname -- "$(CONFIG)")" && pwd)/$$(basename -- "$(CONFIG)")

train:  ## train on your own images, DATA=folder of <label>_<anything>.png
	@test -d "$(DATA)" || { echo "usage: make train DATA=folder, a folder of <label>_<anything>.png"; exit 2; }
	docker compose run --rm --volume "$(DATA_PATH):/images:ro" trainer --image-folder /images $(ARGS)

# The container's user cannot write to a folder of yours, so the copies come out as a stream. A pipe would
# hide a failure, so there is an archive in between.
label:  ## label your own images that have no labels, DATA=folder OUT=new-folder ARGS="--charset abc123 --length 5"
	@test -d "$(DATA)" && test -n "$(OUT)" || { echo "usage: make label DATA=folder OUT=new-folder"; exit 2; }
	@test ! -e "$(OUT)" || { echo "OUT=$(OUT) exists; nothing was labelled"; exit 2; }
	@mkdir -p "$(OUT)" && archive=$$(mktemp) && trap 'rm -f "$$archive"; rmdir "$(OUT)" 2>/dev/null' EXIT && \
	trap 'exit 130' INT TERM && \
	docker compose run --rm --no-deps -T --volume "$(DATA_PATH):/images:ro" --entrypoint sh trainer \
	  -c 'out=$$(mktemp -d -p /data) && trap "rm -r $$out" EXIT && \
	    python -m trainer label /images --out $$out/labelled "$$@" >&2 && tar -c -C $$out/labelled .' \
	  label $(ARGS) > "$$archive" && tar -x --no-same-owner -C "$(OUT)" -f "$$archive" && \
	echo "labelled images: $(OUT)"

course:  ## run all steps of the course, in at most 12 minutes, or FULL=1 with its own sizes, in hours
	docker compose run --rm trainer course all $(if $(FULL),--size full) $(ARGS)

# The container's user cannot write to a folder of yours, so the report is copied out as a stream.
# Docker Compose has the status 1 too, so the report must also be newer than the start of the audit, with
# a minute for the clock of a virtual machine.
audit-captcha:  ## measure how breakable captchas are, ARGS="--style classic" [DATA=images] [CONFIG=file.toml] [OUT=folder]
	@test -z "$(DATA)" || test -d "$(DATA)" || { echo "DATA=$(DATA) is not a folder"; exit 2; }
	@test -z "$(CONFIG)" || test -f "$(CONFIG)" || { echo "CONFIG=$(CONFIG) is not a file"; exit 2; }
	@status=0; started=$$(($$(date +%s) - 60)); docker compose run --rm \
	  $(if $(DATA),--volume "$(DATA_PATH):/images/$$(basename "$(DATA_PATH)"):ro") \
	  $(if $(CONFIG),--volume "$(CONFIG_PATH):/audit.toml:ro") trainer audit \
	  $(if $(DATA),--image-folder "/images/$$(basename "$(DATA_PATH)")") \
	  $(if $(CONFIG),--config /audit.toml) $(ARGS) || status=$$?; \
	if [ -n "$(OUT)" ] && [ $$status -lt 2 ]; then \
	  mkdir -p "$(OUT)" && docker compose run --rm --no-deps -T --entrypoint sh trainer \
	    -c 'report=$$(ls -td /models/audits/*/ | head -1); test "$$(stat -c %Y "$$report")" -ge '$$started' \
	      && tar -c -C "$$report" .' | tar -x -C "$(OUT)" \
	    || { echo "no report was copied: none on the models volume is of this audit" >&2; status=2; }; \
	fi; exit $$status

# A project of its own, so that its captchas and versions stay apart from those of `docker compose up`.
BASE := CAPTCHA_CHARSET=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz \
	CAPTCHA_LENGTH=8 CAPTCHA_MIN_LENGTH=3 GENERATOR_TARGET=all-fonts SYNTHETIC_FONTS=/usr/share/fonts \
	TRAIN_PRESET=base docker compose -p captcha-base

base:  ## train the bundled model further on captchas in hundreds of fonts, ARGS="--max-minutes 90 --seed 2"
	@docker rm captcha-base-trainer 2>/dev/null || true
	$(BASE) up -d --build generator
	@trap '$(BASE) stop generator; docker rm captcha-base-trainer' EXIT; trap : INT; \
	$(BASE) run --build --name captcha-base-trainer trainer $(ARGS) \
	  && mkdir -p models/base && docker cp captcha-base-trainer:/models/captcha/. models/base

bundle: $(INSTALLED)  ## make a version the bundled model, VERSION=models/captcha/<number>
	@test -d "$(VERSION)" || { echo "usage: make bundle VERSION=models/captcha/<number>"; exit 2; }
	$(BIN)/python -m trainer.publishing.bundle $(VERSION) $(BUNDLED)

fuzz: $(INSTALLED)  ## run each fuzzer for MINUTES=10, with a new seed
	FUZZ_SECONDS=$$(($(MINUTES) * 60)) $(PYTEST) -rA tests/fuzz $(ARGS)

$(BENCHMARKS): $(INSTALLED) tests/benchmarks/requirements.txt
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r tests/benchmarks/requirements.txt
	touch $@

bench-serving: $(BENCHMARKS)  ## compare the inference service with others (Linux, 8 minutes)
	$(BIN)/python -m tests.benchmarks.serving $(ARGS)

bench-batch: $(BENCHMARKS)  ## compare batches with single requests and ddddocr (Linux, 2 minutes)
	$(BIN)/python -m tests.benchmarks.batches $(ARGS)

bench-training: $(INSTALLED)  ## compare rendering and training with the library and the course (Linux, 12 minutes)
	$(BIN)/python -m tests.benchmarks.training $(ARGS)

bench-releases: $(INSTALLED)  ## predict captchas of older library releases, VERSION=models/captcha/1 (PyPI, 3 minutes)
	$(BIN)/python -m tests.benchmarks.releases $(or $(VERSION),$(BUNDLED)) $(ARGS)

bench-designs: $(BENCHMARKS)  ## predict unknown captcha designs, also by ddddocr, VERSION=models/captcha/1 (PyPI, npm)
	$(BIN)/python -m tests.benchmarks.designs $(or $(VERSION),$(BUNDLED)) $(ARGS)

bench-capacity: $(INSTALLED)  ## measure replicas, gateway and generators (Linux, haproxy, 7 minutes)
	$(BIN)/python -m tests.benchmarks.capacity $(ARGS)

# --strict: a package without an answer from the advisory database counts as a failure.
audit-packages: $(INSTALLED)  ## check the pinned packages for known vulnerabilities (needs the internet)
	$(BIN)/pip install -q uv
	for lock in */requirements*.txt tests/*/requirements*.txt; do echo $$lock; $(BIN)/uv tool run pip-audit \
	  --strict --require-hashes --disable-pip -r $$lock || failed=1; done; test -z "$$failed"

# The Python packages of each image, from its lock; reproducible, so that two releases can be compared.
sbom: $(INSTALLED)  ## list the packages of the images with their hashes in sbom/, as CycloneDX
	$(BIN)/pip install -q uv
	mkdir -p sbom
	for lock in generator_service/requirements*.txt inference_service/requirements*.txt trainer/requirements*.txt; do \
	  $(BIN)/uv tool run --quiet --from cyclonedx-bom cyclonedx-py requirements --output-reproducible \
	  --pyproject pyproject.toml -o sbom/$$(echo $${lock%.txt} | tr / -).json $$lock || exit 1; done

lock: $(INSTALLED)  ## compile the dependency groups of pyproject.toml: one resolution, with hashes
	$(BIN)/pip install -q uv
	$(UV_COMPILE) --group dev -o tests/requirements.txt
	$(UV_COMPILE) --group generator -c tests/requirements.txt -o generator_service/requirements.txt
	$(UV_COMPILE) --group inference -c tests/requirements.txt -o inference_service/requirements.txt
	$(UV_COMPILE) --group inference-gpu -c tests/requirements.txt -o inference_service/requirements-gpu.txt
	$(UV_COMPILE) --group sync -c tests/requirements.txt -o inference_service/requirements-sync.txt
	$(UV_COMPILE) --group object-store -c tests/requirements.txt -o trainer/requirements-object-store.txt
	$(UV_COMPILE) --group trainer -c tests/requirements.txt -o trainer/requirements.txt
	$(UV_COMPILE) --group trainer-gpu -c tests/requirements.txt -o trainer/requirements-gpu.txt
	$(UV_COMPILE) --group e2e -c tests/requirements.txt -o tests/e2e/requirements.txt
	$(UV_COMPILE) --group mutation -c tests/requirements.txt -o tests/requirements-mutation.txt
	$(UV_COMPILE) --group benchmarks -c tests/requirements.txt -o tests/benchmarks/requirements.txt

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
