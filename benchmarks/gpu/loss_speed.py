"""Losses with gradients at sizes that need blocks, beside other packages."""

import keras
import numpy as np
import part

import keras_contrastive as kc

PRODUCTS = 4  # logits twice, and each side's gradient


def peers():
    """Losses of other packages, on PyTorch and where they are installed."""
    if keras.backend.backend() != "torch":
        return
    try:
        from open_clip.loss import ClipLoss
    except ImportError:
        pass
    else:

        def open_clip(a, b):
            normalize = keras.ops.normalize
            return ClipLoss()(normalize(a), normalize(b), 14.3)

        yield "CLIP loss of open_clip", open_clip
    try:
        from lightly.loss import NTXentLoss
    except ImportError:
        pass
    else:
        yield "NT-Xent of lightly", NTXentLoss(0.2)


def measure(what, function, count, dim, steps, rows=1):
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(2, count, dim)).astype("float32")
    step = part.gradients_of(function, list(arrays))
    seconds = part.median_seconds(lambda: step()[0], steps)
    flops = PRODUCTS * 2 * (rows * count) ** 2 * dim
    part.report(
        f"{what}, {count:,} x {dim}",
        seconds=seconds,
        teraflop_per_second=flops / seconds / 1e12,
        peak_gigabytes=part.peak_gigabytes(),
    )


def main(small):
    sizes, dim = ((64, 128), 16) if small else ((16_384, 65_536, 262_144), 512)
    clip, nt_xent = kc.losses.CLIPLoss(1 / 14.3), kc.losses.NTXentLoss(0.2)
    # The largest peaks last: a process remembers its highest.
    for count in sizes:
        steps = 3 if count < 200_000 else 1
        measure("CLIP loss", lambda a, b: clip(a, b), count, dim, steps)
        if count < 200_000:
            measure(
                "NT-Xent", lambda a, b: nt_xent(a, b), count, dim, steps, rows=2
            )
    for what, function in peers():
        measure(what, function, sizes[0], dim, 3, 2 if "NT" in what else 1)


if __name__ == "__main__":
    main(part.is_small(__doc__))
