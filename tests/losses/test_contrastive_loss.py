"""What all losses inherit: defaults, and checks of what they are given."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.losses.embedding_loss import pair_ids
from tests.losses.helpers import views


class RowSums(kc.losses.ContrastiveLoss):
    def call(self, z_a, z_b):
        return keras.ops.sum(z_a * z_b, axis=-1)


def test_defaults():
    z_a, z_b = views(4, 8)
    loss = RowSums(0.5)
    assert loss.gather is True
    assert float(loss(z_a, z_b)) == pytest.approx(
        (z_a * z_b).sum(-1).mean(), rel=1e-5
    )


def test_registered_name():
    name = keras.saving.get_registered_name(kc.losses.ContrastiveLoss)
    assert name == "keras_contrastive>ContrastiveLoss"


def test_rejects_pairs_that_are_no_rows():
    with pytest.raises(ValueError, match=r"z_b.shape=\(4, 2, 4\)"):
        check_embedding_pair(
            np.zeros((4, 8)), np.zeros((4, 2, 4)), ("z_a", "z_b")
        )
    both = np.zeros((4, 2, 4))
    with pytest.raises(ValueError, match=r"z_a.shape=\(4, 2, 4\)"):
        check_embedding_pair(both, both, ("z_a", "z_b"))


def test_sizes_that_a_graph_does_not_know_yet():
    known, unknown = keras.KerasTensor((4, 8)), keras.KerasTensor((None, 8))
    for pair in [(known, unknown), (unknown, known), (unknown, unknown)]:
        check_embedding_pair(*pair, ("z_a", "z_b"))
    pair_ids("ids", keras.KerasTensor((None,), "int32"), 4)
    pair_ids("ids", keras.KerasTensor((4,), "int32"), None)
    pair_ids("ids", keras.KerasTensor((None, 3), "int32"), 4)
    with pytest.raises(ValueError, match=r"ids.shape=\(3,\)"):
        pair_ids("ids", keras.KerasTensor((3,), "int32"), 4)
