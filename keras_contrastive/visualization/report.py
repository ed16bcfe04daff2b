"""Summarizes a finished run on one page."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.evaluation.effective_rank import effective_rank
from keras_contrastive.evaluation.knn_classify import knn_classify
from keras_contrastive.evaluation.retrieval_recall import retrieval_recall
from keras_contrastive.visualization.figure import select_shown
from keras_contrastive.visualization.figure import to_numpy
from keras_contrastive.visualization.html_page import html_page
from keras_contrastive.visualization.plot_embeddings import plot_embeddings
from keras_contrastive.visualization.plot_history import plot_history
from keras_contrastive.visualization.plot_history import read_history
from keras_contrastive.visualization.plot_retrieval import plot_retrieval
from keras_contrastive.visualization.plot_similarity import plot_similarity
from keras_contrastive.visualization.plot_views import make_views
from keras_contrastive.visualization.plot_views import plot_views

SHOWN = 6  # number of images in a picture that shows a few
NEIGHBORS = 20


def report(
    model: Any,
    images: Any,
    path: str | Path,
    history: Any = None,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    image_index: Any = None,
    tokenizer: Callable | None = None,
    settings: Mapping[str, Any] | None = None,
    title: str = "Report",
    rgb_channels: Sequence[int] | None = None,
) -> Path:
    """Writes a self-contained HTML page of a finished run.

    It shows the model's inputs (views), what it learned (a map of the
    embeddings; for CLIP also similarities and search results), the curves of
    `fit`, and the measured numbers. The pictures are inside the file, which
    references no other files and follows the reader's light or dark theme.

    Args:
        model: a trained `SimCLRModel` or `CLIPModel`.
        images: array, shape `(n, height, width, channels)`, as `fit` takes
            them, preferably from a validation set. One or two thousand are
            plenty; a single one has no map and no neighbors.
        path: path of the `.html` file. Missing folders are created.
        history: the history for `plot_history`. Defaults to no curves.
        labels: array of integers, shape `(n,)`: colors the map, and adds the
            kNN accuracy of every second image among the others.
        class_names: the names of the classes.
        captions: list of m strings, for a `CLIPModel`.
        image_index: ints, shape `(m,)`: the image of each caption. Defaults to
            one caption per image, in order.
        tokenizer: callable from a list of strings to the inputs of the text
            encoder; needed with `captions`.
        settings: names and values to list, such as those of the command line.
        title: title of the page.
        rgb_channels: three indices of the channels that the pictures show as
            red, green and blue. Without them, pictures of images that have
            neither 1 nor 3 channels show the first. The page says which.

    Returns:
        The path.

    Raises:
        ImportError: if matplotlib isn't installed.
        ValueError: if there are captions for a model without texts, or captions
            without a tokenizer, or an argument does not fit the pictures.

    Example:
        ```python
        import keras_contrastive as kc

        data = kc.datasets.shapes(64, image_size=32)
        encoder = kc.models.ConvNet(width=8, input_shape=(32, 32, 3))
        model = kc.SimCLRModel(encoder)
        model.compile()
        history = model.fit(data.images, batch_size=32, verbose=0)
        kc.visualization.report(
            model, data.images, "report.html", history, labels=data.labels
        )
        ```
    """
    is_clip = hasattr(model, "encode_text")
    if captions is not None and not (is_clip and tokenizer):
        raise ValueError(
            "`captions` need a model with a text encoder, and `tokenizer`. "
            f"Received: {type(model).__name__}, tokenizer={tokenizer!r}"
        )
    images = np.asarray(images)
    inputs = {"images": images} if is_clip else images
    embeddings = model.predict(inputs, verbose=0)
    if is_clip:
        embeddings = embeddings["image_embeddings"]
    numbers, pictures = {}, {}
    shown_images, description = select_shown(images, rgb_channels)
    if description:
        numbers["the pictures show"] = description
    if history is not None:
        logs = read_history(history)
        numbers |= {
            f"{name}, last epoch": values[np.isfinite(values)][-1]
            for name, values in logs.items()
        }
        pictures["Training"] = plot_history(logs)
    numbers["effective rank of the embeddings"] = effective_rank(embeddings)
    numbers["dimensions of the embeddings"] = embeddings.shape[1]
    views = make_views(views_of(model), images[:SHOWN])
    pictures["Views"] = plot_views(
        shown_images[:SHOWN],
        [select_shown(to_numpy(view), rgb_channels)[0] for view in views],
    )
    if len(images) > 1:  # A single image has no neighbors.
        if labels is not None:
            numbers["kNN accuracy, among these images"] = neighbors_agree(
                embeddings, np.asarray(labels)
            )
        pictures["Embeddings"] = plot_embeddings(
            unit(embeddings), labels, class_names
        )
        pictures["Embeddings, with their images"] = plot_embeddings(
            unit(embeddings), labels, class_names, images=shown_images
        )
    if captions is not None:
        tokens = tokenizer(list(captions))
        texts = model.predict({"texts": tokens}, verbose=0)["text_embeddings"]
        if image_index is None:
            image_index = np.arange(len(images))
        scores, shown = compare(
            shown_images, captions, embeddings, texts, np.asarray(image_index)
        )
        numbers |= scores
        pictures |= shown
    return html_page(path, title, settings or {}, numbers, pictures)


def views_of(model):
    """A function that makes two views as in the model's training."""
    if hasattr(model, "multi_view"):
        return model.multi_view

    def views(images):
        return [model.augmenter(images, training=True) for _ in range(2)]

    return views


def unit(embeddings):
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(norms, 1e-12)


def neighbors_agree(embeddings, labels):
    """kNN accuracy of every second image among the others."""
    k = min(NEIGHBORS, len(embeddings) // 2)
    predicted = knn_classify(
        embeddings[::2], labels[::2], embeddings[1::2], k=k
    )
    return float(np.mean(predicted == labels[1::2]))


def compare(images, captions, image_embeddings, text_embeddings, image_index):
    """Numbers and pictures of images and captions."""
    ks = [k for k in (1, 5, 10) if k <= min(len(images), len(captions))]
    scores = retrieval_recall(
        image_embeddings, text_embeddings, image_index, ks=ks
    )
    # The first caption of each of the first images.
    some = np.unique(image_index, return_index=True)[1][:SHOWN]
    shown = image_index[some]
    pictures = {
        "Similarity of images and captions": plot_similarity(
            image_embeddings[shown],
            text_embeddings[some],
            images[shown],
            [captions[i] for i in some],
            image_index=range(len(some)),
        )
    }
    everything = (images, captions, image_embeddings, text_embeddings)
    for name, direction, queries in (
        ("Images that captions find", "text_to_image", some),
        ("Captions that images find", "image_to_text", shown),
    ):
        pictures[name] = plot_retrieval(
            *everything,
            direction=direction,
            image_index=image_index,
            queries=queries,
        )
    return scores, pictures
