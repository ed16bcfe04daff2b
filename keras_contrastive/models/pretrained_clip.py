"""Where a `CLIPModel` comes from and goes to, beside `.keras` files."""

import os
from typing import Any

from keras_contrastive.models.checkpoints.clip_checkpoint import load_checkpoint
from keras_contrastive.models.checkpoints.clip_checkpoint import save_checkpoint
from keras_contrastive.models.checkpoints.clip_preset import load_preset


class PretrainedCLIP:
    """Mixin of `CLIPModel`: its weights in the forms of other libraries."""

    @classmethod
    def from_checkpoint(
        cls, path: str | os.PathLike, augmenter: Any = None
    ) -> Any:
        """A model with the weights of OpenAI's, open_clip's or transformers'.

        The encoders are a `VisionTransformer` and a `TextTransformer` with the
        checkpoint's sizes, activation (GELU or QuickGELU), LayerNorm epsilon
        and end token; the image encoder normalises images as the files say, so
        that the model takes what every `CLIPModel` takes, uint8 images or
        floats in [0, 1]. Nothing is downloaded. The files' tokenizer is
        `kc.text.clip_tokenizer(path)`.

        Needs `pip install "keras_contrastive[checkpoints]"`.

        Args:
            path: A folder, or its file of weights:

                - `model.safetensors`, also in several parts, with
                  `config.json` and `preprocessor_config.json`: transformers'
                  `CLIPModel`;
                - `open_clip_model.safetensors`, or any one `.safetensors`
                  file, with `open_clip_config.json`: open_clip's;
                - a `.safetensors` file of the tensors of OpenAI's code, which
                  needs no other file.
            augmenter: As of `CLIPModel`. Defaults to a `RandomResizedCrop` of
                90 to 100 % of the area, which does with `training=False` what
                the files say: resize the short side by a bicubic filter and
                cut out the centre, or squeeze the image.

        Returns:
            A `CLIPModel`, not compiled. Its `logit_scale` is the checkpoint's.

        Raises:
            ValueError: If the checkpoint is a pickle, its image tower is no
                vision transformer, its configuration is missing or says
                something that our encoders cannot represent.

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
            Natural Language Supervision.
        """
        return load_checkpoint(cls, path, augmenter)

    def save_checkpoint(
        self, path: str | os.PathLike, format: str = "transformers"
    ) -> None:
        """Writes weights and configuration in the form of another library.

        What is lost is what these have no place for: dropout, the augmenter
        apart from how it resizes images, the optimizer. Use `save` to go on
        training. The tokenizer's files are for you to copy.

        Needs `pip install "keras_contrastive[checkpoints]"`.

        Args:
            path: Folder, made if there is none. Both formats may share one.
            format: `"transformers"`, for its `CLIPModel.from_pretrained(path)`
                and `CLIPImageProcessor.from_pretrained(path)`; or
                `"open_clip"`, for
                `open_clip.create_model_and_transforms("local-dir:" + path)`.

        Raises:
            ValueError: If the encoders are not a `VisionTransformer` with
                `pooling="cls"` and a `TextTransformer`, or the library could
                not represent the model: the message says why. If `path`
                holds a checkpoint that this method did not write.
        """
        save_checkpoint(self, path, format)

    @classmethod
    def from_preset(
        cls,
        preset: str,
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
        augmenter: Any = None,
    ) -> Any:
        """A model of keras-hub: CLIP, MetaCLIP 2 or SigLIP with their weights.

        The encoders are keras-hub's, pooled as they are meant to be. Images are
        normalised as the preset's image converter says, so that the model
        takes uint8 images or floats in [0, 1]. A vision encoder that was saved
        without ever having had positions (its `position_ids` all zero) is
        given them.

        SigLIP's towers end without a projection; here one follows that is the
        identity, and trains with the rest. The tokenizer is keras-hub's, see
        `kc.text.PackedTokenizer`.

        Needs `pip install "keras_contrastive[hub]"`.

        Args:
            preset: Name of a preset, which is downloaded, or a local folder.
            mean: Tuple of three floats on the scale of [0, 1], for a preset
                without an image converter.
            std: Tuple of three positive floats, likewise.
            augmenter: As of `CLIPModel`. Defaults to a `RandomResizedCrop` of
                90 to 100 % of the area that resizes by CLIP's antialiased
                bicubic filter, and crops the centre where the preset's
                converter does.

        Returns:
            A `CLIPModel`, not compiled, with the preset's logit scale and, for
            SigLIP, its bias.

        Raises:
            ValueError: If the preset is of another kind of model, or has no
                image converter and `mean` and `std` are not given.
        """
        return load_preset(cls, preset, mean, std, augmenter)
