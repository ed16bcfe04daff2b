from typing import Any

import keras
from keras import ops

from keras_contrastive.losses.clip_loss import CLIPLoss
from keras_contrastive.losses.clip_partners import CLIPPartners
from keras_contrastive.losses.weighted_sums import softmax_sum
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SoftTargetCLIPLoss(CLIPLoss):
    """CLIP's loss with targets from the similarities within each modality.

    In a batch of similar pairs, the caption of one image may fit another one
    too, and CLIP's loss counts that as a mistake. Here the target of a pair is
    partly a distribution over all pairs of the batch, which favors pairs with
    similar images and similar texts. With the cosine similarities `sim`, the
    scale `s`, the temperature `T` of the targets and their weight `w`:

    `t_ij = softmax_j((sim(x_i, x_j) + sim(y_i, y_j)) / (2 T))`
    `q_ij = w t_ij + (1 - w) [i = j]`
    `l_i = -1/2 sum_j q_ij log softmax_j(s sim(x_i, y_j))
           -1/2 sum_j q_ij log softmax_j(s sim(x_j, y_i))`

    The targets have no gradient. Neither the targets nor the logits are stored
    as a matrix: as in the other losses, memory is linear in the batch size.

    The example on keras.io uses `soft_target_weight=1`, a gradient through the
    targets, and embeddings that are not normalized. Here the embeddings have
    norm 1, so a pair is not much more similar to itself than to other pairs.
    Soft targets alone may then train nothing. Therefore part of the target
    stays on the pair itself.

    With `image_ids`, this part is uniform over the pairs of the image. Negative
    texts are never targets.

    Embeddings need not be normalized. The computation is in float32.

    Args:
        temperature: As in `CLIPLoss`.
        target_temperature: Positive number `T`, or `None`, the default, for the
            temperature of the logits, `1 / s`.
        soft_target_weight: Number `w` in [0, 1]: 0 is `CLIPLoss`. Defaults to
            0.3.
        block_size: As in `CLIPLoss`.
        gather: As in `CLIPLoss`.
        name: Name of the loss.
        reduction: Keras reduction of the losses per pair.

    Call arguments:
        image_embeddings: Float tensor of shape `(batch, dim)`.
        text_embeddings: Float tensor of shape `(batch, dim)`; row i is the
            text of image i.
        logit_scale: Optional positive scalar `s`, as in `CLIPLoss`.
        image_ids: As in `CLIPLoss`.
        negative_text_embeddings: As in `CLIPLoss`.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per pair, shape `(batch,)`,
        the mean of its two directions.

    Raises:
        ValueError: If a temperature or `block_size` is not positive,
            `soft_target_weight` is not in [0, 1], or the arguments of a call
            are not as in `CLIPLoss`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.normal(size=(8, 16))
    texts = images + 0.1 * np.random.normal(size=(8, 16))
    loss = kc.losses.SoftTargetCLIPLoss(soft_target_weight=0.5)
    print(float(loss(images, texts, logit_scale=14.3)))
    # model.compile(loss=loss) trains a CLIPModel by it.
    ```

    Reference:
        Salama, 2021, keras.io, Natural language image search with a Dual
        Encoder, for the soft targets; Li et al., 2021, Align before Fuse,
        section 3.3, for their mixture with the pairs.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        target_temperature: float | None = None,
        soft_target_weight: float = 0.3,
        block_size: int | None = None,
        gather: bool = True,
        name: str | None = "soft_target_clip_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(temperature, block_size, gather, name, reduction)
        if target_temperature is not None:
            target_temperature = check_positive(
                "target_temperature", target_temperature
            )
        self.target_temperature = target_temperature
        self.soft_target_weight = check_probability(
            "soft_target_weight", soft_target_weight
        )

    def target_similarity(
        self, partners: CLIPPartners, logit_scale: Any, image_ids: Any
    ) -> Any:
        target = partners.of_image(image_ids)
        if self.soft_target_weight > 0:
            soft = self._soft_targets(partners, logit_scale)
            target = target + self.soft_target_weight * (soft - target)
        return ops.sum(partners.queries * target, axis=1)

    def _soft_targets(self, partners, logit_scale):
        """The mean of all keys, weighted by the similarity of the pairs.

        Both directions have the same targets.
        """
        scale = logit_scale
        if self.target_temperature is not None:
            scale = 1 / self.target_temperature
        soft, _ = softmax_sum(
            partners.keys,
            partners.queries,
            partners.gathered(partners.queries),
            # The inner product of queries is the sum of two cosines.
            ops.convert_to_tensor(scale, dtype="float32") / 2,
            self.block_size,
        )
        return soft

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "target_temperature": self.target_temperature,
            "soft_target_weight": self.soft_target_weight,
        }
