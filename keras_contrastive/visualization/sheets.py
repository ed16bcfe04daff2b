"""Sheets of a report: nearest neighbors and search results."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_contrastive.visualization.cosine_similarity import cosine_similarity
from keras_contrastive.visualization.html_pictures import Picture
from keras_contrastive.visualization.html_pictures import escape
from keras_contrastive.visualization.html_pictures import picture
from keras_contrastive.visualization.html_pictures import row

QUERIES = 6
FOUND = 5


def choose_queries(num_images: int, labels: np.ndarray | None) -> np.ndarray:
    """One image of each of the first classes, or equally spaced images."""
    if labels is not None:
        firsts = np.unique(labels, return_index=True)[1]
        if len(firsts) > 1:
            return firsts[:QUERIES]
    few = min(QUERIES, num_images)
    return np.arange(few) * num_images // few


def neighbor_sheet(
    embeddings: np.ndarray,
    read: Callable[[int], np.ndarray],
    titles: Sequence[str],
    labels: np.ndarray | None = None,
) -> str:
    """Rows of an image and the images nearest to it.

    Args:
        embeddings: Array, shape `(n, d)`, with n >= 2.
        read: Function of an image's index that returns a uint8 picture.
        titles: The line below each image.
        labels: Int array: neighbors of the image's class are marked.
    """
    queries = choose_queries(len(embeddings), labels)
    similarity = cosine_similarity(embeddings, embeddings[queries])
    # An image is not its own neighbor.
    similarity[np.arange(len(queries)), queries] = -np.inf
    found = np.argsort(-similarity, axis=1, kind="stable")
    found = found[:, : min(FOUND, len(embeddings) - 1)]
    return "".join(
        row(
            [
                Picture(read(query), titles[query], "query"),
                *(
                    Picture(
                        read(i),
                        titles[i],
                        "right"
                        if labels is not None and labels[i] == labels[query]
                        else "",
                    )
                    for i in finds
                ),
            ]
        )
        for query, finds in zip(queries, found, strict=True)
    )


def images_of_captions(
    similarity: np.ndarray,
    read: Callable[[int], np.ndarray],
    captions: Sequence[str],
    image_index: np.ndarray,
) -> str:
    """Captions, and the images that each finds.

    Args:
        similarity: Array, shape `(m, n)`, of captions and images.
        read: Function of an image's index that returns a uint8 picture.
        captions: List of m strings.
        image_index: Ints, shape `(m,)`, the image of each caption.
    """
    parts = []
    for query in some_captions(image_index):
        found = np.argsort(-similarity[query], kind="stable")[: FOUND + 1]
        parts.append(f'<p class="asked">“{escape(captions[query])}”</p>')
        parts.append(
            row(
                [
                    Picture(
                        read(i),
                        f"{similarity[query, i]:.2f}",
                        "right" if i == image_index[query] else "",
                    )
                    for i in found
                ]
            )
        )
    return "".join(parts)


def captions_of_images(
    similarity: np.ndarray,
    read: Callable[[int], np.ndarray],
    names: Sequence[str],
    captions: Sequence[str],
    image_index: np.ndarray,
) -> str:
    """Images, and the captions that each finds.

    Args:
        similarity: Array, shape `(m, n)`, of captions and images.
        read: Function of an image's index that returns a uint8 picture.
        names: List of n strings.
        captions: List of m strings.
        image_index: Ints, shape `(m,)`, the image of each caption.
    """
    parts = []
    for query in image_index[some_captions(image_index)]:
        scores = similarity[:, query]
        items = "".join(
            _caption(captions[i], scores[i], image_index[i] == query)
            for i in np.argsort(-scores, kind="stable")[:FOUND]
        )
        shown = picture(Picture(read(query), names[query], "query"))
        parts.append(f'<div class="told">{shown}<ol>{items}</ol></div>')
    return "".join(parts)


def some_captions(image_index: np.ndarray) -> np.ndarray:
    """The first caption of each of a few images."""
    firsts = np.unique(image_index, return_index=True)[1]
    return firsts[choose_queries(len(firsts), None)]


def _caption(text, score, is_right):
    kind, mark = (' class="right"', "✓ ") if is_right else ("", "")
    return (
        f"<li{kind}>{mark}{escape(text)} "
        f'<span class="score">{score:.2f}</span></li>'
    )
