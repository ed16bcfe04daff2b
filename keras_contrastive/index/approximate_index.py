"""Approximate search, by libraries for it."""

import importlib
from typing import Any

import numpy as np

from keras_contrastive.index.search_results import SearchResults


class ApproximateIndex:
    """A graph over the rows of an `EmbeddingIndex`: fast, not exact.

    `EmbeddingIndex.approximate` makes it. It holds what the index held then:
    rows that are added later are not found.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    rows = np.random.default_rng(0).standard_normal((500, 16))
    graph = kc.index.EmbeddingIndex(rows).approximate("faiss")
    print(graph.recall(rows[:20], k=10))  # fraction of the exact neighbors
    print(graph.search(rows[0], k=3).ids)
    ```
    """

    def __init__(self, index: Any, library: str, **options: Any):
        if library not in _LIBRARIES:
            raise ValueError(
                f"`library` must be one of {sorted(_LIBRARIES)}. "
                f"Received: {library!r}"
            )
        try:
            module = importlib.import_module(library)
        except ImportError as error:
            package = {"faiss": "faiss-cpu"}.get(library, library)
            raise ImportError(
                f"Approximate search by {library} needs `pip install {package}`"
            ) from error
        self._index = index
        self._ids = index.ids
        self._find = _LIBRARIES[library](module, index.embeddings, **options)

    def search(self, queries: Any, k: int = 10) -> SearchResults:
        """Finds rows that are similar to each query, see `EmbeddingIndex`.

        Args:
            queries: Array or tensor of shape `(n, dim)` or `(dim,)`.
            k: Int, number of rows to find.

        Returns:
            A `SearchResults` of `ids` and `similarities`.
        """
        rows, is_single, k = self._index.check_query(queries, k, len(self._ids))
        similarity, number = self._find(rows, k)
        results = SearchResults(self._ids[number], similarity)
        return (
            SearchResults(*(each[0] for each in results))
            if (is_single)
            else results
        )

    def recall(self, queries: Any, k: int = 10) -> float:
        """The fraction of the exact `k` nearest rows that the search finds.

        Args:
            queries: Array or tensor of shape `(n, dim)`.
            k: Int.
        """
        exact = np.atleast_2d(self._index.search(queries, k).ids)
        found = np.atleast_2d(self.search(queries, k).ids)
        hits = [np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]
        return float(np.mean(hits))


def _faiss(faiss, rows, neighbors=32, effort=128):
    graph = faiss.IndexHNSWFlat(
        rows.shape[1], neighbors, faiss.METRIC_INNER_PRODUCT
    )
    graph.hnsw.efConstruction = effort
    graph.hnsw.efSearch = effort
    graph.add(np.ascontiguousarray(rows))
    return graph.search


def _usearch(usearch, rows, neighbors=32, effort=128):
    from usearch.index import Index

    graph = Index(
        ndim=rows.shape[1],
        metric="ip",
        dtype="f32",
        connectivity=neighbors,
        expansion_add=effort,
        expansion_search=effort,
    )
    graph.add(np.arange(len(rows)), np.ascontiguousarray(rows))

    def find(queries, k):
        found = graph.search(queries, k)
        shape = len(queries), k
        keys = np.asarray(found.keys).reshape(shape).astype("int64")
        # Its distance is 1 - the inner product.
        return 1 - np.asarray(found.distances).reshape(shape), keys

    return find


def _hnswlib(hnswlib, rows, neighbors=32, effort=128):
    graph = hnswlib.Index(space="ip", dim=rows.shape[1])
    graph.init_index(len(rows), M=neighbors, ef_construction=effort)
    graph.add_items(np.ascontiguousarray(rows), np.arange(len(rows)))

    def find(queries, k):
        graph.set_ef(max(effort, k))
        number, distance = graph.knn_query(queries, k)
        return 1 - distance, number.astype("int64")

    return find


_LIBRARIES = {"faiss": _faiss, "usearch": _usearch, "hnswlib": _hnswlib}
