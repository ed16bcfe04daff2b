import keras
import numpy as np
import pytest
from keras import ops

from keras_contrastive.layers.max_pooling2d import MaxPooling2D
from tests.autodiff import value_and_gradients

CASES = [
    ((2, 8, 8, 3), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ((2, 8, 7, 3), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ((2, 9, 9, 3), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ((2, 9, 8, 3), {"pool_size": (4, 3), "strides": (3, 1), "padding": "same"}),
    ((2, 8, 8, 3), {"pool_size": 2, "strides": 1, "padding": "same"}),
    ((2, 8, 9, 3), {"pool_size": (2, 3), "strides": (1, 2), "padding": "same"}),
    ((2, 9, 8, 3), {"pool_size": (1, 3), "strides": 2, "padding": "same"}),
    ((2, 10, 11, 3), {"pool_size": 2, "strides": 4, "padding": "same"}),
    ((2, 3, 3, 3), {"pool_size": 5, "strides": 2, "padding": "same"}),
    ((2, 8, 7, 3), {}),
    ((2, 8, 7, 1), {"pool_size": (3, 2), "strides": (1, 2)}),
    ((1, 9, 9, 3), {"pool_size": 3, "strides": 2}),
]
DTYPES = ["float32", "float64", "bfloat16"]
if keras.backend.backend() != "torch":  # Keras' own layer
    CASES, DTYPES = CASES[:1], DTYPES[:1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, kwargs", CASES)
def test_equals_keras(shape, kwargs, dtype, rng):
    """The values and the gradient, also of negative numbers at the edges."""
    # Integers that bfloat16 has, the same ones far apart: which of two equal
    # maxima gets the gradient is left to the backend.
    values = -1.0 - rng.permutation(np.prod(shape)).reshape(shape) % 127
    images = ops.cast(values, dtype)
    results = []
    for layer_class in (keras.layers.MaxPooling2D, MaxPooling2D):
        layer = layer_class(dtype=dtype, **kwargs)

        def squares(images, layer=layer):
            return ops.sum(ops.square(ops.cast(layer(images), "float64")))

        outputs = layer(images)
        assert outputs.shape == layer.compute_output_shape(shape)
        assert keras.backend.standardize_dtype(outputs.dtype) == dtype
        _, (gradient,) = value_and_gradients(squares, images)
        results.append([outputs, gradient])
    for expected, actual in zip(*results, strict=True):
        np.testing.assert_array_equal(
            *(
                ops.convert_to_numpy(ops.cast(r, "float64"))
                for r in (actual, expected)
            )
        )


def test_channels_first(rng):
    if keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow has no such kernel on CPUs")
    images = rng.normal(size=(2, 3, 8, 6)).astype("float32")
    layers = (
        keras.layers.MaxPooling2D(3, 2, "same", "channels_first"),
        MaxPooling2D(3, 2, "same", "channels_first"),
    )
    expected, actual = (ops.convert_to_numpy(f(images)) for f in layers)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="Keras' own layer elsewhere"
)
def test_nan_stays(rng):
    images = rng.normal(size=(1, 4, 4, 1)).astype("float32")
    images[0, 3, 3] = np.nan
    outputs = ops.convert_to_numpy(MaxPooling2D(3, 2, "same")(images))
    assert np.isnan(outputs[0, 1, 1, 0])


def test_serialization():
    layer = MaxPooling2D(3, 2, "same", name="pool")
    config = keras.layers.serialize(layer)
    assert config["registered_name"] == "keras_contrastive>MaxPooling2D"
    copy = keras.layers.deserialize(config)
    assert type(copy) is MaxPooling2D
    assert copy.get_config() == layer.get_config()
