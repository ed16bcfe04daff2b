import threading
import warnings

import keras
import numpy as np

from keras_contrastive import distribution
from keras_contrastive.metrics.batch_health import LOSS
from keras_contrastive.metrics.health_messages import report_training
from keras_contrastive.validation import concrete

# Embeddings that fill the sphere have spread 1, those of an untrained network
# with a BatchNorm in its head some 0.9, without one some 0.1 to 0.3.
_COLLAPSED = 0.02


class TrainingHealth(keras.callbacks.Callback):
    """Stops on unusable data or a NaN loss, and warns of collapse.

    `ContrastiveModel.fit` adds one by itself, unless it is given one. After the
    first step, at the latest before the second one or at the end of the epoch,
    and at the end of each epoch it raises a `ValueError` where, in
    any batch of the epoch,

    - the inputs were NaN or infinite, or images far outside their range (the
      augmenter's `value_range` for floats, that of the dtype for integers);
    - a token id was not in the vocabulary, a text lacked the end token that
      its encoder pools at, or a label was no class of the probe;
    - the loss was NaN or infinite and the weights became so. A step that the
      optimizer skipped, as with a loss scale, is warned of.

    After the first step it also raises where the batch held one example, which
    has nothing to be contrasted with, and at the end of training where the
    last update spoilt the weights.

    Bad values are not trained on: NaN inputs count as zeros, unknown ids as id
    0, and the probe leaves out labels that it cannot have. So the weights are
    usable after all of these errors but the last.

    At the end of each epoch it warns where the embeddings of all examples have
    become nearly one point: the loss then stands at the logarithm of the number
    of candidates and the representation is useless.

    Args:
        every_step: Bool, whether to look after each step, not after the first
            and at the end of each epoch only. The device waits for each look,
            and Keras calls no callback asynchronously then.

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
        self._skipped_steps = False
        self._thread = threading.get_ident()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = f"epoch {epoch + 1}"

    @property
    def async_safe(self) -> bool:
        """Whether Keras may call `on_train_batch_end` in another thread.

        Otherwise it waits in each step for the values of the logs.
        """
        return not self.every_step

    def on_train_batch_begin(
        self, batch: int, logs: dict | None = None
    ) -> None:
        if batch and self._first_step:
            self._look_at_step(batch - 1)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # In another thread the next step may be changing what is looked at.
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
        if self._first_step:
            self._look_at_step(0)  # the only one
        seen = self.model.health.summary()
        report_training(seen["findings"], self._epoch)
        self._check_loss(seen)
        # Not `<`, which is False for NaN.
        if seen["batches"] and not seen["spread"] >= _COLLAPSED:
            warnings.warn(
                f"The embeddings have collapsed in {self._epoch}: "
                "those of all examples are nearly the same point (spread "
                f"{seen['spread']:.3g}; 1 fills the sphere, 0 is one point). "
                "The representation learns nothing from here. Usual causes: a "
                "learning rate too high, views that differ in nothing, a loss "
                "without negatives, weights that became NaN.",
                stacklevel=2,
            )

    def on_train_end(self, logs: dict | None = None) -> None:
        # The loss shows what an update did in the next step only.
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
            step = f"after step {finding.batch + 1} of {self._epoch}"
            self._report_lost(
                f"The loss must be finite. Received: {_value(finding)} {step}."
            )

    def _report_lost(self, message):
        message = f"{message} {_REMEDY}"
        if self.model.stop_training:
            # Another callback, such as TerminateOnNaN, has seen to it.
            warnings.warn(message, stacklevel=4)
        else:
            raise ValueError(message)


_REMEDY = (
    "The weights are lost, most often by a learning rate too high: go back to "
    "a checkpoint, and lower it or clip the gradients."
)


def check_step(model, seen):
    """Raises for what a single step of training must not have seen."""
    report_training(seen["findings"], "this step", is_step=True)
    check_batch_size(seen)
    finding = seen["findings"].get(LOSS)
    if finding is None:
        return
    if weights_are_finite(model):
        warnings.warn(skipped_message(finding, "this step"), stacklevel=3)
    else:
        raise ValueError(
            f"The loss must be finite. Received: {_value(finding)}. {_REMEDY}"
        )


def check_batch_size(seen):
    """Raises where batches held one example."""
    replicas = distribution.num_replicas()
    if replicas * seen["examples"] < 2 * seen["batches"]:
        raise ValueError(
            "A batch must hold at least 2 examples to contrast. "
            f"Received: {seen['examples']} in the first "
            f"{seen['batches']} batches; raise `batch_size`, and batch "
            "your dataset."
        )


def weights_are_finite(model):
    """Whether all trainable weights are finite numbers."""
    # By NumPy: JAX would compile a check for each shape.
    weights = (concrete(v.value) for v in model.trainable_variables)
    # One that is spread over several hosts has no values here.
    return all(w is None or np.isfinite(w).all() for w in weights)


def skipped_message(finding, where):
    """What to say of steps that were skipped since their loss was NaN."""
    return (
        f"The loss was NaN or infinite in {finding.bad_batches} of "
        f"{finding.batches} steps of {where}. The weights are finite: the "
        "optimizer skipped these steps. The `loss` in the logs, a mean over "
        "the steps, is not."
    )


def _value(finding):
    return "inf" if finding.low else "nan"
