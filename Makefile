# Everything runs in .venv, made here from a bare Python 3.11 or newer; nothing outside this folder is touched.
# A stamp file in .venv marks each finished step, so that a second call starts at once and an interrupted one resumes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RUNS := 30000
ROOT := ../shared
WHEELS := linux-x86_64 linux-aarch64 macos-arm64 macos-x86_64 windows-x86_64

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check format bench report figures exports docs models engine wheels fuzz sanitize clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.base ## cut the person out of a photograph, and say where the picture lies
	@mkdir -p demo
	@$(BIN)/sinet cut examples/portrait.png --output demo/portrait.out.png --overwrite --quiet
	@echo "==> the cut-out lies in demo/portrait.out.png"

test: engine ## run the tests
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile  # one worker for each core is enough

check: $(VENV)/.dev ## format, lint, types, layers, documentation
	@echo "==> ruff" && $(BIN)/ruff format --check . && $(BIN)/ruff check .
	@echo "==> pyright" && $(BIN)/pyright
	@echo "==> import layers" && $(BIN)/lint-imports
	@echo "==> documentation" && NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(VENV)/.dev ## rewrite the sources as `make check` wants them
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: engine ## measure every stage on this machine, then the engine against others, then the pure functions
	@$(BIN)/sinet bench --against portrait-official
	@$(BIN)/python benchmarks/engine.py
	@$(BIN)/python -m pytest benchmarks

report: $(VENV)/.report $(if $(wildcard $(VENV)/.dev),engine) ## measure every network on every set: build/report; sets in ROOT=../shared
	@$(BIN)/python benchmarks/report.py --root $(ROOT)

figures: $(VENV)/.report $(if $(wildcard $(VENV)/.dev),engine) ## the same, and put the figures into README, cards and pages
	@$(BIN)/python benchmarks/report.py --root $(ROOT) --figures

exports: engine ## make and check every export, each in an environment of its own; sets in ROOT=../shared; half an hour
	@$(BIN)/python benchmarks/exports.py --root $(ROOT)/data

docs: $(VENV)/.dev ## build the documentation
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "==> the first page is site/index.html"

models: $(VENV)/.dev ## make the packaged models again from the checkpoints in weights/
	@$(BIN)/python -m sinet.export.build

engine: $(VENV)/.dev ## compile the engine for this machine and for browsers, if its sources changed
	@$(BIN)/python engine/build.py
	@$(BIN)/python engine/build.py wasm wasm-relaxed train

wheels: $(VENV)/.dev ## build the source distribution and the wheels of every platform, in dist
	@rm -rf dist
	@$(BIN)/python -m hatchling build -t sdist -d dist
	@for target in $(WHEELS); do SINET_TARGET=$$target $(BIN)/python -m hatchling build -t wheel -d dist || exit 1; done

fuzz: $(VENV)/.dev ## try the engine on inputs made to break it, RUNS=30000 for each target; needs clang
	@$(BIN)/python engine/fuzz/fuzz.py --runs $(RUNS)

sanitize: $(VENV)/.dev ## run the tests that use the engine under AddressSanitizer and UndefinedBehaviorSanitizer; needs clang
	@$(BIN)/python engine/fuzz/sanitized.py

clean: ## delete what was built; .venv stays
	@rm -rf build dist site demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment ---------------------------------------------------------------------------------------------

$(VENV)/.created:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "there is no '$(PYTHON)' here: install Python 3.11 or newer, or name the one to use: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "$(PYTHON) is Python %d.%d, sinet needs 3.11 or newer; name the one to use: make PYTHON=python3.12" % (v[0], v[1]))'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) comes without venv or pip: install them first (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@echo "==> making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.base: $(VENV)/.created pyproject.toml
	@echo "==> installing sinet"
	@$(PIP) install --editable .
	@touch $@

# What runs the networks of others; no torch.
$(VENV)/.report: $(VENV)/.created pyproject.toml
	@test -e $(VENV)/.dev || { echo "==> installing sinet and the engines of other networks"; $(PIP) install --editable '.[litert,onnx]'; }
	@touch $(VENV)/.base $@

# --group needs pip 25.1, newer than the one that some Pythons bring.
$(VENV)/.dev: $(VENV)/.created pyproject.toml constraints.txt
	@echo "==> installing sinet, its extras and the development tools (some minutes, once)"
	@$(PIP) install 'pip>=25.1'
	@$(PIP) install --constraint constraints.txt --editable '.[cluster,data,heic,litert,onnx,openvino,export,serve,tensorboard,video]' --group dev --group docs
	@touch $(VENV)/.base $@
