"""L2 normalisation: the one definition that losses and metrics share."""

from keras import ops

# The smallest squared norm that is still divided out.
SMALLEST_SQUARED_NORM = 1e-12


def l2_normalize(x):
    """Scales each vector along the last axis to unit length, in float32.

    `x * rsqrt(max(sum(x**2), 1e-12))`

    `keras.ops.normalize` and `x / norm(x)` have a NaN gradient at a zero
    vector on some backends, and one dead row (a ReLU head gives them) is then
    enough to turn every weight into NaN. Here the zero vector stays zero, with
    a finite gradient. The bound would underflow in float16, hence the cast.

    Args:
        x: Float tensor of shape `(..., dim)`, of any float dtype.

    Returns:
        A float32 tensor of the same shape, of norm 1 along its last axis
        (less than 1 where the norm of `x` is below 1e-6).
    """
    x = ops.cast(x, "float32")
    squared_norm = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squared_norm, SMALLEST_SQUARED_NORM))
