"""Approximate search with the libraries faiss, usearch or hnswlib."""

import importlib
from typing import Any

import numpy as np

from keras_contrastive.index.exact_search import exact_search
from keras_contrastive.index.search_results import SearchResults
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_positive_int


class ApproximateIndex:
    """A graph over the rows of an `EmbeddingIndex`: fast, not exact.

    `EmbeddingIndex.approximate` creates it from the current rows of the index.
    It does not find rows that are added later.

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

    def __init__(self, index: Any, library: str, neighbors: int, effort: int):
        check_choice("library", library, _LIBRARIES)
        try:
            module = importlib.import_module(library)
        except ImportError as error:
            package = {"faiss": "faiss-cpu"}.get(library, library)
            raise ImportError(
                f"Approximate search by {library} needs `pip install {package}`"
            ) from error
        neighbors = check_positive_int("neighbors", neighbors)
        effort = check_positive_int("effort", effort)
        self._index = index
        self._ids, self._rows = index.ids, index.embeddings
        self._find = _LIBRARIES[library](module, self._rows, neighbors, effort)

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
        # A graph may have too few links to reach k rows.
        short = (number == -1).any(axis=1)
        if short.any():
            similarity[short], number[short] = exact_search(
                rows[short], self._rows, k
            )
        ids = self._ids[number]
        if is_single:
            return SearchResults(ids[0], similarity[0])
        return SearchResults(ids, similarity)

    def recall(self, queries: Any, k: int = 10) -> float:
        """The fraction of the exact `k` nearest rows that the search finds.

        Args:
            queries: Array or tensor of shape `(n, dim)`.
            k: Int.
        """
        exact = np.atleast_2d(self._index.search(queries, k).ids)
        found = np.atleast_2d(self.search(queries, k).ids)
        hits = [np.isin(ids, found[i]).mean() for i, ids in enumerate(exact)]
        return float(np.mean(hits))


def _faiss(faiss, rows, neighbors, effort):
    graph = faiss.IndexHNSWFlat(
        rows.shape[1], neighbors, faiss.METRIC_INNER_PRODUCT
    )
    graph.hnsw.efConstruction = effort
    graph.hnsw.efSearch = effort
    graph.add(np.ascontiguousarray(rows))
    return graph.search


def _usearch(usearch, rows, neighbors, effort):
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
        similarity = np.zeros((len(queries), k), "float32")
        number = np.full((len(queries), k), -1)
        for row, query in enumerate(queries):
            found = graph.search(query, k)
            # The distance is 1 - the inner product.
            similarity[row, : len(found)] = 1 - found.distances
            number[row, : len(found)] = found.keys
        return similarity, number

    return find


def _hnswlib(hnswlib, rows, neighbors, effort):
    graph = hnswlib.Index(space="ip", dim=rows.shape[1])
    graph.init_index(len(rows), M=neighbors, ef_construction=effort)
    graph.add_items(np.ascontiguousarray(rows), np.arange(len(rows)))

    def find(queries, k):
        graph.set_ef(max(effort, k))
        try:
            number, distance = graph.knn_query(queries, k)
        except RuntimeError:  # it found fewer
            shape = len(queries), k
            return np.zeros(shape, "float32"), np.full(shape, -1)
        return 1 - distance, number.astype("int64")

    return find


_LIBRARIES = {"faiss": _faiss, "usearch": _usearch, "hnswlib": _hnswlib}
