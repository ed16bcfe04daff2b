# The two commands of the README: `make quickstart` and `make test`.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
BACKENDS := tensorflow jax torch
JOBS ?= 2

.PHONY: quickstart test lint types docs package format clean $(addprefix test-,$(BACKENDS))

# The environment of a user on one backend, then the main job.
quickstart: $(VENV)/.quickstart
	# TensorFlow leaves oneDNN off on AMD CPUs, where it is faster too.
	for model in simclr clip; do \
	  TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=1 \
	    $(RUN) examples/quickstart_$$model.py || exit 1; \
	done
	@cat runs/quickstart/*.md; ls runs/quickstart/*.png

# The whole suite, once per backend.
test: lint types $(addprefix test-,$(BACKENDS))

$(addprefix test-,$(BACKENDS)): test-%: $(VENV)/.dev
	# One thread a process: OpenMP threads that outnumber the cores spin.
	KERAS_BACKEND=$* OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) --durations=10

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

types: $(VENV)/.dev
	$(VENV)/bin/mypy

# The site, under `build/site`. A warning, such as a dead link, is an error.
docs: $(VENV)/.docs
	KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 NO_MKDOCS_2_WARNING=1 \
	  $(RUN) -m mkdocs build --strict --quiet

# Wheel and sdist, the wheel tried in an environment that has nothing else.
package: $(VENV)/.dev
	rm -rf dist build/package
	$(VENV)/bin/pip install --quiet build
	$(RUN) -m build --outdir dist
	$(PYTHON) -m venv build/package
	build/package/bin/pip install --quiet torch==2.13.0 dist/*.whl
	cd build && KERAS_BACKEND=torch package/bin/python ../tests/smoke.py
	ls -l dist

format: $(VENV)/.dev
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

clean:
	rm -rf $(VENV) build dist runs

$(VENV)/.quickstart: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --editable '.[plots,text]' tensorflow-cpu
	touch $@

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	# Before what depends on torch could ask for another build of it.
	$(VENV)/bin/pip install --quiet torch==2.13.0
	$(VENV)/bin/pip install --quiet --editable '.[dev]'
	# Without tensorflow-text, which would bring a second TensorFlow along.
	$(VENV)/bin/pip install --quiet --no-deps keras-hub keras-nlp \
	  kagglehub kagglesdk
	$(VENV)/bin/pip install --quiet regex requests tqdm pyyaml
	touch $@

$(VENV)/.docs: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --editable '.[docs]'
	touch $@
