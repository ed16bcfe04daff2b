"""Summarizes a finished run on one page."""

import datetime
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_contrastive.evaluation.effective_rank import effective_rank
from keras_contrastive.validation import check_bool
from keras_contrastive.visualization import report_parts as parts
from keras_contrastive.visualization.cosine_similarity import check_one_for_each
from keras_contrastive.visualization.figure import select_shown
from keras_contrastive.visualization.figure import to_numpy
from keras_contrastive.visualization.figure import to_pictures
from keras_contrastive.visualization.history_logs import read_history
from keras_contrastive.visualization.html_page import html_page
from keras_contrastive.visualization.interactive_map import is_available
from keras_contrastive.visualization.map_search import caption_loss
from keras_contrastive.visualization.map_search import search_data
from keras_contrastive.visualization.plot_embeddings import check_labels
from keras_contrastive.visualization.plot_views import make_views
from keras_contrastive.visualization.scores import class_score
from keras_contrastive.visualization.scores import recall_scores

VIEWED = 6  # number of images whose views are shown


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
    names: Sequence[str] | None = None,
    originals: Callable[[int], Any] | None = None,
    untrained: Mapping[str, float] | None = None,
    summary: str | None = None,
    columns: Mapping[str, Any] | None = None,
    interactive: bool | None = None,
) -> Path:
    """Writes a self-contained HTML page of a finished run.

    It begins with a verdict in words: whether the model has learned, compared
    with chance, the most frequent class and the model before training; whether
    it has collapsed; whether it overfits. Then come images with their nearest
    neighbors, for CLIP the results of searches in both directions, a map of
    the embeddings, the curves of `fit`, the model's inputs (views), and all
    numbers. The page references no other files, fits a phone, and follows the
    reader's light or dark theme.

    Args:
        model: a trained `SimCLRModel`, `CLIPModel` or other model of the
            package.
        images: array, shape `(n, height, width, channels)`, as `fit` takes
            them, preferably from a validation set. One or two thousand are
            enough. With a single image, there is no map and there are no
            neighbors.
        path: path of the `.html` file. Missing folders are created.
        history: the history for `plot_history`. Defaults to no curves.
        labels: array of integers from 0, shape `(n,)`: they color the map, and
            add the kNN accuracy of every second image among the others.
        class_names: the names of the classes.
        captions: list of m strings, for a `CLIPModel`.
        image_index: ints, shape `(m,)`: the image of each caption. Defaults to
            one caption per image, in order.
        tokenizer: callable from a list of strings to the inputs of the text
            encoder; needed with `captions`. Defaults to that of the model.
        settings: names and values to list, such as those of the command line.
        title: title of the page, such as the name of the run.
        rgb_channels: three indices of the channels that the pictures show as
            red, green and blue. Without them, pictures of images that have
            neither 1 nor 3 channels show the first channel. The page states
            which channels are shown.
        names: list of n strings, the names of the images, such as those of
            their files. Defaults to their numbers.
        originals: function of an image's index that returns its picture at a
            higher resolution, for the sheets of neighbors and search results:
            an array `(height, width, channels)`, uint8 or floats from 0 to 1.
            Defaults to `images`.
        untrained: dict of the model's numbers before training, for comparison:
            `"knn_accuracy"` (with `labels`) and the keys of
            `evaluation.retrieval_recall` (with `captions`).
        summary: a line below the title, such as the data and the date. Defaults
            to the number of images and today's date.
        columns: dict from names to arrays or lists of n numbers or strings, by
            which the interactive map can be colored, besides the class,
            clusters (with scikit-learn installed) and the distance to the
            neighbors.
        interactive: whether the map is the interactive one, which needs plotly
            and makes the file some 5 MB larger. Defaults to whether plotly is
            installed.

    Returns:
        The path.

    Raises:
        ImportError: if matplotlib isn't installed, or plotly for
            `interactive=True`.
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
    if interactive is not None:
        check_bool("interactive", interactive)
    is_clip = hasattr(model, "encode_text")
    tokenizer = tokenizer or getattr(model, "tokenizer", None)
    if captions is not None and not (is_clip and tokenizer):
        raise ValueError(
            "`captions` need a model with a text encoder, and `tokenizer`. "
            f"Received: {type(model).__name__}, tokenizer={tokenizer!r}"
        )
    images = to_numpy(images)
    if names is None:
        names = [f"image {i}" for i in range(len(images))]
    check_one_for_each("names", names, len(images), "images")
    shown, channels_shown = select_shown(images, rgb_channels)
    pictures = to_pictures("images", shown)
    read = _reader(originals, rgb_channels) or pictures.__getitem__
    embeddings = model.predict(
        {"images": images} if is_clip else images, verbose=0
    )
    if is_clip:
        embeddings = embeddings["image_embeddings"]
    logs = {} if history is None else read_history(history)
    scores, sections = [], []
    if labels is not None:
        check_one_for_each("labels", labels, len(images), "images")
        labels = check_labels(to_numpy(labels), len(images), class_names)
    columns, search = dict(columns or {}), {}
    if captions is not None:
        image_index = to_numpy(
            range(len(images)) if image_index is None else image_index
        )

        def encode(texts):
            inputs = {"texts": tokenizer(list(texts))}
            return model.predict(inputs, verbose=0)["text_embeddings"]

        texts = encode(captions)
        if len(images) > 1:
            scores += recall_scores(embeddings, texts, image_index)
        sections += parts.retrieval(
            embeddings, texts, read, names, captions, image_index
        )
    if interactive is None:
        interactive = is_available()
    if interactive and captions is not None:
        search = search_data(embeddings, captions, image_index, encode)
        loss = caption_loss(embeddings, texts, image_index, scale_of(model))
        columns.setdefault("loss of its captions", loss)
    if len(images) > 1:  # A single image has no neighbors.
        if labels is not None:
            scores.append(class_score(embeddings, labels))
        shared = (embeddings, labels, class_names, pictures)
        sections = [
            parts.neighbors(embeddings, read, names, labels, class_names),
            *sections,
            parts.dynamic_map(*shared, names, columns, search)
            if interactive
            else parts.static_map(*shared),
        ]
    if logs:
        sections.append(parts.curves(logs))
    views = [
        to_pictures("views", select_shown(to_numpy(view), rgb_channels)[0])
        for view in make_views(views_of(model), images[:VIEWED])
    ]
    sections.append(parts.views(pictures[:VIEWED], views))
    rank = effective_rank(embeddings)
    untrained = untrained or {}
    verdict = parts.verdict(logs, scores, untrained, embeddings)
    sections.append(parts.last_epoch(logs, scores, rank, embeddings.shape))
    if settings:
        sections.append(parts.settings(settings))
    if summary is None:
        today = datetime.date.today()
        summary = f"{len(images):,} images, {today:%Y-%m-%d}."
    if channels_shown:
        summary = f"{summary.rstrip('.')}. The pictures show {channels_shown}."
    return html_page(path, title, summary, [verdict, *sections])


def views_of(model):
    """A function that makes the views of the model's training, usually two."""
    if hasattr(model, "multi_view"):
        return model.multi_view

    def views(images):
        return [model.augmenter(images, training=True) for _ in range(2)]

    return views


def scale_of(model):
    """The factor of similarities in the model's loss, if it has one."""
    logit_scale = getattr(model, "logit_scale", None)
    return 1.0 if logit_scale is None else float(to_numpy(logit_scale.scale))


def _reader(originals, rgb_channels):
    if originals is None:
        return None

    def read(index):
        picture = to_numpy(originals(int(index)))[None]
        picture, _ = select_shown(picture, rgb_channels)
        return to_pictures("originals", picture)[0]

    return read
