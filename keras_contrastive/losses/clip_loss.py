from typing import Any

import keras
from keras import ops

from keras_contrastive.losses.clip_denominators import clip_denominators
from keras_contrastive.losses.clip_partners import CLIPPartners
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.losses.embedding_loss import check_scalar
from keras_contrastive.losses.embedding_loss import negative_rows
from keras_contrastive.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_contrastive")
class CLIPLoss(ContrastiveLoss):
    """Symmetric InfoNCE of images and texts, the loss of CLIP.

    Each of `N` images must pick its text among the batch's `N` texts, and each
    text its image among the images. With the cosine similarities `sim` and
    the scale `s`:

    `l_i = -1/2 log(exp(s sim(x_i, y_i)) / sum_j exp(s sim(x_i, y_j)))
           -1/2 log(exp(s sim(x_i, y_i)) / sum_j exp(s sim(x_j, y_i)))`

    For random embeddings it is near `ln N`, for perfect ones it is 0.

    With `image_ids`, pairs with equal ids belong to one image. Its texts are
    then not each other's negatives: the target of an image is uniform over all
    of its texts in the batch, and the target of a text is uniform over all
    copies of its image. The ids may also be sets of labels, rows of 0 and 1:
    pairs that share a label then belong together in the same way (UniCL, with
    several labels). A pair without labels belongs only to itself.

    With `negative_text_embeddings`, such as those of captions with swapped
    words (NegCLIP), each image is also contrasted with all of these, including
    those of the other images: the first sum over `j` runs over them too. They
    are not queries themselves.

    Embeddings need not be normalized. The computation is in float32.

    Args:
        temperature: Positive number; the scale is `1 / temperature` if a call
            has no `logit_scale`. Defaults to 0.07, the initial value of CLIP.
        block_size: Int, how many keys are compared at once, or `None`, the
            default, to choose it automatically. Memory is linear in it and in
            the batch size; the value of the loss does not depend on it.
        gather: Whether to contrast with the embeddings of all replicas, so
            that the loss over many devices equals that of one device on the
            whole batch. Defaults to `True`.
        name: Name of the loss.
        reduction: Keras reduction of the losses per pair.

    Call arguments:
        image_embeddings: Float tensor of shape `(batch, dim)`.
        text_embeddings: Float tensor of shape `(batch, dim)`; row i is the
            text of image i.
        logit_scale: Optional positive scalar `s`, already exponentiated, such
            as the `scale` of a `layers.LogitScale`. Gradients flow into it.
        image_ids: Optional int tensor of shape `(batch,)`: equal for equal
            images. Or sets of labels, a tensor of 0 and 1 of shape
            `(batch, labels)`, with at least two labels.
        negative_text_embeddings: Optional float tensor of shape
            `(batch, negatives, dim)`: texts that describe none of the images.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per pair, shape `(batch,)`,
        the mean of its two directions.

    Raises:
        ValueError: If `temperature` or `block_size` is not positive, the
            embeddings are not of rank 2 and of one shape, `logit_scale` is not
            a scalar, `image_ids` does not hold one value per pair, as integers
            that the backend can hold, or `negative_text_embeddings` are not as
            wide as the others.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.normal(size=(8, 16))
    texts = images + 0.1 * np.random.normal(size=(8, 16))
    loss = kc.losses.CLIPLoss()
    print(float(loss(images, texts, logit_scale=14.3)))
    # The first two captions are of the same image.
    print(float(loss(images, texts, image_ids=[0, 0, 1, 2, 3, 4, 5, 6])))
    ```

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision, figure 3; targets over several texts as in Yang
        et al., 2022, Unified Contrastive Learning, eq. 3; negative texts as in
        Yuksekgonul et al., 2023, When and why vision-language models behave
        like bags-of-words, section 4.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        block_size: int | None = None,
        gather: bool = True,
        name: str | None = "clip_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(temperature, block_size, gather, name, reduction)

    def __call__(
        self,
        image_embeddings,
        text_embeddings,
        logit_scale=None,
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
            image_ids=image_ids,
            negative_text_embeddings=negative_text_embeddings,
        )

    def call(
        self,
        image_embeddings: Any,
        text_embeddings: Any,
        logit_scale: Any = None,
        image_ids: Any = None,
        negative_text_embeddings: Any = None,
    ) -> Any:
        check_embedding_pair(
            image_embeddings,
            text_embeddings,
            names=("image_embeddings", "text_embeddings"),
        )
        if logit_scale is None:
            logit_scale = 1 / self.temperature
        check_scalar("logit_scale", logit_scale)
        images = l2_normalize(image_embeddings)
        texts = l2_normalize(text_embeddings)
        negatives = negative_text_embeddings
        if negatives is not None:
            negatives = l2_normalize(negative_rows(negatives, images.shape[1]))
        partners = CLIPPartners(images, texts, self.gather, self.block_size)
        denominators = clip_denominators(
            images,
            texts,
            logit_scale,
            self.block_size,
            self.gather,
            negatives,
        )
        scale = ops.convert_to_tensor(logit_scale, dtype="float32")
        positive = self.target_similarity(partners, logit_scale, image_ids)
        return (denominators - scale * positive) / 2

    def target_similarity(
        self, partners: CLIPPartners, logit_scale: Any, image_ids: Any
    ) -> Any:
        """The mean similarity of each pair to its targets, in both directions.

        Args:
            partners: The `CLIPPartners` of the batch.
            logit_scale: Scalar `s`.
            image_ids: Optional int tensor of shape `(batch,)`.

        Returns:
            Float32 tensor of shape `(batch,)`, the sum of both directions.
        """
        return partners.similarity(image_ids)
