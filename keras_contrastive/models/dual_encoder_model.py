from collections.abc import Mapping
from typing import Any

import keras

from keras_contrastive.data_validation import check_images
from keras_contrastive.data_validation import value_range_of
from keras_contrastive.layers.tower import Tower
from keras_contrastive.metrics.retrieval_recall import RetrievalRecall
from keras_contrastive.models.multimodal_model import MultimodalModel
from keras_contrastive.trainer.bad_values import check_token_ids
from keras_contrastive.trainer.bad_values import vocabulary_size_of
from keras_contrastive.trainer.watched_inputs import watch_inputs
from keras_contrastive.trainer.watched_inputs import watch_tokens
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DualEncoderModel(MultimodalModel):
    """CLIP for any kinds of data, such as audio and text or two sensors.

    Each kind of data, a *modality*, has a name and an encoder, followed by a
    linear projection without bias and L2 normalization. For two modalities, row
    i of one and row i of the other belong together. Training makes them more
    similar to each other than to any other row of the batch.

    With three or more modalities, one of them is the `anchor`. It is paired
    with each of the other modalities, as images are in ImageBind. The loss is
    the sum

    `sum over others m of loss(anchor embeddings, embeddings of m)`

    Two other modalities are never paired in training, but they can be compared,
    because both are aligned with the anchor.

    All pairs share one learned scale of the similarities, one over the
    temperature. A tower whose encoder's `trainable` is `False` before `compile`
    is locked, as in `CLIPModel`.

    For images and texts use `CLIPModel`, which adds a default augmenter,
    pretrained weights and zero-shot classification.

    Args:
        encoders: Dict of two or more names to encoders: Keras models or layers
            from inputs to vectors `(batch, dim)`. Names are Python identifiers,
            such as `"audio"`. Two names may share an encoder.
        projection_dim: Int, dimension of the common space.
        augmenters: Dict of some of the names to layers that change a batch at
            random and return inputs of the encoder. With `training=False` they
            must not change the batch, except for resizing. Inputs whose
            augmenter has a `value_range` are images, which are checked as in
            `CLIPModel`. Without an augmenter, inputs reach the encoder
            unchanged.
        anchor: Name of the modality that is paired with each of the others.
            Required for three or more modalities; for two, it defaults to the
            first.
        logit_scale: A `layers.LogitScale`. Defaults to one that `compile`
            adapts to the loss, as in `CLIPModel`.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: A dict with one or more of the names; for two modalities also
            a pair in their order. Each value is an input of the augmenter or,
            without one, of the encoder.
        training: Whether the encoders run in training mode.

    Returns:
        A dict with `"<name>_embeddings"` for each input: float32 of shape
        `(batch, projection_dim)`, rows of norm 1.

    `fit` and `evaluate` take dicts with all of the names, or pairs for two, as
    arrays, `tf.data.Dataset`, `PyDataset` or torch `DataLoader`. A dict may
    hold `"ids"`, integers of shape `(batch,)`: examples with the same id, such
    as several captions of one sound, are then not each other's negatives.
    Instead of ids it may hold sets of labels, rows of 0 and 1: examples that
    share a label are positives. `predict` takes any of the names:
    `predict({"audio": audio})`.

    The losses are `"clip"`, `"siglip"` and any loss of two sets of embeddings.
    The logs hold `loss`, the recalls at 1 of each pair in both directions,
    such as `audio_to_text_recall@1`, and the `logit_scale`; with three or more
    modalities also the loss of each pair, `<anchor>_<other>_loss`. A metric of
    `compile` is updated with each pair of embeddings, the anchor's first. A
    `RetrievalRecall` is updated only with the pair of its `modalities`.

    Attributes:
        anchor: The name of the modality that the others are paired with.
        pairs: Tuple of the pairs of names that are compared.

    Raises:
        ValueError: If there are fewer than two encoders, a name is not an
            identifier, `augmenters` or `anchor` is not among the names, an
            encoder's output is not of rank 2, or a batch lacks a modality.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    optical = np.random.uniform(size=(16, 8, 8, 3)).astype("float32")
    radar = np.random.normal(size=(16, 8, 8, 2)).astype("float32")
    model = kc.DualEncoderModel(
        {
            "optical": kc.models.ConvNet(8, 1, (8, 8, 3)),
            "radar": kc.models.ConvNet(8, 1, (8, 8, 2)),
        },
        projection_dim=8,
        augmenters={"radar": keras.layers.GaussianNoise(0.1)},
    )
    model.compile(loss="clip")
    model.fit({"optical": optical, "radar": radar}, batch_size=8, verbose=0)
    embeddings = model.predict({"radar": radar}, verbose=0)
    print(embeddings["radar_embeddings"].shape)  # (16, 8)
    print(model.encode("optical", optical[:2]).shape)  # (2, 8)
    ```

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision; Girdhar et al., 2023, ImageBind: One Embedding
        Space To Bind Them All, section 3.
    """

    parts = ("encoders", "augmenters", "logit_scale")

    def __init__(
        self,
        encoders: Mapping[str, keras.Layer],
        projection_dim: int = 512,
        augmenters: Mapping[str, keras.Layer] | None = None,
        anchor: str | None = None,
        logit_scale: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        names = _check_names(encoders, self.ids_name)
        augmenters = _check_augmenters(augmenters or {}, names)
        self.projection_dim = check_positive_int(
            "projection_dim", projection_dim
        )
        self.anchor = _check_anchor(anchor, names)
        self.pairs = tuple(
            (self.anchor, name) for name in names if name != self.anchor
        )
        self._names = names
        self.health.add_parts(names)
        # Each layer is an attribute. Files store the weights under its name,
        # which does not depend on the other layers.
        for name, augmenter in augmenters.items():
            setattr(self, f"{name}_augmenter", augmenter)
        for name, encoder in encoders.items():
            takes_ids = vocabulary_size_of(encoder) is not None
            tower = Tower(
                encoder,
                self.projection_dim,
                "int32" if takes_ids else "float32",
                name,
                dtype=self.dtype_policy,
            )
            setattr(self, f"{name}_tower", tower)
        self.add_logit_scale(logit_scale)

    @property
    def input_names(self) -> tuple[str, ...]:
        return self._names

    def tower_of(self, name: str) -> Tower:
        return getattr(self, f"{name}_tower")

    def augmenter_of(self, name: str) -> keras.Layer | None:
        return getattr(self, f"{name}_augmenter", None)

    def encode(self, name: str, inputs: Any, training: bool = False) -> Any:
        """Embeddings of a batch of one modality.

        For many examples use `predict({name: inputs})`, which processes them
        in batches.

        Args:
            name: Name of the modality.
            inputs: As in a call of the model.
            training: Whether to augment the inputs and to run the encoder in
                training mode.

        Returns:
            Float32 tensor of shape `(batch, projection_dim)`, rows of norm 1.

        Raises:
            ValueError: If there is no such modality.
        """
        check_choice("name", name, self.input_names)
        tower, augmenter = self.tower_of(name), self.augmenter_of(name)
        value_range = value_range_of(augmenter)
        if value_range is not None:
            check_images(inputs, tower.encoder)
        if self.is_direct:
            check_token_ids(inputs, tower.encoder)
        self.warn_of_bad_inputs(inputs, value_range, part=name)
        if augmenter is not None:
            inputs = augmenter(inputs, training=training)
        return tower(inputs, training=training)

    def call(self, inputs: Any, training: bool = False) -> Any:
        inputs = self.named_parts(inputs)
        return {
            f"{name}_embeddings": self.encode(name, inputs[name], training)
            for name in self.input_names
            if name in inputs
        }

    def watch_batch(self, inputs: dict[str, Any], training: bool) -> Any:
        watched = {}
        for name, x in inputs.items():
            encoder = self.tower_of(name).encoder
            value_range = value_range_of(self.augmenter_of(name))
            if value_range is not None:
                check_images(x, encoder)
            x = watch_inputs(self.health, x, value_range, training, part=name)
            watched[name] = watch_tokens(self.health, x, encoder, part=name)
        return watched

    def embed(self, views: Any, training: bool) -> Any:
        embeddings = {
            "modalities": {
                name: self.tower_of(name)(views[name], training=training)
                for name in self.input_names
            }
        }
        if self.ids_name in views:
            embeddings[self.ids_name] = views[self.ids_name]
        return embeddings

    def compute_losses(
        self,
        embeddings: Any,
        targets: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> dict[str, Any]:
        of, ids = embeddings["modalities"], embeddings.get(self.ids_name)
        losses = [
            self.pair_loss(of[first], of[second], ids, sample_weight)
            for first, second in self.pairs
        ]
        return dict(zip(self.loss_names, losses, strict=True))

    @property
    def loss_names(self) -> tuple[str, ...]:
        if len(self.pairs) == 1:
            return ("loss",)
        return tuple(f"{first}_{second}_loss" for first, second in self.pairs)

    # Metrics of each pair.

    def default_metrics(self) -> list[keras.metrics.Metric]:
        return [
            RetrievalRecall(1, f"{query}_to_{key}", modalities=pair)
            for pair in self.pairs
            for query, key in (pair, pair[::-1])
        ]

    def metric_inputs(self, embeddings: Any, targets: Any) -> tuple:
        of = embeddings["modalities"]
        return tuple(of[name] for name in self.input_names)

    def update_metrics(
        self, embeddings: Any, targets: Any, sample_weight: Any
    ) -> None:
        self.health.update_embeddings(*self.metric_inputs(embeddings, targets))
        of = embeddings["modalities"]
        for pair in self.pairs:
            self.step_metrics.update_metrics(
                (of[pair[0]], of[pair[1]]),
                sample_weight,
                takes=lambda metric, pair=pair: self._is_of(metric, pair),
            )

    def _is_of(self, metric, pair):
        """Whether a metric is updated with a pair."""
        if len(self.pairs) == 1 or not isinstance(metric, RetrievalRecall):
            return True
        if metric.modalities not in self.pairs:
            raise ValueError(
                "The `modalities` of a RetrievalRecall must be a pair of the "
                f"model, one of {self.pairs}. Received: "
                f"modalities={metric.modalities} in the metric {metric.name!r}"
            )
        return metric.modalities == pair

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        augmenters = {
            name: serialize(self.augmenter_of(name))
            for name in self.input_names
            if self.augmenter_of(name) is not None
        }
        return {
            **super().get_config(),
            "encoders": {
                name: serialize(self.tower_of(name).encoder)
                for name in self.input_names
            },
            "projection_dim": self.projection_dim,
            "augmenters": augmenters,
            "anchor": self.anchor,
            "logit_scale": serialize(self.logit_scale),
        }


def _listed(names):
    return ", ".join(map(repr, names))


def _check_names(encoders, ids_name):
    """The names of the encoders, as a tuple."""
    if not isinstance(encoders, Mapping) or len(encoders) < 2:
        received = f"encoders={encoders!r}"
        if isinstance(encoders, Mapping):
            received = f"{len(encoders)} of them, {_listed(encoders)}"
        raise ValueError(
            "`encoders` must be a dict of two or more names to encoders, such "
            f'as {{"audio": ..., "text": ...}}. Received: {received}'
        )
    for name, encoder in encoders.items():
        is_name = isinstance(name, str) and name.isidentifier()
        if not is_name or name in (ids_name, "transformations"):
            raise ValueError(
                "`encoders` must have names of letters, digits and "
                f"underscores, other than {ids_name!r} and 'transformations'. "
                f"Received: the name {name!r}"
            )
        _check_layer("encoders", name, encoder)
    return tuple(encoders)


def _check_augmenters(augmenters, names):
    """The augmenters as a dict, in the order of the encoders."""
    if not isinstance(augmenters, Mapping) or not set(augmenters) <= set(names):
        received = augmenters
        if isinstance(augmenters, Mapping):
            received = f"the names {_listed(augmenters)}"
        raise ValueError(
            "`augmenters` must be a dict of some of the names of the encoders, "
            f"{_listed(names)}, to layers. Received: {received}"
        )
    given = {n: augmenters[n] for n in names if augmenters.get(n) is not None}
    for name, augmenter in given.items():
        _check_layer("augmenters", name, augmenter)
    return given


def _check_layer(argument, name, layer):
    if not isinstance(layer, keras.Layer):
        raise ValueError(
            f"`{argument}` must be Keras layers or models. "
            f"Received: {layer!r} for {name!r}"
        )


def _check_anchor(anchor, names):
    if anchor is None and len(names) == 2:
        return names[0]
    if anchor not in names:
        raise ValueError(
            f"`anchor` must be one of the names of the encoders, "
            f"{_listed(names)}: with more than two, it is paired with each "
            f"other one. Received: anchor={anchor!r}"
        )
    return anchor
