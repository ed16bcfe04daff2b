"""How often losses and metrics make PyTorch wait for the device."""

import keras
import pytest

import keras_contrastive as kc
from tests.losses.helpers import views

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch",
    reason="only PyTorch runs operation by operation",
)

LOSSES = {
    "nt_xent": lambda a, b: kc.losses.NTXentLoss(block_size=5)(a, b),
    "clip": lambda a, b: kc.losses.CLIPLoss(block_size=5)(a, b),
    "clip with ids": lambda a, b: kc.losses.CLIPLoss(block_size=5)(
        a, b, image_ids=list(range(len(a)))
    ),
    "siglip": lambda a, b: kc.losses.SigLIPLoss(block_size=5)(a, b),
    "supcon": lambda a, b: kc.losses.SupConLoss(block_size=5, form="in")(
        [i % 3 for i in range(len(a))], a
    ),
}
METRICS = {
    "contrastive_accuracy": kc.metrics.ContrastiveAccuracy,
    "retrieval_recall": kc.metrics.RetrievalRecall,
    "alignment": kc.metrics.Alignment,
    "uniformity": kc.metrics.Uniformity,
}


def count_syncs(function):
    """How often `function()` reads values, or a size that depends on them."""
    from torch.utils._python_dispatch import TorchDispatchMode

    waiting = "_local_scalar_dense", "nonzero", "is_nonzero", "equal"
    found = []

    class Counter(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function.overloadpacket.__name__ in waiting:
                found.append(function)
            return function(*args, **(kwargs or {}))

    with Counter():
        function()
    return len(found)


def embeddings():
    import torch

    return [torch.tensor(z).requires_grad_() for z in views(16, 4)]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_never_wait(name):
    z_a, z_b = embeddings()
    assert count_syncs(lambda: LOSSES[name](z_a, z_b).backward()) == 0


@pytest.mark.parametrize("name", METRICS)
def test_metrics_never_wait(name):
    metric = METRICS[name]()
    z_a, z_b = embeddings()
    assert count_syncs(lambda: metric.update_state(z_a, z_b)) == 0


def test_reading_a_value_is_counted():
    z_a, _ = embeddings()
    assert count_syncs(lambda: float(z_a.detach()[0, 0])) == 1
