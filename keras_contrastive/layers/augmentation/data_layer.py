"""Private modules of Keras that the augmentation layers need.

`DataLayer` lets a layer run inside `tf.data` on the JAX and PyTorch backends;
`DynamicBackend` gives the operations of the backend that owns a tensor.
"""

from typing import Any

import keras
from keras.src.utils.backend_utils import DynamicBackend
from keras.src.utils.backend_utils import in_tf_graph
from keras.src.utils.jax_utils import is_in_jax_tracing_scope

try:
    from keras.src.layers.preprocessing.data_layer import (
        DataLayer as KerasDataLayer,
    )
except ImportError:  # Its name up to Keras 3.11.
    from keras.src.layers.preprocessing.tf_data_layer import (
        TFDataLayer as KerasDataLayer,
    )


class DataLayer(KerasDataLayer):
    """Keras' layer, whose float inputs become float32 under every policy.

    Bfloat16 has too few bits for gray levels, positions, sums over an example
    and hues. The outputs have the compute dtype of the policy, as of any layer.
    """

    @property
    def input_dtype(self) -> str:
        return "float32"

    def __call__(self, examples: Any, **kwargs: Any) -> Any:
        if (
            isinstance(examples, keras.KerasTensor)
            or not in_tf_graph()
            or is_in_jax_tracing_scope(examples)
        ):
            return super().__call__(examples, **kwargs)
        # As Keras does it, which casts to the compute dtype here.
        self.backend.set_backend("tensorflow")
        examples = self.backend.convert_to_tensor(examples, self.input_dtype)
        converts = self._convert_input_args
        self._convert_input_args = False
        try:
            return super(KerasDataLayer, self).__call__(examples, **kwargs)
        finally:
            self.backend.reset()
            self._convert_input_args = converts


__all__ = ["DataLayer", "DynamicBackend"]
