from typing import Any

import keras
from keras import ops

from keras_contrastive.data_validation import check_channels
from keras_contrastive.data_validation import check_images
from keras_contrastive.data_validation import check_representation
from keras_contrastive.data_validation import is_pair
from keras_contrastive.data_validation import known_shape
from keras_contrastive.data_validation import representation_shape
from keras_contrastive.data_validation import value_range_of
from keras_contrastive.layers.image_augmentation.default_augmenters import (
    simclr_augmenter,
)
from keras_contrastive.layers.multi_view import as_multi_view
from keras_contrastive.layers.projection_head import ProjectionHead
from keras_contrastive.models.probed_model import ProbedModel
from keras_contrastive.trainer.bad_values import vocabulary_size_of
from keras_contrastive.validation import check_layer


@keras.saving.register_keras_serializable(package="keras_contrastive")
class JointEmbeddingModel(ProbedModel):
    """Base of the methods that embed views of one example with one encoder.

    It holds what `SimCLRModel` and its relatives have in common: the views of
    an augmenter, the encoder and the projector, `h = encoder(x)` and
    `z = projector(h)`, and the checks of images. An optional online probe, a
    linear classifier, learns the labels from h without a gradient to the
    encoder. `predict` returns h.

    A method adds its `named_losses`, and overrides what differs:

    * `default_projector(dim)` makes the projector for an encoder of width
      `dim`.
    * `make_multi_view(augmenter)` makes the layer of views.
    * `embed(views, training)` returns a dict: by default `"pair"`, the z of the
      two views, and `"representations"`, a list of the h of each view.
      `encode_views` encodes all views as one batch, so that a BatchNorm cannot
      distinguish them.
    * `compute_embedding_loss` returns the loss of the method, by default the
      compiled loss of the pair. The loss of the probe is added to it.
    * `build_heads(h)` builds the layers that the method adds, and `get_config`
      returns their config.

    Args:
        encoder: Keras model or layer from the augmenter's outputs to vectors
            `(batch, dim)`.
        projector: Layer `(batch, dim)` to `(batch, projection_dim)`. Defaults
            to `default_projector(dim)`, here `ProjectionHead(dim, 128)`.
        augmenter: Layer that turns a batch of examples into a batch of randomly
            changed examples, or a `MultiView` of such layers. Defaults to
            `simclr_augmentation` for the size of images that the encoder
            takes.
        probe: Layer `(batch, dim)` to `(batch, num_classes)` logits, trained
            on the labels. Defaults to a Dense layer if `num_classes` is given,
            and to no probe otherwise.
        num_classes: Int, number of classes for the default probe.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        x: Images or other inputs of the augmenter, as in `SimCLRModel`.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h, float tensor of shape `(batch, dim)`.

    Raises:
        ValueError: As in `SimCLRModel`.

    Example:

    ```python
    import keras
    import keras_contrastive as kc

    class OneWayModel(kc.models.JointEmbeddingModel):
        # The first view looks for the second, not the second for the first.
        named_losses = {"info_nce": kc.losses.QueueInfoNCELoss}

        def compute_embedding_loss(
            self, embeddings, targets, y, sample_weight
        ):
            queries, keys = embeddings["pair"]
            keys = keras.ops.stop_gradient(keys)
            return self.loss(queries, keys, sample_weight=sample_weight)

    data = kc.datasets.shapes(64, image_size=32, label="color")
    model = OneWayModel(kc.models.ConvNet(8, 2, (32, 32, 3)), num_classes=8)
    model.compile()
    model.fit(data.images, data.labels, batch_size=32, verbose=0)
    ```

    Reference:
        Chen et al., 2020, A Simple Framework for Contrastive Learning of
        Visual Representations, section 2, for the parts and their names.
    """

    parts: tuple[str, ...] = ("encoder", "projector", "augmenter", "probe")
    exportable = (
        "its encoder: `model.representation_model().export(path)` for pixels "
        "of 0 to 255, `model.encoder.export(path)` for what the augmenter "
        "returns"
    )

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
        check_layer("encoder", encoder)
        output_shape = representation_shape(encoder)
        if projector is None:
            if output_shape is None:
                raise ValueError(
                    "`projector` can only be left out for an encoder whose "
                    "output shape is known. Received: projector=None with "
                    f"encoder={encoder!r}; pass a "
                    "keras_contrastive.layers.ProjectionHead."
                )
            projector = self.default_projector(output_shape[-1])
        check_layer("projector", projector)
        if augmenter is None:
            augmenter = simclr_augmenter(encoder)
        self.encoder = encoder
        self.projector = projector
        self.multi_view = self.make_multi_view(augmenter)
        self.add_probe(probe, num_classes)

    def default_projector(self, dim: int) -> keras.Layer:
        """The projector for representations of width `dim`."""
        return ProjectionHead(dim, 128, dtype=self.dtype_policy)

    @property
    def projection_dim(self) -> int:
        """The width of z."""
        dim = self._width("projector")
        return self.projector.compute_output_shape((None, dim))[-1]

    def _width(self, of):
        """The width of h, which `of` must know."""
        shape = known_shape(self.encoder, "output_shape")
        if shape is None:
            raise ValueError(
                "`encoder` must know its output shape: build it, or begin it "
                f"with keras.Input, so that the {of} can be built. Received: "
                f"encoder={self.encoder!r}"
            )
        return shape[-1]

    def make_multi_view(self, augmenter: Any) -> keras.Layer:
        """The layer that makes the views with the argument `augmenter`."""
        return as_multi_view(augmenter, 2)

    @property
    def augmenter(self) -> Any:
        """The augmenter of all views, or a list of one for each view."""
        return self.multi_view.augmenter

    def __dir__(self):
        # Keras saves a layer under the first attribute that holds it, and
        # saved files hold the augmenter under `multi_view`.
        return [name for name in super().__dir__() if name != "augmenter"]

    @property
    def _augmenter(self):
        """The augmenter of the first view, which also prepares images."""
        return self.multi_view.augmenters[0]

    @property
    def value_range(self):
        return value_range_of(self._augmenter)

    def make_views(self, x: Any, training: bool) -> Any:
        """Two augmented views, also in evaluation: the loss needs them."""
        if self._is_views(x):
            views = [self._prepare(self._watch(v, training)) for v in x]
        else:
            views = self.multi_view(self._watch(x, training), training=True)
        self._check_channels(views)
        return [self.watch_tokens(view, self.encoder) for view in views]

    def draw_views(self, x: Any) -> Any:
        if self._is_views(x) or not self.multi_view.draws_first:
            return {"views": self.make_views(x, training=True)}
        x = self._watch(x, training=True)
        return {
            "examples": x,
            "transformations": self.multi_view.draw_transformations(x),
        }

    def finish_views(self, drawn: Any) -> Any:
        if "views" in drawn:
            return drawn["views"]
        views = self.multi_view.transform(**drawn)
        self._check_channels(views)
        return views

    def inspect(self, data: Any) -> None:
        x, _, _ = self.unpack_data(data)
        x = self._watch(x[0] if self._is_views(x) else x, training=False)
        if vocabulary_size_of(self.encoder) is not None:
            self.watch_tokens(self._prepare(x), self.encoder)

    def encode_views(self, views: Any, training: bool) -> tuple[Any, Any]:
        """The h and the z of all views, encoded as one batch.

        Args:
            views: List of views, each a structure of tensors whose first axis
                is the batch.
            training: Whether encoder and projector run in training mode.

        Returns:
            Two float tensors of shapes `(views * batch, dim)` and
            `(views * batch, projection_dim)`: the rows of the first view, then
            those of the second.
        """
        h = self.encoder(join_views(views), training=training)
        check_representation(h)
        return h, self.projector(h, training=training)

    def embed(self, views: Any, training: bool) -> Any:
        h, z = self.encode_views(views, training)
        return {
            "pair": ops.split(z, 2, axis=0),
            "representations": ops.split(h, 2, axis=0),
        }

    def call(self, x: Any, training: bool = False) -> Any:
        if self._is_views(x):
            x = x[0]
        prepared = self._prepare(x)
        self._check_channels([prepared])
        self.warn_of_bad_inputs(x)
        return self.encoder(prepared, training=training)

    def representation_model(self) -> keras.Model:
        """The encoder as a model from pixels, for use in other models.

        `encoder` takes the augmenter's outputs, floats in its `value_range`.
        This model takes pixels from 0 to 255 and converts them to that range
        first. It shares the weights of the encoder, and neither augments nor
        resizes.

        Returns:
            A `keras.Sequential` model from images to h. The images are uint8 or
            floats in [0, 255], in the input shape of the encoder, such as
            `(batch, height, width, 3)`.

        Raises:
            ValueError: If the augmenter has no `value_range`.
        """
        if self.value_range is None:
            raise ValueError(
                "`representation_model` needs an augmenter of images, with a "
                f"`value_range`. Received: augmenter={self._augmenter!r}"
            )
        low, high = self.value_range
        shape = known_shape(self.encoder, "input_shape") or (None,) * 3 + (3,)
        # In float32 like the augmenter, under every dtype policy.
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

    def _is_views(self, x):
        """Whether inputs, or their shape, are views made elsewhere."""
        return is_pair(x)

    def _watch(self, x, training):
        self._check(x)
        return self.watch(x, training)

    def _prepare(self, x):
        """Converts the inputs to the encoder's format, without augmentation."""
        self._check(x)
        return self.multi_view.prepare(x)

    def _check_channels(self, views):
        if self.value_range is not None:
            for view in views:
                check_channels(view, self.encoder)

    def _check(self, x):
        if self.value_range is not None:  # an augmenter of images
            check_images(x, self.encoder)

    def named_parts(self, x: Any, y: Any) -> dict[str, Any]:
        name = "x" if self.value_range is None else "images"
        return {name: x, "labels": y}

    def build(self, input_shape: Any) -> None:
        output_shape = representation_shape(self.encoder)
        if output_shape is None:
            if self._is_views(input_shape):
                input_shape = input_shape[0]
            x = keras.tree.map_shape_structure(keras.KerasTensor, input_shape)
            h = self.encoder(self._prepare(x))
            check_representation(h)
            output_shape = h.shape
        self.build_heads(keras.KerasTensor(output_shape))
        self.built = True
        self.exclude_from_weight_decay()

    def build_heads(self, h: Any) -> None:
        """Builds the layers that follow the encoder, whose output is `h`."""
        self.projector(h)
        if self.probe is not None:
            self.probe(h)

    def build_from_encoders(self) -> None:
        if representation_shape(self.encoder) is not None:
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


def join_views(views: Any) -> Any:
    """The views as one batch: the rows of the first, then of the second."""
    return keras.tree.map_structure(
        lambda *parts: ops.concatenate(parts, axis=0), *views
    )
