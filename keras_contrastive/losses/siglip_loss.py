from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.losses.embedding_loss import check_scalar
from keras_contrastive.losses.embedding_loss import negative_rows
from keras_contrastive.losses.embedding_loss import pair_ids
from keras_contrastive.losses.group_sums import sum_of_partners
from keras_contrastive.losses.logit_blocks import softplus_blocks
from keras_contrastive.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SigLIPLoss(ContrastiveLoss):
    """Sigmoid loss of images and texts: a binary decision for each pair.

    Each pair of an image and a text of the batch is one binary question: do
    they belong together? With the cosine similarities `sim`, the scale `s`,
    the bias `b` and `z_ij` = 1 if they do, -1 otherwise:

    `l_i = -sum_j log(sigmoid(z_ij (s sim(x_i, y_j) + b)))`

    and the loss is the mean of `l_i` over the images. There are many more
    negatives than positives. A bias that starts at -10 keeps the negatives from
    dominating the first steps.

    With `image_ids`, all texts of pairs that have the same id, or share a
    label, belong to the image. Each of `negative_text_embeddings` is one more
    `y_j`, which belongs to no image.

    Embeddings need not be normalized. The computation is in float32.

    Args:
        temperature: Positive number; the scale is `1 / temperature` if a call
            has no `logit_scale`. Defaults to 0.1, the initial value of SigLIP.
        bias: Number; the bias if a call has no `logit_bias`. Defaults to -10.
        block_size: Int, how many keys are compared at once, or `None`, the
            default, to choose it automatically. Memory is linear in it and in
            the batch size; the value of the loss does not depend on it.
        gather: Whether to contrast with the embeddings of all replicas, so
            that the loss over many devices equals that of one device on the
            whole batch. Defaults to `True`.
        name: Name of the loss.
        reduction: Keras reduction of the losses per image.

    Call arguments:
        image_embeddings: Float tensor of shape `(batch, dim)`.
        text_embeddings: Float tensor of shape `(batch, dim)`; row i is the
            text of image i.
        logit_scale: Optional positive scalar `s`, already exponentiated, such
            as the `scale` of a `layers.LogitScale`. Gradients flow into it.
        logit_bias: Optional scalar `b`. Gradients flow into it.
        image_ids: Optional int tensor of shape `(batch,)`: equal for equal
            images. Or sets of labels, a tensor of 0 and 1 of shape
            `(batch, labels)`.
        negative_text_embeddings: Optional float tensor of shape
            `(batch, negatives, dim)`: texts that describe none of the images.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per image, shape `(batch,)`.

    Raises:
        ValueError: If `temperature` or `block_size` is not positive, the
            embeddings are not of rank 2 and of one shape, `logit_scale` or
            `logit_bias` is not a scalar, `image_ids` does not hold one value
            per pair, as integers that the backend can hold, or
            `negative_text_embeddings` are not as wide as the others.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.normal(size=(8, 16))
    texts = images + 0.1 * np.random.normal(size=(8, 16))
    loss = kc.losses.SigLIPLoss()
    print(float(loss(images, texts)))
    ```

    Reference:
        Zhai et al., 2023, Sigmoid Loss for Language Image Pre-Training,
        section 3.2 and algorithm 1.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        bias: Any = -10.0,
        block_size: int | None = None,
        gather: bool = True,
        name: str | None = "siglip_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(temperature, block_size, gather, name, reduction)
        self.bias = bias

    def __call__(
        self,
        image_embeddings,
        text_embeddings,
        logit_scale=None,
        logit_bias=None,
        *,
        image_ids=None,
        negative_text_embeddings=None,
        sample_weight=None,
    ):
        return super().__call__(
            image_embeddings,
            text_embeddings,
            sample_weight,
            logit_scale=logit_scale,
            logit_bias=logit_bias,
            image_ids=image_ids,
            negative_text_embeddings=negative_text_embeddings,
        )

    def call(
        self,
        image_embeddings: Any,
        text_embeddings: Any,
        logit_scale: Any = None,
        logit_bias: Any = None,
        image_ids: Any = None,
        negative_text_embeddings: Any = None,
    ) -> Any:
        check_embedding_pair(
            image_embeddings,
            text_embeddings,
            names=("image_embeddings", "text_embeddings"),
        )
        scale = 1 / self.temperature if logit_scale is None else logit_scale
        bias = self.bias if logit_bias is None else logit_bias
        check_scalar("logit_scale", scale)
        check_scalar("logit_bias", bias)
        images = l2_normalize(image_embeddings)
        texts = l2_normalize(text_embeddings)
        keys = distribution.all_gather(texts) if self.gather else texts
        if image_ids is None:
            # The image's only text, and the number of its texts.
            own, count = texts, 1.0
        else:
            ids = pair_ids("image_ids", image_ids, images.shape[0])
            key_ids = distribution.all_gather(ids) if self.gather else ids
            own, count = sum_of_partners(
                keys, texts, key_ids, ids, self.block_size
            )
        # -log(sigmoid(x)) is softplus(-x), and softplus(-x) = softplus(x) - x.
        positive = scale * ops.sum(images * own, axis=1) + bias * count
        negatives = negative_text_embeddings
        if negatives is not None:
            negatives = l2_normalize(negative_rows(negatives, images.shape[1]))
            if self.gather:
                negatives = distribution.all_gather(negatives)
            keys = ops.concatenate([keys, negatives])
        every = softplus_blocks(images, keys, scale, bias, self.block_size)
        return every - positive

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bias": self.bias}
