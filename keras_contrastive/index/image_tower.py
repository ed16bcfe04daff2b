"""The image tower of a CLIP as a model from images to embeddings."""

from typing import Any

import keras


def image_tower(model: Any) -> Any:
    """A `CLIPModel` as a model from images to their embeddings.

    Other models are returned unchanged.
    """
    return ImageTower(model) if hasattr(model, "encode_image") else model


class ImageTower(keras.Model):
    """Maps images to the image embeddings of a `CLIPModel`.

    Args:
        clip: The `CLIPModel`.
    """

    def __init__(self, clip: Any):
        super().__init__()
        self.clip = clip

    def build(self, input_shape: Any) -> None:
        """Does nothing: the tower is built by its first call."""

    def call(self, images: Any) -> Any:
        return self.clip.encode_image(images)
