"""The card, the versions, and the most it does: copies and products."""

import platform
import subprocess
from importlib import metadata

import keras
import numpy as np
import part
from keras import ops


def card():
    """What nvidia-smi says of the GPU."""
    command = "nvidia-smi --query-gpu=name,driver_version,memory.total"
    try:
        found = subprocess.run(
            [*command.split(), "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return found.stdout.strip()


def versions():
    listed = ("keras", "jax", "torch", "numpy")
    installed = {d.metadata["Name"].lower() for d in metadata.distributions()}
    return {n: metadata.version(n) for n in listed if n in installed}


def compiled(function):
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def main(small):
    part.report(
        "machine",
        card=card(),
        python=platform.python_version(),
        **versions(),
    )
    elements = 2**16 if small else 2**30
    x = ops.ones((elements,), dtype="float32")
    copy = compiled(lambda x: x + 1.0)
    seconds = part.median_seconds(lambda: copy(x), 10)
    part.report("copy", terabytes_per_second=8 * elements / seconds / 1e12)
    size = 128 if small else 8192
    numbers = np.random.default_rng(0).normal(size=(size, size))
    for dtype in ("bfloat16", "float32"):
        a = ops.cast(ops.convert_to_tensor(numbers, dtype="float32"), dtype)
        product = compiled(_full_precision_product)
        seconds = part.median_seconds(lambda a=a, p=product: p(a), 10)
        part.report(
            f"product, {dtype}",
            teraflop_per_second=2 * size**3 / seconds / 1e12,
        )


def _full_precision_product(a):
    from keras_contrastive.matmul import matmul

    return matmul(a, a) if a.dtype != "bfloat16" else ops.matmul(a, a)


if __name__ == "__main__":
    main(part.is_small(__doc__))
