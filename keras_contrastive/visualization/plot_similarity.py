"""Plots a heat map of the similarities of images and texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.visualization.cosine_similarity import check_one_for_each
from keras_contrastive.visualization.cosine_similarity import cosine_similarity
from keras_contrastive.visualization.cosine_similarity import right_pairs
from keras_contrastive.visualization.figure import AS_WRITTEN
from keras_contrastive.visualization.figure import add_box
from keras_contrastive.visualization.figure import add_picture
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import save_figure
from keras_contrastive.visualization.figure import to_pictures
from keras_contrastive.visualization.figure import wrap

COLOR_MAP = "Blues"
FRAME = "#bd1f01"  # of the correct pairs
MARGIN = 0.15  # inches, like the sizes below
CAPTION_CHARACTERS = 34
CHARACTER = 0.08
LINE = 0.17
BAR = 0.18
SMALLEST_NUMBERED_CELL = 0.4


def plot_similarity(
    image_embeddings: Any,
    text_embeddings: Any,
    images: Any = None,
    texts: Sequence[str] | None = None,
    image_index: Any = None,
    path: str | Path | None = None,
) -> Any:
    """Draws the cosine similarity of every text to every image.

    Columns are images, rows are texts. A good model has its highest values at
    the correct pairs.

    Args:
        image_embeddings: array or tensor, shape `(n, d)`. They need not be
            normalized.
        text_embeddings: array or tensor, shape `(m, d)`.
        images: array or tensor, shape `(n, height, width, 3)`, uint8 or floats
            from 0 to 1, to be shown along the top. Defaults to their numbers.
        texts: list of m strings, to be shown along the left; long ones wrap.
            Defaults to their numbers.
        image_index: ints, shape `(m,)`: `image_index[j]` is the image of text
            j. Frames the correct pairs. Defaults to no frames.
        path: where to save the figure, as PNG, PDF or any format given by its
            suffix. Missing folders are created. Defaults to not saving it.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: if matplotlib isn't installed.
        ValueError: if an argument has a wrong shape, length or range, or if
            embeddings aren't finite.

    Example:
        ```python
        import numpy as np
        import keras_contrastive as kc

        data = kc.datasets.shapes(4, image_size=32)
        embeddings = np.eye(4) + 0.2  # of a model's image and text encoders
        kc.visualization.plot_similarity(
            embeddings,
            embeddings,
            images=data.images,
            texts=data.captions,
            image_index=range(4),
            path="similarity.png",
        )
        ```
    """
    similarity = cosine_similarity(image_embeddings, text_embeddings)
    num_texts, num_images = similarity.shape
    if images is not None:
        images = to_pictures("images", images)
        check_one_for_each("images", images, num_images, "image_embeddings")
    captions = [str(row) for row in range(num_texts)]
    if texts is not None:
        check_one_for_each("texts", texts, num_texts, "text_embeddings")
        captions = [wrap(text, CAPTION_CHARACTERS) for text in texts]
    is_right = np.zeros(similarity.shape, dtype=bool)
    if image_index is not None:
        is_right = right_pairs(image_index, num_texts, num_images)

    cell = float(np.clip(12 / num_images, 0.12, 0.9))
    lines = [caption.split("\n") for caption in captions]
    row = min(cell, 0.5)
    if texts is not None:
        row = max(row, LINE * max(map(len, lines)) + 0.08)
    left = 2 * MARGIN + CHARACTER * max(
        len(line) for caption in lines for line in caption
    )
    top = MARGIN + 0.3
    if images is not None:
        top = MARGIN + cell * min(1, images.shape[1] / images.shape[2])
    width, height = cell * num_images, row * num_texts
    figure = new_figure(
        left + width + BAR + 0.85 + MARGIN,
        top + max(height, 1) + MARGIN,
        layout="none",
    )
    axes = add_box(figure, left, top, width, height)
    mesh = axes.imshow(similarity, cmap=COLOR_MAP, aspect="auto")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    axes.set_xticks([] if images is not None else spaced(num_images, cell))
    shown = spaced(num_texts, row)
    axes.set_yticks(shown, [captions[i] for i in shown], **AS_WRITTEN)
    if images is not None:
        gap = 0.06 * cell
        for column, image in enumerate(images):
            start = left + column * cell + gap / 2
            picture = add_picture(
                figure, image, start, top - cell + gap / 2, cell - gap
            )
            picture.set_anchor("S")
    if min(cell, 2 * row) >= SMALLEST_NUMBERED_CELL:
        write_values(axes, similarity)
    frame_pairs(axes, is_right)
    bar = add_box(figure, left + width + MARGIN, top, BAR, max(height, 1))
    figure.colorbar(mesh, cax=bar, label="cosine similarity")
    bar.spines[:].set_visible(False)
    save_figure(figure, path)
    return figure


def spaced(number, inches):
    """Positions of tick labels that don't overlap, given the space of each."""
    return range(0, number, int(np.ceil(0.22 / inches)))


def write_values(axes, similarity):
    low, high = similarity.min(), similarity.max()
    for (row, column), value in np.ndenumerate(similarity):
        is_dark = value - low > 0.6 * (high - low)
        axes.text(
            column,
            row,
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize="small",
            color="white" if is_dark else "black",
        )


def frame_pairs(axes, is_right):
    from matplotlib.patches import Rectangle

    for row, column in np.argwhere(is_right):
        axes.add_patch(
            Rectangle(
                (column - 0.46, row - 0.44),
                0.92,
                0.88,
                fill=False,
                edgecolor=FRAME,
                linewidth=1.5,
            )
        )
