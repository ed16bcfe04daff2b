"""What a SimCLR encoder is worth to a classifier with few labels.

    python examples/finetune_cifar10.py --data-dir ~/tensorflow_datasets

Fine-tunes the encoder of a saved SimCLRModel with 1 % and with 10 % of the
labels, beside the same network from scratch: same images, same steps. The model
is `--model`, such as that of examples/simclr_cifar10.py; without one, it is
trained here, briefly, on `--images` images without their labels. Without
`--data-dir` the images are procedural ones, and the label is their color.
"""

import argparse
from pathlib import Path

import keras

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", help="prepared tensorflow-datasets folder")
parser.add_argument("--model", help="a saved SimCLRModel, at 32 pixels")
parser.add_argument("--output", default="runs/finetune_cifar10", type=Path)
parser.add_argument("--images", default=20_000, type=int, help="to pretrain on")
parser.add_argument("--epochs", default=7, type=int, help="of pretraining")
parser.add_argument("--width", default=16, type=int, help="of the encoder")
parser.add_argument("--steps", default=400, type=int, help="of fine-tuning")
parser.add_argument("--seed", default=0, type=int)
parser.add_argument("--resume", action="store_true", help="go on")
args = parser.parse_args()
args.output.mkdir(parents=True, exist_ok=True)

if args.data_dir:
    train = kc.datasets.cifar10("train", data_dir=args.data_dir)
    test = kc.datasets.cifar10("test", data_dir=args.data_dir)
else:
    shapes = [
        kc.datasets.shapes(count, 32, seed=seed, label="color")
        for seed, count in enumerate([args.images, 2000])
    ]
    train, test = ((data.images, data.labels) for data in shapes)
num_classes = int(train[1].max()) + 1


def checkpoint(name):
    """Of one of the trainings, each of which goes on with --resume."""
    directory = args.output / "checkpoints" / name
    return kc.callbacks.Checkpoint(directory, resume=args.resume)


def pretrain(path):
    """Saves a SimCLRModel trained on the images alone."""
    encoder = kc.models.ConvNet(args.width, input_shape=(32, 32, 3))
    model = kc.SimCLRModel(encoder)
    steps = args.images // 256
    model.compile(
        keras.optimizers.Adam(
            kc.optimizers.warmup_cosine(2e-3, args.epochs * steps)
        ),
        kc.losses.NTXentLoss(temperature=0.2),
    )
    images = train[0][: steps * 256]
    model.fit(
        images,
        batch_size=256,
        epochs=args.epochs,
        callbacks=[checkpoint("pretrained")],
        verbose=2,
    )
    model.save(path)
    return path


def accuracy(encoder, share, name):
    """On the test set, after training on a share of the labels."""
    keras.utils.set_random_seed(args.seed)
    count = int(share * len(train[1]))
    classifier = keras.Sequential(
        [
            keras.Input((32, 32, 3), dtype="uint8"),
            kc.layers.RandomResizedCrop(32, 32, scale=(0.5, 1.0)),
            kc.layers.RandomFlip(),
            encoder,
            keras.layers.Dense(num_classes),
        ]
    )
    classifier.compile(
        keras.optimizers.Adam(
            kc.optimizers.warmup_cosine(
                1e-3, args.steps, warmup_steps=args.steps // 20
            )
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    classifier.fit(
        *(array[:count] for array in train),
        batch_size=128,
        epochs=-(-args.steps // -(-count // 128)),  # Rounded up, both.
        callbacks=[checkpoint(f"{name}-{count}")],
        verbose=0,
    )
    _, result = classifier.evaluate(*test, batch_size=256, verbose=0)
    print(f"{count} labels: {result:.1%}", flush=True)
    return result


keras.utils.set_random_seed(args.seed)
saved = args.model or pretrain(args.output / "simclr.keras")
rows = ["| labels | from scratch | SimCLR, fine-tuned |", "|---|---|---|"]
for share in (0.01, 0.1):
    # Each starts anew: from its configuration, or from the file.
    encoder = keras.models.load_model(saved).encoder
    fresh = type(encoder).from_config(encoder.get_config())
    scratch = accuracy(fresh, share, "scratch")
    tuned = accuracy(encoder, share, "tuned")
    rows.append(f"| {share:.0%} | {scratch:.1%} | {tuned:.1%} |")
(args.output / "results.md").write_text("\n".join(rows) + "\n")
print("\n".join(rows), f"\nModel and table: {args.output}/")
