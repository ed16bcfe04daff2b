from keras import layers


def standardize(images, mean, std, dtype):
    """Images, less `mean` and divided by `std`, unless these are `None`."""
    if mean is None:
        return images
    return layers.Normalization(
        mean=mean,
        variance=[deviation**2 for deviation in std],
        name="normalization",
        dtype=dtype,
    )(images)
