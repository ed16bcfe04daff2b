from keras import layers


def standardize(images, mean, std, dtype):
    """`(images - mean) / std`, or `images` if `mean` is `None`."""
    if mean is None:
        return images
    return layers.Normalization(
        mean=mean,
        variance=[deviation**2 for deviation in std],
        name="normalization",
        dtype=dtype,
    )(images)
