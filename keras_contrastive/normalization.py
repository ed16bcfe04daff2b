"""L2 normalization: the only definition, shared by losses and metrics."""

from typing import Any

from keras import ops

# The smallest squared norm that is still normalized to 1.
SMALLEST_SQUARED_NORM = 1e-12


def l2_normalize(x: Any) -> Any:
    """Scales each vector along the last axis to unit length, in float32.

    `x * rsqrt(max(sum(x**2), 1e-12))`

    `keras.ops.normalize` and `x / norm(x)` have a NaN gradient at a zero
    vector on some backends. A single zero row, which a ReLU head can produce,
    then turns every weight into NaN. Here the zero vector stays zero, with a
    finite gradient. The bound would underflow in float16, hence the cast.

    Args:
        x: Float tensor of shape `(..., dim)`, of any float dtype.

    Returns:
        A float32 tensor of the same shape, with norm 1 along its last axis
        (less than 1 if the norm of `x` is below 1e-6, and 0 if it is above
        1e19, the square of which exceeds float32).

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    print(kc.losses.l2_normalize(np.array([[3.0, 4.0]])))  # 0.6, 0.8
    ```
    """
    x = ops.cast(x, "float32")
    squared_norm = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squared_norm, SMALLEST_SQUARED_NORM))
