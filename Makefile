# `make train` and `make test` need Python >= 3.11, pip and make; everything else they install into .venv.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.requirements-installed
ARGS ?=
PICTURES := .cache/pictures

.PHONY: help train test test-all check format bench pictures clean

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(STAMP): $(wildcard requirements*.txt)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: needs Python >= 3.11; name one with: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the pinned requirements into .venv (once, some minutes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

train: $(STAMP)  ## train as config.yaml says; flags: make train ARGS="--iterations 5"
	@$(BIN)/python main.py $(ARGS)

test: $(STAMP)  ## the fast tests
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

test-all: $(STAMP)  ## every test, the slow ones too (minutes)
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(STAMP)  ## formatting, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(STAMP)  ## rewrite the formatting
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(STAMP)  ## measure speed and memory, 35 minutes (5: make bench ARGS=--quick); writes benchmarks/results/
	@$(BIN)/python -m benchmarks.bench $(ARGS)

pictures: $(STAMP)  ## draw the pictures of docs/ from the runs in docs/benchmarks.md (a quarter of an hour, on a free machine)
	@rm -rf $(PICTURES)
	@$(BIN)/python main.py --fresh --set tracking.tensorboard_dir=null --checkpoint-dir $(PICTURES)/L0
	@cp $(PICTURES)/L0/training_metrics_iter_300.png docs/training.png
	@$(BIN)/python main.py --config L1 --set tracking.tensorboard_dir=null --checkpoint-dir $(PICTURES)/L1
	@cp $(PICTURES)/L1/training_metrics_iter_1000.png docs/shelter.png
	@$(BIN)/python demo_model.py --shipped --seed 5 --episodes 1 --render none --record docs/game.gif --yes
	@$(BIN)/python -m trainer.commands.schedule_figure --out docs/schedules.png --yes

clean:  ## remove the environment and caches; never checkpoints, mirrors or runs
	test ! -d .cache || find .cache -mindepth 1 -maxdepth 1 ! -name checkpoints -exec rm -rf {} +
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
