"""Empirical characteristic functions of projections."""

from keras import ops

from keras_contrastive.fused import fused
from keras_contrastive.losses.custom_gradient import with_custom_gradient
from keras_contrastive.matmul import matmul


def characteristic_function(z, directions, spacing, count):
    """Mean cosine and sine of projections, at multiples of a frequency.

    `1/N sum_n exp(i t_k <z_n, a_m>)` at `t_k = k spacing`, `k < count`.

    A rotation computes the values at each frequency from those at the previous
    one, in the forward pass and again in the backward pass. Memory is that of
    one projection, `V N m`, for any number of frequencies.

    Args:
        z: Float32 tensor of shape `(V, N, dim)`.
        directions: Float32 tensor of shape `(dim, m)`, without gradient.
        spacing: Float, the distance between two frequencies.
        count: Int, the number of frequencies.

    Returns:
        Float32 tensor of shape `(2, count, V, m)`: real and imaginary parts.
    """

    def run(z, directions):
        def forward():
            parts = _powers(matmul(z, directions), spacing, count)
            means = [[ops.mean(x, axis=1) for x in part] for part in parts]
            return ops.stack([ops.stack(x) for x in zip(*means, strict=True)])

        def gradient(upstream):
            def backward():
                total = 0.0
                angle = matmul(z, directions)
                powers = _powers(angle, spacing, count)
                for k, (cosine, sine) in enumerate(powers):
                    # One row for each view, the same for all its examples.
                    by_cosine = upstream[0, k, :, None]
                    by_sine = upstream[1, k, :, None]
                    slope = by_sine * cosine - by_cosine * sine
                    total = total + k * spacing * slope
                n = ops.cast(ops.shape(z)[1], "float32")
                return matmul(total / n, ops.transpose(directions))

            return (fused(backward)(),)

        return fused(forward)(), gradient

    return with_custom_gradient(run, (z,), (directions,))


def _powers(x, spacing, count):
    """Yields `cos(k spacing x)` and `sin(k spacing x)` for `k < count`."""
    cosine, sine = ops.ones_like(x), ops.zeros_like(x)
    step = ops.cos(spacing * x), ops.sin(spacing * x)
    for _ in range(count):
        yield cosine, sine
        cosine, sine = (
            cosine * step[0] - sine * step[1],
            sine * step[0] + cosine * step[1],
        )
