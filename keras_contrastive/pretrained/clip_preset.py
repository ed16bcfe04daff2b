"""Loads a `CLIPModel` from a keras-hub preset."""

import keras
import numpy as np

from keras_contrastive.encoders.pooled import pooled
from keras_contrastive.layers.image_augmentation.random_resized_crop import (
    RandomResizedCrop,
)
from keras_contrastive.pretrained.import_keras_hub import import_keras_hub
from keras_contrastive.pretrained.loaded_logit_scale import loaded_logit_scale


def load_preset(model_class, preset, mean, std, augmenter):
    """See `CLIPModel.from_preset`."""
    hub = import_keras_hub("Presets")
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            'A preset needs the image data format "channels_last". Received: '
            f"keras.config.image_data_format()="
            f"{keras.config.image_data_format()!r}; call "
            'keras.config.set_image_data_format("channels_last") before.'
        )
    backbone = hub.models.Backbone.from_preset(preset)
    head = _head_of(backbone)
    if head is None:
        raise ValueError(
            "`preset` must be one of CLIP, MetaCLIP 2 or SigLIP, with both "
            f"towers. Received: preset={preset!r}, a {type(backbone).__name__}"
        )
    converter = _converter_of(hub, preset)
    scale, offset = _normalization(preset, converter, mean, std)
    image_size = backbone.vision_encoder.image_shape[:2]
    if augmenter is None:
        augmenter = RandomResizedCrop(
            *image_size,
            scale=(0.9, 1.0),
            interpolation="bicubic",
            center_crop=converter is None or converter.crop_to_aspect_ratio,
        )
    projections = (
        getattr(backbone, f"{tower}_projection", None)
        for tower in ("vision", "text")
    )
    image_encoder = _image_encoder(backbone, scale, offset)
    text_encoder = pooled(backbone.text_encoder, end_id=_end_id(backbone))
    kernels = [
        np.eye(encoder.output_shape[-1])
        if projection is None
        else keras.ops.convert_to_numpy(projection.kernel)
        for projection, encoder in zip(
            projections, (image_encoder, text_encoder), strict=True
        )
    ]
    model = model_class(
        image_encoder,
        text_encoder,
        projection_dim=kernels[0].shape[1],
        augmenter=augmenter,
        logit_scale=loaded_logit_scale(
            *(
                keras.ops.convert_to_numpy(getattr(head, name))
                for name in ("logit_scale", "logit_bias")
                if hasattr(head, name)
            )
        ),
    )
    model.build_from_encoders()
    model.image_tower.projection.kernel.assign(kernels[0])
    model.text_tower.projection.kernel.assign(kernels[1])
    return model


def _head_of(backbone):
    for name in ("clip_head", "metaclip_2_head", "siglip_head"):
        if hasattr(backbone, name):
            return getattr(backbone, name)
    return None


def _end_id(backbone):
    """The id that keras-hub pools at; SigLIP's encoder pools itself."""
    pooler = getattr(backbone, "text_pooler", None)
    if pooler is None:
        return None
    # CLIP's encoder pools at the highest id.
    highest = backbone.text_encoder.vocabulary_size - 1
    return getattr(pooler, "eos_token_id", highest)


def _image_encoder(backbone, scale, offset):
    layers = [
        keras.Input(backbone.vision_encoder.image_shape),
        keras.layers.Rescaling(scale, offset),
        pooled(backbone.vision_encoder),
    ]
    if hasattr(backbone, "vision_post_layer_norm"):
        layers.append(backbone.vision_post_layer_norm)
    return keras.Sequential(layers)


def _converter_of(hub, preset):
    try:
        return hub.layers.ImageConverter.from_preset(preset)
    except (ValueError, FileNotFoundError):
        return None


def _normalization(preset, converter, mean, std):
    """Scale and offset of each channel, for images in [0, 1]."""
    if mean is not None and std is not None:
        mean, std = np.array(mean), np.array(std)
        return (1 / std).tolist(), (-mean / std).tolist()
    if converter is None:
        raise ValueError(
            "`mean` and `std` must be given for a preset without image "
            "converter, which does not specify how images are normalized. "
            f"Received: mean={mean}, std={std}, preset={preset!r}"
        )
    scale = np.broadcast_to(
        1.0 if converter.scale is None else converter.scale, 3
    )
    offset = np.broadcast_to(
        0.0 if converter.offset is None else converter.offset, 3
    )
    # The converter takes images in [0, 255].
    return (255.0 * scale).tolist(), offset.tolist()
