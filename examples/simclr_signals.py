"""SimCLR on one-dimensional signals, in a minute.

    python examples/simclr_signals.py

Trains a small convolutional encoder on unlabeled waves of six forms and asks,
with labels that it never saw, what its representation knows of the form:
against the raw values and the same encoder before training. Runs on any
backend. `--output` gets the table, a picture of the embeddings, and a
checkpoint to continue from with `--resume`.
"""

import argparse
from pathlib import Path

import keras

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="runs/simclr_signals", type=Path)
parser.add_argument("--signals", default=4096, type=int)
parser.add_argument("--epochs", default=10, type=int)
parser.add_argument("--resume", action="store_true", help="go on")
args = parser.parse_args()

LENGTH = 256
keras.utils.set_random_seed(0)
train = kc.datasets.waveforms(args.signals, LENGTH, seed=0)
test = kc.datasets.waveforms(1000, LENGTH, seed=2)

conv = {"kernel_size": 9, "strides": 2, "padding": "same"}
encoder = keras.Sequential([keras.Input((LENGTH, 1))])
for width in (32, 64, 128):
    encoder.add(keras.layers.Conv1D(width, **conv))
    encoder.add(keras.layers.BatchNormalization(momentum=0.9))
    encoder.add(keras.layers.ReLU())
encoder.add(keras.layers.GlobalMaxPooling1D())

# What does not change the form of a wave: where it begins, how fast and how
# high it is, noise, and a gap.
augmenter = keras.layers.Pipeline(
    [
        kc.layers.RandomSignalCrop(LENGTH, scale=(0.4, 1.0)),
        kc.layers.RandomSignalScale(stddev=0.4),
        kc.layers.RandomSignalMask(scale=(0.0, 0.3)),
        kc.layers.RandomSignalJitter(stddev=0.1),
    ]
)
model = kc.SimCLRModel(encoder, augmenter=augmenter)


def representation(signals):
    return model.predict(signals, batch_size=256, verbose=0)


def evaluate(features):
    """kNN and linear accuracy of features, a function of signals."""
    train_x, test_x = features(train.signals), features(test.signals)
    knn = kc.evaluation.knn_classify(train_x, train.labels, test_x, k=20)
    probe = kc.evaluation.linear_probe(
        train_x, train.labels, test_x, test.labels, epochs=20, verbose=0
    )
    return (knn == test.labels).mean(), probe["accuracy"]


results = {
    "random init": evaluate(representation),
    "raw values": evaluate(lambda signals: signals[..., 0]),
}
batch_size = 256
steps = args.epochs * (args.signals // batch_size)
model.compile(
    keras.optimizers.Adam(
        kc.optimizers.warmup_cosine(2e-3, steps, warmup_steps=steps // 10)
    ),
    kc.losses.NTXentLoss(temperature=0.2),
)
model.fit(
    train.signals,
    batch_size=batch_size,
    epochs=args.epochs,
    callbacks=[
        kc.callbacks.Checkpoint(args.output / "checkpoints", resume=args.resume)
    ],
)
results["SimCLR"] = evaluate(representation)

kc.visualization.plot_embeddings(
    keras.ops.normalize(representation(test.signals)),
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
