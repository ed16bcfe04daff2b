from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.clip_denominators import clip_denominators
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.losses.embedding_loss import check_scalar
from keras_contrastive.losses.weighted_sums import softmax_sum
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.validation import check_positive


@keras.saving.register_keras_serializable(package="keras_contrastive")
class CLIPDistillationLoss(ContrastiveLoss):
    """Distills a teacher's similarities of images and texts into a student.

    For each image, the teacher and the student define a distribution over the
    texts of the batch, and for each text one over the images. The loss is the
    divergence of the student's distributions from the teacher's. With the
    cosine similarities `sim`, the student's embeddings `x`, `y` and scale `s`,
    and the teacher's `u`, `v` and temperature `T`:

    `l_i = 1/2 KL(softmax_j(sim(u_i, v_j) / T) || softmax_j(s sim(x_i, y_j)))
         + 1/2 KL(softmax_j(sim(u_j, v_i) / T) || softmax_j(s sim(x_j, y_i)))`

    It is 0 if the student agrees with the teacher. Their embeddings may have
    different dimensions. The teacher has no gradient. No matrix of similarities
    is stored: memory is linear in the batch size.

    Embeddings need not be normalized. The computation is in float32.

    Args:
        temperature: As in `CLIPLoss`, the student's.
        teacher_temperature: Positive number `T`, used if a call has no
            `teacher_logit_scale`. Defaults to 0.01, that of most published
            CLIPs.
        block_size: As in `CLIPLoss`.
        gather: As in `CLIPLoss`.
        name: Name of the loss.
        reduction: Keras reduction of the losses per pair.

    Call arguments:
        image_embeddings: Float tensor of shape `(batch, dim)`, the student's.
        text_embeddings: Float tensor of shape `(batch, dim)`; row i is the
            text of image i.
        teacher_image_embeddings: Float tensor of shape `(batch, teacher_dim)`,
            of the same images.
        teacher_text_embeddings: Float tensor of shape `(batch, teacher_dim)`,
            of the same texts.
        logit_scale: Optional positive scalar `s`, as in `CLIPLoss`.
        teacher_logit_scale: Optional positive scalar, `1 / T`.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per pair, shape `(batch,)`,
        the mean of its two directions.

    Raises:
        ValueError: If a temperature or `block_size` is not positive, the
            embeddings of student or teacher are not of rank 2 and of one shape,
            student and teacher have different numbers of pairs, or a scale is
            not a scalar.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    x, y = np.random.normal(size=(2, 8, 16))
    u, v = np.random.normal(size=(2, 8, 32))
    loss = kc.losses.CLIPDistillationLoss(teacher_temperature=0.05)
    print(float(loss(x, y, u, v, logit_scale=14.3)))
    ```

    Reference:
        Vasu et al., 2024, MobileCLIP: Fast Image-Text Models through
        Multi-Modal Reinforced Training, eq. 2 and 3, for one teacher; Yang et
        al., 2024, CLIP-KD: An Empirical Study of CLIP Model Distillation,
        contrastive relational distillation.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        teacher_temperature: float = 0.01,
        block_size: int | None = None,
        gather: bool = True,
        name: str | None = "clip_distillation_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(temperature, block_size, gather, name, reduction)
        self.teacher_temperature = check_positive(
            "teacher_temperature", teacher_temperature
        )

    def __call__(
        self,
        image_embeddings,
        text_embeddings,
        teacher_image_embeddings,
        teacher_text_embeddings,
        logit_scale=None,
        teacher_logit_scale=None,
        *,
        sample_weight=None,
    ):
        return super().__call__(
            image_embeddings,
            text_embeddings,
            sample_weight,
            teacher_image_embeddings=teacher_image_embeddings,
            teacher_text_embeddings=teacher_text_embeddings,
            logit_scale=logit_scale,
            teacher_logit_scale=teacher_logit_scale,
        )

    def call(
        self,
        image_embeddings: Any,
        text_embeddings: Any,
        teacher_image_embeddings: Any,
        teacher_text_embeddings: Any,
        logit_scale: Any = None,
        teacher_logit_scale: Any = None,
    ) -> Any:
        student = image_embeddings, text_embeddings
        teacher = [
            ops.convert_to_tensor(x)
            for x in (teacher_image_embeddings, teacher_text_embeddings)
        ]
        names = "image_embeddings", "text_embeddings"
        check_embedding_pair(student[0], student[1], names)
        check_embedding_pair(
            teacher[0], teacher[1], [f"teacher_{name}" for name in names]
        )
        _check_as_many(student[0].shape, teacher[0].shape)
        if logit_scale is None:
            logit_scale = 1 / self.temperature
        if teacher_logit_scale is None:
            teacher_logit_scale = 1 / self.teacher_temperature
        check_scalar("logit_scale", logit_scale)
        check_scalar("teacher_logit_scale", teacher_logit_scale)
        images, texts = map(l2_normalize, student)
        of_images, of_texts = map(l2_normalize, teacher)
        loss = clip_denominators(
            images, texts, logit_scale, self.block_size, self.gather
        )
        scale = ops.convert_to_tensor(logit_scale, dtype="float32")
        # KL(t || p) = -sum_j t_ij log p_ij - entropy(t).
        for queries, keys, teacher_queries, teacher_keys in (
            (images, texts, of_images, of_texts),
            (texts, images, of_texts, of_images),
        ):
            target, entropy = softmax_sum(
                self._gathered(keys),
                teacher_queries,
                self._gathered(teacher_keys),
                teacher_logit_scale,
                self.block_size,
            )
            loss = loss - scale * ops.sum(queries * target, axis=1) - entropy
        return loss / 2

    def _gathered(self, x):
        return distribution.all_gather(x) if self.gather else x

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "teacher_temperature": self.teacher_temperature,
        }


def _check_as_many(student, teacher):
    """Raises unless two shapes have the same known number of rows."""
    if student[0] and teacher[0] and student[0] != teacher[0]:
        raise ValueError(
            "`teacher_image_embeddings` must be of the images of "
            "`image_embeddings`, row by row. Received: shapes "
            f"{tuple(teacher)} and {tuple(student)}"
        )
