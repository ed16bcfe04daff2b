# The two commands of the README: `make quickstart` and `make test`.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
BACKENDS := tensorflow jax torch
JOBS ?= 2

# Tests start hundreds of processes: without bytecode, each compiles Keras and
# its backend again, which takes longer than most tests.
export PYTHONDONTWRITEBYTECODE :=

# The tests have XLA compile small programs again and again, and run them once.
XLA_QUICKLY := JAX_COMPILATION_CACHE_DIR=$(CURDIR)/build/jax \
  JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
  JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1 \
  XLA_FLAGS="--xla_backend_optimization_level=0 \
  --xla_llvm_disable_expensive_passes=true"

# What tells first whether another Keras fits.
CORE := tests/losses tests/layers tests/optimizers tests/encoders tests/trainer \
  tests/models
OLDEST := $(BACKENDS:%=test-keras-oldest-%)
NIGHTLY := $(BACKENDS:%=test-keras-nightly-%)
RUN_CORE = $(XLA_QUICKLY) KERAS_BACKEND=$* OMP_NUM_THREADS=1 \
  $(RUN) -m pytest -n $(JOBS) -m "$(EACH)" $(CORE)

# What runs the package's files of one backend.
OF_A_BACKEND := tests/losses/test_blocks.py tests/models/test_simclr_model.py \
  tests/trainer/test_training_in_parts.py tests/distribution/test_all_gather.py \
  tests/distribution/test_replicas.py

.PHONY: quickstart test $(BACKENDS:%=test-%) test-slow test-browser benchmark lint types docs package \
  format clean fuzz coverage mutation test-without-tensorflow test-as-on-gpu \
  test-keras-oldest $(OLDEST) test-keras-nightly $(NIGHTLY)

# The environment of a user on one backend, then the main job.
quickstart: $(VENV)/.quickstart
	# TensorFlow leaves oneDNN off on AMD CPUs, where it is faster too.
	for model in simclr clip; do \
	  TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=1 \
	    $(RUN) examples/quickstart_$$model.py || exit 1; \
	done
	@cat runs/quickstart/*.md; ls runs/quickstart/*.png

# The suite: all of it on PyTorch; on the others, and under the lowest Keras,
# what may differ there.
test: lint types $(BACKENDS:%=test-%) test-keras-oldest-torch

# One thread a process: OpenMP threads that outnumber the cores spin.
RUN_TESTS = $(XLA_QUICKLY) OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS)
EACH := not slow and not one_backend

test-torch: $(VENV)/.dev
	KERAS_BACKEND=torch $(RUN_TESTS) --durations=10 -m "not slow"

test-tensorflow test-jax: test-%: $(VENV)/.dev
	KERAS_BACKEND=$* $(RUN_TESTS) --durations=10 -m "$(EACH)"

# More kills, replicas and dtypes, and what is the same on every backend on
# each of them.
test-slow: $(VENV)/.dev
	for backend in $(BACKENDS); do \
	  KERAS_BACKEND=$$backend $(RUN_TESTS) -m "slow or one_backend" || exit 1; \
	done

# The report's map in a browser: apt-get install chromium. Playwright drives it.
test-browser: $(VENV)/.dev
	$(VENV)/bin/pip install --quiet playwright
	KERAS_BACKEND=torch $(RUN_TESTS) -rs tests/visualization/test_map_in_browser.py

# The parts of the suite that JAX and PyTorch run, where nothing finds
# TensorFlow.
test-without-tensorflow: $(VENV)/.dev
	for backend in jax torch; do \
	  KERAS_BACKEND=$$backend OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) \
	    -p tests.hide_tensorflow $(CORE) tests/datasets || exit 1; \
	done

# The paths of a GPU, without one: tests/as_on_gpu. TensorFlow compiles each
# step with XLA, which takes an hour.
test-as-on-gpu: $(VENV)/.dev
	KERAS_BACKEND=torch $(RUN_TESTS) -p tests.as_on_gpu -m "not slow"
	for backend in jax tensorflow; do \
	  KERAS_BACKEND=$$backend $(RUN_TESTS) -p tests.as_on_gpu -m "$(EACH)" \
	    $(CORE) tests/callbacks tests/evaluation tests/metrics || exit 1; \
	done

# The lowest Keras that pyproject.toml allows, and tomorrow's, which may fail
# (`make -k` goes on): it tells what will break. They go before the installed
# one on the path.
test-keras-oldest: $(OLDEST)
test-keras-nightly: $(NIGHTLY)

$(OLDEST): test-keras-oldest-%: build/keras-oldest
	PYTHONPATH=$(CURDIR)/$< $(RUN_CORE)

$(NIGHTLY): test-keras-nightly-%: build/keras-nightly
	PYTHONPATH=$(CURDIR)/$< $(RUN_CORE)

build/keras-oldest: $(VENV)/.dev
	$(VENV)/bin/pip install --quiet --no-deps --target $@ keras==3.15.0

# Anew each time it is not there: `rm -r build/keras-nightly` for a newer one.
build/keras-nightly: $(VENV)/.dev
	$(VENV)/bin/pip install --quiet --pre --no-deps --target $@ keras-nightly

# The readers of data on 100,000 damaged files, and trainings put together at
# random.
fuzz: $(VENV)/.dev
	$(RUN) -m tests.fuzz.run --count 100000
	for backend in $(BACKENDS); do \
	  KERAS_BACKEND=$$backend $(RUN) -m tests.fuzz.trainings --count 50 || exit 1; \
	done

# The package's lines that the suite runs: all of it on PyTorch, and on the
# others what is theirs. Fails below the least that pyproject.toml asks for.
coverage: $(VENV)/.dev
	rm -rf build/coverage
	OMP_NUM_THREADS=1 KERAS_BACKEND=torch \
	  $(RUN) -m coverage run -m pytest -n $(JOBS)
	for backend in tensorflow jax; do \
	  $(XLA_QUICKLY) OMP_NUM_THREADS=1 KERAS_BACKEND=$$backend \
	    $(RUN) -m coverage run -m pytest -n $(JOBS) $(OF_A_BACKEND) || exit 1; \
	done
	$(RUN) -m coverage combine --quiet
	$(RUN) -m coverage report

# Small faults in the package, of which the tests must notice nine in ten:
# docs/mutation.md.
mutation: $(VENV)/.dev
	OMP_NUM_THREADS=1 KERAS_BACKEND=torch \
	  $(RUN) -m tests.mutation.run losses evaluation layers index trainer \
	  distribution
	export OMP_NUM_THREADS=1 $(XLA_QUICKLY); \
	for backend in tensorflow jax; do \
	  export KERAS_BACKEND=$$backend; \
	  $(RUN) -m tests.mutation.run losses --files 'accumulate*' || exit 1; \
	  $(RUN) -m tests.mutation.run trainer --files "$$backend*" || exit 1; \
	  $(RUN) -m tests.mutation.run distribution || exit 1; \
	done

# Beside other packages, on a machine that does nothing else; it takes long.
# Quality has commands of its own, in docs/results.md.
benchmark: $(VENV)/.dev
	for script in loss microbatches augmentation training_step input_pipeline \
	  evaluation start_up; do $(RUN) benchmarks/$$script.py || exit 1; done
	ls benchmarks/results

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
	build/package/bin/keras-contrastive --version
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
	# Before what depends on torch could ask for another build of it. Python
	# compiles what is imported, a small part.
	$(VENV)/bin/pip install --quiet --no-compile torch==2.13.0
	$(VENV)/bin/pip install --quiet --no-compile --editable '.[dev]'
	# Without tensorflow-text, which would bring a second TensorFlow along.
	$(VENV)/bin/pip install --quiet --no-deps keras-hub keras-nlp \
	  kagglehub kagglesdk
	$(VENV)/bin/pip install --quiet regex requests tqdm pyyaml
	touch $@

$(VENV)/.docs: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --editable '.[docs]'
	touch $@
