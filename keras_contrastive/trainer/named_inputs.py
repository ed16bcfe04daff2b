"""Converts the accepted forms of a batch into a dict of named inputs."""

from keras_contrastive.data_validation import is_pair
from keras_contrastive.data_validation import is_several


def named_inputs(x, y, names, optional_names):
    """Returns the inputs of several encoders as a dict, from any valid form.

    Args:
        x: A dict with some of `names` and `optional_names` as keys; for two
            names a pair in their order; or the first input alone. Tensors or
            shapes.
        y: The second of two inputs, if `x` is the first alone.
        names: Sequence of the names of the inputs.
        optional_names: Sequence of one or more other names, such as that of
            the ids of the examples.

    Returns:
        The dict.

    Raises:
        ValueError: If a dict has other keys or is passed with a `y`, or if
            more than two inputs have no names.
    """
    if isinstance(x, dict):
        if not x or not set(x) <= {*names, *optional_names}:
            *first, last = map(repr, (*names, *optional_names))
            raise ValueError(
                f"The keys of a batch must be among {', '.join(first)} and "
                f"{last}. Received: {list(x)}"
            )
        if y is not None:
            raise ValueError(
                "A dict batch must come without targets. Received: a target "
                f"beside {sorted(x)}"
            )
        return x
    if len(names) > 2 and (y is not None or is_several(x)):
        raise ValueError(
            f"A batch of more than two inputs must be {form_of(names)}. "
            f"Received: {type(x).__name__}"
            f"{'' if y is None else ' and targets'}"
        )
    if y is None and is_pair(x):
        x, y = x
    inputs = {names[0]: x}
    return inputs if y is None else {**inputs, names[1]: y}


def form_of(names):
    """Shows how to write a batch as a dict, for error messages."""
    return "{" + ", ".join(f'"{name}": ...' for name in names) + "}"
