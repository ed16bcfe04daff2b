"""Methods on CIFAR-10 at the published scale, on one GPU, in short pieces.

    python benchmarks/gpu/pack_cifar10.py --data-dir ~/tensorflow_datasets
    KERAS_BACKEND=jax python benchmarks/gpu/train_cifar10.py --seconds 400

ResNet-18 with the CIFAR stem, batch 512, mixed bfloat16, augmentation on the
device, 200 epochs of the peer's recipe: SGD at 0.24 with momentum 0.9, weight
decay 5e-4, one cosine. `--method` is SimCLR, BYOL, MoCo or Barlow Twins, with
the heads, temperatures and momenta of lightly's `cifar10_benchmark.py`. The
representation at the end of the last epoch is scored by kNN (k = 200) and a
linear probe on cached features. For these four, lightly publishes 84.8, 86.8,
84.7 and 81.9% kNN (its best epoch by test accuracy, original images).

`--epoch-seconds` says how long an epoch takes, as `simclr_speed.py` measured:
there are then as many epochs as fit into `--seconds`, at most `--epochs`, and
the cosine ends with them. kNN is scored every 50 epochs too.

Every 20 epochs, and where the time ends before the epochs do, the state is
saved in `--state`. The same command resumes from there, on another machine
too: copy the folder. So that it is small (22 MB, in files below 16 MB),
matrices are kept in float16 and the momentum is not kept; it builds up again in
some tens of steps.

`--validation` trains on 45,000 images and scores on the other 5,000: for
choosing a recipe. Needs no TensorFlow.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np
import package_steps
import packed_cifar10
import part

import keras_contrastive as kc

PART_BYTES = 15 * 10**6
# Scoring, saving and starting up, beside the epochs.
RESERVE = 60


def arguments(values=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=packed_cifar10.FILE, type=Path)
    parser.add_argument("--state", default="runs/cifar10_gpu", type=Path)
    parser.add_argument(
        "--method", default="simclr", choices=package_steps.METHODS
    )
    parser.add_argument("--seconds", default=480.0, type=float)
    parser.add_argument("--epochs", default=200, type=int)
    parser.add_argument("--epoch-seconds", type=float)
    parser.add_argument("--batch-size", default=512, type=int)
    parser.add_argument("--width", default=64, type=int)
    parser.add_argument("--save-every", default=20, type=int)
    parser.add_argument("--score-every", default=50, type=int)
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--seed", default=0, type=int)
    return parser.parse_args(values)


def save(model, log, folder):
    """Weights in parts, then the log, whose presence says they are whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.json").unlink(missing_ok=True)
    parts, size = [{}], 0
    for number, weight in enumerate(model.get_weights()):
        if weight.ndim > 1:
            weight = weight.astype("float16")
        if size + weight.nbytes > PART_BYTES:
            parts.append({})
            size = 0
        parts[-1][str(number)] = weight
        size += weight.nbytes
    for number, each in enumerate(parts):
        np.savez(folder / f"weights-{number}.npz", **each)
    (folder / "log.json").write_text(json.dumps(log))


def earlier(args):
    """The log of the calls before this one, or the start of one."""
    path = args.state / "log.json"
    if path.exists():
        return json.loads(path.read_text())
    epochs = args.epochs
    if args.epoch_seconds:
        fitting = (args.seconds - RESERVE) / args.epoch_seconds
        epochs = max(1, min(epochs, int(fitting)))
    return {"epochs": epochs, "losses": [], "seconds": 0.0}


def restore(model, log, folder, steps):
    """Gives the model the weights of earlier calls, if there are any."""
    if not log["losses"]:
        return
    weights = {}
    for path in folder.glob("weights-*.npz"):
        with np.load(path) as each:
            weights |= {int(name): each[name] for name in each}
    model.set_weights([weights[number] for number in sorted(weights)])
    # The schedule continues from the resumed step.
    model.optimizer.iterations.assign(len(log["losses"]) * steps)


class Pieces(keras.callbacks.Callback):
    """Saves, scores and stops between epochs."""

    def __init__(self, args, log, score, deadline):
        super().__init__()
        self.args, self.log, self.score = args, log, score
        self.deadline = deadline

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        log, args = self.log, self.args
        seconds = time.perf_counter() - self.start
        log["losses"].append(float(logs["loss"]))
        log["seconds"] += seconds
        done = len(log["losses"])
        part.report(
            "epoch of the CIFAR-10 run",
            epoch=done,
            seconds=seconds,
            loss=log["losses"][-1],
        )
        if not np.isfinite(log["losses"][-1]):
            raise ValueError(f"the loss of epoch {done} is not finite")
        # No epoch is begun that would not end in time.
        is_late = time.perf_counter() + 2 * seconds > self.deadline
        if done == log["epochs"] or is_late or done % args.save_every == 0:
            save(self.model, log, args.state)
        if done < log["epochs"] and done % args.score_every == 0:
            part.report(
                "kNN of the CIFAR-10 run",
                epoch=done,
                knn_accuracy=self.score(self.model)[0],
            )
        self.model.stop_training = is_late and done < log["epochs"]


def scorer(train, others, batch_size):
    """A function of the model: kNN accuracy, and the features it is of."""
    (images, labels), (other_images, other_labels) = train, others

    def score(model):
        features, new = (
            model.predict(each, batch_size=batch_size, verbose=0)
            for each in (images, other_images)
        )
        k = min(200, len(features))
        found = kc.evaluation.knn_classify(features, labels, new, k=k)
        return float((found == other_labels).mean()), features, new

    return score


def main(args):
    deadline = time.perf_counter() + args.seconds
    log = earlier(args)
    # Another one each call, or each would draw what the first one drew.
    keras.utils.set_random_seed(args.seed + 1000 * len(log["losses"]))
    keras.config.set_dtype_policy("mixed_bfloat16")
    train, others = packed_cifar10.read(args.data, args.validation)
    images, labels = train
    steps = len(images) // args.batch_size
    model = package_steps.of_method(
        args.method,
        width=args.width,
        total_steps=log["epochs"] * steps,
        learning_rate=0.06 * args.batch_size / 128,
    )
    restore(model, log, args.state, steps)
    # A divisor of both splits: one shape to compile.
    score = scorer(train, others, int(np.gcd(len(images), len(others[0]))))
    if len(log["losses"]) < log["epochs"]:
        model.fit(
            images[: steps * args.batch_size],
            batch_size=args.batch_size,
            epochs=log["epochs"],
            initial_epoch=len(log["losses"]),
            verbose=0,
            callbacks=[Pieces(args, log, score, deadline)],
        )
    if len(log["losses"]) < log["epochs"]:
        part.report(
            "the same command resumes the CIFAR-10 run",
            epoch=len(log["losses"]),
            epochs=log["epochs"],
        )
        return
    knn, features, new = score(model)
    result = {"epochs": log["epochs"], "knn_accuracy": knn}
    part.report("CIFAR-10, kNN of the last epoch", **result)
    probe = kc.evaluation.linear_probe(
        features, labels, new, others[1], verbose=0
    )
    part.report(
        "CIFAR-10, after the last epoch",
        method=args.method,
        scored_on="validation" if args.validation else "test",
        **result,
        probe_accuracy=float(probe["accuracy"]),
        training_seconds=log["seconds"],
    )


if __name__ == "__main__":
    main(arguments())
