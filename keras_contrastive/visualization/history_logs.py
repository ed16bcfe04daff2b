"""Reads the logs of a training run."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def read_history(history: Any) -> dict[str, np.ndarray]:
    """The logs that have a value in some epoch, as float arrays.

    The loss is kept without one: the training diverged in the first epoch.

    Raises:
        ValueError: If `history` is of another kind, or has no epoch.
    """
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
        if np.any(np.isfinite(values)) or (name == "loss" and len(values))
    }
    if not logs:
        raise ValueError(
            "`history` must hold an epoch at least. Received: none"
        )
    return logs


def read_csv(path):
    with Path(path).expanduser().open(newline="", encoding="utf-8-sig") as file:
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
