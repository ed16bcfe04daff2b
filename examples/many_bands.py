"""SimCLR on images of five bands, beside the same images in red, green, blue.

    python examples/many_bands.py --data-dir ~/tensorflow_datasets

The bands are made from the photographs of CIFAR-10, as a satellite would see
them through haze. Haze scatters light the more, the shorter its wavelength: the
three visible bands are the photograph's colors behind a smooth veil, each image
with one of its own, blue the most and red the least. The two infrared bands are
clear, mixtures of the colors in other proportions. All bands have the noise of
a sensor. They are stored as a satellite's are, in 16 bits.

SimCLR trains once on all bands and once on the visible ones; the labels, which
neither sees, tell by kNN which has learned more. This shows that the package
uses bands that RGB models have not; how much infrared tells of your own images,
only your own images tell. Runs on any backend.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", help="prepared tensorflow-datasets folder")
parser.add_argument("--output", default="runs/many_bands", type=Path)
parser.add_argument("--images", default=5_120, type=int, help="to train on")
parser.add_argument("--test-images", default=2_000, type=int)
parser.add_argument("--epochs", default=12, type=int)
parser.add_argument("--seeds", default=[0], type=int, nargs="+")
args = parser.parse_args()

# How much of the light of red, green and blue comes from the veil.
VEIL = np.array([0.5, 0.65, 0.8])
# Shares of red, green and blue in the two infrared bands.
INFRARED = np.array([[0.1, 0.8, 0.1], [0.7, -0.2, 0.5]])


def as_bands(photographs, seed):
    """Red, green, blue, two infrared bands: uint16 `(n, height, width, 5)`."""
    rng = np.random.default_rng(seed)
    colors = photographs.astype("float32") / 255
    count, height, width, _ = colors.shape
    # A veil that is smooth: the corners of the image, in between linear.
    corners = rng.uniform(0.3, 1.0, (count, 2, 2))
    rows, columns = (np.linspace(0, 1, size) for size in (height, width))
    rows, columns = (np.stack([1 - x, x]) for x in (rows, columns))
    veil = np.einsum("ay,bx,nab->nyx", rows, columns, corners)[..., None]
    visible = colors * (1 - VEIL) + veil * VEIL
    bands = np.concatenate([visible, colors @ INFRARED.T], axis=-1)
    bands += rng.normal(0, 0.03, bands.shape)
    return (np.clip(bands, 0, 1) * 10_000).round().astype("uint16")


def read(split, seed):
    photographs, labels = kc.datasets.cifar10(split, data_dir=args.data_dir)
    bands = as_bands(photographs, seed)
    # The highest value of the sensor is 10,000; PyTorch has no uint16.
    return bands.astype("float32") / 10_000, labels


train, labels = read(f"train[:{args.images}]", 0)
test, truth = read(f"test[:{args.test_images}]", 1)


def knn(model, channels):
    features, found = (
        model.predict(bands[..., :channels], batch_size=256, verbose=0)
        for bands in (train, test)
    )
    predicted = kc.evaluation.knn_classify(features, labels, found, k=50)
    return float((predicted == truth).mean())


def run(channels, seed):
    """kNN accuracy before and after training on the first channels."""
    keras.utils.set_random_seed(seed)
    model = kc.SimCLRModel(
        kc.models.ConvNet(16, 3, input_shape=(32, 32, channels)),
        augmenter=kc.layers.simclr_augmentation(
            "cifar10", 32, 32, channels=channels, rgb_channels=(0, 1, 2)
        ),
    )
    batch_size = 256
    steps = args.epochs * (args.images // batch_size)
    model.compile(
        keras.optimizers.Adam(
            kc.optimizers.warmup_cosine(2e-3, steps, warmup_steps=steps // 10)
        ),
        kc.losses.NTXentLoss(temperature=0.2),
    )
    before = knn(model, channels)
    model.fit(
        train[..., :channels],
        batch_size=batch_size,
        epochs=args.epochs,
        verbose=2,
    )
    return before, knn(model, channels)


table = ["| bands | random init | SimCLR |", "|---|---|---|"]
for name, channels in (("red, green, blue", 3), ("all five", 5)):
    scores = np.array([run(channels, seed) for seed in args.seeds])
    before, after = (
        ", ".join(f"{score:.1%}" for score in column) for column in scores.T
    )
    table.append(f"| {name} | {before} | {after} |")
args.output.mkdir(parents=True, exist_ok=True)
(args.output / "results.md").write_text("\n".join(table) + "\n")
print("\n".join(table))
