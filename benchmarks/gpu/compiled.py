"""The train steps as XLA compiles them for an H100, without one.

    python3.12 -m venv .venv-h100
    .venv-h100/bin/pip install keras==3.15.1 jax==0.11.2 jaxlib==0.11.2
    .venv-h100/bin/pip install --no-deps \\
      jax-cuda13-plugin==0.11.2 jax-cuda13-pjrt==0.11.2
    KERAS_BACKEND=jax .venv-h100/bin/python benchmarks/gpu/compiled.py

SimCLR (ResNet-18, CIFAR stem) and CLIP (ViT-B/32) at batch 512 in mixed
bfloat16, and the losses, on JAX: how many kernels a step launches, how many
bytes they read and write, how much memory they need beside the weights, and in
which dtype the convolutions are. Beside them, steps written by hand in JAX.
Writes `benchmarks/results/compiled.json`, whose rows of other cases it keeps,
and `compiled.md`; takes some twenty minutes of one core and 6 GB. Nothing runs:
no time is measured.
"""

import argparse
import json
import os
import sys
import time
from importlib import metadata
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
sys.path.insert(0, str(Path(__file__).parents[2]))

import ahead_of_time
import clip_by_hand
import jax
import keras
import package_steps
import simclr_by_hand
from executable import Executable

import keras_contrastive as kc

RESULTS = Path(__file__).parents[1] / "results"
# Of an H100, as measured by a copy.
BYTES_PER_SECOND = 3e12

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--batch-size", default=512, type=int)
parser.add_argument("--output", default=RESULTS / "compiled.md", type=Path)
parser.add_argument("--only", nargs="+", help="names of cases; all by default")
parser.add_argument("--text", type=Path, help="folder for the programs' text")


def simclr_by_hand_step(batch_size):
    images = package_steps.images(batch_size, 32)
    return simclr_by_hand.step, (simclr_by_hand.initial_state(), images)


def simclr(batch_size, **arguments):
    model = package_steps.simclr(**arguments)
    return package_steps.jax_step(model, package_steps.images(batch_size, 32))


def clip_by_hand_step(batch_size):
    batch = package_steps.pairs(batch_size, 224)
    return clip_by_hand.step, (clip_by_hand.initial_state(), batch)


def clip(batch_size, **arguments):
    model = package_steps.clip(**arguments)
    return package_steps.jax_step(model, package_steps.pairs(batch_size, 224))


def loss(function, count, dim=512):
    """A loss of two tensors and both of its gradients."""
    embeddings = jax.ShapeDtypeStruct((count, dim), "float32")
    gradients = jax.value_and_grad(lambda a, b: function(a, b), (0, 1))
    return gradients, (embeddings, embeddings)


def clip_loss_by_hand(a, b):
    unit = clip_by_hand.unit
    return clip_by_hand.clip_loss(unit(a), unit(b), 1 / 0.07)


def cases(batch_size):
    """Names, each with a callable that makes a function and its arguments."""
    n = batch_size
    return {
        "SimCLR, by hand": lambda: simclr_by_hand_step(n),
        "SimCLR, no augmentation": lambda: simclr(n, augment=False),
        "SimCLR": lambda: simclr(n),
        "SimCLR, default metrics": lambda: simclr(n, metrics=None),
        "CLIP, by hand": lambda: clip_by_hand_step(n),
        "CLIP, no augmentation": lambda: clip(n, augment=False),
        "CLIP": lambda: clip(n),
        "CLIP, default metrics": lambda: clip(n, metrics=None),
        "CLIP, microbatches of 64": lambda: clip(n, microbatch_size=64),
        "CLIP loss of 16,384 x 512, by hand": lambda: loss(
            clip_loss_by_hand, 16384
        ),
        "CLIP loss of 16,384 x 512": lambda: loss(kc.losses.CLIPLoss(), 16384),
        "CLIP loss of 65,536 x 512": lambda: loss(kc.losses.CLIPLoss(), 65536),
        "NT-Xent of 65,536 x 512": lambda: loss(
            kc.losses.NTXentLoss(0.2), 65536
        ),
    }


def measured(make, text_path):
    """What one case is compiled to, as the cells of a row."""
    keras.utils.clear_session()  # which forgets the policy too
    keras.config.set_dtype_policy("mixed_bfloat16")
    function, arguments = make()
    is_step = len(jax.tree.leaves(arguments)) > 2
    compiled = ahead_of_time.compile_for_h100(
        function, arguments, donated=(0,) if is_step else ()
    )
    text = compiled.as_text()
    if text_path:
        text_path.write_text(text)
    executable = Executable(text)
    traffic = executable.traffic()
    convolutions = ", ".join(
        f"{count} {dtype}"
        for dtype, count in executable.convolutions().most_common()
    )
    return {
        "kernels": traffic.kernels,
        "bytes": traffic.bytes,
        "temporary": compiled.memory_analysis().temp_size_in_bytes,
        "largest_float32": executable.largest_float32(),
        "convolutions": convolutions or "none",
    }


def table(rows):
    lines = [
        "| | kernels | GB moved | over the step by hand | ms at 3 TB/s | "
        "temporary GB | largest float32, MB | convolutions |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        base = rows.get(f"{name.split(', ')[0]}, by hand")
        if "loss" in name:
            base = rows.get(f"{name.removesuffix(', by hand')}, by hand")
        over = ""
        if base and base is not row:
            over = f"{row['bytes'] / base['bytes'] - 1:+.1%}"
        lines.append(
            f"| {name} | {row['kernels']:,} | {row['bytes'] / 1e9:.1f} | "
            f"{over} | {1e3 * row['bytes'] / BYTES_PER_SECOND:.1f} | "
            f"{row['temporary'] / 1e9:.2f} | "
            f"{row['largest_float32'] / 1e6:,.0f} | {row['convolutions']} |"
        )
    return lines


def page(rows, batch_size):
    versions = ", ".join(
        f"{name} {metadata.version(name)}"
        for name in ("keras", "jax", "jax-cuda13-plugin")
    )
    return "\n".join(
        [
            "# Train steps compiled for an H100",
            "",
            "Compiled, not run: kernels that a step launches, bytes that they "
            "read and write, memory beside the arguments, dtype of the "
            f"convolutions. Batch {batch_size}, mixed bfloat16, metrics left "
            "out where not named, the loss in float32. [Speed](../../docs/"
            "speed.md#on-a-gpu) says what it means.",
            "",
            *table(rows),
            "",
            f"`python benchmarks/gpu/compiled.py`, {versions}.",
            "",
        ]
    )


def main(args):
    path = args.output.with_suffix(".json")
    rows = json.loads(path.read_text()) if path.exists() else {}
    order = cases(args.batch_size)
    for name, make in order.items():
        if args.only and name not in args.only:
            continue
        start = time.perf_counter()
        rows[name] = measured(make, args.text and args.text / f"{name}.txt")
        seconds = time.perf_counter() - start
        print(f"{name}: {rows[name]}, {seconds:.0f} s", flush=True)
        rows = {each: rows[each] for each in order if each in rows}
        path.write_text(json.dumps(rows, indent=1) + "\n")
    args.output.write_text(page(rows, args.batch_size))


if __name__ == "__main__":
    main(parser.parse_args())
