from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class FeatureQueue(keras.layers.Layer):
    """The newest features of earlier batches, first in, first out.

    It makes the number of negatives independent of the batch size. With
    several devices it stores the features of all of them, so that each has the
    same queue. It starts with random directions.

    Args:
        size: Int, number of features.
        dim: Int, dimension of each feature.
        seed: Int or `keras.random.SeedGenerator` for the first features.
        **kwargs: Arguments of `keras.layers.Layer`.

    Attributes:
        features: Float32 tensor of shape `(size, dim)`, the newest first;
            without gradient.

    Call arguments:
        features: Float tensor of shape `(batch, dim)`, stored unchanged.

    Returns:
        The features of the queue before the call, shape `(size, dim)`.

    Raises:
        ValueError: If `size` or `dim` is not a positive integer, or the shape
            of the features is not `(batch, dim)`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    queue = kc.layers.FeatureQueue(size=6, dim=4)
    queue.enqueue(np.ones((2, 4), "float32"))
    print(queue.features)  # two rows of ones, then the rest of the first
    ```

    Reference:
        He et al., 2020, Momentum Contrast for Unsupervised Visual
        Representation Learning, section 3.2.
    """

    def __init__(self, size: int, dim: int, seed: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = check_positive_int("size", size)
        self.dim = check_positive_int("dim", dim)
        self.seed = seed
        self._queue = self.add_weight(
            name="features",
            shape=(self.size, self.dim),
            dtype="float32",
            initializer=lambda shape, dtype=None: l2_normalize(
                keras.random.normal(shape, dtype="float32", seed=seed)
            ),
            trainable=False,
            autocast=False,
        )
        self.built = True

    @property
    def features(self):
        return ops.stop_gradient(ops.convert_to_tensor(self._queue))

    def enqueue(self, features: Any) -> None:
        """Adds the features of a batch and drops as many of the oldest."""
        features = ops.convert_to_tensor(features)
        shape = tuple(features.shape)
        if len(shape) != 2 or shape[1] != self.dim:
            raise ValueError(
                f"`features` must have the shape (batch, {self.dim}). "
                f"Received: features.shape={shape}"
            )
        features = ops.cast(ops.stop_gradient(features), "float32")
        features = distribution.all_gather(features)
        queue = ops.concatenate([features, self.features], axis=0)
        distribution.assign_equal([self._queue], [queue[: self.size]])

    def call(self, features: Any) -> Any:
        # A copy: PyTorch assigns to a variable in place.
        before = ops.copy(self.features)
        self.enqueue(features)
        return before

    def compute_output_spec(self, features: Any) -> Any:
        return keras.KerasTensor((self.size, self.dim), "float32")

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "size": self.size,
            "dim": self.dim,
            "seed": serialize(self.seed),
        }
