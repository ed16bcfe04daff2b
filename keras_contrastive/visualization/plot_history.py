"""Plots the curves of a training run."""

import csv
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.visualization.figure import AS_WRITTEN
from keras_contrastive.visualization.figure import add_legend
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import save_figure
from keras_contrastive.visualization.figure import wrap
from keras_contrastive.visualization.plot_embeddings import PALETTE

PANEL_WIDTH = 5.2  # inches
PANEL_HEIGHT = 3.2
COLUMNS = 2
TITLE_CHARACTERS = 50
LABEL_CHARACTERS = 34
# Title, axis label, and a pattern of the logs in the panel; the first pattern
# that matches is used.
PANELS = (
    ("Temperature", "temperature", "logit_scale"),
    ("Bias of the logits", "bias", "logit_bias"),
    ("Recall, held out", "share that is right", "^val_.*recall@"),
    ("Recall, in the batch", "share that is right", "recall@"),
    ("Accuracy", "share that is right", "accuracy"),
    ("Alignment", "mean squared distance of pairs", "alignment"),
    ("Uniformity", "log mean potential", "uniformity"),
    ("Effective rank", "dimensions in use", "rank"),
    ("Learning rate", "learning rate", "learning_rate"),
    ("Loss", "loss", "loss"),
)
FIRST = "Loss"


def plot_history(history: Any, path: str | Path | None = None) -> Any:
    """Draws the logs of `fit`, with a panel for each kind of number.

    The panels are loss; accuracy and recall; alignment; uniformity; effective
    rank; temperature, which is one over `logit_scale`; and learning rate, if
    they were logged. Any other log has its own panel. Epochs in which a number
    was not measured (NaN) are skipped.

    Args:
        history: the result of `fit`; a dict with a list for each log; or the
            path of the file that `keras.callbacks.CSVLogger` wrote.
        path: where to save the figure, as PNG, PDF or any format given by its
            suffix. Missing folders are created. Defaults to not saving it.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: if matplotlib isn't installed.
        ValueError: if there is no epoch in the history.

    Example:
        ```python
        import keras_contrastive as kc

        history = {"loss": [5.5, 5.1, 4.9], "logit_scale": [14.3, 14.9, 15.8]}
        kc.visualization.plot_history(history, path="history.png")
        ```
    """
    logs = read_history(history)
    panels = {}
    for name, values in logs.items():
        title, label = panel_of(name)
        if title == "Temperature":
            name = name.replace("logit_scale", "temperature")
            values = 1 / values
        panels.setdefault((title, label), {})[name] = values
    titles = sorted(panels, key=lambda panel: panel[0] != FIRST)
    columns = min(COLUMNS, len(titles))
    rows = -(-len(titles) // columns)
    figure = new_figure(columns * PANEL_WIDTH, rows * PANEL_HEIGHT)
    # So that a legend is closer to its own panel than to the next one.
    figure.get_layout_engine().set(h_pad=0.15)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, (title, label) in zip(grid, titles, strict=False):
        draw_curves(axes, panels[title, label])
        axes.set_title(wrap(title, TITLE_CHARACTERS), **AS_WRITTEN)
        axes.set_ylabel(wrap(label, LABEL_CHARACTERS), **AS_WRITTEN)
        axes.set_xlabel("epoch")
    for axes in grid[len(titles) :]:
        axes.set_axis_off()
    save_figure(figure, path)
    return figure


def read_history(history: Any) -> dict[str, np.ndarray]:
    """The logs that have a value in some epoch, as float arrays."""
    if isinstance(history, str | os.PathLike):
        history = read_csv(history)
    history = getattr(history, "history", history)
    if not isinstance(history, Mapping):
        raise ValueError(
            "`history` must be what `fit` returned, a dict of lists, or the "
            f"path of CSVLogger's file. Received: {type(history).__name__}"
        )
    logs = {
        name: np.asarray(values, "float64") for name, values in history.items()
    }
    logs = {
        name: values
        for name, values in logs.items()
        if np.any(np.isfinite(values))
    }
    if not logs:
        raise ValueError(
            "`history` must hold an epoch at least. Received: none"
        )
    return logs


def read_csv(path):
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        names = [name for name in rows.fieldnames or () if name != "epoch"]
        history = {name: [] for name in names}
        for row in rows:
            for name in names:
                history[name].append(_number(row, name, path, rows.line_num))
    return history


def _number(row, name, path, line):
    # CSVLogger writes NA for values that an epoch did not log.
    if row[name] in ("NA", "", None):
        return float("nan")
    try:
        # More values than names: the names of the values are unknown.
        return float(None if None in row else row[name])
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`history` must be a file of CSVLogger, with one number for each "
            f"name. Received: {list(row.values())} in {path}, line {line}"
        ) from error


def panel_of(name):
    for title, label, pattern in PANELS:
        if re.search(pattern, name):
            return title, label
    return name, name


def draw_curves(axes, curves):
    from matplotlib.ticker import MaxNLocator

    lines = []
    for color, (name, values) in zip(
        PALETTE * (1 + len(curves) // len(PALETTE)),
        curves.items(),
        strict=False,
    ):
        epochs = 1 + np.flatnonzero(np.isfinite(values))
        lines += axes.plot(
            epochs,
            values[epochs - 1],
            color=color,
            label=name,
            # A single epoch gives no line.
            marker="o" if len(epochs) <= 20 else None,
            markersize=4,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1:
        # Below the panel, where the legend cannot cover a curve.
        add_legend(
            axes,
            lines,
            [wrap(name, LABEL_CHARACTERS) for name in curves],
            loc="upper center",
            bbox_to_anchor=(0.5, -0.24),
            ncols=2,
            fontsize="x-small",
            frameon=False,
        )
