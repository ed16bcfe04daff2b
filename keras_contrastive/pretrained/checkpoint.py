"""Reads checkpoints of other libraries, and makes encoders of their towers."""

from typing import Any
from typing import NamedTuple

import keras

from keras_contrastive.encoders.text_transformer import TextTransformer
from keras_contrastive.encoders.vision_transformer import VisionTransformer
from keras_contrastive.json_files import read_json
from keras_contrastive.pretrained import open_clip_configuration
from keras_contrastive.pretrained import transformers_configuration
from keras_contrastive.pretrained.adapter import with_adapter
from keras_contrastive.pretrained.configuration import Configuration
from keras_contrastive.pretrained.files import check_dtypes
from keras_contrastive.pretrained.files import find_weights
from keras_contrastive.pretrained.files import read_tensors
from keras_contrastive.pretrained.tensor_names import check_towers
from keras_contrastive.pretrained.tensor_names import unwrapped
from keras_contrastive.pretrained.text_positions import resized_positions
from keras_contrastive.validation import check_positive_int

_POSITIONS = "text/position_embedding/position_embedding"


class Checkpoint(NamedTuple):
    """A checkpoint in the form that this package uses.

    Attributes:
        weights: Dict from our names to float32 arrays.
        configuration: The `Configuration` in its files.
    """

    weights: dict
    configuration: Configuration


def read_checkpoint(
    path: Any, one_tower: bool = False, adapter: Any = None
) -> Checkpoint:
    """The checkpoint at `path`, or in the folder `path`.

    Args:
        path: A folder or a file of weights.
        one_tower: Whether the checkpoint may hold a single tower.
        adapter: Folder of a LoRA adapter of peft to add, or `None`.

    Raises:
        ValueError: If it cannot be read, or belongs to another model.
    """
    path = find_weights(path)
    tensors = unwrapped(read_tensors(path))
    check_dtypes(tensors)
    if adapter is not None:
        tensors = with_adapter(tensors, adapter)
    if not one_tower:
        check_towers(tensors)
    config = read_json(path.parent / transformers_configuration.FILE) or {}
    of_tower = transformers_configuration.one_tower(config)
    if of_tower is not None:
        tensors = _with_prefix(tensors, of_tower[1])
    if any(n.startswith(("vision_model.", "text_model.")) for n in tensors):
        configuration = transformers_configuration.read(path.parent, tensors)
    else:
        # One of open_clip's classes has the text tower in a module of this
        # name.
        tensors = {n.removeprefix("text."): t for n, t in tensors.items()}
        configuration = open_clip_configuration.read(path.parent, tensors)
    weights = configuration.layout.from_theirs(tensors)
    return Checkpoint(weights, configuration)


def _with_prefix(tensors, tower):
    """The tensors of one tower by their names in the whole model."""
    prefix = "vision_model." if tower == "image" else "text_model."
    if any(name.startswith(prefix) for name in tensors):
        return tensors
    return {prefix + name: tensor for name, tensor in tensors.items()}


def check_whole(checkpoint: Checkpoint) -> None:
    """Raises unless a checkpoint has both towers."""
    for tower in ("image", "text"):
        if getattr(checkpoint.configuration, tower) is None:
            raise ValueError(
                "`path` must be a checkpoint of a whole CLIP. Received: one "
                f"whose config.json is of one tower, without the {tower} "
                "tower; `kc.models.from_checkpoint` loads it as an encoder"
            )


def make_encoder(
    checkpoint: Checkpoint, tower: str, context_length: int | None = None
) -> keras.Model:
    """An encoder with the weights of one tower, without a `CLIPModel`'s
    projection.

    Args:
        checkpoint: A checkpoint with this tower.
        tower: `"image"` or `"text"`.
        context_length: Int, the number of positions of a text tower. Defaults
            to the checkpoint's.
    """
    weights = dict(checkpoint.weights)
    make_text = checkpoint.configuration.make_text
    if tower == "text" and make_text is not None:
        if context_length is not None:
            raise ValueError(
                "`context_length` must be None for this text tower, which "
                "takes texts of any length up to its number of positions. "
                f"Received: context_length={context_length}"
            )
        return make_text(weights)
    arguments = dict(getattr(checkpoint.configuration, tower))
    image_class = checkpoint.configuration.image_class
    output = weights.get(f"{tower}/output/kernel")
    if output is not None:
        arguments["output_dim"] = output.shape[1]
    if tower == "image" and image_class is not VisionTransformer:
        encoder = image_class(**arguments)
    elif tower == "image":
        patch_size = weights["image/patch_embedding/kernel"].shape[0]
        height, width, _ = arguments["input_shape"]
        encoder = VisionTransformer(
            patch_size,
            whole_patches=not (height % patch_size or width % patch_size),
            **_sizes(weights, tower),
            **arguments,
        )
    else:
        if context_length is not None:
            context_length = check_positive_int(
                "context_length", context_length
            )
            weights[_POSITIONS] = resized_positions(
                weights[_POSITIONS], context_length
            )
        encoder = TextTransformer(
            len(weights["text/token_embedding/embeddings"]),
            context_length=len(weights[_POSITIONS]),
            **_sizes(weights, tower),
            **arguments,
        )
    for name, variable in variables_of(encoder, tower).items():
        assign(name, variable, weights[name])
    return encoder


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


def variables_of(encoder: Any, tower: str) -> dict:
    """The weights of one of our encoders by our names.

    The result leaves out seeds and the statistics of images, which are
    arguments.
    """
    variables = {}
    for layer in encoder.layers:
        if layer.name == "normalization":
            continue
        for variable in layer.weights:
            owner = variable.path.split("/")[-2]
            # A block's weights belong to its sublayers.
            path = [layer.name] + [owner] * (owner != layer.name)
            variables["/".join([tower, *path, variable.name])] = variable
    return variables


def assign(name: str, variable: Any, weight: Any) -> None:
    """Sets a variable.

    Raises:
        ValueError: If the weight has another shape.
    """
    if tuple(variable.shape) != weight.shape:
        raise ValueError(
            "The checkpoint's weights must have the sizes that its "
            f"configuration says. Received: {name} of shape "
            f"{weight.shape} for {tuple(variable.shape)}"
        )
    variable.assign(weight)
