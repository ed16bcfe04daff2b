"""Tries the tests on faulty copies of the package: who notices?

    KERAS_BACKEND=torch python -m tests.mutation.run losses evaluation

The faults are made in a copy of the tree. A mutant is killed if a test fails
or the tests hang. The tests named after the file run first, with those that
killed its last mutants. Each run is a fork of one process that has imported
what does not change, and computed nothing: threads would not survive the fork.
"""

import argparse
import collections
import contextlib
import gc
import math
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.mutation.mutants import mutants_of

BACKEND = os.environ["KERAS_BACKEND"]
ROOT = Path(__file__).parents[2]
# The file of this backend's collectives, and the tests that must notice.
STRATEGIES = ["all_gather", "replicas"]
COLLECTIVES = {
    "torch": ("torch.py", ["torch_collectives"]),
    "tensorflow": ("tensorflow.py", STRATEGIES),
    "jax": ("single_view.py", ["single_view", *STRATEGIES]),
}
FILE, NOTICING = COLLECTIVES[BACKEND]
# The teacher, the queue, the heads, and the features by patches.
LAYERS = [
    "center",
    "feature_queue",
    "momentum_encoder",
    "projection_head",
    "prototypes",
    "patch_dictionary",
    "patch_features",
]
# The steps of this backend, and what they need on all backends.
STEPS = [
    BACKEND,
    "microbatches",
    "random_states",
    "step_metrics",
    "training_statistics",
]
# The files of each subject, and their tests, the quickest first.
SUBJECTS = {
    "losses": (
        ["*.py"],
        ["tests/losses/test_supcon_loss.py", "tests/losses"],
    ),
    "evaluation": (
        ["*.py"],
        ["tests/evaluation", "tests/metrics/test_effective_rank.py"],
    ),
    "layers": (
        [f"{name}.py" for name in LAYERS],
        [
            f"tests/layers/test_{name}.py"
            for name in ["configs", *LAYERS]
            if name != "patch_dictionary"
        ],
    ),
    "index": (
        ["*.py"],
        [
            "tests/index/test_columns.py",
            "tests/index/test_exact_search.py",
            "tests/index/test_embedding_index.py",
            "tests/index",
        ],
    ),
    "trainer": (
        [f"{name}.py" for name in STEPS],
        [
            "tests/trainer/test_steps.py",
            "tests/trainer/test_torch_steps.py",
            "tests/trainer/test_training_statistics.py",
            "tests/trainer/test_random_states.py",
            "tests/trainer/test_step_metrics.py",
            "tests/trainer/test_microbatches.py",
            "tests/trainer/test_training_in_parts.py",
            "tests/trainer/test_bad_values.py",
        ],
    ),
    "distribution": (
        [FILE, "preserved_random_state.py"],
        [
            f"tests/distribution/test_{name}.py"
            for name in ["preserved_random_state", *NOTICING]
        ],
    ),
}
LEAST_KILLED = 0.9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subjects", nargs="+", choices=SUBJECTS)
    parser.add_argument(
        "--files",
        nargs="+",
        default=["*"],
        help="patterns of names, such as 'knn*'",
    )
    parser.add_argument(
        "--part",
        default="1/1",
        help="such as 2/3: every third, from the second on",
    )
    parser.add_argument(
        "--again",
        type=Path,
        help="file with the output of an earlier run: its survivors only",
    )
    arguments = parser.parse_args()
    only = arguments.again and survivors_in(arguments.again.read_text())
    choice = arguments.files, arguments.part, only
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in ("keras_contrastive", "tests", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, name)
        sys.path.insert(0, folder)
        os.environ["PYTHONPATH"] = folder
        # Otherwise each fork compiles the whole package again.
        sys.dont_write_bytecode = False
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        # `tests` is from now on that of the copy.
        for name in [n for n in sys.modules if n.split(".")[0] == "tests"]:
            del sys.modules[name]
        import_what_does_not_change(arguments.subjects)
        for subject in arguments.subjects:
            failed |= not try_all(subject, *choice)
        os.chdir(ROOT)
    return failed


def import_what_does_not_change(subjects):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if BACKEND == "torch" and "evaluation" not in subjects:
        # Its import and its context take longer than most tests.
        import tests.hide_tensorflow  # noqa: F401
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    from hypothesis import HealthCheck
    from hypothesis import Phase
    from hypothesis import settings

    # The same examples each time, and the first failure is enough. A slow
    # machine is no failure.
    settings.register_profile(
        "mutation",
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutation")
    import keras  # noqa: F401
    import pytest  # noqa: F401
    import sklearn.linear_model  # noqa: F401

    with contextlib.suppress(ImportError):
        # Keras imports it to set its seed, as every test does.
        import tensorflow  # noqa: F401

    gc.freeze()  # or each fork would copy what it only counts


def survivors_in(output):
    """Files and changes, without the lines, which may have moved."""
    found = [each.split(":", 2) for each in output.splitlines()]
    return {(row[0], row[2].strip()) for row in found if len(row) == 3}


def try_all(subject, names, part, only):
    """Prints a subject's survivors and a table; whether enough were killed."""
    patterns, tests = SUBJECTS[subject]
    folder = Path("keras_contrastive", subject)
    paths = sorted(path for p in patterns for path in folder.glob(p))
    this, parts = map(int, part.split("/"))
    start = time.monotonic()
    if not passes([], tests, timeout=1200, cpu_seconds=120):
        failing = [*killers] or tests
        raise SystemExit(f"{failing} fail without any fault.")
    limits = 60 + 10 * (time.monotonic() - start), 10 + 3 * cpu_of_forks()
    # The files of bytecode are those of the package without fault, from here.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    table = []
    for path in paths:
        if not any(map(path.match, names)):
            continue
        source = path.read_text()
        mutants = mutants_of(source, BACKEND)[this - 1 :: parts]
        if only is not None:
            mutants = [m for m in mutants if (str(path), m.change) in only]
        alive = 0
        killers.clear()
        own = Path("tests", subject, f"test_{path.name}")
        first = [str(own)] if own.exists() else []
        for mutant in mutants:
            path.write_text(mutant.source)
            if passes(first, tests, *limits):
                alive += 1
                print(f"{path}:{mutant.line}: {mutant.change}", flush=True)
        path.write_text(source)
        table.append((path, len(mutants), alive))
        print(f"{path}: {len(mutants)} mutants, {alive} survive", flush=True)
    count, alive = (sum(row[i] for row in table) for i in (1, 2))
    print(f"\n| {BACKEND} | mutants | killed | survivors |")
    print("|---|---|---|---|")
    for name, mutants, survivors in [*table, (subject, count, alive)]:
        killed = mutants - survivors
        print(f"| `{name}` | {mutants} | {killed} | {survivors} |")
    killed = 1 - alive / max(count, 1)
    print(f"{killed:.1%} killed\n", flush=True)
    return killed >= LEAST_KILLED


# What killed the last mutants is tried first on the next one.
killers = collections.deque(maxlen=4)


class NameOfFailure:
    """Pytest plugin that writes the name of the test that fails."""

    def __init__(self, pipe):
        self.pipe = pipe

    def pytest_runtest_logreport(self, report):
        if report.failed:
            os.write(self.pipe, report.nodeid.encode())


def passes(first, tests, timeout, cpu_seconds):
    """Whether the tests pass within both limits, in a fork.

    `first`, and what killed other mutants, runs before all tests are loaded.
    """
    plugins = ["cacheprovider", "unraisableexception", "threadexception"]
    arguments = ["-x", *(f"-pno:{plugin}" for plugin in plugins)]
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        # Loops without end, however busy the machine is.
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        stages = [*reversed(killers), *first], tests
        stages = [[*arguments, *stage] for stage in stages if stage]
        run_and_leave(stages, write_end)
    os.close(write_end)
    code = exit_code(child, timeout)
    killer = os.read(read_end, 1000).decode()
    os.close(read_end)
    if killer and killer not in killers:
        killers.append(killer)
    return code == 0


def cpu_of_forks():
    """Processor seconds of the forks that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return math.ceil(used.ru_utime + used.ru_stime)


def run_and_leave(stages, pipe):
    """Pytest with each list of arguments, in a fork that never returns."""
    import pytest

    os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    code = 1
    try:
        for arguments in stages:
            code = pytest.main(arguments, plugins=[NameOfFailure(pipe)])
            if code:
                break
    finally:
        os._exit(int(code))


def exit_code(child, timeout):
    """That of a forked process, or of its end after the timeout."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
