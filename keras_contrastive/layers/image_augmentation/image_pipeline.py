"""Runs several augmentation layers in one pass over the images."""

import sys
from typing import Any

import keras

from keras_contrastive.fused import fused
from keras_contrastive.layers.image_augmentation.image_layer import ImageLayer
from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from keras_contrastive.layers.image_augmentation.random_apply import RandomApply
from keras_contrastive.trainer.keras_internals import in_tf_graph
from keras_contrastive.validation import check_list

# Images with at least this many values are too large for a batch to fit into
# the cache.
LARGE_IMAGE = 2**16


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ImagePipeline(keras.layers.Pipeline):
    """A faster `keras.layers.Pipeline` of augmentation layers.

    The result is that of the layers applied one after the other. All layers
    first draw for the whole batch; then the images are transformed. On
    TensorFlow, one program compiled by XLA transforms them. On a CPU, large
    images are transformed one by one, since a batch of them would be written to
    memory and read back in each operation.

    Args:
        layers: List of this package's augmentation layers with one
            `value_range`. Not `RandomApply`, which draws while it transforms.
        name: Name of the layer.
        dtype: Dtype or policy of the views. Defaults to that of the last layer.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor, the output of the last layer.

    Raises:
        ValueError: `layers` does not hold such layers, or the input is not of
            rank 3 or 4.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    augment = kc.layers.ImagePipeline(
        [kc.layers.RandomFlip(0.5), kc.layers.RandomGrayscale(0.2)]
    )
    views = augment(np.random.rand(4, 32, 32, 3))
    ```
    """

    draws_first = True

    def __init__(self, layers: Any, name: str | None = None, dtype: Any = None):
        layers = check_list("layers", layers, "layers")
        _check(layers)
        super().__init__(layers, name=name)
        self.dtype_policy = layers[-1].dtype_policy if dtype is None else dtype
        self.chain = _Chain(layers, self.dtype_policy)
        self.built = self.chain.built

    def build(self, input_shape: Any) -> None:
        self.chain.build(input_shape)

    def call(self, images: Any, training: bool = True) -> Any:
        return self.chain(images, training=training)

    def draw_transformation(self, images: Any) -> Any:
        """Draws for a batch what a call draws; only its shape matters."""
        return self.chain.draw_transformation(images)

    def transform(self, images: Any, transformation: Any) -> Any:
        """Like a call on rows of a batch, with the same rows of its draws."""
        return self.chain.transform(images, transformation)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.chain.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        return {**super().get_config(), "dtype": dtype}


class _Chain(ImageLayer):
    """The layers of a pipeline as one layer."""

    def __init__(self, layers, dtype):
        super().__init__(layers[0].value_range, dtype=dtype)
        self.layers = layers
        for layer in layers:
            layer.backend = self.backend  # so that they follow into tf.data
        self.built = all(layer.built for layer in layers)

    def __call__(self, images, **kwargs):
        # Inside tf.data, Keras casts the input before `call`.
        if _is_uint8(images) and not in_tf_graph():
            return super(ImageLayer, self).__call__(images, **kwargs)
        return super().__call__(images, **kwargs)

    def as_floats(self, images):
        # Converted with the other operations, in the cache.
        return images if _is_uint8(images) else super().as_floats(images)

    def build(self, input_shape):
        # The layers are never called, so Keras does not build them.
        for layer in self.layers:
            if not layer.built:
                layer.build(input_shape)
            # On other backends, Keras does not know the shape of TensorFlow's
            # tensors.
            if input_shape is not None:
                input_shape = layer.compute_output_shape(input_shape)

    def get_random_transformation(self, images):
        transformations = []
        for layer in self.layers:
            transformations.append(layer.get_random_transformation(images))
            shape = layer.compute_output_shape(images.shape)[1:]
            if shape != tuple(images.shape[1:]):
                shape = (self.backend.shape(images)[0], *shape)
                images = self.backend.numpy.broadcast_to(
                    images[:, :1, :1], shape
                )
        return transformations

    def transform_images(self, images, transformation):
        if None in images.shape[1:]:
            # XLA would recompile for each new size.
            return self._transform_batch(images, transformation)
        if not self._is_one_by_one(images):
            return fused(self._transform_batch)(images, transformation)

        def transform_one(arguments):
            arguments = keras.tree.map_structure(lambda x: x[None], arguments)
            return self.transform_one(*arguments)[0]

        parameters = self.parameters_of_each(images.shape, transformation)
        arguments = images, parameters
        if self.backend.name == "torch":
            return _map_in_torch(transform_one, arguments)
        return self.backend.core.map(fused(transform_one), arguments)

    def parameters_of_each(self, shape, transformation):
        parameters = []
        for layer, own in zip(self.layers, transformation, strict=True):
            parameters.append(layer.parameters_of_each(shape, own))
            shape = layer.compute_output_shape(shape)
        return parameters

    def transform_one(self, image, parameters):
        image = super().as_floats(image)
        for layer, own in zip(self.layers, parameters, strict=True):
            image = layer.transform_one(image, own)
        return image

    def _transform_batch(self, images, transformation):
        images = super().as_floats(images)
        for layer, own in zip(self.layers, transformation, strict=True):
            images = layer.transform_images(images, own)
        return images

    def transform_images_at_inference(self, images):
        images = super().as_floats(images)
        for layer in self.layers:
            images = layer.transform_images_at_inference(images)
        return images

    def _is_one_by_one(self, images):
        height, width, channels = images.shape[1:]
        if height * width * channels < LARGE_IMAGE or images.shape[0] == 0:
            return False
        if self.backend.name == "torch":
            return images.device.type == "cpu"
        if self.backend.name == "jax":
            return sys.modules["jax"].default_backend() == "cpu"
        devices = sys.modules["tensorflow"].config.get_visible_devices()
        return all(device.device_type == "CPU" for device in devices)

    def compute_output_shape(self, input_shape):
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape


def _map_in_torch(function, arguments):
    """`function` of each row, which is copied while it is in the cache.

    Keras collects the results and copies all of them at the end.
    """
    results = None
    for row in range(len(arguments[0])):
        result = function(
            keras.tree.map_structure(lambda x: x[row], arguments)  # noqa: B023
        )
        if results is None:
            results = result.new_empty((len(arguments[0]), *result.shape))
        results[row] = result
    return results


def _is_uint8(images):
    dtype = getattr(images, "dtype", None)
    return dtype is not None and (
        keras.backend.standardize_dtype(dtype) == "uint8"
    )


def _check(layers):
    for layer in layers:
        is_ours = isinstance(layer, RandomImageLayer)
        if not is_ours or isinstance(layer, RandomApply):
            raise ValueError(
                "`layers` must be augmentation layers of keras_contrastive "
                "other than RandomApply (`keras.layers.Pipeline` takes any). "
                f"Received: layers={layers}"
            )
    if len({layer.value_range for layer in layers}) != 1:
        raise ValueError(
            "`layers` must be at least one layer, all with one `value_range`. "
            f"Received: layers={layers}, with value_range="
            f"{[layer.value_range for layer in layers]}"
        )
