from typing import Any

import keras
import numpy as np
from keras import ops

from keras_contrastive.layers.data_layer import as_array
from keras_contrastive.layers.image_augmentation.image_layer import (
    integers_as_floats,
)
from keras_contrastive.layers.patch_dictionary import dictionary
from keras_contrastive.layers.patch_dictionary import principal_components
from keras_contrastive.validation import check_positive_int

# Added to the variance of a patch of images in [0, 1].
_LEAST_VARIANCE = 1e-3
# The similarity above which a patch activates an entry of the dictionary.
_THRESHOLD = 0.5
# How many patches the dictionary is learned from.
NUM_SAMPLES = 40_000


@keras.saving.register_keras_serializable(package="keras_contrastive")
class PatchFeatures(keras.layers.Layer):
    """Features of images by a dictionary of their patches, without gradients.

    Every patch of an image is standardized to mean 0 and variance 1, whitened,
    and compared with a dictionary of patches `d_k` of norm 1. With the
    similarities `r_k`, the features of a patch are `max(0, r_k - 1/2)` and
    `max(0, -r_k - 1/2)`. They are averaged over the cells of a grid. The square
    roots of these averages, together with the mean colors of a grid twice as
    fine, are reduced to their principal components. Each component is divided
    by its standard deviation plus 1/2.

    `adapt` learns the dictionary by spherical k-means, in seconds. A small
    network on these features learns from a few thousand images within a
    minute, and makes different mistakes than a convolutional network that is
    trained as a whole. A `models.clip_ensemble` of both is better than either.

    Args:
        output_dim: Int, dimension of the features, at most the number of
            images that `adapt` sees. Defaults to 512.
        num_patches: Int, size of the dictionary. Defaults to 320.
        patch_size: Int, side of a patch in pixels. Defaults to 6, an eighth
            of images of 48 pixels, for which the defaults were chosen.
        strides: Int, distance between neighboring patches in pixels. Defaults
            to 2.
        grid_size: Int, cells of the grid along each side. Defaults to 3.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, floats in
            [0, 1], uint8 or uint16. All images have one size.

    Returns:
        Float tensor of shape `(batch, output_dim)`. Before `adapt` the
        dictionary and the components are random.

    Raises:
        ValueError: If a size is not a positive integer, or the images are too
            small for the grid.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images / 255.0
    features = kc.layers.PatchFeatures(output_dim=16, num_patches=20)
    features.adapt(images)
    print(features(images).shape)  # (64, 16)
    encoder = keras.Sequential(
        [keras.Input((32, 32, 3)), features, keras.layers.Dense(8, "relu")]
    )
    ```

    Reference:
        Coates and Ng, 2012, Learning Feature Representations with K-means,
        sections 2 to 4.
    """

    def __init__(
        self,
        output_dim: int = 512,
        num_patches: int = 320,
        patch_size: int = 6,
        strides: int = 2,
        grid_size: int = 3,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.output_dim = check_positive_int("output_dim", output_dim)
        self.num_patches = check_positive_int("num_patches", num_patches)
        self.patch_size = check_positive_int("patch_size", patch_size)
        self.strides = check_positive_int("strides", strides)
        self.grid_size = check_positive_int("grid_size", grid_size)
        # The images are compared in float32.
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape)
        if len(shape) != 4 or None in shape[1:]:
            raise ValueError(
                "The images must be of one size, shape (batch, height, width, "
                f"channels). Received: shape={shape}"
            )
        *sides, channels = shape[1:]
        self._fields = [
            self._count_along(side) // self.grid_size for side in sides
        ]
        self._color_fields = [side // (2 * self.grid_size) for side in sides]
        if 0 in (*self._fields, *self._color_fields):
            raise ValueError(
                "The images must be large enough for a grid of "
                f"{self.grid_size} by {self.grid_size} patches of "
                f"{self.patch_size} pixels, {self.strides} pixels apart. "
                f"Received: shape={shape}"
            )
        width = 2 * self.num_patches * self.grid_size**2
        width += channels * (2 * self.grid_size) ** 2
        patch = (self.patch_size, self.patch_size, channels)
        frozen = {"trainable": False, "autocast": False, "dtype": "float32"}
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*patch, self.num_patches),
            initializer="glorot_uniform",
            **frozen,
        )
        self.offset = self.add_weight(
            name="offset",
            shape=(self.num_patches,),
            initializer="zeros",
            **frozen,
        )
        self.center = self.add_weight(
            name="center", shape=(width,), initializer="zeros", **frozen
        )
        self.components = self.add_weight(
            name="components",
            shape=(width, self.output_dim),
            initializer="glorot_uniform",
            **frozen,
        )

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        # Here, since Keras holds uint16 as int32 on PyTorch.
        if not isinstance(inputs, keras.KerasTensor):
            inputs = integers_as_floats(as_array(inputs), 1)
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs: Any) -> Any:
        features = self._pooled(ops.cast(inputs, "float32"))
        features = (features - self.center) @ ops.convert_to_tensor(
            self.components
        )
        return ops.cast(features, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0], self.output_dim

    def _count_along(self, side):
        return (side - self.patch_size) // self.strides + 1

    def _pooled(self, images):
        """The averages before the principal components."""
        similarities = self.offset + ops.conv(
            images,
            self.kernel,
            self.strides,
            "valid",
            data_format="channels_last",
        ) / self._deviations(images)
        # One sign after the other, since the maps are the largest tensors here.
        signs = [
            self._of_grid(ops.relu(signed - _THRESHOLD), self._fields, 1)
            for signed in (similarities, -similarities)
        ]
        # The gradient of the root at 0 would be infinite.
        features = ops.sqrt(ops.concatenate(signs, axis=1) + 1e-6)
        colors = self._of_grid(images, self._color_fields, 2)
        return ops.concatenate([features, colors], axis=1)

    def _deviations(self, images):
        """The standard deviation of each patch."""
        moments = ops.average_pool(
            ops.stack(
                [ops.mean(images, -1), ops.mean(ops.square(images), -1)],
                axis=-1,
            ),
            self.patch_size,
            self.strides,
            "valid",
            data_format="channels_last",
        )
        variance = moments[..., 1:] - ops.square(moments[..., :1])
        return ops.sqrt(ops.relu(variance) + _LEAST_VARIANCE)

    def _of_grid(self, maps, field, finer):
        """Means over the cells of a grid, as rows."""
        means = ops.average_pool(
            maps,
            tuple(field),
            tuple(field),
            "valid",
            data_format="channels_last",
        )
        side = finer * self.grid_size
        means = means[:, :side, :side]
        return ops.reshape(means, (-1, side * side * maps.shape[-1]))

    # Learning.

    def adapt(self, images: Any, seed: int = 0) -> None:
        """Learns the dictionary and the principal components.

        Args:
            images: Array of shape `(n, height, width, channels)`, uint8,
                uint16 or floats in [0, 1]: a few thousand training images, in
                the form that the layer will receive.
            seed: Int, the seed for drawing patches.

        Raises:
            ValueError: If there are fewer images than `output_dim`.
        """
        images = ops.convert_to_numpy(images)
        if images.ndim != 4 or len(images) < self.output_dim:
            raise ValueError(
                "`images` must be of shape (n, height, width, channels), with "
                f"at least output_dim={self.output_dim} of them. Received: "
                f"images.shape={images.shape}"
            )
        images = np.asarray(integers_as_floats(images, 1), "float32")
        if not self.built:
            self.build(images.shape)
        rng = np.random.default_rng(seed)
        kernel, offset = dictionary(
            self._draw_patches(images, rng), self.num_patches, rng
        )
        self.kernel.assign(kernel.reshape(self.kernel.shape))
        self.offset.assign(offset)
        rows = np.concatenate(
            [
                ops.convert_to_numpy(self._pooled(ops.convert_to_tensor(part)))
                for part in _parts(images, 256)
            ]
        )
        center = rows.mean(axis=0)
        self.center.assign(center)
        self.components.assign(
            principal_components(rows - center, self.output_dim, rng)
        )

    def _draw_patches(self, images, rng):
        """Random patches as rows, with mean 0 and variance 1."""
        size = self.patch_size
        height, width = images.shape[1:3]
        which = rng.integers(len(images), size=NUM_SAMPLES)
        y = rng.integers(height - size + 1, size=NUM_SAMPLES)
        x = rng.integers(width - size + 1, size=NUM_SAMPLES)
        steps = np.arange(size)
        patches = images[
            which[:, None, None],
            (y[:, None] + steps)[:, :, None],
            (x[:, None] + steps)[:, None, :],
        ].reshape(NUM_SAMPLES, -1)
        patches = patches - patches.mean(axis=1, keepdims=True)
        variance = patches.var(axis=1, keepdims=True)
        return patches / np.sqrt(variance + _LEAST_VARIANCE)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_dim": self.output_dim,
            "num_patches": self.num_patches,
            "patch_size": self.patch_size,
            "strides": self.strides,
            "grid_size": self.grid_size,
        }


def _parts(rows, size):
    return [rows[i : i + size] for i in range(0, len(rows), size)]
