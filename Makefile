# make demo    a real model is told a day's worth of talk, sleeps, and is asked again
# make test    ruff, mypy --strict, all tests; what CI runs
# make install the virtual environment both use; VENV=dir to have it elsewhere

VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(VENV)/bin
STAMP := $(VENV)/.dormouse-installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test install format clean

demo: install
	$(BIN)/dormouse demo

install: $(STAMP)

# torch goes first and by itself, so that where a CPU build is at hand (a wheel folder, or
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu) the rest is resolved around it.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Python 3.11 or newer is needed; give one with PYTHON=..." >&2; exit 1; }
	@command -v c++ >/dev/null || command -v g++ >/dev/null \
	    || { echo "A C++ compiler is needed to build llama.cpp (for instance: apt-get install g++)" >&2; exit 1; }
	@echo "Installing into $(VENV); llama.cpp is compiled on the way, which takes some minutes the first time."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build *.egg-info .mypy_cache .pytest_cache .ruff_cache
