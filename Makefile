# Updraft: what a developer does with it. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
EMULATOR := .venv-emulator
REQUIREMENTS := requirements.txt requirements-dev.txt
INSTALLED := $(VENV)/.installed
EMULATOR_INSTALLED := $(EMULATOR)/.installed
CLOUDFORMATION := .venv-cloudformation
CLOUDFORMATION_INSTALLED := $(CLOUDFORMATION)/.installed
AUDIT := .venv-audit
AUDIT_INSTALLED := $(AUDIT)/.installed

.PHONY: help install run providers providers-large test lint audit environments e2e size deploy package doctor destroy
.DEFAULT_GOAL := help

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv and install the pinned dependencies, when they have changed

run: $(INSTALLED) ## Run everything on this machine: http://127.0.0.1:8000 (PORT=...)
	@exec $(VENV)/bin/python -m chalicelib.local

# Once for each contents of the sets' requirements: where they are installed this takes a second.
providers: $(INSTALLED) ## Install the provider packages that tests run over, to .providers
	@$(VENV)/bin/python -m tests.providers.sets A B

# 1 GB: google, snowflake, docker, kubernetes. What of them is imported is on docs/providers.md.
providers-large: $(INSTALLED) ## Install the provider packages that are too large for CI, and test what is imported of them
	@$(VENV)/bin/python -m tests.providers.sets large
	UPDRAFT_TESTS_NEED_LARGE_PROVIDERS=1 $(VENV)/bin/python -m pytest tests/providers -k large

test: $(INSTALLED) ## Run all tests but those against a deployment and the benchmarks
	$(VENV)/bin/python -m pytest --ignore=tests/e2e --ignore=tests/bench --numprocesses=auto \
		--dist=loadscope --no-loadscope-reorder

lint: $(INSTALLED) ## Check style, types, import layers and what each handler loads when it starts
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest --quiet tests/unit/test_layers.py tests/unit/test_cold_imports.py

audit: $(INSTALLED) $(AUDIT_INSTALLED) ## Look up the installed packages among known vulnerabilities
	$(PYTHON) .ci/audit

environments: $(EMULATOR_INSTALLED) $(CLOUDFORMATION_INSTALLED) ## Make what `e2e` needs beside .venv

# Two stages at a time, each with an emulator and a process of its own.
e2e: $(INSTALLED) $(EMULATOR_INSTALLED) $(CLOUDFORMATION_INSTALLED) ## Deploy to an emulated AWS and test what is deployed
	$(VENV)/bin/python -m pytest tests/e2e --numprocesses=2

size: $(INSTALLED) $(EMULATOR_INSTALLED) ## Show how large the deployed package is, and what each function loads when it starts
	@$(VENV)/bin/python -m tests.bench.size

deploy: $(INSTALLED) ## Deploy a stage to AWS, or bring it up to date (STAGE=dev)
	@$(VENV)/bin/python -m chalicelib deploy --stage "$(STAGE)"

doctor: $(INSTALLED) ## Check a deployed stage and say what to do (STAGE=dev)
	@$(VENV)/bin/python -m chalicelib doctor --stage "$(STAGE)"

destroy: $(INSTALLED) ## Take a stage down; asks first, and keeps its data (STAGE=dev)
	@$(VENV)/bin/python -m chalicelib destroy --stage "$(STAGE)"

package: $(INSTALLED) ## Write a stage for CloudFormation to out/ (STAGE=dev)
	@$(VENV)/bin/python -m chalicelib package --stage "$(STAGE)"

$(INSTALLED): $(REQUIREMENTS)
	@$(call make_venv,$(VENV))
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Lambda code runs in the emulator's own interpreter and would see its packages: nothing else goes in here.
$(EMULATOR_INSTALLED): requirements-dev.txt
	@$(call make_venv,$(EMULATOR))
	$(EMULATOR)/bin/python -m pip install --quiet --disable-pip-version-check $$(grep '^ministack==' requirements-dev.txt)
	@touch $@

# AWS's own programs for templates: SAM's transform and a linter. 150 MB that only these tests need.
$(CLOUDFORMATION_INSTALLED):
	@$(call make_venv,$(CLOUDFORMATION))
	$(CLOUDFORMATION)/bin/python -m pip install --quiet --disable-pip-version-check aws-sam-translator==1.115.0 cfn-lint==1.58.0
	@touch $@

# Its own packages are no concern of the project's.
$(AUDIT_INSTALLED):
	@$(call make_venv,$(AUDIT))
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@touch $@

define make_venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "Python 3.11 or newer is needed; name one with PYTHON=..." >&2; exit 1; }; \
echo "Installing into $(1)..."; \
$(PYTHON) -m venv $(1)
endef
