"""Two SimCLR views of each image, beside other packages.

    python benchmarks/augmentation.py

Images of 32 pixels in batches of 256 without blur, and of 224 pixels in batches
of 64 with a blur of 23, colour jitter of strength 0.5 and 1. In each contender
the batch is in memory: as a tensor for those that take tensors, as Pillow's
images for lightly and torchvision. Writes a table and a plot into
`benchmarks/results/`.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import backend_of
from side_by_side import compare

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rounds", default=3, type=int)
parser.add_argument("--run", help="one contender, in its own process")

CONTENDERS = [
    "lightly, 1 process",
    "lightly, 2 workers",
    "torchvision v2",
    "kornia",
    "Keras layers (TensorFlow)",
    "ours (TensorFlow)",
    "ours (TensorFlow, tf.data)",
    "ours (JAX)",
    "ours (PyTorch)",
]
# Panel: size, batch, strength, kernel of the blur.
PANELS = {
    "32 pixels": (32, 256, 0.5, None),
    "224 pixels, blur": (224, 64, 1.0, 23),
}


def images_of(size, batch):
    import numpy as np

    return np.random.default_rng(0).integers(
        0, 256, (batch, size, size, 3), dtype="uint8"
    )


def seconds_of(step):
    """Median time of a call, after two that are left out."""
    step(), step()
    seconds = []
    while len(seconds) < 7 and (len(seconds) < 3 or sum(seconds) < 20):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def lightly_step(images, size, strength, kernel, workers):
    import torch
    from lightly.transforms import SimCLRTransform
    from PIL import Image

    transform = SimCLRTransform(
        input_size=size,
        cj_strength=strength,
        gaussian_blur=0.5 if kernel else 0.0,
        normalize=None,
    )
    pictures = [Image.fromarray(image) for image in images]
    if not workers:
        return lambda: [torch.stack(transform(p)) for p in pictures]

    class Views(torch.utils.data.Dataset):
        def __len__(self):
            return len(pictures) * 12

        def __getitem__(self, i):
            return torch.stack(transform(pictures[i % len(pictures)]))

    loader = torch.utils.data.DataLoader(
        Views(), len(pictures), num_workers=workers, persistent_workers=True
    )
    batches = iter(loader)
    return lambda: next(batches)


def torchvision_step(images, size, strength, kernel):
    import torch
    from PIL import Image
    from torchvision.transforms import v2

    s = strength
    layers = [
        v2.RandomResizedCrop(size),
        v2.RandomHorizontalFlip(),
        v2.RandomApply([v2.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s)]),
        v2.RandomGrayscale(0.2),
    ]
    if kernel:
        layers.append(v2.RandomApply([v2.GaussianBlur(kernel, (0.1, 2.0))]))
    transform = v2.Compose(
        [*layers, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    )
    pictures = [Image.fromarray(image) for image in images]
    return lambda: [
        torch.stack([transform(p) for p in pictures]) for _ in range(2)
    ]


def kornia_step(images, size, strength, kernel):
    import torch
    from kornia import augmentation

    s = strength
    layers = [
        augmentation.RandomResizedCrop((size, size), scale=(0.08, 1.0)),
        augmentation.RandomHorizontalFlip(),
        augmentation.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s, p=0.8),
        augmentation.RandomGrayscale(p=0.2),
    ]
    if kernel:
        layers.append(
            augmentation.RandomGaussianBlur((kernel, kernel), (0.1, 2.0), p=0.5)
        )
    transform = torch.nn.Sequential(*layers)
    tensor = torch.tensor(images).permute(0, 3, 1, 2)

    @torch.no_grad()
    def step():
        floats = tensor / 255
        return transform(floats), transform(floats)

    return step


def keras_layers(size, strength, kernel):
    """Keras' layers in the same roles.

    It has no random resized crop, and its blur takes a sigma of 1 at most.
    """
    import keras

    s, layers = strength, keras.layers
    pipeline = [
        layers.RandomZoom((-0.7, 0.0), (-0.7, 0.0)),
        layers.RandomFlip("horizontal"),
        layers.RandomColorJitter(
            value_range=(0, 1),
            brightness_factor=0.8 * s,
            contrast_factor=0.8 * s,
            saturation_factor=0.8 * s,
            hue_factor=0.2 * s,
        ),
        layers.RandomGrayscale(0.2),
    ]
    if kernel:
        pipeline.append(
            layers.RandomGaussianBlur(
                0.5, kernel_size=kernel, sigma=1.0, value_range=(0, 1)
            )
        )
    return layers.Pipeline([layers.Rescaling(1 / 255), *pipeline])


def keras_step(augmenter, images, backend):
    """A call of `MultiView`, compiled where the backend compiles."""
    import keras

    import keras_contrastive as kc

    views = kc.layers.MultiView(augmenter)
    if backend == "tensorflow":
        import tensorflow as tf

        tensor = tf.constant(images)
        call = tf.function(lambda x: views(x, training=True))
        return lambda: [view[0, 0, 0, 0].numpy() for view in call(tensor)]
    if backend == "torch":
        import torch

        tensor = torch.tensor(images)
        call = torch.no_grad()(lambda: views(tensor, training=True))
        return call
    import jax

    tensor = jax.numpy.asarray(images)
    variables = views.variables

    @jax.jit
    def call(values, tensor):
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = views(tensor, training=True)
        return outputs, [scope.get_current_value(v) for v in variables]

    values = [variable.value for variable in variables]

    def step():
        nonlocal values
        outputs, values = call(values, tensor)
        jax.block_until_ready(outputs)

    return step


def tf_data_step(augmenter, images):
    import tensorflow as tf

    import keras_contrastive as kc

    views = kc.layers.MultiView(augmenter)
    data = tf.data.Dataset.from_tensors(images).repeat()
    data = data.map(
        lambda x: tuple(views(x, training=True)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    batches = iter(data.prefetch(1))
    return lambda: next(batches)


def step_of(panel, name):
    size, batch, strength, kernel = PANELS[panel]
    images = images_of(size, batch)
    if name.startswith(("lightly", "torchvision", "kornia")):
        import peers

        if not name.startswith("kornia"):
            peers.make_torchvision_importable()
    if name.startswith("lightly"):
        workers = 2 if "workers" in name else 0
        return lightly_step(images, size, strength, kernel, workers)
    if name.startswith("torchvision"):
        return torchvision_step(images, size, strength, kernel)
    if name.startswith("kornia"):
        return kornia_step(images, size, strength, kernel)
    sys.path.insert(0, str(Path(__file__).parents[1]))
    if name.startswith("Keras"):
        augmenter = keras_layers(size, strength, kernel)
    else:
        import keras_contrastive as kc

        preset = "imagenet" if kernel else "cifar10"
        augmenter = kc.layers.simclr_augmentation(preset, size, size)
    if "tf.data" in name:
        return tf_data_step(augmenter, images)
    return keras_step(augmenter, images, backend_of(name))


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        panel, name = json.loads(args.run)
        print(PANELS[panel][1] / seconds_of(step_of(panel, name)))
    else:
        compare(
            __file__,
            {panel: CONTENDERS for panel in PANELS},
            "images/s, two views each",
            args.rounds,
            "Augmentation",
        )
