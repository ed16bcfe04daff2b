"""Recall of image-text retrieval during training."""

from collections.abc import Sequence
from typing import Any

from keras_contrastive.callbacks.image_text_evaluation import (
    ImageTextEvaluation,
)
from keras_contrastive.callbacks.image_text_evaluation import num_rows
from keras_contrastive.evaluation.retrieval_recall import as_image_index
from keras_contrastive.evaluation.retrieval_recall import as_ks
from keras_contrastive.evaluation.retrieval_recall import retrieval_recall
from keras_contrastive.metrics.retrieval_recall import DIRECTIONS


class RetrievalEvaluation(ImageTextEvaluation):
    """Logs the recall of image-to-text and text-to-image retrieval.

    Every `every_n_epochs` epochs and after the last one, all images and all
    texts are embedded and compared by `evaluation.retrieval_recall`, the
    protocol of the papers. The logs then hold, for each `k`,
    `val_image_to_text_recall@k` and `val_text_to_image_recall@k`. Epochs in
    between log NaN. `History`, the progress bar and callbacks later in the
    list see them. The callback does not affect training.

    With `validation_data`, `fit` logs recalls within each batch, under the same
    names for the same `k`. The recalls over all texts replace them, unless you
    choose another `prefix`.

    Args:
        images: Array of n images, or a dict of arrays, the inputs of the
            model's image encoder.
        texts: Array of m tokenized texts, or a dict of arrays, the inputs of
            the model's text encoder.
        image_index: Ints, shape `(m,)`: `image_index[j]` is the row of text
            j's image. Every image must have a text.
        ks: Positive ints, the numbers of candidates that may be returned.
        every_n_epochs: Number of epochs from one evaluation to the next.
        batch_size: Number of images or texts in a batch of `predict`.
        verbose: 0 is silent, 1 shows progress bars.
        prefix: Prefix of the keys in the logs.

    Raises:
        ValueError: If `image_index` does not fit the images and texts, or a
            number is out of range.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    data = kc.datasets.shapes(32, image_size=32)
    tokens = np.tile(data.labels[:, None], (1, 4)) + 1
    image_encoder = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(8, 8, strides=8),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    text_encoder = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            keras.layers.Embedding(16, 8),
            keras.layers.GlobalAveragePooling1D(),
        ]
    )
    model = kc.CLIPModel(image_encoder, text_encoder, projection_dim=8)
    model.compile()
    retrieval = kc.callbacks.RetrievalEvaluation(
        data.images[16:], tokens[16:], image_index=np.arange(16), ks=(1, 5)
    )
    history = model.fit(
        {"images": data.images[:16], "texts": tokens[:16]},
        callbacks=[retrieval],
        verbose=0,
    )
    print(history.history["val_image_to_text_recall@5"])
    ```

    Reference:
        - [Karpathy and Fei-Fei, 2015](https://arxiv.org/abs/1412.2306),
          section 4.1
    """

    def __init__(
        self,
        images: Any,
        texts: Any,
        image_index: Any,
        ks: Sequence[int] = (1, 5, 10),
        every_n_epochs: int = 1,
        batch_size: int = 256,
        verbose: int = 0,
        prefix: str = "val_",
    ):
        ks = as_ks(ks)
        super().__init__(
            images,
            [f"{prefix}{way}_recall@{k}" for way in DIRECTIONS for k in ks],
            every_n_epochs,
            batch_size,
            verbose,
        )
        self.texts = texts
        self.image_index = as_image_index(
            image_index, self.num_images, num_rows(texts, "texts")
        )
        self.ks = ks
        self.prefix = prefix

    def scores(self) -> dict[str, float]:
        recalls = retrieval_recall(
            self.embed_images(),
            self.embed_texts(self.texts),
            self.image_index,
            self.ks,
        )
        return {self.prefix + name: score for name, score in recalls.items()}
