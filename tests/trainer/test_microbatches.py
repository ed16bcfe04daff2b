"""The functions that split batches into microbatches, value by value."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_contrastive.trainer import microbatches
from tests.models.helpers import simclr

to_numpy = ops.convert_to_numpy


def test_parts_hold_every_nth_example(rng):
    tree = {"a": rng.normal(size=(6, 2)), "b": (np.arange(6),)}
    parts = microbatches.in_parts(
        keras.tree.map_structure(ops.convert_to_tensor, tree), 3
    )
    np.testing.assert_array_equal(
        to_numpy(parts["b"][0]), [[0, 3], [1, 4], [2, 5]]
    )
    assert tuple(parts["a"].shape) == (3, 2, 2)
    whole = microbatches.as_whole(parts)
    for one, other in zip(
        keras.tree.flatten(whole), keras.tree.flatten(tree), strict=True
    ):
        np.testing.assert_allclose(to_numpy(one), other, rtol=1e-6)


def test_floats_are_replaced():
    ids, x, y = (ops.convert_to_tensor(v) for v in ([1, 2], [0.5], [1.5]))
    tree = {"a": x, "b": ids, "c": y}
    assert microbatches.floats_of(tree) == [x, y]
    new = microbatches.with_floats(tree, [y, x])
    assert new["a"] is y and new["b"] is ids and new["c"] is x


def test_inner_product_is_float32():
    x = ops.convert_to_tensor(np.full(3, 200.0, "float16"))
    slopes = ops.convert_to_tensor(np.full(3, 100.0, "float16"))
    product = microbatches.inner_product([x, x], [slopes, -2 * slopes])
    assert keras.backend.standardize_dtype(product.dtype) == "float32"
    assert float(product) == -60000


def test_counts_parts_of_a_batch():
    model = simclr(compile={"microbatch_size": 4})
    views = [np.zeros((12, 2)), np.zeros((12, 2))]
    assert microbatches.count_parts(model, views) == 3
    with pytest.raises(ValueError, match="must divide the batch"):
        microbatches.count_parts(model, [np.zeros((13, 2))])


def test_the_class_that_defines_views_decides():
    class Base:
        def make_views(self, x, training):
            return "base", x, training

        def draw_views(self, x):
            return "drawn", x

        def finish_views(self, part):
            return "finished", part

    class MakesViews(Base):
        def make_views(self, x, training):
            return "made", x, training

    class Draws(MakesViews):
        def draw_views(self, x):
            return "again", x

    for cls, drawn, finished in (
        (Base, ("drawn", 1), ("finished", 2)),
        (MakesViews, ("made", 1, True), 2),
        (Draws, ("again", 1), ("finished", 2)),
    ):
        assert microbatches.draw_views(cls(), 1) == drawn
        assert microbatches.finish_views(cls(), 2) == finished
