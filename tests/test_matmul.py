"""Products of float32 matrices, on devices that would round them."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.matmul import full_precision
from keras_contrastive.matmul import matmul
from keras_contrastive.matmul import matmul_of_parts
from tests.losses.helpers import views


def tf32(x):
    """A float32 array rounded to TF32's 11 bits of mantissa."""
    bits = np.asarray(x, "float32").view("int32")
    return ((bits + 0x1000) & ~0x1FFF).view("float32")


def rounded_product(a, b):
    to_numpy = keras.ops.convert_to_numpy
    return tf32(to_numpy(a)) @ tf32(to_numpy(b))


def test_three_products_in_tf32_are_one_in_float32(rng):
    a, b = rng.normal(size=(2, 64, 64)).astype("float32")
    exact = a.astype("float64") @ b.astype("float64")

    def error(product):
        return np.abs(product - exact).max() / np.abs(exact).max()

    assert error(rounded_product(a, b)) > 1e-4
    parts = matmul_of_parts(
        keras.ops.convert_to_tensor(a),
        keras.ops.convert_to_tensor(b),
        rounded_product,
    )
    assert error(parts) < 1e-6
    assert error(keras.ops.convert_to_numpy(matmul(a, b))) < 1e-6


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the other backends ask for the precision",
)
@pytest.mark.parametrize("shape", [None, (16, 8), (None, 8), (None, None)])
def test_tensorflow_takes_three_where_it_may_round(monkeypatch, shape):
    """Eagerly, and in graphs that know the shape or leave it open."""
    import tensorflow as tf

    z_a, z_b = (tf.constant(z) for z in views(16, 8))
    loss = kc.losses.CLIPLoss(0.01)
    plain = float(loss(z_a, z_b))
    monkeypatch.setattr(kc.matmul, "_tensorflow_rounds_to_tf32", lambda: True)
    run = loss
    if shape:
        run = tf.function(loss, input_signature=2 * [tf.TensorSpec(shape)])
    # Float32 holds a logit of 100 to 1e-5.
    assert float(run(z_a, z_b)) == pytest.approx(plain, abs=5e-5)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the other backends ask for the precision",
)
def test_gradient_of_three_products(monkeypatch, rng):
    import tensorflow as tf

    monkeypatch.setattr(kc.matmul, "_tensorflow_rounds_to_tf32", lambda: True)
    a, b, upstream = rng.normal(size=(3, 8, 8)).astype("float32")
    a, b = tf.Variable(a), tf.Variable(b)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(matmul(a, b) * upstream)
    gradients = tape.gradient(total, [a, b])
    expected = upstream @ b.numpy().T, a.numpy().T @ upstream
    for gradient, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, other, atol=2e-5)


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="reads JAX's programs"
)
@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b: kc.losses.NTXentLoss()(a, b),
        lambda a, b: kc.losses.CLIPLoss()(a, b, image_ids=[0, 0, 1, 2]),
        lambda a, b: kc.losses.SigLIPLoss()(a, b),
        lambda a, b: kc.losses.SupConLoss(form="in")([0, 0, 1, 1], a),
    ],
)
def test_jax_multiplies_at_the_highest_precision(loss):
    import jax

    program = str(jax.make_jaxpr(jax.grad(loss, (0, 1)))(*views(4, 3)))
    products = program.count("dot_general[")
    assert products >= 3
    highest = "precision=(Precision.HIGHEST, Precision.HIGHEST)"
    assert program.count(highest) == products


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="PyTorch's settings"
)
def test_torch_is_asked_for_full_precision_and_left_as_it_was(monkeypatch):
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    setting = torch.backends.cuda.matmul
    seen = []

    class Seen(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function.overloadpacket.__name__ in ("mm", "addmm_"):
                seen.append(setting.fp32_precision)
            return function(*args, **(kwargs or {}))

    z_a, z_b = (torch.tensor(z).requires_grad_() for z in views(16, 8))
    torch.set_float32_matmul_precision("high")
    try:
        with Seen():
            kc.losses.CLIPLoss(block_size=5)(z_a, z_b).backward()
        assert torch.get_float32_matmul_precision() == "high"
        with pytest.raises(KeyError), full_precision():
            raise KeyError
        assert setting.fp32_precision == "tf32"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert len(seen) > 8 and set(seen) == {"ieee"}
