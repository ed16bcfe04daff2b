"""The papers' augmentations, for an encoder's image size."""

from keras_contrastive.data_validation import known_shape
from keras_contrastive.layers.image_augmentation.dino_augmentation import (
    dino_augmentation,
)
from keras_contrastive.layers.image_augmentation.random_resized_crop import (
    RandomResizedCrop,
)
from keras_contrastive.layers.image_augmentation.simclr_augmentation import (
    simclr_augmentation,
)
from keras_contrastive.layers.image_augmentation.swav_augmentation import (
    swav_augmentation,
)


def simclr_augmenter(encoder, rgb_channels=None):
    preset, channels = _preset_of(encoder, "simclr_augmentation")
    return simclr_augmentation(
        *preset, channels=channels, rgb_channels=rgb_channels
    )


def swav_augmenter(encoder, rgb_channels=None):
    preset, channels = _preset_of(encoder, "swav_augmentation")
    return swav_augmentation(
        *preset, num_local=0, channels=channels, rgb_channels=rgb_channels
    )


def dino_augmenter(encoder, rgb_channels=None):
    preset, channels = _preset_of(encoder, "dino_augmentation")
    return dino_augmentation(
        *preset, num_local=0, channels=channels, rgb_channels=rgb_channels
    )


def _preset_of(encoder, function):
    height, width, channels = _shape_of(
        encoder, f'{function}("cifar10" or "imagenet", height, width)'
    )
    preset = "cifar10" if max(height, width) <= 96 else "imagenet"
    return (preset, height, width), channels


def clip_augmenter(encoder):
    height, width, _ = _shape_of(
        encoder, "RandomResizedCrop(height, width, scale=(0.9, 1.0))"
    )
    return RandomResizedCrop(
        height, width, scale=(0.9, 1.0), interpolation="bicubic"
    )


def _shape_of(encoder, alternative):
    """Height, width and channels of the images that an encoder takes."""
    input_shape = known_shape(encoder, "input_shape")
    is_known = input_shape is not None and None not in input_shape[1:3]
    if not is_known or len(input_shape) != 4:
        raise ValueError(
            "`augmenter` can only be left out for an encoder of images of a "
            "fixed size, shape (batch, height, width, channels). Received: "
            "augmenter=None with an encoder whose input shape is "
            f"{input_shape}; pass keras_contrastive.layers.{alternative}, or "
            "a layer that makes views of other data."
        )
    _, height, width, channels = input_shape
    channels = 3 if channels is None else channels
    if channels > height and height in (1, 3, 4):
        raise ValueError(
            "The encoder must take the channels last. Received: an encoder "
            f"whose input shape is {input_shape}; put "
            "keras.layers.Permute((3, 1, 2)) in front of it."
        )
    return height, width, channels
