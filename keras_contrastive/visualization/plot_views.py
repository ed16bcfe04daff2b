"""Plots a grid of images and their augmented views."""

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_contrastive.validation import check_positive_int
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import save_figure
from keras_contrastive.visualization.figure import to_pictures

CELL_INCHES = 1.3


def plot_views(
    images: Any,
    views: Callable | Sequence[Any],
    num_images: int = 8,
    path: str | Path | None = None,
    rgb_channels: Sequence[int] | None = None,
) -> Any:
    """Shows images beside their augmented views, one image per row.

    Check this figure before a long training: views should differ in what the
    representation should ignore and agree in what it should keep.

    Args:
        images: array or tensor, shape `(n, height, width, 3)` (or 1 channel, or
            any number with `rgb_channels`): uint8, or floats from 0 to 1.
        views: either a list of batches of views, each with one view per image,
            as `MultiView` returns them; or a layer or function that makes such
            a list, or a single batch, from the images. A layer is called with
            `training=True`.
        num_images: int, how many of the first images to show.
        path: where to save the figure, as PNG, PDF or any format given by its
            suffix. Missing folders are created. Defaults to not saving it.
        rgb_channels: three indices of the channels that the figure shows as
            red, green and blue.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: if matplotlib isn't installed.
        ValueError: if shapes or values are not those of images, or there is
            not one view per image.

    Example:
        ```python
        import keras_contrastive as kc

        images = kc.datasets.shapes(8, image_size=32).images
        augmenter = kc.layers.RandomResizedCrop(32, 32)
        kc.visualization.plot_views(images, kc.layers.MultiView(augmenter, 4))

        views = [augmenter(images, training=True) for _ in range(2)]
        kc.visualization.plot_views(images, views, path="views.png")
        ```
    """
    num_images = check_positive_int("num_images", num_images)
    batches: Sequence
    if callable(views):
        images = images[:num_images]
        batches = make_views(views, images)
    else:
        batches = views
    columns = [to_pictures("images", images[:num_images], rgb_channels)]
    for index, view in enumerate(batches):
        if len(view) != len(images):
            raise ValueError(
                f"`views[{index}]` must have one view for each of the "
                f"{len(images)} images. Received: {len(view)}"
            )
        columns.append(
            to_pictures(f"views[{index}]", view[:num_images], rgb_channels)
        )

    num_rows = len(columns[0])
    figure = new_figure(
        CELL_INCHES * len(columns), CELL_INCHES * num_rows + 0.3
    )
    grid = figure.subplots(num_rows, len(columns), squeeze=False)
    titles = ["image", *(f"view {i + 1}" for i in range(len(columns) - 1))]
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize="medium")
    for row in range(num_rows):
        for axes, column in zip(grid[row], columns, strict=True):
            axes.imshow(column[row], interpolation="nearest")
            axes.set_axis_off()
    save_figure(figure, path)
    return figure


def make_views(augment, images):
    if isinstance(augment, keras.Layer):
        views = augment(images, training=True)
    else:
        views = augment(images)
    return views if isinstance(views, (list, tuple)) else [views]
