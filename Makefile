# Weir. Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE ?= .lab
UV := $(BIN)/uv

.PHONY: demo demo-story test check fix schema bench pins frontend packages clean

demo: $(VENV)/.dev packages frontend ## Start the lab and the portal; Ctrl-C ends both
	exec $(BIN)/python -m deploy.lab --state $(STATE) up $(if $(PORT),--port $(PORT))

demo-story: $(VENV)/.dev ## Play a good and a bad release through the API of a running demo
	$(BIN)/python -m deploy.lab --state $(STATE) story

test: $(VENV)/.dev packages frontend ## All suites; the last line is pytest's
	$(BIN)/pytest tests -q -n 2 --dist loadfile

check: $(VENV)/.dev ## Changes nothing: lint, format, imports, types, migrations
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

fix: $(VENV)/.dev ## Repair what a machine can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.dev frontend/node_modules/.installed ## The OpenAPI schema and the types generated from it
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file frontend/schema.yml
	cd frontend && npm run schema -- schema.yml

pins: $(VENV)/.uv ## Compile the requirements
	$(UV) pip compile -q --python-version 3.11 requirements.in -o requirements.txt
	$(UV) pip compile -q --python-version 3.11 deploy/lab/requirements.in -o deploy/lab/requirements.txt
	$(UV) pip compile -q --python-version 3.11 requirements-dev.in -o requirements-dev.txt

packages: ## Debian packages that the lab and the tests use
	@deploy/install-packages

frontend: frontend/dist/manifest.json

frontend/node_modules/.installed: frontend/package-lock.json
	cd frontend && npm ci --no-audit --no-fund
	@touch $@

frontend/dist/manifest.json: frontend/node_modules/.installed $(shell find frontend/src frontend/public -type f 2>/dev/null)
	cd frontend && npm run build
	@touch $@

$(VENV)/.uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check uv
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(VENV)/.uv
	$(UV) pip install -q --python $(BIN)/python -r requirements-dev.txt
	@touch $@

clean: ## Remove what was built; the lab's state stays
	rm -rf $(VENV) frontend/node_modules frontend/dist staticfiles
