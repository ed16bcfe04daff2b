"""SimCLR in three minutes, on images made on the spot.

    make quickstart

Trains a small encoder on unlabeled pictures of colored shapes and asks, with
labels it never saw, what its representation knows of their color: against the
raw pixels and the same encoder before training.
"""

import argparse
from pathlib import Path

import keras

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="runs/quickstart", type=Path)
parser.add_argument("--images", default=4096, type=int)
parser.add_argument("--epochs", default=12, type=int)
args = parser.parse_args()

keras.utils.set_random_seed(0)
train = kc.datasets.shapes(args.images, 32, seed=0, label="color")
test = kc.datasets.shapes(1000, 32, seed=1, label="color")

conv = {"kernel_size": 3, "strides": 2, "padding": "same"}
encoder = keras.Sequential(
    [
        keras.Input((32, 32, 3)),
        keras.layers.Conv2D(32, **conv),
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.ReLU(),
        keras.layers.Conv2D(64, **conv),
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.ReLU(),
        keras.layers.Conv2D(128, **conv),
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.ReLU(),
        keras.layers.GlobalMaxPooling2D(),
    ]
)
model = kc.SimCLRModel(encoder)


def representation(images):
    return model.predict(images, batch_size=256, verbose=0)


def evaluate(features):
    """kNN and linear accuracy of features, a function of images."""
    train_x, test_x = features(train.images), features(test.images)
    knn = kc.evaluation.knn_classify(train_x, train.labels, test_x, k=20)
    probe = kc.evaluation.linear_probe(
        train_x, train.labels, test_x, test.labels, epochs=20, verbose=0
    )
    return (knn == test.labels).mean(), probe["accuracy"]


results = {
    "random init": evaluate(representation),
    "raw pixels": evaluate(lambda x: x.reshape(len(x), -1) / 255),
}
batch_size = 256
steps = args.epochs * (args.images // batch_size)
model.compile(
    keras.optimizers.Adam(
        kc.optimizers.warmup_cosine(2e-3, steps, warmup_steps=steps // 10)
    ),
    kc.losses.NTXentLoss(temperature=0.2),
)
model.fit(train.images, batch_size=batch_size, epochs=args.epochs)
results["SimCLR"] = evaluate(representation)

kc.visualization.plot_views(
    test.images[:6], model.multi_view, path=args.output / "views.png"
)
kc.visualization.plot_embeddings(
    representation(test.images),
    images=test.images,
    path=args.output / "embeddings.png",
)
table = ["| features | kNN | linear probe |", "|---|---|---|"] + [
    f"| {name} | {knn:.1%} | {linear:.1%} |"
    for name, (knn, linear) in results.items()
]
(args.output / "simclr.md").write_text("\n".join(table) + "\n")
print("\n".join(table), f"\nviews.png and embeddings.png are in {args.output}/")
