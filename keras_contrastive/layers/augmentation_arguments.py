"""Checks of constructor arguments, shared by the augmentation layers."""

VALUE_RANGES = ((0, 1), (0, 255))


def check_value_range(value_range):
    """`value_range` as a tuple, if the layers support it."""
    value_range = tuple(value_range)
    if value_range not in VALUE_RANGES:
        raise ValueError(
            "`value_range` must be (0, 1) or (0, 255). "
            f"Received: value_range={value_range}"
        )
    return value_range


def check_probability(probability):
    """`probability` as a float in [0, 1]."""
    if not 0 <= probability <= 1:
        raise ValueError(
            "`probability` must be between 0 and 1. "
            f"Received: probability={probability}"
        )
    return float(probability)


def check_not_negative(name, value):
    """`value` as a float of at least 0."""
    if not 0 <= value < float("inf"):
        raise ValueError(
            f"`{name}` must be a number of at least 0. Received: {name}={value}"
        )
    return float(value)


def check_interval(name, interval, low, high=float("inf")):
    """`interval` as a (low, high) tuple of floats within [low, high]."""
    try:
        first, last = (float(bound) for bound in interval)
    except (TypeError, ValueError):
        first, last = 0.0, -1.0
    if not low <= first <= last <= high:
        raise ValueError(
            f"`{name}` must be a pair (low, high) with "
            f"{low} <= low <= high <= {high}. Received: {name}={interval}"
        )
    return first, last
