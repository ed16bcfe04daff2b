"""Epochs of SimCLR by `fit` on CIFAR-10, ResNet-18 at batch 512.

Reports the seconds of each epoch, whether the weights and what `predict`
returns are finite, and kNN accuracy after them. On PyTorch also what the
profiler saw of a step.
"""

import time

import keras
import numpy as np
import package_steps
import packed_cifar10
import part

import keras_contrastive as kc


class Epochs(keras.callbacks.Callback):
    """Reports each epoch when it ends."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)
        part.report(
            "epoch",
            epoch=epoch,
            seconds=self.seconds[-1],
            loss=float(logs["loss"]),
        )


def main(small):
    keras.config.set_dtype_policy("mixed_bfloat16")
    batch_size, epochs = (16, 2) if small else (512, 3)
    if small or not packed_cifar10.FILE.exists():
        data = packed_cifar10.random(32 if small else 50_000)
    else:
        data = packed_cifar10.read()
    (images, labels), (others, other_labels) = data
    images = images[: len(images) // batch_size * batch_size]
    model = package_steps.simclr(
        width=2 if small else 64,
        total_steps=epochs * (len(images) // batch_size),
    )
    times = Epochs()
    model.fit(
        images,
        batch_size=batch_size,
        epochs=epochs,
        verbose=0,
        callbacks=[times],
    )
    is_finite = all(np.isfinite(w).all() for w in model.get_weights())
    part.report(
        "SimCLR",
        # Not the first epoch, which compiles.
        epoch_seconds=min(times.seconds[1:]),
        step_seconds=min(times.seconds[1:]) / (len(images) // batch_size),
        peak_gigabytes=part.peak_gigabytes(),
        weights_are_finite=is_finite,
    )
    # A multiple of both splits' sizes: one shape to compile.
    size = 8 if small else 1000
    known = images[: len(images) // size * size]
    start = time.perf_counter()
    features = model.predict(known, batch_size=size, verbose=0)
    new = model.predict(others[: len(others) // size * size], size, verbose=0)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    k = min(200, len(features))
    found = kc.evaluation.knn_classify(features, labels[: len(known)], new, k=k)
    part.report(
        "predict and kNN",
        predict_seconds=seconds,
        knn_seconds=time.perf_counter() - start,
        features_are_finite=bool(np.isfinite(features).all()),
        knn_accuracy=float((found == other_labels[: len(new)]).mean()),
    )
    if keras.backend.backend() == "torch":
        profile(model, images[:batch_size], steps=1 if small else 3)


def profile(model, images, steps):
    """Where PyTorch's time goes in some steps."""
    import torch

    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        start = time.perf_counter()
        for _ in range(steps):
            model.train_on_batch(images)
        part.wait_for(None)
        seconds = time.perf_counter() - start
    events = profiler.key_averages()

    def on_device(event):
        return event.self_device_time_total

    part.report(
        "profile of PyTorch's step",
        step_seconds=seconds / steps,
        device_seconds=sum(map(on_device, events)) / steps / 1e6,
        operations=sum(event.count for event in events) // steps,
        longest={
            event.key: on_device(event) / steps / 1e6
            for event in sorted(events, key=on_device)[:-9:-1]
        },
    )


if __name__ == "__main__":
    main(part.is_small(__doc__))
