"""Random flips of a volume."""

from typing import Any

import keras

from keras_contrastive.layers.volume_augmentation.random_volume_layer import (
    RandomVolumeLayer,
)
from keras_contrastive.layers.volume_augmentation.random_volume_layer import (
    per_volume,
)
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_list
from keras_contrastive.validation import check_probability

AXES = {"depth": 1, "height": 2, "width": 3}


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomVolumeFlip(RandomVolumeLayer):
    """Mirrors each volume along each of some axes with a probability.

    The axes are drawn independently. Leave out an axis whose direction has a
    meaning, such as the left and right of a body or the depth of a layer.

    Args:
        probability: Float, the probability that a volume is mirrored along an
            axis.
        axes: Tuple of some of `"depth"`, `"height"` and `"width"`.
        seed: Integer, or `None` for a random one.

    Call arguments:
        volumes: Tensor of shape `(batch, depth, height, width, channels)` or
            `(depth, height, width, channels)`.
        training: Boolean, whether to flip. Default `True`.

    Returns:
        Float tensor of the shape of `volumes`.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 4
            or 5.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    volumes = np.random.normal(size=(2, 16, 24, 24, 1))
    flipped = kc.layers.RandomVolumeFlip(axes=("height", "width"))(volumes)
    ```
    """

    def __init__(
        self,
        probability: float = 0.5,
        axes: tuple[str, ...] = ("depth", "height", "width"),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        self.probability = check_probability("probability", probability)
        axes = [axes] if isinstance(axes, str) else axes
        self.axes = tuple(check_list("axes", axes, "axes"))
        for axis in self.axes:
            check_choice("axes", axis, AXES)
        if not self.axes:
            raise ValueError(
                f"`axes` must hold at least one axis. Received: axes={axes!r}"
            )

    def get_random_transformation(self, volumes: Any, seed: Any = None) -> Any:
        """Draws which volumes to flip.

        Returns:
            Dict with `"apply"`, a boolean tensor of shape `(batch, len(axes))`.
        """
        draws = self.draw(volumes, len(self.axes), seed)
        return {"apply": draws < self.probability}

    def transform_volumes(self, volumes: Any, transformation: Any) -> Any:
        """Flips the chosen volumes along the chosen axes."""
        apply = self.backend.cast(transformation["apply"], "bool")
        for place, name in enumerate(self.axes):
            volumes = self.backend.numpy.where(
                per_volume(apply[:, place]),
                self.backend.numpy.flip(volumes, axis=AXES[name]),
                volumes,
            )
        return volumes

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "probability": self.probability,
            "axes": self.axes,
        }
