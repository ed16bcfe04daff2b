"""Mean and variance in one pass over the values."""

from typing import Any

from keras import ops


def shifted_moments(x: Any, axis: int) -> tuple[Any, Any, Any, Any]:
    """Mean and variance of each channel, reading the values once.

    With `d = x - s`, where `s` is the first value of the channel,

    `mean = s + E[d]`, `variance = E[d^2] - E[d]^2`

    Both expectations are sums over the same values, which a compiler computes
    together. The variance as `E[(x - mean)^2]` would have to wait for the mean
    and read all values again. The shift avoids cancellation: without it, a
    variance of 1 would be lost next to a mean of 1e4 in float32.

    Args:
        x: Float tensor, float32 or wider.
        axis: Int, the axis of the channels.

    Returns:
        `d`, of the shape of `x`; and `s`, `E[d]` and the variance, each of
        shape `(channels,)`. The variance divides by the number of values. `s`
        has no gradient: its contributions to the mean and to `E[d]` cancel.
    """
    axis = axis % len(x.shape)
    others = [i for i in range(len(x.shape)) if i != axis]
    first = tuple(
        slice(None) if i == axis else slice(0, 1) for i in range(len(x.shape))
    )
    shift = ops.stop_gradient(x[first])
    distance = x - shift
    mean = ops.mean(distance, axis=others)
    variance = ops.mean(ops.square(distance), axis=others) - ops.square(mean)
    # Rounding must not make the variance negative.
    return distance, ops.reshape(shift, (-1,)), mean, ops.maximum(variance, 0.0)
