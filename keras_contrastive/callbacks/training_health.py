import math
import warnings

import keras

from keras_contrastive import distribution

# Embeddings that fill the sphere have spread 1, those of an untrained network
# with a BatchNorm in its head some 0.9, without one some 0.1 to 0.3.
_COLLAPSED = 0.02


class TrainingHealth(keras.callbacks.Callback):
    """Stops on unusable data, and warns when the embeddings collapse.

    `ContrastiveModel.fit` adds one by itself, unless it is given one. After the
    first step it raises a `ValueError` where the inputs were NaN or infinite,
    images far outside the augmenter's `value_range`, a text lacked the end
    token that its encoder pools at, or the batch held one example, which has
    nothing to be contrasted with. At the end of each epoch it does so for NaN
    inputs and endless texts in any batch of the epoch, and warns where the
    embeddings of all examples have become nearly one point: the loss then
    stands at the logarithm of the number of candidates and the representation
    is useless.

    Args:
        every_step: Bool, whether to look after each step, not after the first
            and at the end of each epoch only. The error then names the step
            whose inputs, or whose loss, were not finite, and the place in the
            batch of the first such input. The device waits for each look.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = kc.datasets.shapes(32, image_size=32).images / np.float32(255)
    images[21] = np.nan
    model = kc.SimCLRModel(kc.models.ConvNet(8, 2, (32, 32, 3)))
    model.compile()
    health = kc.callbacks.TrainingHealth(every_step=True)
    try:
        model.fit(images, batch_size=8, shuffle=False, callbacks=[health])
    except ValueError as error:
        print(error)  # 1 of the inputs of step 3 of epoch 1, number 5
    ```
    """

    def __init__(self, every_step: bool = False):
        super().__init__()
        self.every_step = every_step

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._first_step = True

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch
        self._epoch_read = False

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if not (self._first_step or self.every_step):
            return
        seen = self.model.health.summary()
        self._check_step(batch, seen, logs or {})
        if not self._first_step:
            return
        self._first_step = False
        self._check_texts_end(seen)
        if seen["out_of_range"]:
            raise ValueError(
                "The images must be uint8 in [0, 255], or floats in the "
                "`value_range` of the augmenter, which is "
                f"{self.model.value_range}. Received: images that span "
                f"[{seen['minimum']:.4g}, {seen['maximum']:.4g}]. "
                "Images normalised by mean and standard deviation belong "
                "behind the augmenter, not before it: make the normalisation "
                "the first layer of the encoder."
            )
        replicas = distribution.num_replicas()
        if replicas * seen["examples"] < 2 * seen["batches"]:
            raise ValueError(
                "A batch must hold at least 2 examples to contrast. "
                f"Received: {seen['examples']} in the first "
                f"{seen['batches']} batches; raise `batch_size`, and batch "
                "your dataset."
            )

    def on_test_begin(self, logs: dict | None = None) -> None:
        # Validation at the end of an epoch resets the metrics before
        # `on_epoch_end`, so the epoch is read here where there is one.
        self._read_epoch()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._read_epoch()

    def _read_epoch(self):
        if self._epoch_read:
            return
        self._epoch_read = True
        seen = self.model.health.summary()
        self._check_inputs_are_finite(seen)
        self._check_texts_end(seen)
        if seen["batches"] and seen["spread"] < _COLLAPSED:
            warnings.warn(
                f"The embeddings have collapsed in epoch {self._epoch + 1}: "
                "those of all examples are nearly the same point (spread "
                f"{seen['spread']:.3g}; 1 fills the sphere, 0 is one point). "
                "The representation learns nothing from here. Usual causes: a "
                "learning rate too high, views that differ in nothing, a loss "
                "without negatives, weights that became NaN.",
                stacklevel=2,
            )

    def _check_step(self, batch, seen, logs):
        step = f"step {batch + 1} of epoch {self._epoch + 1}"
        if seen["not_finite"]:
            # No earlier step had any, or it would have ended there.
            raise ValueError(
                "The inputs must be finite. Received: NaN or infinite values "
                f"in {seen['bad_inputs']} of the inputs of {step}, the first "
                f"of them number {seen['first_bad_input']} of the batch, "
                "counted from 0. They were trained on as zeros, so the weights "
                "are still usable."
            )
        loss = float(logs.get("loss", 0.0))
        if self.every_step and not math.isfinite(loss):
            raise ValueError(
                f"The loss must be finite. Received: {loss} after {step}, "
                "whose inputs were finite. The weights of a step before had "
                "become too large, most often by a learning rate too high: go "
                "back to a checkpoint, and lower it or clip the gradients."
            )

    def _check_inputs_are_finite(self, seen):
        if seen["not_finite"]:
            raise ValueError(
                "The inputs must be finite. Received: NaN or infinite values "
                f"in {seen['not_finite']} of {seen['batches']} batches of "
                f"epoch {self._epoch + 1}. They were trained on as zeros, so "
                "the weights are still usable."
            )

    def _check_texts_end(self, seen):
        if seen["without_end"]:
            raise ValueError(
                "Each text must contain the end token that the text encoder "
                f"pools at, {self.model.text_encoder.end_id}. Received: "
                f"{seen['without_end']} of {seen['examples']} texts without "
                f"it in epoch {self._epoch + 1}. Truncate so that the end "
                "token stays, and give the encoder the tokenizer's end id."
            )
