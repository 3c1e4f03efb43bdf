# The two commands to know: `make run` and `make test`. Both set themselves up.
PYTHON ?= python3
BIN := .venv/bin
DATA_DIR ?=

.PHONY: run test check demo bench lock clean help

help:            ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: .venv/run.stamp  ## start the service with its own PostgreSQL on http://127.0.0.1:8080
	@exec $(BIN)/gagyebu serve $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

test: check      ## every check and every test
	$(BIN)/pytest -n auto

check: .venv/dev.stamp  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

demo: .venv/dev.stamp  ## load a year of a household through the API and check its totals
	$(BIN)/python examples/demo.py

bench: .venv/dev.stamp  ## measure against the limits of docs/benchmarks.md
	$(BIN)/python -m bench

lock: .venv/dev.stamp  ## pin every dependency anew, with hashes
	$(BIN)/uv pip compile -q setup.cfg --extra build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -o requirements.lock
	$(BIN)/uv pip compile -q setup.cfg --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -c requirements.lock -o requirements-dev.lock

clean:           ## remove what was installed and cached here; the data directory stays
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gagyebu needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv

.venv/run.stamp: .venv/bin/pip requirements.lock setup.cfg pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements-dev.lock
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
