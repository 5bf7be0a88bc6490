# Every target installs what it lacks, says what it does, and may be run again at any time.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The npm package `node` brings Node 24 to machines with an older one.
export PATH := $(CURDIR)/node_modules/.bin:$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/swap-lab/go/bin:$(PATH):/usr/sbin:/sbin:/usr/local/go/bin
say = @printf '\033[1m==> %s\033[0m\n' "$(1)"

sources := $(shell find src agent cli -type f 2>/dev/null)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

node_modules: package.json package-lock.json
	$(call say,installing npm packages)
	@npm ci --no-audit --no-fund --loglevel=error
	@touch node_modules

.PHONY: tools
tools: node_modules
	@bash test/support/tools.sh

dist/swap.js: node_modules $(sources) package.json
	$(call say,building dist/)
	@node cli/build.ts

.PHONY: build
build: dist/swap.js ## bundle the CLI and the agent into dist/

.PHONY: check
check: node_modules ## format, lint, types, unused code, unit and contract tests (under a minute)
	$(call say,format)
	@prettier --check --log-level=warn .
	$(call say,lint)
	@oxlint --type-aware --deny-warnings
	$(call say,types)
	@tsc -p .
	$(call say,unused code)
	@knip
	$(call say,unit tests)
	@node test/support/run-tests.ts unit contract

.PHONY: fix
fix: node_modules ## mend what the formatter and the linter can mend
	@oxlint --type-aware --fix || true
	@prettier --write --log-level=warn .

.PHONY: lab
lab: build tools ## a real Kubernetes on this machine (root); `swap lab down` ends it
	@node dist/swap.js lab up

.PHONY: demo
demo: build tools ## the main job from nothing: a cluster, an app, a swap, a breakpoint, a restore
	@node test/support/demo.ts

.PHONY: e2e
e2e: build tools ## the promises, on a real cluster (root; `make e2e only=restore` for some of them)
	@node test/support/run-tests.ts e2e $(only)

.PHONY: test
test: check build tools ## everything, as CI runs it
	$(call say,end-to-end tests)
	@node test/support/run-tests.ts --sum e2e

.PHONY: bench
bench: build tools ## start, latency, throughput and memory beside kubectl port-forward
	@node test/bench/main.ts

.PHONY: clean
clean: ## remove what the build made here (the cache of cluster parts stays)
	@rm -rf dist .test-results coverage
