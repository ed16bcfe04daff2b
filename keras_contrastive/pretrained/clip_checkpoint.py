"""Converts checkpoints of other libraries to a `CLIPModel`, and back."""

from pathlib import Path

import keras

from keras_contrastive.data_validation import value_range_of
from keras_contrastive.layers.image_augmentation.random_resized_crop import (
    RandomResizedCrop,
)
from keras_contrastive.pretrained import open_clip_writer
from keras_contrastive.pretrained import transformers_writer
from keras_contrastive.pretrained.checkpoint import assign
from keras_contrastive.pretrained.checkpoint import check_whole
from keras_contrastive.pretrained.checkpoint import make_encoder
from keras_contrastive.pretrained.checkpoint import read_checkpoint
from keras_contrastive.pretrained.checkpoint import variables_of
from keras_contrastive.pretrained.clip_kinds import kind_of
from keras_contrastive.pretrained.files import check_overwrites_ours
from keras_contrastive.pretrained.files import write_tensors
from keras_contrastive.pretrained.loaded_logit_scale import loaded_logit_scale
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import has_adapter
from keras_contrastive.validation import check_choice

_FORMATS = {
    "transformers": (transformers_writer, "model.safetensors"),
    "open_clip": (open_clip_writer, "open_clip_model.safetensors"),
}


def load_checkpoint(
    model_class, path, augmenter=None, context_length=None, adapter=None
):
    """See `CLIPModel.from_checkpoint`."""
    checkpoint = read_checkpoint(path, adapter=adapter)
    check_whole(checkpoint)
    weights = checkpoint.weights
    image_encoder = make_encoder(checkpoint, "image")
    text_encoder = make_encoder(checkpoint, "text", context_length)
    if augmenter is None:
        augmenter = RandomResizedCrop(
            *image_encoder.input_shape[1:3],
            scale=(0.9, 1.0),
            **checkpoint.configuration.augmenter,
        )
    projection = weights.get("image/projection/kernel")
    model = model_class(
        image_encoder,
        text_encoder,
        projection_dim=None if projection is None else projection.shape[1],
        augmenter=augmenter,
        logit_scale=loaded_logit_scale(
            weights["logit_scale/log_scale"], weights.get("logit_scale/bias")
        ),
    )
    model.build_from_encoders()
    for name, variable in _projections(model).items():
        assign(name, variable, weights[name])
    return model


def save_checkpoint(model, path, format):
    """See `CLIPModel.save_checkpoint`."""
    check_choice("format", format, _FORMATS)
    image, text = model.image_encoder, model.text_encoder
    kind = kind_of(model)
    if (
        kind is None
        or image.input_shape[-1] != 3
        or value_range_of(model.augmenter) not in (None, (0, 1))
    ):
        raise ValueError(
            "A checkpoint for other libraries can only be written for a "
            "`VisionTransformer` and a `TextTransformer` that are built as in "
            "CLIP, CLIPA or SigLIP, on RGB images in [0, 1]. Received: a model "
            f"with {image!r} and {text!r} on images of shape "
            f"{getattr(image, 'input_shape', None)} in "
            f"{value_range_of(model.augmenter)}, "
            f"pooling={getattr(image, 'pooling', None)!r}, "
            f"projection_dim={model.projection_dim}"
        )
    if any(has_adapter(layer) for layer in all_layers(model)):
        raise ValueError(
            "A checkpoint for other libraries cannot hold adapters: "
            "`kc.fine_tuning.merge_lora(model)` adds them to the kernels. "
            "Received: a model with LoRA adapters"
        )
    if not model.built:
        model.build_from_encoders()
    writer, file = _FORMATS[format]
    folder = Path(path).expanduser()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"`path` must be a folder. Received: {folder}, a file")
    check_overwrites_ours(
        folder / file, [folder / name for name in writer.FILES]
    )
    folder.mkdir(parents=True, exist_ok=True)
    writer.write(folder, model, _crop_of(model), kind)
    weights = {
        name: keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32"))
        for name, variable in _variables(model).items()
    }
    layout = writer.layout_of(model, kind)
    write_tensors(
        layout.to_theirs(weights, image.num_layers, text.num_layers),
        folder / file,
    )


def _crop_of(model):
    """The layer that resizes images; CLIP's layer if there is none."""
    augmenter = model.augmenter
    for layer in (augmenter, *getattr(augmenter, "layers", [])):
        if isinstance(layer, RandomResizedCrop):
            return layer
    return RandomResizedCrop(
        *model.image_encoder.input_shape[1:3],
        interpolation="bicubic",
        center_crop=True,
    )


def _variables(model):
    """All weights of a model with our own encoders, by our names."""
    scale = model.logit_scale
    variables = {"logit_scale/log_scale": scale.log_scale}
    if scale.bias is not None:
        variables["logit_scale/bias"] = scale.bias
    for tower, encoder in (
        ("image", model.image_encoder),
        ("text", model.text_encoder),
    ):
        variables |= variables_of(encoder, tower)
    return variables | _projections(model)


def _projections(model):
    if model.projection_dim is None:
        return {}
    return {
        "image/projection/kernel": model.image_tower.projection.kernel,
        "text/projection/kernel": model.text_tower.projection.kernel,
    }
