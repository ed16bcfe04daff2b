"""The largest batches that train in one GPU's memory.

    KERAS_BACKEND=jax python benchmarks/gpu/large_batch.py

CLIP with towers of ViT-B/32's size (224 pixels, 77 tokens, mixed bfloat16) with
the batch embedded at once and in microbatches, and NT-Xent alone on embeddings
of 512 dimensions. Batches double until one fails; each try is a process of its
own, three steps after a first. Prints a table, and appends each row to the file
named by `--output`, so that a run that is cut short leaves what it found.

`--small` tries all of it on a CPU: tiny towers, a few examples.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from own_process import run_case

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="large_batch.md", type=Path)
parser.add_argument("--small", action="store_true")
parser.add_argument("--microbatch-size", default=256, type=int)
parser.add_argument("--limit", default=150, type=int, help="seconds a try")
parser.add_argument("--run", help="one try, in its own process")


def clip_step(batch_size, microbatch_size, small):
    """A callable that trains on one batch."""
    import keras
    import numpy as np

    import keras_contrastive as kc

    keras.config.set_dtype_policy("mixed_bfloat16")
    size, patch, width, depth, heads = (
        (32, 16, 32, 2, 2) if small else (224, 32, 768, 12, 12)
    )
    model = kc.CLIPModel(
        kc.models.VisionTransformer(
            patch, width, depth, heads, input_shape=(size, size, 3)
        ),
        kc.models.TextTransformer(
            49408, 49407, width=32 if small else 512, num_layers=depth
        ),
    )
    model.compile(
        keras.optimizers.AdamW(1e-4),
        metrics=[],
        microbatch_size=microbatch_size,
    )
    rng = np.random.default_rng(0)
    texts = rng.integers(1, 49000, (batch_size, 77)).astype("int32")
    texts[:, -1] = 49407
    images = rng.integers(0, 255, (batch_size, size, size, 3), dtype="uint8")
    data = {"images": images, "texts": texts}
    return lambda: model.train_on_batch(data)


def nt_xent_step(batch_size, microbatch_size, small):
    """A callable that computes the loss and its gradients."""
    import keras
    import numpy as np

    import keras_contrastive as kc

    loss = kc.losses.NTXentLoss(0.2)
    dim = 32 if small else 512
    views = np.random.default_rng(0).normal(size=(2, batch_size, dim))
    views = views.astype("float32")
    if keras.backend.backend() == "jax":
        import jax

        function = jax.jit(jax.value_and_grad(lambda a, b: loss(a, b), (0, 1)))
        views = [jax.numpy.asarray(view) for view in views]
        return lambda: jax.block_until_ready(function(*views))
    import torch

    views = [
        keras.ops.convert_to_tensor(view).requires_grad_() for view in views
    ]

    def step():
        for view in views:
            view.grad = None
        loss(*views).backward()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return step


STEPS = {"CLIP": clip_step, "NT-Xent": nt_xent_step}


def run(name, batch_size, microbatch_size, small):
    import time

    sys.path.insert(0, str(Path(__file__).parents[2]))
    step = STEPS[name](batch_size, microbatch_size, small)
    step()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def tried(args, *case):
    """Seconds a step, or None where it does not fit."""
    environment = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.95", **os.environ}
    return run_case(__file__, case, timeout=args.limit, env=environment)


def main(args):
    size = 4 if args.small else args.microbatch_size
    first = {"CLIP": 8 if args.small else 512}
    first["NT-Xent"] = 64 if args.small else 16384
    lines = [
        "| what | microbatch | batch | seconds a step | examples/s |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for name, microbatch_size in (
        ("CLIP", None),
        ("CLIP", size),
        ("NT-Xent", None),
    ):
        batch_size = first[name]
        while True:
            seconds = tried(args, name, batch_size, microbatch_size, args.small)
            outcome = "does not fit, or in time | "
            if seconds is not None:
                outcome = f"{seconds:.3f} | {batch_size / seconds:,.0f}"
            lines.append(
                f"| {name} | {microbatch_size or '-'} | {batch_size:,} | "
                f"{outcome} |"
            )
            print(lines[-1], flush=True)
            args.output.write_text("\n".join(lines) + "\n")
            too_large = args.small and batch_size >= 4 * first[name]
            if seconds is None or too_large:
                break
            batch_size *= 2


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(*json.loads(args.run))))
    else:
        main(args)
