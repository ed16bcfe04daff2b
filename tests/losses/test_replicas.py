"""A replica's losses are those of its rows in the global batch."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.losses.helpers import recorded_block_sizes
from tests.losses.helpers import views
from tests.replicas import Replicas

pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="JAX programs see the global batch: nothing is gathered",
)

ROWS = 12
# Copies of an image, or members of a class, on one replica and on several.
IDS = np.array([0, 1, 1, 2, 0, 3, 4, 5, 1, 6, 7, 6], "int32")


def negatives(b):
    """Two texts for each row of `b`."""
    return {"negative_text_embeddings": np.stack([b[:, ::-1], -b], axis=1)}


CASES = {
    "NTXentLoss": lambda loss, a, b, ids: loss(a, b),
    "CLIPLoss": lambda loss, a, b, ids: loss(a, b, 5.0),
    "CLIPLoss with ids": lambda loss, a, b, ids: loss(a, b, image_ids=ids),
    # Those of id 0 have no label.
    "CLIPLoss with sets": lambda loss, a, b, ids: loss(
        a, b, image_ids=np.eye(9)[ids] * (ids > 0)[:, None]
    ),
    "CLIPLoss with negatives": lambda loss, a, b, ids: loss(
        a, b, **negatives(b)
    ),
    "CLIPLoss with both": lambda loss, a, b, ids: loss(
        a, b, image_ids=ids, **negatives(b)
    ),
    "SigLIPLoss with negatives": lambda loss, a, b, ids: loss(
        a, b, **negatives(b)
    ),
    "SoftTargetCLIPLoss with ids": lambda loss, a, b, ids: loss(
        a, b, image_ids=ids
    ),
    "CLIPDistillationLoss": lambda loss, a, b, ids: loss(
        a, b, b[:, :3], a[:, :3]
    ),
    "SigLIPLoss": lambda loss, a, b, ids: loss(a, b, 5.0, -2.0),
    "SigLIPLoss with ids": lambda loss, a, b, ids: loss(a, b, image_ids=ids),
    "QueueInfoNCELoss": lambda loss, a, b, ids: loss(a, b),
    "SupConLoss": lambda loss, a, b, ids: loss(ids, a),
    "SupConLoss in": lambda loss, a, b, ids: loss(ids, a),
    "SupConLoss sets": lambda loss, a, b, ids: loss(np.eye(9)[ids], a),
    "DecoupledNTXentLoss": lambda loss, a, b, ids: loss(a, b),
    "BarlowTwinsLoss": lambda loss, a, b, ids: loss(a, b),
    "VICRegLoss": lambda loss, a, b, ids: loss(a, b),
    "LeJEPALoss": lambda loss, a, b, ids: loss(a, b, a + b, step=4),
}
ARGUMENTS = {
    "SupConLoss in": {"form": "in"},
    "DecoupledNTXentLoss": {"weight_sigma": 0.5},
    "LeJEPALoss": {"num_slices": 8},
    "CLIPDistillationLoss": {"teacher_temperature": 0.2},
}
OF_MOMENTS = {"BarlowTwinsLoss", "VICRegLoss", "LeJEPALoss"}


@pytest.mark.parametrize("gather", [True, False])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_losses_are_those_of_one_device(case, count, gather, monkeypatch):
    batch = *views(ROWS, 5), IDS
    loss_class = getattr(kc.losses, case.split()[0])
    arguments = dict(ARGUMENTS.get(case, {}))
    if case not in OF_MOMENTS:
        arguments["block_size"] = 5
    loss = loss_class(gather=gather, reduction=None, **arguments)

    def losses_of(rows):
        losses = CASES[case](loss, *(x[rows] for x in batch))
        return np.asarray(keras.ops.convert_to_numpy(losses))

    own = ROWS // count
    parts = [slice(i, i + own) for i in range(0, ROWS, own)]
    if gather:
        expected = np.split(losses_of(slice(None)), count)
    else:
        expected = [losses_of(rows) for rows in parts]
    replicas = Replicas(count)
    for name, stand_in in {
        "all_gather": lambda x: keras.ops.concatenate(replicas.exchange(x)),
        "mean_over_replicas": lambda x: sum(replicas.exchange(x)) / count,
        "num_replicas": lambda: count,
        "replica_index": lambda: replicas.rank,
    }.items():
        monkeypatch.setattr(kc.distribution, name, stand_in)
    sizes = recorded_block_sizes(monkeypatch)
    actual = replicas.run(lambda rank: losses_of(parts[rank]))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
    assert sizes == (set() if case in OF_MOMENTS else {5})
