"""Random crop of a volume."""

from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.resize import resize_axis
from keras_contrastive.layers.volume_augmentation.random_volume_layer import (
    RandomVolumeLayer,
)
from keras_contrastive.validation import check_interval
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomVolumeCrop(RandomVolumeLayer):
    """Crops a random box of each volume and resizes it to one size.

    The box has a fraction `f` of the volume's voxels, drawn from U(`scale`).
    Each of its sides is `f ** (1 / 3)` of the volume's, rounded, so that the
    box keeps the proportions; its position is uniform. The box is resized by
    trilinear interpolation, with antialiasing along axes that shrink. The layer
    is a three-dimensional `RandomResizedCrop`. With `training=False` the whole
    volume is resized.

    Args:
        depth: Integer, depth of the output in voxels.
        height: Integer, height of the output in voxels.
        width: Integer, width of the output in voxels.
        scale: Pair of floats in [0, 1], the range of the box's voxels as a
            fraction of the volume's.
        seed: Integer, or `None` for a random one.

    Call arguments:
        volumes: Tensor of shape `(batch, depth, height, width, channels)` or
            `(depth, height, width, channels)`.
        training: Boolean, whether to crop. Default `True`.

    Returns:
        Float tensor of shape `(batch, depth, height, width, channels)` or
        `(depth, height, width, channels)`, with the sizes of the arguments.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 4
            or 5.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    volumes = np.random.normal(size=(2, 20, 32, 32, 1))
    crops = kc.layers.RandomVolumeCrop(16, 24, 24)(volumes)
    print(crops.shape)  # (2, 16, 24, 24, 1)
    ```

    Reference:
        Taleb et al., 2020, 3D Self-Supervised Methods for Medical Imaging,
        section 3, for views of volumes.
    """

    def __init__(
        self,
        depth: int,
        height: int,
        width: int,
        scale: tuple[float, float] = (0.3, 1.0),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        self.depth = check_positive_int("depth", depth)
        self.height = check_positive_int("height", height)
        self.width = check_positive_int("width", width)
        self.scale = check_interval("scale", scale, 0, 1)

    def get_random_transformation(self, volumes: Any, seed: Any = None) -> Any:
        """Draws the boxes.

        Returns:
            Dict of int32 tensors of shape `(batch, 3)`, `"start"` and `"size"`,
            in voxels of the input along depth, height and width.
        """
        ops = self.backend.numpy
        draws = self.draw(volumes, 4, seed)
        low, high = self.scale
        side = ops.power(low + (high - low) * draws[:, :1], 1 / 3)
        sides = ops.stack(
            [
                self.backend.cast(size, "float32")
                for size in self.backend.shape(volumes)[1:4]
            ]
        )
        size = ops.clip(ops.round(side * sides), 1.0, sides)
        free = sides - size
        start = ops.minimum(ops.floor(draws[:, 1:] * (free + 1)), free)
        return {
            "start": self.backend.cast(start, "int32"),
            "size": self.backend.cast(size, "int32"),
        }

    def transform_volumes(self, volumes: Any, transformation: Any) -> Any:
        """Crops and resizes each volume."""
        ops = self.backend.numpy
        start, size = transformation["start"], transformation["size"]

        def resize(images, axis, of_volume, output_size):
            return resize_axis(
                self.backend,
                images,
                axis,
                start=start[:, of_volume],
                size=size[:, of_volume],
                output_size=output_size,
                interpolation="bilinear",
            )

        _, depth, height, width, channels = self.backend.shape(volumes)
        # Resizes each axis in turn, as an axis of images.
        x = ops.reshape(volumes, (-1, depth, height, width * channels))
        x = resize(x, 1, 0, self.depth)
        x = resize(x, 2, 1, self.height)
        x = ops.reshape(x, (-1, self.depth * self.height, width, channels))
        x = resize(x, 2, 2, self.width)
        shape = (-1, self.depth, self.height, self.width, channels)
        return ops.reshape(x, shape)

    def prepare(self, volumes: Any) -> Any:
        ops = self.backend.numpy
        sides = ops.stack(
            [
                self.backend.cast(size, "int32")
                for size in self.backend.shape(volumes)[1:4]
            ]
        )
        whole = {"start": ops.zeros((1, 3), "int32"), "size": sides[None]}
        return self.transform_volumes(volumes, whole)

    def compute_output_shape(self, input_shape: Any) -> Any:
        *batch, _, _, _, channels = super().compute_output_shape(input_shape)
        return (*batch, self.depth, self.height, self.width, channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth": self.depth,
            "height": self.height,
            "width": self.width,
            "scale": self.scale,
        }
