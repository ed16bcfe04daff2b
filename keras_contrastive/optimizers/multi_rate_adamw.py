import re
import weakref
from collections.abc import Mapping
from typing import Any

import keras

from keras_contrastive.validation import check_pattern
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
        factors: List of one factor per trainable variable, in place of the
            above. The configuration of a saved optimizer has it if
            `multiply_rate` was used.
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
        self,
        learning_rate: Any = 0.001,
        multipliers: Any = None,
        factors: Any = None,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        if not isinstance(multipliers, Mapping | None):
            raise ValueError(
                "`multipliers` must be a dict from regular expressions to "
                f"factors. Received: multipliers={multipliers!r}"
            )
        self.multipliers = dict(multipliers or {})
        for pattern, factor in self.multipliers.items():
            check_pattern("multipliers", pattern)
            check_positive(f"multipliers[{pattern!r}]", factor)
        self.factors = factors
        # References to variables, and factors. The variables themselves would
        # become variables of the optimizer.
        self._chosen: list[tuple[Any, float]] = []

    def multiply_rate(self, variables: Any, factor: float) -> None:
        """Multiplies the learning rate of some variables by a factor.

        Factors of the same variable, and those of `multipliers`, multiply.

        Args:
            variables: List of Keras variables.
            factor: Positive float.

        Raises:
            ValueError: If the optimizer is built, or `factor` is not positive.
        """
        factor = check_positive("factor", factor)
        if self.built:
            raise ValueError(
                "`multiply_rate` must be called before `compile`, which builds "
                "the optimizer. Received: an optimizer that is built"
            )
        self._chosen += [(weakref.ref(each), factor) for each in variables]

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
        known = {id(variable) for variable in variables}
        chosen = {id(variable()) for variable, _ in self._chosen}
        if chosen and not chosen & known:
            raise ValueError(
                "`multiply_rate` must be called with variables that are "
                f"trained. Received: {len(chosen)} variables, all of another "
                "model, or frozen"
            )
        # Decided here, on Keras variables: `update_step` receives TensorFlow's
        # own, which have no path.
        if self.factors is None:
            self._factors = [self._factor_of(each) for each in variables]
        elif len(self.factors) == len(variables):
            self._factors = list(self.factors)
        else:
            raise ValueError(
                f"`factors` must hold one for each of {len(variables)} "
                f"trainable variables. Received: {len(self.factors)}"
            )
        if self._chosen:
            self.factors = list(self._factors)

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any
    ) -> None:
        factor = self._factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def _factor_of(self, variable):
        patterns = self.multipliers.items()
        product = next(
            (f for pattern, f in patterns if re.search(pattern, variable.path)),
            1.0,
        )
        for chosen, factor in self._chosen:
            if chosen() is variable:
                product *= factor
        return product

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "multipliers": self.multipliers,
            "factors": self.factors,
        }
