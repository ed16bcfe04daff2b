from typing import Any

import keras

from keras_contrastive.losses.embedding_loss import EmbeddingLoss
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ContrastiveLoss(EmbeddingLoss):
    """Base of losses with a temperature and blocks of similarities.

    A subclass implements one formula in `call` and returns one loss per
    example, shape `(batch,)`, since only then Keras scales it correctly under
    `tf.distribute`. It computes in float32 under every dtype policy: a float16
    logit at temperature 0.07 has three digits, and exp(sim / t) overflows below
    t = 0.09.

    Args:
        temperature: Positive number; similarities are divided by it.
        block_size: Int, how many keys are compared at once, or `None`, the
            default, to choose it automatically.
        gather: Whether the keys are those of all replicas (`True`, the
            default) or of this replica alone.
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
        ValueError: If `temperature` or `block_size` is not positive, the batch
            is empty, or `sample_weight` is not one number per example.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc
    from keras import ops

    class OneWayLoss(kc.losses.ContrastiveLoss):
        # Each row of z_a picks its partner among the rows of z_b.
        def call(self, z_a, z_b):
            n = ops.shape(z_a)[0]
            # Unlike `ops.normalize`, with a gradient at zero.
            queries, keys = map(kc.losses.l2_normalize, (z_a, z_b))
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
        if block_size is not None:
            block_size = check_positive_int("block_size", block_size)
        super().__init__(name=name, reduction=reduction)
        self.temperature = check_positive("temperature", temperature)
        self.block_size = block_size
        self.gather = check_bool("gather", gather)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "block_size": self.block_size,
            "gather": self.gather,
        }
