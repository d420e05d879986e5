# `make help` lists what there is. ARGS goes to the program: make run ARGS="--listen 127.0.0.1:7700".

SWIFT ?= swift
SCRATCH ?= .build
ARGS ?=
# Say TESTS=Name to run the suites and tests whose names match.
TESTS ?=

# Warnings are errors here, and only here.
strict = MUSTER_STRICT=1 $(SWIFT)
flags = --disable-xctest
sources = Package.swift Sources Tests $(wildcard Benchmarks)

.DEFAULT_GOAL := help
.PHONY: help run test lint unit interop budgets test-thread test-address bench install clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: ## Install what is missing, build for release, serve on loopback
	@.ci/install run
	$(SWIFT) build -c release --scratch-path $(SCRATCH) --product muster
	@exec "$$($(SWIFT) build -c release --scratch-path $(SCRATCH) --show-bin-path)/muster" serve --dev $(ARGS)

test: ## Install what is missing, lint, build with warnings as errors, run all tests
	@.ci/install test
	@$(MAKE) --no-print-directory lint
	$(strict) build --build-tests --scratch-path $(SCRATCH)
	@$(MAKE) --no-print-directory unit interop budgets

lint: ## Check the format of all sources
	$(SWIFT) format lint --strict --parallel --recursive $(sources)

unit: ## Run the tests of the libraries and of the source tree
	$(strict) test $(flags) --scratch-path $(SCRATCH) $(if $(TESTS),--filter '$(TESTS)') --skip '^InteropTests\.'

interop: ## Run the real server against clients that are not ours, on each of its transports
	@.ci/install test
	MUSTER_TRANSPORT=reactor $(strict) test $(flags) --scratch-path $(SCRATCH) --filter '^InteropTests\..*$(TESTS)'
	MUSTER_TRANSPORT=nio $(strict) test $(flags) --scratch-path $(SCRATCH) --filter '^InteropTests\..*$(TESTS)'

budgets: ## Count the instructions of operations and compare them with Benchmarks/Thresholds
	@.ci/install test
	@SWIFT='$(SWIFT)' SCRATCH='$(SCRATCH)' .ci/budgets $(ARGS)

test-thread: ## Run the libraries' tests under the thread sanitizer
	@.ci/install run
	$(strict) test $(flags) --scratch-path $(SCRATCH)/thread --sanitize thread --skip '^(InteropTests|TidyTests)\.'

test-address: ## Run the libraries' tests under the address sanitizer
	@.ci/install run
	$(strict) test $(flags) --scratch-path $(SCRATCH)/address --sanitize address --skip '^(InteropTests|TidyTests)\.'

bench: ## Build for release, measure beside peers and plot, in under 20 minutes (ARGS=--quick: in a few)
	@.ci/install run
	$(SWIFT) build -c release --scratch-path $(SCRATCH) --product muster
	@.ci/bench "$$($(SWIFT) build -c release --scratch-path $(SCRATCH) --show-bin-path)/muster" $(ARGS)

install: ## Install what tests need, and nothing else
	@.ci/install test

clean: ## Remove everything that was built
	rm -rf $(SCRATCH)
