"""Procedural volumes of solid bodies with labels."""

from typing import NamedTuple

import numpy as np

from keras_contrastive.validation import check_int


def ball(x, y, z):
    return _length(x, y, z) - 0.9


def shell(x, y, z):
    return np.abs(_length(x, y, z) - 0.8) - 0.2


def box(x, y, z):
    return np.maximum.reduce([abs(x), abs(y), abs(z)]) - 0.7


def rod(x, y, z):
    return np.maximum(_length(x, y) - 0.4, abs(z) - 1.2)


def ring(x, y, z):
    return _length(_length(x, y) - 0.8, z) - 0.3


def pair(x, y, z):
    return np.minimum(_length(x, y, z - 0.7), _length(x, y, z + 0.7)) - 0.5


# Signed distances to a surface, negative inside.
SOLIDS = (ball, shell, box, rod, ring, pair)


class Solids(NamedTuple):
    """The result of `solids`.

    Attributes:
        volumes: float32 array, shape `(n, size, size, size, 1)`.
        labels: int64 array, shape `(n,)`: the solid of each volume.
        class_names: Tuple of strings; `class_names[labels[i]]` is the solid of
            example `i`.
    """

    volumes: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]


def solids(num_examples: int = 1000, size: int = 16, seed: int = 0) -> Solids:
    """Procedural volumes: six solids with noise, and labels.

    Each volume shows a ball, shell, box, rod, ring or pair of balls with a
    random position, orientation and size. It is brighter or darker than the
    background, which has a linear gradient. Noise is added, as in the image of
    a scanner.

    Args:
        num_examples: Int, at least 1.
        size: Int, voxels along each axis, at least 8.
        seed: Int, not negative. Different seeds give independent volumes: use
            one for training and another for testing.

    Returns:
        A named tuple with the fields `volumes` (float32, shape
        `(num_examples, size, size, size, 1)`), `labels` (int64, shape
        `(num_examples,)`) and `class_names`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        ```python
        import keras_contrastive as kc

        data = kc.datasets.solids(100, size=16)
        print(data.volumes.shape, data.class_names[data.labels[0]])
        ```
    """
    num_examples = check_int("num_examples", num_examples, 1)
    size = check_int("size", size, 8)
    rng = np.random.default_rng(check_int("seed", seed, 0))
    labels = rng.integers(len(SOLIDS), size=num_examples)
    axis = (np.arange(size) + 0.5) * 2 / size - 1
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    volumes = [_volume(SOLIDS[label], grid, rng) for label in labels]
    return Solids(
        volumes=np.stack(volumes)[..., None].astype("float32"),
        labels=labels,
        class_names=tuple(solid.__name__ for solid in SOLIDS),
    )


def _volume(solid, grid, rng):
    size = len(grid)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    radius = rng.uniform(0.4, 0.65)
    points = (grid - rng.uniform(-0.3, 0.3, 3)) @ rotation / radius
    distance = solid(*np.moveaxis(points, -1, 0))
    # One voxel is 2 / (size * radius) long, which is the width of an edge.
    inside = np.clip(0.5 - distance * size * radius / 2, 0, 1)
    height = rng.uniform(0.6, 1.6) * rng.choice([-1, 1])
    slope = grid @ rng.uniform(-0.5, 0.5, 3) + rng.uniform(-0.5, 0.5)
    noise = rng.uniform(0.1, 0.4) * rng.normal(size=inside.shape)
    return height * inside + slope + noise


def _length(*components):
    return np.sqrt(sum(np.square(each) for each in components))
