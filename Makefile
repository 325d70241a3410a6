# `make demo` shows the operator at work; `make test` runs all that CI runs.
# Both install and build what they need, say so, and keep it in ~/.cache/redshift-integration-operator.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo up down test fuzz lint bench crds deploy clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

# Payloads, manifests and documents, the names made of them, literals and identifiers, and privileges as the catalogue shows them.
FUZZED := cli::convert cli::datasource cli::manifest cli::schema scripts::quote lifecycle::shell lifecycle::contents lifecycle::words lifecycle::brief

demo: ## start everything, apply a sample, show what came of it
	@dev/environment demo

up: ## start everything; then: source .dev/env
	@dev/environment up

down: ## end everything that demo and up have started
	@dev/environment down

test: lint ## formatter, linters, and all tests; T=name runs those whose names hold it
	@dev/environment test $(if $(T),$(T))

fuzz: ## random input for all that reads what others wrote, longer than make test does; N=cases
	@PROPTEST_CASES=$(or $(N),50000) cargo test --quiet --lib -- $(FUZZED)

lint: ## formatter and linters
	@dev/lint

bench: ## measure what docs/performance.md reports
	@benches/measure

crds: ## generate the CRDs from src/api, and copy them into the chart
	@for kind in redshiftintegrations redshiftdatasources redshiftuserprofiles redshiftuserprofilesources; do \
	  cargo run --quiet -- crd "$$kind" > "crds/redshift-governance.dev_$$kind.yaml" || exit 1; \
	done
	@mkdir -p charts/redshift-integration-operator/files/crds
	@cp crds/*.yaml charts/redshift-integration-operator/files/crds/

deploy: ## render deploy/install.yaml from the chart
	@PATH="$$(dev/cluster/build):$$PATH" deploy/render

clean: down ## remove what was built here; the cache stays
	@cargo clean --quiet
