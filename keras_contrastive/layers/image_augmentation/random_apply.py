"""Any layer, applied to each image with a probability."""

from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from keras_contrastive.validation import check_layer
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomApply(RandomImageLayer):
    """Applies a layer to each image with a probability.

    The layer is computed for the whole batch, and its output is kept for the
    images that were drawn.

    Args:
        layer: Keras layer that keeps the shape of its input. Inside `tf.data`,
            this layer works only if `layer` does.
        probability: Float, the probability that an image goes through `layer`.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images.
            Integer images hold 0 to 255, or 0 to 65535 as uint16, and are
            converted to it. `None` takes the range of `layer`, or `(0, 1)` if
            it has none.
        seed: Integer, or `None` for a random one. It decides which images go
            through `layer`; `layer` has its own random state.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `images`.

    Raises:
        ValueError: An argument is out of range, the input is not of rank 3 or
            4, or `layer` changes its shape.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    images = np.random.rand(4, 32, 32, 3)
    invert = keras.layers.Rescaling(scale=-1.0, offset=1.0)
    negatives = kc.layers.RandomApply(invert, probability=0.5)(images)
    ```
    """

    draws_first = False  # `layer` draws when it is called

    def __init__(
        self,
        layer: keras.Layer,
        probability: float,
        value_range: tuple[int, int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check_layer("layer", layer)
        if value_range is None:
            value_range = getattr(layer, "value_range", (0, 1))
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        self.layer = layer
        self.probability = check_probability("probability", probability)

    def build(self, input_shape: Any) -> None:
        # On other backends, Keras does not know the shape of TensorFlow's
        # tensors. The layer then builds itself when it is called.
        if input_shape is not None and not self.layer.built:
            self.layer.build((None, *input_shape[-3:]))

    def get_random_transformation(self, images: Any, seed: Any = None) -> Any:
        """Draws which images go through the layer.

        Returns:
            Dict with `"apply"`, a boolean tensor of shape `(batch,)`.
        """
        return {"apply": self.draw(images, 1, seed)[:, 0] < self.probability}

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Keeps the layer's output for the chosen images."""
        outputs = self.layer(images, training=True)
        if len(outputs.shape) != 4 or any(
            None not in (before, after) and before != after
            for before, after in zip(images.shape, outputs.shape, strict=True)
        ):
            raise ValueError(
                "`layer` must keep the shape of its input. Received: "
                f"layer={self.layer}, which turns {tuple(images.shape)} into "
                f"{tuple(outputs.shape)}"
            )
        return self.backend.numpy.where(
            transformation["apply"][:, None, None, None],
            self.backend.cast(outputs, "float32"),
            images,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "layer": keras.saving.serialize_keras_object(self.layer),
            "probability": self.probability,
        }

    @classmethod
    def from_config(cls, config: dict) -> Any:
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})
