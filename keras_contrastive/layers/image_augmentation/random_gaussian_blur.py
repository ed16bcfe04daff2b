"""Random Gaussian blur."""

import numbers
from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.filter_axis import filter_axis
from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from keras_contrastive.validation import check_interval
from keras_contrastive.validation import check_list
from keras_contrastive.validation import check_positive_int
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomGaussianBlur(RandomImageLayer):
    """Blurs each image by a Gaussian of random width, with a probability.

    Both axes are filtered with the following weights, normalized to sum to 1:

    `g(d) ~ exp(-d^2 / (2 sigma^2))`, `|d| <= (kernel_size - 1) / 2`

    One `sigma` per image is drawn from U(`sigma`). The image is mirrored at
    its borders (without repeating the border), repeatedly if the kernel is
    larger than the image.

    Args:
        kernel_size: Odd integer, or a pair (height, width) of them, in pixels.
        sigma: Pair of positive floats, the range of the standard deviation in
            pixels.
        probability: Float, the probability that an image is blurred.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images.
            Integer images hold 0 to 255, or 0 to 65535 as uint16, and are
            converted to it.
        seed: Integer, or `None` for a random one.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`.
        training: Boolean, whether to blur. Default `True`.

    Returns:
        Float tensor of the shape of `images`.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 3
            or 4.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.rand(4, 64, 64, 3)
    blurred = kc.layers.RandomGaussianBlur(7, probability=0.5)(images)
    ```

    Reference:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", appendix A.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        sigma: tuple[float, float] = (0.1, 2.0),
        probability: float = 1.0,
        value_range: tuple[int, int] = (0, 1),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        self.kernel_size = _kernel_size(kernel_size)
        self.sigma = check_interval("sigma", sigma, 0)
        if self.sigma[0] == 0:
            raise ValueError(
                f"`sigma` must be positive. Received: sigma={sigma}"
            )
        self.probability = check_probability("probability", probability)

    def get_random_transformation(self, images: Any, seed: Any = None) -> Any:
        """Draws which images to blur, and how much.

        Returns:
            Dict of tensors of shape `(batch,)`: `"apply"`, boolean, and
            `"sigma"`, float32, in pixels.
        """
        draws = self.draw(images, 2, seed)
        low, high = self.sigma
        return {
            "apply": draws[:, 0] < self.probability,
            "sigma": low + (high - low) * draws[:, 1],
        }

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Blurs the chosen images."""
        shape = self.backend.shape(images)
        parameters = self.parameters_of_each(shape, transformation)
        return self._transform(images, parameters)

    def parameters_of_each(self, shape: Any, transformation: Any) -> Any:
        """The weights of the pixels along both axes, or one for both."""
        axes = list(zip(self.kernel_size, shape[1:3], strict=True))
        if isinstance(axes[0][1], int) and axes[0] == axes[1]:
            axes = axes[:1]
        sigma = transformation["sigma"][:, None]
        return {
            "apply": transformation["apply"],
            "weights": [self._blur_weights(sigma, *axis) for axis in axes],
        }

    def transform_one(self, image: Any, parameters: Any) -> Any:
        return self._transform(image, parameters)

    def _transform(self, images, parameters):
        def blur(images):
            weights = parameters["weights"]
            sizes = self.backend.shape(images)[1 : 1 + len(weights)]
            matrices = [
                self._blur_matrix(*own, size)
                for own, size in zip(weights, sizes, strict=True)
            ]
            images = filter_axis(self.backend, images, matrices[0], 1)
            return filter_axis(self.backend, images, matrices[-1], 2)

        return self.transform_chosen(images, parameters["apply"], blur)

    def _blur_weights(self, sigma, kernel_size, size):
        """Two tensors of shape `(batch, 2 size)`.

        The weights of the pixels at each distance, and at the distance from
        the mirror image.
        """
        ops = self.backend.numpy
        radius = kernel_size // 2
        offset = ops.arange(-radius, radius + 1, dtype="int32")
        kernel = self.backend.cast(offset, "float32") / sigma
        kernel = ops.exp(-0.5 * ops.square(kernel))
        kernel = kernel / ops.sum(kernel, axis=1, keepdims=True)
        # Reflected at both ends, an axis repeats itself after this many pixels.
        period = ops.maximum(2 * size - 2, 1)

        def weights_at(distances):
            is_there = ops.mod(offset, period)[:, None] == ops.mod(
                distances, period
            )
            return ops.matmul(kernel, self.backend.cast(is_there, "float32"))

        ahead = ops.arange(2 * size, dtype="int32")
        behind = self.backend.cast(ahead >= size, "int32") * 2 * size
        return weights_at(ahead - behind), weights_at(ahead)

    def _blur_matrix(self, direct, mirrored, size):
        """The filter of one axis as matrices, shape `(batch, size, size)`."""
        ops = self.backend.numpy
        place = ops.arange(size, dtype="int32")
        # The pixels at both ends are their own mirror images.
        is_inner = (place > 0) & (place < size - 1)
        is_inner = self.backend.cast(is_inner, "float32")
        return self._shifted_rows(direct, size, -1) + (
            is_inner * self._shifted_rows(mirrored, size, 1)
        )

    def _shifted_rows(self, weights, size, step):
        """`matrix[b, i, j] = weights[b, (j + step i) mod 2 size]`."""
        ops = self.backend.numpy
        if self.backend.name == "torch":
            windows = ops.tile(weights, (1, 2)).unfold(1, size, 1)
            if step == 1:
                return windows[:, :size]
            return windows[:, size + 1 : 2 * size + 1].flip(1)
        # The weights are repeated and cut into rows that are longer or shorter
        # by one. On CPUs, looking up each number takes several times as long.
        length = 2 * size + step
        rows = ops.tile(weights, (1, size + 1))[:, : size * length]
        return ops.reshape(rows, (-1, size, length))[:, :, :size]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "sigma": self.sigma,
            "probability": self.probability,
        }


def _kernel_size(kernel_size):
    if isinstance(kernel_size, numbers.Integral):
        kernel_size = (kernel_size, kernel_size)
    sizes = check_list("kernel_size", kernel_size, "two odd integers")
    sizes = tuple(check_positive_int("kernel_size", size) for size in sizes)
    if len(sizes) != 2 or any(size % 2 == 0 for size in sizes):
        raise ValueError(
            "`kernel_size` must be an odd integer or a pair of them. "
            f"Received: kernel_size={kernel_size}"
        )
    return sizes
