"""Defaults of the training commands: encoder, image size, batch, epochs."""

from typing import NamedTuple

import keras

from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.held_out import FEWEST
from keras_contrastive.encoders.conv_net import ConvNet
from keras_contrastive.encoders.resnet import ResNet18
from keras_contrastive.encoders.resnet import ResNet50
from keras_contrastive.optimizers.learning_rate import warmup_cosine

CACHE_BYTES = 2**31  # maximum size of the images kept in memory
SMALL = 96  # largest image size for the CIFAR stem, which does not downsample


class Settings(NamedTuple):
    """The hyperparameters of a run."""

    image_size: int
    batch_size: int
    epochs: int
    encoder: str

    def __str__(self):
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return (
            f"{self.encoder} at {self.image_size} pixels, {epochs} "
            f"of batches of {self.batch_size}"
        )


def choose_settings(args, num_images: int, accelerator: bool) -> Settings:
    """Takes the user's arguments, and chooses suitable values for the rest.

    On CPUs, a small network trains on small images for about 2,000 steps. With
    two cores, this takes half an hour, on JAX more than an hour. On an
    accelerator, a ResNet trains for ten times as many steps.
    """
    if num_images < FEWEST:
        raise ValueError(
            f"Training needs at least {FEWEST} images. Received: {num_images}"
        )
    if (args.batch_size or 0) > num_images:
        raise ValueError(
            f"--batch-size must be at most {num_images}, the number of images "
            f"to train on. Received: {args.batch_size}"
        )
    # At most half of the images: with one batch, shuffling has no effect.
    largest = min(512 if accelerator else 128, num_images // 2)
    batch_size = args.batch_size or 2 ** (largest.bit_length() - 1)
    steps = 20_000 if accelerator else 2_000
    epochs = max(1, min(200, steps * batch_size // num_images))
    if accelerator:
        image_size = 224 if num_images >= 50_000 else 128
        encoder = "resnet50" if num_images >= 50_000 else "resnet18"
    else:
        image_size, encoder = 64, "convnet"
    return Settings(
        args.image_size or image_size,
        batch_size,
        args.epochs or epochs,
        args.encoder or encoder,
    )


def build_encoder(name: str, image_size: int, channels: int = 3) -> keras.Model:
    shape = (image_size, image_size, channels)
    if name == "convnet":
        # The last feature map has 4 pixels per side or slightly more.
        stages = max(1, min(5, (image_size // 4).bit_length() - 1))
        return ConvNet(width=16, num_stages=stages, input_shape=shape)
    stem = "cifar" if image_size <= SMALL else "imagenet"
    network = {"resnet18": ResNet18, "resnet50": ResNet50}[name]
    return network(stem=stem, input_shape=shape)


def loaded_size(image_size: int) -> int:
    """The size of loaded images: an eighth larger, for random crops."""
    return image_size * 9 // 8


def fits_in_memory(
    num_images: int, image_size: int, channels: Channels
) -> bool:
    size = 1 if channels.value_range is None else 4  # bytes: uint8, float32
    pixels = num_images * loaded_size(image_size) ** 2
    return pixels * channels.number * size <= CACHE_BYTES


def learning_rate_schedule(
    peak: float, num_steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """A warmup over a tenth of the steps, then half a cosine."""
    return warmup_cosine(peak, num_steps, warmup_steps=num_steps // 10)
