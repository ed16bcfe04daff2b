"""Procedural scenes with labels and captions."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from keras_contrastive.datasets.procedural.shape_rendering import render
from keras_contrastive.datasets.procedural.shape_scenes import FACTORS
from keras_contrastive.datasets.procedural.shape_scenes import TEMPLATES
from keras_contrastive.datasets.procedural.shape_scenes import draw_scenes
from keras_contrastive.datasets.procedural.shape_scenes import write_captions
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_int

CHUNK = 256  # scenes that share a random stream and are drawn by one thread
POSE = ("x", "y", "radius", "angle")


class Shapes(NamedTuple):
    """The result of `shapes`.

    Attributes:
        images: uint8 array, shape `(n, image_size, image_size, 3)`.
        labels: int64 array, shape `(n,)`: the factor chosen by `label`.
        captions: Array of strings, shape `(n,)`, or `(n, captions_per_image)`
            if that is more than 1.
        class_names: Tuple of strings; `class_names[labels[i]]` is the class of
            example `i`.
        factors: Dict from the name of a factor to its values, shape `(n,)`.
    """

    images: np.ndarray
    labels: np.ndarray
    captions: np.ndarray
    class_names: tuple[str, ...]
    factors: dict[str, np.ndarray]


def shapes(
    num_examples: int = 10_000,
    image_size: int = 64,
    seed: int = 0,
    label: str = "shape",
    captions_per_image: int = 1,
) -> Shapes:
    """Procedural scenes: a shape on a background, with labels and captions.

    Each image shows one shape with a color, size, texture, position and
    rotation, on a background of another color with a pattern, spots of light
    and shadow, and a gradient of light. Raw pixels reveal little about the
    class of the shape, so that a representation has to be learned. Captions,
    such as "a small red star with stripes on a blue background", name most
    factors, and always the shape and its color.

    The scenes are computed, not downloaded. Example `i` depends only on `seed`
    and `i`: a larger `num_examples` continues the same sequence, and another
    `image_size` draws the same scenes at another resolution. Different seeds
    give independent scenes: use one for training and another for testing. The
    same version of NumPy draws the same bytes on every machine.

    | factor | values |
    |---|---|
    | `shape` | circle, square, triangle, star, cross, ring, diamond, hexagon |
    | `color` | red, orange, yellow, green, cyan, blue, purple, pink |
    | `size` | small, large |
    | `texture` | plain, striped, dotted, checked |
    | `background_color` | as `color`, never the shape's own |
    | `background_pattern` | smooth, striped, cloudy, checked |
    | `x`, `y` | the shape's center in units of the image's side, from the \
image's center, to the right and downwards |
    | `radius` | about half the shape's width, in the same units |
    | `angle` | rotation, counterclockwise, in radians from -π/6 to π/6 |

    Args:
        num_examples: Int, at least 1.
        image_size: Int, height and width in pixels, at least 8. From 48 on,
            all shapes are easy to tell apart.
        seed: Int, not negative.
        label: The factor that `labels` holds, one of the first six.
        captions_per_image: Int from 1 to 6, number of different sentences for
            each scene. The first sentence does not depend on it.

    Returns:
        A named tuple with the fields `images` (uint8, shape
        `(num_examples, image_size, image_size, 3)`), `labels` (int64, shape
        `(num_examples,)`), `captions` (strings, shape `(num_examples,)`, or
        `(num_examples, captions_per_image)` where that is more than 1),
        `class_names` (the names of the labels), and `factors` (a dict of
        arrays of shape `(num_examples,)`: int64 indices for the first six,
        in the order of the table; float32 for the others).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        ```python
        import keras_contrastive as kc

        train = kc.datasets.shapes(1000, image_size=48)
        print(train.captions[0], train.class_names[train.labels[0]])

        # Hold combinations of shape and color out of training.
        held_out = (train.factors["shape"] + train.factors["color"]) % 8 == 0
        images, captions = train.images[~held_out], train.captions[~held_out]
        ```
    """
    num_examples = check_int("num_examples", num_examples, 1)
    image_size = check_int("image_size", image_size, 8)
    seed = check_int("seed", seed, 0)
    check_choice("label", label, FACTORS)
    captions_per_image = check_int("captions_per_image", captions_per_image, 1)
    if captions_per_image > len(TEMPLATES):
        raise ValueError(
            f"`captions_per_image` must be at most {len(TEMPLATES)}. "
            f"Received: captions_per_image={captions_per_image}"
        )
    shape = (num_examples, image_size, image_size, 3)
    images: np.ndarray = np.empty(shape, "uint8")

    def draw_chunk(start):
        # Always draws a full chunk, so that scenes do not depend on
        # `num_examples`.
        stream = np.random.SeedSequence(seed, spawn_key=(start // CHUNK,))
        scenes = draw_scenes(np.random.default_rng(stream), CHUNK)
        part = images[start : start + CHUNK]
        scenes = {name: values[: len(part)] for name, values in scenes.items()}
        render(scenes, part)
        return scenes

    # NumPy releases the interpreter lock while it computes.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        chunks = list(pool.map(draw_chunk, range(0, num_examples, CHUNK)))
    scenes = {
        name: np.concatenate([chunk[name] for chunk in chunks])
        for name in chunks[0]
    }
    captions = np.stack(
        [write_captions(scenes, shift) for shift in range(captions_per_image)],
        axis=1,
    )
    return Shapes(
        images=images,
        labels=scenes[label].copy(),
        captions=captions if captions_per_image > 1 else captions[:, 0],
        class_names=FACTORS[label],
        factors={name: scenes[name] for name in (*FACTORS, *POSE)},
    )
