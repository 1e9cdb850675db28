PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
KAFKA_STAMP := .kafka/.fetched
# Tests mostly wait: for groups to form, for processes to start. tests/conftest.py divides them.
IN_PARALLEL := --numprocesses 3 --dist loadscope --no-loadscope-reorder
COLLECTOR := .collector/collector
COLLECTOR_SOURCE := tests/e2e/collector

# A fleet is nine processes and the tests start hundreds: without bytecode each compiles everything.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run kafka kafka-jars collector demo clients test test-again soak fuzz lint type fmt bench lock clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml setup.py schema/proto/profile.proto requirements/bootstrap.lock requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=python3.x")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements/dev.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(KAFKA_STAMP): deploy/kafka/pom.xml
	@for program in java mvn; do command -v $$program >/dev/null || { echo "Apache Kafka needs Java 17 or newer and Maven: there is no $$program" >&2; exit 1; }; done
	@rm -rf .kafka
	@mvn --batch-mode --quiet -Dstyle.color=never --file deploy/kafka/pom.xml dependency:copy-dependencies
	@touch $@

run: $(STAMP) $(if $(filter kafka,$(BROKER)),$(KAFKA_STAMP)) ## start the whole fleet on this machine; BROKER=kafka: on Apache Kafka
	@$(if $(BROKER),RAK_LOCAL__BROKER=$(BROKER)) $(BIN)/rak-local $(if $(CONFIG),--config $(CONFIG))

kafka: $(STAMP) $(KAFKA_STAMP) ## start Apache Kafka alone
	@$(BIN)/python -m rak_services.local.kafka_broker $(if $(CONFIG),--config $(CONFIG))

kafka-jars: $(KAFKA_STAMP) ## fetch the jars of Apache Kafka

$(COLLECTOR): $(addprefix $(COLLECTOR_SOURCE)/,go.mod go.sum main.go)
	@command -v go >/dev/null || { echo "building a Collector needs Go" >&2; exit 1; }
	@cd $(COLLECTOR_SOURCE) && go build -p 2 -trimpath -ldflags '-s -w' -o $(CURDIR)/$@ .
	@touch $@

collector: $(COLLECTOR) ## build the OpenTelemetry Collector that tests run (needs Go)

demo: $(STAMP) ## send a small fleet of simulated agents to a running fleet
	@$(BIN)/python -m rak_services.local.demo $(ARGS)

clients: $(STAMP) ## build the test clients in Go, Rust and JavaScript, where the toolchains are
	@$(BIN)/python tests/e2e/clients/builds.py

test: clients ## the whole test suite
	@$(MAKE) --no-print-directory kafka-jars || echo "tests on Apache Kafka are left out" >&2
	@$(MAKE) --no-print-directory collector || echo "tests with a Collector are left out" >&2
	@$(BIN)/python -m pytest $(IN_PARALLEL) $(ARGS)

test-again: $(STAMP) ## the tests that failed last, one after the other
	@echo "some tests failed; they are run again, alone" >&2
	@$(BIN)/python -m pytest --last-failed --last-failed-no-failures none $(ARGS)

SOAKED := tests/faults tests/integration/otlp_receiver/test_mutated_requests.py
SOAKED += tests/integration/pprof_receiver/test_mutated_profiles.py
SOAKED += tests/integration/query/test_walks.py tests/integration/query/test_openapi_conformance.py
SOAKED += tests/e2e/test_round_trip.py tests/e2e/test_metrics_and_logs_round_trip.py

soak: export RAK_TEST_OUTAGE_SECONDS = 120
soak: export RAK_TEST_VOLUME_BYTES = 2147483648
soak: export RAK_TEST_BROKER_LIMIT_BYTES = 536870912
soak: export RAK_TEST_KAFKA_STOP_SECONDS = 60
soak: export RAK_TEST_MUTATIONS = 200000
soak: export RAK_TEST_WALKS = 25
soak: export RAK_TEST_API_EXAMPLES = 1000
soak: export RAK_TEST_ROUND_TRIPS = 5000
soak: export RAK_TEST_KILLS = 50
soak: export RAK_TEST_SPANS_PER_SECOND = 1500
soak: export RAK_TEST_STANDSTILL_SECONDS = 60
soak: export RAK_TEST_STORM_SECONDS = 300
soak: export RAK_TEST_ROLLING_RESTARTS = 3
soak: export RAK_TEST_WARM_UP_SECONDS = 900
soak: export RAK_TEST_STEADY_SECONDS = 3600
soak: export RAK_TEST_SOAK_RESULTS = $(CURDIR)/.soak/results.jsonl
soak: $(STAMP) $(KAFKA_STAMP) ## tests at full length, hours: kills, standstills, outages, volumes, mutations, walks; writes docs/soak.md
	@mkdir -p .soak && rm -f .soak/results.jsonl
	@$(BIN)/python -m pytest -o timeout=7200 -s $(SOAKED) $(ARGS); status=$$?; \
		test ! -e .soak/results.jsonl || $(BIN)/python tests/soak_results.py .soak/results.jsonl docs/soak.md $$status; exit $$status

fuzz: SECONDS ?= 600
fuzz: $(STAMP) ## hostile bytes for the decoders under atheris, SECONDS=600 in all; findings go to .fuzz
	@$(BIN)/uv pip install --quiet --require-hashes --python $(BIN)/python -r requirements/fuzz.lock
	@for target in protobuf json metrics-protobuf metrics-json logs-protobuf logs-json profiles content; do \
		PYTHONPATH=tests $(BIN)/python -m fuzz $$target --seconds $$(($(SECONDS) / 8)) --findings .fuzz || exit 1; \
	done

lint: $(STAMP) ## ruff, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

type: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

fmt: $(STAMP) ## format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(STAMP) ## CPU per span and spans per second of receiver and writer
	@$(BIN)/python -m bench

lock: ## compile requirements/*.lock from pyproject.toml
	@test -x $(BIN)/uv || ($(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" --output-file requirements/bootstrap.lock requirements/bootstrap.in
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" --no-emit-package rak-ingest --extra dev --output-file requirements/dev.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" --no-emit-package rak-ingest --extra fuzz --constraint requirements/dev.lock --output-file requirements/fuzz.lock pyproject.toml

clean: ## remove the environment, caches and local data
	@rm -rf $(VENV) .rak .kafka .collector .fuzz .soak .state .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
