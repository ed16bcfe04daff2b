from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.layers.fused_batch_norm import fused_batch_norm
from keras_contrastive.layers.fused_batch_norm import interpolate
from keras_contrastive.layers.fused_batch_norm import is_fusible
from keras_contrastive.layers.shifted_moments import shifted_moments
from keras_contrastive.validation import check_not_negative
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization over the batches of all replicas.

    On one device, and on JAX, it computes the same as
    `keras.layers.BatchNormalization`. It uses the kernels of TensorFlow and
    PyTorch for images, and otherwise computes the moments in one pass over the
    inputs, in float32. Under a `tf.distribute` strategy or in processes of
    `torch.distributed`, the moments of a training batch are those of the global
    batch, as they always are on JAX. They are computed from each replica's mean
    `m_r` and variance `v_r`,

    `mean = mean_r(m_r)`, `variance = mean_r(v_r) + mean_r((m_r - mean)^2)`

    which takes two reductions of `channels` numbers each for any number of
    replicas. It loses no digits, unlike the mean of squares minus the square of
    the mean. Training on many devices then equals training on one. (Keras' own
    `synchronized=True` exists only on TensorFlow.)

    This matters more in contrastive learning than elsewhere: if each replica
    has its own moments, they mark the embeddings of its part of the batch.
    Recognizing negatives by that mark lowers the loss without learning.

    Args:
        momentum: Float, the weight of the old value in the moving averages.
            Defaults to 0.9.
        epsilon: Float, added to the variance. Defaults to 1e-5.
        **kwargs: Arguments of `keras.layers.BatchNormalization`, except for
            `renorm` and `synchronized`.

    Call arguments:
        inputs: Float tensor with the batch as first axis, of the same size on
            each replica.
        training: Whether to normalize by the moments of the batch and update
            the moving averages.

    Returns:
        Float tensor of the shape of `inputs`.

    Raises:
        ValueError: If `renorm` or `synchronized` is given, or if a call on
            several replicas has a `mask`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    layer = kc.layers.BatchNormalization()
    x = layer(np.random.normal(3.0, 2.0, size=(64, 8)), training=True)
    ```

    Reference:
        Ioffe and Szegedy, 2015, Batch Normalization; over all devices as in
        Chen et al., 2020 (SimCLR), section 2.2.
    """

    def __init__(
        self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs: Any
    ):
        unused = {"renorm", "synchronized"}.intersection(kwargs)
        if unused:
            raise ValueError(
                "`renorm` and `synchronized` must be left out: the moments are "
                f"those of all replicas anyway. Received: {sorted(unused)}"
            )
        momentum = check_probability("momentum", momentum)
        epsilon = check_not_negative("epsilon", epsilon)
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(
        self, inputs: Any, training: bool | None = None, mask: Any = None
    ) -> Any:
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        is_alone = distribution.num_replicas() == 1
        if is_alone and mask is not None:
            return super().call(inputs, training=training, mask=mask)
        has_weights = self.scale and self.center
        if is_alone and has_weights and is_fusible(inputs, self.axis):
            outputs, mean, variance = fused_batch_norm(
                inputs, self.gamma, self.beta, self.epsilon
            )
            self._follow(mean, variance)
            return ops.cast(outputs, self.compute_dtype)
        if mask is not None:
            raise ValueError(
                "`mask` must be None on several replicas, where "
                f"{type(self).__name__} does not take one. Received: a mask of "
                f"shape {tuple(mask.shape)}"
            )
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        x = ops.cast(inputs, dtype)
        distance, shift, mean, variance = shifted_moments(x, self.axis)
        if is_alone:
            self._follow(shift + mean, variance)
        else:
            whole_mean, variance = _over_replicas(shift + mean, variance)
            self._follow(whole_mean, variance)
            mean = whole_mean - shift
        scale = ops.rsqrt(variance + self.epsilon)
        if self.scale:
            scale = scale * ops.cast(self.gamma, dtype)
        # One product and one sum for each value. With `(x - mean) * scale`
        # instead, a SimCLR step compiled for an H100 moves 4.5 % more bytes.
        offset = -mean * scale
        if self.center:
            offset = offset + ops.cast(self.beta, dtype)
        shape = [1] * len(x.shape)
        shape[self.axis] = -1
        x = distance * ops.reshape(scale, shape) + ops.reshape(offset, shape)
        return ops.cast(x, self.compute_dtype)

    def _follow(self, mean, variance):
        """Moves the moving moments toward those of the batch."""
        for moving, now in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            now = ops.stop_gradient(now)
            before = ops.cast(moving, now.dtype)
            moving.assign(interpolate(before, now, 1 - self.momentum))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        names = ("renorm", "renorm_clipping", "renorm_momentum", "synchronized")
        return {k: v for k, v in config.items() if k not in names}


def _over_replicas(own_mean, own_variance):
    """Moments of the global batch, from those of each replica's part."""
    mean = distribution.mean_over_replicas(own_mean)
    variance = distribution.mean_over_replicas(
        own_variance + ops.square(own_mean - mean)
    )
    return mean, variance
