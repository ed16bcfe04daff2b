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


def simclr_augmenter(encoder):
    return simclr_augmentation(*_preset_of(encoder, "simclr_augmentation"))


def swav_augmenter(encoder):
    preset = _preset_of(encoder, "swav_augmentation")
    return swav_augmentation(*preset, num_local=0)


def dino_augmenter(encoder):
    preset = _preset_of(encoder, "dino_augmentation")
    return dino_augmentation(*preset, num_local=0)


def _preset_of(encoder, function):
    height, width = _size_of(
        encoder, f'{function}("cifar10" or "imagenet", height, width)'
    )
    preset = "cifar10" if max(height, width) <= 96 else "imagenet"
    return preset, height, width


def clip_augmenter(encoder):
    height, width = _size_of(
        encoder, "RandomResizedCrop(height, width, scale=(0.9, 1.0))"
    )
    return RandomResizedCrop(
        height, width, scale=(0.9, 1.0), interpolation="bicubic"
    )


def _size_of(encoder, alternative):
    input_shape = known_shape(encoder, "input_shape")
    is_known = input_shape is not None and None not in input_shape[1:3]
    if not is_known or len(input_shape) != 4 or input_shape[3] not in (3, None):
        raise ValueError(
            "`augmenter` can only be left out for an encoder of RGB images of "
            "a fixed size, shape (batch, height, width, 3). Received: "
            "augmenter=None with an encoder whose input shape is "
            f"{input_shape}; pass keras_contrastive.layers.{alternative}, or "
            "what makes views of other data. Put "
            "keras.layers.Permute((3, 1, 2)) in front of an encoder that takes "
            "the channels first."
        )
    return input_shape[1:3]
