"""A Keras layer that also runs inside `tf.data`, on every backend."""

from typing import Any

import keras
import numpy as np

from keras_contrastive.trainer.keras_internals import (
    DataLayer as KerasDataLayer,
)
from keras_contrastive.trainer.keras_internals import in_tf_graph
from keras_contrastive.trainer.keras_internals import is_in_jax_tracing_scope


class DataLayer(KerasDataLayer):
    """Keras' `DataLayer`, with inputs cast to float32 under every policy.

    Bfloat16 has too few bits for gray levels, positions, hues and sums over an
    example. The outputs have the policy's compute dtype, as in any layer.
    """

    _convert_input_args: bool  # Keras'

    @property
    def input_dtype(self) -> str:
        return "float32"

    def __call__(self, examples: Any, **kwargs: Any) -> Any:
        examples = as_array(examples)
        if (
            isinstance(examples, keras.KerasTensor)
            or not in_tf_graph()
            or is_in_jax_tracing_scope(examples)
        ):
            return super().__call__(examples, **kwargs)
        # As in Keras, except that Keras casts to the compute dtype here.
        self.backend.set_backend("tensorflow")
        examples = self.backend.convert_to_tensor(examples, self.input_dtype)
        converts = self._convert_input_args
        self._convert_input_args = False
        try:
            return super(KerasDataLayer, self).__call__(examples, **kwargs)
        finally:
            self.backend.reset()
            self._convert_input_args = converts


def as_array(examples: Any) -> Any:
    """Nested lists as a NumPy array; arrays and tensors unchanged."""
    return examples if hasattr(examples, "dtype") else np.asarray(examples)
