"""Plots the curves of a training run."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.visualization.figure import AS_WRITTEN
from keras_contrastive.visualization.figure import add_legend
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import save_figure
from keras_contrastive.visualization.figure import wrap
from keras_contrastive.visualization.history_logs import read_history
from keras_contrastive.visualization.history_panels import Panel
from keras_contrastive.visualization.history_panels import make_panels
from keras_contrastive.visualization.metric_names import HELD_OUT
from keras_contrastive.visualization.metric_names import family_and_rank
from keras_contrastive.visualization.metric_names import in_words
from keras_contrastive.visualization.plot_embeddings import PALETTE

PANEL_WIDTH = 5.2  # inches
PANEL_HEIGHT = 3.2
COLUMNS = 2
TITLE_CHARACTERS = 50
LABEL_CHARACTERS = 34
# Line style and opacity of the curves of one color.
SHADES = (("-", 1.0), ("--", 0.8), (":", 0.8))


def plot_history(history: Any, path: str | Path | None = None) -> Any:
    """Draws the logs of `fit`, with a panel for each kind of number.

    The panels are loss; accuracy and recall; alignment; uniformity; effective
    rank; temperature, which is one over `logit_scale`; and learning rate, if
    they were logged. Any other log has its own panel. Epochs in which a number
    was not measured (NaN) are skipped. A loss that was never finite has an
    empty panel.

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
    panels = make_panels(read_history(history))
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(columns * PANEL_WIDTH, rows * PANEL_HEIGHT)
    # This keeps a legend closer to its own panel than to the next one.
    figure.get_layout_engine().set(h_pad=0.15)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, panel in zip(grid, panels, strict=False):
        draw_panel(axes, panel)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    save_figure(figure, path)
    return figure


def plot_panel(panel: Panel) -> Any:
    """A figure of one panel."""
    figure = new_figure(PANEL_WIDTH, PANEL_HEIGHT)
    draw_panel(figure.subplots(), panel)
    return figure


def draw_panel(axes, panel):
    draw_curves(axes, panel.curves)
    axes.set_title(wrap(panel.title, TITLE_CHARACTERS), **AS_WRITTEN)
    axes.set_ylabel(wrap(panel.label, LABEL_CHARACTERS), **AS_WRITTEN)
    axes.set_xlabel("epoch")
    if not any(np.isfinite(each).any() for each in panel.curves.values()):
        axes.text(0.5, 0.5, "never finite", transform=axes.transAxes)


def draw_curves(axes, curves):
    from matplotlib.ticker import MaxNLocator

    lines = []
    for name, values in curves.items():
        color, (line_style, alpha) = style_of(name, curves)
        epochs = 1 + np.flatnonzero(np.isfinite(values))
        lines += axes.plot(
            epochs,
            values[epochs - 1],
            color=color,
            linestyle=line_style,
            alpha=alpha,
            label=name,
            # A single epoch has no line.
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
            [wrap(name, LABEL_CHARACTERS) for name in legend_of(curves)],
            loc="upper center",
            bbox_to_anchor=(0.5, -0.24),
            ncols=2,
            fontsize="small",
            frameon=False,
        )


def legend_of(curves):
    """The names in words, without "held out" if the title says so."""
    if all(name.startswith(HELD_OUT) for name in curves):
        return [in_words(name.removeprefix(HELD_OUT)) for name in curves]
    return [in_words(name) for name in curves]


def style_of(name, curves):
    """A color for each family of curves, a shade for each curve in it."""
    families = list(dict.fromkeys(family_and_rank(each)[0] for each in curves))
    family, _ = family_and_rank(name)
    members = [each for each in curves if family_and_rank(each)[0] == family]
    return (
        PALETTE[families.index(family) % len(PALETTE)],
        SHADES[min(members.index(name), len(SHADES) - 1)],
    )
