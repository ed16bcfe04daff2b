"""The size of the blocks of the exact search: it bounds the memory."""

import numpy as np
import pytest

from keras_contrastive.index import exact_search

pytestmark = pytest.mark.one_backend


@pytest.fixture
def shapes(monkeypatch):
    """The shapes of the blocks of similarities, as they come."""
    found = []
    select = exact_search.largest_of_rows

    def spy(similarity, k):
        found.append(similarity.shape)
        return select(similarity, k)

    monkeypatch.setattr(exact_search, "largest_of_rows", spy)
    return found


def search(num_queries, is_kept=None):
    rows = np.random.default_rng(0).normal(size=(300, 8)).astype("float32")
    return exact_search.exact_search(rows[:num_queries], rows, 3, is_kept)


def test_blocks_have_the_bytes_of_the_bound(shapes, monkeypatch):
    all_rows = np.ones(300, bool)
    for bound, arguments, expected in (
        # 64 queries at most, with 25 rows at a time.
        (4 * 64 * 25, (100,), [(64, 25)] * 12 + [(36, 25)] * 12),
        (4 * 64 * 25, (20,), [(20, 80)] * 3 + [(20, 60)]),
        # The copied rows count where they are larger.
        (4 * 64 * 25, (20, all_rows), [(20, 80)] * 3 + [(20, 60)]),
        (4 * 8 * 200, (1, all_rows), [(1, 200), (1, 100)]),
        (4 * 8 * 200, (1,), [(1, 300)]),
        # A row at least.
        (1, (1,), [(1, 1)] * 300),
    ):
        shapes.clear()
        monkeypatch.setattr(exact_search, "BLOCK_BYTES", bound)
        monkeypatch.setattr(exact_search, "QUERIES", 64)
        search(*arguments)
        assert shapes == expected


def test_a_small_index_is_one_block(shapes):
    search(256)
    assert shapes == [(256, 300)]
    assert exact_search.BLOCK_BYTES < 100e6
