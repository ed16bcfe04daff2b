"""Random color jitter."""

import numbers
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
        if isinstance(hue, numbers.Real):
            hue = (-float(hue), float(hue))
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
        if images.shape[0] == 1:
            parameters = self.parameters_of_each(images.shape, transformation)
            return self.transform_one(images, parameters)
        parts = self._parts_of(images)
        # Three blends, one hue shift and three blends cover all 24 orders:
        # each operation of an image takes one of the six slots on its side of
        # the hue shift; the other slots are the identity.
        places = transformation["places"][:, :3]
        hue_place = transformation["places"][:, 3:]
        before, after = places < hue_place, places > hue_place

        def blend(parts, chosen):
            return self._blend(parts, self._blends(transformation, chosen))

        for place in (0, 1, 2):
            parts = blend(parts, before & (places == place))
        parts = self._shift_hue(parts, transformation["hue"][:, None])
        for place in (1, 2, 3):
            parts = blend(parts, after & (places == place))
        return self._images_of(parts, images)

    def parameters_of_each(self, shape: Any, transformation: Any) -> Any:
        """The blend at each of the four places, and the place of the hue."""
        places = transformation["places"][:, None, :]
        place = self.backend.numpy.arange(4, dtype="int32")[None, :, None]
        return {
            "blends": self._blends(transformation, places[:, :, :3] == place),
            "is_hue": places[:, 0, 3:] == place[:, :, 0],
            "turn": transformation["hue"][:, None],
        }

    def transform_one(self, image: Any, parameters: Any) -> Any:
        parts = self._parts_of(image)
        for place in range(4):
            own = {
                name: x[:, place] for name, x in parameters["blends"].items()
            }
            parts = self.backend.cond(
                parameters["is_hue"][0, place],
                lambda: self._shift_hue(parts, parameters["turn"]),  # noqa: B023
                lambda: self._blend(parts, own),  # noqa: B023
            )
        return self._images_of(parts, image)

    def _parts_of(self, images):
        """Planes of the colors and of the channels without color, if any."""
        ops = self.backend.numpy
        batch, height, width, _ = self.backend.shape(images)
        channels, rgb = self.places_of(images.shape)
        planes = ops.transpose(images, (0, 3, 1, 2))
        planes = ops.reshape(planes, (batch, channels, height * width))
        planes = self._reorder(planes, _order(channels, rgb))
        if channels == len(rgb):
            return {"colors": planes}
        if not rgb:
            return {"others": planes}
        return {"colors": planes[:, :3], "others": planes[:, 3:]}

    def _images_of(self, parts, images):
        """The inverse of `_parts_of(images)`."""
        ops = self.backend.numpy
        batch, height, width, _ = self.backend.shape(images)
        channels, rgb = self.places_of(images.shape)
        order = _order(channels, rgb)
        parts = list(parts.values())
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

    def _blends(self, transformation, chosen):
        """The numbers that `_blend` takes.

        Args:
            transformation: The result of `get_random_transformation`.
            chosen: Booleans of shape `(batch, ..., 3)`, at most one of them
                true per row: whether to change brightness, contrast or
                saturation. If none is chosen, the blend is the identity.

        Returns:
            Dict of tensors of shape `(batch, ..., rows, columns)`.
        """
        ops = self.backend.numpy
        names = ("brightness", "contrast", "saturation")
        changes = ops.stack([transformation[name] for name in names], axis=1)
        if len(chosen.shape) == 3:
            changes = changes[:, None]
        changes = self.backend.cast(chosen, "float32") * (changes - 1)
        changes = changes[..., None, None]
        brightness, contrast, saturation = (
            changes[..., operation, :, :] for operation in range(3)
        )
        # (1, 3): the weight of each channel in the gray image.
        weights = ops.reshape(np.float32(LUMINANCE_WEIGHTS), (1, 3))
        factor = 1 + brightness + contrast
        return {
            # The product of the colors with a 3x3 matrix per image.
            "matrix": (factor + saturation) * ops.eye(3, dtype="float32")
            - saturation * weights,
            "weights_of_means": -contrast * weights,
            "factor": factor,
            "weight_of_mean": -contrast,
        }

    def _blend(self, parts, blend):
        """One blend of each image, by the result of `_blends` for it."""
        ops = self.backend.numpy

        def colors(planes):
            mean = ops.mean(planes, axis=2, keepdims=True)
            offset = ops.matmul(blend["weights_of_means"], mean)
            return ops.matmul(blend["matrix"], planes) + offset

        def others(planes):
            mean = ops.mean(planes, axis=2, keepdims=True)
            return blend["factor"] * planes + blend["weight_of_mean"] * mean

        blended = {"colors": colors, "others": others}
        return {
            name: clip(self.backend, blended[name](planes), *self.value_range)
            for name, planes in parts.items()
        }

    def _shift_hue(self, parts, turn):
        if "colors" not in parts:
            return parts
        return {
            **parts,
            "colors": rotate_hue(self.backend, parts["colors"], turn),
        }

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "brightness": self.brightness,
            "contrast": self.contrast,
            "saturation": self.saturation,
            "hue": self.hue,
            "probability": self.probability,
        }


def _order(channels, rgb):
    """Red, green and blue, then the channels without color."""
    return [*rgb, *(c for c in range(channels) if c not in rgb)]


def _factor_interval(name, value):
    if isinstance(value, numbers.Real):
        value = check_not_negative(name, value)
        value = (max(0.0, 1 - value), 1 + value)
    return check_interval(name, value, 0)
