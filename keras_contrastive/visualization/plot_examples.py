"""Plots a sheet of images with a line below each."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.validation import check_positive_int
from keras_contrastive.visualization.cosine_similarity import check_one_for_each
from keras_contrastive.visualization.figure import add_picture
from keras_contrastive.visualization.figure import add_text
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import save_figure
from keras_contrastive.visualization.figure import to_pictures
from keras_contrastive.visualization.figure import wrap

MARGIN = 0.2  # inches, like the sizes below
PICTURE = 1.3
GAP = 0.14
LINE = 0.17
CHARACTERS = 19  # below a picture


def plot_examples(
    images: Any,
    titles: Sequence[Any] | None = None,
    columns: int = 8,
    path: str | Path | None = None,
    rgb_channels: Sequence[int] | None = None,
) -> Any:
    """Shows images in rows, each with a title of up to two lines.

    It can show, for example, the first rows of a table of `curation`.

    Args:
        images: array or tensor, shape `(n, height, width, 3)` (or 1 channel, or
            any number with `rgb_channels`): uint8, or floats from 0 to 1.
        titles: list of n strings or numbers. Defaults to none.
        columns: int, images in a row.
        path: where to save the figure, as PNG, PDF or any format given by its
            suffix. Missing folders are created. Defaults to not saving it.
        rgb_channels: three indices of the channels that the figure shows as
            red, green and blue.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: if matplotlib isn't installed.
        ValueError: if shapes or values are not those of images, or there is
            not one title per image.

    Example:
        ```python
        import numpy as np
        import keras_contrastive as kc

        data = kc.datasets.shapes(40, image_size=32, label="color")
        embeddings = data.images.reshape(40, -1) / 255.0
        table = kc.curation.outliers(embeddings)
        first = table["row"][:16]
        kc.visualization.plot_examples(
            data.images[first],
            [f"{score:.2f}" for score in table["score"][:16]],
            path="outliers.png",
        )
        ```
    """
    columns = check_positive_int("columns", columns)
    pictures = to_pictures("images", images, rgb_channels)
    if titles is None:
        titles = [""] * len(pictures)
    check_one_for_each("titles", titles, len(pictures), "images")
    lines = [wrap(title, CHARACTERS, max_lines=2) for title in titles]
    tallest = max(line.count("\n") + bool(line) for line in lines)
    columns = min(columns, len(pictures))
    pitch = PICTURE + tallest * LINE + GAP
    figure = new_figure(
        2 * MARGIN + columns * (PICTURE + GAP) - GAP,
        2 * MARGIN + math.ceil(len(pictures) / columns) * pitch - GAP,
        layout="none",
    )
    for number, (picture, line) in enumerate(zip(pictures, lines, strict=True)):
        row, column = np.divmod(number, columns)
        left = MARGIN + column * (PICTURE + GAP)
        top = MARGIN + row * pitch
        add_picture(figure, picture, left, top, PICTURE)
        add_text(
            figure,
            line,
            left + PICTURE / 2,
            top + PICTURE + 0.04,
            ha="center",
            va="top",
            fontsize="x-small",
        )
    save_figure(figure, path)
    return figure
