"""Values and gradients that lightly 1.6 computes for the same rows.

They were computed once, with PyTorch 2.13, on the rows of `rows`. The entries
are the value and the norms of the gradients of the arguments.
"""

import numpy as np
import pytest

from keras_contrastive import losses
from tests.autodiff import value_and_gradients


def rows(seed, dim=4, n=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)).astype("float32")


PAIRS = {
    "NTXentLoss(0.5)": (
        losses.NTXentLoss(0.5),
        [3.0596473, 0.7508795, 0.6165091],
    ),
    "DCLLoss(0.1)": (
        losses.DecoupledNTXentLoss(0.1),
        [8.7806416, 4.0885525, 3.4668825],
    ),
    "DCLWLoss(0.1, 0.5)": (
        losses.DecoupledNTXentLoss(0.1, weight_sigma=0.5),
        [12.8625240, 4.9453964, 5.0223188],
    ),
    "BarlowTwinsLoss(0.005)": (
        losses.BarlowTwinsLoss(0.005),
        [4.6059513, 2.2759228, 3.0600510],
    ),
    "VICRegLoss()": (
        losses.VICRegLoss(),
        [36.1792297, 9.4303141, 9.8608494],
    ),
}


def check(function, arrays, expected):
    value, gradients = value_and_gradients(function, *arrays)
    found = [value, *(np.linalg.norm(g) for g in gradients)]
    np.testing.assert_allclose(found, expected, rtol=2e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name):
    loss, expected = PAIRS[name]
    check(loss, (rows(0), rows(1)), expected)


def test_cosine():
    """NegativeCosineSimilarity(), whose targets are detached by its caller."""
    loss = losses.NegativeCosineSimilarity()
    expected = [0.1514294, 0.3211299]
    check(lambda p: loss(p, rows(1)), [rows(0)], expected)


def test_queue():
    """NTXentLoss(0.1, memory_bank_size=(3, 4)) with the bank of these rows."""
    loss = losses.QueueInfoNCELoss(0.1)
    bank = rows(2, n=3)
    check(
        lambda queries: loss(queries, rows(1), queue=bank),
        [rows(0)],
        [5.8170395, 4.0641713],
    )


def test_swav():
    """SwaVLoss(0.1, 3, 0.05) of two large crops and a small one."""
    scores = np.stack([rows(seed, 5) for seed in (10, 11, 12)], axis=1)
    loss = losses.SwAVLoss(0.1, epsilon=0.05, iterations=3)
    value, (gradient,) = value_and_gradients(
        lambda x: loss(scores[:, :2], x), scores
    )
    found = [value, *np.linalg.norm(gradient, axis=(0, 2))]
    expected = [9.2177992, 1.2260452, 1.1290748, 2.5725744]
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_dino():
    """DINOLoss at temperatures 0.04 and 0.1, before its first center."""
    teacher = np.stack([rows(seed, 5) for seed in (20, 21)], axis=1)
    student = np.stack([rows(seed, 5) for seed in (22, 23, 24)], axis=1)
    loss = losses.DINOLoss(0.1, 0.04)
    value, (gradient,) = value_and_gradients(
        lambda x: loss(teacher, x), student
    )
    found = [value, *np.linalg.norm(gradient, axis=(0, 2))]
    expected = [15.4801207, 1.4097154, 1.3440102, 2.4257095]
    np.testing.assert_allclose(found, expected, rtol=2e-5)
