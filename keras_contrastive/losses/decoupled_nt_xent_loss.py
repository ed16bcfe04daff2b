from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.losses.logit_blocks import is_empty_sum
from keras_contrastive.losses.logit_blocks import logsumexp_blocks
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.validation import check_positive


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DecoupledNTXentLoss(ContrastiveLoss):
    """Decoupled contrastive loss: NT-Xent, denominator without the positive.

    The denominator of NT-Xent contains the positive. If a pair is easy, this
    reduces the gradient of its negatives, most of all in small batches. In the
    decoupled loss (DCL), the denominator is the sum over only the `2N - 2`
    embeddings of the other images. For an embedding `i`, its other view `j` and
    the cosine similarity `sim`:

    `l(i, j) = -w sim(i, j) / t
               + log sum_{k of other images} exp(sim(i, k) / t)`

    The loss is the mean of `l` over all `2N` rows; it can be negative. The
    weight `w` is 1 or, if `weight_sigma` is given, that of the weighted form
    DCLW, which is larger for pairs that are still far apart:

    `w = 2 - exp(sim(i, j) / sigma) / mean_n exp(sim(i_n, j_n) / sigma)`

    with the mean over the pairs of the batch. No gradient flows through `w`. A
    single image in a batch has no negatives, so its loss is 0.

    Embeddings need not be normalized. The computation is in float32.

    Args:
        temperature: Positive number `t`. Defaults to 0.1.
        weight_sigma: Positive number `sigma`, 0.5 in the paper, for DCLW; or
            `None`, the default, for DCL.
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
        ValueError: If `temperature`, `weight_sigma` or `block_size` is not
            positive, or if `z_a` and `z_b` are not of rank 2 and of the same
            shape.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    z_a = np.random.normal(size=(8, 16))
    z_b = z_a + 0.1 * np.random.normal(size=(8, 16))
    print(float(kc.losses.DecoupledNTXentLoss()(z_a, z_b)))  # DCL
    print(float(kc.losses.DecoupledNTXentLoss(weight_sigma=0.5)(z_a, z_b)))
    ```

    Reference:
        Yeh et al., 2022, Decoupled Contrastive Learning, section 3.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        weight_sigma: float | None = None,
        block_size: int | None = None,
        gather: bool = True,
        name: str | None = "decoupled_nt_xent_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        if weight_sigma is not None:
            weight_sigma = check_positive("weight_sigma", weight_sigma)
        super().__init__(temperature, block_size, gather, name, reduction)
        self.weight_sigma = weight_sigma

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
        image = ops.stack([own, own + ops.shape(keys_a)[0]], axis=1)
        negatives = logsumexp_blocks(
            queries=ops.concatenate([z_a, z_b]),
            keys=ops.concatenate([keys_a, keys_b]),
            logit_scale=1 / self.temperature,
            excluded=ops.concatenate([image, image]),
            block_size=self.block_size,
        )
        similarity = ops.sum(z_a * z_b, axis=1)
        positive = self._weight(similarity) * similarity / self.temperature
        losses = (negatives[:n] + negatives[n:]) / 2 - positive
        return ops.where(is_empty_sum(negatives[:n]), 0.0, losses)

    def _weight(self, similarity):
        """The weight of each positive pair, from the similarities of all."""
        if self.weight_sigma is None:
            return 1.0
        exponent = ops.stop_gradient(similarity) / self.weight_sigma
        every = distribution.all_gather(exponent) if self.gather else exponent
        count = ops.cast(ops.shape(every)[0], "float32")
        return 2 - count * ops.exp(exponent - ops.logsumexp(every))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight_sigma": self.weight_sigma}
