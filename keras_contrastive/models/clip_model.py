from collections.abc import Callable
from typing import Any

import keras

from keras_contrastive.data_validation import check_images
from keras_contrastive.data_validation import is_pair
from keras_contrastive.data_validation import value_range_of
from keras_contrastive.layers.image_augmentation.default_augmenters import (
    clip_augmenter,
)
from keras_contrastive.layers.tower import Tower
from keras_contrastive.metrics.retrieval_recall import RetrievalRecall
from keras_contrastive.models.captions import over_captions
from keras_contrastive.models.captions import pairs_of_captions
from keras_contrastive.models.captions import shape_of_captions
from keras_contrastive.models.multimodal_model import MultimodalModel
from keras_contrastive.models.strings import check_tokenizer
from keras_contrastive.models.strings import saved_tokenizer
from keras_contrastive.models.strings import to_tokens
from keras_contrastive.pretrained.pretrained_clip import PretrainedCLIP
from keras_contrastive.trainer.bad_values import check_token_ids
from keras_contrastive.trainer.bad_values import dtype_of
from keras_contrastive.trainer.compile_arguments import parameters
from keras_contrastive.validation import check_positive_int

# The keys of a batch whose values are texts.
_TEXTS = ("texts", "negative_texts")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class CLIPModel(PretrainedCLIP, MultimodalModel):
    """CLIP: images and texts as vectors in one space.

    Two encoders, each followed by a linear projection without bias and L2
    normalization, are trained so that an image and its text are more similar
    than the image and any other text of the batch. The scale of the
    similarities, one over the temperature, is learned too. The trained model
    classifies images using only the names of classes and finds images for a
    sentence.

    A tower whose `trainable` is `False` before `compile` is locked: neither
    its weights nor its batch statistics change, and it runs in inference mode.
    With a pretrained image tower, this is LiT.

    Args:
        image_encoder: Keras model or layer, images to vectors `(batch, dim)`:
            `models.VisionTransformer`, `models.ResNet50`, a
            `models.pooled(backbone)` or your own.
        text_encoder: Keras model or layer, tokens to vectors `(batch, dim)`:
            `models.TextTransformer`, a `models.pooled(backbone)` or your own.
        projection_dim: Int, dimension of the common space; or `None` for no
            projections, as in SigLIP: both encoders must then give vectors of
            one dimension.
        augmenter: Layer that turns a batch of images into a batch of randomly
            changed images of the size that the image encoder takes. With
            `training=False` it must not change them, except for resizing.
            Defaults to CLIP's, a `RandomResizedCrop` of 90 to 100 % of the
            area.
        logit_scale: A `layers.LogitScale`. Defaults to one that `compile`
            adapts to the loss: it starts at one over the loss's temperature,
            and has a bias if the loss has one. Once trained, the scale keeps
            its value when the model is compiled with another loss.
        tokenizer: Callable that turns a list of strings into what the text
            encoder takes, such as a `text.CaptionTokenizer`. With one, the
            model takes strings wherever it takes arrays of texts:
            `fit(images, captions)`, `encode_text("a red star")`. Datasets hold
            tokens in any case. It is also an attribute, which can be set
            later, for instance to `text.clip_tokenizer(path)`. The model's
            file holds a `CaptionTokenizer`, or any object with a `get_config`
            that is registered with Keras. Other tokenizers are not saved, and a
            warning says so.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: A dict with `"images"`, `"texts"` or both; a tuple
            `(images, texts)`; or images alone. Images have the shape
            `(batch, height, width, channels)`, with as many channels as the
            encoder takes, and are uint8 in [0, 255], or floats in the
            augmenter's `value_range`, [0, 1] by default. Texts are what the
            text encoder takes, such as int tokens of shape
            `(batch, context_length)`, or strings if there is a `tokenizer`.
        training: Whether the encoders run in training mode.

    Returns:
        A dict with `"image_embeddings"`, `"text_embeddings"` or both, one for
        each input: float32 of shape `(batch, projection_dim)`, rows of norm 1.

    `fit` and `evaluate` take dicts `{"images": ..., "texts": ...}`, or pairs
    `(images, texts)`, as arrays, `tf.data.Dataset`, `PyDataset` or torch
    `DataLoader`. A dict may hold `"image_ids"`, integers of shape `(batch,)`:
    captions with the same image id are then not each other's negatives. Instead
    of ids it may hold sets of labels, rows of 0 and 1 of shape
    `(batch, labels)`: pairs that share a label are then positives. An encoder
    that does not know its output shape before its first call needs the dict.

    Token ids of shape `(batch, captions, length)`, or rows of strings of equal
    length, are several captions of each image. The image encoder then runs once
    for all of them. The loss is that of a batch in which each image comes with
    each of its captions, under one image id. The recalls in the logs use the
    first caption of each image.

    A dict may also hold `"negative_texts"`, captions that do not fit the image,
    such as its own caption with two words swapped. Their shape is
    `(batch, negatives, length)`, or `(batch, length)` for one per image. Each
    image is contrasted with all of them, as in NegCLIP. The recalls in the logs
    do not use them.

    The logs hold `loss`, the in-batch recalls at 1 in both directions, and the
    `logit_scale`. With CLIP's loss it should rise from 14.3 and rarely reach
    its bound of 100. With a bias there is also `logit_bias`.

    `CLIPModel.from_checkpoint` loads pretrained weights of OpenAI, open_clip
    or transformers, `CLIPModel.from_preset` those of keras-hub, and
    `save_checkpoint` saves a checkpoint.

    Raises:
        ValueError: If an encoder's output is not of rank 2, the encoder does
            not accept the images, texts are missing, there is no augmenter and
            the image encoder does not say what image size it takes, there are
            no projections and the encoders' outputs have different dimensions,
            or the data has `"negative_texts"` and the loss does not take them.

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
        Locked-image text Tuning; Yuksekgonul et al., 2023, When and why
        vision-language models behave like bags-of-words, section 4, for
        `"negative_texts"`.
    """

    ids_name = "image_ids"
    exportable = (
        "a tower as a model of its own: "
        "`keras.Model(images, model.encode_image(images)).export(path)`"
    )
    parts: tuple[str, ...] = (
        "image_encoder",
        "text_encoder",
        "augmenter",
        "logit_scale",
        "tokenizer",
    )

    def __init__(
        self,
        image_encoder: keras.Layer,
        text_encoder: keras.Layer,
        projection_dim: int | None = 512,
        augmenter: Any = None,
        logit_scale: Any = None,
        tokenizer: Callable | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.tokenizer = check_tokenizer(tokenizer)
        if projection_dim is not None:
            projection_dim = check_positive_int(
                "projection_dim", projection_dim
            )
        if augmenter is None:
            augmenter = clip_augmenter(image_encoder)
        self.projection_dim = projection_dim
        self.augmenter = augmenter
        self.image_tower = Tower(
            image_encoder,
            projection_dim,
            "float32",
            "image",
            dtype=self.dtype_policy,
        )
        self.text_tower = Tower(
            text_encoder,
            projection_dim,
            "int32",
            "text",
            dtype=self.dtype_policy,
        )
        # Created last: saved files rely on the order.
        self.add_logit_scale(logit_scale)

    @property
    def input_names(self) -> tuple[str, ...]:
        return ("images", "texts")

    @property
    def optional_names(self) -> tuple[str, ...]:
        return (self.ids_name, "negative_texts")

    def tower_of(self, name: str) -> Tower:
        return self.image_tower if name == "images" else self.text_tower

    def augmenter_of(self, name: str) -> keras.Layer | None:
        return self.augmenter if name == "images" else None

    @property
    def value_range(self):
        return value_range_of(self.augmenter)

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
            texts: What the text encoder takes; with a `tokenizer`, also a
                string or a list of strings.
            training: Whether to run the encoder in training mode.

        Returns:
            Float32 tensor of shape `(batch, projection_dim)`, rows of norm 1.

        Raises:
            ValueError: If there are strings but no `tokenizer`.
        """
        texts = to_tokens(texts, self.tokenizer)
        if self.is_direct:
            check_token_ids(texts, self.text_encoder)
        return self._embed_texts(texts, training)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        # Keras would reject strings.
        inputs, _ = self.prepare_arrays(inputs, None)
        if not self.text_tower.built:
            self._note_dtype(self.named_parts(inputs).get("texts"))
        return super().__call__(inputs, *args, **kwargs)

    def build_from_batch(self, x: Any) -> None:
        if not self.text_tower.built:
            self._note_dtype(self.named_parts(x).get("texts"))
        super().build_from_batch(x)

    def _note_dtype(self, texts):
        """Stores the dtype of texts for `build`, which receives only shapes.

        Ids of rank 3 are several captions of each image; floats of rank 3 are
        sequences of vectors.
        """
        if hasattr(texts, "dtype"):
            self.text_tower.example_dtype = dtype_of(texts)

    def prepare_arrays(self, x: Any, y: Any) -> tuple[Any, Any]:
        if isinstance(x, dict):
            texts = {
                name: to_tokens(x[name], self.tokenizer, name)
                for name in _TEXTS
                if name in x
            }
            return {**x, **texts}, y
        if y is None and is_pair(x):
            return (x[0], to_tokens(x[1], self.tokenizer)), y
        return x, to_tokens(y, self.tokenizer)

    def call(self, inputs: Any, training: bool = False) -> Any:
        inputs = self.named_parts(inputs)
        outputs = {}
        if "images" in inputs:
            images = inputs["images"]
            outputs["image_embeddings"] = self.encode_image(images, training)
        if "texts" in inputs:
            texts = inputs["texts"]
            outputs["text_embeddings"] = self.encode_text(texts, training)
        return outputs

    def watch_batch(self, inputs: dict[str, Any], training: bool) -> Any:
        if "images" in inputs:
            check_images(inputs["images"], self.image_encoder)
            inputs = self.watch(inputs, training)
        for name in _TEXTS:
            if name in inputs:
                texts = over_captions(
                    lambda texts: self.watch_tokens(texts, self.text_encoder),
                    inputs[name],
                )
                inputs = {**inputs, name: texts}
        return inputs

    def embed(self, views: Any, training: bool) -> Any:
        texts = self._embed_texts(views["texts"], training)
        images = self.image_tower(views["images"], training=training)
        embeddings = {"pair": (images, texts)}
        if self.ids_name in views:
            embeddings[self.ids_name] = views[self.ids_name]
        if "negative_texts" in views:
            negatives = self._embed_texts(views["negative_texts"], training)
            embeddings["negative_texts"] = negatives
        return embeddings

    def _embed_texts(self, texts, training):
        return over_captions(
            lambda texts: self.text_tower(texts, training=training), texts
        )

    def compute_losses(
        self,
        embeddings: Any,
        targets: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> dict[str, Any]:
        images, texts = embeddings["pair"]
        ids = embeddings.get(self.ids_name)
        if len(texts.shape) == 3:
            images, texts, ids, sample_weight = pairs_of_captions(
                images, texts, ids, sample_weight
            )
        loss = self.pair_loss(
            images,
            texts,
            ids,
            sample_weight,
            **self._negatives_of(embeddings),
        )
        return {"loss": loss}

    def _negatives_of(self, embeddings):
        """The negative texts, if any, as a keyword argument of the loss."""
        if "negative_texts" not in embeddings:
            return {}
        argument = "negative_text_embeddings"
        if argument not in parameters(self.loss):
            raise ValueError(
                f"`loss` must take `{argument}` for data with "
                "'negative_texts', as CLIPLoss and SigLIPLoss do. Received: "
                f"loss={self.loss!r}"
            )
        return {argument: embeddings["negative_texts"]}

    def metric_inputs(self, embeddings: Any, targets: Any) -> tuple:
        images, texts = embeddings["pair"]
        return images, texts if len(texts.shape) == 2 else texts[:, 0]

    def default_metrics(self) -> list[keras.metrics.Metric]:
        return [
            RetrievalRecall(1, "image_to_text"),
            RetrievalRecall(1, "text_to_image"),
        ]

    def build(self, input_shape: Any) -> None:
        if input_shape is not None:
            input_shape = dict(self.named_parts(input_shape))
            is_ids = keras.backend.is_int_dtype(self.text_tower.example_dtype)
            if "texts" in input_shape and is_ids:
                input_shape["texts"] = shape_of_captions(input_shape["texts"])
        super().build(input_shape)
        dims = self.image_tower.features_dim, self.text_tower.features_dim
        if self.projection_dim is None and dims[0] != dims[1]:
            raise ValueError(
                "`projection_dim` must be an integer for encoders whose "
                "outputs have different dimensions. Received: "
                f"projection_dim=None with dimensions {dims}"
            )

    def get_build_config(self) -> dict[str, Any] | None:
        config = super().get_build_config()
        if config is not None:
            config["text_dtype"] = self.text_tower.example_dtype
        return config

    def build_from_config(self, config: dict) -> None:
        # Earlier versions nested the shapes in the file of a loaded model. Some
        # files lack `text_dtype`.
        config = {**config, **config.get("shapes_dict", {})}
        self.text_tower.example_dtype = config.get("text_dtype", "int32")
        # Keras builds with all that it receives, and keeps it for later files.
        super().build_from_config(
            {key: config[key] for key in ("input_shape",) if key in config}
        )

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "image_encoder": serialize(self.image_encoder),
            "text_encoder": serialize(self.text_encoder),
            "projection_dim": self.projection_dim,
            "augmenter": serialize(self.augmenter),
            "logit_scale": serialize(self.logit_scale),
            "tokenizer": serialize(saved_tokenizer(self.tokenizer)),
        }
