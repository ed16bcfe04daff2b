"""The panels of a training run, which group the logs."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from keras_contrastive.visualization.metric_names import family_and_rank
from keras_contrastive.visualization.metric_names import in_words

IN_THE_BATCH = ", in the batch"
# Title, axis label, and a pattern of the logs in the panel; the first pattern
# that matches is used.
PANELS = (
    ("Temperature", "temperature", "logit_scale"),
    ("Bias of the logits", "bias", "logit_bias"),
    ("Finding each other, held out", "share that is right", "^val_.*recall@"),
    (f"Finding each other{IN_THE_BATCH}", "share that is right", "recall@"),
    ("Accuracy", "share that is right", "accuracy"),
    ("Alignment", "mean squared distance of pairs", "alignment"),
    ("Uniformity", "log mean potential", "uniformity"),
    ("Effective rank", "dimensions in use", "rank"),
    ("Learning rate", "learning rate", "learning_rate"),
    ("Loss", "loss", "loss"),
)
FIRST = "Loss"


class Panel(NamedTuple):
    """The curves in one coordinate system.

    Attributes:
        title: String.
        label: String, of the vertical axis.
        curves: Dict from the names of logs to arrays of one number per epoch.
            The logs of a family are adjacent, ordered by their rank in it.
    """

    title: str
    label: str
    curves: dict[str, np.ndarray]


def make_panels(logs: Mapping[str, np.ndarray]) -> list[Panel]:
    """Sorts the logs into panels, that of the loss first."""
    panels: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for name, values in logs.items():
        title, label = panel_of(name)
        if title == "Temperature":
            name = name.replace("logit_scale", "temperature")
            values = 1 / values
        panels.setdefault((title, label), {})[name] = values
    return [
        Panel(title_of(title, curves), label, in_order(curves))
        for (title, label), curves in sorted(
            panels.items(), key=lambda panel: panel[0][0] != FIRST
        )
    ]


def panel_of(name: str) -> tuple[str, str]:
    for title, label, pattern in PANELS:
        if re.search(pattern, name):
            return title, label
    return name, name


def title_of(title: str, curves: Mapping[str, np.ndarray]) -> str:
    """The title, for a single accuracy its full name."""
    if title != "Accuracy" or len(curves) > 1:
        return title
    words = in_words(*curves)
    return words[:1].upper() + words[1:]


def in_order(curves: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    families = list(dict.fromkeys(family_and_rank(name)[0] for name in curves))

    def key(name):
        family, rank = family_and_rank(name)
        return families.index(family), rank

    return {name: curves[name] for name in sorted(curves, key=key)}
