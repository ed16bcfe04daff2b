"""What the losses refuse, for each part of their checks of shapes."""

import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.losses.embedding_loss import negative_rows
from keras_contrastive.losses.embedding_loss import pair_ids
from keras_contrastive.losses.view_pairs import check_view_pairs
from tests.losses.helpers import views

pytestmark = pytest.mark.one_backend


class Shape:
    """What the checks read of a tensor in a graph; `None` is unknown."""

    def __init__(self, *shape):
        self.shape = shape


PAIRS = [((4, 3), (4, 3)), ((None, 3), (4, 3)), ((4, None), (None, 3))]


@pytest.mark.parametrize("first, second", PAIRS)
def test_pairs(first, second):
    names = "z_a", "z_b"
    check_embedding_pair(Shape(*first), Shape(*second), names)
    check_embedding_pair(Shape(*second), Shape(*first), names)


@pytest.mark.parametrize(
    "first, second, message",
    [
        ((4, 3), (5, 3), "`z_a` and `z_b` must have the same shape"),
        ((4, 3), (4, 2), "`z_a` and `z_b` must have the same shape"),
        ((None, 3), (4, 2), "`z_a` and `z_b` must have the same shape"),
        ((4, 3, 1), (4, 3, 1), "`z_a` must be embeddings"),
        ((4, 3), (4,), "`z_b` must be embeddings"),
    ],
)
def test_no_pairs(first, second, message):
    with pytest.raises(ValueError, match=message):
        check_embedding_pair(Shape(*first), Shape(*second), ("z_a", "z_b"))


@pytest.mark.parametrize("rows", [(0, 4), (4, 0)])
def test_an_empty_batch(rows):
    z_a, z_b = (np.zeros((count, 3), "float32") for count in rows)
    with pytest.raises(ValueError, match="at least one example"):
        kc.losses.NTXentLoss()(z_a, z_b)


def test_one_example_and_one_number_are_no_empty_batch():
    z = np.ones((1, 3), "float32")
    assert float(kc.losses.CLIPLoss()(z, z)) == pytest.approx(0, abs=1e-6)
    similarity = kc.losses.NegativeCosineSimilarity()
    assert float(similarity(z, z)) == pytest.approx(-1)


@pytest.mark.parametrize("weight", [2.0, [2.0], [[2.0]]])
def test_one_weight_for_all(weight):
    z_a, z_b = views(4, 3)
    loss = kc.losses.NTXentLoss(reduction="sum")
    value = float(loss(z_a, z_b, sample_weight=weight))
    assert value == pytest.approx(2 * float(loss(z_a, z_b)))


def test_weights_of_a_loss_of_the_whole_batch():
    """It has no example of its own, so the weights are Keras' affair."""

    class Mean(kc.losses.EmbeddingLoss):
        def call(self, z_a, z_b):
            return 0 * z_a[0, 0] + 3.0

    loss = Mean(reduction="sum")
    assert float(loss(*views(4, 3), sample_weight=2.0)) == pytest.approx(6)


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3), (1, 5, 3)])
def test_negatives(shape):
    rows = negative_rows(np.zeros(shape).tolist(), 3)
    assert tuple(rows.shape) == (np.prod(shape[:-1]), 3)
    assert negative_rows(np.zeros(shape), None).shape[1] == 3


@pytest.mark.parametrize("shape", [(3,), (4, 2), (4, 2, 4), (1, 4, 2, 3)])
def test_negatives_of_another_shape(shape):
    with pytest.raises(ValueError, match="`negative_text_embeddings` must"):
        negative_rows(np.zeros(shape), 3)


def test_ids_of_pairs():
    assert pair_ids("image_ids", np.array([1, 2, 1]), 3).dtype != "float32"
    sets = pair_ids("image_ids", np.array([[1, 0], [0, 1]]), None)
    assert "float32" in str(sets.dtype)
    with pytest.raises(ValueError, match="`image_ids` must hold one value"):
        pair_ids("image_ids", np.arange(4), 3)
    with pytest.raises(ValueError, match="`image_ids`"):
        pair_ids("image_ids", np.array([0.5, 1]), 2)


VIEWS = [
    ((4, 2, 3), (4, 2, 3)),
    ((4, 1, 3), (4, 2, 3)),
    ((None, 2, 3), (4, 6, 3)),
    ((4, 2, None), (None, 2, 3)),
]


@pytest.mark.parametrize("first, second", VIEWS)
def test_views_pair_up(first, second):
    check_view_pairs(Shape(*first), Shape(*second), ("teacher", "student"))


@pytest.mark.parametrize(
    "first, second, message",
    [
        ((4, 2, 3), (5, 2, 3), "the same batch and dim"),
        ((4, 2, 3), (4, 2, 4), "the same batch and dim"),
        ((4, 3, 3), (4, 2, 3), "`student` must hold all views"),
        ((4, 1, 3), (4, 1, 3), "`student` must hold all views"),
        ((4, 0, 3), (4, 2, 3), "`student` must hold all views"),
        ((4, 3), (4, 2, 3), "`teacher` must have the shape"),
        ((4, 2, 3), (4, 3), "`student` must have the shape"),
    ],
)
def test_views_that_do_not_pair_up(first, second, message):
    with pytest.raises(ValueError, match=message):
        check_view_pairs(Shape(*first), Shape(*second), ("teacher", "student"))


@pytest.mark.parametrize("count, views", [(1, 2), (2, 2), (2, 3), (3, 4)])
def test_cross_entropy_of_other_views(count, views, rng):
    """Beside the double loop of DINO's paper."""
    targets = rng.random((4, 3, 5))
    targets /= targets.sum(-1, keepdims=True)
    targets, logits = targets[:, :count], rng.normal(size=(4, views, 5))
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = np.mean(
        [
            -(targets[:, t] * log_p[:, v]).sum(-1)
            for t in range(count)
            for v in range(views)
            if t != v
        ],
        axis=0,
    )
    teacher = np.float32(np.log(targets))
    loss = kc.losses.DINOLoss(1.0, 1.0, reduction=None)
    found = np.asarray(loss(teacher, np.float32(logits)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(6, 2), (3,), (2, 6, 3)])
def test_a_queue_of_another_shape(shape):
    with pytest.raises(ValueError, match="`queue` must hold features"):
        kc.losses.QueueInfoNCELoss()(*views(4, 3), queue=np.zeros(shape))


def test_a_queue_as_a_list():
    z_a, z_b = views(4, 3)
    queue = views(6, 3, seed=1)[0]
    loss = kc.losses.QueueInfoNCELoss()
    value = float(loss(z_a, z_b, queue=queue.tolist()))
    assert value == pytest.approx(float(loss(z_a, z_b, queue=queue)), rel=1e-6)


def test_the_pairs_of_a_distillation():
    z_a, z_b = views(4, 3)
    loss = kc.losses.CLIPDistillationLoss()
    with pytest.raises(ValueError, match="`image_embeddings` and `text_emb"):
        loss(z_a, z_b[:3], z_a, z_b)
    with pytest.raises(ValueError, match="`teacher_image_embeddings` and"):
        loss(z_a, z_b, z_a, z_b[:3])
    with pytest.raises(ValueError, match="`teacher_image_embeddings` must be"):
        loss(z_a, z_b, z_a[:3], z_b[:3])
    wide = views(4, 7, seed=1)
    assert np.isfinite(float(loss(z_a, z_b, *wide)))
    with pytest.raises(ValueError, match="`image_embeddings` and `text_emb"):
        loss(z_a, views(4, 5)[1], *wide)


def test_variance_needs_two_images():
    loss = kc.losses.VICRegLoss()
    with pytest.raises(ValueError, match="at least 2 images"):
        loss(*views(1, 3))
    assert np.isfinite(float(loss(*views(2, 3))))


def test_views_of_a_self_prediction():
    loss = kc.losses.LeJEPALoss(num_slices=4)
    z_a, z_b = views(4, 3)
    with pytest.raises(ValueError, match=r"`views\[0\]` must be embeddings"):
        loss(z_a[None], z_b[None])
    with pytest.raises(ValueError, match=r"`views\[0\]` and `views\[1\]`"):
        loss(z_a, z_b[:3])
    with pytest.raises(ValueError, match="`views` must be at least 2"):
        loss(z_a)
    loss = kc.losses.LeJEPALoss(num_slices=4, num_global_views=3)
    with pytest.raises(ValueError, match="`views` must be at least 3"):
        loss(z_a, z_b)
