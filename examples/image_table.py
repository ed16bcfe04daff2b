"""CLIP for images and the rows of a table, on scenes made on the spot.

    python examples/image_table.py

Trains a small convolutional network on pictures of shapes and a perceptron on
a table that describes them: measures such as the position, and categories, some
of them hidden at random in training. Then each of 1,000 new pictures looks for
its row, and each row for its picture. Runs on any backend, in minutes.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="runs/image_table", type=Path)
parser.add_argument("--images", default=4096, type=int)
parser.add_argument("--epochs", default=8, type=int)
args = parser.parse_args()

SIZE = 48
CATEGORIES = {"shape": 8, "color": 8, "texture": 4, "background_color": 8}
MEASURES = ("x", "y", "radius")
keras.utils.set_random_seed(0)
train = kc.datasets.shapes(args.images, SIZE, seed=0)
test = kc.datasets.shapes(1000, SIZE, seed=1)


def table_of(data):
    """The columns of numbers: one for each category, and the measures."""
    columns = [np.eye(n)[data.factors[k]] for k, n in CATEGORIES.items()]
    measures = [data.factors[name][:, None] / 0.2 for name in MEASURES]
    return np.concatenate(columns + measures, axis=1).astype("float32")


rows = table_of(train)
table_encoder = keras.Sequential(
    [
        keras.Input(rows.shape[1:]),
        keras.layers.Dense(128, activation="gelu"),
        keras.layers.Dense(128, activation="gelu"),
    ]
)
model = kc.DualEncoderModel(
    {
        "image": kc.models.ConvNet(16, 3, (SIZE, SIZE, 3)),
        "table": table_encoder,
    },
    projection_dim=64,
    augmenters={
        "image": kc.layers.RandomColorJitter(0.2, 0.2, 0.0, 0.0),
        "table": keras.layers.Dropout(0.1),
    },
)


def evaluate():
    data = {"image": test.images, "table": table_of(test)}
    images, rows = model.predict(data, batch_size=250, verbose=0).values()
    recall = kc.evaluation.retrieval_recall(images, rows, np.arange(1000))
    return [
        recall[f"{direction}_recall@{k}"]
        for direction in ("image_to_text", "text_to_image")
        for k in (1, 10)
    ]


results = {"random init": evaluate()}
batch_size = min(256, args.images)
steps = args.epochs * (args.images // batch_size)
model.compile(
    keras.optimizers.Adam(
        kc.optimizers.warmup_cosine(3e-3, steps, warmup_steps=steps // 10)
    )
)
model.fit(
    {"image": train.images, "table": rows},
    batch_size=batch_size,
    epochs=args.epochs,
    verbose=2,
)
results["trained"] = evaluate()
results["chance"] = [1 / 1000, 10 / 1000] * 2

lines = ["| | image to row R@1 | R@10 | row to image R@1 | R@10 |"]
lines += ["|---|---|---|---|---|"] + [
    f"| {name} | {' | '.join(f'{value:.1%}' for value in values)} |"
    for name, values in results.items()
]
args.output.mkdir(parents=True, exist_ok=True)
(args.output / "results.md").write_text("\n".join(lines) + "\n")
model.save(args.output / "model.keras")
print("\n".join(lines), f"\nmodel.keras is in {args.output}/")
