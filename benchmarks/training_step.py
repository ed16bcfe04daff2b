"""Training steps of SimCLR and CLIP, beside PyTorch loops.

    python benchmarks/training_step.py

SimCLR: a ResNet-18 with CIFAR's stem on 32 pixels, batches of 32 and 128. Ours
is `fit` with augmentation, metrics and callbacks as they come, from the second
step on; "by hand" is the least that one could write in TensorFlow, with the
same layers. The PyTorch loops run torchvision's network with lightly's loss, on
views that are in memory already, and on views that lightly's transform makes in
two worker processes.

CLIP: a ViT (64 pixels, patches of 8, width 192, 6 layers) and a text
transformer (width 128, 2 layers, 16 tokens), without augmentation; open_clip's
model and loss beside it. Writes a table and a plot into `benchmarks/results/`.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import compare

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rounds", default=3, type=int)
parser.add_argument("--steps", default=6, type=int)
parser.add_argument("--run", help="one contender, in its own process")

OURS = ["ours (TensorFlow)", "ours (JAX)", "ours (PyTorch)"]
SIMCLR = [
    "PyTorch, views given",
    "PyTorch, views given, channels last",
    "PyTorch, lightly's views, channels last",
    "by hand (TensorFlow)",
    *OURS,
]
PANELS = {
    "SimCLR, batch 32": SIMCLR,
    "SimCLR, batch 128": SIMCLR,
    "CLIP, batch 64": ["open_clip", "ours (TensorFlow, XLA)", *OURS],
}


def median_interval(step, steps):
    """Median time of a call, after two that are left out."""
    step(), step()
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def pytorch_simclr(name, batch, steps):
    import peers

    peers.make_torchvision_importable()
    import torch
    from lightly.loss import NTXentLoss
    from torchvision.models import resnet18

    network = resnet18(num_classes=1)
    network.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    network.maxpool = torch.nn.Identity()
    network.fc = torch.nn.Sequential(
        torch.nn.Linear(512, 512),
        torch.nn.BatchNorm1d(512),
        torch.nn.ReLU(),
        torch.nn.Linear(512, 128),
    )
    layout = torch.contiguous_format
    if "channels last" in name:
        layout = torch.channels_last
    network = network.to(memory_format=layout)
    loss = NTXentLoss(temperature=0.5)
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9)
    views = _lightly_views(batch) if "lightly" in name else None
    given = torch.rand(2 * batch, 3, 32, 32)

    def step():
        images = given if views is None else torch.cat(next(views))
        images = images.contiguous(memory_format=layout)
        optimizer.zero_grad()
        embeddings = network(images)
        value = loss(embeddings[:batch], embeddings[batch:])
        value.backward()
        optimizer.step()

    return median_interval(step, steps)


def _lightly_views(batch):
    import numpy as np
    import torch
    from lightly.transforms import SimCLRTransform
    from PIL import Image

    transform = SimCLRTransform(32, cj_strength=0.5, gaussian_blur=0.0)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3))
    pictures = [Image.fromarray(p.astype("uint8")) for p in pixels]

    class Views(torch.utils.data.Dataset):
        def __len__(self):
            return 64 * batch

        def __getitem__(self, i):
            return tuple(transform(pictures[i % 64]))

    return iter(torch.utils.data.DataLoader(Views(), batch, num_workers=2))


def open_clip_step(batch, steps):
    import peers

    peers.make_torchvision_importable()
    import torch
    from open_clip.loss import ClipLoss
    from open_clip.model import CLIP

    model = CLIP(
        128,
        {"image_size": 64, "patch_size": 8, "width": 192, "layers": 6},
        {
            "context_length": 16,
            "vocab_size": 1000,
            "width": 128,
            "heads": 2,
            "layers": 2,
        },
    )
    loss = ClipLoss()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    images = torch.rand(batch, 3, 64, 64)
    texts = torch.randint(1, 1000, (batch, 16))

    def step():
        optimizer.zero_grad()
        loss(*model(images, texts)).backward()
        optimizer.step()

    return median_interval(step, steps)


def by_hand(batch, steps):
    """The least that trains SimCLR in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_contrastive as kc

    encoder = kc.models.ResNet18("cifar")
    head = kc.layers.ProjectionHead(512, 128)
    views = kc.layers.MultiView(
        kc.layers.simclr_augmentation("cifar10", 32, 32)
    )
    optimizer = keras.optimizers.SGD(0.05, 0.9)
    pixels = np.random.default_rng(0).integers(0, 256, (batch, 32, 32, 3))
    images = tf.constant(pixels.astype("uint8"))
    head(encoder(tf.zeros((2, 32, 32, 3))))
    variables = encoder.trainable_variables + head.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step():
        both = tf.concat(views(images, training=True), axis=0)
        with tf.GradientTape() as tape:
            z = head(encoder(both, training=True), training=True)
            z = tf.math.l2_normalize(z, axis=1)
            logits = tf.matmul(z, z, transpose_b=True) / 0.5
            logits -= 1e9 * tf.eye(2 * batch)
            labels = tf.roll(tf.range(2 * batch), batch, axis=0)
            value = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            )
        gradients = tape.gradient(value, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return value

    return median_interval(lambda: float(step()), steps)


def ours(panel, batch, steps, jit_compile):
    import keras
    import numpy as np
    from small_models import small_clip
    from small_models import small_texts

    import keras_contrastive as kc

    rng = np.random.default_rng(0)
    count = batch * (steps + 3)
    if panel.startswith("SimCLR"):
        model = kc.SimCLRModel(kc.models.ResNet18("cifar"))
        data = rng.integers(0, 256, (count, 32, 32, 3)).astype("uint8")
        model.compile(keras.optimizers.SGD(0.05, 0.9))
    else:
        model = small_clip()
        texts = small_texts(rng, count)
        images = rng.random((count, 64, 64, 3), dtype="float32")
        data = {"images": images, "texts": texts}
        model.compile(keras.optimizers.AdamW(1e-3), jit_compile=jit_compile)
    times = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append(time.perf_counter())

    model.fit(data, batch_size=batch, verbose=0, callbacks=[Clock()])
    # Not the last interval, at whose end the epoch's metrics are read.
    return statistics.median(np.diff(times)[1:-1])


def seconds_of(panel, name, steps):
    batch = int(panel.split()[-1])
    if name.startswith("PyTorch"):
        return batch, pytorch_simclr(name, batch, steps)
    if name == "open_clip":
        return batch, open_clip_step(batch, steps)
    sys.path.insert(0, str(Path(__file__).parents[1]))
    if name.startswith("by hand"):
        return batch, by_hand(batch, steps)
    return batch, ours(panel, batch, steps, "XLA" in name or "auto")


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        batch, seconds = seconds_of(*json.loads(args.run), args.steps)
        print(batch / seconds)
    else:
        compare(
            __file__, PANELS, "images/s", args.rounds, "Training steps on a CPU"
        )
