"""Two SimCLR views of each image on the device, beside kornia's."""

import sys
from pathlib import Path

import keras
import numpy as np
import part

import keras_contrastive as kc

sys.path.insert(0, str(Path(__file__).parents[1]))


def ours(images, size, strength, kernel):
    preset = "imagenet" if kernel else "cifar10"
    views = kc.layers.MultiView(
        kc.layers.simclr_augmentation(preset, size, size, strength=strength)
    )
    images = keras.ops.convert_to_tensor(images)
    if keras.backend.backend() != "jax":
        return lambda: views(images, training=True)
    import jax

    state = [v.value for v in views.variables]

    @jax.jit
    def draw(state, images):
        mapping = zip(views.variables, state, strict=True)
        with keras.StatelessScope(state_mapping=list(mapping)):
            return views(images, training=True)

    return lambda: draw(state, images)


def kornias(images, size, strength, kernel):
    import torch
    from augmentation import kornia_step

    with torch.device(keras.ops.zeros(()).device):
        return kornia_step(images, size, strength, kernel)


def main(small):
    contenders = {"views": ours}
    if keras.backend.backend() == "torch":
        try:
            import kornia  # noqa: F401

            contenders["views of kornia"] = kornias
        except ImportError:
            pass
    rng = np.random.default_rng(0)
    for size, batch_size, strength, kernel in (
        ((8, 4, 0.5, None),)
        if small
        else ((32, 512, 0.5, None), (224, 256, 1.0, 23))
    ):
        shape = (batch_size, size, size, 3)
        images = rng.integers(0, 256, shape, dtype="uint8")
        for what, make in contenders.items():
            step = make(images, size, strength, kernel)
            seconds = part.median_seconds(step, 10)
            part.report(
                f"two {what}, {size} pixels, batch {batch_size}",
                images_per_second=batch_size / seconds,
            )


if __name__ == "__main__":
    main(part.is_small(__doc__))
