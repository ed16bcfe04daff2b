"""Losses beside those of other packages: time and memory.

    python benchmarks/loss.py

Forward and backward pass of a loss on N pairs of embeddings, each contender in
a process of its own, all of them in turn, several rounds. Time is the median of
the steps after the first; memory is what the peak of the process grew by over
the embeddings, the first step's compilation included. A first step of more
than a minute is the time, too. Writes a table and a plot into
`benchmarks/results/`, and keeps there what earlier calls measured.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import peers
from own_process import peak_bytes
from own_process import run_case
from side_by_side import machine

CONTENDERS = {
    "clip": [
        "open_clip",
        "naive Keras (TensorFlow)",
        "ours (TensorFlow)",
        "ours (JAX)",
        "ours (PyTorch)",
    ],
    "siglip": [
        "open_clip",
        "ours (TensorFlow)",
        "ours (JAX)",
        "ours (PyTorch)",
    ],
    "nt_xent": [
        "lightly",
        "pytorch-metric-learning",
        "ours (TensorFlow)",
        "ours (JAX)",
        "ours (PyTorch)",
    ],
}
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument(
    "--sizes", default=[1024, 4096, 16384, 65536], type=int, nargs="+"
)
parser.add_argument("--losses", default=list(CONTENDERS), nargs="+")
parser.add_argument("--dims", default=[128], type=int, nargs="+")
parser.add_argument("--memory", default=24, type=int, help="GB a process")
parser.add_argument("--rounds", default=3, type=int)
parser.add_argument("--limit", default=240, type=int, help="seconds a process")
parser.add_argument("--run", help="one contender, in its own process")
# One colour each, whatever the panel.
COLOURS = {
    "ours (TensorFlow)": "tab:orange",
    "ours (JAX)": "tab:blue",
    "ours (PyTorch)": "tab:red",
    "naive Keras (TensorFlow)": "tab:olive",
    "open_clip": "tab:grey",
    "lightly": "tab:grey",
    "pytorch-metric-learning": "tab:brown",
}
SCALE, BIAS, TEMPERATURE = 14.3, -10.0, 0.2


def embeddings(n, dim):
    import numpy as np

    rng = np.random.default_rng(0)
    first = rng.normal(size=(n, dim))
    second = first + rng.normal(size=(n, dim))
    return [x.astype("float32") for x in (first, second)]


def peer(loss, name, n):
    """A loss of another package on two tensors."""
    peers.make_torchvision_importable()
    import torch
    from torch.nn.functional import normalize

    if name == "lightly":
        from lightly.loss import NTXentLoss

        return NTXentLoss(temperature=TEMPERATURE)
    if name == "pytorch-metric-learning":
        from pytorch_metric_learning.losses import NTXentLoss
        from pytorch_metric_learning.losses import SelfSupervisedLoss

        return SelfSupervisedLoss(NTXentLoss(temperature=TEMPERATURE))
    from open_clip.loss import ClipLoss
    from open_clip.loss import SigLipLoss

    # open_clip's models normalise before they call it.
    if loss == "clip":
        module = ClipLoss()
        return lambda a, b: module(normalize(a), normalize(b), SCALE)
    module = SigLipLoss()
    scale, bias = torch.tensor(SCALE), torch.tensor(BIAS)
    return lambda a, b: module(normalize(a), normalize(b), scale, bias)


def ours(loss, name):
    """A loss of this package on two tensors, or a naive one."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import keras
    from keras import ops

    if name.startswith("naive"):

        def naive(a, b):
            a, b = keras.utils.normalize(a), keras.utils.normalize(b)
            logits = SCALE * ops.matmul(a, ops.transpose(b))
            labels = ops.arange(ops.shape(a)[0])
            entropy = keras.losses.SparseCategoricalCrossentropy(True)
            return (
                entropy(labels, logits) + entropy(labels, ops.transpose(logits))
            ) / 2

        return naive
    from keras_contrastive import losses

    if loss == "clip":
        return losses.CLIPLoss(1 / SCALE)
    if loss == "siglip":
        return losses.SigLIPLoss(1 / SCALE, BIAS)
    return losses.NTXentLoss(TEMPERATURE)


def step_of(function, backend, arrays):
    """A callable that computes value and gradients, and waits for them."""
    if backend == "JAX":
        import jax

        compiled = jax.jit(jax.value_and_grad(function, (0, 1)))
        arrays = [jax.numpy.asarray(x) for x in arrays]

        def step():
            value, _ = jax.block_until_ready(compiled(*arrays))
            return float(value)

        return step
    if backend == "TensorFlow":
        import tensorflow as tf

        tensors = [tf.constant(x) for x in arrays]

        @tf.function
        def compiled(*tensors):
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                value = function(*tensors)
            return value, tape.gradient(value, tensors)

        def step():
            value, gradients = compiled(*tensors)
            gradients[0].numpy()
            return float(value)

        return step
    import torch

    tensors = [torch.tensor(x, requires_grad=True) for x in arrays]

    def step():
        for tensor in tensors:
            tensor.grad = None
        value = function(*tensors)
        value.backward()
        return float(value)

    return step


def run(loss, name, n, dim):
    """Measures one contender in this process."""
    arrays = embeddings(n, dim)
    backend = name[name.find("(") + 1 : -1] if "(" in name else "PyTorch"
    function = ours(loss, name) if "(" in name else peer(loss, name, n)
    # A small step first: what it takes to load the libraries is no memory of
    # the loss.
    step_of(function, backend, [x[:64] for x in arrays])()
    before = peak_bytes()
    step = step_of(function, backend, arrays)
    start = time.perf_counter()
    value = step()
    first = time.perf_counter() - start
    seconds = [first] if first > 60 else []
    while len(seconds) < 5 and sum(seconds) < 10:
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return {
        "value": value,
        "seconds": statistics.median(seconds),
        "bytes": peak_bytes() - before,
    }


def measure(loss, name, n, dim, limit, memory):
    """Runs one contender in a process of its own; None where it fails."""

    def bound():
        # Fails by itself, rather than taking the machine along.
        import resource

        size = memory * 10**9
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"}
    interpreter = peers.python()
    if "(" in name:
        interpreter = sys.executable
        backend = name[name.find("(") + 1 : -1]
        names = {"TensorFlow": "tensorflow", "JAX": "jax", "PyTorch": "torch"}
        environment["KERAS_BACKEND"] = names[backend]
    return run_case(
        __file__,
        [loss, name, n, dim],
        interpreter,
        env=environment,
        timeout=limit,
        preexec_fn=bound,
    )


def plot(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    losses = list(dict.fromkeys(row["loss"] for row in rows))
    figure, axes = pyplot.subplots(
        2,
        len(losses),
        figsize=(4.5 * len(losses), 7),
        sharex=True,
        squeeze=False,
    )
    for column, loss in enumerate(losses):
        for name in CONTENDERS[loss]:
            own = [r for r in rows if r["loss"] == loss and r["name"] == name]
            style = "o-" if name.startswith("ours") else "s--"
            sizes = [r["n"] for r in own]
            for axis, key, unit in (
                (axes[0, column], "seconds", 1),
                (axes[1, column], "bytes", 1e9),
            ):
                values = [r[key] / unit for r in own]
                colour = COLOURS[name]
                axis.loglog(sizes, values, style, color=colour, label=name)
        axes[0, column].set_title(loss)
        axes[1, column].set_xlabel("pairs")
        axes[0, column].legend(fontsize=7)
    axes[0, 0].set_ylabel("seconds, forward and backward")
    axes[1, 0].set_ylabel("memory, GB")
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def table(rows):
    lines = [
        machine(),
        "",
        "| loss | dim | pairs | contender | seconds | memory | value |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = "failed | | "
        if "seconds" in row:
            cells = (
                f"{row['seconds']:.3f} | {row['bytes'] / 1e6:,.0f} MB | "
                f"{row['value']:.5f}"
            )
        lines.append(
            f"| {row['loss']} | {row['dim']} | {row['n']:,} | {row['name']} | "
            f"{cells} |"
        )
    return "\n".join(lines) + "\n"


def main(args):
    results = Path(__file__).parent / "results"
    # Of earlier calls, such as for other losses.
    path = results / "loss.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    for loss, dim in itertools.product(args.losses, args.dims):
        failed = set()
        for n in args.sizes:
            found = {name: [] for name in CONTENDERS[loss]}
            for _ in range(1 if n > 20000 else args.rounds):
                # What failed once, fails with more pairs too.
                for name in [n for n in found if n not in failed]:
                    one = measure(loss, name, n, dim, args.limit, args.memory)
                    if one is None:
                        failed.add(name)
                    else:
                        found[name].append(one)
            for name, measured in found.items():
                row = {"loss": loss, "dim": dim, "n": n, "name": name}
                rows = [r for r in rows if not row.items() <= r.items()]
                for key in ("seconds", "bytes", "value") if measured else ():
                    row[key] = statistics.median(one[key] for one in measured)
                rows.append(row)
                print(row, flush=True)
            path.write_text(json.dumps(rows, indent=1) + "\n")
            (results / "loss.md").write_text(table(rows))
    measured = [row for row in rows if "seconds" in row]
    plot([r for r in measured if r["dim"] == 128], results / "loss.png")


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(*json.loads(args.run))))
    else:
        main(args)
