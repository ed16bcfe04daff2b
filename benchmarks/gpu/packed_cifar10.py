"""Reads what `pack_cifar10.py` wrote."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

FILE = Path(__file__).parents[2] / "runs" / "cifar10.npz"


def read(path=FILE, validation=False):
    """What is trained on and what is scored: two of (images, labels).

    Args:
        path: The packed file.
        validation: Whether to score the last tenth of the training images,
            which are then not trained on, instead of the test images.
    """
    with np.load(path) as file:
        data = dict(file)
    images, labels = _decoded(data, "train")
    if not validation:
        return (images, labels), _decoded(data, "test")
    tenth = len(images) // 10
    return (
        (images[:-tenth], labels[:-tenth]),
        (images[-tenth:], labels[-tenth:]),
    )


def random(count):
    """Random images in the same form, for trying what needs some."""
    rng = np.random.default_rng(0)

    def split(count):
        images = rng.integers(0, 256, (count, 32, 32, 3), dtype="uint8")
        return images, rng.integers(0, 10, count)

    return split(count), split(count // 4)


def _decoded(data, split):
    encoded = np.split(data[f"{split}_bytes"], data[f"{split}_ends"][:-1])
    with ThreadPoolExecutor() as pool:
        images = pool.map(lambda x: np.array(Image.open(BytesIO(x))), encoded)
        return np.stack(list(images)), data[f"{split}_labels"].astype("int64")
