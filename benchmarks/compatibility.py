"""Which backbones of other packages train here, on which backend.

    pip install 'keras_contrastive[hub,cv,tensorflow,jax,torch]'
    python benchmarks/compatibility.py

Takes each backbone of `tests/backbones`, small and randomly initialised,
through `models.pooled`, a forward pass, a step of `SimCLRModel` or `CLIPModel`
and a `.keras` round trip, on each backend, and writes the table into
`docs/backbones.md`. A package that is not installed is left out; a package and
a backend that are not asked for keep what was found last.
"""

import argparse
import json
import os
import sys
from importlib import metadata
from importlib import util
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from own_process import run_case

KEPT = ROOT / "benchmarks" / "results" / "compatibility.json"
PAGE = ROOT / "docs" / "backbones.md"
START, END = "<!-- from benchmarks/compatibility.py -->", "<!-- to here -->"
BACKENDS = ("tensorflow", "jax", "torch")
CASES = (
    ("images", "keras-hub"),
    ("texts", "keras-hub"),
    ("images", "keras-cv"),
    ("images", "keras.applications"),
)
PACKAGES = sorted({package for _, package in CASES})

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--backends", default=BACKENDS, nargs="+")
parser.add_argument("--packages", nargs="+", default=PACKAGES)
parser.add_argument("--run", help="one package, in its own process")


def run(kind, package):
    """For each family what failed: `[step, reason]`, or None."""
    if util.find_spec("torch"):
        import torch  # noqa: F401  Before TensorFlow.
    import keras

    from tests.backbones import images
    from tests.backbones import steps
    from tests.backbones import texts

    if kind == "images":
        cases = {
            family: steps.image_steps(make)
            for family, make in images.PACKAGES[package]().items()
        }
    else:
        import keras_hub

        cases = {
            family: steps.text_steps(*case)
            for family, case in texts.families(keras_hub).items()
        }
    found = {}
    for family, doing in cases.items():
        keras.utils.set_random_seed(0)
        done = []
        try:
            done.extend(doing)
            found[family] = None
        except Exception as error:
            step = steps.STEPS[len(done)]
            lines = str(error).strip().splitlines() or [""]
            found[family] = [step, f"{type(error).__name__}: {lines[0][:200]}"]
        print(package, family, found[family], file=sys.stderr, flush=True)
        keras.utils.clear_session()
    return found


def measure(backend, packages):
    """Runs those that are installed on one backend; keeps what it finds."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        # Each model runs a few times only: what takes long is to compile it.
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
    }
    for kind, package in CASES:
        if package in packages and util.find_spec(package.replace("-", "_")):
            case = [kind, package]
            found = run_case(__file__, case, env=environment)
            results = json.loads(KEPT.read_text()) if KEPT.exists() else {}
            results.setdefault(f"{package}, {kind}", {})[backend] = found
            KEPT.write_text(json.dumps(results, indent=1) + "\n")


def tables(results):
    reasons = []
    for kind, package in CASES:
        found = results.get(f"{package}, {kind}")
        if found is None:
            continue
        name = version(package, "keras")
        yield f"\n**{name}, {kind}**\n"
        yield f"| | {' | '.join(BACKENDS)} |"
        yield "|---" * (1 + len(BACKENDS)) + "|"
        for family in next(iter(found.values())):
            cells = []
            for backend in BACKENDS:
                if backend not in found:
                    cells.append("not run")
                elif found[backend][family] is None:
                    cells.append("yes")
                else:
                    step, reason = found[backend][family]
                    reason = reason.replace("`", "")
                    cells.append(f"not {step}")
                    reasons.append(
                        f"- {name}, {family}, {backend}, {step}: `{reason}`"
                    )
            yield f"| {family} | {' | '.join(cells)} |"
    if reasons:
        yield "\nWhy not:\n"
        yield from reasons


def version(*names):
    """Of the first of the names that is installed."""
    for name in names:
        try:
            return f"{names[0]} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return f"{names[0]} not installed"


def write(results):
    versions = ", ".join(
        [
            version("keras"),
            version("tensorflow", "tensorflow-cpu"),
            version("jax"),
            version("torch"),
        ]
    )
    lines = [START, f"\n{versions}.", *tables(results), "", END]
    before, rest = PAGE.read_text().split(START)
    PAGE.write_text(before + "\n".join(lines) + rest.split(END)[1])


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(*json.loads(args.run))))
    else:
        for backend in args.backends:
            measure(backend, args.packages)
            write(json.loads(KEPT.read_text()))
