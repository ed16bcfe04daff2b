import threading
import warnings

import keras

from keras_contrastive.trainer.empty_data import NO_BATCH
from keras_contrastive.trainer.reports import REMEDY
from keras_contrastive.trainer.reports import check_batch_size
from keras_contrastive.trainer.reports import report_training
from keras_contrastive.trainer.reports import skipped_message
from keras_contrastive.trainer.reports import value_of
from keras_contrastive.trainer.reports import weights_are_finite
from keras_contrastive.trainer.training_statistics import LOSS
from keras_contrastive.validation import check_bool

# Embeddings that fill the sphere have spread 1. Those of an untrained network
# have about 0.9 with a BatchNorm in its head, and about 0.1 to 0.3 without.
_COLLAPSED = 0.02


class TrainingHealth(keras.callbacks.Callback):
    """Stops on unusable data or a NaN loss, and warns of collapse.

    `ContrastiveModel.fit` adds one automatically, unless it receives one. The
    callback checks after the first step (at the latest before the second one or
    at the end of the epoch) and at the end of each epoch. It raises a
    `ValueError` if, in any batch of the epoch,

    - the inputs were NaN or infinite, or images far outside their range (the
      augmenter's `value_range` for floats, that of the dtype for integers);
    - a token id was not in the vocabulary, a text lacked the end token that
      its encoder pools at, or a label was not a class of the probe;
    - the loss was NaN or infinite and the weights became so. If the optimizer
      skipped the step, as with a loss scale, the callback only warns.

    It also raises after the first step if the batch held a single example,
    which cannot be contrasted with anything, and at the end of training if the
    last update made the weights NaN or infinite.

    Bad values are not trained on: NaN inputs count as zeros, unknown ids as id
    0, and the probe ignores invalid labels. The weights are therefore usable
    after all of these errors, except if they are NaN or infinite themselves.

    At the end of each epoch it warns if the embeddings of all examples have
    become nearly one point: the loss then stays at the logarithm of the number
    of candidates and the representation is useless.

    Args:
        every_step: Bool, whether to check after each step instead of only
            after the first step and at the end of each epoch. The device waits
            for each check, and Keras then calls no callback asynchronously.

    Raises:
        ValueError: In `fit`, in the cases above; for an `every_step` that is
            not True or False.

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
        self.every_step = check_bool("every_step", every_step)

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._has_batches = False
        self._first_step = True
        self._skipped_steps = False
        self._thread = threading.get_ident()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = f"epoch {epoch + 1}"

    @property
    def async_safe(self) -> bool:
        """Whether Keras may call `on_train_batch_end` in another thread.

        If not, Keras waits in each step for the values of the logs.
        """
        return not self.every_step

    def on_train_batch_begin(
        self, batch: int, logs: dict | None = None
    ) -> None:
        self._has_batches = True
        if batch and self._first_step:
            self._look_at_step(batch - 1)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # In another thread, the next step may be changing the statistics.
        is_safe = threading.get_ident() == self._thread
        if self.every_step or (self._first_step and is_safe):
            self._look_at_step(batch)

    def _look_at_step(self, batch):
        seen = self.model.health.summary()
        if self.model.steps_per_execution == 1:
            step = f"step {batch + 1} of {self._epoch}"
            report_training(seen["findings"], step, is_step=True)
        else:
            report_training(seen["findings"], self._epoch)
        self._check_loss(seen)
        if self._first_step:
            self._first_step = False
            check_batch_size(seen)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not self._has_batches:
            raise ValueError(NO_BATCH)
        if self._first_step:
            self._look_at_step(0)  # the only step
        seen = self.model.health.summary()
        report_training(seen["findings"], self._epoch)
        self._check_loss(seen)
        # Not `<`, which is False for NaN.
        if seen["examples"] and not seen["spread"] >= _COLLAPSED:
            warnings.warn(
                f"The embeddings have collapsed in {self._epoch}: "
                "those of all examples are nearly the same point (spread "
                f"{seen['spread']:.3g}; 1 fills the sphere, 0 is one point). "
                "The representation does not improve from here. Usual causes: "
                f"{self.model.collapse_causes}.",
                stacklevel=2,
            )

    def on_train_end(self, logs: dict | None = None) -> None:
        # The loss shows the effect of an update only in the next step.
        if not self._first_step and not weights_are_finite(self.model):
            self._report_lost(
                "The weights must be finite. Received: NaN or infinite weights "
                f"after the last step of {self._epoch}."
            )

    def _check_loss(self, seen):
        finding = seen["findings"].get(LOSS)
        if finding is None or self._skipped_steps:
            return
        if weights_are_finite(self.model):
            self._skipped_steps = True
            warnings.warn(skipped_message(finding, self._epoch), stacklevel=3)
        else:
            self._report_lost(
                f"The loss must be finite. Received: {value_of(finding)} "
                f"after step {finding.batch + 1} of {self._epoch}."
            )

    def _report_lost(self, message):
        message = f"{message} {REMEDY}"
        if self.model.stop_training:
            # Another callback, such as TerminateOnNaN, has stopped training.
            warnings.warn(message, stacklevel=4)
        else:
            raise ValueError(message)
