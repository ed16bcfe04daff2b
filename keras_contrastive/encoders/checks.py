"""Checks of the arguments of transformers."""

from keras_contrastive.layers.transformer.activations import ACTIVATIONS
from keras_contrastive.validation import check_positive_int


def check_sizes(**sizes):
    """Raises for a size that is not a positive integer."""
    for name, value in sizes.items():
        check_positive_int(name, value)


def check_share(**shares):
    """Raises for a dropout rate that is not in [0, 1)."""
    for name, value in shares.items():
        if not 0 <= value < 1:
            raise ValueError(
                f"`{name}` must be in [0, 1). Received: {name}={value}"
            )


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
    check_sizes(width=width, num_layers=num_layers, num_heads=num_heads)
    check_share(dropout=dropout)
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"`activation` must be one of {sorted(ACTIVATIONS)}. "
            f"Received: activation={activation!r}"
        )
    if not layer_norm_epsilon > 0:
        raise ValueError(
            "`layer_norm_epsilon` must be a positive number. "
            f"Received: layer_norm_epsilon={layer_norm_epsilon}"
        )
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
