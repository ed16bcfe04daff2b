"""Throws damaged files at the readers of data.

    python -m tests.fuzz.run --count 100000
    python -m tests.fuzz.run --count 20000 --coverage   # pip install atheris

By default files are damaged at random, evenly over the readers. `--coverage`
lets libFuzzer look for the inputs of one reader after the other that reach new
lines of the package (atheris). An input that brings a reader down, or that
takes it more than a minute of the processor, is kept in `--crashes`.
"""

import argparse
import collections
import random
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

from tests.fuzz import readers

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--count", default=100_000, type=int)
parser.add_argument("--seed", default=0, type=int)
parser.add_argument("--coverage", action="store_true")
parser.add_argument("--target", help="one reader, for --coverage")
parser.add_argument("--crashes", default="fuzz_crashes", type=Path)


def hangs(signum, frame):
    raise RuntimeError("a minute is too long")


def check(target, content, folder, crashes):
    """Like `readers.attempt`, within a minute and keeping what crashes."""
    signal.setitimer(signal.ITIMER_PROF, 60)
    try:
        return readers.attempt(target, content, folder)
    except Exception:
        crashes.mkdir(exist_ok=True)
        path = crashes / f"{target.__name__}-{hash(content) & 0xFFFFFFFF:08x}"
        path.write_bytes(content)
        print(f"kept {path}")
        raise
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def at_random(args, folder):
    rng = random.Random(args.seed)
    tried, read = collections.Counter(), collections.Counter()
    start = time.process_time()
    targets = list(readers.SEEDS)
    for number in range(args.count):
        target = targets[number % len(targets)]
        content = readers.mutated(rng, target)
        tried[target] += 1
        read[target] += check(target, content, folder, args.crashes)
    for target, count in tried.items():
        print(f"{target.__name__}: {count} inputs, {read[target]} read")
    print(f"{args.count} inputs, {time.process_time() - start:.0f} s of CPU")


def by_coverage(args, folder):
    """One target: libFuzzer ends the process."""
    import atheris

    target = getattr(readers, args.target)
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(readers.SEEDS[target]):
        (corpus / str(number)).write_bytes(seed)
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith(
            "keras_contrastive.datasets."
        ):
            for value in vars(module).values():
                if getattr(value, "__module__", None) != module.__name__:
                    continue
                if callable(value) and hasattr(value, "__code__"):
                    atheris.instrument_func(value)
    atheris.Setup(
        [sys.argv[0], f"-runs={args.count}", "-verbosity=0", str(corpus)],
        lambda content: check(target, content, folder, args.crashes),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, hangs)
    with tempfile.TemporaryDirectory() as folder:
        run = by_coverage if args.coverage else at_random
        run(args, Path(folder))
