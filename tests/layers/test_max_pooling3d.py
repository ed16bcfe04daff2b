import numpy as np
import pytest
from keras.backend import standardize_dtype

from keras_contrastive.layers.max_pooling3d import MaxPooling3D
from tests.layers.image_augmentation.helpers import to_numpy


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "bfloat16"])
def test_is_the_largest_of_each_box(dtype, rng):
    volumes = rng.integers(-50, 50, (2, 4, 6, 8, 3)).astype("float32")
    layer = MaxPooling3D(data_format="channels_last", dtype=dtype)
    boxes = volumes.reshape(2, 2, 2, 3, 2, 4, 2, 3)
    outputs = layer(volumes)
    assert standardize_dtype(outputs.dtype) == layer.compute_dtype
    np.testing.assert_array_equal(
        to_numpy(outputs).astype("float32"), boxes.max(axis=(2, 4, 6))
    )
