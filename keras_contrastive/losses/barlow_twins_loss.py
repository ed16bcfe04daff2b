from typing import Any

import keras
from keras import ops

from keras_contrastive.losses.batch_loss import BatchLoss
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.validation import check_not_negative

# The epsilon of the authors' BatchNorm: a constant dimension becomes zero
# instead of NaN.
EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="keras_contrastive")
class BarlowTwinsLoss(BatchLoss):
    """Barlow Twins: two views agree in each dimension, dimensions differ.

    Each dimension of each view is standardized over the batch,

    `a = (z_a - mean(z_a)) / sqrt(var(z_a) + 1e-5)`, and `b` from `z_b`,

    with the biased variance, which divides by the batch size `N`, as the
    authors' code does. The loss drives the cross-correlation matrix of the two
    views, `C_ij = 1/N sum_n a_ni b_nj`, to the identity:

    `L = sum_i (1 - C_ii)^2 + offdiagonal_weight sum_{i != j} C_ij^2`

    There are no negatives; the loss works for small batches, and best for
    projections of several thousand dimensions. It grows with the dimension: the
    authors scale it down (by 0.024 for 8192 dimensions, or 0.1), which matters
    for optimizers such as SGD and LARS with weight decay. For a batch of one
    example all standardized values are 0, and so is the gradient.

    Args:
        offdiagonal_weight: Number that is not negative: the weight of the
            redundancy between dimensions. Defaults to 0.005, the paper's.
        gather: Whether the moments are those of all replicas, so that the loss
            over many devices equals that of one device on the whole batch.
            Defaults to `True`.
        name: Name of the loss.
        reduction: Keras reduction of the loss, which each example has.

    Call arguments:
        z_a: Float tensor of shape `(batch, dim)`: embeddings of one view.
        z_b: Float tensor of shape `(batch, dim)`: embeddings of the other;
            row i belongs to the same image as row i of `z_a`.

    Returns:
        A scalar, float32; with `reduction=None` the loss of the batch for each
        image, shape `(batch,)`.

    Raises:
        ValueError: If `offdiagonal_weight` is negative, if `z_a` and `z_b` are
            not of rank 2 and of the same shape, or if there is a
            `sample_weight`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    z_a = np.random.normal(size=(32, 16))
    z_b = z_a + 0.1 * np.random.normal(size=(32, 16))
    print(float(kc.losses.BarlowTwinsLoss()(z_a, z_b)))
    ```

    Reference:
        Zbontar et al., 2021, Barlow Twins: Self-Supervised Learning via
        Redundancy Reduction, eq. 1 and 2.
    """

    def __init__(
        self,
        offdiagonal_weight: float = 0.005,
        gather: bool = True,
        name: str | None = "barlow_twins_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        offdiagonal_weight = check_not_negative(
            "offdiagonal_weight", offdiagonal_weight
        )
        super().__init__(gather, name, reduction)
        self.offdiagonal_weight = offdiagonal_weight

    def call(self, z_a: Any, z_b: Any) -> Any:
        check_embedding_pair(z_a, z_b, names=("z_a", "z_b"))
        a, b = self._standardized(z_a), self._standardized(z_b)
        correlation = self._mean_product(a, b)
        identity = ops.eye(a.shape[1], dtype="float32")
        weights = identity + self.offdiagonal_weight * (1 - identity)
        loss = ops.sum(weights * ops.square(correlation - identity))
        return ops.broadcast_to(loss, ops.shape(z_a)[:1])

    def _standardized(self, z):
        z = ops.cast(z, "float32")
        z = z - self._mean(z)
        return z * ops.rsqrt(self._mean(ops.square(z)) + EPSILON)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "offdiagonal_weight": self.offdiagonal_weight,
        }
