# What one does every day. `make` alone lists the targets.
.DEFAULT_GOAL := help
UV := uv run
T ?= tests/core tests/api tests/config tests/mail tests/outbound
K ?=
ARGS := $(if $(K),-k "$(K)",)

.PHONY: help setup check fix test e2e bench soak demo docs

help:  ## list the targets
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):[^#]*## /\1\t/' | expand -t 10

setup:  ## make the environment
	uv sync

check:  ## what CI runs: format, lint, types, import contracts, every test
	$(UV) ruff format --check .
	$(UV) ruff check .
	$(UV) mypy .
	$(UV) lint-imports
	$(UV) pytest $(ARGS)

fix:  ## format, and the safe fixes of the linter
	$(UV) ruff check --fix .
	$(UV) ruff format .

test:  ## the quick tests; T=tests/core for a part, K=word for those with a word in their name
	$(UV) pytest -q $(T) $(ARGS)

e2e:  ## real mitmproxy, real Envoy, real PostgreSQL, real browser
	$(UV) pytest -q $(wildcard tests/addon tests/extauthz tests/httpcheck tests/store tests/linked tests/parity tests/security tests/clients tests/e2e) $(ARGS)

bench:  ## every benchmark, in three quarters of an hour; written to docs/benchmarks.md and bench/results.json
	@command -v wrk >/dev/null || { apt-get update -qq && apt-get install -y -qq wrk; }
	$(UV) python -m bench

soak:  ## load and time cases at full size; takes long
	LYCHGATE_TEST_SCALE=1 $(UV) pytest $(ARGS)

demo:  ## all of it on this machine
	$(UV) lychgate demo

docs:  ## rewrite the generated parts of the documentation
	$(UV) python -m tests.docs.update
