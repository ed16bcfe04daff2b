"""Random resized crop."""

import math
from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.color import clip
from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from keras_contrastive.layers.image_augmentation.resize import has_few_taps
from keras_contrastive.layers.image_augmentation.resize import resize_axis
from keras_contrastive.layers.image_augmentation.resize import sum_taps
from keras_contrastive.layers.image_augmentation.resize import taps_of_part
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_interval
from keras_contrastive.validation import check_positive_int

ATTEMPTS = 10


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomResizedCrop(RandomImageLayer):
    """Crops a random part of each image and resizes it to one size.

    The crop's area is a fraction, drawn from U(`scale`), of the image's area.
    Its aspect ratio (width / height) is drawn log-uniformly from `ratio`, and
    its position is uniform. The first of ten candidates per image that fits is
    used. If none fits, it is the largest central crop with an allowed ratio.

    The crop is resized with an antialiasing filter, as Pillow's
    `image.crop(box).resize((width, height))` does: output pixel `i` is

    `sum_x k((x + 1/2 - c_i) / s) image[x] / sum_x k((x + 1/2 - c_i) / s)`

    along each axis, with `x` over the crop, `c_i` the center of pixel `i` in
    it, `s = max(1, crop size / output size)` and `k` the triangle (bilinear)
    or Keys' cubic with a = -1/2 (bicubic, whose overshoot is clipped to
    `value_range`).

    With `training=False` the whole image is resized. With `center_crop`, it
    keeps its proportions: it is resized until it just covers the output, and
    its center is cropped, as CLIP does in evaluation.

    Args:
        height: Integer, height of the output in pixels.
        width: Integer, width of the output in pixels.
        scale: Pair of floats in [0, 1], the range of the crop's area as a
            fraction of the image's.
        ratio: Pair of positive floats, the range of the crop's aspect ratio.
        interpolation: `"bilinear"` or `"bicubic"`.
        center_crop: Boolean, whether `training=False` keeps the proportions
            and crops the longer side, instead of distorting the image.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images.
            Integer images hold 0 to 255, or 0 to 65535 as uint16, and are
            converted to it.
        seed: Integer, or `None` for a random one.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`.
        training: Boolean, whether to crop. Default `True`.

    Returns:
        Float tensor of shape `(batch, height, width, channels)` or
        `(height, width, channels)`, with the `height` and `width` of the
        arguments.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 3
            or 4.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.randint(0, 256, (4, 48, 64, 3)).astype("uint8")
    crops = kc.layers.RandomResizedCrop(32, 32)(images)
    print(crops.shape)  # (4, 32, 32, 3)
    ```

    Reference:
        Szegedy et al., "Going Deeper with Convolutions", section 6;
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", appendix A.
    """

    def __init__(
        self,
        height: int,
        width: int,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: str = "bilinear",
        center_crop: bool = False,
        value_range: tuple[int, int] = (0, 1),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        self.height = check_positive_int("height", height)
        self.width = check_positive_int("width", width)
        self.scale = check_interval("scale", scale, 0, 1)
        self.ratio = check_interval("ratio", ratio, 0)
        if self.ratio[0] == 0:
            raise ValueError(
                f"`ratio` must be positive. Received: ratio={ratio}"
            )
        check_choice("interpolation", interpolation, ("bilinear", "bicubic"))
        self.interpolation = interpolation
        self.center_crop = check_bool("center_crop", center_crop)

    def get_random_transformation(self, images: Any, seed: Any = None) -> Any:
        """Draws the crops.

        Returns:
            Dict of int32 tensors of shape `(batch,)`: `"top"`, `"left"`,
            `"height"` and `"width"`, in pixels of the input.
        """
        ops = self.backend.numpy
        image_height, image_width = (
            self.backend.cast(size, "float32")
            for size in self.backend.shape(images)[1:3]
        )
        draws = self.draw(images, 2 * ATTEMPTS + 2, seed)

        low, high = self.scale
        area = (low + (high - low) * draws[:, :ATTEMPTS]) * (
            image_height * image_width
        )
        low, high = (math.log(bound) for bound in self.ratio)
        ratio = ops.exp(low + (high - low) * draws[:, ATTEMPTS:-2])
        height = ops.round(ops.sqrt(area / ratio))
        width = ops.round(ops.sqrt(area * ratio))

        fits = (
            (height >= 1)
            & (width >= 1)
            & (height <= image_height)
            & (width <= image_width)
        )
        fits = self.backend.cast(fits, "float32")
        first = fits * self.backend.cast(
            ops.cumsum(fits, axis=1) == 1, "float32"
        )
        none_fits = 1 - ops.sum(first, axis=1)
        central_height, central_width = self._largest_central_crop(
            image_height, image_width
        )
        height = ops.sum(first * height, axis=1) + none_fits * central_height
        width = ops.sum(first * width, axis=1) + none_fits * central_width

        def position(draw, free):
            anywhere = ops.minimum(ops.floor(draw * (free + 1)), free)
            return ops.where(none_fits > 0, ops.floor(free / 2), anywhere)

        crop = {
            "top": position(draws[:, -2], image_height - height),
            "left": position(draws[:, -1], image_width - width),
            "height": height,
            "width": width,
        }
        return {
            name: self.backend.cast(value, "int32")
            for name, value in crop.items()
        }

    def _largest_central_crop(self, image_height, image_width):
        ops = self.backend.numpy
        low, high = self.ratio
        height = ops.minimum(image_height, ops.round(image_width / low))
        width = ops.minimum(image_width, ops.round(image_height * high))
        return ops.maximum(height, 1.0), ops.maximum(width, 1.0)

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Crops and resizes each image."""
        return self._resize(images, *_parts(transformation))

    def parameters_of_each(self, shape: Any, transformation: Any) -> Any:
        """The pixels to gather along each axis, unless a matrix is faster."""
        return [
            taps_of_part(
                self.backend,
                input_size,
                output_size=output_size,
                interpolation=self.interpolation,
                **part,
            )
            if has_few_taps(input_size, output_size, self.interpolation)
            else part  # matrices of all images would not fit into the cache
            for input_size, output_size, part in zip(
                shape[1:3],
                (self.height, self.width),
                _parts(transformation),
                strict=True,
            )
        ]

    def transform_one(self, image: Any, parameters: Any) -> Any:
        return self._resize(image, *parameters)

    def transform_images_at_inference(self, images: Any) -> Any:
        """Resizes the whole images, or their centers."""
        ops = self.backend.numpy
        _, height, width, _ = self.backend.shape(images)
        rows, columns = (
            {
                "start": ops.zeros((1,), dtype="int32"),
                "size": ops.reshape(size, (1,)),
            }
            for size in (height, width)
        )
        if self.center_crop:
            # Keep the proportions, rounded down to whole pixels as in other
            # libraries.
            is_tall = height * self.width >= width * self.height
            tall = self.width * height // width
            wide = self.height * width // height
            tall = ops.where(is_tall, tall, self.height)
            wide = ops.where(is_tall, self.width, wide)
            rows.update(_center(tall, self.height))
            columns.update(_center(wide, self.width))
        return self._resize(images, rows, columns)

    def _resize(self, images, rows, columns):
        for axis, output_size, part in (
            (1, self.height, rows),
            (2, self.width, columns),
        ):
            if "weights" in part:
                images = sum_taps(self.backend, images, axis, part)
                continue
            images = resize_axis(
                self.backend,
                images,
                axis,
                output_size=output_size,
                interpolation=self.interpolation,
                **part,
            )
        if self.interpolation == "bicubic":
            images = clip(self.backend, images, *self.value_range)
        return images

    def compute_output_shape(self, input_shape: Any) -> Any:
        *batch, _, _, channels = super().compute_output_shape(input_shape)
        return (*batch, self.height, self.width, channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
            "scale": self.scale,
            "ratio": self.ratio,
            "interpolation": self.interpolation,
            "center_crop": self.center_crop,
        }


def _parts(crop):
    """The rows and the columns of a crop, as `taps_of_part` takes them."""
    return (
        {"start": crop["top"], "size": crop["height"]},
        {"start": crop["left"], "size": crop["width"]},
    )


def _center(resized, output):
    """First pixel of the center of an axis; halves are rounded to even."""
    rest = resized - output
    return {"resized_size": resized, "offset": (rest + rest // 2 % 2) // 2}
