"""What the tests of the augmentation layers share."""

import keras
import numpy as np

from keras_contrastive import layers


def to_numpy(x):
    return np.asarray(keras.ops.convert_to_numpy(x))


def draw(layer, batch, height=4, width=4, channels=3):
    """What `layer` draws for a batch of this size, as NumPy arrays."""
    images = keras.ops.zeros((batch, height, width, channels))
    drawn = layer.get_random_transformation(images)
    return {name: to_numpy(value) for name, value in drawn.items()}


def apply(layer, images, **transformation):
    """What `layer` does with `images` for a chosen draw."""
    return to_numpy(
        layer.transform_images(
            keras.ops.convert_to_tensor(images, dtype="float32"),
            {
                name: keras.ops.convert_to_tensor(value)
                for name, value in transformation.items()
            },
        )
    )


# Every random layer, by a function of its shared arguments.
LAYERS = {
    "crop": lambda **kwargs: layers.RandomResizedCrop(12, 10, **kwargs),
    "flip": lambda **kwargs: layers.RandomFlip(**kwargs),
    "jitter": lambda **kwargs: layers.RandomColorJitter(
        0.4, 0.4, 0.4, 0.1, probability=0.8, **kwargs
    ),
    "grayscale": lambda **kwargs: layers.RandomGrayscale(0.5, **kwargs),
    "blur": lambda **kwargs: layers.RandomGaussianBlur(
        (5, 3), probability=0.5, **kwargs
    ),
    "noise": lambda **kwargs: layers.RandomGaussianNoise(
        (0.05, 0.1), probability=0.5, **kwargs
    ),
    "channels": lambda **kwargs: layers.RandomChannelDropout(0.3, **kwargs),
    "solarize": lambda **kwargs: layers.RandomSolarize(0.5, 0.5, **kwargs),
    "apply": lambda **kwargs: layers.RandomApply(
        layers.RandomSolarize(
            0.5, 1.0, value_range=kwargs.get("value_range", (0, 1))
        ),
        0.5,
        **kwargs,
    ),
}
