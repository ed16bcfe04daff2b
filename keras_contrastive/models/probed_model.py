from typing import Any

import keras
from keras import ops

from keras_contrastive.data_validation import check_labels
from keras_contrastive.data_validation import known_shape
from keras_contrastive.models.contrastive_model import ContrastiveModel
from keras_contrastive.trainer.watched_inputs import watch_labels
from keras_contrastive.validation import check_layer
from keras_contrastive.validation import check_positive_int


class ProbedModel(ContrastiveModel):
    """Base of the methods with an online probe of their representations.

    The probe is a linear classifier that learns the labels from the
    representations h, without a gradient to the encoder. During training, its
    accuracy measures the quality of h.

    A subclass calls `add_probe` in its constructor, after it has set its other
    layers, and `probe(h)` when it is built. Its `embed` returns a dict with
    `"representations"`, a list of the h of each view. It may override
    `compute_embedding_loss`, to which the loss of the probe is added.
    """

    def add_probe(
        self, probe: keras.Layer | None, num_classes: int | None
    ) -> None:
        """Sets `probe` and, if there is one, its loss and accuracy.

        Args:
            probe: Layer `(batch, dim)` to `(batch, num_classes)` logits.
                Defaults to a Dense layer if `num_classes` is given, and to no
                probe otherwise.
            num_classes: Int, number of classes for the default probe.
        """
        if num_classes is not None:
            num_classes = check_positive_int("num_classes", num_classes)
        if probe is None and num_classes is not None:
            probe = keras.layers.Dense(
                num_classes, dtype="float32", name="probe"
            )
        self.probe: Any = probe
        if probe is not None:
            check_layer("probe", probe)
            self.probe_objective = keras.losses.SparseCategoricalCrossentropy(
                from_logits=True
            )
            self.probe_accuracy = keras.metrics.SparseCategoricalAccuracy(
                name="probe_accuracy"
            )

    @property
    def num_classes(self) -> int | None:
        """The number of classes of the probe, `None` if not known."""
        units = getattr(self.probe, "units", None)
        shape = known_shape(self.probe, "output_shape")
        return shape[-1] if units is None and shape else units

    @property
    def loss_names(self) -> tuple[str, ...]:
        return ("loss",) if self.probe is None else ("loss", "probe_loss")

    def undecayed_variables(self) -> list:
        return [] if self.probe is None else self.probe.trainable_variables

    def check_values(self, x: Any, y: Any, sample_weight: Any) -> None:
        super().check_values(x, y, sample_weight)
        if self.probe is not None:
            check_labels(y, self.num_classes)

    def compute_losses(
        self,
        embeddings: Any,
        targets: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> dict[str, Any]:
        loss = self.compute_embedding_loss(
            embeddings, targets, y, sample_weight
        )
        if self.probe is None:
            return {"loss": loss}
        h = embeddings["representations"]
        probe_loss = self.compute_probe_loss(h, y, sample_weight, training)
        return {"loss": loss, "probe_loss": probe_loss}

    def compute_embedding_loss(
        self, embeddings: Any, targets: Any, y: Any, sample_weight: Any
    ) -> Any:
        """The loss of the method, by default the compiled loss of the pair.

        Args:
            embeddings: The result of `embed`, for all examples of the batch.
            targets: The result of `embed_targets`.
            y: The labels, if the data has any.
            sample_weight: Optional float tensor of shape `(batch,)`.

        Returns:
            A scalar.
        """
        return self.loss(*embeddings["pair"], sample_weight=sample_weight)

    def compute_probe_loss(
        self, representations: Any, y: Any, sample_weight: Any, training: bool
    ) -> Any:
        """The loss of the probe, whose gradient does not reach the encoder.

        Args:
            representations: List of the h of each view, `(batch, dim)`.
            y: The labels.
            sample_weight: Optional float tensor of shape `(batch,)`.
            training: Whether the model trains.

        Returns:
            A scalar.
        """
        if y is None:
            raise ValueError(
                "The data must be (images, labels) for a model with a probe. "
                "Received: images without labels. Pass the labels, or build "
                "the model with probe=None and num_classes=None."
            )
        h = ops.concatenate(representations, axis=0)
        logits = self.probe(ops.stop_gradient(h), training=training)
        count = ops.shape(representations[0])[0]
        y, usable = watch_labels(self.health, y, count, logits.shape[-1])
        if sample_weight is not None:
            usable = usable * ops.reshape(sample_weight, (-1,))
        num_views = len(representations)
        labels = ops.concatenate([y] * num_views, axis=0)
        sample_weight = ops.concatenate([usable] * num_views, axis=0)
        self.probe_accuracy.update_state(labels, logits, sample_weight)
        return self.probe_objective(labels, logits, sample_weight)
