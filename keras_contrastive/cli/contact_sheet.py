"""Pages of search results: images with their names and scores."""

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive.visualization.figure import add_picture
from keras_contrastive.visualization.figure import add_text
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import one_line
from keras_contrastive.visualization.figure import wrap

COLUMNS = 5
ROWS = 3  # maximum number on a page, so that it fits on a screen
PAGES = 10
PIXELS = 288  # per side of a picture
INCHES = 1.92  # draws each pixel of a picture as one pixel of the page
DPI = 150
GAP = 0.08
HEADING = 0.45  # height of a sentence
CAPTION = 0.42  # height of a name and a score
NAME_LENGTH = 26


class Row(NamedTuple):
    """A row of a page.

    Attributes:
        sentence: String, or `None` if the row before has the same one.
        hits: List of indices of images.
        scores: List of floats, the similarity of each image.
    """

    sentence: str | None
    hits: Sequence[int]
    scores: Sequence[float]


def make_pages(
    sentences: Sequence[str], similarity: np.ndarray, k: int
) -> list[list[Row]]:
    """Arranges the `k` most similar images of each sentence in rows and pages.

    Args:
        sentences: List of m strings.
        similarity: Array, shape `(m, num_images)`.
        k: Int, number of images per sentence.

    Returns:
        List of at most `PAGES` lists of at most `ROWS` rows. Each page begins
        with a sentence.
    """
    pages: list[list[Row]] = [[]]
    for sentence, scores in zip(sentences, similarity, strict=True):
        order = np.argsort(-scores)[:k]
        for start in range(0, len(order), COLUMNS):
            if len(pages[-1]) == ROWS:
                pages.append([])
            some = order[start : start + COLUMNS]
            is_first = start == 0 or not pages[-1]
            pages[-1].append(
                Row(sentence if is_first else None, some, scores[some])
            )
    return pages[:PAGES]


def plot_page(
    rows: Sequence[Row], names: Sequence[str], read: Callable[[int], np.ndarray]
) -> Any:
    """Draws a page as a `matplotlib.figure.Figure`.

    Args:
        rows: Rows of `make_pages`.
        names: The name of each image.
        read: Function from the index of an image to a picture.
    """
    headings = sum(row.sentence is not None for row in rows)
    columns = max(2, *(len(row.hits) for row in rows))
    step = INCHES + GAP
    height = headings * HEADING + len(rows) * (INCHES + CAPTION) + GAP
    figure = new_figure(columns * step + GAP, height, layout="none")
    top = 0.0
    for row in rows:
        if row.sentence is not None:
            text = wrap(row.sentence, 16 * columns, max_lines=1)
            add_text(figure, text, GAP, top + 0.14, va="top", size=12)
            top += HEADING
        for place, (hit, score) in enumerate(
            zip(row.hits, row.scores, strict=True)
        ):
            left = GAP + place * step
            add_picture(figure, read(hit), left, top, INCHES)
            caption = f"{shorten(Path(names[hit]).name)}\n{score:.3f}"
            add_text(
                figure, caption, left, top + INCHES + 0.05, va="top", size=7.5
            )
        top += INCHES + CAPTION
    return figure


def shorten(name: str) -> str:
    """Shortens a name to fit below a picture, but keeps its end."""
    name = one_line(name)
    if len(name) <= NAME_LENGTH:
        return name
    half = (NAME_LENGTH - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def page_path(output: Path, index: int) -> Path:
    """The path of a page: search.png, search-2.png, ..."""
    if not index:
        return output
    return output.with_stem(f"{output.stem}-{index + 1}")
