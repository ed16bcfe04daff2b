"""Clusters of embeddings, and their labels."""

import types
from typing import Any

import numpy as np

from keras_contrastive.curation.neighbors import unit_rows
from keras_contrastive.evaluation.checks import as_array
from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_positive_int


def cluster(
    embeddings: Any,
    num_clusters: int | None = None,
    smallest: int = 10,
    seed: int = 0,
) -> np.ndarray:
    """Clusters rows by scikit-learn's k-means, or HDBSCAN.

    Args:
        embeddings: Array of shape `(n, dim)`. Rows are normalized first, so
            that distances correspond to cosine similarities.
        num_clusters: Int, at most n, for k-means. `None` runs HDBSCAN, which
            finds the number of clusters itself and leaves out rows that belong
            to no cluster. It is slow for more than ten thousand rows.
        smallest: Int from 2 to n, the minimum size of a cluster of HDBSCAN.
        seed: Int, not negative, for k-means.

    Returns:
        Int array of shape `(n,)`: the cluster of each row, from 0; -1 for rows
        without a cluster.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If the embeddings are not a finite matrix, or a number is
            out of range.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    embeddings = np.repeat(np.eye(3), 20, axis=0)
    clusters = kc.curation.cluster(embeddings, num_clusters=3)
    print(len(set(clusters)))  # 3
    ```
    """
    rows = unit_rows(embeddings, fewest=1)
    methods = import_cluster()
    if num_clusters is None:
        if check_int("smallest", smallest, 2) > len(rows):
            raise ValueError(
                f"`smallest` must be at most {len(rows)}, the number of rows. "
                f"Received: smallest={smallest}"
            )
        method = methods.HDBSCAN(min_cluster_size=smallest, copy=True)
    else:
        if check_positive_int("num_clusters", num_clusters) > len(rows):
            raise ValueError(
                f"`num_clusters` must be at most {len(rows)}, the number of "
                f"rows. Received: num_clusters={num_clusters}"
            )
        seed = check_int("seed", seed, 0)
        method = methods.KMeans(num_clusters, random_state=seed)
    return method.fit_predict(rows).astype("int64")


def import_cluster() -> types.ModuleType:
    """Returns the module `sklearn.cluster`, or raises what to install."""
    try:
        import sklearn.cluster
    except ImportError as error:
        raise ImportError(
            "Clusters need scikit-learn: pip install "
            "'keras_contrastive[curation]'."
        ) from error
    return sklearn.cluster


def describe_clusters(clusters: Any, labels: Any) -> dict[str, np.ndarray]:
    """Describes the labels in each cluster.

    A cluster of several classes shows classes that the embeddings do not
    distinguish. A class in many clusters shows its subgroups.

    Args:
        clusters: Int array of shape `(n,)`, as `cluster` returns it. Rows
            without a cluster, -1, are left out.
        labels: Array of shape `(n,)`, integers or strings.

    Returns:
        Dict of arrays, a table for `pandas.DataFrame`, the largest clusters
        first: `"cluster"`, `"size"`, `"label"`, the most frequent one,
        `"purity"`, its share of the cluster, and `"recall"`, the share of that
        label's rows that are in the cluster.

    Raises:
        ValueError: If there is not one label per row, or no row in a cluster.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    clusters = np.array([0, 0, 0, 1, 1, -1])
    labels = np.array(["cat", "cat", "dog", "dog", "dog", "cat"])
    print(kc.curation.describe_clusters(clusters, labels))
    ```
    """
    clusters = as_array(clusters, "clusters")
    clusters = as_labels(clusters, "clusters", clusters.size)
    if clusters.dtype.kind not in "iu":
        raise ValueError(
            "`clusters` must be integers, as `cluster` returns them. "
            f"Received: an array of {clusters.dtype}"
        )
    labels = as_labels(labels, "labels", len(clusters))
    classes, own = np.unique(labels, return_inverse=True)
    numbers = np.unique(clusters[clusters >= 0])
    if not len(numbers):
        raise ValueError(
            "`clusters` must have a row in a cluster. Received: "
            f"{len(clusters)} rows in none"
        )
    counts = np.array(
        [
            np.bincount(own[clusters == number], minlength=len(classes))
            for number in numbers
        ]
    )
    size, most = counts.sum(axis=1), counts.argmax(axis=1)
    shared = counts.max(axis=1)
    order = np.argsort(-size, kind="stable")
    return {
        "cluster": numbers[order],
        "size": size[order],
        "label": classes[most[order]],
        "purity": (shared / size)[order],
        "recall": (shared / np.bincount(own)[most])[order],
    }
