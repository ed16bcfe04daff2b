"""What the plots share: a figure without a display, and pictures to show."""

from pathlib import Path

import keras
import numpy as np


def new_figure(width, height):
    """A `matplotlib.figure.Figure` of this size in inches.

    It belongs to no `pyplot` state and needs no display. Matplotlib is
    imported here, when something is plotted, and not with the package.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib: pip install 'keras_contrastive[plots]'."
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure, path):
    """Saves it where a path is given, in a new folder if need be."""
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)


def to_numpy(array):
    """A NumPy array of any tensor; half precision becomes float32."""
    if not isinstance(array, np.ndarray):
        array = keras.ops.convert_to_numpy(array)
    if array.dtype.name in ("bfloat16", "float16"):
        return array.astype("float32")
    return array


def to_pictures(name, images):
    """Images as matplotlib shows them.

    Args:
        name: what to call them in an error.
        images: `(n, height, width, 3)`, or with 1 channel: uint8, or floats
            from 0 to 1.

    Returns:
        A uint8 array `(n, height, width, 3)`.
    """
    images = to_numpy(images)
    if images.ndim != 4 or images.size == 0 or images.shape[-1] not in (1, 3):
        raise ValueError(
            f"`{name}` must have the shape (n, height, width, 3), or 1 "
            f"channel. Received: shape {images.shape}"
        )
    if images.dtype != np.uint8:
        # Also catches NaN, which fails every comparison.
        if not np.all((images >= -1e-3) & (images <= 1 + 1e-3)):
            raise ValueError(
                f"`{name}` must be uint8 or have values from 0 to 1. Received: "
                f"{images.dtype} from {images.min()} to {images.max()}"
            )
        images = np.round(255 * np.clip(images, 0, 1)).astype("uint8")
    return np.broadcast_to(images, (*images.shape[:-1], 3))
