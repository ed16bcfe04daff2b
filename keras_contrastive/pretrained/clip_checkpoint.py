"""Converts checkpoints of other libraries to a `CLIPModel`, and back."""

from pathlib import Path

import keras

from keras_contrastive.data_validation import value_range_of
from keras_contrastive.encoders.text_transformer import TextTransformer
from keras_contrastive.encoders.vision_transformer import VisionTransformer
from keras_contrastive.layers.image_augmentation.random_resized_crop import (
    RandomResizedCrop,
)
from keras_contrastive.pretrained import open_clip_configuration
from keras_contrastive.pretrained import transformers_configuration
from keras_contrastive.pretrained.files import check_dtypes
from keras_contrastive.pretrained.files import check_overwrites_ours
from keras_contrastive.pretrained.files import find_weights
from keras_contrastive.pretrained.files import read_tensors
from keras_contrastive.pretrained.files import write_tensors
from keras_contrastive.pretrained.layout import OPEN_CLIP
from keras_contrastive.pretrained.layout import TRANSFORMERS
from keras_contrastive.pretrained.loaded_logit_scale import loaded_logit_scale
from keras_contrastive.pretrained.tensor_names import unwrapped
from keras_contrastive.pretrained.text_positions import resized_positions
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import has_adapter
from keras_contrastive.validation import check_positive_int

_FORMATS = {
    "transformers": (
        TRANSFORMERS,
        transformers_configuration,
        "model.safetensors",
    ),
    "open_clip": (
        OPEN_CLIP,
        open_clip_configuration,
        "open_clip_model.safetensors",
    ),
}


def load_checkpoint(model_class, path, augmenter=None, context_length=None):
    """See `CLIPModel.from_checkpoint`."""
    path = find_weights(path)
    tensors = unwrapped(read_tensors(path))
    check_dtypes(tensors)
    if any(name.startswith("vision_model.") for name in tensors):
        layout = TRANSFORMERS
        config = transformers_configuration.read(path.parent)
    else:
        # One of open_clip's classes has the text tower in a module of this
        # name.
        tensors = {
            name.removeprefix("text."): tensor
            for name, tensor in tensors.items()
        }
        layout = OPEN_CLIP
        config = open_clip_configuration.read(path.parent, tensors)
    weights = layout.from_theirs(tensors)
    positions = "text/position_embedding/position_embedding"
    if context_length is not None:
        check_positive_int("context_length", context_length)
        weights[positions] = resized_positions(
            weights[positions], context_length
        )
    image_encoder = VisionTransformer(
        patch_size=weights["image/patch_embedding/kernel"].shape[0],
        **_sizes(weights, "image"),
        **config.image,
    )
    text_encoder = TextTransformer(
        len(weights["text/token_embedding/embeddings"]),
        context_length=len(weights[positions]),
        **_sizes(weights, "text"),
        **config.text,
    )
    if augmenter is None:
        augmenter = RandomResizedCrop(
            *image_encoder.input_shape[1:3],
            scale=(0.9, 1.0),
            **config.augmenter,
        )
    model = model_class(
        image_encoder,
        text_encoder,
        projection_dim=weights["image/projection/kernel"].shape[1],
        augmenter=augmenter,
        logit_scale=loaded_logit_scale(
            weights["logit_scale/log_scale"], weights.get("logit_scale/bias")
        ),
    )
    model.build_from_encoders()
    variables = _variables(model)
    for name, weight in weights.items():
        variable = variables[name]
        if tuple(variable.shape) != weight.shape:
            raise ValueError(
                "The checkpoint's weights must have the sizes that its "
                f"configuration says. Received: {name} of shape "
                f"{weight.shape} for {tuple(variable.shape)}"
            )
        variable.assign(weight)
    return model


def save_checkpoint(model, path, format):
    """See `CLIPModel.save_checkpoint`."""
    if format not in _FORMATS:
        raise ValueError(
            f"`format` must be one of {list(_FORMATS)}. "
            f"Received: format={format!r}"
        )
    image, text = model.image_encoder, model.text_encoder
    if (
        not isinstance(image, VisionTransformer)
        or not isinstance(text, TextTransformer)
        or image.pooling != "cls"
        or image.input_shape[-1] != 3
        or value_range_of(model.augmenter) not in (None, (0, 1))
    ):
        raise ValueError(
            "A checkpoint for other libraries can only be written of a "
            '`VisionTransformer` with pooling="cls" and a `TextTransformer`, '
            "on RGB images in [0, 1]. Received: a model with "
            f"{image!r} and {text!r} on images of shape "
            f"{getattr(image, 'input_shape', None)} in "
            f"{value_range_of(model.augmenter)}"
        )
    if any(has_adapter(layer) for layer in all_layers(model)):
        raise ValueError(
            "A checkpoint for other libraries has no adapters: "
            "`kc.fine_tuning.merge_lora(model)` adds them to the kernels. "
            "Received: a model with LoRA adapters"
        )
    if not model.built:
        model.build_from_encoders()
    layout, configuration, file = _FORMATS[format]
    folder = Path(path).expanduser()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"`path` must be a folder. Received: {folder}, a file")
    check_overwrites_ours(
        folder / file, [folder / name for name in configuration.FILES]
    )
    folder.mkdir(parents=True, exist_ok=True)
    configuration.write(folder, model, _crop_of(model))
    weights = {
        name: keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32"))
        for name, variable in _variables(model).items()
    }
    write_tensors(
        layout.to_theirs(weights, image.num_layers, text.num_layers),
        folder / file,
    )


def _crop_of(model):
    """The layer that resizes images; CLIP's if there is none."""
    augmenter = model.augmenter
    for layer in (augmenter, *getattr(augmenter, "layers", [])):
        if isinstance(layer, RandomResizedCrop):
            return layer
    return RandomResizedCrop(
        *model.image_encoder.input_shape[1:3],
        interpolation="bicubic",
        center_crop=True,
    )


def _sizes(weights, tower):
    width, hidden = weights[f"{tower}/block1/mlp_hidden/kernel"].shape
    return {
        "width": width,
        "num_layers": sum(
            name.startswith(f"{tower}/block") and name.endswith("qkv/bias")
            for name in weights
        ),
        "mlp_ratio": hidden / width,
    }


def _variables(model):
    """The weights of a model with our own encoders, by our names."""
    scale = model.logit_scale
    variables = {
        "image/projection/kernel": model.image_tower.projection.kernel,
        "text/projection/kernel": model.text_tower.projection.kernel,
        "logit_scale/log_scale": scale.log_scale,
    }
    if scale.bias is not None:
        variables["logit_scale/bias"] = scale.bias
    for tower, encoder in (
        ("image", model.image_encoder),
        ("text", model.text_encoder),
    ):
        for layer in encoder.layers:
            for variable in layer.variables:
                owner = variable.path.split("/")[-2]
                # A block's weights belong to its sublayers.
                path = [layer.name] + [owner] * (owner != layer.name)
                variables["/".join([tower, *path, variable.name])] = variable
    return variables
