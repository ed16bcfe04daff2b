from typing import Any

import keras
from keras import ops

from keras_contrastive.data_validation import check_ids
from keras_contrastive.data_validation import check_images
from keras_contrastive.data_validation import value_range_of
from keras_contrastive.layers.image_augmentation.default_augmenters import (
    clip_augmenter,
)
from keras_contrastive.layers.logit_scale import LogitScale
from keras_contrastive.layers.logit_scale import scale_for_loss
from keras_contrastive.layers.multi_view import draws_first
from keras_contrastive.layers.tower import Tower
from keras_contrastive.losses.clip_loss import CLIPLoss
from keras_contrastive.losses.siglip_loss import SigLIPLoss
from keras_contrastive.metrics.retrieval_recall import RetrievalRecall
from keras_contrastive.models.contrastive_model import ContrastiveModel
from keras_contrastive.pretrained.pretrained_clip import PretrainedCLIP
from keras_contrastive.trainer.bad_values import check_token_ids
from keras_contrastive.trainer.compile_arguments import parameters
from keras_contrastive.trainer.image_text_inputs import image_text_inputs
from keras_contrastive.trainer.keras_internals import replace_layer
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class CLIPModel(PretrainedCLIP, ContrastiveModel):
    """CLIP: images and texts as vectors in one space.

    Two encoders, each followed by a linear projection without bias and L2
    normalization, are trained so that an image and its text are more similar
    than the image and any other text of the batch. The scale of the
    similarities, one over the temperature, is learned too. The trained model
    classifies images using only the names of classes and finds images for a
    sentence.

    A tower whose `trainable` is `False` before `compile` is locked: neither
    its weights nor its batch statistics change, and it runs in inference mode.
    With a pretrained image tower that is LiT.

    Args:
        image_encoder: Keras model or layer, images to vectors `(batch, dim)`:
            `models.VisionTransformer`, `models.ResNet50`, a
            `models.pooled(backbone)` or your own.
        text_encoder: Keras model or layer, tokens to vectors `(batch, dim)`:
            `models.TextTransformer`, a `models.pooled(backbone)` or your own.
        projection_dim: Int, dimension of the common space.
        augmenter: Layer that turns a batch of images into a batch of randomly
            changed images of the size that the image encoder takes. With
            `training=False` it must not change them, except for resizing.
            Defaults to CLIP's, a `RandomResizedCrop` of 90 to 100 % of the
            area.
        logit_scale: A `layers.LogitScale`. Defaults to one that `compile`
            adapts to the loss: it starts at the loss's temperature, and has a
            bias if the loss has one. Once trained, the scale keeps its value
            when the model is compiled with another loss.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: A dict with `"images"`, `"texts"` or both; a tuple
            `(images, texts)`; or images alone. Images have the shape
            `(batch, height, width, channels)`, with as many channels as the
            encoder takes, and are uint8 in [0, 255], or floats in the
            augmenter's `value_range`, [0, 1] by default. Texts are what the
            text encoder takes, such as int tokens of shape
            `(batch, context_length)`.
        training: Whether the encoders run in training mode.

    Returns:
        A dict with `"image_embeddings"`, `"text_embeddings"` or both, one for
        each input: float32 of shape `(batch, projection_dim)`, rows of norm 1.

    `fit` and `evaluate` take dicts `{"images": ..., "texts": ...}`, or pairs
    `(images, texts)`, as arrays, `tf.data.Dataset`, `PyDataset` or torch
    `DataLoader`. A dict may hold `"image_ids"`, integers of shape `(batch,)`:
    captions with the same image id are then not each other's negatives. An
    encoder that does not know its output shape before its first call needs
    the dict.

    The logs hold `loss`, the in-batch recalls at 1 of both directions, and the
    `logit_scale`, which should rise from 14.3 and rarely reach 100, CLIP's
    bound; with a bias also `logit_bias`.

    `CLIPModel.from_checkpoint` loads pretrained weights of OpenAI, open_clip
    or transformers, `CLIPModel.from_preset` those of keras-hub, and
    `save_checkpoint` saves a checkpoint.

    Raises:
        ValueError: If an encoder's output is not of rank 2, the images are not
            images that the encoder takes, texts are missing, or there is no
            augmenter and the image encoder does not say what image size it
            takes.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    images = kc.datasets.shapes(16, image_size=32).images
    tokens = np.tile([1, 2, 3, 4], (16, 1))
    tokens[:, 1] = np.arange(16) + 5
    model = kc.CLIPModel(
        kc.models.ResNet18(stem="cifar", width=8),
        kc.models.TextTransformer(
            vocabulary_size=32, end_id=4, context_length=4,
            width=16, num_layers=1, num_heads=2,
        ),
        projection_dim=8,
    )
    model.compile(loss="clip")
    model.fit({"images": images, "texts": tokens}, batch_size=8, verbose=0)
    texts = model.encode_text(tokens[:2])
    print(model.encode_image(images[:2]) @ keras.ops.transpose(texts))
    ```

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision; Zhai et al., 2023, Sigmoid Loss for Language
        Image Pre-Training; Zhai et al., 2022, LiT: Zero-Shot Transfer with
        Locked-image text Tuning.
    """

    named_losses = {"clip": CLIPLoss, "siglip": SigLIPLoss}
    parts = ("image_encoder", "text_encoder", "augmenter", "logit_scale")

    def __init__(
        self,
        image_encoder: keras.Layer,
        text_encoder: keras.Layer,
        projection_dim: int = 512,
        augmenter: Any = None,
        logit_scale: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        projection_dim = check_positive_int("projection_dim", projection_dim)
        if augmenter is None:
            augmenter = clip_augmenter(image_encoder)
        self.projection_dim = projection_dim
        self.augmenter = augmenter
        self.image_tower = Tower(
            image_encoder, projection_dim, "float32", self.dtype_policy, "image"
        )
        self.text_tower = Tower(
            text_encoder, projection_dim, "int32", self.dtype_policy, "text"
        )
        # Created last: saved files rely on the order.
        self._has_default_scale = logit_scale is None
        self.logit_scale = LogitScale() if logit_scale is None else logit_scale

    @property
    def image_encoder(self):
        return self.image_tower.encoder

    @property
    def text_encoder(self):
        return self.text_tower.encoder

    def encode_image(self, images: Any, training: bool = False) -> Any:
        """Embeddings of a batch of images.

        For many images use `predict({"images": images})`, which processes them
        in batches.

        Args:
            images: As in a call of the model.
            training: Whether to augment the images and to run the encoder in
                training mode.

        Returns:
            Float32 tensor of shape `(batch, projection_dim)`, rows of norm 1.
        """
        check_images(images, self.image_encoder)
        views = self.augmenter(images, training=training)
        self.warn_of_bad_inputs(images)
        return self.image_tower(views, training=training)

    def encode_text(self, texts: Any, training: bool = False) -> Any:
        """Embeddings of a batch of texts.

        For many texts use `predict({"texts": texts})`, which processes them in
        batches.

        Args:
            texts: What the text encoder takes.
            training: Whether to run the encoder in training mode.

        Returns:
            Float32 tensor of shape `(batch, projection_dim)`, rows of norm 1.
        """
        self.look_at_texts(texts)
        return self.text_tower(texts, training=training)

    def call(self, inputs: Any, training: bool = False) -> Any:
        inputs = image_text_inputs(inputs)
        outputs = {}
        if "images" in inputs:
            images = inputs["images"]
            outputs["image_embeddings"] = self.encode_image(images, training)
        if "texts" in inputs:
            texts = inputs["texts"]
            outputs["text_embeddings"] = self.encode_text(texts, training)
        return outputs

    def look_at_texts(self, texts: Any) -> None:
        """Raises for unknown ids in a direct call with concrete values."""
        if self.is_direct:
            check_token_ids(texts, self.text_encoder)

    def check_values(self, x: Any, y: Any, sample_weight: Any) -> None:
        super().check_values(x, y, sample_weight)
        if isinstance(x, (dict, tuple, list)) or hasattr(x, "shape"):
            texts = image_text_inputs(x, y).get("texts")
            check_token_ids(texts, self.text_encoder)

    # The three functions of the method.

    def make_views(self, x: Any, training: bool) -> Any:
        return self.augment(self._watch(x, training), training)

    def augment(self, views: Any, training: bool) -> Any:
        """The dict of inputs, already checked, with augmented images."""
        images = self.augmenter(views["images"], training=training)
        return {**views, "images": images}

    def draw_views(self, x: Any) -> Any:
        if not self.draws_first:
            return self.make_views(x, training=True)
        drawn = self._watch(x, training=True)
        return {**drawn, **self.draw_transformations(drawn["images"])}

    @property
    def draws_first(self) -> bool:
        """Whether random numbers can be drawn before images are changed."""
        return draws_first(self.augmenter)

    def draw_transformations(self, images: Any) -> dict[str, Any]:
        """The random numbers of `augment`, which `finish_views` applies."""
        return {"transformation": self.augmenter.draw_transformation(images)}

    def finish_views(self, drawn: Any) -> Any:
        views = dict(drawn)
        if "transformation" in views:
            views["images"] = self.augmenter.transform(
                views["images"], views.pop("transformation")
            )
        return views

    def _watch(self, x, training):
        check_images(x["images"], self.image_encoder)
        watched = self.watch({k: x[k] for k in ("images", "texts")}, training)
        watched["texts"] = self.watch_tokens(
            watched["texts"], self.text_encoder
        )
        return {**x, **watched}

    def inspect(self, data: Any) -> None:
        x, y, _ = super().unpack_data(data)
        inputs = image_text_inputs(x, y)
        if "images" in inputs:
            self.watch(inputs["images"], training=False)
        if "texts" in inputs:
            self.watch_tokens(inputs["texts"], self.text_encoder)

    def embed(self, views: Any, training: bool) -> Any:
        embeddings = {
            "pair": (
                self.image_tower(views["images"], training=training),
                self.text_tower(views["texts"], training=training),
            )
        }
        if "image_ids" in views:
            embeddings["image_ids"] = views["image_ids"]
        return embeddings

    def compute_losses(
        self,
        embeddings: Any,
        targets: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> dict[str, Any]:
        offers = {
            "logit_scale": self.logit_scale.scale,
            "logit_bias": self.logit_scale.bias,
            "image_ids": embeddings.get("image_ids"),
        }
        taken = parameters(self.loss).intersection(offers)
        loss = self.loss(
            *embeddings["pair"],
            sample_weight=sample_weight,
            **{name: offers[name] for name in taken},
        )
        return {"loss": loss}

    # Other differences from the base class.

    def adapt_to_loss(self, loss: keras.losses.Loss) -> None:
        if self._has_default_scale:
            scale = scale_for_loss(loss, self.logit_scale)
            if scale is not self.logit_scale:
                replace_layer(self, "logit_scale", scale)

    def default_metrics(self) -> list[keras.metrics.Metric]:
        return [
            RetrievalRecall(1, "image_to_text"),
            RetrievalRecall(1, "text_to_image"),
        ]

    def undecayed_variables(self) -> list:
        return self.logit_scale.variables

    @property
    def value_range(self):
        return value_range_of(self.augmenter)

    def unpack_data(self, data: Any) -> Any:
        x, y, sample_weight = super().unpack_data(data)
        inputs = image_text_inputs(x, y)
        if not {"images", "texts"} <= set(inputs):
            raise ValueError(
                'The data must be {"images": ..., "texts": ...} or (images, '
                f"texts). Received: {sorted(inputs)} only"
            )
        self.check_host_batch(inputs)
        return inputs, None, sample_weight

    def named_parts(self, x: Any, y: Any) -> dict[str, Any]:
        return image_text_inputs(x, y)

    def check_host_batch(self, data: Any) -> None:
        x, y, _ = super().unpack_data(data)
        image_ids = image_text_inputs(x, y).get("image_ids")
        if image_ids is not None:
            check_ids("image_ids", image_ids)

    def predict_step(self, *args: Any) -> Any:
        *state, data = args
        x, y, _ = super().unpack_data(data)
        return super().predict_step(*state, (image_text_inputs(x, y),))

    def get_metrics_result(self) -> dict[str, Any]:
        logs = super().get_metrics_result()
        if not self.compiled or "logit_scale" not in parameters(self.loss):
            return logs
        logs["logit_scale"] = self.logit_scale.scale
        if self.logit_scale.bias is not None:
            # A copy: JAX deletes the variable's own value when it replaces it
            # in the next step.
            logs["logit_bias"] = 1.0 * ops.convert_to_tensor(
                self.logit_scale.bias
            )
        return logs

    def build(self, input_shape: Any) -> None:
        shapes = {} if input_shape is None else image_text_inputs(input_shape)
        towers = {"images": self.image_tower, "texts": self.text_tower}
        for name, tower in towers.items():
            if name not in shapes and tower.encoder_output_shape is None:
                raise ValueError(
                    f"The model can only be built on a batch with {name!r}, "
                    "whose encoder does not know its output shape. Received: "
                    f"{sorted(shapes)}; call the encoder on a batch first, or "
                    'use data of the form {"images": ..., "texts": ...}.'
                )
        if "images" in shapes:
            images = keras.KerasTensor(shapes["images"], "float32")
            images = self.augmenter(images, training=False)
            shapes = {**shapes, "images": images.shape}
        for name, tower in towers.items():
            if not tower.built:
                tower.build(shapes.get(name))
        self.built = True
        self.exclude_from_weight_decay()

    def build_from_encoders(self) -> None:
        towers = self.image_tower, self.text_tower
        if all(tower.encoder_output_shape for tower in towers):
            self.build(None)

    def load_weights(self, *args: Any, **kwargs: Any) -> None:
        has_default_scale = self._has_default_scale and not self.compiled
        try:
            super().load_weights(*args, **kwargs)
        except ValueError as error:
            if not has_default_scale:
                raise
            raise ValueError(
                "The weights do not fit the model. It was not compiled: where "
                'they are of another loss than "clip", compile a new model '
                "with that loss before `load_weights`, since the loss says "
                f"whether there is a logit bias. Received: {error}"
            ) from error

    load_weights.__doc__ = ContrastiveModel.load_weights.__doc__

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "image_encoder": serialize(self.image_encoder),
            "text_encoder": serialize(self.text_encoder),
            "projection_dim": self.projection_dim,
            "augmenter": serialize(self.augmenter),
            "logit_scale": serialize(self.logit_scale),
        }
