import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_number
from keras_contrastive.validation import check_positive

_CLIP_BOUND = 100.0


@keras.saving.register_keras_serializable(package="keras_contrastive")
class LogitScale(keras.layers.Layer):
    """The learnable temperature of CLIP: `exp(t) * similarities (+ bias)`.

    The logarithm `t` of the scale is the weight. It starts at
    `ln(1 / initial_temperature)`. CLIP clamps it to at most `ln(100)` after
    each optimizer step. SigLIP, which has a bias, does not, and its published
    scales exceed 100. The weight is float32 under every dtype policy: near
    `ln(100)`, adjacent bfloat16 numbers are 3 % of the scale apart. Exclude it
    from weight decay, as `CLIPModel` and
    `optimizers.exclude_from_weight_decay` do.

    Args:
        initial_temperature: Positive number, the initial temperature.
            Defaults to 0.07, CLIP's; SigLIP starts at 0.1.
        max_scale: Positive number, the largest scale; `None` for no bound; or
            `"auto"`, the default: 100 without a bias, no bound with one.
        initial_bias: Number, initial value of a learnable bias, such as
            SigLIP's -10. Defaults to `None`, no bias.
        adapts_to_loss: Bool, whether `compile` of a model replaces the layer by
            one that starts at the loss's temperature, and has a bias if the
            loss has one. Defaults to `False`; `True` in models that were made
            without a `logit_scale`.
        **kwargs: Arguments of `keras.layers.Layer`. `dtype` is the dtype of the
            logits of a call, float32 by default under every global policy.

    Attributes:
        scale: Float32 scalar tensor, `exp(t)`: the `logit_scale` of the
            losses.
        bias: Float32 scalar, or `None`: the `logit_bias` of the losses.
        max_scale: The largest scale, or `None`.

    Call arguments:
        similarities: Float tensor of any shape.

    Returns:
        Float tensor of the same shape, the logits, of the layer's `dtype`.

    Raises:
        ValueError: If `initial_temperature` or `max_scale` is not a positive
            number, the scale would start above `max_scale`, or
            `adapts_to_loss` is not True or False.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    logit_scale = kc.layers.LogitScale(initial_temperature=0.1)
    print(float(logit_scale.scale))  # 10.0, up to rounding
    logits = logit_scale(np.eye(3))
    ```

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision, section 2.5; bias as in Zhai et al., 2023,
        Sigmoid Loss for Language Image Pre-Training, section 3.2.
    """

    def __init__(
        self,
        initial_temperature: float = 0.07,
        max_scale: float | str | None = "auto",
        initial_bias: float | None = None,
        adapts_to_loss: bool = False,
        **kwargs: Any,
    ):
        if initial_bias is not None:
            initial_bias = check_number("initial_bias", initial_bias)
        if isinstance(max_scale, str) and max_scale == "auto":
            max_scale = _CLIP_BOUND if initial_bias is None else None
        initial_temperature = check_positive(
            "initial_temperature", initial_temperature
        )
        if max_scale is not None:
            max_scale = check_positive("max_scale", max_scale)
        # Up to rounding: a scale that was clamped to the bound is allowed.
        start = 1 / initial_temperature
        if max_scale is not None and start > (1 + 1e-6) * max_scale:
            raise ValueError(
                "`initial_temperature` must be at least 1 / max_scale, or the "
                "scale would start above its bound. Received: "
                f"initial_temperature={initial_temperature} with "
                f"max_scale={max_scale}"
            )
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.supports_masking = True
        self.initial_temperature = initial_temperature
        self.max_scale = max_scale
        self.initial_bias = initial_bias
        self.adapts_to_loss = check_bool("adapts_to_loss", adapts_to_loss)
        self.log_scale = self.add_weight(
            name="log_scale",
            shape=(),
            initializer=keras.initializers.Constant(
                -math.log(initial_temperature)
            ),
            constraint=None
            if max_scale is None
            else _AtMost(math.log(max_scale)),
            dtype="float32",
            autocast=False,
        )
        self.bias = None
        if initial_bias is not None:
            self.bias = self.add_weight(
                name="bias",
                shape=(),
                initializer=keras.initializers.Constant(initial_bias),
                dtype="float32",
                autocast=False,
            )
        self.built = True

    @property
    def scale(self):
        return ops.exp(ops.convert_to_tensor(self.log_scale))

    def call(self, similarities: Any) -> Any:
        logits = self.scale * ops.cast(similarities, "float32")
        if self.bias is not None:
            logits = logits + self.bias
        return ops.cast(logits, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "initial_temperature": self.initial_temperature,
            "max_scale": self.max_scale,
            "initial_bias": self.initial_bias,
            "adapts_to_loss": self.adapts_to_loss,
        }


class _AtMost(keras.constraints.Constraint):
    """Clamps a weight from above after each optimizer step."""

    def __init__(self, bound):
        self.bound = bound

    def __call__(self, w):
        return ops.minimum(w, self.bound)

    def get_config(self):
        return {"bound": self.bound}


def scale_for_loss(loss: Any, logit_scale: LogitScale) -> LogitScale:
    """A scale with the loss's initial values, and a bias if the loss has one.

    Args:
        loss: A loss with a `temperature` and possibly a `bias`. For other
            losses the scale is returned unchanged.
        logit_scale: The current scale.

    Returns:
        `logit_scale` if it starts with these values, otherwise a new
        `LogitScale`, with the value of the current scale if that is trained.
    """
    temperature = getattr(loss, "temperature", None)
    start = temperature, getattr(loss, "bias", None)
    initial = logit_scale.initial_temperature, logit_scale.initial_bias
    if temperature is None or start == initial:
        return logit_scale
    new = LogitScale(
        temperature,
        initial_bias=start[1],
        adapts_to_loss=logit_scale.adapts_to_loss,
        trainable=logit_scale.trainable,
    )
    value = ops.convert_to_numpy(logit_scale.log_scale)
    if not np.isclose(value, -math.log(initial[0]), rtol=1e-6):
        new.log_scale.assign(value)
    return new
