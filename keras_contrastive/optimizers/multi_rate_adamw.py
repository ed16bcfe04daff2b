import re
from typing import Any

import keras

from keras_contrastive.validation import check_positive


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MultiRateAdamW(keras.optimizers.AdamW):
    """AdamW in which some weights learn faster or slower than others.

    Use it to fine-tune a pretrained model: pretrained weights take small
    steps, new weights take large ones.

    Args:
        learning_rate: A float, a `keras.optimizers.schedules` schedule or a
            callable, for all weights.
        multipliers: Dict from regular expressions to positive factors. The
            factor of the first expression found in a variable's `path`
            (`re.search`) multiplies its learning rate. Weight decay, which is
            decoupled from the gradient, uses `learning_rate` alone.
        **kwargs: Arguments of `keras.optimizers.AdamW`.

    Raises:
        ValueError: If a factor is not positive; in `build`, if an expression
            is found in no variable's path.

    Example:

    ```python
    import keras
    import keras_contrastive as kc

    # A CLIPModel's encoders at 1e-5, its projections and temperature at 1e-3.
    optimizer = kc.optimizers.MultiRateAdamW(
        1e-5, multipliers={"projection|log_scale": 100.0}
    )
    ```

    Reference:
        Howard and Ruder, 2018, Universal Language Model Fine-tuning for Text
        Classification, section 3.2, on discriminative fine-tuning; Loshchilov
        and Hutter, 2019, Decoupled Weight Decay Regularization.
    """

    def __init__(
        self, learning_rate: Any = 0.001, multipliers: Any = None, **kwargs: Any
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.multipliers = dict(multipliers or {})
        for pattern, factor in self.multipliers.items():
            check_positive(f"multipliers[{pattern!r}]", factor)

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        for pattern in self.multipliers:
            if not any(re.search(pattern, v.path) for v in variables):
                raise ValueError(
                    "`multipliers` must be of expressions that are found in "
                    f"the path of a variable. Received: {pattern!r} for "
                    f"{sorted({v.path for v in variables})[:5]}"
                )
        # Decided here, on Keras variables: `update_step` receives TensorFlow's
        # own, which have no path.
        self._factors = [self._factor_of(variable) for variable in variables]

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any
    ) -> None:
        factor = self._factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def _factor_of(self, variable):
        for pattern, factor in self.multipliers.items():
            if re.search(pattern, variable.path):
                return factor
        return 1.0

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "multipliers": self.multipliers}
