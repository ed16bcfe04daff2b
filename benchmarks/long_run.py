"""Memory and speed of training over many steps.

    KERAS_BACKEND=jax python benchmarks/long_run.py --minutes 15

SimCLR from arrays and CLIP from an `ImageTextDataset` of encoded images, small
ones on batches of 32, with validation after each epoch of 100 steps; each in a
process of its own for half of the time, which is the processor's, as other
programs slow down the clock's. Every few seconds the resident memory, the
steps and the seconds are noted, and how often Python ran through the train
step, which is how often it was traced on TensorFlow and JAX (and each step on
PyTorch). The first fifth is left out of the verdict. Writes
`benchmarks/results/long_run_BACKEND.json`, and a plot of all such files.
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from own_process import run_case

RESULTS = Path(__file__).parent / "results"
STEPS_PER_EPOCH = 100
BATCH = 32
# What is called flat: more than this would be 30 MB in 100,000 steps.
FLAT = 300  # kB per 1,000 steps

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--minutes", default=15.0, type=float)
parser.add_argument("--run", help="one case, in its own process")


def simclr(kc):
    model = kc.SimCLRModel(kc.models.ConvNet(8, 2, (32, 32, 3)))
    images = kc.datasets.shapes(BATCH * STEPS_PER_EPOCH, 32).images
    return model, images, images[: 2 * BATCH]


def clip(kc):
    import io

    import keras

    scenes = kc.datasets.shapes(BATCH * STEPS_PER_EPOCH, 36)
    records = []
    for image, caption in zip(scenes.images, scenes.captions, strict=True):
        file = io.BytesIO()
        keras.utils.save_img(file, image, scale=False, file_format="png")
        records.append({"image": file.getvalue(), "captions": [caption]})
    tokenizer = kc.text.train_tokenizer(scenes.captions, 300, context_length=16)

    def dataset(records):
        return kc.datasets.ImageTextDataset(
            records, tokenizer, BATCH, 36, workers=2
        )

    model = kc.CLIPModel(
        kc.models.ConvNet(8, 2, (32, 32, 3)),
        kc.models.BagOfWords(tokenizer.vocabulary_size, 32),
        projection_dim=32,
    )
    return model, dataset(records), dataset(records[: 2 * BATCH])


def resident_kb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def run(case, minutes):
    """Trains for these minutes; the notes of it, one a row."""
    import keras

    import keras_contrastive as kc

    model, data, validation = {"simclr": simclr, "clip": clip}[case](kc)
    model.compile()
    passes = 0
    compute_loss = model.compute_loss

    def counted(*args, training=True, **kwargs):
        nonlocal passes
        passes += training
        return compute_loss(*args, training=training, **kwargs)

    model.compute_loss = counted
    rows = []
    steps = 0
    start = time.process_time()

    class Notes(keras.callbacks.Callback):
        next = 0

        def on_train_batch_end(self, batch, logs=None):
            nonlocal steps
            steps += 1
            seconds = time.process_time() - start
            if seconds >= self.next:
                self.next = seconds + max(minutes / 4, 0.25)
                rows.append((steps, seconds, resident_kb(), passes))
            if seconds > 60 * minutes:
                model.stop_training = True
                raise StopIteration

    with_batch = {} if case == "clip" else {"batch_size": BATCH}
    try:
        model.fit(
            data,
            epochs=10**9,
            validation_data=validation,
            callbacks=[Notes()],
            verbose=0,
            **with_batch,
        )
    except StopIteration:
        pass
    return rows


def verdict(rows):
    """Growth and change of speed over the steps after the first fifth."""
    import numpy as np

    rows = np.array(rows, dtype=float)
    rows = rows[rows[:, 1] > rows[-1, 1] / 5]
    steps, seconds, memory, passes = rows.T
    half = len(rows) // 2

    def rate(part):
        return float(np.ptp(steps[part]) / np.ptp(seconds[part]))

    early, late = slice(None, half), slice(half, None)
    return {
        "steps": int(rows[-1, 0]),
        "memory_mb": round(float(memory[-1]) / 1024),
        "growth_kb_per_1000_steps": round(
            1000 * float(np.polyfit(steps, memory, 1)[0]), 1
        ),
        "steps_per_cpu_second": round(rate(slice(None)), 1),
        "late_over_early_speed": round(rate(late) / rate(early), 3),
        # On PyTorch each step is a pass.
        "new_traces": int(passes[-1] - passes[0]),
    }


def draw():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 3.8))
    found = {}
    for path in sorted(RESULTS.glob("long_run_*.json")):
        found |= json.loads(path.read_text())
    for name, one in found.items():
        steps, seconds, memory, _ = zip(*one["rows"], strict=True)
        axes[0].plot(steps, [kb / 1024 for kb in memory], label=name)
        axes[1].plot(steps, [second / 60 for second in seconds], label=name)
    axes[0].set_ylabel("resident memory, MB")
    axes[1].set_ylabel("minutes of the processor")
    for axis in axes:
        axis.set_ylim(bottom=0)
        axis.set_xlabel("steps")
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(RESULTS / "long_run.png", dpi=110)


def main(args):
    import keras

    backend = keras.backend.backend()
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    path = RESULTS / f"long_run_{backend}.json"
    found = {}
    for case in ("simclr", "clip"):
        rows = run_case(__file__, [case, args.minutes / 2], env=environment)
        if rows is None:
            raise RuntimeError(f"{case} failed, see above")
        found[f"{backend} {case}"] = one = {**verdict(rows), "rows": rows}
        path.write_text(json.dumps(found) + "\n")
        flat = one["growth_kb_per_1000_steps"] < FLAT
        print(f"{backend} {case}: memory {'flat' if flat else 'GROWS'}")
        for name, value in one.items():
            if name != "rows":
                print(f"  {name}: {value}", flush=True)
    draw()


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(*json.loads(args.run))))
    else:
        main(args)
