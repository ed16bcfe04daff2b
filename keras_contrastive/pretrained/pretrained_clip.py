"""Loads and saves pretrained CLIP weights."""

import os
from typing import Any

from keras_contrastive.encoders.with_channels import with_channels
from keras_contrastive.pretrained.clip_checkpoint import load_checkpoint
from keras_contrastive.pretrained.clip_checkpoint import save_checkpoint
from keras_contrastive.pretrained.clip_preset import load_preset


class PretrainedCLIP:
    """Mixin of `CLIPModel`: weights in the formats of other libraries."""

    @classmethod
    def from_checkpoint(
        cls,
        path: str | os.PathLike,
        augmenter: Any = None,
        channels: int | None = None,
        rgb_channels: tuple[int, int, int] | None = None,
        context_length: int | None = None,
        adapter: str | os.PathLike | None = None,
    ) -> Any:
        """Loads a checkpoint of OpenAI's code, open_clip or transformers.

        It may be CLIP, MetaCLIP 2, CLIPA, or SigLIP and SigLIP 2 for images of
        one size. The encoders are a `VisionTransformer`, a `CLIPResNet` or a
        `ConvNeXt`, and a `TextTransformer`, with the checkpoint's sizes,
        pooling, activation, LayerNorm epsilon and end token; for open_clip's
        models with RoBERTa or XLM-R, keras-hub's RoBERTa is the text encoder.
        The image encoder normalizes images as the files specify, so that the
        model takes the same inputs as every `CLIPModel`: uint8 images or floats
        in [0, 1]. Nothing is downloaded. `kc.text.clip_tokenizer(path)` loads
        the tokenizer of the files.

        Needs `pip install "keras_contrastive[checkpoints]"`.

        Args:
            path: A folder, or the file of weights in it:

                - `model.safetensors`, also in several parts, with
                  `config.json` and `preprocessor_config.json`: transformers'
                  `CLIPModel`, `MetaClip2Model` and `SiglipModel`;
                - `open_clip_model.safetensors`, or any one `.safetensors`
                  file, with `open_clip_config.json`: open_clip's;
                - a `.safetensors` file of the tensors of OpenAI's code, which
                  needs no other file.
            augmenter: As in `CLIPModel`. Defaults to a `RandomResizedCrop` of
                90 to 100 % of the area. With `training=False` it does what the
                files specify: it resizes the short side by a bicubic filter and
                crops the center, or distorts the image.
            channels: Int, the number of channels of your images. Defaults to
                3, those of the weights; for others, `models.with_channels`
                spreads the first kernels over the channels.
            rgb_channels: Three indices, the places of red, green and blue
                among more than three channels, as in `models.with_channels`.
            context_length: Int, the maximum number of tokens of a text.
                Defaults to the checkpoint's, usually 77. A larger number keeps
                the first 20 position embeddings and stretches the others, as in
                Long-CLIP; then fine-tune on long texts. With a smaller number,
                texts take less memory and time, and short texts have the same
                embeddings. Pass it to `clip_tokenizer` too.
            adapter: Folder of a LoRA adapter of peft, with its
                `adapter_config.json` and `adapter_model.safetensors`, which is
                added to the weights as peft's `merge_and_unload` does.

        Returns:
            A `CLIPModel`, not compiled. Its `logit_scale` is the checkpoint's.
            If it has SigLIP's bias, compile the model with `loss="siglip"`.

        Raises:
            ValueError: If the checkpoint or the adapter is a pickle, the
                adapter belongs to another model or is of another kind, the
                checkpoint holds a single tower, its image tower is of another
                kind, or its configuration is missing or cannot be represented
                by our encoders, or if `rgb_channels` are not among the
                channels.

        Example:

        ```python
        import keras_contrastive as kc

        model = kc.CLIPModel(
            kc.models.VisionTransformer(16, 32, 1, 2, input_shape=(32, 32, 3)),
            kc.models.TextTransformer(100, 99, width=32, num_layers=1),
            projection_dim=16,
        )
        model.save_checkpoint("clip")
        model = kc.CLIPModel.from_checkpoint("clip")
        ```

        Reference:
            Radford et al., 2021, Learning Transferable Visual Models From
            Natural Language Supervision; Zhang et al., 2024, Long-CLIP:
            Unlocking the Long-Text Capability of CLIP.
        """
        model = load_checkpoint(cls, path, augmenter, context_length, adapter)
        return _for_channels(model, channels, rgb_channels)

    def save_checkpoint(
        self, path: str | os.PathLike, format: str = "transformers"
    ) -> None:
        """Writes weights and configuration in the format of another library.

        These formats store neither dropout nor the optimizer, and of the
        augmenter only how it resizes images. Use `save` to resume training.
        Copy the files of the tokenizer yourself.

        Needs `pip install "keras_contrastive[checkpoints]"`.

        Args:
            path: Folder, created if it does not exist. Both formats may share
                one.
            format: `"transformers"`, for `from_pretrained(path)` of its
                `CLIPModel` or `SiglipModel` and of its image processors; or
                `"open_clip"`, for
                `open_clip.create_model_and_transforms("local-dir:" + path)`.

        Raises:
            ValueError: If the encoders are not a `VisionTransformer` of RGB
                images and a `TextTransformer` that are built as in CLIP, CLIPA
                or SigLIP, if the library cannot represent the model (the
                message says why), or if `path` holds a checkpoint that this
                method did not write.
        """
        save_checkpoint(self, path, format)

    @classmethod
    def from_preset(
        cls,
        preset: str,
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
        augmenter: Any = None,
        channels: int | None = None,
        rgb_channels: tuple[int, int, int] | None = None,
    ) -> Any:
        """Loads CLIP, MetaCLIP 2 or SigLIP with weights from keras-hub.

        The encoders are keras-hub's, with their intended pooling. Images are
        normalized as the preset's image converter specifies, so that the model
        takes uint8 images or floats in [0, 1]. If a vision encoder was saved
        without positions (its `position_ids` are all zero), they are
        set.

        SigLIP's towers end without a projection. Here a projection follows each
        tower, which starts as the identity and is trained with the rest. The
        tokenizer is keras-hub's, see `kc.text.PackedTokenizer`.

        Needs `pip install "keras_contrastive[hub]"`.

        Args:
            preset: Name of a preset, which is downloaded, or a local folder.
            mean: Tuple of three floats on the scale of [0, 1], for a preset
                without an image converter.
            std: Tuple of three positive floats on the same scale, likewise.
            augmenter: As in `CLIPModel`. Defaults to a `RandomResizedCrop` of
                90 to 100 % of the area that resizes by CLIP's antialiased
                bicubic filter, and crops the center if the preset's converter
                does.
            channels: Int, the number of channels of your images. Defaults to
                3, those of the weights; for others, `models.with_channels`
                spreads the first kernels over the channels.
            rgb_channels: Three indices, the places of red, green and blue
                among more than three channels, as in `models.with_channels`.

        Returns:
            A `CLIPModel`, not compiled, with the preset's logit scale and, for
            SigLIP, its bias.

        Raises:
            ValueError: If the preset holds another kind of model, has no image
                converter while `mean` and `std` are not given, or if
                `rgb_channels` are not among the channels.
        """
        model = load_preset(cls, preset, mean, std, augmenter)
        return _for_channels(model, channels, rgb_channels)


def _for_channels(model, channels, rgb_channels):
    """The model with an image encoder for `channels` channels."""
    if channels is None:
        if rgb_channels is not None:
            raise ValueError(
                "`rgb_channels` needs `channels`, the number of channels. "
                f"Received: rgb_channels={rgb_channels} with channels=None"
            )
        return model
    adapted = type(model)(
        with_channels(model.image_encoder, channels, rgb_channels),
        model.text_encoder,
        projection_dim=model.projection_dim,
        augmenter=model.augmenter,
        logit_scale=model.logit_scale,
    )
    adapted.build_from_encoders()
    if model.projection_dim is not None:
        for tower in ("image_tower", "text_tower"):
            kernel = getattr(model, tower).projection.kernel
            getattr(adapted, tower).projection.kernel.assign(kernel)
    return adapted
