import keras


class ContrastiveLoss(keras.losses.Loss):
    """What every contrastive loss shares: temperature, gather and float32.

    Subclasses state one formula in `call`, as one loss per example, shape
    `(batch,)`: only then does Keras scale it right under `tf.distribute`.

    Args:
        temperature: Positive number; similarities are divided by it.
        gather: Whether the keys are those of all replicas (`True`) or of this
            replica alone.
        name: Name of the loss.
        reduction: How Keras reduces the losses of a batch.
    """

    def __init__(
        self,
        temperature,
        gather=True,
        name=None,
        reduction="sum_over_batch_size",
    ):
        if not temperature > 0:
            raise ValueError(
                "`temperature` must be a positive number. "
                f"Received: temperature={temperature}"
            )
        # float32 under every dtype policy: a float16 logit at temperature
        # 0.07 has three digits, and exp(sim / t) overflows below t = 0.09.
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.temperature = temperature
        self.gather = gather

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "gather": self.gather,
        }


def check_embedding_pair(first, second, names):
    """Raises unless `first` and `second` are `(batch, d)` of the same shape."""
    shapes = tuple(first.shape), tuple(second.shape)
    for name, shape in zip(names, shapes, strict=True):
        if len(shape) != 2:
            raise ValueError(
                f"`{name}` must be embeddings of shape (batch, dim), one "
                f"vector per example. Received: {name}.shape={shape}"
            )
    # A dimension is None where a graph does not know it yet.
    if any(a != b for a, b in zip(*shapes, strict=True) if a and b):
        raise ValueError(
            f"`{names[0]}` and `{names[1]}` must have the same shape: row i "
            "of one is the positive of row i of the other. Received: "
            f"{names[0]}.shape={shapes[0]}, {names[1]}.shape={shapes[1]}"
        )
