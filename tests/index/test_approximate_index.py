"""Approximate search: what the libraries are asked for, and what they find."""

import importlib.util
import sys
import types

import numpy as np
import pytest

from keras_contrastive.index import EmbeddingIndex

pytestmark = pytest.mark.one_backend


class Graph:
    """Stands in for `hnswlib.Index`, which has no wheels: compares all rows."""

    def __init__(self, space, dim):
        assert space == "ip"
        self.dim = dim

    def init_index(self, max_elements, M, ef_construction):
        self.max_elements, self.links = max_elements, M
        self.effort = ef_construction

    def add_items(self, data, ids):
        assert data.shape == (self.max_elements, self.dim)
        self.data, self.ids = data, ids

    def set_ef(self, ef):
        self.ef = ef

    def knn_query(self, data, k):
        if k > self.links * self.effort or k > self.ef:
            raise RuntimeError(
                "Cannot return the results in a contiguous array"
            )
        distance = 1 - data @ self.data.T
        order = np.argsort(distance, axis=1)[:, :k]
        distance = np.take_along_axis(distance, order, axis=1)
        return self.ids[order].astype("uint64"), distance


@pytest.fixture(params=["faiss", "usearch", "hnswlib"])
def library(request, monkeypatch):
    if request.param != "hnswlib":
        pytest.importorskip(request.param)
    elif not importlib.util.find_spec("hnswlib"):
        module = types.SimpleNamespace(Index=Graph)
        monkeypatch.setitem(sys.modules, "hnswlib", module)
    return request.param


def test_finds_the_nearest(rng, library):
    rows = rng.standard_normal((2000, 16))
    index = EmbeddingIndex(rows, [f"{i}" for i in range(2000)])
    graph = index.approximate(library)
    queries = rng.standard_normal((20, 16))
    assert graph.recall(queries) > 0.9
    assert graph.search(queries).ids.shape == (20, 10)
    found, exact = graph.search(rows[5], 3), index.search(rows[5], 3)
    assert found.ids.tolist() == exact.ids.tolist()
    np.testing.assert_allclose(
        found.similarities, exact.similarities, atol=1e-5
    )
    with pytest.raises(ValueError, match="`queries` must have 16 columns"):
        graph.search(rows[:, :5])


def test_more_rows_than_the_graph_connects(rng, library):
    rows = rng.standard_normal((3, 16))
    index = EmbeddingIndex(np.repeat(rows, 100, axis=0))
    graph = index.approximate(library, neighbors=2, effort=4)
    for query in (rows[0], rows):
        found, exact = graph.search(query, 300), index.search(query, 300)
        for ids in np.atleast_2d(found.ids):
            assert sorted(ids.tolist()) == list(range(300))
        np.testing.assert_allclose(
            found.similarities, exact.similarities, atol=1e-5
        )


def test_what_hnswlib_is_told(rng, monkeypatch):
    made = []

    def new(**arguments):
        made.append(Graph(**arguments))
        return made[-1]

    module = types.SimpleNamespace(Index=new)
    monkeypatch.setitem(sys.modules, "hnswlib", module)
    index = EmbeddingIndex(rng.standard_normal((300, 4)))
    graph = index.approximate("hnswlib")
    assert (made[0].links, made[0].effort) == (32, 128)
    for k, effort in ((1, 128), (200, 200)):
        graph.search(np.ones(4), k)
        assert made[0].ef == effort


@pytest.mark.parametrize("library", ["faiss", "usearch"])
def test_neighbors_and_effort(rng, library):
    pytest.importorskip(library)
    index = EmbeddingIndex(rng.standard_normal((1000, 32)))
    queries = rng.standard_normal((30, 32))

    def recall(neighbors, effort):
        return index.approximate(library, neighbors, effort).recall(queries, 5)

    # Few links lose rows, and so does a search that looks at few.
    assert recall(2, 8) < 0.4 < recall(2, 100) < 0.9 < recall(48, 100)
    assert recall(48, 8) < 0.85


def test_a_library_that_is_missing(monkeypatch):
    index = EmbeddingIndex(np.eye(3))
    for library, package in (("faiss", "faiss-cpu"), ("usearch", "usearch")):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ImportError, match=f"pip install {package}`"):
            index.approximate(library)


def test_errors():
    index = EmbeddingIndex(np.eye(3))
    for arguments, message in (
        (("annoy",), "`library` must be one of"),
        (("faiss", 0), "`neighbors` must be a positive integer"),
        (("faiss", 32, 1.5), "`effort` must be a positive integer"),
    ):
        with pytest.raises(ValueError, match=message):
            index.approximate(*arguments)
