from typing import Any

import keras
from keras import ops

from keras_contrastive.losses.batch_loss import BatchLoss
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.validation import check_not_negative

# Keeps the gradient of the square root finite if a dimension is constant.
EPSILON = 1e-4


@keras.saving.register_keras_serializable(package="keras_contrastive")
class VICRegLoss(BatchLoss):
    """VICReg: variance, invariance and covariance of two views.

    For embeddings `Z_a`, `Z_b` of `N` images in `d` dimensions,

    `L = invariance s(Z_a, Z_b) + variance (v(Z_a) + v(Z_b)) / 2
         + covariance (c(Z_a) + c(Z_b))`

    The views of an image agree: `s = 1/(N d) sum_n |z_an - z_bn|^2`. Each
    dimension keeps a standard deviation of at least 1, which prevents collapse
    without negatives: `v(Z) = 1/d sum_j max(0, 1 - sqrt(Var(Z_j) + 1e-4))`. The
    dimensions are uncorrelated: `c(Z) = 1/d sum_{i != j} Cov(Z)_ij^2`. Variance
    and covariance are unbiased: they divide by `N - 1`.

    This follows the authors' code, for which the weights 25, 25, 1 were chosen.
    The paper's text has no `1/d` in `s` and no `1/2` before `v`.

    Args:
        invariance: Number that is not negative, the weight of `s`. Defaults to
            25.
        variance: Number that is not negative, the weight of `v`. Defaults to
            25.
        covariance: Number that is not negative, the weight of `c`. Defaults to
            1.
        gather: Whether the moments are those of all replicas, so that the loss
            over many devices equals that of one device on the whole batch.
            Defaults to `True`.
        name: Name of the loss.
        reduction: Keras reduction of the losses per image.

    Call arguments:
        z_a: Float tensor of shape `(batch, dim)`: embeddings of one view.
        z_b: Float tensor of shape `(batch, dim)`: embeddings of the other;
            row i belongs to the same image as row i of `z_a`.

    Returns:
        A scalar, float32; with `reduction=None` one loss per image, shape
        `(batch,)`: its own `s`, and the `v` and `c` of the batch.

    Raises:
        ValueError: If a weight is negative, if `z_a` and `z_b` are not of rank
            2 and of the same shape, if the batch is known to hold a single
            image, or if there is a `sample_weight`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    z_a = np.random.normal(size=(32, 16))
    z_b = z_a + 0.1 * np.random.normal(size=(32, 16))
    print(float(kc.losses.VICRegLoss()(z_a, z_b)))
    ```

    Reference:
        Bardes et al., 2022, VICReg: Variance-Invariance-Covariance
        Regularization for Self-Supervised Learning, eq. 1 to 6.
    """

    def __init__(
        self,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        gather: bool = True,
        name: str | None = "vicreg_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(gather, name, reduction)
        self.invariance = check_not_negative("invariance", invariance)
        self.variance = check_not_negative("variance", variance)
        self.covariance = check_not_negative("covariance", covariance)

    def call(self, z_a: Any, z_b: Any) -> Any:
        check_embedding_pair(z_a, z_b, names=("z_a", "z_b"))
        z_a, z_b = ops.cast(z_a, "float32"), ops.cast(z_b, "float32")
        distance = ops.mean(ops.square(z_a - z_b), axis=1)
        spread_a, correlation_a = self._spread_and_correlation(z_a)
        spread_b, correlation_b = self._spread_and_correlation(z_b)
        of_batch = self.variance * (spread_a + spread_b) / 2
        of_batch += self.covariance * (correlation_a + correlation_b)
        return self.invariance * distance + of_batch

    def _spread_and_correlation(self, z):
        """`v(Z)` and `c(Z)`, two scalars."""
        z = z - self._mean(z)
        unbiased = self._unbiased(z)
        variance = self._mean(ops.square(z)) * unbiased
        deviation = ops.sqrt(variance + EPSILON)
        covariance = self._mean_product(z, z) * unbiased
        dim = z.shape[1]
        offdiagonal = covariance * (1 - ops.eye(dim, dtype="float32"))
        return (
            ops.mean(ops.relu(1 - deviation)),
            ops.sum(ops.square(offdiagonal)) / dim,
        )

    def _unbiased(self, z):
        """`N / (N - 1)` of the batch."""
        n = self._batch_size(z)
        if isinstance(n, int) and n < 2:
            raise ValueError(
                "`z_a` and `z_b` must hold at least 2 images: one has no "
                f"variance. Received: z_a.shape={tuple(z.shape)}"
            )
        n = ops.cast(n, "float32")
        # If a graph does not know the size, the model reports a batch of one
        # after the step.
        return n / ops.maximum(n - 1, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "invariance": self.invariance,
            "variance": self.variance,
            "covariance": self.covariance,
        }
