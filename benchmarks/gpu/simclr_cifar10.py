"""SimCLR on CIFAR-10 at the published scale, on one GPU, in short pieces.

    python benchmarks/gpu/pack_cifar10.py --data-dir ~/tensorflow_datasets
    KERAS_BACKEND=jax python benchmarks/gpu/simclr_cifar10.py \\
      --data runs/cifar10.npz --state runs/simclr_gpu

ResNet-18 with the CIFAR stem, batch 512, mixed bfloat16, augmentation on the
device, 200 epochs of the peer's recipe: SGD at 0.24 with momentum 0.9, weight
decay 5e-4, one cosine, temperature 0.5, head 512-512-128 with BatchNorm. The
representation at the end of the last epoch is scored by kNN (k = 200) and a
linear probe on cached features. lightly publishes 84.8% kNN for it (its best
epoch by test accuracy, original images).

A call trains for `--minutes`, leaves its state in `--state`, and the same
command goes on from there, on another machine too: copy the folder back from
the one and to the other. So that it is small (22 MB, in files below 16 MB),
matrices are kept in float16 and the momentum is not kept; it builds up again in
some tens of steps.

`--validation` trains on 45,000 images and scores on the other 5,000: for
choosing a recipe. Without it the test set is scored, once, at the end.

Needs no TensorFlow. It has been run on a CPU at toy size only, on no GPU yet:
no time and no accuracy of it is known.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np
from PIL import Image

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", default="runs/cifar10.npz", type=Path)
parser.add_argument("--state", default="runs/simclr_gpu", type=Path)
parser.add_argument("--minutes", default=8.0, type=float, help="of training")
parser.add_argument("--epochs", default=200, type=int)
parser.add_argument("--batch-size", default=512, type=int)
parser.add_argument("--width", default=64, type=int)
parser.add_argument("--learning-rate", type=float, help="0.06 B / 128")
parser.add_argument("--temperature", default=0.5, type=float)
parser.add_argument("--validation", action="store_true")
parser.add_argument("--seed", default=0, type=int)
PART_BYTES = 15 * 10**6


def decoded(data, split):
    """Images and labels of a split of the packed file."""
    encoded = np.split(data[f"{split}_bytes"], data[f"{split}_ends"][:-1])
    with ThreadPoolExecutor() as pool:
        images = pool.map(lambda x: np.array(Image.open(BytesIO(x))), encoded)
        return np.stack(list(images)), data[f"{split}_labels"].astype("int64")


def read(path, validation):
    """What is trained on and what is scored: two of (images, labels)."""
    with np.load(path) as file:
        data = dict(file)
    images, labels = decoded(data, "train")
    if not validation:
        return (images, labels), decoded(data, "test")
    tenth = len(images) // 10
    return (
        (images[:-tenth], labels[:-tenth]),
        (images[-tenth:], labels[-tenth:]),
    )


def build(args, steps):
    """The compiled model; `steps` are those of one epoch."""
    encoder = kc.models.ResNet18(stem="cifar", width=args.width)
    dim = encoder.output_shape[-1]
    model = kc.SimCLRModel(
        encoder, kc.layers.ProjectionHead(dim, 128, output_batch_norm=True)
    )
    peak = args.learning_rate or 0.06 * args.batch_size / 128
    momentum = 0.9
    model.compile(
        keras.optimizers.SGD(
            kc.optimizers.warmup_cosine(peak, args.epochs * steps),
            momentum=momentum,
            # Beside the momentum what the recipe has through it.
            weight_decay=5e-4 / (1 - momentum),
        ),
        kc.losses.NTXentLoss(args.temperature),
        metrics=[],
    )
    return model


def save(model, log, folder):
    """Weights in parts, then the log, whose presence says they are whole."""
    folder.mkdir(parents=True, exist_ok=True)
    parts, size = [{}], 0
    for number, weight in enumerate(model.get_weights()):
        if weight.ndim > 1:
            weight = weight.astype("float16")
        if size + weight.nbytes > PART_BYTES:
            parts.append({})
            size = 0
        parts[-1][str(number)] = weight
        size += weight.nbytes
    for number, part in enumerate(parts):
        np.savez(folder / f"weights-{number}.npz", **part)
    (folder / "log.json").write_text(json.dumps(log))


def earlier(folder):
    """The log of the calls before this one."""
    if (folder / "log.json").exists():
        return json.loads((folder / "log.json").read_text())
    return {"losses": [], "seconds": 0.0}


def restore(model, log, folder, steps):
    """Gives the model the weights of earlier calls, if there are any."""
    weights = {}
    for path in folder.glob("weights-*.npz") if log["losses"] else ():
        with np.load(path) as part:
            weights |= {int(name): part[name] for name in part}
    if weights:
        model.set_weights([weights[number] for number in sorted(weights)])
    # The schedule goes on where it was.
    model.optimizer.iterations.assign(len(log["losses"]) * steps)


def train(model, images, args, log):
    """Until the last epoch, or until the time is over."""
    start = time.perf_counter()
    while len(log["losses"]) < args.epochs:
        begun = time.perf_counter()
        history = model.fit(images, batch_size=args.batch_size, verbose=0)
        now = time.perf_counter()
        log["losses"].append(float(history.history["loss"][0]))
        log["seconds"] += now - begun
        print(len(log["losses"]), log["losses"][-1], flush=True)
        # No epoch is begun that would not end in time.
        if now - start + (now - begun) > 60 * args.minutes:
            break


def main(args):
    log = earlier(args.state)
    # Another one each call, or each would draw what the first one drew.
    keras.utils.set_random_seed(args.seed + 1000 * len(log["losses"]))
    keras.config.set_dtype_policy("mixed_bfloat16")
    (images, labels), (other_images, other_labels) = read(
        args.data, args.validation
    )
    steps = len(images) // args.batch_size
    model = build(args, steps)
    restore(model, log, args.state, steps)
    train(model, images[: steps * args.batch_size], args, log)
    save(model, log, args.state)
    if len(log["losses"]) < args.epochs:
        print(f"Epoch {len(log['losses'])} of {args.epochs}: call it again.")
        return
    features, others = (
        model.predict(each, batch_size=args.batch_size, verbose=0)
        for each in (images, other_images)
    )
    k = min(200, len(features))
    knn = kc.evaluation.knn_classify(features, labels, others, k=k)
    probe = kc.evaluation.linear_probe(
        features, labels, others, other_labels, verbose=0
    )
    lines = [
        "| scored on | epochs | kNN | linear probe | minutes of training |",
        "|---|---|---|---|---|",
        f"| {'validation' if args.validation else 'test'} | {args.epochs} | "
        f"{(knn == other_labels).mean():.2%} | {probe['accuracy']:.2%} | "
        f"{log['seconds'] / 60:.1f} |",
        "",
        f"Keras {keras.version()} on {keras.backend.backend()}, {args}",
    ]
    (args.state / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main(parser.parse_args())
