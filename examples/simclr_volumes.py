"""SimCLR on volumes, in a few minutes.

    python examples/simclr_volumes.py

Trains a small three-dimensional encoder on unlabeled volumes of six solids and
asks, with labels that it never saw, what its representation knows of the solid:
against the raw values and the same encoder before training. Runs on any
backend. `--output` gets the table, a picture of the embeddings, and a
checkpoint to continue from with `--resume`.
"""

import argparse
from pathlib import Path

import keras

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="runs/simclr_volumes", type=Path)
parser.add_argument("--volumes", default=2048, type=int)
parser.add_argument("--epochs", default=16, type=int)
parser.add_argument("--resume", action="store_true", help="go on")
args = parser.parse_args()

SIZE = 16
keras.utils.set_random_seed(0)
train = kc.datasets.solids(args.volumes, SIZE, seed=0)
test = kc.datasets.solids(1000, SIZE, seed=2)

# What does not change the solid: where it is, how large, from which side it is
# seen, how bright it is, and noise.
augmenter = keras.layers.Pipeline(
    [
        kc.layers.RandomVolumeCrop(SIZE, SIZE, SIZE, scale=(0.6, 1.0)),
        kc.layers.RandomVolumeFlip(),
        kc.layers.RandomVolumeIntensity(contrast=(0.6, 1.4)),
        kc.layers.RandomVolumeNoise(stddev=(0.0, 0.1)),
    ]
)
encoder = kc.models.ConvNet3D(8, 3, input_shape=(SIZE, SIZE, SIZE, 1))
model = kc.SimCLRModel(encoder, augmenter=augmenter)


def representation(volumes):
    return model.predict(volumes, batch_size=256, verbose=0)


def evaluate(features):
    """kNN and linear accuracy of features, a function of volumes."""
    train_x, test_x = features(train.volumes), features(test.volumes)
    knn = kc.evaluation.knn_classify(train_x, train.labels, test_x, k=20)
    probe = kc.evaluation.linear_probe(
        train_x, train.labels, test_x, test.labels, epochs=20, verbose=0
    )
    return (knn == test.labels).mean(), probe["accuracy"]


results = {
    "random init": evaluate(representation),
    "raw values": evaluate(lambda volumes: volumes.reshape(len(volumes), -1)),
}
batch_size = 128
steps = args.epochs * (args.volumes // batch_size)
model.compile(
    keras.optimizers.Adam(
        kc.optimizers.warmup_cosine(3e-3, steps, warmup_steps=steps // 10)
    ),
    kc.losses.NTXentLoss(temperature=0.2),
)
model.fit(
    train.volumes,
    batch_size=batch_size,
    epochs=args.epochs,
    callbacks=[
        kc.callbacks.Checkpoint(args.output / "checkpoints", resume=args.resume)
    ],
)
results["SimCLR"] = evaluate(representation)

kc.visualization.plot_embeddings(
    keras.ops.normalize(representation(test.volumes)),
    test.labels,
    test.class_names,
    path=args.output / "embeddings.png",
)
table = ["| features | kNN | linear probe |", "|---|---|---|"] + [
    f"| {name} | {knn:.1%} | {linear:.1%} |"
    for name, (knn, linear) in results.items()
]
(args.output / "results.md").write_text("\n".join(table) + "\n")
print("\n".join(table), f"\nembeddings.png is in {args.output}/")
