import keras
from keras import ops

from keras_contrastive.data_validation import check_ids


@keras.saving.register_keras_serializable(package="keras_contrastive")
class EmbeddingLoss(keras.losses.Loss):
    """Base of losses of embeddings: passes arguments unchanged and reduces.

    A subclass implements one formula in `call` and returns one loss per
    example, shape `(batch,)`, since only then Keras scales it correctly under
    `tf.distribute`. The result is float32 under every dtype policy.

    Args:
        name: Name of the loss.
        reduction: How Keras reduces the losses of a batch.

    Call arguments:
        y_true: The first argument of `call`, a tensor of shape `(batch, dim)`
            or, for a loss of labels, `(batch,)`. It is not cast.
        y_pred: The second, float tensor of shape `(batch, dim)`.
        sample_weight: Optional float tensor of shape `(batch,)`.
        **kwargs: Passed to `call` unchanged.

    Returns:
        A scalar; with `reduction=None` the result of `call`, shape `(batch,)`.

    Raises:
        ValueError: If the batch is empty, or `sample_weight` is not one number
            per example.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc
    from keras import ops

    class CosineDistance(kc.losses.EmbeddingLoss):
        def call(self, z_a, z_b):
            z_a, z_b = map(kc.losses.l2_normalize, (z_a, z_b))
            return 1 - ops.sum(z_a * z_b, axis=-1)

    z = np.random.normal(size=(8, 16)).astype("float32")
    print(float(CosineDistance()(z, z)))
    ```
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def __call__(self, y_true, y_pred, sample_weight=None, **kwargs):
        """Reduces the losses of `call`, which receives `kwargs` unchanged.

        Keras' own `__call__` takes two arguments and converts both to floats:
        it cannot take a learnable scale, and it would round labels.
        """
        return self._reduced((y_true, y_pred), sample_weight, kwargs)

    def _reduced(self, embeddings, sample_weight, kwargs):
        embeddings = [ops.convert_to_tensor(x) for x in embeddings]
        shapes = [tuple(x.shape) for x in embeddings]
        if any(shape[:1] == (0,) for shape in shapes):
            raise ValueError(
                "A batch must hold at least one example. "
                f"Received: tensors of shapes {shapes}"
            )
        with keras.name_scope(self.name):
            losses = self.call(*embeddings, **kwargs)
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight)
            _check_weights(sample_weight.shape, losses.shape)
        reduce = _Reduction(self.name, self.reduction, self.dtype)
        return reduce(losses, losses, sample_weight)


def _check_weights(shape, losses_shape):
    """Raises for weights that would be broadcast over several examples."""
    shape, losses_shape = tuple(shape), tuple(losses_shape)
    if len(losses_shape) != 1 or not shape:
        return
    is_one_each = len(shape) == 1 or (len(shape) == 2 and shape[1] in (1, None))
    is_other_size = None not in (shape[0], losses_shape[0]) and (
        shape[0] not in (1, losses_shape[0])
    )
    if not is_one_each or is_other_size:
        raise ValueError(
            "`sample_weight` must be one number per example, shape "
            f"({losses_shape[0]},). Received: sample_weight.shape={shape}"
        )


class _Reduction(keras.losses.Loss):
    """Keras' reduction, applied to losses that are already computed."""

    def call(self, y_true, y_pred):
        return y_pred


def check_embedding_pair(first, second, names):
    """Raises unless `first` and `second` are `(batch, d)` of the same shape."""
    shapes = tuple(first.shape), tuple(second.shape)
    for name, shape in zip(names, shapes, strict=True):
        check_embeddings(name, shape)
    # A dimension is None if a graph does not know it yet.
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


def negative_rows(negatives, dim):
    """The argument `negative_text_embeddings` as a tensor `(rows, dim)`."""
    negatives = ops.convert_to_tensor(negatives)
    shape = tuple(negatives.shape)
    if len(shape) not in (2, 3) or (dim and shape[-1] not in (None, dim)):
        raise ValueError(
            "`negative_text_embeddings` must have the shape "
            f"(batch, negatives, {dim}), as wide as the other embeddings. "
            f"Received: negative_text_embeddings.shape={shape}"
        )
    return ops.reshape(negatives, (-1, shape[-1]))


def pair_ids(name, ids, batch_size):
    """Ids of pairs as a tensor `(batch,)`, sets as floats `(batch, labels)`.

    Raises:
        ValueError: If `check_ids` rejects them, or their number is known to
            differ from `batch_size`.
    """
    check_ids(name, ids)
    ids = ops.convert_to_tensor(ids)
    rows = ids.shape[0]
    if rows and batch_size and rows != batch_size:
        raise ValueError(
            f"`{name}` must hold one value per example, shape "
            f"({batch_size},). Received: {name}.shape={tuple(ids.shape)}"
        )
    return ids if len(ids.shape) == 1 else ops.cast(ids, "float32")


def check_scalar(name, value):
    """Raises unless `value` is a number or a tensor of one number."""
    shape = tuple(getattr(value, "shape", ()))
    if shape != ():
        raise ValueError(
            f"`{name}` must be a scalar. Received: {name}.shape={shape}; "
            "pass weights of examples by keyword, sample_weight=..."
        )
