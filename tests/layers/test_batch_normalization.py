import keras
import numpy as np
import pytest
from keras import ops

from keras_contrastive.layers import BatchNormalization
from tests.autodiff import value_and_gradients


def pair(shape, **kwargs):
    """Keras' layer and ours with the same weights."""
    kwargs = {"momentum": 0.8, "epsilon": 1e-3, **kwargs}
    layers = (
        keras.layers.BatchNormalization(**kwargs),
        BatchNormalization(**kwargs),
    )
    rng = np.random.default_rng(1)
    for layer in layers:
        layer.build(shape)
    values = [rng.uniform(0.5, 2, w.shape) for w in layers[0].weights]
    for layer in layers:
        layer.set_weights(values)
    return layers


CASES = [  # The first two have kernels of their own.
    ((8, 5, 7, 3), {}),
    ((2, 1, 1, 4), {}),
    ((8, 3, 5, 7), {"axis": 1}),
    ((8, 5, 7, 3), {"scale": False}),
    ((16, 6), {}),
]


@pytest.mark.one_case
@pytest.mark.parametrize("shape, kwargs", CASES)
def test_equals_keras(shape, kwargs, rng):
    inputs = (3 + 2 * rng.normal(size=shape)).astype("float32")
    weights = rng.normal(size=shape).astype("float32")
    weights = ops.convert_to_tensor(weights)
    results = []
    for layer in pair(shape, **kwargs):

        def weighted(x, layer=layer):
            with keras.StatelessScope():  # JAX's tracers would get out
                outputs = layer(x, training=True)
            return ops.sum(weights * ops.square(outputs))

        value, (gradient,) = value_and_gradients(weighted, inputs)
        layer(inputs, training=True)
        moving = [ops.convert_to_numpy(w) for w in layer.weights]
        results.append([value, gradient, *moving])
    for expected, actual in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize(
    "shape, axis", [((8, 5, 7, 3), -1), ((8, 3, 5, 7), 1), ((64, 6), -1)]
)
def test_equals_two_passes_in_float64(shape, axis, mean, rng):
    """Outputs, gradients and moving averages, with a large mean too."""
    # Values that float32 holds, so that the oracle sees the same.
    x = (mean + rng.normal(size=shape)).astype("float32").astype("float64")
    slopes = rng.normal(size=shape)
    layer = BatchNormalization(axis=axis, momentum=0.8, epsilon=1e-3)
    layer.build(shape)
    gamma, beta = rng.uniform(0.5, 2, (2, shape[axis]))
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)

    others = tuple(i for i in range(len(shape)) if i != axis % len(shape))
    each = [1] * len(shape)
    each[axis] = -1
    centered = x - x.mean(others, keepdims=True)
    variance = np.square(centered).mean(others, keepdims=True)
    scale = 1 / np.sqrt(variance + 1e-3)
    normal = centered * scale
    expected = normal * gamma.reshape(each) + beta.reshape(each)
    up = slopes * gamma.reshape(each)
    gradient = scale * (
        up
        - up.mean(others, keepdims=True)
        - normal * (up * normal).mean(others, keepdims=True)
    )

    def weighted(inputs):
        with keras.StatelessScope():
            outputs = layer(inputs, training=True)
        return ops.sum(ops.convert_to_tensor(slopes, "float32") * outputs)

    _, (found,) = value_and_gradients(weighted, x.astype("float32"))
    # Float32 holds a mean of 1e4 to 1e-3, in however many passes. The kernels
    # of TensorFlow and PyTorch lose a little more.
    np.testing.assert_allclose(found, gradient, atol=1e-2 if mean else 1e-4)
    outputs = layer(x.astype("float32"), training=True)
    outputs = ops.convert_to_numpy(outputs)
    np.testing.assert_allclose(outputs, expected, atol=1e-2 if mean else 1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.moving_mean),
        0.2 * x.mean(others),
        rtol=1e-5,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.moving_variance),
        0.8 + 0.2 * variance.ravel(),
        rtol=1e-4,
    )


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(dtype, rng):
    inputs = (3 + 2 * rng.normal(size=(8, 6, 6, 4))).astype("float32")
    theirs, ours = pair(inputs.shape, dtype=dtype)
    expected, actual = (
        theirs(inputs, training=True),
        ours(inputs, training=True),
    )
    assert keras.backend.standardize_dtype(actual.dtype) == dtype[6:]
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.cast(actual, "float32")),
        ops.convert_to_numpy(ops.cast(expected, "float32")),
        atol=0.05,
    )
    for expected, actual in zip(theirs.weights, ours.weights, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(actual),
            ops.convert_to_numpy(expected),
            rtol=1e-2,
        )


def test_frozen_layer_uses_its_averages(rng):
    inputs = rng.normal(size=(8, 6, 6, 4)).astype("float32")
    theirs, ours = pair(inputs.shape)
    theirs.trainable = ours.trainable = False
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours(inputs, training=True)),
        ops.convert_to_numpy(theirs(inputs, training=True)),
        atol=1e-6,
    )
