.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RELEASE := $(VENV)/.release

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit("fauxto needs Python 3.11 or newer: make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[all,dev,docs]'
	@touch $@

$(RELEASE): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[release]'
	@touch $@

install: $(STAMP) ## virtual environment with everything, at the locked versions

demo: $(STAMP) ## the whole chain on data that needs no download; prints where the report is
	$(BIN)/fauxto demo --out demo-report

# Two processes, each with one thread; a file's tests stay together, since they share fixtures.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

test: $(STAMP) ## the test suite without what is slow
	$(PYTEST)

test-all: $(STAMP) ## also what is slow: whole chains, every command of the documentation
	$(PYTEST) -m "not network and not gpu"

check: $(STAMP) ## format, lint, types, rooms
	$(BIN)/ruff format --check src tests bench scripts
	$(BIN)/ruff check src tests bench scripts
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## rewrite files in the house format
	$(BIN)/ruff format src tests bench scripts
	$(BIN)/ruff check --fix src tests bench scripts

bench: $(STAMP) ## speed and memory beside others, written to docs/benchmarks.md; an hour
	$(BIN)/python scripts/run_benches.py

coverage: $(STAMP) ## branches that the default tests reach, by room
	$(BIN)/python -m pytest -q --cov --cov-report=term:skip-covered --cov-report=html

mutants: $(RELEASE) ## what tests do not notice: make mutants ROOM=metrics SAMPLE=100
	$(BIN)/python scripts/mutants.py $(or $(ROOM),metrics) --sample $(or $(SAMPLE),100)

package: $(RELEASE) ## wheel and source archive, into dist/
	$(BIN)/python -m build

licences: $(RELEASE) ## licences of all dependencies, into docs/dependencies.md
	$(BIN)/python scripts/list_licences.py

sbom: $(RELEASE) ## software bill of materials (CycloneDX), into dist/
	mkdir -p dist && $(BIN)/cyclonedx-py environment $(VENV) --pyproject pyproject.toml --output-file dist/sbom.json

vulnerabilities: $(RELEASE) ## known ones of the locked versions; asks a server
	$(BIN)/pip-audit --requirement requirements.lock --no-deps --disable-pip

# Each step leaves a mark, and a step that was stopped goes on; 'rm -r runs/bundled' starts anew.
# Epoch, temperature and thresholds are chosen on four sources that training never sees.
BUNDLED := runs/bundled
BUNDLED_PREPARE ?= --size 224 --fit crop \
	--validate-on google/dreambooth --validate-on BIDS/BSDS500 \
	--validate-on songguoxs/gpt4o-image-prompts --validate-on PicoTrex/Awesome-Nano-Banana-images

BUNDLED_SEEDS ?= 1,2,3,4,5,6

bundled: $(BUNDLED)/trained ## train the detector inside the package: make bundled DATA=FOLDER
	$(BIN)/fauxto export $(BUNDLED)/fauxto-lite/distilled --out src/fauxto/models/bundled/detector.onnx --overwrite

$(BUNDLED)/trained: $(BUNDLED)/prepared
	OMP_NUM_THREADS=1 $(BIN)/fauxto train $(BUNDLED)/dataset --recipe bundled --seeds $(BUNDLED_SEEDS) --distil --out $(BUNDLED)/fauxto-lite --workers 2 --device cpu
	@touch $@

$(BUNDLED)/prepared: $(BUNDLED)/audited
	$(BIN)/fauxto prepare "$(DATA)" --audit $(BUNDLED)/audit --out $(BUNDLED)/dataset $(BUNDLED_PREPARE)
	@touch $@

$(BUNDLED)/audited: $(STAMP)
	@test -n "$(DATA)" || { echo "name the folder of training pictures: make bundled DATA=FOLDER"; exit 2; }
	$(BIN)/fauxto audit "$(DATA)" --out $(BUNDLED)/audit
	@touch $@

docs: $(STAMP) ## write the command line reference from --help
	$(BIN)/python -m typer fauxto.cli.app utils docs --name fauxto --title "Command line" --output docs/reference.md

site: $(STAMP) ## the documentation, into site/
	$(BIN)/mkdocs build

readme: $(STAMP) ## tables of measured results, from docs/results into README and pages
	$(BIN)/python scripts/results.py

serve: $(STAMP) ## web page and API on this machine, beside the demo's report if it is there
	$(BIN)/fauxto serve $(if $(wildcard demo-report),--reports demo-report)

clean: ## remove caches and build outputs; never data or results
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help install demo test test-all check format bench coverage mutants package licences sbom \
	vulnerabilities bundled docs site readme serve clean
