# Two commands: `make demo` shows a billing preview, `make test` runs every test.
# Both set up what they need in .venv; nothing has to be installed by hand but Python 3.10+.

VENV   ?= .venv
BIN    := $(VENV)/bin
PYTHON ?= $(shell scripts/find-python)
ARGS   ?=

.PHONY: demo test soak mutants lint format odoo bench lock clean setup setup-dev

demo: setup
	@$(BIN)/klausel demo $(ARGS)

test: setup-dev lint
	scripts/test $(BIN)/python $(ARGS)

# What takes long, two hours in all; PARTS="oracle kills" runs some of it (tests/soak.py names them).
soak: setup-dev
	PYTHONPATH=rules:connector:. $(BIN)/python -m tests.soak $(PARTS)

# Small faults, one at a time, that tests have to notice; takes half an hour.
mutants: setup-dev
	PYTHONPATH=rules:connector:. $(BIN)/python -m tests.mutants $(ARGS)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pylint --rcfile=.pylintrc addon/klausel_billing

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

odoo: setup-dev
	PYTHONPATH=. $(BIN)/python -m tests.odoo serve $(ARGS)

bench: setup-dev
	$(BIN)/python -m bench $(ARGS)

# Versions that are tested, with their hashes; ARGS=--upgrade for newer ones.
lock:
	scripts/lock "$(PYTHON)" $(ARGS)

setup: $(VENV)/.ready
setup-dev: $(VENV)/.ready-dev

$(VENV)/.ready: pyproject.toml scripts/setup locks/build.txt locks/run.txt
	@scripts/setup "$(PYTHON)" "$(VENV)"
	@touch $@

$(VENV)/.ready-dev: pyproject.toml scripts/setup locks/build.txt locks/dev.txt
	@scripts/setup "$(PYTHON)" "$(VENV)" dev
	@touch $@ $(VENV)/.ready

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
