"""The augmentation layers alone, in an ordinary supervised classifier.

    python examples/augmented_classifier.py

Trains the same classifier on few labeled images twice, with and without
`keras_contrastive.layers` in front: they are Keras layers like any other,
compiled with the model, active in `fit` and inactive in `evaluate`.
"""

import argparse

import keras

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--images", default=2048, type=int)
parser.add_argument("--epochs", default=40, type=int)
args = parser.parse_args()

train = kc.datasets.shapes(args.images, 32, seed=0)
test = kc.datasets.shapes(1000, 32, seed=1)


def classifier(augmentation):
    keras.utils.set_random_seed(0)
    conv = {"kernel_size": 3, "strides": 2, "activation": "relu"}
    return keras.Sequential(
        [
            keras.Input((32, 32, 3), dtype="uint8"),
            *augmentation,
            keras.layers.Conv2D(32, **conv),
            keras.layers.Conv2D(64, **conv),
            keras.layers.Conv2D(128, **conv),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(len(train.class_names)),
        ]
    )


augmentations = {
    "none": [keras.layers.Rescaling(1 / 255)],
    "crop, flip, color": [
        # Integer images become floats in [0, 1] in the first of them.
        kc.layers.RandomResizedCrop(32, 32, scale=(0.7, 1.0)),
        kc.layers.RandomFlip(),
        kc.layers.RandomColorJitter(0.2, 0.2, 0.2, 0.1, probability=0.8),
    ],
}
for name, augmentation in augmentations.items():
    model = classifier(augmentation)
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        train.images,
        train.labels,
        batch_size=128,
        epochs=args.epochs,
        verbose=2,
    )
    _, train_accuracy = model.evaluate(train.images, train.labels, verbose=0)
    _, test_accuracy = model.evaluate(test.images, test.labels, verbose=0)
    print(f"{name}: train {train_accuracy:.1%}, test {test_accuracy:.1%}")
