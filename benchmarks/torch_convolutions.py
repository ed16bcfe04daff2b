"""A training step of SimCLR on PyTorch with Keras' convolutions and with ours.

    KERAS_BACKEND=torch python benchmarks/torch_convolutions.py

Both are the same model, whose layers compute by Keras' `Conv2D` and
`MaxPooling2D` in every other step and by those of the package, which work on
views instead of copies, in the steps between. Prints the median times of both,
and the median and the quartiles of the ratios of neighboring steps. On a CPU
these are seconds of the processor, which other programs disturb less.
"""

import argparse
import statistics
import time

import keras
import numpy as np
import torch

import keras_contrastive as kc
from keras_contrastive.layers.conv2d import Conv2D
from keras_contrastive.layers.max_pooling2d import MaxPooling2D

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--encoder", default="ResNet18")
parser.add_argument("--stem", default="cifar")
parser.add_argument("--width", default=16, type=int)
parser.add_argument("--size", default=32, type=int, help="height and width")
parser.add_argument("--batch-size", default=64, type=int)
parser.add_argument("--rounds", default=20, type=int)
parser.add_argument("--policy", default="float32")

OURS = Conv2D.convolution_op, MaxPooling2D.call
KERAS = keras.layers.Conv2D.convolution_op, keras.layers.MaxPooling2D.call
HAS_GPU = torch.cuda.is_available()
clock = time.perf_counter if HAS_GPU else time.process_time


def seconds(model, images, implementation):
    """Time of one step, with the layers of `OURS` or `KERAS`."""
    Conv2D.convolution_op, MaxPooling2D.call = implementation
    start = clock()
    model.train_on_batch(images)
    if HAS_GPU:
        torch.cuda.synchronize()
    return clock() - start


def main():
    args = parser.parse_args()
    keras.config.set_dtype_policy(args.policy)
    shape = (args.size, args.size, 3)
    encoder = getattr(kc.models, args.encoder)(
        args.stem, width=args.width, input_shape=shape
    )
    preset = "cifar10" if args.size < 64 else "imagenet"
    model = kc.SimCLRModel(
        encoder,
        augmenter=kc.layers.simclr_augmentation(preset, args.size, args.size),
    )
    model.compile()
    images = np.random.default_rng(0).integers(
        0, 256, size=(args.batch_size, *shape), dtype="uint8"
    )
    for implementation in (KERAS, OURS) * 2:
        seconds(model, images, implementation)
    pairs = []
    for number in range(args.rounds):
        order = (KERAS, OURS) if number % 2 else (OURS, KERAS)
        taken = {i: seconds(model, images, i) for i in order}
        pairs.append((taken[KERAS], taken[OURS]))
    medians = [statistics.median(taken) for taken in zip(*pairs, strict=True)]
    ratios = [ours / keras for keras, ours in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"Keras {medians[0]:.4f} s, ours {medians[1]:.4f} s, "
        f"ratio {middle:.3f} ({low:.3f} to {high:.3f})"
    )


if __name__ == "__main__":
    main()
