from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.layers.multi_view import MultiView
from keras_contrastive.layers.projection_head import ProjectionHead
from keras_contrastive.losses.nt_xent_loss import NTXentLoss
from keras_contrastive.metrics.bad_values import not_ids
from keras_contrastive.metrics.batch_health import LABELS
from keras_contrastive.models.checks import check_images
from keras_contrastive.models.checks import check_label_form
from keras_contrastive.models.checks import check_labels
from keras_contrastive.models.checks import check_representation
from keras_contrastive.models.checks import is_pair
from keras_contrastive.models.checks import known_shape
from keras_contrastive.models.checks import value_range_of
from keras_contrastive.models.contrastive_model import ContrastiveModel
from keras_contrastive.models.default_augmenters import simclr_augmenter
from keras_contrastive.models.watched_values import vocabulary_size_of
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SimCLRModel(ContrastiveModel):
    """SimCLR: representations of images from unlabelled images.

    Of images by default, and of whatever else there is an encoder and an
    augmenter for: signals, sentences, rows of a table.

    Each image is augmented into two views. Encoder and projector turn a view x
    into the representation `h = encoder(x)` and the projection
    `z = projector(h)`, and the loss asks z of one view to find z of the other
    among the whole batch. Both views go through in one pass, so that a
    BatchNorm cannot tell them apart. After training, h is what you use: it is
    what `predict` returns.

    Optionally a linear probe learns the labels from h while the encoder
    trains, through a stopped gradient, so that the encoder never sees a label:
    a cheap look at the quality of h in every epoch.

    Args:
        encoder: Keras model or layer, images `(batch, height, width, 3)`, or
            what else the augmenter gives, to vectors `(batch, dim)`:
            `models.ResNet18`, a `keras.applications` model with
            `pooling="avg"`, your own.
        projector: Layer `(batch, dim)` to `(batch, projection_dim)`. Defaults
            to `ProjectionHead(dim, 128)`.
        augmenter: Layer that turns a batch of images into a batch of randomly
            changed images, or a `MultiView` of such layers. With
            `training=False` it must not change them, except for resizing.
            Defaults to `simclr_augmentation` for the size the encoder takes,
            `"cifar10"` up to 96 pixels and `"imagenet"` above.
            `keras.layers.Identity()` where the encoder's dropout alone makes
            the views differ.
        probe: Layer `(batch, dim)` to `(batch, num_classes)` logits, trained
            on the labels. Defaults to a Dense layer where `num_classes` is
            given, and to no probe where it is not.
        num_classes: Int, number of classes for the default probe.
        **kwargs: Those of `keras.Model`.

    Call arguments:
        x: Images of shape `(batch, height, width, 3)`: uint8 in [0, 255], or
            floats in the augmenter's `value_range`, [0, 1] by default. They
            are resized to the augmenter's size. With an augmenter that is not
            of images: whatever it takes, a tensor or a dict of tensors.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h, float tensor of shape `(batch, dim)`.

    `fit` and `evaluate` take images, or `(images, labels)` with int labels of
    shape `(batch,)`, as arrays, `tf.data.Dataset`, `PyDataset` or torch
    `DataLoader`. In place of the images they also take a tuple of two batches
    of views that were made elsewhere, `((view_a, view_b), labels)`; the
    augmenter then leaves them as they are. So inputs of several parts come as
    a dict, not as a tuple. `evaluate` returns the loss and metrics on two
    freshly augmented views, with the encoder in inference mode.

    The logs hold `loss`, which is the contrastive loss alone,
    `contrastive_accuracy`, and with a probe `probe_loss` and `probe_accuracy`.

    Raises:
        ValueError: If the encoder's output is not of rank 2, the images are
            not RGB images of rank 4 and the augmenter is one of images, there
            is a probe but no labels, or there is no augmenter and the encoder
            does not say what size of images it takes.

    Example:

    ```python
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    encoder = kc.models.ResNet18(stem="cifar", width=8)
    model = kc.SimCLRModel(encoder)
    model.compile()
    model.fit(images, batch_size=32, epochs=1, verbose=0)
    representations = model.predict(images, verbose=0)
    print(representations.shape)
    ```

    Reference:
        Chen et al., 2020, A Simple Framework for Contrastive Learning of
        Visual Representations.
    """

    named_losses = {"nt_xent": NTXentLoss}
    parts = ("encoder", "projector", "augmenter", "probe")

    def __init__(
        self,
        encoder: keras.Layer,
        projector: keras.Layer | None = None,
        augmenter: Any = None,
        probe: keras.Layer | None = None,
        num_classes: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        output_shape = known_shape(encoder, "output_shape")
        if output_shape is not None:
            check_representation(output_shape)
        if projector is None:
            if output_shape is None:
                raise ValueError(
                    "`projector` can only be left out for an encoder whose "
                    "output shape is known. Received: projector=None with "
                    f"encoder={encoder!r}; pass a "
                    "keras_contrastive.layers.ProjectionHead."
                )
            projector = ProjectionHead(
                output_shape[-1], 128, dtype=self.dtype_policy
            )
        if augmenter is None:
            augmenter = simclr_augmenter(encoder)
        if num_classes is not None:
            num_classes = check_positive_int("num_classes", num_classes)
        if probe is None and num_classes is not None:
            probe = keras.layers.Dense(num_classes, dtype="float32")
        self.encoder = encoder
        self.projector = projector
        self.multi_view = (
            augmenter
            if isinstance(augmenter, MultiView)
            else MultiView(augmenter, num_views=2)
        )
        if self.multi_view.num_views != 2:
            raise ValueError(
                "`augmenter` must make 2 views. Received: a MultiView with "
                f"num_views={self.multi_view.num_views}"
            )
        self.probe = probe
        if probe is not None:
            self.probe_objective = keras.losses.SparseCategoricalCrossentropy(
                from_logits=True
            )
            self.probe_loss = keras.metrics.Mean(name="probe_loss")
            self.probe_accuracy = keras.metrics.SparseCategoricalAccuracy(
                name="probe_accuracy"
            )

    @property
    def _augmenter(self):
        """The augmenter of the first view, which also prepares images."""
        return self.multi_view.augmenters[0]

    @property
    def value_range(self):
        return value_range_of(self._augmenter)

    def undecayed_variables(self) -> list:
        return [] if self.probe is None else self.probe.trainable_variables

    def make_views(self, x: Any, training: bool) -> Any:
        """Two augmented views; in evaluation too, or there is no loss."""
        if is_pair(x):
            views = [self._prepare(self._watch(v, training)) for v in x]
        else:
            views = self.multi_view(self._watch(x, training), training=True)
        return [self.watch_tokens(view, self.encoder) for view in views]

    def draw_views(self, x: Any) -> Any:
        if is_pair(x) or not self.multi_view.draws_first:
            return {"views": self.make_views(x, training=True)}
        x = self._watch(x, training=True)
        return {
            "examples": x,
            "transformations": self.multi_view.draw_transformations(x),
        }

    def finish_views(self, drawn: Any) -> Any:
        if "views" in drawn:
            return drawn["views"]
        return self.multi_view.transform(**drawn)

    def inspect(self, data: Any) -> None:
        x, _, _ = self.unpack_data(data)
        x = self._watch(x[0] if is_pair(x) else x, training=False)
        if vocabulary_size_of(self.encoder) is not None:
            self.watch_tokens(self._prepare(x), self.encoder)

    def embed(self, views: Any, training: bool) -> Any:
        both = keras.tree.map_structure(
            lambda *parts: ops.concatenate(parts, axis=0), *views
        )
        h = self.encoder(both, training=training)
        check_representation(h.shape)
        z = self.projector(h, training=training)
        return {
            "pair": ops.split(z, 2, axis=0),
            "representations": ops.split(h, 2, axis=0),
        }

    def call(self, x: Any, training: bool = False) -> Any:
        if is_pair(x):
            x = x[0]
        prepared = self._prepare(x)
        self.look_at(x)
        return self.encoder(prepared, training=training)

    def representation_model(self) -> keras.Model:
        """The encoder as a model of pixels, for models of your own.

        `encoder` takes what the augmenter gives, floats in its `value_range`.
        This model takes pixels from 0 to 255 and brings them there first. It
        shares the weights of the encoder, and neither augments nor resizes.

        Returns:
            A `keras.Sequential` model: images in [0, 255], uint8 or floats, of
            the shape `(batch, height, width, 3)` that the encoder takes, to h.

        Raises:
            ValueError: If the augmenter is not one of images.
        """
        if self.value_range is None:
            raise ValueError(
                "`representation_model` needs an augmenter of images, with a "
                f"`value_range`. Received: augmenter={self._augmenter!r}"
            )
        low, high = self.value_range
        shape = known_shape(self.encoder, "input_shape") or (None,) * 3 + (3,)
        # As exact as the augmenter is, under every policy.
        rescale = keras.layers.Rescaling(
            (high - low) / 255, low, name="rescale", dtype="float32"
        )
        return keras.Sequential(
            [
                keras.Input(shape[1:], name="pixels"),
                rescale,
                self.encoder,
            ],
            name="representation",
        )

    def check_values(self, x: Any, y: Any, sample_weight: Any) -> None:
        super().check_values(x, y, sample_weight)
        if self.probe is not None:
            check_labels(y, self.num_classes)

    @property
    def num_classes(self):
        """How many classes the probe tells apart, `None` if not known."""
        units = getattr(self.probe, "units", None)
        shape = known_shape(self.probe, "output_shape")
        return shape[-1] if units is None and shape else units

    def _watch(self, x, training):
        self._check(x)
        return self.watch(x, training)

    def _prepare(self, x):
        """The inputs as the encoder takes them, not augmented."""
        self._check(x)
        return self.multi_view.prepare(x)

    def _check(self, x):
        if self.value_range is not None:  # an augmenter of images
            check_images(x)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        if self.probe is not None:
            # First, since `losses` holds those that the probe adds.
            h = ops.concatenate(y_pred["representations"], axis=0)
            logits = self.probe(ops.stop_gradient(h), training=training)
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if self.probe is None:
            return loss
        if y is None:
            raise ValueError(
                "The data must be (images, labels) for a model with a probe. "
                "Received: images without labels. Pass the labels, or build "
                "the model with probe=None and num_classes=None."
            )
        count = ops.shape(y_pred["representations"][0])[0]
        y, usable = self._watch_labels(y, count, logits.shape[-1])
        labels = ops.concatenate([y, y], axis=0)
        if sample_weight is not None:
            usable = usable * ops.reshape(sample_weight, (-1,))
        sample_weight = ops.concatenate([usable, usable], axis=0)
        self.probe_accuracy.update_state(labels, logits, sample_weight)
        probe_loss = self.probe_objective(labels, logits, sample_weight)
        self.probe_loss.update_state(
            distribution.unscale_loss(probe_loss),
            sample_weight=ops.shape(labels)[0],
        )
        return loss + probe_loss

    def named_parts(self, x: Any, y: Any) -> dict[str, Any]:
        name = "x" if self.value_range is None else "images"
        return {name: x, "labels": y}

    def _watch_labels(self, y, count, num_classes):
        """Labels as integers, and 1 for each that can be, 0 for the others."""
        check_label_form(y)
        y = ops.reshape(y, (-1,))
        given = ops.shape(y)[0]
        bad, low, high = not_ids(y[:count], num_classes)
        if not isinstance(given, int):
            # One-hot labels, in a graph for labels of any shape.
            bad = ops.logical_or(bad, ops.not_equal(given, count))
            y = y[:count]
        self.health.record(LABELS, bad, low, high, num_classes)
        labels = ops.cast(ops.where(bad, 0, y), "int32")
        return labels, ops.cast(ops.logical_not(bad), "float32")

    def embedding_like(self, outputs: Any) -> Any:
        return self.projector(outputs)

    def build(self, input_shape: Any) -> None:
        output_shape = known_shape(self.encoder, "output_shape")
        if output_shape is None:
            if is_pair(input_shape):
                input_shape = input_shape[0]
            x = keras.tree.map_shape_structure(keras.KerasTensor, input_shape)
            output_shape = self.encoder(self._prepare(x)).shape
        check_representation(output_shape)
        h = keras.KerasTensor(output_shape)
        self.projector(h)
        if self.probe is not None:
            self.probe(h)
        self.built = True
        self.leave_undecayed()

    def build_from_encoders(self) -> None:
        if known_shape(self.encoder, "output_shape") is not None:
            self.build(None)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "encoder": serialize(self.encoder),
            "projector": serialize(self.projector),
            "augmenter": serialize(self.multi_view),
            "probe": serialize(self.probe),
        }
