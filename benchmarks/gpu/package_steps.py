"""The models that the GPU benchmarks train, and their steps in JAX."""

import keras
import numpy as np

import keras_contrastive as kc

TOKENS, VOCABULARY = 77, 49408


METHODS = ("simclr", "byol", "moco", "barlow_twins")


def sgd(total_steps, learning_rate):
    """The optimizer of lightly's recipe."""
    momentum = 0.9
    return keras.optimizers.SGD(
        kc.optimizers.warmup_cosine(learning_rate, total_steps),
        momentum=momentum,
        # Beside the momentum what the recipe has through it.
        weight_decay=5e-4 / (1 - momentum),
    )


def simclr(
    width=64, augment=True, metrics=(), total_steps=200 * 97, learning_rate=0.24
):
    """SimCLR for CIFAR-10, compiled: lightly's recipe at batch 512.

    Args:
        width: Channels of the ResNet-18's first stage.
        augment: Whether there is augmentation, or two equal views.
        metrics: Those of `compile`; `None` for the default ones.
        total_steps: Length of the cosine.
        learning_rate: Its start.
    """
    encoder = kc.models.ResNet18(stem="cifar", width=width)
    dim = encoder.output_shape[-1]
    model = kc.SimCLRModel(
        encoder,
        kc.layers.ProjectionHead(dim, 128, output_batch_norm=True),
        augmenter=None if augment else keras.layers.Rescaling(1 / 255),
    )
    model.compile(
        sgd(total_steps, learning_rate),
        kc.losses.NTXentLoss(0.5),
        metrics=metrics if metrics is None else list(metrics),
    )
    return model


def of_method(name, width, total_steps, learning_rate):
    """A method for CIFAR-10, compiled: lightly's recipe at batch 512.

    Args:
        name: One of `METHODS`.
        width: As in `simclr`.
        total_steps: As in `simclr`.
        learning_rate: As in `simclr`.
    """
    if name == "simclr":
        return simclr(
            width, total_steps=total_steps, learning_rate=learning_rate
        )
    encoder = kc.models.ResNet18(stem="cifar", width=width)
    dim = encoder.output_shape[-1]
    head = kc.layers.ProjectionHead
    if name == "byol":
        model = kc.BYOLModel(
            encoder,
            head(2 * dim, 256),
            kc.layers.byol_augmentation("cifar10", 32, 32),
            predictor=head(2 * dim, 256),
            momentum=0.99,
        )
        loss = kc.losses.NegativeCosineSimilarity()
    elif name == "moco":
        model = kc.MoCoModel(
            encoder,
            head(dim, 128, use_batch_norm=False),
            queue_size=8192,
            momentum=0.99,
        )
        loss = kc.losses.QueueInfoNCELoss(0.1)
    else:
        model = kc.SimCLRModel(
            encoder,
            head(2048, 2048, num_layers=3, output_batch_norm=False),
            kc.layers.byol_augmentation("cifar10", 32, 32),
        )
        loss = kc.losses.BarlowTwinsLoss()
    model.compile(sgd(total_steps, learning_rate), loss, metrics=[])
    return model


def clip(
    size=224,
    patch=32,
    width=768,
    text_width=512,
    depth=12,
    augment=True,
    metrics=(),
    microbatch_size=None,
):
    """CLIP with towers of ViT-B/32's size by default, compiled."""
    model = kc.CLIPModel(
        kc.models.VisionTransformer(
            patch, width, depth, width // 64, input_shape=(size, size, 3)
        ),
        kc.models.TextTransformer(
            VOCABULARY,
            VOCABULARY - 1,
            TOKENS,
            width=text_width,
            num_layers=depth,
            num_heads=text_width // 64,
        ),
        augmenter=None if augment else keras.layers.Rescaling(1 / 255),
    )
    model.compile(
        keras.optimizers.AdamW(1e-4, weight_decay=0.1),
        metrics=metrics if metrics is None else list(metrics),
        microbatch_size=microbatch_size,
    )
    return model


def images(batch_size, size):
    """Random uint8 images."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (batch_size, size, size, 3), dtype="uint8")


def pairs(batch_size, size):
    """Random images with captions of random tokens."""
    texts = np.random.default_rng(1).integers(
        1, VOCABULARY - 2, (batch_size, TOKENS), dtype="int32"
    )
    texts[:, -1] = VOCABULARY - 1
    return {"images": images(batch_size, size), "texts": texts}


def jax_step(model, batch):
    """The model's step as a pure function, and its arguments."""
    model.optimizer.build(model.trainable_variables)
    model._symbolic_build(data_batch=(batch, None, None))
    state = tuple(
        [variable.value for variable in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
    )
    return model.train_step, (state, (batch,))
