"""Chooses the output of a backbone to pool, and the inputs that control it."""

import re

import keras


def choose_output(outputs, key=None, pooling=None):
    """One tensor of a backbone's outputs.

    Args:
        outputs: Tensor, or a dict or list of tensors.
        key: The key or index of the tensor to take, or `None`.
        pooling: The requested pooling, or `None`.

    Returns:
        The key, `None` if there is only one output, and the tensor.

    Raises:
        ValueError: If the choice is ambiguous.
    """
    if isinstance(outputs, (list, tuple)):
        outputs = dict(enumerate(outputs))
    if not isinstance(outputs, dict):
        if key is not None:
            raise ValueError(
                "`output` must be left out for a backbone with one output. "
                f"Received: output={key!r}"
            )
        return None, outputs
    if key is None:
        key = _default_key(outputs, pooling)
    if key not in outputs:
        shapes = {k: tuple(tensor.shape) for k, tensor in outputs.items()}
        raise ValueError(
            "`output` must say which output of the backbone to pool. Received: "
            f"output={key!r} with a backbone whose outputs are {shapes}. Of a "
            "model of images and texts, pass one of its two encoders."
        )
    return key, outputs[key]


def _default_key(outputs, pooling):
    if len(outputs) == 1:
        return next(iter(outputs))
    if "sequence_output" in outputs:
        has_pooled = "pooled_output" in outputs and pooling is None
        return "pooled_output" if has_pooled else "sequence_output"
    depths = {key: _depth(key) for key in outputs}
    if all(len(x.shape) == 4 for x in outputs.values()) and len(
        set(depths.values())
    ) == len(outputs):
        return max(depths, key=depths.get)
    return None


def _depth(key):
    """4 for "stage4", "P4" or 4; -1 for a key without a number."""
    number = re.search(r"\d+$", str(key))
    return int(number[0]) if number else -1


def text_inputs(inputs, output_key=None):
    """The token ids and the padding mask among a backbone's inputs.

    Inputs whose names start with `encoder_` belong to the output
    `encoder_sequence_output`.

    Args:
        inputs: Tensor, or a dict or list of tensors.
        output_key: The key of the output that is pooled, or `None`.

    Returns:
        Two tensors, or `None` for each one that is missing.
    """
    prefix = ""
    if isinstance(output_key, str) and output_key.endswith("sequence_output"):
        prefix = output_key.removesuffix("sequence_output")
    if isinstance(inputs, dict):
        named = inputs
    else:
        named = {x.name: x for x in keras.tree.flatten(inputs)}
    tokens = named.get(f"{prefix}token_ids")
    if tokens is None and len(named) == 1:
        (only,) = named.values()
        if len(only.shape) == 2 and keras.backend.is_int_dtype(only.dtype):
            tokens = only
    return tokens, named.get(f"{prefix}padding_mask")


def data_format_of(backbone):
    """The data format of an image backbone."""
    return _stated_data_format(backbone) or keras.config.image_data_format()


def _stated_data_format(layer):
    data_format = getattr(layer, "data_format", None)
    if data_format in ("channels_first", "channels_last"):
        return data_format
    inner = map(_stated_data_format, getattr(layer, "layers", ()))
    return next(filter(None, inner), None)
