from typing import Any

from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.custom_gradient import with_custom_gradient
from keras_contrastive.losses.embedding_loss import EmbeddingLoss
from keras_contrastive.matmul import matmul
from keras_contrastive.validation import check_bool


class BatchLoss(EmbeddingLoss):
    """Base of losses that use batch statistics, such as covariances.

    A subclass computes in float32, and returns the loss of the batch once for
    each example, shape `(batch,)`. The statistics are means over the examples
    of all replicas. Each replica computes the means of its own examples, and
    these are averaged, which sends a matrix of `(dim, dim)` instead of all
    embeddings.

    Args:
        gather: Whether the statistics are those of all replicas (`True`) or
            of this replica alone.
        name: Name of the loss.
        reduction: How Keras reduces the losses of a batch.

    Raises:
        ValueError: In a call with `sample_weight`.
    """

    def __init__(self, gather: bool, name: str | None, reduction: str | None):
        super().__init__(name=name, reduction=reduction)
        self.gather = check_bool("gather", gather)

    def _reduced(self, embeddings, sample_weight, kwargs):
        if sample_weight is not None:
            raise ValueError(
                f"`sample_weight` must be None for {type(self).__name__}, a "
                "loss of the whole batch, which is not a sum over examples. "
                f"Received: sample_weight of type {type(sample_weight)}"
            )
        return super()._reduced(embeddings, sample_weight, kwargs)

    def _mean(self, x):
        """The mean over the batch of `x`, shape `(batch, ...)`."""
        return self._over_replicas(ops.mean(x, axis=0))

    def _mean_product(self, a, b):
        """The mean of `a_n b_n^T` over the batch, shape `(dim, dim)`."""
        return self._over_replicas(_mean_outer_product(a, b))

    def _over_replicas(self, x):
        return distribution.mean_over_replicas(x) if self.gather else x

    def _batch_size(self, x):
        """The number of rows of `x` on all replicas, an int if known."""
        replicas = distribution.num_replicas() if self.gather else 1
        return ops.shape(x)[0] * replicas

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gather": self.gather}


def _mean_outer_product(a, b):
    """`a^T b / n` of matrices with `n` rows, in full float32 precision.

    Its gradient has this precision too. The automatic gradient of `matmul`
    would have the backend's precision.
    """

    def product(a, b):
        n = ops.cast(ops.shape(a)[0], "float32")

        def gradient(upstream):
            upstream = upstream / n
            return matmul(b, ops.transpose(upstream)), matmul(a, upstream)

        return matmul(ops.transpose(a), b) / n, gradient

    return with_custom_gradient(product, (a, b))
