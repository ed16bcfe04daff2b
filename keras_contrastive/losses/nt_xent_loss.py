from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.losses.info_nce import info_nce
from keras_contrastive.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_contrastive")
class NTXentLoss(ContrastiveLoss):
    """Normalized temperature-scaled cross entropy, the loss of SimCLR.

    Each of the `2N` embeddings of `N` images in two views must pick its other
    view among the `2N - 1` embeddings that are not itself:

    `l(i, j) = -log(exp(sim(i, j) / t) / sum_{k != i} exp(sim(i, k) / t))`

    with the cosine similarity `sim`. The loss is the mean of `l` over all `2N`
    rows, as in the paper. (The authors' code, tensorflow-similarity and
    keras-cv return the sum of the two directions' means, twice this value.)
    For random embeddings it is near `ln(2N - 1)`; if all embeddings are equal,
    it has exactly this value.

    Embeddings need not be normalized. The computation is in float32.

    Args:
        temperature: Positive number `t`. Defaults to 0.5, the paper's best
            for CIFAR-10.
        block_size: Int, how many keys are compared at once, or `None`, the
            default, to choose it automatically. Memory is linear in it and in
            the batch size; the value of the loss does not depend on it.
        gather: Whether to contrast with the embeddings of all replicas, so
            that the loss over many devices equals that of one device on the
            whole batch. Defaults to `True`.
        name: Name of the loss.
        reduction: Keras reduction of the losses per example.

    Call arguments:
        z_a: Float tensor of shape `(batch, dim)`: embeddings of one view.
        z_b: Float tensor of shape `(batch, dim)`: embeddings of the other;
            row i belongs to the same image as row i of `z_a`.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per image, shape `(batch,)`,
        the mean of the image's two rows.

    Raises:
        ValueError: If `temperature` or `block_size` is not positive, or if
            `z_a` and `z_b` are not of rank 2 and of the same shape.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    z_a = np.random.normal(size=(8, 16))
    z_b = z_a + 0.1 * np.random.normal(size=(8, 16))
    loss = kc.losses.NTXentLoss(temperature=0.5)
    print(float(loss(z_a, z_b)))
    ```

    Reference:
        Chen et al., 2020, A Simple Framework for Contrastive Learning of
        Visual Representations, eq. 1 and algorithm 1.
    """

    def __init__(
        self,
        temperature: float = 0.5,
        block_size: int | None = None,
        gather: bool = True,
        name: str | None = "nt_xent_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(temperature, block_size, gather, name, reduction)

    def call(self, z_a: Any, z_b: Any) -> Any:
        check_embedding_pair(z_a, z_b, names=("z_a", "z_b"))
        z_a, z_b = l2_normalize(z_a), l2_normalize(z_b)
        n = ops.shape(z_a)[0]
        own = ops.arange(n, dtype="int32")
        keys_a, keys_b = z_a, z_b
        if self.gather:
            keys_a = distribution.all_gather(z_a)
            keys_b = distribution.all_gather(z_b)
            own = own + n * distribution.replica_index()
        # The keys are all rows of view a followed by all rows of view b.
        other = own + ops.shape(keys_a)[0]
        losses = info_nce(
            queries=ops.concatenate([z_a, z_b]),
            keys=ops.concatenate([keys_a, keys_b]),
            positives=ops.concatenate([other, own]),
            logit_scale=1 / self.temperature,
            excluded=ops.concatenate([own, other]),
            block_size=self.block_size,
        )
        return (losses[:n] + losses[n:]) / 2
