"""How often steps, losses and metrics make PyTorch wait for the device."""

import keras
import pytest

import keras_contrastive as kc
from tests.losses.helpers import views
from tests.models.helpers import SIZE
from tests.models.helpers import clip
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import images_and_texts

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
    return [
        keras.ops.convert_to_tensor(z).requires_grad_() for z in views(16, 4)
    ]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_never_wait(name):
    z_a, z_b = embeddings()
    assert count_syncs(lambda: LOSSES[name](z_a, z_b).backward()) == 0


@pytest.mark.parametrize("name", METRICS)
def test_metrics_never_wait(name):
    metric = METRICS[name]()
    z_a, z_b = embeddings()
    assert count_syncs(lambda: metric.update_state(z_a, z_b)) == 0


def simclr():
    dropout = kc.layers.Dropout(0.1, seed=2)
    model = kc.SimCLRModel(
        keras.Sequential([encoder(), dropout]),
        kc.layers.ProjectionHead(8, 4),
        kc.layers.simclr_augmentation("cifar10", SIZE, SIZE, seed=1),
        num_classes=4,
    )
    model.compile()
    return model, images_and_labels()


def clip_and_data():
    images, texts = images_and_texts()
    return clip(), ({"images": images, "texts": texts},)


@pytest.mark.parametrize("make", [simclr, clip_and_data])
def test_steps_never_wait(make):
    model, data = make()
    data = keras.tree.map_structure(keras.ops.convert_to_tensor, data)
    # The first one reads the random states.
    model.train_on_batch(*data)
    assert count_syncs(lambda: model.train_step(data)) == 0


def test_reading_a_value_is_counted():
    z_a, _ = embeddings()
    assert count_syncs(lambda: float(z_a.detach()[0, 0])) == 1
