"""Helpers of the plots: figures without a display, and their contents."""

import numbers
import textwrap
from pathlib import Path

import keras
import numpy as np

from keras_contrastive.validation import check_list

# Properties for texts of users, in which `$`, `_` and backslashes do not start
# a formula.
AS_WRITTEN = {"parse_math": False, "usetex": False}


def new_figure(width, height, layout="constrained"):
    """A `matplotlib.figure.Figure` of the given size in inches.

    With `layout="none"`, the parts keep the positions that `add_box` and others
    give them.

    The figure does not use `pyplot` state and needs no display. Matplotlib is
    imported here, when plotting, and not with the package.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib: pip install 'keras_contrastive[plots]'."
        ) from error
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def add_box(figure, left, top, width, height):
    """Adds axes with this position and size, in inches from the top left."""
    figure_width, figure_height = figure.get_size_inches()
    return figure.add_axes(
        (
            left / figure_width,
            1 - (top + height) / figure_height,
            width / figure_width,
            height / figure_height,
        )
    )


def add_picture(figure, picture, left, top, size):
    """A picture in a square of `size` inches, keeping its proportions."""
    axes = add_box(figure, left, top, size, size)
    axes.imshow(picture, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return axes


def add_text(figure, text, left, top, **kwargs):
    """Text at this position, in inches from the top left corner."""
    width, height = figure.get_size_inches()
    return figure.text(
        left / width, 1 - top / height, text, **AS_WRITTEN, **kwargs
    )


def add_legend(parent, handles, names, **kwargs):
    """A legend of a figure or of axes, with the names shown literally."""
    # Matplotlib omits names that begin with an underscore: set them afterwards.
    legend = parent.legend(handles, [" "] * len(names), **kwargs)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, **AS_WRITTEN)
    return legend


def wrap(text, width, max_lines=4):
    """Breaks a text into lines of `width` characters; truncates long texts."""
    lines = textwrap.wrap(one_line(text), width)
    if len(lines) > max_lines:
        last = lines[max_lines - 1][: width - 2].rstrip()
        lines = [*lines[: max_lines - 1], f"{last} …"]
    return "\n".join(lines)


def one_line(text):
    """A text with single spaces, and only characters that UTF-8 can encode."""
    if not isinstance(text, bytes):
        # File names may contain incomplete characters.
        text = str(text).encode("utf-8", "replace")
    return " ".join(text.decode("utf-8", "replace").split())


def save_figure(figure, path):
    """Saves the figure if a path is given, and creates missing folders."""
    if path is not None:
        path = Path(path).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)


def to_numpy(array):
    """A tensor, on any device, or a list as a NumPy array.

    Half precision becomes float32.
    """
    if hasattr(array, "dtype"):
        array = keras.ops.convert_to_numpy(array)
    array = np.asarray(array)
    if array.dtype.name in ("bfloat16", "float16"):
        return array.astype("float32")
    return array


def select_shown(images, rgb_channels=None):
    """The channels of images that pictures show, and a description of them.

    Args:
        images: array, `(n, height, width, channels)`.
        rgb_channels: three indices, the places of red, green and blue, or
            `None`.

    Returns:
        `(pictures, description)`: an array of 1 or 3 channels, and a text that
        is empty if the pictures show all channels.
    """
    channels = images.shape[-1]
    if rgb_channels is not None:
        names = ", ".join(map(str, rgb_channels))
        pictures = pick_channels("images", images, rgb_channels)
        return pictures, f"channels {names} as red, green and blue"
    if channels in (1, 3):
        return images, ""
    return images[..., :1], f"the first of {channels} channels, as gray"


def pick_channels(name, images, rgb_channels):
    """Three channels of images, as red, green and blue."""
    indices = check_list("rgb_channels", rgb_channels, "three indices")
    if len(indices) != 3 or not all(
        isinstance(index, numbers.Integral) and 0 <= index < images.shape[-1]
        for index in indices
    ):
        raise ValueError(
            "`rgb_channels` must be three indices among the channels of "
            f"`{name}`. Received: rgb_channels={rgb_channels}, "
            f"{name}.shape={tuple(images.shape)}"
        )
    return images[..., indices]


def to_pictures(name, images, rgb_channels=None):
    """Converts images to the format that matplotlib shows.

    Args:
        name: name of the images in an error.
        images: `(n, height, width, 3)`, or with 1 channel: uint8, or floats
            from 0 to 1.
        rgb_channels: three indices, the places of red, green and blue among
            more channels, or `None`.

    Returns:
        A uint8 array `(n, height, width, 3)`.
    """
    images = to_numpy(images)
    if rgb_channels is not None:
        images = pick_channels(name, images, rgb_channels)
    if images.ndim != 4 or images.size == 0 or images.shape[-1] not in (1, 3):
        raise ValueError(
            f"`{name}` must have the shape (n, height, width, 3), or 1 "
            f"channel; `rgb_channels` of `plot_views` shows three of more. "
            f"Received: shape {images.shape}"
        )
    if images.dtype != np.uint8:
        # Also detects NaN, which fails every comparison.
        if not np.all((images >= -1e-3) & (images <= 1 + 1e-3)):
            raise ValueError(
                f"`{name}` must be uint8 or have values from 0 to 1. Received: "
                f"{images.dtype} from {images.min()} to {images.max()}"
            )
        images = np.round(255 * np.clip(images, 0, 1)).astype("uint8")
    return np.broadcast_to(images, (*images.shape[:-1], 3))
