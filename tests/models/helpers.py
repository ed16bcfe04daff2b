"""Small models and data for the tests of models."""

import keras
import numpy as np

import keras_contrastive as kc

SIZE = 16


def images_and_labels(n=16, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, size=(n, SIZE, SIZE, 3)).astype("uint8")
    return images, rng.integers(0, 4, size=n)


def encoder(batch_norm=True, dropout=0.0):
    layers = [
        keras.Input((SIZE, SIZE, 3)),
        keras.layers.Conv2D(8, 4, strides=4, name="conv"),
        keras.layers.Activation("relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(8, name="dense"),
    ]
    if batch_norm:
        layers.insert(2, keras.layers.BatchNormalization(name="norm"))
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    return keras.Sequential(layers)


def simclr(encoder_=None, optimizer="adam", compile=None, **kwargs):
    model = kc.SimCLRModel(
        encoder_ or encoder(),
        kc.layers.ProjectionHead(8, 4),
        # Two layers of the four: each is compiled anew in every test.
        keras.layers.Pipeline(
            [
                kc.layers.RandomResizedCrop(SIZE, SIZE, seed=1),
                kc.layers.RandomFlip(seed=2),
            ]
        ),
        **kwargs,
    )
    model.compile(optimizer, **(compile or {}))
    return model


def to_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def weights_of(model):
    return [to_numpy(v) for v in model.trainable_variables]
