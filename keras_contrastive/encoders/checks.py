"""Checks of the arguments of transformers."""

from keras_contrastive.layers.transformer.activations import ACTIVATIONS
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
    """Raises for arguments that do not define a stack of blocks."""
    check_positive_int("width", width)
    check_positive_int("num_layers", num_layers)
    check_positive_int("num_heads", num_heads)
    check_rate("dropout", dropout)
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"`activation` must be one of {sorted(ACTIVATIONS)}. "
            f"Received: activation={activation!r}"
        )
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


def check_statistics(mean, std, channels):
    """`mean` and `std` of images as tuples of floats, or two `None`."""
    if mean is None and std is None:
        return None, None
    if (
        mean is None
        or std is None
        or not len(mean) == len(std) == channels
        or min(std) <= 0
    ):
        raise ValueError(
            "`mean` and `std` must both be given, one number per channel, "
            f"those of `std` positive. Received: mean={mean}, std={std}, "
            f"with {channels} channels"
        )
    return tuple(map(float, mean)), tuple(map(float, std))
