"""Random color jitter."""

from typing import Any

import keras
import numpy as np

from keras_contrastive.layers.image_augmentation.color import LUMINANCE_WEIGHTS
from keras_contrastive.layers.image_augmentation.color import clip
from keras_contrastive.layers.image_augmentation.color import rotate_hue
from keras_contrastive.layers.image_augmentation.color_layer import ColorLayer
from keras_contrastive.validation import check_interval
from keras_contrastive.validation import check_not_negative
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomColorJitter(ColorLayer):
    """Changes brightness, contrast, saturation and hue, in random order.

    Three of the four blend the image `x` with a reference, by a factor `f`
    drawn per image:

    `x <- clip(f x + (1 - f) reference)`

    The reference is black for brightness, the mean of the gray image for
    contrast, and the gray image, `0.299 R + 0.587 G + 0.114 B`, for
    saturation. Hue shifts by a fraction of the hue circle. Values are clipped
    to `value_range` after each operation. The order of the four is also drawn
    per image.

    For channels other than red, green and blue, such as a satellite's infrared,
    only brightness and contrast change, by the same factors. The reference of
    their contrast is each channel's own mean.

    Args:
        brightness: Non-negative float, or a pair of them. A float `b` means
            factors from U(max(0, 1 - b), 1 + b), a pair their range.
        contrast: The same, for contrast.
        saturation: The same, for saturation.
        hue: Float in [0, 0.5], or a pair of floats in [-0.5, 0.5]. A float `h`
            means shifts from U(-h, h), a pair their range.
        probability: Float, the probability that an image is changed.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images.
            Integer images hold 0 to 255, or 0 to 65535 as uint16, and are
            converted to it.
        seed: Integer, or `None` for a random one.
        rgb_channels: Three distinct indices, the places of red, green and blue
            in the last axis. Needed unless there are three channels, or
            `saturation` and `hue` are 0.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `images`.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 3
            or 4 with channels as above.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.rand(4, 32, 32, 3)
    jitter = kc.layers.RandomColorJitter(0.4, 0.4, 0.4, 0.1, probability=0.8)
    jittered = jitter(images)
    ```

    Reference:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", appendix A.
    """

    def __init__(
        self,
        brightness: float | tuple[float, float],
        contrast: float | tuple[float, float],
        saturation: float | tuple[float, float],
        hue: float | tuple[float, float],
        probability: float = 1.0,
        value_range: tuple[int, int] = (0, 1),
        seed: int | None = None,
        rgb_channels: tuple[int, int, int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            rgb_channels, value_range=value_range, seed=seed, **kwargs
        )
        self.brightness = _factor_interval("brightness", brightness)
        self.contrast = _factor_interval("contrast", contrast)
        self.saturation = _factor_interval("saturation", saturation)
        if isinstance(hue, (int, float)):
            hue = (-hue, hue)
        self.hue = check_interval("hue", hue, -0.5, 0.5)
        self.probability = check_probability("probability", probability)

    @property
    def requires_rgb(self):
        return self.saturation != (1, 1) or self.hue != (0, 0)

    def get_random_transformation(self, images: Any, seed: Any = None) -> Any:
        """Draws factors, hue shifts and orders.

        Returns:
            Dict of tensors: `"brightness"`, `"contrast"`, `"saturation"` (the
            factors, 1 for no change) and `"hue"` (the shift in turns, 0 for no
            change), float32 of shape `(batch,)`, and `"places"`, int32 of shape
            `(batch, 4)`: the place from 0 to 3 of these four in the order of
            operations.
        """
        draws = self.draw(images, 9, seed)
        apply = draws[:, 0] < self.probability

        def value(name, draw, identity):
            low, high = getattr(self, name)
            return self.backend.numpy.where(
                apply, low + (high - low) * draw, identity
            )

        return {
            "brightness": value("brightness", draws[:, 1], 1.0),
            "contrast": value("contrast", draws[:, 2], 1.0),
            "saturation": value("saturation", draws[:, 3], 1.0),
            "hue": value("hue", draws[:, 4], 0.0),
            "places": self.backend.cast(
                self.backend.numpy.argsort(draws[:, 5:], axis=1), "int32"
            ),
        }

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Applies the four operations to each image in its own order."""
        ops = self.backend.numpy
        batch, height, width, _ = self.backend.shape(images)
        channels, rgb = self.places_of(images.shape)
        planes = ops.transpose(images, (0, 3, 1, 2))
        planes = ops.reshape(planes, (batch, channels, height * width))
        # Red, green and blue, then the channels without color.
        order = [*rgb, *(c for c in range(channels) if c not in rgb)]
        planes = self._reorder(planes, order)
        parts, blend_parts = [], []
        if rgb:
            parts.append(planes[:, :3])
            blend_parts.append(self._blend_colors)
        if channels > len(rgb):
            parts.append(planes[:, len(rgb) :])
            blend_parts.append(self._blend_others)
        places = transformation["places"][:, :3]
        hue_place = transformation["places"][:, 3:]
        changes = self._changes(transformation)

        def blend(parts, chosen):
            own = changes(chosen)
            return [
                function(part, *own)
                for function, part in zip(blend_parts, parts, strict=True)
            ]

        def shift_hue(parts):
            if not rgb:
                return parts
            turn = transformation["hue"][:, None]
            return [rotate_hue(self.backend, parts[0], turn), *parts[1:]]

        if images.shape[0] == 1:
            for place in range(4):
                parts = self.backend.cond(
                    hue_place[0, 0] == place,
                    lambda: shift_hue(parts),  # noqa: B023
                    lambda: blend(parts, places == place),  # noqa: B023
                )
        else:
            # Three blends, one hue shift and three blends cover all 24 orders:
            # each operation of an image takes one of the six slots on its side
            # of the hue shift; the other slots are the identity.
            before, after = places < hue_place, places > hue_place
            for place in (0, 1, 2):
                parts = blend(parts, before & (places == place))
            parts = shift_hue(parts)
            for place in (1, 2, 3):
                parts = blend(parts, after & (places == place))
        planes = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)
        places_before = [order.index(channel) for channel in range(channels)]
        planes = self._reorder(planes, places_before)
        planes = ops.reshape(planes, (batch, channels, height, width))
        return ops.transpose(planes, (0, 2, 3, 1))

    def _reorder(self, planes, order):
        if order == list(range(len(order))):
            return planes
        chosen = [planes[:, channel] for channel in order]
        return self.backend.numpy.stack(chosen, axis=1)

    def _changes(self, transformation):
        """Returns a function from chosen operations to their factors minus 1.

        It takes `(batch, 3)` booleans, at most one of them true per row, and
        returns a list of three tensors of shape `(batch, 1, 1)`: for each
        operation its factor minus 1, or 0 if it is not chosen.
        """
        ops = self.backend.numpy
        names = ("brightness", "contrast", "saturation")
        factors = ops.stack([transformation[name] for name in names], axis=1)

        def changes(chosen):
            chosen = self.backend.cast(chosen, "float32") * (factors - 1)
            chosen = chosen[:, :, None, None]
            return [chosen[:, operation] for operation in range(3)]

        return changes

    def _blend_colors(self, planes, brightness, contrast, saturation):
        """Computes one blend as a product with a 3x3 matrix per image."""
        ops = self.backend.numpy
        # (1, 1, 3): the weight of each channel in the gray image.
        weights = ops.reshape(np.float32(LUMINANCE_WEIGHTS), (1, 1, 3))
        factor = 1 + brightness + contrast + saturation
        matrix = factor * ops.eye(3, dtype="float32") - saturation * weights
        mean = ops.mean(planes, axis=2, keepdims=True)
        offset = -contrast * ops.matmul(weights, mean)
        planes = ops.matmul(matrix, planes) + offset
        return clip(self.backend, planes, *self.value_range)

    def _blend_others(self, planes, brightness, contrast, saturation):
        """Computes the same blend for channels without color."""
        ops = self.backend.numpy
        mean = ops.mean(planes, axis=2, keepdims=True)
        planes = (1 + brightness + contrast) * planes - contrast * mean
        return clip(self.backend, planes, *self.value_range)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "brightness": self.brightness,
            "contrast": self.contrast,
            "saturation": self.saturation,
            "hue": self.hue,
            "probability": self.probability,
        }


def _factor_interval(name, value):
    if isinstance(value, (int, float)):
        value = check_not_negative(name, value)
        value = (max(0.0, 1 - value), 1 + value)
    return check_interval(name, value, 0)
