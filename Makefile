# Every target sets up by itself first; the second time that takes a tenth of a second.
# Name another Python with PYTHON=..., pass arguments to pytest with ARGS="...".

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo "$$p" && exit; done; echo python3)
VENV := .venv/bin
STACK ?= local
ARGS ?=
# Of a run of all tests: the verification package is covered to the last line and branch. Measured:
# it adds nothing that could be told from noise, because only that package is watched.
COVERED := --cov=validator_functions/verification --cov-branch --cov-fail-under=100 \
	--cov-report=term-missing:skip-covered
# Two processes, a file of tests whole in one of them, because a file's stack is up once for all of it.
SPREAD := --numprocesses 2 --dist loadfile --no-loadscope-reorder
# Drills lie where what they try lies. The homes of the key come first, as the longest file of all.
DRILLS := tests/components/test_homes.py tests/components/azure/test_engine.py tests/drills
FOR ?= 60
CODE := signet components validator_functions sandbox tools benchmarks examples tests $(wildcard __main__.py)
TYPED := signet components validator_functions sandbox tools examples $(wildcard __main__.py)

.PHONY: help setup demo down test unit check format bench load drills matrix native simulate fuzz mutants clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv and get the pulumi command (once; then a tenth of a second)
	@$(PYTHON) tools/setup.py

demo: setup ## bring the local stack up and show good and bad tokens at its gateways
	@$(VENV)/signet demo

down: setup ## destroy the local stack and stop the sandbox
	@$(VENV)/signet down $(STACK) --yes
	@$(VENV)/signet sandbox stop

test: check unit ## all that CI runs: the checks, then every test

unit: setup ## every test, without the checks first (ARGS="-k name" for some)
	@$(VENV)/pytest $(or $(ARGS),$(SPREAD) $(COVERED))

check: setup ## formatting, lint, strict types, import rules
	@$(VENV)/ruff format --check --quiet $(CODE) || { echo 'Way out: make format'; exit 1; }
	@$(VENV)/ruff check --quiet $(CODE)
	@$(VENV)/mypy $(TYPED)
	@$(VENV)/basedpyright components $(wildcard __main__.py)
	@$(VENV)/pytest --quiet --no-header tests/unit/test_import_rules.py

format: setup ## format the code and mend what lint can mend
	@$(VENV)/ruff check --quiet --fix-only $(CODE)
	@$(VENV)/ruff format $(CODE)

bench: setup ## measure; a table, and build/bench.json
	@$(VENV)/python -m benchmarks $(ARGS)

load: setup ## the Cloud Run server under load on loopback (a quarter of an hour; ARGS="--soak 60" for less)
	@$(VENV)/python -m tests.load $(ARGS)

drills: setup ## every drill: tokens, kills, faults, homes of the key, on the real engine (45 minutes)
	@$(VENV)/pytest $(DRILLS) -m "engine or drill" $(or $(ARGS),$(SPREAD))

matrix: setup ## one table of cases through every runtime and real gateway; writes docs/runtimes.md
	@$(VENV)/pytest --quiet tests/runtimes -m "drill"
	@$(VENV)/python -m tests.runtimes $(ARGS)

native: setup ## the published documents read by Envoy, API Gateway, Node, Go and Java
	@$(VENV)/python -m tests.native

simulate: setup ## rotations by the thousand in simulated time, under faults (ARGS="--help")
	@$(VENV)/python -m tests.simulation $(ARGS)

fuzz: setup ## fuzz the verification module for FOR=60 seconds
	@$(VENV)/python -m tests.fuzz $(FOR)

mutants: setup ## change the verification module a little, thousands of times: do tests notice?
	@$(VENV)/python -m tests.mutants $(ARGS)

clean: ## remove what set-up and the checks made here (not the sandbox's state, not the cache)
	@rm -rf .venv build .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* *.egg-info
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
