from typing import Any

import keras
from keras import ops

from keras_contrastive.layers.random_state import RandomState
from keras_contrastive.validation import check_rate


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Dropout(keras.layers.Layer):
    """Sets a random fraction of its input to zero, in training.

    The other values are divided by `1 - rate`, which keeps the expectation. It
    differs from `keras.layers.Dropout` in two ways: each replica of a
    distribution drops different units, on every backend, and the random state
    is saved with the model, so that a resumed run draws the same units as an
    uninterrupted one.

    Args:
        rate: Float in [0, 1), the fraction that is dropped.
        seed: Integer, or `None` for a random one.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of any shape.
        training: Whether to drop. Defaults to `False`.

    Returns:
        Float tensor of the shape of `inputs`.

    Raises:
        ValueError: If `rate` is not in [0, 1).

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    dropout = kc.layers.Dropout(0.5, seed=0)
    print(dropout(np.ones((2, 4)), training=True))  # zeros and twos
    ```

    Reference:
        Srivastava et al., 2014, Dropout: A Simple Way to Prevent Neural
        Networks from Overfitting.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = check_rate("rate", rate)
        self.seed = seed
        self.random_state = RandomState(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        # Not `keras.random.dropout`, which on PyTorch draws from the global
        # state and does not advance this one.
        draws = keras.random.uniform(
            ops.shape(inputs), dtype="float32", seed=self.random_state
        )
        return ops.where(draws < self.rate, 0, inputs / (1 - self.rate))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def save_own_variables(self, store: Any) -> None:
        self.random_state.save_to(store)

    def load_own_variables(self, store: Any) -> None:
        self.random_state.load_from(store)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
