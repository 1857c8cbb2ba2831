# `make help` lists the targets. Each works from a bare checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .souk/venv
PYTHON := $(VENV)/bin/python
PYTEST_WORKERS ?= 2
PYTEST_ARGS ?=

.PHONY: help demo test journey screenshots bench bench-reconcile bench-ledger bench-events bench-fleet bench-pages bench-dashboard bench-portability lint messages format clean runtime development

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS=$$'\t' read -r name text; do \
		printf '  make %-16s %s\n' "$$name" "$$text"; done

demo: runtime ## Run all of Souk here, with three storefronts; Ctrl-C stops it.
	@exec $(PYTHON) -m stack.demo

test: development ## Run the tests against a real PostgreSQL.
	$(PYTHON) -m pytest -n $(PYTEST_WORKERS) $(PYTEST_ARGS)

journey: development ## Run the main job over HTTP, from sign-up to payout, on a fresh stack.
	$(PYTHON) -m journey

screenshots: development ## Take pictures of every page of the demo into docs/screenshots; needs Chromium.
	$(PYTHON) -m screenshots $(PAGES)

bench: development ## Run the benchmarks.
	$(PYTHON) -m benchmarks.hot_paths

bench-reconcile: development ## Compare the books with 100,000 balance transactions.
	$(PYTHON) -m benchmarks.reconcile

bench-ledger: development ## Post captured payments as fast as they go, and ask a seller with a million entries for balances.
	$(PYTHON) -m benchmarks.ledger

bench-events: development ## Tell Souk 10,000 of Stripe's events in order, and again shuffled and repeated while workers are killed.
	$(PYTHON) -m benchmarks.events

bench-fleet: development ## Open, migrate and serve a thousand storefronts, beside stock django-tenants.
	$(PYTHON) -m benchmarks.fleet

bench-pages: development ## Ask for each page of a storefront and of the marketplace: milliseconds, queries, bytes.
	$(PYTHON) -m benchmarks.pages

bench-dashboard: development ## Ask for the dashboard's and the desk's pages with 100,000 orders and 10,000 products: milliseconds, queries.
	$(PYTHON) -m benchmarks.dashboard

bench-portability: development ## Export, restore and copy a storefront with 100,000 orders and 10,000 products: seconds, bytes.
	$(PYTHON) -m benchmarks.portability

lint: development ## Check style, types, the direction of imports, and that no migration is missing.
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) $(VENV)/bin/lint-imports
	@set -e; if [ -z "$${DATABASE_URL:-}" ]; then \
		DATABASE_URL=$$($(PYTHON) -m stack.postgres start --data-dir .souk/test-postgres --no-fsync); fi; \
	export DATABASE_URL DJANGO_SETTINGS_MODULE=config.settings.test; \
	$(PYTHON) manage.py makemigrations --check --dry-run

messages: development ## Take new texts of pages into locale/, and compile what is translated there (needs gettext).
	DATABASE_URL=postgresql:///none DJANGO_SETTINGS_MODULE=config.settings.test $(PYTHON) manage.py makemessages -l de -l ar \
		--no-obsolete --add-location never $(foreach name,.souk benchmarks journey screenshots stack stripe_local tests,-i $(name))
	$(VENV)/bin/pybabel compile -D django -d locale

format: development ## Put the code into its standard form.
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

clean: ## Stop the embedded PostgreSQL and remove .souk, with all demo data.
	@if [ -x $(PYTHON) ]; then for name in postgres test-postgres; do $(PYTHON) -m stack.postgres stop --data-dir .souk/$$name || true; done; fi
	rm -rf .souk

runtime:
	@stack/install.sh requirements.txt

development:
	@stack/install.sh requirements.txt requirements-dev.txt
