"""Contenders, each run with several seeds, their table and their curves."""

import importlib
import itertools
import json
import os
import queue
import statistics
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import peers
from own_process import run_case

HERE = Path(__file__).parent


def ours(backend, script, **changes):
    """Our side on a backend: what `run` needs to know of a contender.

    `changes` are where its case differs from that of the others.
    """
    variables = {"KERAS_BACKEND": backend, "TF_ENABLE_ONEDNN_OPTS": "1"}
    return HERE / script, sys.executable, variables, changes


def peer(script, **changes):
    """As `ours`, of a script that the peers' interpreter runs."""
    return HERE / script, peers.python(), {}, changes


def beside(backends, script, others):
    """Contenders: ours on each backend, and `others`, names to scripts."""
    contenders = {
        f"keras_contrastive, {backend}": ours(backend, script)
        for backend in backends
    }
    return contenders | {name: peer(path) for name, path in others.items()}


def keras_versions():
    """Keras' version and its backend's, to be called on our side."""
    import keras

    backend = importlib.import_module(keras.backend.backend())
    return f"Keras {keras.version()}, {backend.__name__} {backend.__version__}"


def run(contenders, seeds, case, folder, evaluate, workers=1):
    """Trains each contender with each seed, a process a run.

    What is done lies in `folder` and is not done again with the same case.

    Args:
        contenders: Dict from names to what `ours` or `peer` returned.
        seeds: List of ints.
        case: Dict of what the scripts need; `"seed"` and `"output"`, where a
            run leaves its arrays, are added.
        folder: Path of everything that the runs leave.
        evaluate: Function of the path of a run's arrays, to a dict of numbers.
        workers: Int, runs at a time, each on its share of the cores.

    Returns:
        Dict of the contenders' names to a list of one dict a seed.
    """
    cores = sorted(os.sched_getaffinity(0))
    shares = queue.SimpleQueue()
    for worker in range(workers):
        shares.put(cores[worker::workers])

    def run_one(seed, name):
        script, interpreter, variables, changes = contenders[name]
        output = folder / f"{name.replace(', ', '-')}-{seed}"
        done = output / "result.json"
        one = {**case, **changes, "seed": seed, "output": str(output)}
        found = json.loads(done.read_text()) if done.exists() else {}
        if found.get("case") == one:
            return found
        output.mkdir(parents=True, exist_ok=True)
        share = shares.get()
        try:
            found = run_case(
                script,
                one,
                interpreter,
                env={**os.environ, **variables},
                preexec_fn=lambda: os.sched_setaffinity(0, share),
            )
        finally:
            shares.put(share)
        if found is None:
            raise RuntimeError(f"{name}, seed {seed}: failed, see above")
        found |= {"case": one, **evaluate(output)}
        done.write_text(json.dumps(found))
        print(name, "seed", seed, found, flush=True)
        return found

    order = list(itertools.product(seeds, contenders))
    results = {name: [] for name in contenders}
    with ThreadPoolExecutor(workers) as pool:
        runs = pool.map(lambda one: run_one(*one), order)
        for (_, name), found in zip(order, runs, strict=True):
            results[name].append(found)
    return results


def report(results, columns, title, stem):
    """Writes a table and a plot to `stem` with .md and .png; prints the table.

    Args:
        results: What `run` returned.
        columns: Dict of the keys of numbers in [0, 1] to what they are called.
        title: String above the table.
        stem: Path without its ending.
    """
    lines = [
        f"{title}; mean ± standard deviation (each seed)",
        "",
        f"| contender | {' | '.join(columns.values())} | minutes |",
        "|---" * (2 + len(columns)) + "|",
    ]
    for name, runs in results.items():
        cells = [cell([one[key] for one in runs]) for key in columns]
        minutes = statistics.mean(one["seconds"] for one in runs) / 60
        lines.append(f"| {name} | {' | '.join(cells)} | {minutes:.1f} |")
    versions = {runs[0]["versions"] for runs in results.values()}
    lines += ["", "; ".join(sorted(versions))]
    stem.parent.mkdir(exist_ok=True)
    stem.with_suffix(".md").write_text("\n".join(lines) + "\n")
    plot(results, columns, stem.with_suffix(".png"))
    print("\n".join(lines))


def cell(values):
    """Mean ± standard deviation (each), in per cent."""
    percents = [100 * value for value in values]
    each = ", ".join(f"{value:.1f}" for value in percents)
    if len(values) == 1:
        return f"{each}%"
    return (
        f"{statistics.mean(percents):.1f} ± {statistics.stdev(percents):.1f}% "
        f"({each})"
    )


def plot(results, columns, path):
    """The loss of each epoch, and the numbers at the end, a dot a seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (curves, dots) = pyplot.subplots(1, 2, figsize=(10, 4))
    for place, (name, runs) in enumerate(results.items()):
        colour = f"C{place}"
        for number, one in enumerate(runs):
            epochs = range(1, len(one["losses"]) + 1)
            label = name if number == 0 else None
            curves.plot(epochs, one["losses"], color=colour, label=label)
        for column, key in enumerate(columns):
            offset = column + 0.15 * (place - (len(results) - 1) / 2)
            values = [100 * one[key] for one in runs]
            dots.plot([offset] * len(values), values, "o", color=colour)
    curves.set_xlabel("epoch")
    curves.xaxis.get_major_locator().set_params(integer=True)
    curves.set_ylabel("training loss, mean of the epoch")
    curves.legend()
    labels = [textwrap.fill(label, 14) for label in columns.values()]
    dots.set_xticks(range(len(columns)), labels)
    dots.set_ylabel("%")
    for axis in (curves, dots):
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
