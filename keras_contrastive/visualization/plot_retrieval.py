"""Plots search results: images for texts, or texts for images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive.metrics.retrieval_recall import DIRECTIONS
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_positive_int
from keras_contrastive.visualization.cosine_similarity import check_one_for_each
from keras_contrastive.visualization.cosine_similarity import cosine_similarity
from keras_contrastive.visualization.cosine_similarity import right_pairs
from keras_contrastive.visualization.figure import add_picture
from keras_contrastive.visualization.figure import add_text
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import save_figure
from keras_contrastive.visualization.figure import to_numpy
from keras_contrastive.visualization.figure import to_pictures
from keras_contrastive.visualization.figure import wrap

RIGHT = "#1a7f37"
NEUTRAL = "#717581"
MARGIN = 0.2  # inches, like the sizes below
PICTURE = 1.3
GAP = 0.12
LINE = 0.19
QUERY = 2.3
QUERY_CHARACTERS = 28
CAPTION = 5.4
CAPTION_CHARACTERS = 66


def plot_retrieval(
    images: Any,
    texts: Sequence[str],
    image_embeddings: Any,
    text_embeddings: Any,
    k: int = 5,
    direction: str = "text_to_image",
    image_index: Any = None,
    queries: Sequence[int] | None = None,
    path: str | Path | None = None,
) -> Any:
    """Shows the results of a search by cosine similarity, best first.

    Each row is a query: a text and the `k` images most similar to it, or an
    image and the `k` texts most similar to it, with their similarities.

    Args:
        images: array or tensor, shape `(n, height, width, 3)`: uint8, or
            floats from 0 to 1.
        texts: list of m strings; long ones wrap.
        image_embeddings: array or tensor, shape `(n, d)`. They need not be
            normalized.
        text_embeddings: array or tensor, shape `(m, d)`.
        k: int, how many results to show for each query.
        direction: `"text_to_image"`: texts are queries; or
            `"image_to_text"`.
        image_index: ints, shape `(m,)`: `image_index[j]` is the image of text
            j. Marks the correct results. Defaults to no marks.
        queries: ints, which rows of the texts, or of the images, to search
            for. Defaults to the first 8. The search always covers all images or
            all texts.
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

        data = kc.datasets.shapes(6, image_size=32)
        embeddings = np.eye(6) + 0.2  # of a model's image and text encoders
        kc.visualization.plot_retrieval(
            data.images,
            data.captions,
            embeddings,
            embeddings,
            k=3,
            image_index=range(6),
            queries=[0, 4],
            path="retrieval.png",
        )
        ```
    """
    check_choice("direction", direction, DIRECTIONS)
    k = check_positive_int("k", k)
    similarity = cosine_similarity(image_embeddings, text_embeddings)
    num_texts, num_images = similarity.shape
    check_one_for_each("images", images, num_images, "image_embeddings")
    check_one_for_each("texts", texts, num_texts, "text_embeddings")
    is_right = np.zeros(similarity.shape, dtype=bool)
    if image_index is not None:
        is_right = right_pairs(image_index, num_texts, num_images)
    if direction == "image_to_text":
        similarity, is_right = similarity.T, is_right.T
    queries = check_queries(queries, len(similarity))

    found = np.argsort(-similarity[queries], axis=1, kind="stable")[:, :k]
    rows = [
        Row(query, finds, similarity[query, finds], is_right[query, finds])
        for query, finds in zip(queries, found, strict=True)
    ]
    draw = draw_images if direction == "text_to_image" else draw_texts
    figure = draw(rows, images, texts)
    save_figure(figure, path)
    return figure


class Row(NamedTuple):
    """A query, its results, their similarities and whether they are correct."""

    query: int
    finds: np.ndarray
    similarities: np.ndarray
    is_right: np.ndarray


def check_queries(queries, length):
    if queries is None:
        return np.arange(min(8, length))
    queries = to_numpy(queries)
    if (
        queries.ndim != 1
        or queries.size == 0
        or not np.all(np.isin(queries, np.arange(length)))
    ):
        raise ValueError(
            f"`queries` must be integers from 0 to {length - 1}. "
            f"Received: {queries.tolist()}"
        )
    return queries


def draw_images(rows, images, texts):
    """Draws a text on the left and the images found on the right."""
    num_finds = len(rows[0].finds)
    pitch = PICTURE + LINE + GAP
    figure = new_figure(
        2 * MARGIN + QUERY + num_finds * (PICTURE + GAP) - GAP,
        2 * MARGIN + len(rows) * pitch - GAP,
        layout="none",
    )
    for number, row in enumerate(rows):
        top = MARGIN + number * pitch
        add_text(
            figure,
            wrap(texts[row.query], QUERY_CHARACTERS, max_lines=7),
            MARGIN,
            top + PICTURE / 2,
            va="center",
        )
        pictures = to_pictures("images", images[row.finds])
        for place, picture in enumerate(pictures):
            left = MARGIN + QUERY + place * (PICTURE + GAP)
            axes = add_picture(figure, picture, left, top, PICTURE)
            is_right = row.is_right[place]
            if is_right:
                axes.spines[:].set(visible=True, color=RIGHT, linewidth=3)
            add_text(
                figure,
                f"{'✓ ' if is_right else ''}{row.similarities[place]:.2f}",
                left + PICTURE / 2,
                top + PICTURE + 0.05,
                ha="center",
                va="top",
                fontsize="small",
                color=RIGHT if is_right else NEUTRAL,
            )
    return figure


def draw_texts(rows, images, texts):
    """Draws an image on the left and the texts found on the right."""
    captions = [
        [
            wrap(texts[find], CAPTION_CHARACTERS, max_lines=2).split("\n")
            for find in row.finds
        ]
        for row in rows
    ]
    lines = [sum(map(len, found)) for found in captions]
    heights = [max(PICTURE, count * LINE) for count in lines]
    figure = new_figure(
        2 * MARGIN + PICTURE + 2 * GAP + 0.6 + CAPTION,
        2 * MARGIN + sum(heights) + 2 * GAP * (len(rows) - 1),
        layout="none",
    )
    top = MARGIN
    left = MARGIN + PICTURE + 2 * GAP
    for row, found, height, count in zip(
        rows, captions, heights, lines, strict=True
    ):
        (picture,) = to_pictures("images", images[row.query : row.query + 1])
        add_picture(figure, picture, MARGIN, top, PICTURE)
        place = top + (height - count * LINE) / 2
        for caption, similarity, is_right in zip(
            found, row.similarities, row.is_right, strict=True
        ):
            style = {"va": "top", "color": RIGHT if is_right else "black"}
            mark = "✓ " if is_right else ""
            add_text(
                figure,
                f"{mark}{similarity:.2f}",
                left + 0.5,
                place,
                ha="right",
                **style,
            )
            for line in caption:
                add_text(figure, line, left + 0.6, place, **style)
                place += LINE
        top += height + 2 * GAP
    return figure
