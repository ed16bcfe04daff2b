"""Private modules of Keras that the augmentation layers need.

`DataLayer` lets a layer run inside `tf.data` on the JAX and PyTorch backends;
`DynamicBackend` gives the operations of the backend that owns a tensor.
"""

from keras.src.utils.backend_utils import DynamicBackend

try:
    from keras.src.layers.preprocessing.data_layer import DataLayer
except ImportError:  # Its name up to Keras 3.11.
    from keras.src.layers.preprocessing.tf_data_layer import (
        TFDataLayer as DataLayer,
    )

__all__ = ["DataLayer", "DynamicBackend"]
