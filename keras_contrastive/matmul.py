"""Matrix products in full float32 precision, on every device."""

import contextlib
from typing import Any

import keras
from keras import ops


def matmul(a, b):
    """`a @ b` of float32 matrices in full float32 precision.

    By default, accelerators multiply float32 matrices in TF32, with 11 bits of
    mantissa, or in bfloat16, with 8: at a logit scale of 100, a loss is then
    wrong in its third digit. JAX takes the precision with each product. PyTorch
    has a setting, which this function restores afterwards, and a user's
    `torch.autocast`, which it turns off for the product. TensorFlow has a
    setting for the whole process, which belongs to the user: if it allows TF32
    on a GPU, this function computes each product from three.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.numpy.matmul(a, b, precision="highest")
    if backend == "torch":
        with full_precision(), without_autocast(a):
            return ops.matmul(a, b)
    if _tensorflow_rounds_to_tf32():
        return _differentiable_matmul_of_parts(a, b)
    return ops.matmul(a, b)


def without_autocast(tensor: Any) -> contextlib.AbstractContextManager:
    """A context without `torch.autocast` on the device of a tensor.

    Inside a user's `torch.autocast`, PyTorch would round the factors of matrix
    products to 16 bits. On other backends, and in `tf.data`, the context does
    nothing.
    """
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    if not isinstance(tensor, torch.Tensor):
        return contextlib.nullcontext()
    device = tensor.device.type
    if not torch.is_autocast_enabled(device):
        return contextlib.nullcontext()
    return torch.autocast(device, enabled=False)


@contextlib.contextmanager
def full_precision():
    """A context for PyTorch's own products, such as `Tensor.addmm_`."""
    import torch

    settings = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul
    # The setting's name since PyTorch 2.9, and its name before.
    name, full = "fp32_precision", "ieee"
    if not hasattr(settings[0], name):
        settings, name, full = settings[:1], "allow_tf32", False
    before = [getattr(setting, name) for setting in settings]
    reduced = [
        (setting, value)
        for setting, value in zip(settings, before, strict=True)
        if value not in (full, "none")
    ]
    for setting, _ in reduced:
        setattr(setting, name, full)
    try:
        yield
    finally:
        for setting, value in reduced:
            setattr(setting, name, value)


def _differentiable_matmul_of_parts(a, b):
    # The automatic gradient would leave out the parts that were split by bits.
    @ops.custom_gradient
    def product(a, b):
        def gradient(upstream):
            return (
                matmul(upstream, ops.transpose(b)),
                matmul(ops.transpose(a), upstream),
            )

        return matmul_of_parts(a, b, ops.matmul), gradient

    return product(a, b)


def matmul_of_parts(a, b, product):
    """`a @ b` from three products whose factors fit into TF32.

    Each matrix is split into a part with 11 bits of mantissa, which TF32 holds
    exactly, and a remainder. The product of the two remainders, below 2^-20 of
    the whole, is left out.
    """
    (a_high, a_low), (b_high, b_low) = _parts(a), _parts(b)
    small = product(a_high, b_low) + product(a_low, b_high)
    return product(a_high, b_high) + small


def _parts(x):
    # By bit operations: a compiler may remove a cast to TF32 and back.
    high = _view(_view(x, "int32") & ~0x1FFF, "float32")
    return high, x - high


def _view(x, dtype):
    """`ops.view`, which on TensorFlow refuses sizes left open by a graph."""
    if keras.backend.backend() != "tensorflow":
        return ops.view(x, dtype=dtype)
    import tensorflow as tf

    return tf.bitcast(x, dtype)


def _tensorflow_rounds_to_tf32():
    import tensorflow as tf

    return (
        tf.config.experimental.tensor_float_32_execution_enabled()
        and tf.config.list_physical_devices("GPU") != []
    )
