import numpy as np
import pytest

from keras_contrastive.evaluation import nearest_keys
from keras_contrastive.evaluation.nearest_keys import largest_of_rows

pytestmark = pytest.mark.one_backend


def oracle(similarity, k):
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(similarity, order, axis=1), order


def check(similarity, k):
    for found, expected in zip(
        largest_of_rows(similarity, k), oracle(similarity, k), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("num_keys", [1, 9, 399, 400, 1003])
@pytest.mark.parametrize("k", [1, 2, 10])
def test_equals_a_stable_sort(num_keys, k, rng):
    """With groups and without, and keys that fill no group."""
    check(
        rng.standard_normal((7, num_keys)).astype("float32"), min(k, num_keys)
    )


@pytest.mark.parametrize("num_values", [1, 2, 40])
def test_of_equal_values_the_first_columns(num_values, rng):
    """Whether ties leave few candidates or make the bound worthless."""
    similarity = rng.integers(0, num_values, (5, 900)).astype("float32")
    check(similarity, 8)
    check(-similarity, 8)


def test_the_largest_in_one_group_or_at_the_end(rng):
    similarity = rng.standard_normal((3, 1003)).astype("float32")
    similarity[0, ::50] += 10  # of group 0, where k is 10
    similarity[1, -5:] += 10  # of none
    similarity[2] = np.sort(similarity[2])
    check(similarity, 10)


def test_selects_from_few_candidates(rng, monkeypatch):
    """The shortcut is taken where it pays."""
    monkeypatch.setattr(nearest_keys, "_all_columns_that_may_count", None)
    check(rng.standard_normal((6, 2000)).astype("float32"), 20)
