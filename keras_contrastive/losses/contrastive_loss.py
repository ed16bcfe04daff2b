from typing import Any

import keras
from keras import ops

from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ContrastiveLoss(keras.losses.Loss):
    """Base of the contrastive losses: temperature, gather and reduction.

    A subclass states one formula in `call`, as one loss per example, shape
    `(batch,)`: only then does Keras scale it right under `tf.distribute`.
    It computes in float32 under every dtype policy: a float16 logit at
    temperature 0.07 has three digits, and exp(sim / t) overflows below
    t = 0.09.

    Args:
        temperature: Positive number; similarities are divided by it.
        block_size: Int, keys that are compared at once, or `None`, the
            default, for a good number.
        gather: Whether the keys are those of all replicas (`True`, the
            default) or of this replica alone.
        name: Name of the loss.
        reduction: How Keras reduces the losses of a batch.

    Call arguments:
        y_true: The first argument of `call`, a tensor of shape `(batch, dim)`
            or, for a loss of labels, `(batch,)`. It is not cast.
        y_pred: The second, float tensor of shape `(batch, dim)`.
        sample_weight: Optional float tensor of shape `(batch,)`.
        **kwargs: Passed to `call` as they are.

    Returns:
        A scalar; with `reduction=None` what `call` returned, shape `(batch,)`.

    Raises:
        ValueError: If `temperature` or `block_size` is not positive.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc
    from keras import ops
    from keras_contrastive.normalization import l2_normalize

    class OneWayLoss(kc.losses.ContrastiveLoss):
        # Each row of z_a picks its partner among the rows of z_b.
        def call(self, z_a, z_b):
            n = ops.shape(z_a)[0]
            # Unlike `ops.normalize`, with a gradient at zero.
            queries, keys = l2_normalize(z_a), l2_normalize(z_b)
            own = ops.arange(n)
            if self.gather:
                keys = kc.distribution.all_gather(keys)
                own = own + n * kc.distribution.replica_index()
            similarities = queries @ ops.transpose(keys)
            return keras.losses.sparse_categorical_crossentropy(
                own, similarities / self.temperature, from_logits=True
            )

    z = np.random.normal(size=(8, 16)).astype("float32")
    print(float(OneWayLoss(temperature=0.1)(z, z)))
    ```
    """

    def __init__(
        self,
        temperature: float,
        block_size: int | None = None,
        gather: bool = True,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
    ):
        if not temperature > 0:
            raise ValueError(
                "`temperature` must be a positive number. "
                f"Received: temperature={temperature}"
            )
        if block_size is not None:
            block_size = check_positive_int("block_size", block_size)
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.temperature = temperature
        self.block_size = block_size
        self.gather = gather

    def __call__(self, y_true, y_pred, sample_weight=None, **kwargs):
        """Reduces the losses of `call`, which gets `kwargs` as they are.

        Keras' own `__call__` takes two arguments and turns both into floats:
        there is no room in it for a learnable scale, and labels would be
        rounded.
        """
        with keras.name_scope(self.name):
            losses = self.call(
                ops.convert_to_tensor(y_true),
                ops.convert_to_tensor(y_pred),
                **kwargs,
            )
        reduce = _Reduction(self.name, self.reduction, self.dtype)
        return reduce(losses, losses, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "block_size": self.block_size,
            "gather": self.gather,
        }


class _Reduction(keras.losses.Loss):
    """Keras' reduction, of losses that are there already."""

    def call(self, y_true, y_pred):
        return y_pred


def check_embedding_pair(first, second, names):
    """Raises unless `first` and `second` are `(batch, d)` of the same shape."""
    shapes = tuple(first.shape), tuple(second.shape)
    for name, shape in zip(names, shapes, strict=True):
        check_embeddings(name, shape)
    # A dimension is None where a graph does not know it yet.
    if any(a != b for a, b in zip(*shapes, strict=True) if a and b):
        raise ValueError(
            f"`{names[0]}` and `{names[1]}` must have the same shape: row i "
            "of one is the positive of row i of the other. Received: "
            f"{names[0]}.shape={shapes[0]}, {names[1]}.shape={shapes[1]}"
        )


def check_embeddings(name, shape):
    """Raises unless a tensor's `shape` is `(batch, dim)`."""
    if len(shape) != 2:
        raise ValueError(
            f"`{name}` must be embeddings of shape (batch, dim), one "
            f"vector per example. Received: {name}.shape={tuple(shape)}"
        )


def check_one_per_example(name, values, batch_size):
    """Raises unless `values` has the shape `(batch,)`, as far as known."""
    shape = tuple(values.shape)
    if len(shape) != 1 or (shape[0] and batch_size and shape[0] != batch_size):
        raise ValueError(
            f"`{name}` must hold one value per example, shape "
            f"({batch_size},). Received: {name}.shape={shape}"
        )


def check_scalar(name, value):
    """Raises unless `value` is a number or a tensor of one."""
    shape = tuple(getattr(value, "shape", ()))
    if shape != ():
        raise ValueError(
            f"`{name}` must be a scalar. Received: {name}.shape={shape}; "
            "weights of examples are given by keyword, sample_weight=..."
        )
