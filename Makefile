# Weir. Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE ?= .lab
UV := $(BIN)/uv
# The suites that touch rows run on PostgreSQL, too.
DATABASE_SUITES := $(wildcard tests/admin tests/api tests/audit tests/flow tests/services tests/evidence/test_thinning.py)
MESSAGES := portal/locale/zh_Hans/LC_MESSAGES/django

.PHONY: demo demo-story test bench bench-reads soak mutations check fix schema messages pins frontend packages clean

demo: $(VENV)/.dev packages frontend $(MESSAGES).mo ## Start the lab and the portal; Ctrl-C ends both
	exec $(BIN)/python -m deploy.lab --state $(STATE) up $(if $(PORT),--port $(PORT))

demo-story: $(VENV)/.dev ## Play a good and a bad release through the API of a running demo
	$(BIN)/python -m deploy.lab --state $(STATE) story

# Real servers and a browser come first and alone: their stories measure, and Playwright's event loop stays out of Django's tests.
test: $(VENV)/.dev packages frontend $(MESSAGES).mo ## All suites; the last line is pytest's
	cd frontend && npm test
	$(BIN)/pytest tests/e2e -q
	$(BIN)/pytest tests/lab -q
	$(BIN)/pytest tests/faults -q -n 2 --dist loadfile
	$(BIN)/python -m tests.on_postgresql $(BIN)/pytest tests/faults/test_late_worker.py -q
	$(BIN)/python -m tests.on_postgresql $(BIN)/pytest $(DATABASE_SUITES) -q -n 2 --dist loadfile
	$(BIN)/pytest tests -q -n 2 --dist loadfile --ignore tests/e2e --ignore tests/lab --ignore tests/faults

bench: $(VENV)/.dev packages ## The figures of docs/benchmarks.md, written anew, but for the reads
	$(BIN)/python -m tests.load

bench-reads: $(VENV)/.dev packages ## Reads with a million rows; filling them takes ten minutes
	$(BIN)/python -m tests.load reads

soak: $(VENV)/.dev packages ## An hour or more of faults: every point at every step, on both databases
	$(BIN)/python -m tests.faults.soak

mutations: $(VENV)/.dev packages ## Break each invariant in a copy of the tree and see a test fail
	$(BIN)/python -m tests.faults.mutations

check: $(VENV)/.dev frontend/node_modules/.installed ## Changes nothing: format, lint, imports, types, migrations, translations, schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy .
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py translations check
	$(BIN)/python manage.py write_docs --check
	mkdir -p .make && $(BIN)/python manage.py spectacular --validate --fail-on-warn --file .make/schema.yml
	cd frontend && npx openapi-typescript ../.make/schema.yml --output ../.make/schema.d.ts
	diff -u frontend/src/api/schema.d.ts .make/schema.d.ts
	cd frontend && npm run lint && npm run typecheck

fix: $(VENV)/.dev ## Repair what a machine can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd frontend && npm run format

schema: $(VENV)/.dev frontend/node_modules/.installed ## The types that the dashboard takes from the OpenAPI schema
	mkdir -p .make && $(BIN)/python manage.py spectacular --validate --fail-on-warn --file .make/schema.yml
	cd frontend && npm run schema -- ../.make/schema.yml

messages: $(VENV)/.dev ## Bring the Chinese catalogue in line with the code
	$(BIN)/python manage.py translations update

$(MESSAGES).mo: $(MESSAGES).po | $(VENV)/.dev
	$(BIN)/python manage.py translations compile

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
