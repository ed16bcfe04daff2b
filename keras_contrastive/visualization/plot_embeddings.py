"""Plots a map of embeddings in the plane."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.validation import check_choice
from keras_contrastive.visualization.figure import add_legend
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import save_figure
from keras_contrastive.visualization.figure import to_numpy
from keras_contrastive.visualization.figure import to_pictures
from keras_contrastive.visualization.figure import wrap
from keras_contrastive.visualization.project_to_plane import METHODS
from keras_contrastive.visualization.project_to_plane import project_to_plane

# Petroff's ten colors (arXiv:2107.02270), designed to be distinguishable with
# any color vision. Beyond ten classes the marker changes.
PALETTE = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
MARKERS = "os^DvP"
NEUTRAL = PALETTE[8]  # gray, where there are no classes
LEGEND_ROWS = 20
NAME_CHARACTERS = 30  # of a class, in the legend
THUMBNAIL_INCHES = 0.42
THUMBNAIL_FRAME_INCHES = 0.05


def plot_embeddings(
    features: Any,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    images: Any = None,
    method: str = "pca",
    path: str | Path | None = None,
) -> Any:
    """Draws embeddings as points in the plane, colored by class.

    Args:
        features: array or tensor of floats, shape `(n, d)`, with `n >= 2` and
            `d >= 2`. They are drawn unchanged: normalize them first if only
            their direction matters.
        labels: array or tensor of integers, shape `(n,)`: the classes. Colors
            and markers repeat after 60 classes.
        class_names: the name of class 0, of class 1, and so on. Defaults to
            the numbers.
        images: array or tensor, shape `(n, height, width, 3)`, uint8 or floats
            from 0 to 1: some of them are drawn at their points, without
            overlaps.
        method: `"pca"`; `"tsne"`, with scikit-learn installed; or `"umap"`,
            with umap-learn installed.
        path: where to save the figure, as PNG, PDF or any format given by its
            suffix. Missing folders are created. Defaults to not saving it.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: if matplotlib or the package of `method` isn't installed.
        ValueError: if an argument has a wrong shape, length or range, or if
            features aren't finite.

    Example:
        ```python
        import keras_contrastive as kc

        data = kc.datasets.shapes(200, image_size=32)
        kc.visualization.plot_embeddings(
            data.images.reshape(200, -1) / 255.0,
            labels=data.labels,
            class_names=data.class_names,
            path="embeddings.png",
        )
        ```
    """
    features = check_features(to_numpy(features))
    check_choice("method", method, METHODS)
    if labels is not None:
        labels = check_labels(to_numpy(labels), len(features), class_names)
    elif class_names is not None:
        raise ValueError("`class_names` needs `labels`. Received: labels=None")
    if images is not None:
        images = to_pictures("images", images)
        check_length("images", images, len(features))

    points, axis_labels = project_to_plane(features, method)
    figure = new_figure(8, 6)
    axes = figure.subplots()
    scatter(axes, points, labels, faint=images is not None)
    if labels is not None:
        add_classes(figure, labels, class_names)
    axes.set_title(f"{METHODS[method]} of {len(points):,} embeddings")
    axes.set_xlabel(axis_labels[0])
    axes.set_ylabel(axis_labels[1])
    axes.spines[["top", "right"]].set_visible(False)
    if method != "pca":
        # The scales of t-SNE and UMAP have no meaning.
        axes.set(xticks=[], yticks=[])
    if images is not None:
        draw_thumbnails(axes, points, labels, images)
    save_figure(figure, path)
    return figure


def check_features(features):
    if features.ndim != 2 or min(features.shape) < 2:
        raise ValueError(
            "`features` must have the shape (n, d) with n >= 2 and d >= 2. "
            f"Received: shape {features.shape}"
        )
    if not np.all(np.isfinite(features)):
        raise ValueError(
            "`features` must be finite. Received: NaN or infinity in "
            f"{np.sum(~np.isfinite(features).all(axis=1))} of "
            f"{len(features)} rows"
        )
    return features.astype("float64")


def check_length(name, array, length):
    if len(array) != length:
        raise ValueError(
            f"`{name}` must have one entry for each of the {length} rows of "
            f"`features`. Received: {len(array)}"
        )


def check_labels(labels, length, class_names):
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            "`labels` must be integers of shape (n,). "
            f"Received: {labels.dtype} of shape {labels.shape}"
        )
    check_length("labels", labels, length)
    if labels.min() < 0:
        raise ValueError(
            f"`labels` must not be negative. Received: {labels.min()}"
        )
    if class_names is not None and labels.max() >= len(class_names):
        raise ValueError(
            f"`class_names` must name every class up to {labels.max()}. "
            f"Received: {len(class_names)} names"
        )
    return labels


def color_of(label):
    return PALETTE[label % len(PALETTE)]


def marker_of(label):
    return MARKERS[label // len(PALETTE) % len(MARKERS)]


def scatter(axes, points, labels, faint):
    # With more points, each is smaller and more transparent.
    size = np.clip(450 / np.sqrt(len(points)), 3, 40)
    alpha = 0.25 if faint else np.clip(30 / np.sqrt(len(points)), 0.25, 0.9)
    if labels is None:
        axes.scatter(*points.T, s=size, c=NEUTRAL, alpha=alpha, linewidths=0)
        return
    markers = np.array([marker_of(label) for label in labels])
    # In random order, so that no class is drawn on top of the others.
    order = np.random.default_rng(0).permutation(len(points))
    for marker in np.unique(markers):
        group = order[markers[order] == marker]
        axes.scatter(
            *points[group].T,
            s=size,
            c=[color_of(label) for label in labels[group]],
            marker=str(marker),
            alpha=alpha,
            linewidths=0,
        )


def draw_thumbnails(axes, points, labels, images):
    from matplotlib.offsetbox import AnnotationBbox
    from matplotlib.offsetbox import OffsetImage

    # Compute the layout of the figure to find the positions of the points.
    axes.figure.draw_without_rendering()
    positions = axes.transData.transform(points) / axes.figure.dpi
    width = THUMBNAIL_INCHES + THUMBNAIL_FRAME_INCHES
    zoom = 72 * THUMBNAIL_INCHES / max(images.shape[1:3])
    for index in apart(positions, width):
        frame = NEUTRAL if labels is None else color_of(labels[index])
        thumbnail = AnnotationBbox(
            OffsetImage(images[index], zoom=zoom),
            points[index],
            pad=0.1,
            bboxprops={"edgecolor": frame, "linewidth": 1.5},
        )
        thumbnail.set_in_layout(False)
        axes.add_artist(thumbnail)


def apart(positions, width):
    """Indices of points around which squares of `width` don't overlap."""
    chosen = []
    for index, position in enumerate(positions):
        distances = np.abs(positions[chosen] - position).max(axis=1)
        if np.all(distances >= width):
            chosen.append(index)
    return chosen


def add_classes(figure, labels, class_names):
    from matplotlib.lines import Line2D

    classes = np.unique(labels)
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=marker_of(label),
            color=color_of(label),
        )
        for label in classes
    ]
    add_legend(
        figure,
        handles,
        [
            wrap(
                label if class_names is None else class_names[label],
                NAME_CHARACTERS,
                max_lines=1,
            )
            for label in classes
        ],
        loc="outside right upper",
        ncols=-(-len(classes) // LEGEND_ROWS),
        frameon=False,
    )
