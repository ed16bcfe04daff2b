"""The data of the interactive map: positions, columns, neighbors."""

import importlib.util
import warnings
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.visualization.cosine_similarity import check_one_for_each
from keras_contrastive.visualization.figure import one_line
from keras_contrastive.visualization.figure import to_numpy
from keras_contrastive.visualization.project_to_plane import METHODS
from keras_contrastive.visualization.project_to_plane import pca
from keras_contrastive.visualization.project_to_plane import project_to_plane

NEIGHBORS = 8
CLUSTERS = 10  # at most
COMPONENTS = 50  # principal ones, which t-SNE reduces to two
CHUNK = 1024  # rows that are compared with all others at once


def layouts(embeddings: np.ndarray) -> list[dict[str, Any]]:
    """The positions: t-SNE if scikit-learn is installed, and PCA."""
    unit = normalize_rows(embeddings).astype("float64")
    methods = ["pca"]
    if _has_scikit_learn() and len(unit) > 3:
        methods = ["tsne", "pca"]
    result = []
    for method in methods:
        few = min(COMPONENTS, *unit.shape)
        features = pca(unit, few)[0] if method == "tsne" else unit
        points, _ = project_to_plane(features, method)
        # One scale for both axes, so that distances keep their meaning.
        low, high = points.min(axis=0), points.max(axis=0)
        points = points - (low + high) / 2
        points = points / max(np.abs(points).max(), 1e-30)
        x, y = np.round(points, 4).T.tolist()
        result.append({"name": METHODS[method], "x": x, "y": y})
    return result


def columns(
    embeddings: np.ndarray,
    labels: np.ndarray | None,
    class_names: Sequence[str] | None,
    given: Mapping[str, Any],
    distances: np.ndarray,
) -> list[dict[str, Any]]:
    """The columns that can color the points; the first is the default."""
    found: dict[str, Any] = {}
    if labels is not None:
        found["class"] = [class_names[i] if class_names else i for i in labels]
    if _has_scikit_learn() and len(embeddings) >= 2 * CLUSTERS:
        found["cluster"] = 1 + clusters(embeddings)
    for name, values in given.items():
        check_one_for_each(
            f"columns[{name!r}]", values, len(embeddings), "images"
        )
        found[name] = values
    found["distance to neighbors"] = distances
    return [column(name, values) for name, values in found.items()]


def clusters(embeddings: np.ndarray) -> np.ndarray:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    kmeans = KMeans(min(CLUSTERS, len(embeddings) // 10), random_state=0)
    with warnings.catch_warnings():
        # Fewer different rows than clusters: the map shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kmeans.fit_predict(normalize_rows(embeddings))


def column(name: str, values: Any) -> dict[str, Any]:
    """A column of numbers with a color scale, or of categories with colors."""
    values = to_numpy(values)
    if values.dtype.kind == "f":
        rounded = [
            float(f"{v:.5g}") if np.isfinite(v) else None for v in values
        ]
        return {"name": one_line(name), "values": rounded}
    # In numerical or alphabetical order.
    categories, places = np.unique(values, return_inverse=True)
    return {
        "name": one_line(name),
        "values": places.tolist(),
        "categories": [one_line(each) for each in categories],
    }


def neighbors(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The most similar rows of each row, and its mean distance to them."""
    unit = normalize_rows(embeddings)
    count = min(NEIGHBORS, len(unit) - 1)
    found, distances = [], []
    for start in range(0, len(unit), CHUNK):
        similarity = unit[start : start + CHUNK] @ unit.T
        rows = np.arange(len(similarity))
        similarity[rows, start + rows] = -np.inf
        best = np.argsort(-similarity, axis=1, kind="stable")[:, :count]
        found.append(best)
        nearest = np.take_along_axis(similarity, best, axis=1)
        distances.append(1 - nearest.mean(axis=1))
    return np.concatenate(found), np.concatenate(distances)


def _has_scikit_learn():
    return importlib.util.find_spec("sklearn") is not None
