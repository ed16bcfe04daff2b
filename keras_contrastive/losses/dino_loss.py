from typing import Any

import keras
from keras import ops

from keras_contrastive.losses.embedding_loss import EmbeddingLoss
from keras_contrastive.losses.view_pairs import check_view_pairs
from keras_contrastive.losses.view_pairs import cross_entropy_of_other_views
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DINOLoss(EmbeddingLoss):
    """Self-distillation without labels, the loss of DINO.

    The student's output `s_v` for each view v must match the teacher's output
    `g_t` for each global view t, except for the same view:

    `p_t = softmax((g_t - center) / teacher_temperature)`

    `q_v = softmax(s_v / student_temperature)`

    `loss = -mean_{t, v != t} sum_k p_tk log q_vk`

    The center is the moving average of the teacher's outputs. It keeps one
    dimension from dominating. The low temperature of the teacher keeps its
    outputs from becoming uniform. Together they prevent collapse. The loss has
    no state: the model passes the center of a `layers.Center`, which it updates
    after the step. No gradient flows to the teacher. A loss of `ln(dim)` means
    that the outputs are uniform.

    The computation is in float32.

    Args:
        student_temperature: Positive number. Defaults to 0.1.
        teacher_temperature: Positive number, or a pair of its first and last
            value. Defaults to 0.04. The paper raises it from 0.04 to 0.07 in
            the first 30 epochs; without warm-up, values above 0.06 collapsed.
        warmup_steps: Int, the number of steps in which the teacher's
            temperature moves linearly from the first value of the pair to the
            last. `None`, the default, keeps the temperature constant.
        name: Name of the loss.
        reduction: Keras reduction of the losses per example.

    Call arguments:
        teacher: Float tensor of shape `(batch, global_views, dim)`.
        student: Float tensor of shape `(batch, views, dim)`: the outputs for
            all views, the global views first.
        sample_weight: Optional float tensor of shape `(batch,)`.
        center: Optional float tensor of shape `(dim,)`. Defaults to zero.
        step: Int or int scalar tensor, the number of steps trained so far,
            such as `optimizer.iterations`. Required with `warmup_steps`.

    Returns:
        A scalar; with `reduction=None` one loss per image, shape `(batch,)`.

    Raises:
        ValueError: If a temperature is not positive, only one of a pair of
            temperatures and `warmup_steps` is given, `step` is missing, or the
            outputs are not of rank 3, differ in batch or dim, or have fewer
            than two views.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    loss = kc.losses.DINOLoss(
        teacher_temperature=(0.04, 0.07), warmup_steps=1000
    )
    student = np.random.uniform(-1, 1, size=(16, 4, 8))  # 4 views
    teacher = student[:, :2]
    print(float(loss(teacher, student, center=np.zeros(8), step=500)))
    ```

    Reference:
        Caron et al., 2021, Emerging Properties in Self-Supervised Vision
        Transformers, section 3.1, algorithm 1 and appendix D.
    """

    def __init__(
        self,
        student_temperature: float = 0.1,
        teacher_temperature: float | tuple[float, float] = 0.04,
        warmup_steps: int | None = None,
        name: str | None = "dino_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(name=name, reduction=reduction)
        self.student_temperature = check_positive(
            "student_temperature", student_temperature
        )
        is_pair = isinstance(teacher_temperature, (tuple, list))
        values: Any = teacher_temperature if is_pair else [teacher_temperature]
        for value in values:
            check_positive("teacher_temperature", value)
        if is_pair is (warmup_steps is None) or is_pair and len(values) != 2:
            raise ValueError(
                "`teacher_temperature` must be a number, or a pair of the "
                "first and last value together with `warmup_steps`. Received: "
                f"teacher_temperature={teacher_temperature}, "
                f"warmup_steps={warmup_steps}"
            )
        if warmup_steps is not None:
            warmup_steps = check_positive_int("warmup_steps", warmup_steps)
        self.teacher_temperature = tuple(values) if is_pair else values[0]
        self.warmup_steps = warmup_steps

    def call(
        self, teacher: Any, student: Any, center: Any = 0.0, step: Any = None
    ) -> Any:
        check_view_pairs(teacher, student, names=("teacher", "student"))
        teacher = ops.cast(ops.stop_gradient(teacher), "float32")
        student = ops.cast(student, "float32")
        centered = teacher - ops.cast(center, "float32")
        targets = ops.softmax(centered / self._teacher_temperature_at(step))
        logits = student / self.student_temperature
        return cross_entropy_of_other_views(targets, logits)

    def _teacher_temperature_at(self, step):
        if self.warmup_steps is None:
            return self.teacher_temperature
        if step is None:
            raise ValueError(
                "`step` must be given for a loss with `warmup_steps`. "
                f"Received: step=None, warmup_steps={self.warmup_steps}"
            )
        first, last = self.teacher_temperature
        step = ops.cast(ops.convert_to_tensor(step), "float32")
        progress = ops.minimum(step / self.warmup_steps, 1.0)
        return first + (last - first) * progress

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "student_temperature": self.student_temperature,
            "teacher_temperature": self.teacher_temperature,
            "warmup_steps": self.warmup_steps,
        }
