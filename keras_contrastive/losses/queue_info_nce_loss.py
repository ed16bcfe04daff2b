from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.losses.info_nce import info_nce
from keras_contrastive.losses.logit_blocks import logsumexp_blocks
from keras_contrastive.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_contrastive")
class QueueInfoNCELoss(ContrastiveLoss):
    """InfoNCE of queries against a queue of negatives, the loss of MoCo.

    Each query `q_i` must pick its key `k_i` among itself and the `M` features
    `n_j` of a queue. With the cosine similarity `sim` and the temperature `t`:

    `l_i = -log(exp(sim(q_i, k_i) / t)
                / (exp(sim(q_i, k_i) / t) + sum_j exp(sim(q_i, n_j) / t)))`

    Without a queue the negatives are the keys of the other examples of the
    batch, as in MoCo v3:

    `l_i = -log(exp(sim(q_i, k_i) / t) / sum_j exp(sim(q_i, k_j) / t))`

    For random embeddings it is near `ln(M + 1)`, without a queue near the
    logarithm of the batch size.

    Gradients flow into the queries and the keys (a teacher computes its keys
    without gradient), but not into the queue. Embeddings need not be
    normalized. The computation is in float32.

    Args:
        temperature: Positive number `t`. Defaults to 0.07, MoCo's; MoCo v2 uses
            0.2, NNCLR 0.1.
        block_size: Int, how many negatives are compared at once, or `None`, the
            default, to choose it automatically. Memory is linear in it, in the
            batch size and in the size of the queue; the value of the loss does
            not depend on it.
        gather: Whether, without a queue, the negatives are those of all
            replicas, so that the loss over many devices equals that of one
            device on the whole batch. Defaults to `True`. A
            `layers.FeatureQueue` is the same on all devices.
        name: Name of the loss.
        reduction: Keras reduction of the losses per example.

    Call arguments:
        queries: Float tensor of shape `(batch, dim)`.
        keys: Float tensor of shape `(batch, dim)`; row i is the positive of
            query i.
        queue: Optional float tensor of shape `(M, dim)`: the negatives.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per query, shape `(batch,)`.

    Raises:
        ValueError: If `temperature` or `block_size` is not positive,
            `queries` and `keys` are not of rank 2 and of the same shape, or
            `queue` does not hold vectors of their dimension.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    keys = np.random.normal(size=(8, 16))
    queries = keys + 0.1 * np.random.normal(size=(8, 16))
    queue = kc.layers.FeatureQueue(size=64, dim=16)
    loss = kc.losses.QueueInfoNCELoss(temperature=0.2)
    print(float(loss(queries, keys, queue=queue.features)))
    print(float(loss(queries, keys)))  # the other keys are the negatives
    ```

    Reference:
        He et al., 2020, Momentum Contrast for Unsupervised Visual
        Representation Learning, eq. 1; Chen et al., 2021, An Empirical Study
        of Training Self-Supervised Vision Transformers, eq. 1, for the form
        without a queue.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        block_size: int | None = None,
        gather: bool = True,
        name: str | None = "queue_info_nce_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(temperature, block_size, gather, name, reduction)

    def call(self, queries: Any, keys: Any, queue: Any = None) -> Any:
        check_embedding_pair(queries, keys, names=("queries", "keys"))
        queries, keys = l2_normalize(queries), l2_normalize(keys)
        scale = 1 / self.temperature
        if queue is None:
            return self._among_keys(queries, keys, scale)
        queue = ops.convert_to_tensor(queue)
        _check_queue(queue.shape, queries.shape)
        negatives = logsumexp_blocks(
            queries,
            ops.stop_gradient(l2_normalize(queue)),
            scale,
            self.block_size,
        )
        positive = scale * ops.sum(queries * keys, axis=1)
        return ops.logaddexp(positive, negatives) - positive

    def _among_keys(self, queries, keys, scale):
        n = ops.shape(queries)[0]
        own = ops.arange(n, dtype="int32")
        if self.gather:
            keys = distribution.all_gather(keys)
            own = own + n * distribution.replica_index()
        return info_nce(queries, keys, own, scale, block_size=self.block_size)


def _check_queue(shape, query_shape):
    shape, dim = tuple(shape), query_shape[1]
    if len(shape) != 2 or (dim and shape[1] and shape[1] != dim):
        raise ValueError(
            f"`queue` must hold features of the queries' dimension, shape "
            f"(size, {dim}). Received: queue.shape={shape}"
        )
