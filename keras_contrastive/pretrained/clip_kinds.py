"""Finds the model of other libraries that a `CLIPModel` corresponds to."""

from typing import Any

from keras_contrastive.encoders.text_transformer import TextTransformer
from keras_contrastive.encoders.vision_transformer import VisionTransformer


def kind_of(model: Any) -> str | None:
    """The kind of model that a `CLIPModel` is in files of other libraries.

    Args:
        model: A `CLIPModel`.

    Returns:
        `"clip"`; `"siglip"`; `"variant"`, one of open_clip's variants of CLIP,
        such as CLIPA; or `None` for anything else.
    """
    image, text = model.image_encoder, model.text_encoder
    if not isinstance(image, VisionTransformer) or not isinstance(
        text, TextTransformer
    ):
        return None
    if _is_siglip(image, text):
        has_bias = model.logit_scale.bias is not None
        return "siglip" if model.projection_dim is None and has_bias else None
    has_class_token = image.pooling == "cls" or bool(image.class_token)
    if (
        image.pooling == "attention"
        or not has_class_token
        or image.patch_bias
        or image.output_dim is not None
        or text.output_dim is not None
        or model.projection_dim is None
    ):
        return None
    is_plain = image.pooling == "cls" and image.initial_norm
    return "clip" if is_plain and _is_text_of_clip(text) else "variant"


def _is_siglip(image, text):
    return (
        image.pooling == "attention"
        and not image.class_token
        and image.patch_bias
        and not image.initial_norm
        and image.output_dim is None
        and text.pooling == "last"
        and not text.causal
    )


def _is_text_of_clip(text):
    return text.causal and text.pooling == "end"
