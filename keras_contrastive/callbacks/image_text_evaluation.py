"""Base of the callbacks that score an image-text model during `fit`."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_contrastive.callbacks.periodic_evaluation import PeriodicEvaluation


class ImageTextEvaluation(PeriodicEvaluation):
    """Base class: scores embeddings of images and texts during `fit`.

    Args:
        images: Array of n images, or a dict of arrays, the inputs of the
            model's image encoder.
        names: Keys in the logs.
        every_n_epochs: Number of epochs from one evaluation to the next.
        batch_size: Number of images or texts in a batch of `predict`.
        verbose: 0 is silent, 1 shows progress bars.
    """

    def __init__(
        self,
        images: Any,
        names: Sequence[str],
        every_n_epochs: int,
        batch_size: int,
        verbose: int,
    ):
        super().__init__(names, every_n_epochs)
        self.num_images = num_rows(images, "images")
        self.images = images
        self.batch_size = batch_size
        self.verbose = verbose

    def embed_images(self) -> Any:
        """Embeddings of the images, a NumPy array `(n, dim)`."""
        return self._predict({"images": self.images})["image_embeddings"]

    def embed_texts(self, texts: Any) -> Any:
        """Embeddings of tokenized texts, a NumPy array `(m, dim)`."""
        return self._predict({"texts": texts})["text_embeddings"]

    def _predict(self, inputs):
        return self.model.predict(
            inputs, batch_size=self.batch_size, verbose=self.verbose
        )


def num_rows(inputs, name):
    """Number of rows of an array or of a dict of arrays."""
    arrays = keras.tree.flatten(inputs)
    if not arrays or not all(getattr(array, "shape", ()) for array in arrays):
        raise ValueError(
            f"`{name}` must be an array, or a dict of arrays, as the model's "
            f"encoder takes it. Received: {type(inputs).__name__}"
        )
    return arrays[0].shape[0]
