"""Zero-shot accuracy during training."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_contrastive.callbacks.image_text_evaluation import (
    ImageTextEvaluation,
)
from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.evaluation.prompts import GENERAL_TEMPLATES
from keras_contrastive.evaluation.zero_shot_classify import zero_shot_classify
from keras_contrastive.evaluation.zero_shot_weights import as_class_names
from keras_contrastive.evaluation.zero_shot_weights import as_templates
from keras_contrastive.evaluation.zero_shot_weights import zero_shot_weights


class ZeroShotEvaluation(ImageTextEvaluation):
    """Logs the accuracy of classification using only the class names.

    Every `every_n_epochs` epochs and after the last one, `zero_shot_accuracy`
    in the logs is the fraction of images that are more similar to the
    description of their class than to those of the others, see
    `evaluation.zero_shot_weights`. Epochs in between log NaN. `History`, the
    progress bar and callbacks later in the list see it. The callback does not
    affect training.

    Args:
        images: Array of n images, or a dict of arrays, the inputs of the
            model's image encoder.
        labels: Ints, shape `(n,)`: the index of the class in `class_names`.
        class_names: Strings, as they appear in a sentence.
        tokenizer: Function from a list of strings to inputs of the model's text
            encoder, such as an int array of shape `(n, context_length)`.
        templates: As in `evaluation.zero_shot_weights`: strings with `{}` in
            place of the name, functions of the name, or the name of a
            `prompt_set`.
        every_n_epochs: Number of epochs from one evaluation to the next.
        batch_size: Number of images or texts in a batch of `predict`.
        verbose: 0 is silent, 1 shows progress bars.
        name: Key in the logs.

    Raises:
        ValueError: If the labels do not fit the images or the class names, a
            template has no place for the name, or a number is out of range.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    data = kc.datasets.shapes(32, image_size=32)

    def tokenizer(texts):
        # One token for the class, and three for nothing.
        ids = [[name in text for name in data.class_names] for text in texts]
        return np.tile(1 + np.argmax(ids, axis=1)[:, None], (1, 4))

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
    zero_shot = kc.callbacks.ZeroShotEvaluation(
        data.images[16:],
        data.labels[16:],
        data.class_names,
        tokenizer,
        templates=["a picture of a {}"],
    )
    history = model.fit(
        {"images": data.images[:16], "texts": tokenizer(data.captions[:16])},
        callbacks=[zero_shot],
        verbose=0,
    )
    print(history.history["zero_shot_accuracy"])
    ```

    Reference:
        - [Radford et al., 2021](https://arxiv.org/abs/2103.00020),
          section 3.1
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        class_names: Sequence[str],
        tokenizer: Callable,
        templates: str
        | Sequence[str | Callable[[str], str]] = GENERAL_TEMPLATES,
        every_n_epochs: int = 1,
        batch_size: int = 256,
        verbose: int = 0,
        name: str = "zero_shot_accuracy",
    ):
        super().__init__(images, [name], every_n_epochs, batch_size, verbose)
        if not callable(tokenizer):
            raise ValueError(
                "`tokenizer` must be a function of a list of strings. "
                f"Received: {tokenizer!r}"
            )
        self.class_names = as_class_names(class_names)
        self.labels = as_labels(labels, "labels", self.num_images)
        last = len(self.class_names) - 1
        out_of_range = (
            self.labels
            if self.labels.dtype.kind not in "iu"
            else self.labels[(self.labels < 0) | (self.labels > last)]
        )
        if len(out_of_range):
            raise ValueError(
                "`labels` must be positions in `class_names`, integers from 0 "
                f"to {last}. Received: {out_of_range[0]!r}"
            )
        self.tokenizer = tokenizer
        self.templates = as_templates(templates)
        self.name = name

    def scores(self) -> dict[str, float]:
        weights = zero_shot_weights(
            lambda texts: self.embed_texts(self.tokenizer(texts)),
            self.class_names,
            self.templates,
        )
        predicted = zero_shot_classify(self.embed_images(), weights)
        return {self.name: float(np.mean(predicted == self.labels))}
