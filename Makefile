# Every command of this project: `make` alone lists them.
# Only Python 3.11 or later, make and a package index are needed; tools go to .venv, nothing is installed elsewhere.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The first interpreter that is new enough; `make PYTHON=/path/to/python render` chooses another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

VENV := .venv
BIN := $(VENV)/bin
CHECKOV_VENV := .venv-checkov
LOCK_VENV := .venv-lock
CACHE := .cache
# More than there are cores: tests of deployments wait for the AWS CLI and the emulator half of their time.
WORKERS ?= $(shell $(BIN)/python -c 'import os; print((os.cpu_count() or 2) * 3 // 2)')
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
COMPILE := $(LOCK_VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-header

# What an environment needs stands in these files; a stamp inside it says that it has been installed.
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
CHECKOV := $(CHECKOV_VENV)/.installed

ifneq (,$(filter deploy deploy-local put-secret migrate apply delete,$(MAKECMDGOALS)))
$(foreach name,ARCHITECTURE ENVIRONMENT,$(if $($(name)),,\
	$(error $(name) is missing, for instance: make $(MAKECMDGOALS) ARCHITECTURE=facerec ENVIRONMENT=dev)))
endif

# Values come one by one and unquoted: PARAMETERS="ImageTag=abc DesiredCount=2". For a value with a space call .venv/bin/blueprints.
options = $(foreach stack,$(STACK),--only '$(stack)') $(foreach value,$(PARAMETERS),--parameter '$(value)') $(OPTIONS)

##@ Use
.PHONY: render
render: $(RUNTIME) ## Render every architecture to output/ (or ARCHITECTURE=, ENVIRONMENT=, SETTINGS=my.yaml)
	@$(BIN)/blueprints render $(ARCHITECTURE) $(ENVIRONMENT) $(if $(SETTINGS),--settings '$(SETTINGS)')

.PHONY: lint
lint: $(RUNTIME) ## Lint the templates in output/ with cfn-lint, cloudformation-validate and our own rules
	@$(BIN)/blueprints lint output

.PHONY: deploy
deploy: $(RUNTIME) ## Deploy through the AWS CLI: ARCHITECTURE= ENVIRONMENT= [STACK=] [PARAMETERS="ImageTag=abc"] [OPTIONS=--yes]
	@$(BIN)/blueprints deploy $(ARCHITECTURE) $(ENVIRONMENT) $(options)

.PHONY: deploy-local
deploy-local: $(RUNTIME) ## The same against an emulator on this machine: no account, no Docker
	@$(BIN)/blueprints deploy $(ARCHITECTURE) $(ENVIRONMENT) --local $(options)

.PHONY: put-secret
put-secret: $(RUNTIME) ## Ask for the values of secrets and roll what reads them: ARCHITECTURE= ENVIRONMENT= [SECRET=] [OPTIONS=--wait]
	@$(BIN)/blueprints put-secret $(ARCHITECTURE) $(ENVIRONMENT) $(SECRET) $(OPTIONS)

.PHONY: migrate
migrate: $(RUNTIME) ## Run the migration once more, as it was deployed last: ARCHITECTURE= ENVIRONMENT= [TASK=]
	@$(BIN)/blueprints migrate $(ARCHITECTURE) $(ENVIRONMENT) $(if $(TASK),--task '$(TASK)') $(OPTIONS)

.PHONY: apply
apply: $(RUNTIME) ## Apply Kubernetes manifests once the stacks are there: ARCHITECTURE= ENVIRONMENT= IMAGE_TAG= [OPTIONS=--render]
	@$(BIN)/blueprints apply $(ARCHITECTURE) $(ENVIRONMENT) $(if $(IMAGE_TAG),--image-tag '$(IMAGE_TAG)') $(OPTIONS)

.PHONY: delete
delete: $(RUNTIME) ## Delete the stacks of an environment: ARCHITECTURE= ENVIRONMENT= [STACK=] [OPTIONS=--yes]
	@$(BIN)/blueprints delete $(ARCHITECTURE) $(ENVIRONMENT) $(foreach stack,$(STACK),--only '$(stack)') $(OPTIONS)

##@ Work on it
.PHONY: test
test: format-check code types layers fresh lint pytest ## Everything CI runs

.PHONY: check
check: test ## The same as `make test`

.PHONY: format
format: $(DEVELOPMENT) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

.PHONY: format-check
format-check: $(DEVELOPMENT) ## Is the code formatted?
	@$(BIN)/ruff format --check

.PHONY: code
code: $(DEVELOPMENT) ## Check the code with ruff
	@$(BIN)/ruff check

.PHONY: types
types: $(DEVELOPMENT) ## Check the types with mypy
	@$(BIN)/mypy

.PHONY: layers
layers: $(DEVELOPMENT) ## Check that each layer imports only those below it
	@$(BIN)/lint-imports --no-logo

.PHONY: fresh
fresh: $(RUNTIME) ## Is output/ what the code renders?
	@rm -rf $(CACHE)/fresh && $(BIN)/blueprints render --output $(CACHE)/fresh
	@diff -r output $(CACHE)/fresh >$(CACHE)/fresh.diff || \
		{ head -n 40 $(CACHE)/fresh.diff; echo 'output/ is not what the code renders: run `make render` and commit it' >&2; exit 1; }

.PHONY: pytest
pytest: $(DEVELOPMENT) $(CHECKOV) ## Run the tests on all cores; TESTS= and OPTIONS= narrow them
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(OPTIONS) $(TESTS)

# Apart from the tests that everybody waits for: it makes Python twice as slow.
.PHONY: coverage
coverage: OPTIONS += --cov --cov-report=term $(if $(TESTS),,--cov-fail-under=90)
coverage: pytest ## The same, and which lines they run

.PHONY: bench
bench: $(RUNTIME) ## Measure rendering, linting and starting
	@$(BIN)/python scripts/bench.py

.PHONY: lock
lock: ## Pin requirements/*.txt anew, from the ranges in setup.cfg
	@$(PYTHON) -m venv $(LOCK_VENV) && $(LOCK_VENV)/bin/python $(PIP_INSTALL) uv
	@$(COMPILE) setup.cfg --extra local --output-file requirements/runtime.txt
	@$(COMPILE) setup.cfg --extra local --extra test --constraint requirements/runtime.txt --output-file requirements/test.txt
	@$(COMPILE) requirements/checkov.in --output-file requirements/checkov.txt

.PHONY: clean
clean: ## Remove the environments, caches and builds; output/ stays
	rm -rf $(VENV) $(CHECKOV_VENV) $(LOCK_VENV) $(CACHE) build dist *.egg-info
	rm -rf .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find blueprints scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## List these commands
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

$(VENV)/.made:
	@$(if $(PYTHON),:,echo 'Python 3.11 or later is needed and none was found: install one, or name it: make PYTHON=/path/to/python' >&2; exit 1)
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo '$(PYTHON) is not Python 3.11 or later: name one that is: make PYTHON=/path/to/python' >&2; exit 1; }
	@echo 'Making $(VENV) (once; takes a minute)'
	@'$(PYTHON)' -m venv $(VENV)
	@touch $@

# Not isolated: the build backend is among the pinned requirements, so that nothing else is fetched.
$(RUNTIME): $(VENV)/.made requirements/runtime.txt setup.cfg pyproject.toml
	@$(BIN)/python $(PIP_INSTALL) --requirement requirements/runtime.txt
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT): $(RUNTIME) requirements/test.txt
	@$(BIN)/python $(PIP_INSTALL) --requirement requirements/test.txt
	@touch $@

# An environment of its own: checkov pins a botocore that is older than the one the AWS CLI pins.
$(CHECKOV): $(VENV)/.made requirements/checkov.txt
	@'$(abspath $(BIN))/python' -m venv $(CHECKOV_VENV)
	@$(CHECKOV_VENV)/bin/python $(PIP_INSTALL) --requirement requirements/checkov.txt
	@touch $@
