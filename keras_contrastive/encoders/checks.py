"""Checks of the arguments of transformers."""

from keras_contrastive.layers.transformer.activations import ACTIVATIONS
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_list
from keras_contrastive.validation import check_number
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int
from keras_contrastive.validation import check_rate


def check_transformer(
    width,
    num_layers,
    num_heads,
    mlp_ratio,
    activation,
    layer_norm_epsilon,
    dropout,
):
    """Raises for arguments that do not define a stack of blocks.

    Returns:
        `(width, num_layers, num_heads)` as ints.
    """
    width = check_positive_int("width", width)
    num_layers = check_positive_int("num_layers", num_layers)
    num_heads = check_positive_int("num_heads", num_heads)
    check_positive("mlp_ratio", mlp_ratio)
    check_rate("dropout", dropout)
    check_choice("activation", activation, ACTIVATIONS)
    check_positive("layer_norm_epsilon", layer_norm_epsilon)
    if width % num_heads:
        raise ValueError(
            "`width` must be a multiple of `num_heads`. "
            f"Received: width={width}, num_heads={num_heads}"
        )
    if round(width * mlp_ratio) < 1:
        raise ValueError(
            "`mlp_ratio` must give a hidden layer of at least one unit. "
            f"Received: mlp_ratio={mlp_ratio} with width={width}"
        )
    return width, num_layers, num_heads


def check_statistics(mean, std, channels):
    """`mean` and `std` of images as tuples of floats, or two `None`."""
    if mean is None and std is None:
        return None, None
    valid = mean is not None and std is not None
    if valid:
        mean, std = _numbers("mean", mean), _numbers("std", std)
        valid = len(mean) == len(std) == channels and min(std) > 0
    if not valid:
        raise ValueError(
            "`mean` and `std` must both be given, one number per channel, "
            f"those of `std` positive. Received: mean={mean}, std={std}, "
            f"with {channels} channels"
        )
    return mean, std


def _numbers(name, values):
    values = check_list(name, values, "numbers")
    return tuple(check_number(name, value) for value in values)


def check_image_shape(input_shape, smallest, names=("height", "width")):
    """`input_shape` as a tuple of ints, or of `None` for sides of any size.

    Args:
        input_shape: Sides and channels.
        smallest: Int, the least length of a side.
        names: Names of the sides.
    """
    shape = tuple(check_list("input_shape", input_shape, "ints"))
    try:
        *sides, channels = (
            size if size is None else check_int("input_shape", size, 1)
            for size in shape
        )
        valid = channels is not None and len(sides) == len(names)
        valid = valid and all(s is None or s >= smallest for s in sides)
    except ValueError:  # no ints, or none at all
        valid = False
    if not valid:
        *others, last = names
        raise ValueError(
            f"`input_shape` must be ({', '.join(names)}, channels), "
            f"{', '.join(others)} and {last} at least {smallest}. "
            f"Received: input_shape={input_shape!r}"
        )
    return (*sides, channels)


def check_stages(name, sizes, count=None):
    """`sizes` as a tuple of positive ints, `count` of them if it is given."""
    sizes = check_list(name, sizes, "positive integers")
    if not sizes or count not in (None, len(sizes)):
        number = (
            "at least one integer" if count is None else f"{count} integers"
        )
        raise ValueError(
            f"`{name}` must be {number}, one for each stage. "
            f"Received: {name}={sizes}"
        )
    return tuple(check_positive_int(name, size) for size in sizes)
