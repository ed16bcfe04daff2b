import re
from typing import Any

import keras
from keras import ops

from keras_contrastive.validation import check_list
from keras_contrastive.validation import check_not_negative
from keras_contrastive.validation import check_pattern
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_rate


@keras.saving.register_keras_serializable(package="keras_contrastive")
class LARS(keras.optimizers.Optimizer):
    """Layer-wise adaptive rate scaling, for SGD at large batch sizes.

    For a weight `w` with gradient `g`, momentum `m` and weight decay `d`:

    ```text
    g <- g + d * w
    trust = c * |w| / |g|          (1 where either norm is 0)
    v <- m * v + learning_rate * trust * g
    w <- w - v
    ```

    Weights of rank 0 or 1 (biases, the gains and offsets of normalization
    layers) are excluded from weight decay and adaptation, as in SimCLR. So are
    the variables that `exclude` matches or that were passed to
    `exclude_from_weight_decay()`. They are trained by plain momentum SGD.

    Args:
        learning_rate: A float, a `keras.optimizers.schedules` schedule or a
            callable. See `scaled_learning_rate` and `warmup_cosine`.
        momentum: Float in [0, 1). Defaults to 0.9.
        weight_decay: Float, `d` above: coupled, part of the gradient. SimCLR
            uses 1e-6. Defaults to 0.
        trust_coefficient: Float, `c` above. Defaults to 0.001.
        exclude: Optional sequence of regular expressions; a variable whose
            `path` one of them matches (`re.search`) is excluded too.
        **kwargs: Arguments of `keras.optimizers.Optimizer`: `clipnorm`,
            `global_clipnorm`, `use_ema`, `gradient_accumulation_steps`, `name`
            and others.

    Raises:
        ValueError: If `momentum`, `weight_decay` or `trust_coefficient` is out
            of its range, or `exclude` is no list of regular expressions.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(
        kc.optimizers.LARS(learning_rate=0.3, weight_decay=1e-6), loss="mse"
    )
    model.fit(np.ones((8, 4)), np.zeros((8, 2)), verbose=0)
    ```

    Reference:
        You et al., 2017, Large Batch Training of Convolutional Networks;
        exclusions as in Chen et al., 2020 (SimCLR), section 2.1 and its code.
    """

    def __init__(
        self,
        learning_rate: Any,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        exclude: Any = None,
        name: str | None = "lars",
        **kwargs: Any,
    ):
        # Keras' own `weight_decay` is decoupled from the gradient, so the base
        # class does not receive ours.
        super().__init__(
            learning_rate=learning_rate, weight_decay=None, name=name, **kwargs
        )
        self.momentum = check_rate("momentum", momentum)
        self.coupled_weight_decay = check_not_negative(
            "weight_decay", weight_decay
        )
        self.trust_coefficient = check_positive(
            "trust_coefficient", trust_coefficient
        )
        self.exclude = (
            []
            if exclude is None
            else check_list("exclude", exclude, "regular expressions")
        )
        for pattern in self.exclude:
            check_pattern("exclude", pattern)

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")
        # Decided here, on Keras variables: `update_step` receives TensorFlow's
        # own, which have no path.
        self._adapted = [self._adapts(variable) for variable in variables]

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any
    ) -> None:
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        if self._adapted[index]:
            weight = ops.convert_to_tensor(variable)
            gradient = gradient + self.coupled_weight_decay * weight
            gradient = gradient * self._trust(weight, gradient)
        velocity = self.velocities[index]
        self.assign(
            velocity, self.momentum * velocity + learning_rate * gradient
        )
        self.assign_sub(variable, velocity)

    def _adapts(self, variable):
        return (
            len(variable.shape) > 1
            and self._use_weight_decay(variable)
            and not any(re.search(p, variable.path) for p in self.exclude)
        )

    def _trust(self, weight, gradient):
        weight_norm, gradient_norm = _norm(weight), _norm(gradient)
        usable = ops.logical_and(weight_norm > 0, gradient_norm > 0)
        # Avoid a division by zero even where its result is not used.
        ratio = weight_norm / ops.where(usable, gradient_norm, 1.0)
        trust = ops.where(usable, self.trust_coefficient * ratio, 1.0)
        return ops.cast(trust, gradient.dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.coupled_weight_decay,
            "trust_coefficient": self.trust_coefficient,
            "exclude": self.exclude,
        }


def _norm(x):
    return ops.sqrt(ops.sum(ops.square(ops.cast(x, "float32"))))
