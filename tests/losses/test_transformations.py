"""Losses inside the transformations of the backends."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc

IDS = np.array([0, 0, 1, 2, 3, 3], "int32")
SETS = np.eye(4, dtype="float32")[IDS]


def stacked(a, b):
    return keras.ops.stack([a, b], axis=1)


def of_labels(loss, labels):
    return lambda a, b: loss(labels, a + b)


# Losses of two batches of embeddings of shape (6, 5).
LOSSES = {
    "BarlowTwinsLoss": kc.losses.BarlowTwinsLoss(),
    "CLIPDistillationLoss": lambda a, b: kc.losses.CLIPDistillationLoss()(
        a, b, b, a
    ),
    "CLIPLoss": kc.losses.CLIPLoss(block_size=4),
    "CLIPLoss with ids": lambda a, b: kc.losses.CLIPLoss()(a, b, image_ids=IDS),
    "CLIPLoss with negatives": lambda a, b: kc.losses.CLIPLoss()(
        a, b, negative_text_embeddings=stacked(b, a)
    ),
    "DINOLoss": lambda a, b: kc.losses.DINOLoss()(stacked(a, b), stacked(b, a)),
    "DecoupledNTXentLoss": kc.losses.DecoupledNTXentLoss(),
    "LeJEPALoss": kc.losses.LeJEPALoss(),
    "NTXentLoss": kc.losses.NTXentLoss(block_size=5),
    "NegativeCosineSimilarity": kc.losses.NegativeCosineSimilarity(),
    "QueueInfoNCELoss": lambda a, b: kc.losses.QueueInfoNCELoss()(
        a, b, queue=a + b
    ),
    "SigLIPLoss": kc.losses.SigLIPLoss(),
    "SigLIPLoss with ids": lambda a, b: kc.losses.SigLIPLoss()(
        a, b, image_ids=IDS
    ),
    "SoftTargetCLIPLoss": kc.losses.SoftTargetCLIPLoss(),
    "SupConLoss": of_labels(kc.losses.SupConLoss(), IDS),
    "SupConLoss with sets": of_labels(kc.losses.SupConLoss(), SETS),
    "SwAVLoss": lambda a, b: kc.losses.SwAVLoss()(stacked(a, b), stacked(b, a)),
    "VICRegLoss": kc.losses.VICRegLoss(),
}
BASES = {kc.losses.ContrastiveLoss, kc.losses.EmbeddingLoss}


def embeddings():
    a, b = np.random.default_rng(0).normal(size=(2, 6, 5)).astype("float32")
    return a, (a + b).astype("float32")


@pytest.mark.one_backend
def test_every_loss_is_here():
    public = {getattr(kc.losses, name) for name in kc.losses.__all__}
    classes = {each for each in public if isinstance(each, type)} - BASES
    assert {name.split()[0] for name in LOSSES} == {
        each.__name__ for each in classes
    }


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="of JAX")
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_compiled_losses(name):
    """Tensors of an outer trace must be arguments of a custom gradient."""
    import jax

    loss = LOSSES[name]
    a, b = embeddings()
    gradient = jax.grad(loss)(a, b)
    inside = {
        "jit": jax.jit(loss),
        "checkpoint": jax.checkpoint(loss),
        "scan": lambda a, b: jax.lax.scan(
            lambda total, b: (total + loss(a, b), None), 0.0, b[None]
        )[0],
    }
    for kind, function in inside.items():
        np.testing.assert_allclose(
            jax.grad(function)(a, b), gradient, atol=1e-6, err_msg=kind
        )


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of PyTorch")
@pytest.mark.parametrize("name", LOSSES)
def test_autocast_rounds_nothing(name):
    import torch

    found = []
    for enabled in (False, True):
        a, b = map(torch.tensor, embeddings())
        a.requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled):
            loss = LOSSES[name](a, b)
        loss.backward()
        found.append((loss.item(), a.grad.numpy()))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
