"""Spreads the weights for color images over other numbers of channels."""

import numpy as np


def spread_of_colors(channels, rgb_channels=None):
    """The share of each color's weights that each channel gets.

    Args:
        channels: Int, the number of channels.
        rgb_channels: Three indices of channels, or `None`.

    Returns:
        Array of shape `(channels, 3)`, whose columns sum to 1. The weights of a
        color are split among channels, so equal values in all channels have the
        same response as in red, green and blue.
    """
    if rgb_channels is not None:
        spread = np.full((channels, 3), 1 / channels)
        spread[list(rgb_channels)] = np.eye(3) * 3 / channels
        return spread
    if channels < 3:
        return np.full((channels, 3), 1 / channels)
    spread = np.eye(3)[np.arange(channels) % 3]
    return spread / spread.sum(axis=0)


def spread_kernel(kernel, spread):
    """The kernel `(..., 3, filters)` of a convolution, for other channels."""
    return np.einsum("cj,...jf->...cf", spread, kernel)


def spread_statistics(values, spread):
    """Converts one number per color, in the last axis, to one per channel.

    A channel gets the mean over the colors whose weights it has, since a mean
    or a deviation is not split among channels.
    """
    shares = spread / spread.sum(axis=1, keepdims=True)
    return np.asarray(values) @ shares.T
